"""Where an object was, and which reports of rules request a still."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.core.facts import Crossing, Phase, RuleObservation, RuleRef
from edge_agent.core.model import Box, Severity, Tracks
from edge_agent.events.sink import NoSnapshots
from edge_agent.stills.moments import (
    MAX_CHOICES,
    MAX_MOMENTS,
    RECENT_S,
    ObjectMoment,
    ObjectMoments,
    StillRequest,
    best_moments,
)
from tests.events.parts import IN_THE_MIDDLE, frame, rule_hit, track

CROSSED = rule_hit(RuleRef("lane", "line-crossing", Severity.ALARM), Crossing("lane", "a-to-b"), "crossed")


class Camera:
    """The stage of one camera, and what it requests."""

    def __init__(self) -> None:
        self.requests: list[StillRequest] = []
        self.moments = ObjectMoments(NoSnapshots(), self.requests.append)

    def see(self, mono: float, side: float, *, seen_now: bool = True) -> None:
        box = Box(0.4, 0.4, 0.4 + side, 0.4 + side)
        self.moments.observe(frame(mono), Tracks((track(box=box, seen_now=seen_now),)))

    def report(self, observation: RuleObservation = CROSSED, mono: float = 1000.0) -> None:
        self.moments.rule_reported(observation, frame(mono))


def test_the_largest_recent_view_comes_first_and_then_views_near_it() -> None:
    camera = Camera()
    for mono, side in ((997.0, 0.1), (998.0, 0.20), (998.2, 0.19), (998.4, 0.12), (999.8, 0.199)):
        camera.see(mono, side)
    camera.report()
    (request,) = camera.requests
    assert (request.event_id, request.severity, request.group) == ("lane-t1-1", Severity.ALARM, "two-wheeler")
    assert [moment.mono for moment in request.moments] == [998.0, 998.2]


def test_a_frame_in_which_the_object_was_only_guessed_is_no_moment() -> None:
    camera = Camera()
    camera.see(999.0, 0.1)
    camera.see(999.5, 0.3, seen_now=False)
    camera.report()
    assert [moment.mono for moment in camera.requests[0].moments] == [999.0]


def test_without_a_moment_the_reported_frame_is_used() -> None:
    camera = Camera()
    camera.report(replace(CROSSED, track=None))
    (moment,) = camera.requests[0].moments
    assert (moment.mono, moment.box) == (1000.0, IN_THE_MIDDLE)


@pytest.mark.parametrize(
    "observation",
    [
        replace(CROSSED, rule=RuleRef("lane", "line-crossing", Severity.INFO)),
        replace(CROSSED, phase=Phase.UPDATE),
        replace(CROSSED, phase=Phase.END),
    ],
    ids=["of severity info", "an update", "an end"],
)
def test_no_still_of(observation: RuleObservation) -> None:
    camera = Camera()
    camera.see(999.0, 0.1)
    camera.report(observation)
    assert camera.requests == []


def test_an_object_that_is_gone_leaves_nothing_behind() -> None:
    camera = Camera()
    for number in range(200):
        camera.see(900.0 + number / 5, 0.1)
    assert len(camera.moments._noted["cam-1-k3-7"]) == MAX_MOMENTS
    camera.moments.observe(frame(), Tracks((), (track(),)))
    assert camera.moments._noted == {}


def test_tracks_that_were_lost_with_the_signal_leave_nothing_behind() -> None:
    camera = Camera()
    camera.see(900.0, 0.1)
    camera.moments.observe(frame(905.0), Tracks((), ()))  # the tracker dropped it, and it never ended
    assert camera.moments._noted == {}


def test_old_moments_are_not_used_and_few_are_offered() -> None:
    old = [ObjectMoment(1000.0 - RECENT_S - 1, IN_THE_MIDDLE, 9.0)]
    assert best_moments(old, 1000.0) == ()
    many = [ObjectMoment(999.0 + n / 20, IN_THE_MIDDLE, 1.0) for n in range(20)]
    assert len(best_moments([*old, *many], 1000.0)) == MAX_CHOICES
