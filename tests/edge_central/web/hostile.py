"""Odd messages of a gateway that the ingest accepts, for property tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from edge_agent.config.model.rules import RuleKind
from edge_central.console.events import KINDS
from tests.edge_central.parts import TIME, FakeGateway

Json = Any
Message = tuple[str, bytes]

TIMES = (
    TIME,
    "0001-01-01T00:00:00.000Z",
    "1970-01-01T00:00:00.000Z",
    "2038-01-19T03:14:08.000Z",
    "9999-12-31T23:59:59.999Z",
)
NO_TIMES = ("", "NaN", "nan", "+inf", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1e308", "W")
TEXTS = (
    "",
    "person",
    "offline: " * 1500,
    "view " * 3000,
    "a crossed " + "b from c to " * 400,
    "x" * 100_000,
    ", above 1" * 500,
    "<script>alert(1)</script>",
    "{count} %s {0} {{ say('x') }}",
    "\x00\x1b[31m\r\n\u202e\ufeff",
    "người lạ ở cổng " * 20,
    "unstable: online: stopped: " * 200,
)
NUMBERS = (
    *(0, -1, 1, 0.1, -0.0, 1e308, -1e308, 5e-324, 1e300, 1e18),
    *(2**53, 2**63, -(2**63), 10**400, -(10**300)),
)

texts = st.one_of(st.sampled_from((*TEXTS, *TIMES, *NO_TIMES)), st.text(max_size=40))
numbers = st.one_of(st.sampled_from(NUMBERS), st.floats(allow_nan=False), st.integers(-(2**70), 2**70))
flags = st.booleans()
leaves = st.one_of(st.none(), flags, numbers, texts)
anything: st.SearchStrategy[Json] = st.recursive(
    leaves,
    lambda each: st.one_of(st.lists(each, max_size=3), st.dictionaries(texts, each, max_size=3)),
    max_leaves=6,
)
ids = st.sampled_from(("cam-1", "cam-2", "gateway", "x" * 63, "-"))
views = st.lists(st.one_of(st.sampled_from(("covered", "moved", "visibility-degraded")), texts), max_size=4)


def some_of(keys: Mapping[str, st.SearchStrategy[Json]]) -> st.SearchStrategy[dict[str, Json]]:
    """Any of these keys; missing ones are left out."""
    return st.fixed_dictionaries({}, optional=dict(keys))


pictures = some_of(
    {
        "bytes": numbers, "box": st.lists(numbers, min_size=4, max_size=4), "duration_s": numbers,
        "pre_roll_s": numbers, "sealed_sha256": texts, "began_at": texts,
    }
).map(lambda found: {"media_id": "m-1", "sha256": "0" * 64, **found})  # fmt: skip
event_data = some_of(
    {
        "event_id": st.sampled_from(("e1", "e2", ";", "a;b<c>&\"'", "e" * 200, "/../%2e%2e", "%00")),
        "phase": st.one_of(st.sampled_from(("start", "moment", "update", "end")), texts),
        "rule_id": texts, "zone": texts, "line": texts, "label": texts, "state": texts, "cause": texts,
        "why": texts, "detail": texts, "reason": texts, "missing": texts, "started_at": texts,
        "ended_at": texts, "end_reason": st.one_of(st.sampled_from(("left", "over")), texts),
        "masked": flags, "tamper": flags, "snapshot": pictures, "clip": pictures,
        "file": st.just({"media_id": "m-2", "content_type": "video/mp4"}),
        "box": st.one_of(st.lists(numbers, min_size=4, max_size=4), anything),
        "frame": st.one_of(some_of({"width": numbers, "height": numbers}), anything),
        "still": some_of({"view": st.sampled_from(("scene", "object")), "box": anything}).map(
            lambda found: {"media_id": "m-1", **found}
        ),
        "epoch": texts, "ranges": st.lists(st.tuples(numbers, numbers), max_size=2), "count": numbers,
    }
)  # fmt: skip
cameras = st.dictionaries(
    ids,
    some_of(
        {
            "state": st.one_of(st.sampled_from(("online", "offline", "degraded", "starting")), texts),
            "cause": texts, "since": texts, "codec": texts, "width": numbers, "height": numbers,
            "packet_fps": numbers, "last_frame_age_s": numbers, "view": views,
        }
    ),
    max_size=3,
)  # fmt: skip
BOX_KEYS = ("temperature_c", "cpu_percent", "memory_percent", "disk_percent", "disk_free_mb", "uptime_s")
heartbeats = some_of(
    {
        "version": st.one_of(st.sampled_from(("9" * 5000, "1." * 3000, "999.0")), texts), "uptime_s": numbers,
        "clock": some_of({"synced": flags, "offset_ms": numbers}),
        "box": some_of({**dict.fromkeys(BOX_KEYS, numbers), "undervoltage": flags, "throttled": flags}),
        "outbox": some_of({"depth": numbers, "oldest_s": numbers, "sequence": numbers, "degraded": texts}),
        "uplink": some_of(
            {
                "heartbeat_s": numbers, "monthly_bytes": numbers, "used_bytes": numbers, "held": views,
                "forecast_bytes": numbers,
            }
        ),
        "modem": some_of(
            {
                "state": texts, "operator": texts, "technology": texts, "registration": texts,
                "signal_percent": numbers, "sent_bytes": numbers, "received_bytes": numbers,
            }
        ),
        "certificates": some_of({"client_days": numbers, "ca_days": numbers}),
        "detector": some_of({"degraded": texts}), "evidence": some_of({"degraded": texts}),
        "update": some_of({"reverted": texts, "why": texts, "version": texts, "phase": texts}),
        "config": some_of({"given_up": texts, "origin": texts}), "config_hash": texts,
        "model": some_of({"name": texts, "phase": texts, "reverted": texts, "why": texts, "sha256": texts}),
        "cameras": cameras, "degraded": st.lists(texts, max_size=4),
    }
)  # fmt: skip
births = some_of(
    {
        "name": texts, "version": texts, "board": texts, "profile": texts, "evidence_key": texts,
        "cameras": st.lists(st.fixed_dictionaries({"id": st.one_of(ids, texts)}), max_size=4),
        "location": st.fixed_dictionaries({"latitude": numbers, "longitude": numbers}),
    }
)  # fmt: skip


def event(
    box: FakeGateway, sequence: int, data: Json, *, kind: str = "zone-intrusion", severity: int = 17,
    camera: str = "cam-1", time: str = TIME, **more: Json,
) -> Message:  # fmt: skip
    number = f"{sequence:016d}"
    document = {
        "specversion": "1.0", "id": f"{box.id}/{box.epoch}/{number}", "source": f"/tb/{box.id}",
        "subject": camera, "type": f"vn.thaibinh.edge.{kind}.v1", "time": time, "sequence": number,
        "epoch": box.epoch, "severitynumber": severity, "ward": box.ward, "data": data, **more,
    }  # fmt: skip
    return f"{box.up}/event/{camera}", json.dumps(document).encode()


@st.composite
def events(draw: st.DrawFn, box: FakeGateway) -> Message:
    data = draw(st.one_of(event_data, event_data, st.dictionaries(texts, anything, max_size=3)))
    return event(
        box, draw(st.one_of(st.integers(1, 40), st.sampled_from((10**16 - 1, 2**40)))), data,
        kind=draw(st.sampled_from((*KINDS, "of-tomorrow"))), severity=draw(st.integers(1, 24)),
        camera=draw(ids), time=draw(st.sampled_from(TIMES)), clock=draw(st.sampled_from(("synced", "", "x"))),
    )  # fmt: skip


@st.composite
def documents(draw: st.DrawFn, box: FakeGateway) -> Message:
    """A heartbeat, a birth or a state."""
    what = draw(st.sampled_from(("heartbeat", "birth", "state")))
    said = {
        "heartbeat": heartbeats, "birth": births, "state": some_of({"reason": texts}),
    }[what]  # fmt: skip
    fixed = {"gateway": box.id, "ward": box.ward, "session": draw(st.sampled_from(("s", "!" * 100)))}
    more = {
        "state": draw(st.sampled_from(("online", "stopped", "offline"))),
        "time": draw(st.sampled_from(TIMES)),
    }
    document = draw(said)
    if what == "heartbeat" and "outbox" in document:
        document["outbox"]["epoch"] = box.epoch
    return f"{box.up}/{what}", json.dumps({**document, **fixed, **more}).encode()


class Pile(list[Message]):
    """Messages, some of 100 kB: a failure prints only their number."""

    def __repr__(self) -> str:
        return f"<{len(self)} messages>"


@st.composite
def piles(draw: st.DrawFn, *boxes: FakeGateway) -> Pile:
    """Some messages of each of these gateways."""
    one = st.one_of(*(events(box) for box in boxes), *(documents(box) for box in boxes))
    return Pile(draw(st.lists(one, min_size=12, max_size=16)))


def known_attacks(box: FakeGateway) -> Pile:
    """Each of these once made the console or the ingest fail for all users."""
    start = {"phase": "start", "event_id": "a"}
    odd_box = {"phase": "start", "snapshot": {"media_id": "m", "sha256": "", "box": [-1e308, 0, 1e308, 1]}}
    away = {"state": "offline", "packet_fps": 1e308, "view": ["x" * 9_000] * 5}
    synced = {"clock": {"synced": True}}
    return Pile(
        [
            event(box, 1, start, time="9999-12-31T23:59:59.999Z"),
            event(box, 2, {**start, "why": "offline: " * 1500}, time="0001-01-01T00:00:00.000Z"),
            event(
                box, 3, {**start, "event_id": "b", "why": "a crossed " + "b from c to " * 9_000}, severity=18
            ),
            event(box, 4, odd_box, severity=24),
            _said(box, "birth", evidence_key="ẩn", location={"latitude": 89.9, "longitude": -1e308}),
            _said(box, "birth", cameras=[{"id": "c"}] * 20_000),
            _said(box, "heartbeat", uptime_s=1e308, box={"uptime_s": 1e308}, outbox={"oldest_s": 1e308}),
            _said(box, "heartbeat", uplink={"used_bytes": 10**400, "monthly_bytes": 1}, version="9" * 5_000),
            _said(box, "heartbeat", certificates={"client_days": -(10**400)}, box={"temperature_c": -1e308}),
            _said(box, "heartbeat", cameras={f"c{n}": away for n in range(500)}),
            _said(box, "heartbeat", cameras={f"c{n}": {"since": time} for n, time in enumerate(NO_TIMES)}),
            _said(box, "heartbeat", cameras=_since("0001-01-01T00:00:00.000Z"), uptime_s=1e12, **synced),
            _said(box, "heartbeat", cameras=_since([1]), uptime_s=-1e12, **synced),
            *(_counted(box, 5 + n, **more) for n, more in enumerate(ODD_COUNTS)),
        ]
    )


_TURN: dict[str, Json] = {
    "line": "n" * 63,
    "direction": "a-to-b",
    "to_direction": "b-to-a",
    "objects": {"car": 10_000_000, "x": 1},
}
ODD_COUNTS: tuple[dict[str, Json], ...] = (
    {"a_to_b": {"<script>alert(1)</script>": 10_000_000, "car": 10_000_000}},
    {"a_to_b": {"car": 2**63}, "day": "0001-01-01"},
    {"line": "l" * 63, "rule_id": "r" * 63, "from_at": "0001-01-01T00:00:00.000Z"},
    {"to_at": "9999-12-31T23:59:59.999Z", "day": "9999-12-31"},
    {"line": ["x"], "a_to_b": {str(n): n for n in range(9_000)}},
    {"new": {}, "turns": 7},
    {
        "turns": {
            "only": {"<script>alert(1)</script>": 5},
            "turns": [_TURN] * 100,
            "others": {"car": 10_000_000},
        }
    },
    {"new": {"car": 2**63}},
    {"turns": {"only": {}, "turns": [_TURN | {"line": "<script>alert(1)</script>"}], "others": {}}},
)


def _counted(box: FakeGateway, sequence: int, /, **more: Json) -> Message:
    fixed = {"rule_id": "r", "line": "l", "day": TIME[:10], "from_at": TIME, "to_at": TIME}
    data = {**fixed, "a_to_b": {}, "b_to_a": {"car": 1}, "new": {"car": 1}, **more}
    kind = "line-counts" if sequence % 2 else "counts"
    return event(box, sequence, data, kind=kind, severity=9, clock="synced")


def _since(since: Json) -> Json:
    return {"cam-1": {"state": "online", "since": since}}


def _said(by: FakeGateway, kind: str, /, **keys: Json) -> Message:
    fixed = {"time": TIME, "session": "s", "gateway": by.id, "ward": by.ward}
    return f"{by.up}/{kind}", json.dumps({**fixed, **keys}).encode()


# --- rules and rehearsals ---

rules = some_of(
    {
        "labels": st.one_of(st.lists(texts, max_size=3), texts, numbers),
        "schedule": st.one_of(
            some_of({"from": st.one_of(texts, numbers), "to": texts, "days": st.lists(texts, max_size=3)}),
            texts,
        ),
        "zone": st.one_of(st.just("yard"), texts), "line": texts, "arrow": anything,
        "min_duration_s": st.one_of(numbers, texts), "still_s": numbers, "count": st.one_of(numbers, texts),
        "enabled": st.one_of(flags, texts), "note": anything, "name": st.one_of(texts, anything),
    }
).flatmap(
    lambda keys: st.sampled_from(tuple(RuleKind)).map(
        lambda kind: {"id": f"r-{kind}", "kind": kind.value, **keys}
    )
)  # fmt: skip
zones = st.one_of(
    st.just({"polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}),
    some_of({"polygon": st.lists(st.lists(numbers, max_size=3), max_size=5)}),
    st.fixed_dictionaries({"polygon": st.just([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]), "name": anything}),
    anything,
)
rule_documents = st.fixed_dictionaries(
    {
        "cameras": st.fixed_dictionaries(
            {
                "cam-1": st.one_of(
                    some_of(
                        {
                            "rules": st.lists(st.one_of(rules, rules, anything), max_size=4),
                            "zones": st.one_of(st.fixed_dictionaries({"yard": zones}), anything),
                            "lines": st.dictionaries(texts, anything, max_size=2),
                            "masks": st.one_of(st.lists(anything, max_size=2), anything),
                            "configured_masks": st.one_of(some_of({"masks": anything}), anything),
                        }
                    ),
                    anything,
                )
            }
        )
    }
)
counts = st.one_of(
    some_of(
        {
            "reports": numbers, "objects": numbers, "by_hour": st.lists(numbers, min_size=24, max_size=24),
            "by_day": st.dictionaries(st.one_of(texts, st.just("2026-11-26")), numbers, max_size=3),
        }
    ),
    *[st.just({"reports": 2**53, "by_hour": [2**53] * 24, "by_day": {"9999-99-99": 2**53}})] * 4,
)  # fmt: skip
rehearsal_results = some_of(
    {
        "from_at": texts, "to_at": texts, "first_at": texts, "passages": st.integers(0, 2**53),
        "used": st.integers(0, 2**53), "undated": st.integers(0, 9), "accuracy": st.just("of-tomorrow"),
        "draft": counts, "in_force": counts, "live": numbers, "both": numbers, "only_draft": numbers,
        "examples": st.lists(
            some_of({"time": st.sampled_from((*TIMES, *NO_TIMES)), "passage": numbers, "group": texts,
                     "by": st.one_of(st.just("draft"), texts), "picture": flags}),
            max_size=20,
        ),
    }
)  # fmt: skip


def rule_attacks() -> Json:
    """Rules that would break a page that trusts them."""
    usual = {"id": "night", "kind": "loitering", "zone": "yard"}
    odd: list[Json] = [
        usual
        | {"id": f"r-{number}", "labels": [text], "schedule": {"from": text, "to": text, "days": [text]}}
        for number, text in enumerate(TEXTS)
        if len(text) <= 200 and text.isprintable()
    ]
    odd += [
        usual | {"id": f"n-{n}", "min_duration_s": number, "count": number}
        for n, number in enumerate(NUMBERS)
    ]
    odd += [usual | {"id": f"k-{n}", "kind": kind.value, "count": True} for n, kind in enumerate(RuleKind)]
    yard = {"polygon": [[0, 0], [1, 0], [1, 1]]}
    return {"cameras": {"cam-1": {"rules": odd[:64], "zones": {"yard": yard}, "lines": {"<b>": {"from": 1}}}}}
