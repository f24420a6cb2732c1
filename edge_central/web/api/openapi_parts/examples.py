"""Examples of bodies, all of one evening at one gateway, from event to outcome, so that all times agree."""

from __future__ import annotations

from edge_central.web.api.events import JSON
from edge_central.web.api.openapi_parts.operations import Document

SUBJECT = "event dt-001 in-yard-cam-1-8359fa-1-16062896"
EVENT: Document = {
    "specversion": "1.0",
    "id": "dt-001/e7b51516/0000000000000412",
    "source": "/tb/dt-001",
    "subject": "cam-1",
    "type": "vn.thaibinh.edge.zone-intrusion.v1",
    "time": "2026-11-27T14:58:35.888Z",
    "datacontenttype": "application/json",
    "dataschema": "https://edge.thaibinh.vn/schemas/v1/zone-intrusion.json",
    "sequence": "0000000000000412",
    "epoch": "e7b51516",
    "prevhash": "79fc0819a14d5b939a9cef1eb14209c1078779d6996abb6948450d2916563279",
    "recordedtime": "2026-11-27T14:58:36.309Z",
    "bootid": "05216514-4bfc-4fc9-8703-607e39590d48",
    "bootms": "16062896",
    "severitynumber": 17,
    "severitytext": "ERROR",
    "clock": "synced",
    "ward": "de-tham",
    "data": {
        "phase": "start",
        "event_id": "in-yard-cam-1-8359fa-1-16062896",
        "rule_id": "in-yard",
        "why": "person in yard for 1 s",
        "box": [0.4539, 0.1589, 0.6849, 0.5379],
        "frame": {"width": 768, "height": 432},
        "started_at": "2026-11-27T14:58:35.888Z",
        "ended_at": None,
        "end_reason": None,
        "model": {
            "name": "yolox_nano_float16_quantize",
            "sha256": "6518faf758f5827fb8412c38d2240b7722027c299596518e1f94e678af1e6e29",
        },
        "snapshot": {
            "media_id": "5e1e2b6b3a01c7c1ce2f",
            "sha256": "9e60a8828016873f786684a4e62722d858e2e205b82c8bbb4f61fb1bbdf9a57e",
            "bytes": 24669,
            "box": [0.25, 0.2097, 0.75, 0.7097],
            "sealed_sha256": None,
        },
        "masked": False,
        "label": "person",
        "group": "person",
        "score": 0.533,
        "track_id": "cam-1-8359fa-1",
        "zone": "yard",
        "inside_s": 1.0,
    },
}
INVENTORY: Document = {
    "time": "2026-11-27T15:00:00.000Z",
    "wards": [{"id": "de-tham", "name": "Đề Thám"}],
    "gateways": [
        {
            "id": "dt-001",
            "ward": "de-tham",
            "name": "Cổng chợ Đề Thám",
            "latitude": 20.4463,
            "longitude": 106.3366,
            "state": "online",
            "since": "2026-11-27T10:30:55.000Z",
            "why": "",
            "heard": "2026-11-27T14:59:40.120Z",
            "version": "0.1.0",
            "cameras": [
                {
                    "id": "cam-1",
                    "name": "Sân sau",
                    "channel": "12",
                    "state": "online",
                    "cause": None,
                    "since": "2026-11-27T10:31:02.000Z",
                }
            ],
        }
    ],
}
FLEET: Document = {
    "time": "2026-11-27T15:00:00.000Z",
    "wanted_version": "0.2.0",
    "gateways": [
        {
            "id": "dt-001",
            "ward": "de-tham",
            "name": "Cổng chợ Đề Thám",
            "state": "online",
            "since": "2026-11-27T10:30:55.000Z",
            "level": "normal",
            "heartbeat": "2026-11-27T14:59:40.120Z",
            "version": "0.1.0",
            "config_sha256": "1fa9c0b2d5be6f7f2b43b54b9bd70ec0a1b6ab0d3ff10f7a3a61c1d30cb8a7e2",
            "config_origin": "file",
            "model": "yolox_nano_float16_quantize 6518fa",
            "board": "Raspberry Pi 4 Model B Rev 1.4",
            "certificate_days": 412,
            "ca_days": 3180,
            "budget_bytes": 3000000000,
            "used_bytes": 2140000000,
            "forecast_bytes": 2480000000,
            "deviations": [{"kind": "other-version", "detail": "0.2.0"}],
        }
    ],
}
INCIDENTS: Document = {
    "incidents": [
        {
            "subject": SUBJECT,
            "ward": "de-tham",
            "acknowledged_at": None,
            "acknowledged_by": None,
            "owner": None,
            "outcome": None,
            "closed_at": None,
            "row": "row 31 5412",
            "count": 1,
            "waiting": 1,
            "gateway": "dt-001",
            "camera": "cam-1",
            "name": "Cổng chợ Đề Thám",
            "camera_name": "Sân sau",
            "kind": "zone-intrusion",
            "severity": "alarm",
            "text": "person in yard for 1 s",
            "time": "2026-11-27T14:58:35.888Z",
            "received": "2026-11-27T14:58:36.702Z",
            "first": "2026-11-27T14:58:36.702Z",
            "ringing": True,
            "silenced": False,
            "page": "/events/5412",
        }
    ],
    "open": 1,
    "alarms": 1,
    "ringing": 1,
    "next": None,
}
ACTION: Document = {"step": "acknowledged", "subject": SUBJECT}
RECORDED: Document = {
    "count": 1,
    "incident": {
        "subject": SUBJECT,
        "ward": "de-tham",
        "acknowledged_at": "2026-11-27T14:59:04.310Z",
        "acknowledged_by": "zalo-bridge",
        "owner": "zalo-bridge",
        "outcome": None,
        "closed_at": None,
    },
}


