"""The envelope of every event, as subscribers rely on it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent import wire
from edge_agent.core.delivery import Loss, Stamp
from edge_agent.core.facts import (
    CountsObservation,
    Crossing,
    LineCountsObservation,
    ObjectObservation,
    Phase,
    RuleRef,
    Turn,
    TurnNumbers,
)
from edge_agent.core.model import (
    GROUP_OF_LABEL,
    Box,
    CameraChange,
    CameraState,
    Cause,
    ClockCorrection,
    Severity,
)
from edge_agent.events import restamped
from edge_agent.events.envelope import ALIVE_EVERY_S, LastAlive, LastAliveFile
from tests.events.parts import encoded, frame, maker, rule_hit, track, valid
from tests.outbox.parts import HandClock, picture

STARTED = ObjectObservation(Phase.START, track(), started_mono=998.0)
COUNT = RuleRef("count", "line-crossing", Severity.INFO)


def line_counts(turns: TurnNumbers | None) -> dict[str, Any]:
    """The data of an event with the counts of a line."""
    counts = LineCountsObservation(COUNT, "north", "2026-11-24", 940.0, 1000.0, {"car": 3}, {}, turns)
    return dict(encoded(maker().line_counts("cam-1", counts))["data"])


unit = st.floats(0, 1)
boxes = st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5), unit, unit).map(
    lambda b: Box(b[0], b[1], b[0] + b[2], b[1] + b[3])
)
stamps = st.builds(Stamp, st.integers(1, 10**15), st.text("0123456789abcdef", min_size=8, max_size=8))


class SlowClock(HandClock):
    """Passes 2 ms between one reading of the two clocks and the next."""

    def monotonic(self) -> float:
        self.mono += 0.002
        return self.mono


def test_one_instant_has_one_time_in_an_event() -> None:
    crossed = rule_hit(COUNT, Crossing("north", "a-to-b"), "car over north", mono=999.0)
    event = encoded(maker(SlowClock()).rule_event("cam-1", crossed, frame(), None))
    assert event["time"] == event["data"]["started_at"] == event["data"]["ended_at"]
    event = encoded(maker(SlowClock()).object_event("cam-1", STARTED, frame(), None))
    assert event["time"] == event["data"]["started_at"]


def test_an_object_event_reads_as_the_protocol_says() -> None:
    event = encoded(maker().object_event("cam-1", STARTED, frame(), picture("p1")))
    assert {name: event[name] for name in ("specversion", "id", "source", "subject", "type", "time")} == {
        "specversion": "1.0",
        "id": "dt-001/3f2a0b1c/0000000000000123",
        "source": "/tb/dt-001",
        "subject": "cam-1",
        "type": "vn.thaibinh.edge.object.v1",
        "time": "2026-11-24T13:42:13.123Z",
    }
    assert (event["bootms"], event["severitynumber"], event["clock"]) == ("998000", 9, "synced")
    data = event["data"]
    assert (data["phase"], data["label"], data["box"]) == ("start", "motorcycle", [0.4, 0.4, 0.5, 0.6])
    assert data["snapshot"]["media_id"] == "p1"


@given(
    st.sampled_from([Phase.START, Phase.UPDATE, Phase.END]), st.sampled_from(sorted(GROUP_OF_LABEL)), boxes,
    st.floats(-1, 2), stamps,
    st.floats(0, 1e7), st.sampled_from(["left", "lost", "restart", "camera"]), st.booleans(), st.booleans(),
)  # fmt: skip
def test_any_object_hit_makes_a_valid_event_that_reads_back(
    phase: Phase,
    label: str,
    box: Box,
    score: float,
    stamp: Stamp,
    mono: float,
    reason: str,
    shot: bool,
    synced: bool,
) -> None:
    seen = track(label=label, group=GROUP_OF_LABEL[label], box=box, score=score, first=mono, last=mono)
    hit = ObjectObservation(phase, seen, mono, reason if phase is Phase.END else None)
    draft = maker(synced=synced).object_event("cam-1", hit, frame(mono), picture("p1") if shot else None)
    payload = draft.encode(stamp)
    valid(payload)
    event = msgspec.json.decode(payload, type=wire.CloudEvent[wire.ObjectData])
    assert msgspec.json.encode(event) == payload == draft.encode(stamp)
    assert (int(event.sequence), event.epoch) == (stamp.sequence, stamp.epoch)


@pytest.mark.parametrize("turns", [None, TurnNumbers({"car": 2}, (), {})], ids=["one line", "two lines"])
def test_turning_movements_are_left_out_where_there_can_be_none(turns: TurnNumbers | None) -> None:
    """An older centre ignores them, and a newer one tells no turns from none counted."""
    assert ("turns" in line_counts(turns)) == (turns is not None)


def test_a_turn_names_its_first_line_and_both_directions() -> None:
    turns = TurnNumbers({}, (Turn("east", "b-to-a", "a-to-b", {"car": 3}),), {"bus": 1})
    named = {"line": "east", "direction": "b-to-a", "to_direction": "a-to-b", "objects": {"car": 3}}
    assert line_counts(turns)["turns"] == {"only": {}, "turns": [named], "others": {"bus": 1}}


@given(st.dictionaries(st.sampled_from(sorted(GROUP_OF_LABEL)), st.integers(1, 10**6), min_size=1))
def test_any_counts_make_a_valid_event(new: dict[str, int]) -> None:
    event = encoded(maker().counts("cam-1", CountsObservation(940.0, 1000.0, new), frame()))
    assert (event["data"]["new"], event["data"]["interval_s"]) == (new, 60.0)
    assert event["data"]["from_at"] == "2026-11-24T13:41:15.123Z"
    assert event["time"] == "2026-11-24T13:42:15.123Z"


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_of_a_lost_camera_is_an_event(cause: Cause) -> None:
    clock = HandClock()
    clock.advance(30)
    change = CameraChange("cam-1", CameraState.OFFLINE, cause, "cam-1: no route", 1000.0)
    event = encoded(maker(clock).camera_state(change))
    assert (event["severitytext"], event["data"]["cause"]) == ("WARN", cause.value)
    assert (event["time"], event["data"]["since_at"]) == ("2026-11-24T12:00:00.000Z",) * 2


def test_a_returning_camera_says_how_long_it_was_away() -> None:
    change = CameraChange("cam-1", CameraState.ONLINE, None, "", 1000.0, down_s=12.5, kept_back=3)
    event = encoded(maker().camera_state(change))
    assert (event["severitytext"], event["data"]["down_s"], event["data"]["kept_back"]) == ("INFO", 12.5, 3)


def test_a_starting_camera_is_no_event() -> None:
    with pytest.raises(ValueError, match="starting"):
        maker().camera_state(CameraChange("cam-1", CameraState.STARTING, None, "", 0.0))


def test_the_first_synchronisation_tells_the_offset_on_the_gateway_topic() -> None:
    at = datetime(2026, 11, 24, 13, tzinfo=UTC)
    draft = maker().clock_correction(ClockCorrection(-86_400_000, "ntp", at, 77.0))
    event = encoded(draft)
    assert (draft.camera, event["subject"], event["bootms"]) == ("gateway", "gateway", "77000")
    assert event["data"] == {
        "offset_ms": -86_400_000, "source": "ntp", "corrected_at": "2026-11-24T13:00:00.000Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "word", "damaged"),
    [
        ("outbox-full", "outbox-full", False),
        ("memory-full", "memory-full", False),
        ("outbox-damaged", "outbox-full", True),  # an older centre knows no third reason
    ],
)
def test_a_loss_names_its_epoch_and_ranges(reason: str, word: str, damaged: bool) -> None:
    event = valid(maker().loss(Stamp(9, "bbbb"), Loss("aaaa", ((1, 4), (7, 7)), 5, reason)))
    said = {"epoch": "aaaa", "ranges": [[1, 4], [7, 7]], "count": 5, "reason": word, "damaged": damaged}
    assert event["data"] == said
    assert event["severitytext"] == "WARN"


def test_an_unset_clock_is_said_and_monotonic_time_still_orders() -> None:
    event = encoded(maker(synced=False).object_event("cam-1", STARTED, frame(), None))
    assert (event["clock"], event["bootid"], event["bootms"]) == ("unsynced", "boot-1", "998000")


def test_an_object_that_was_there_when_the_agent_died_is_closed_with_what_was_last_told() -> None:
    update = ObjectObservation(Phase.UPDATE, track(), 998.0)
    start = maker().object_event("cam-1", update, frame(), picture("p1"))
    assert start.opens is not None
    draft = maker(HandClock(mono=5.0)).left_open(start.opens)
    data = encoded(draft)["data"]
    assert (data["phase"], data["end_reason"]) == ("end", "restart")
    assert data["ended_at"] == "2026-11-24T13:42:15.123Z"
    assert (data["event_id"], data["label"], data["snapshot"]) == (start.opens.event_id, "motorcycle", None)
    assert draft.closes == start.opens.event_id


@pytest.mark.parametrize(
    ("life", "ended_at"),
    [
        (None, "2026-11-24T13:42:13.123Z"),
        (LastAlive("run-1", "boot-1", 1041.5), "2026-11-24T13:42:56.623Z"),
        (LastAlive("run-0", "boot-1", 900.0), "2026-11-24T13:42:13.123Z"),
        (LastAlive("run-0", "boot-0", 5000.0), "2026-11-24T13:42:13.123Z"),
    ],
    ids=["no sign of life", "43.5 s after the start", "before the start", "of another boot"],
)
def test_what_a_kill_left_open_ended_when_the_agent_last_lived(life: LastAlive | None, ended_at: str) -> None:
    start = maker().object_event("cam-1", STARTED, frame(), None)
    assert start.opens is not None
    data = encoded(maker(HandClock(mono=5.0)).left_open(start.opens, life))["data"]
    assert data["started_at"] == "2026-11-24T13:42:13.123Z"
    assert data["ended_at"] == ended_at


def test_an_event_under_another_stamp_is_what_it_would_have_been() -> None:
    draft = maker().counts("cam-1", CountsObservation(998.0, 1000.0, {"người": 1}), frame())
    other = Stamp(7, "aaaabbbb", "ab" * 32)
    assert restamped(draft.encode(Stamp(123, "3f2a0b1c")), other) == draft.encode(other)


def test_every_kind_has_an_example_in_the_reference_and_every_example_is_valid() -> None:
    page = Path(__file__).parents[2] / "docs/reference/events.md"
    examples = re.findall(r"```json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    types = [valid(example.encode())["type"] for example in examples]
    assert types == [f"{wire.TYPE_PREFIX}{kind}.v1" for kind in wire.DATA_OF_KIND]


def test_the_next_run_knows_until_when_the_one_before_lived(tmp_path: Path) -> None:
    clock, path = HandClock(mono=100.0), tmp_path / "alive.json"
    first = LastAliveFile(path, clock, "boot-1")
    first.record()
    clock.advance(ALIVE_EVERY_S)
    first.record()
    clock.advance(ALIVE_EVERY_S - 1)
    first.record()  # not due yet
    assert first.previous() is None, "its own"
    clock.advance(500.0)
    second = LastAliveFile(path, clock, "boot-1")
    second.record()
    before = second.previous()
    assert before is not None
    assert (before.boot_id, before.mono) == ("boot-1", 100.0 + ALIVE_EVERY_S)


def test_a_disk_that_comes_late_tells_it_too(tmp_path: Path) -> None:
    clock, disk = HandClock(mono=100.0), tmp_path / "disk"
    disk.mkdir()
    LastAliveFile(disk / "alive.json", clock, "boot-1").record()
    disk.rename(tmp_path / "away")
    clock.advance(ALIVE_EVERY_S)
    second = LastAliveFile(disk / "alive.json", clock, "boot-1")
    second.record()
    (tmp_path / "away").rename(disk)
    clock.advance(ALIVE_EVERY_S)
    second.record()
    before = second.previous()
    assert before is not None
    assert before.mono == 100.0
