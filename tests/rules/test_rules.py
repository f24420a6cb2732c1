"""When an object is reported, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_agent.core.facts import Phase
from edge_agent.core.model import Box, Track, Tracks, TrackState
from edge_agent.rules.flow import FlowSampler
from edge_agent.rules.objects import MAX_COUNTED_IDS, ObjectCounter, ObjectReporter
from tests.events.parts import frame, track


def reported(
    reporter: ObjectReporter, mono: float, active: Sequence[Track] = (), ended: Sequence[Track] = ()
) -> list[tuple[Phase, str | None, str | None]]:
    observations = reporter.update(frame(mono), Tracks(tuple(active), tuple(ended)))
    return [(each.phase, each.track.label, each.end_reason) for each in observations]


def test_an_object_starts_once_and_ends_once() -> None:
    reporter = ObjectReporter()
    assert reported(reporter, 1.0, [track()]) == [(Phase.START, "motorcycle", None)]
    assert reported(reporter, 2.0, [track()]) == []
    gone = track(state=TrackState.ENDED)
    assert reported(reporter, 3.0, ended=[gone]) == [(Phase.END, "motorcycle", "lost")]
    assert reported(reporter, 4.0, ended=[gone]) == []


def test_the_start_is_when_it_was_first_seen() -> None:
    (observation,) = ObjectReporter().update(frame(10.0), Tracks((track(first=7.5),)))
    assert (observation.started_mono, observation.track.id) == (7.5, "cam-1-k3-7")


def test_what_is_unconfirmed_or_unnamed_is_not_reported() -> None:
    reporter = ObjectReporter()
    ghost, unnamed = track("ghost", confirmed=False), track("unnamed", label=None, group=None)
    assert reported(reporter, 1.0, [ghost, unnamed]) == []
    assert reported(reporter, 2.0, ended=[ghost, unnamed]) == []


def test_a_new_label_is_reported_at_once() -> None:
    reporter = ObjectReporter()
    reported(reporter, 1.0, [track(label="person", group="person")])
    assert reported(reporter, 1.2, [track()]) == [(Phase.UPDATE, "motorcycle", None)]


def test_a_moving_object_is_reported_once_a_minute_and_a_parked_one_never() -> None:
    reporter = ObjectReporter()
    moving, parked = track("a"), track("b", state=TrackState.STATIONARY)
    reported(reporter, 0.0, [moving, parked])
    updates = [mono for mono in range(1, 181) if reported(reporter, float(mono), [moving, parked])]
    assert updates == [60, 120, 180]


def test_a_car_that_was_parked_before_it_was_seen_is_reported_and_counted_when_it_moves() -> None:
    reporter, counter = ObjectReporter(), ObjectCounter(60.0, FlowSampler())
    parked, moving = replace(track(state=TrackState.STATIONARY), parked_before=True), track()
    assert reported(reporter, 0.0, [parked]) == []
    assert counted(counter, 0.0, parked) == []
    assert reported(reporter, 1.0, [moving]) == [(Phase.START, "motorcycle", None)]
    counted(counter, 1.0, moving)
    assert counted(counter, 60.0) == [(0.0, 60.0, {"motorcycle": 1})]


def test_a_car_that_was_parked_before_it_was_seen_and_vanishes_is_never_reported() -> None:
    reporter, counter = ObjectReporter(), ObjectCounter(60.0, FlowSampler())
    reported(reporter, 0.0, [replace(track(state=TrackState.STATIONARY), parked_before=True)])
    gone = replace(track(state=TrackState.ENDED), parked_before=True)
    assert reported(reporter, 1.0, ended=[gone]) == []
    list(counter.update(frame(1.0), Tracks((), (gone,))))
    assert list(counter.finish("restart")) == []


def test_an_object_last_seen_at_the_edge_has_left() -> None:
    reporter = ObjectReporter()
    reported(reporter, 1.0, [track()])
    at_edge = track(state=TrackState.ENDED, box=Box(0.99, 0.4, 1.05, 0.6))
    assert reported(reporter, 2.0, ended=[at_edge]) == [(Phase.END, "motorcycle", "left")]


def test_an_object_that_went_over_the_edge_ends_where_it_was_seen_last() -> None:
    reporter = ObjectReporter()
    at_edge, beyond = Box(0.9, 0.4, 1.0, 0.6), Box(1.0, 0.4, 1.1, 0.6)
    observed = reported(reporter, 1.0, [track(box=at_edge)]) + reported(reporter, 1.2, [track(box=beyond)])
    (end,) = reporter.update(frame(3.0), Tracks((), (track(box=beyond, state=TrackState.ENDED),)))
    assert [phase for phase, _, _ in observed] == [Phase.START]
    assert (end.track.box, end.end_reason) == (at_edge, "left")


def test_when_the_camera_is_lost_what_is_open_ends_from_its_last_sight() -> None:
    reporter = ObjectReporter()
    reported(reporter, 1.0, [track("a"), track("b")])
    reported(reporter, 2.0, [track("a", box=Box(0.7, 0.7, 0.8, 0.8)), track("b")])
    observations = list(reporter.finish("camera"))
    assert [(each.track.id, each.end_reason) for each in observations] == [("a", "camera"), ("b", "camera")]
    assert observations[0].track.box == Box(0.7, 0.7, 0.8, 0.8)
    assert list(reporter.finish("camera")) == []


def test_what_is_parked_stays_open_when_the_camera_is_lost() -> None:
    reporter = ObjectReporter()
    parked = track("parked", state=TrackState.STATIONARY)
    reported(reporter, 1.0, [track("a"), parked])
    assert [each.track.id for each in reporter.finish("camera", {"parked"})] == ["a"]
    assert reported(reporter, 60.0, [parked]) == [], "it is there again, and reported already"


def test_an_observation_that_was_not_stored_is_reported_again() -> None:
    reporter = ObjectReporter()
    for mono in (1.0, 2.0):
        assert next(iter(reporter.update(frame(mono), Tracks((track(),))))).phase is Phase.START
    reported(reporter, 3.0, [track()])
    gone = track(state=TrackState.ENDED)
    assert next(iter(reporter.update(frame(4.0), Tracks((), (gone,))))).phase is Phase.END
    assert reported(reporter, 5.0) == [(Phase.END, "motorcycle", "lost")], "reported late, not never"
    assert reported(reporter, 6.0) == []


def counted(counter: ObjectCounter, mono: float, *tracks: Track) -> list[tuple[float, float, dict[str, int]]]:
    return [(h.from_mono, h.to_mono, h.new) for h in counter.update(frame(mono), Tracks(tracks))]


def test_each_object_counts_once_in_the_interval_it_is_confirmed_in() -> None:
    counter = ObjectCounter(60.0, FlowSampler())
    counted(counter, 0.0, track("a"), track("b", label="car"), track("ghost", confirmed=False))
    counted(counter, 30.0, track("a"), track("c"))
    assert counted(counter, 60.0, track("a"), track("d")) == [(0.0, 60.0, {"motorcycle": 2, "car": 1})]
    assert counted(counter, 120.0) == [(60.0, 120.0, {"motorcycle": 1})]


def test_an_empty_interval_is_not_reported() -> None:
    counter = ObjectCounter(60.0, FlowSampler())
    assert [counted(counter, float(mono)) for mono in range(0, 300, 30)] == [[]] * 10


def test_an_object_that_is_still_there_is_not_counted_again() -> None:
    counter = ObjectCounter(60.0, FlowSampler())
    counted(counter, 0.0, track("stays"))
    counted(counter, 60.0, track("stays"))
    for number in range(MAX_COUNTED_IDS + 10):
        counted(counter, 61.0, track("stays"), track(f"t{number}"))
    (observation,) = counter.finish("restart")
    assert observation.new == {"motorcycle": MAX_COUNTED_IDS + 10}


def test_what_was_counted_is_reported_when_the_agent_stops() -> None:
    counter = ObjectCounter(60.0, FlowSampler())
    counted(counter, 0.0, track("a"))
    counted(counter, 20.0)
    (last,) = counter.finish("restart")
    assert (last.from_mono, last.to_mono, last.new) == (0.0, 20.0, {"motorcycle": 1})
    assert list(counter.finish("restart")) == []


def test_a_brief_object_that_ends_with_its_first_label_counts() -> None:
    counter = ObjectCounter(60.0, FlowSampler())
    list(counter.update(frame(0.0), Tracks((), (track("brief", state=TrackState.ENDED),))))
    (observation,) = counter.finish("restart")
    assert observation.new == {"motorcycle": 1}