def _step(number: int, check: str, time: str, by: str, step: str, value: str = "") -> Document:
    return {
        "specversion": "1.0",
        "id": f"{number}-{check}",
        "source": "/tb/central",
        "type": "vn.thaibinh.edge.incident-step.v1",
        "time": time,
        "subject": SUBJECT,
        "datacontenttype": "application/json",
        "ward": "de-tham",
        "data": {"step": step, "by": by, "value": value},
    }


STEPS: Document = {
    "events": [
        _step(87, "5f3a9c01", "2026-11-27T14:59:04.310Z", "zalo-bridge", "acknowledged"),
        _step(88, "a04be2d7", "2026-11-27T15:12:40.005Z", "lan", "outcome", "false"),
    ],
    "next": "88-a04be2d7",
    "more": False,
}
QUESTION: Document = {
    "purpose": "theft of a motorcycle",
    "case": "7/2026",
    "from_at": "2026-11-27T21:00:00+07:00",
    "to_at": "2026-11-27T23:00:00+07:00",
    "wards": ["de-tham"],
    "group": "two-wheeler",
}
TURNS: Document = {
    "from_at": "2026-11-27T14:00:00.000Z",
    "to_at": "2026-11-27T15:00:00.000Z",
    "step": "hour",
    "timezone": "Asia/Ho_Chi_Minh",
    "series": [
        {
            "ward": "de-tham",
            "gateway": "dt-001",
            "camera": "cam-1",
            "rule": "north-count",
            "line": "north",
            "site_name": "Cổng chợ Đề Thám",
            "camera_name": "Sân sau",
            "undated": 0,
            "periods": [
                {
                    "at": "2026-11-27T14:00:00.000Z",
                    "turns": [
                        {
                            "from_line": "east",
                            "from_direction": "b-to-a",
                            "to_direction": "a-to-b",
                            "objects": {"car": 14, "motorcycle": 96},
                        }
                    ],
                    "only": {"motorcycle": 31},
                    "others": {},
                    "measured_min": 60,
                    "of_min": 60,
                }
            ],
        }
    ],
}
AVAILABILITY: Document = {
    "month": "2026-11",
    "timezone": "Asia/Ho_Chi_Minh",
    "from_at": "2026-10-31T17:00:00.000Z",
    "to_at": "2026-11-27T15:00:00.000Z",
    "complete": False,
    "target_percent": 98.0,
    "by": "camera",
    "entries": [
        {
            "ward": "de-tham",
            "gateway": "dt-001",
            "camera": "cam-1",
            "ward_name": "Đề Thám",
            "site_name": "Cổng chợ Đề Thám",
            "camera_name": "Sân sau",
            "cameras": 1,
            "percent": 99.62829117191534,
            "missed_s": 0.0,
            "usable_s": 2315760.0,
            "counted_s": 2324400.0,
            "conditions_s": {
                "camera": 5040.0,
                "tamper": 0.0,
                "network": 0.0,
                "power": 3600.0,
                "gateway": 0.0,
                "absent": 0.0,
                "maintenance": 1200.0,
                "unknown": 0.0,
            },
            "quality_s": {
                "dark": 0.0,
                "overexposed": 0.0,
                "defocused": 0.0,
                "visibility-degraded": 7380.0,
            },
        }
    ],
}
"""The month so far; all time of the camera is counted."""
RESPONSES: dict[str, tuple[str, Document]] = {
    "listEvents": ("200", {"events": [EVENT], "next": "5412-5f3a9c01", "more": False, "deleted": []}),
    "getInventory": ("200", INVENTORY),
    "getFleet": ("200", FLEET),
    "listTurns": ("200", TURNS),
    "listAvailability": ("200", AVAILABILITY),
    "listIncidents": ("200", INCIDENTS),
    "listIncidentSteps": ("200", STEPS),
    "recordIncidentStep": ("201", RECORDED),
}
"""Status and body, by operation id."""
REQUESTS = {"recordIncidentStep": ACTION, "startSearch": QUESTION}


def add_examples(paths: Document) -> None:
    """Set the examples of the operations. Call ``add_operation_ids`` first."""
    for operations in paths.values():
        for operation in operations.values():
            id_ = operation["operationId"]
            if id_ in RESPONSES:
                status, body = RESPONSES[id_]
                operation["responses"][status]["content"][JSON]["example"] = body
            if id_ in REQUESTS:
                operation["requestBody"]["content"][JSON]["example"] = REQUESTS[id_]
