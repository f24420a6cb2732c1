"""A clip that a kill cost, or that was stored and not yet reported: the next run reports it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent import config
from edge_agent.capture.ring import PacketRing
from edge_agent.core.clock import Clock, SystemClock
from edge_agent.core.facts import Crossing, Phase, RuleObservation, RuleRef, Stay
from edge_agent.core.model import Severity
from edge_agent.events import LOST_CLIP, UNREPORTED_CLIP, EventSink, NoSnapshots
from edge_agent.evidence.clips.unreported import UnreportedClipFile
from edge_agent.runtime.event_store import EventStore
from edge_agent.wire import ClipRef, EvidenceData
from tests.events.parts import frame, maker, rule_hit, track, valid
from tests.testbed.agent import write_config

LANE = RuleRef("lane", "line-crossing", Severity.ALARM)
CROSSED = rule_hit(LANE, Crossing("lane", "a-to-b"), "motorcycle over lane", by=track("t1"), mono=999.0)
YARD = RuleRef("yard", "zone-intrusion", Severity.ALARM)
ENTERED = replace(CROSSED, phase=Phase.START, rule=YARD, facts=Stay("yard", 1))
LEFT = replace(ENTERED, phase=Phase.END, end_reason="left")


@contextmanager
def evidence_room(folder: Path, clock: Clock | None = None) -> Iterator[EventStore]:
    """An agent whose recorder's thread does not run: all clips are lost at the end."""
    camera = {"id": "cam-1", "url": "rtsp://192.0.2.1/1", "report": {"clips": "rules"}}
    settings = config.load(write_config(folder, cameras=[camera], broker_port=1, detector="none"))
    room = EventStore(settings, maker(), clock or SystemClock(), "boot-1", lambda: True)
    with room.outbox:
        room.close_left_open()
        yield room


def filmed(room: EventStore, folder: Path) -> EventSink:
    (camera,) = config.load(folder / "edge-agent.yaml").cameras
    clips = room.recorder.camera(camera, PacketRing(5.0, 1_000_000))
    return EventSink("cam-1", maker(), room.outbox, NoSnapshots(), clips)


def reported(room: EventStore) -> list[dict[str, Any]]:
    events = [event.payload for event in room.outbox.pending(20) if event.kind == "evidence"]
    return [valid(payload)["data"] for payload in events]


@pytest.mark.parametrize("hits", [(CROSSED,), (ENTERED, LEFT)], ids=["a moment", "an event that ended"])
def test_it_is_told_once_as_missing(tmp_path: Path, hits: tuple[RuleObservation, ...]) -> None:
    with evidence_room(tmp_path) as room:
        sink = filmed(room, tmp_path)
        for hit in hits:
            sink.accept(hit, frame())
        assert reported(room) == []
    for _ in ("the next run", "the one after that"):
        with evidence_room(tmp_path) as room:
            expected = {"event_id": "lane-t1-1", "clip": None, "missing": LOST_CLIP, "file": None}
            assert reported(room) == [expected | {"problem": {"code": "clip-agent-ended"}}]


STORED = ClipRef(
    media_id="m-1",
    sha256="0" * 64,
    bytes=4,
    codec="h264",
    source="sub",
    began_at="2026-11-24T13:42:12.123Z",
    pre_roll_s=2.0,
    duration_s=4.0,
)


def store(room: EventStore, media_id: str = STORED.media_id) -> None:
    how: dict[str, Any] = {"camera": "cam-1", "severity": Severity.ALARM, "at": datetime.now(UTC)}
    room.store.save((b"clip",), "mp4", event_id="lane-t1-1", media_id=media_id, **how)


@pytest.mark.parametrize("hit", [CROSSED, ENTERED], ids=["a moment", "an event that goes on"])
def test_one_that_was_stored_is_reported_once_by_the_next_run(tmp_path: Path, hit: RuleObservation) -> None:
    with evidence_room(tmp_path) as room:
        filmed(room, tmp_path).accept(hit, frame())
        path = tmp_path / "state" / "unreported-clip.json"
        UnreportedClipFile(path).write(EvidenceData(event_id="lane-t1-1", clip=STORED))
        store(room)
    for _ in ("the next run", "the one after that"):
        with evidence_room(tmp_path) as room:
            (event,) = reported(room)
            assert (event["event_id"], event["missing"]) == ("lane-t1-1", None)
            assert event["clip"]["sha256"] == STORED.sha256


def test_of_a_stored_one_without_its_record_it_is_told_that_it_was_not_reported(tmp_path: Path) -> None:
    with evidence_room(tmp_path) as room:
        filmed(room, tmp_path).accept(CROSSED, frame())
        store(room)
    for _ in ("the next run", "the one after that"):
        with evidence_room(tmp_path) as room:
            (event,) = reported(room)
            assert (event["clip"], event["missing"]) == (None, UNREPORTED_CLIP)


def test_nobody_awaits_a_clip_that_was_told(tmp_path: Path) -> None:
    with evidence_room(tmp_path) as room:
        filmed(room, tmp_path).accept(CROSSED, frame())
        room.recorder.loop.start()
        room.finish_clips()
        (first,) = reported(room)
        assert first["missing"] != LOST_CLIP
    with evidence_room(tmp_path) as room:
        assert reported(room) == [first]


def test_nobody_awaits_a_clip_of_what_is_told_at_info(tmp_path: Path) -> None:
    quiet = replace(CROSSED, rule=replace(LANE, severity=Severity.INFO))
    with evidence_room(tmp_path) as room:
        filmed(room, tmp_path).accept(quiet, frame())
    with evidence_room(tmp_path) as room:
        assert reported(room) == []
