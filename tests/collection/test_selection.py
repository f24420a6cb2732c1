"""Selection of frames: spread over hours and light levels, with movement preferred."""

from __future__ import annotations

import itertools

import pytest

from edge_agent.collection.offers import FrameSelection, light_level

DAY_S = 86_400.0


def taken(selection: FrameSelection, light: dict[int, str], active: set[int], seconds: range) -> list[int]:
    """Seconds at which a frame is kept; ``light`` and ``active`` by hour."""
    kept = []
    for second in seconds:
        hour = second // 3600 % 24
        if selection.wants(float(second), light[hour], active=hour in active):
            selection.add(float(second), light[hour])
            kept.append(second)
    return kept


def by_hour(seconds: list[int]) -> dict[int, int]:
    return {hour: sum(second // 3600 % 24 == hour for second in seconds) for hour in range(24)}


BRIGHT = dict.fromkeys(range(24), "bright")
ALWAYS = set(range(24))


def test_frames_spread_over_the_hours_of_the_whole_time() -> None:
    selection = FrameSelection(96, 12, 2 * DAY_S, 2 * DAY_S, 0.0)
    kept = taken(selection, BRIGHT, ALWAYS, range(0, int(2 * DAY_S), 20))
    assert len(kept) == 96
    assert set(by_hour(kept).values()) <= {3, 4, 5}


def test_rare_light_gets_more_than_its_share_of_the_time() -> None:
    dusk = BRIGHT | {18: "dim"}
    kept = taken(FrameSelection(96, 12, DAY_S, DAY_S, 0.0), dusk, ALWAYS, range(0, int(DAY_S), 20))
    assert by_hour(kept)[18] >= 9, "an even share is 4"
    assert len(kept) == 96


def test_there_are_never_more_in_an_hour_than_were_asked_for() -> None:
    light = {hour: ("dark", "dim", "medium", "bright")[hour % 4] for hour in range(24)}
    kept = taken(FrameSelection(500, 6, DAY_S, DAY_S, 0.0), light, ALWAYS, range(0, int(DAY_S), 20))
    assert max(by_hour(kept).values()) <= 6
    assert all(after - before >= 600 for before, after in itertools.pairwise(kept))


def test_frames_in_which_something_moves_come_first_and_quiet_hours_are_not_left_out() -> None:
    busy = set(range(6, 18))
    found = by_hour(taken(FrameSelection(96, 12, DAY_S, DAY_S, 0.0), BRIGHT, busy, range(0, int(DAY_S), 20)))
    moving, quiet = (sum(found[hour] for hour in hours) for hours in (busy, ALWAYS - busy))
    assert moving > 1.8 * quiet
    assert all(found[hour] >= 1 for hour in ALWAYS)


def test_a_restart_takes_no_frame_at_once_and_counts_those_of_before() -> None:
    selection = FrameSelection(10, 12, DAY_S, DAY_S, 43_200.0, {"bright": 9})
    assert not selection.wants(43_201.0, "dim", active=True)
    assert selection.wants(43_201.0 + 42_000, "dim", active=True)
    selection.add(85_201.0, "dim")
    assert not selection.wants(86_399.0, "dim", active=True), "that was the tenth"


def test_nothing_is_taken_when_the_time_is_over() -> None:
    assert not FrameSelection(10, 12, DAY_S, DAY_S, 0.0).wants(DAY_S, "bright", active=True)


@pytest.mark.parametrize(
    ("level", "luma"), [("dark", 10), ("dim", 60), ("medium", 120), ("bright", 200), ("bright", 255)]
)
def test_light_has_levels(level: str, luma: int) -> None:
    assert light_level(float(luma)) == level
