"""The configurations of a lab: of its agents and of its centre. JSON is a subset of YAML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.lab.broker import CENTRE, ONVIF, REQUESTS, LabBroker
from demo.lab.cameras import CameraClips
from demo.lab.sheet import WARD_IDS, RealSite
from edge_agent.commands.signature import make_key
from tests.edge_central.console.gateway import Gateway
from tests.testbed.mosquitto import free_port

VIEWS = ("Cổng trường", "Vỉa hè", "Ngã tư")
ALARM_RULE = "yard"
ESCALATION_S = 300
"""What nobody has acknowledged for so long is posted again."""


@dataclass(frozen=True, slots=True)
class LabKeys:
    """Files of private keys; each public key is beside it."""

    operator: Path
    search: Path


def make_keys(folder: Path) -> LabKeys:
    """The keys of an operator and of the centre's searches. Agents know the operators of ``operators/``."""
    keys = LabKeys(folder / "operator.pem", folder / "search.pem")
    make_key(keys.search)
    public, _ = make_key(keys.operator)
    (folder / "operators").mkdir()
    public.rename(folder / "operators/operator.pem")
    return keys


def write_agent(
    folder: Path, site: RealSite, named: Gateway, broker: LabBroker, clips: CameraClips, urls: Sequence[str]
) -> Path:
    """Write the configuration of a real agent; ``urls``: of its cameras."""
    document = {
        "gateway": {
            "id": site.id,
            "ward": site.ward,
            "name": named.name,
            "location": {"latitude": named.latitude, "longitude": named.longitude},
        },
        "state_dir": str(folder / site.id),
        "heartbeat_s": 10,
        "mqtt": broker.mqtt(site.id),
        "commands": {
            "operator_keys": [str(folder / "operators")],
            "search_keys": [str(folder / "search.pub.pem")],
        },
        "detector": {"model": clips.model},
        "cameras": [_camera(number, url) for number, url in enumerate(urls)],
    }
    return _write(folder / f"{site.id}.yaml", document)


def _camera(number: int, url: str) -> dict[str, Any]:
    view = VIEWS[number % len(VIEWS)]
    return {
        "id": f"cam-{number + 1}",
        "url": url,
        "zones": {"yard": {"name": view, "polygon": [[0.1, 0.3], [0.9, 0.3], [0.9, 1], [0.1, 1]]}},
        "lines": {"gate": {"name": f"Vạch {view.lower()}", "from": [0.5, 0.2], "to": [0.5, 1]}},
        "rules": [
            {
                "id": ALARM_RULE, "kind": "zone-intrusion", "name": f"Vào {view.lower()}", "zone": "yard",
                "severity": "alarm", "cooldown_s": 60,
            },
            {
                "id": "stays", "kind": "loitering", "name": f"Đứng lâu: {view.lower()}", "zone": "yard",
                "min_duration_s": 20,
            },
            {"id": "count", "kind": "line-crossing", "name": f"Đếm lượt qua: {view.lower()}", "line": "gate"},
        ],
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class CentreAddresses:
    """Addresses on this machine, and the file of the centre's configuration."""

    config: Path
    console: str  # URL
    metrics: str  # URL


def write_centre(
    folder: Path,
    broker: LabBroker,
    keys: LabKeys,
    sheet: tuple[Path, Path],
    webhook: str,
    more_webhooks: Sequence[Any] = (),
) -> CentreAddresses:
    """Write the configuration of the centre; ``webhook``: URL to which its console posts, ``more_webhooks``:
    items of its list, of the user."""
    (folder / "centre").mkdir()
    console, metrics = (f"127.0.0.1:{free_port()}" for _ in range(2))
    document = {
        "wards": WARD_IDS,
        "state_dir": str(folder / "centre"),
        "boot_grace_s": 20,  # the whole city has just booted, and nobody wants to wait for five minutes
        "mqtt": broker.mqtt(CENTRE),
        "requests": {"id": REQUESTS, **broker.files(REQUESTS)},
        "onvif": {"id": ONVIF, **broker.files(ONVIF)},
        "search": {"key_file": str(keys.search)},
        "metrics": {"listen": metrics},
        "console": {
            "listen": console,
            **broker.files("console"),
            "sites_file": str(sheet[0]),
            "wards_file": str(sheet[1]),
            "url": f"https://{console}",
            "availability_target_percent": 95,
            "onvif_events": True,
            "webhooks": [
                {"id": "printer", "url": webhook},
                {"id": "escalation", "url": webhook, "unacknowledged_s": ESCALATION_S},
                *more_webhooks,
            ],
        },
    }
    config = _write(folder / "central.yaml", document)
    return CentreAddresses(config, f"https://{console}", f"http://{metrics}/metrics")


def _write(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    return path
