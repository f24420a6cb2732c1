"""The end of the pipeline with a real outbox: observations in, durable events out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_agent.core.delivery import StoredEvent
from edge_agent.core.facts import CountsObservation, ObjectObservation, Phase, RuleRef, Stay
from edge_agent.core.model import Severity
from edge_agent.events import EventSink, NoClips, NoSnapshots
from edge_agent.evidence.snapshots import ObjectSnapshots, RuleSnapshots
from edge_agent.outbox import EventOutbox
from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.sqlite.disk import DiskStore
from tests.events.parts import frame, maker, rule_hit, track, valid
from tests.outbox.conftest import clock as clock
from tests.outbox.conftest import outbox as outbox
from tests.outbox.parts import outbox_in


def test_an_object_is_stored_with_its_picture_and_remembered_as_open(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        sink = EventSink("cam-1", maker(), outbox, ObjectSnapshots("cam-1", ()), NoClips())
        sink.accept(ObjectObservation(Phase.START, track(), 998.0), frame())
        sink.flush()
        (stored,) = outbox.pending(10)
        reference = valid(stored.payload)["data"]["snapshot"]
        outbox.delivered(*stored.key)
        media = outbox.pending_media()
    assert media is not None
    assert reference == {
        "media_id": media.media_id,
        "sha256": media.sha256,
        "bytes": len(media.payload),
        "box": [0.4, 0.3875, 0.6, 0.6125],
        "sealed_sha256": None,
    }
    with outbox_in(tmp_path) as outbox:
        (left,) = outbox.left_open()
        outbox.append(maker().left_open(left))
        assert valid(outbox.pending(10)[-1].payload)["data"]["end_reason"] == "restart"
    with outbox_in(tmp_path) as outbox:
        assert outbox.left_open() == []


def test_an_object_that_ended_is_not_left_open(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        sink = EventSink("cam-1", maker(), outbox, NoSnapshots(), NoClips())
        sink.accept(ObjectObservation(Phase.START, track(), 998.0), frame())
        sink.accept(ObjectObservation(Phase.END, track(), 998.0, "left"), frame())
        sink.flush()
        phases = [valid(event.payload)["data"]["phase"] for event in outbox.pending(10)]
    assert phases == ["start", "end"]
    with outbox_in(tmp_path) as outbox:
        assert outbox.left_open() == []


def test_counts_go_without_a_picture(outbox: EventOutbox) -> None:
    sink = EventSink("cam-1", maker(), outbox, NoSnapshots(), NoClips())
    sink.accept(CountsObservation(940.0, 1000.0, {"car": 2}), frame())
    sink.flush()
    (stored,) = outbox.pending(10)
    assert (stored.kind, stored.camera, outbox.stats().media_depth) == ("counts", "cam-1", 0)


def test_the_objects_of_a_frame_share_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    write = DiskStore.write

    def count(store: DiskStore, batch: Sequence[AppendRequest], *rest: Any) -> list[StoredEvent]:
        commits.append(len(batch))
        return write(store, batch, *rest)

    with outbox_in(tmp_path) as outbox:
        monkeypatch.setattr(DiskStore, "write", count)
        sink = EventSink("cam-1", maker(), outbox, NoSnapshots(), NoClips())
        for name in ("a", "b", "c"):
            sink.accept(ObjectObservation(Phase.START, track(name), 998.0), frame())
        sink.flush()
        assert commits == [3]
        assert [event.sequence for event in outbox.pending(10)] == [1, 2, 3]


def test_an_alarm_follows_the_objects_of_its_frame_at_once(outbox: EventOutbox) -> None:
    sink = EventSink("cam-1", maker(), outbox, NoSnapshots(), NoClips())
    sink.accept(ObjectObservation(Phase.START, CHILD, 998.0), frame())
    sink.accept(STAY, frame())
    stored = sorted(outbox.pending(10), key=lambda event: event.sequence)
    assert [event.kind for event in stored] == ["object", "zone-intrusion"]


def test_what_the_outbox_could_not_store_is_stored_with_the_next_frame(tmp_path: Path) -> None:
    outbox = outbox_in(tmp_path)
    sink = EventSink("cam-1", maker(), outbox, NoSnapshots(), NoClips())
    sink.accept(ObjectObservation(Phase.START, track(), 998.0), frame())
    sink.flush()  # the outbox is not open yet
    with outbox:
        assert outbox.pending(10) == []
        sink.flush()
        sink.flush()
        assert len(outbox.pending(10)) == 1


CHILD = track("t1", label="person", group="person")
YARD = RuleRef("yard-night", "zone-intrusion", Severity.ALARM)
STAY = rule_hit(YARD, Stay("yard", 10.0), "person in yard for 10 s", Phase.START, by=CHILD, lasted_s=10)


def test_an_intrusion_is_an_alarm_with_its_picture_and_closed_after_a_crash(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        EventSink("cam-1", maker(), outbox, RuleSnapshots("cam-1", ()), NoClips()).accept(STAY, frame())
        (stored,) = outbox.pending(10)
        event = valid(stored.payload)
    assert (event["type"], event["severitytext"]) == ("vn.thaibinh.edge.zone-intrusion.v1", "ERROR")
    assert event["data"]["why"] == "person in yard for 10 s"
    assert event["data"]["snapshot"]["bytes"] > 0
    with outbox_in(tmp_path) as outbox:
        (left,) = outbox.left_open()
        outbox.append(maker().left_open(left))
        end = valid(outbox.pending(10)[-1].payload)
    assert (end["data"]["phase"], end["data"]["end_reason"]) == ("end", "restart")
    assert (end["type"], end["severitytext"]) == (event["type"], event["severitytext"])
    assert end["data"]["snapshot"] is None
    with outbox_in(tmp_path) as outbox:
        assert outbox.left_open() == []


def test_of_a_masked_rule_there_are_infos_and_no_alarm(outbox: EventOutbox) -> None:
    masked = {"yard-night"}
    sink = EventSink("cam-1", maker(), outbox, NoSnapshots(), NoClips(), masked.__contains__)
    sink.accept(STAY, frame())
    masked.clear()
    sink.accept(replace(STAY, phase=Phase.UPDATE), frame())
    payloads = [event.payload for event in outbox.pending(10)]
    published = sorted(map(valid, payloads), key=lambda each: each["sequence"])
    wanted = [("INFO", True), ("ERROR", False)]
    assert [(each["severitytext"], each["data"]["masked"]) for each in published] == wanted


def test_the_end_of_an_intrusion_goes_without_a_picture(outbox: EventOutbox) -> None:
    sink = EventSink("cam-1", maker(), outbox, RuleSnapshots("cam-1", ()), NoClips())
    sink.accept(STAY, frame())
    sink.accept(replace(STAY, phase=Phase.END, end_reason="left"), frame())
    published = [valid(event.payload)["data"] for event in outbox.pending(10)]
    assert outbox.left_open() == []
    assert [(data["phase"], data["end_reason"]) for data in published] == [("start", None), ("end", "left")]
    assert published[1]["ended_at"] is not None
    assert published[1]["snapshot"] is None


def test_pictures_for_rules_only_leave_objects_without(outbox: EventOutbox) -> None:
    sink = EventSink("cam-1", maker(), outbox, RuleSnapshots("cam-1", ()), NoClips())
    sink.accept(ObjectObservation(Phase.START, track(), 998.0), frame())
    sink.flush()
    (stored,) = outbox.pending(10)
    assert valid(stored.payload)["data"]["snapshot"] is None


def test_what_is_told_when_the_pixels_are_gone_goes_without_a_picture(outbox: EventOutbox) -> None:
    """A moment that could not be stored in time is reported when the camera is lost."""
    sink = EventSink("cam-1", maker(), outbox, RuleSnapshots("cam-1", ()), NoClips())
    sink.accept(STAY, frame().without_pixels())
    (stored,) = outbox.pending(10)
    assert valid(stored.payload)["data"]["snapshot"] is None
    assert outbox.stats().media_depth == 0
