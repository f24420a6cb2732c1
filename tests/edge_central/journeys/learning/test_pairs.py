"""Which cameras are pairs, which windows count, and what is learnt of many."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from edge_central.journey_settings import LearningSettings
from edge_central.journeys.learning.gateways import LearningGateway, with_neighbours
from edge_central.journeys.learning.pairs import CollectedCamera, collected_cameras, learn_travel_times
from edge_central.journeys.learning.run import windows_before
from edge_central.journeys.learning.samples import CameraSample, WindowMs, WindowRows
from tests.edge_central.journeys.learning.parts import WINDOWS, road

HERE = LearningGateway("dt-001", "de-tham", ("gate",), (20.4463, 106.3366))
NEAR = LearningGateway("dt-002", "de-tham", ("gate",), (20.4513, 106.3366))  # 556 m to the north
FAR = LearningGateway("dt-003", "de-tham", ("gate",), (20.4663, 106.3366))
UNPLACED = LearningGateway("dt-004", "de-tham", ("gate",))
ALONE = replace(UNPLACED, id="dt-005", cameras=("gate", "yard"))

MS: tuple[WindowMs, ...] = tuple((round(1000 * begin), round(1000 * end)) for begin, end in WINDOWS)


def rows_of(sample: CameraSample, camera: str = "gate") -> dict[WindowMs, list[WindowRows]]:
    """As a gateway's collection has them."""
    found = {}
    for (begin, end), window in zip(WINDOWS, MS, strict=True):
        inside = (sample.starts >= begin) & (sample.starts < end)
        count = int(inside.sum())
        kinds = np.full((count, 4), (1, -1, 4, 4), np.int8)
        durations = (sample.ends - sample.starts)[inside].astype(np.float32)
        found[window] = [WindowRows(camera, sample.starts[inside], durations, kinds)]
    return found


def learnt(*collected: tuple[LearningGateway, Any]) -> list[tuple[str, str, str, int]]:
    found = learn_travel_times(collected_cameras(collected), 1000, 7)
    return [(each.from_gateway, each.to_gateway, each.group, round(each.median_s / 10)) for each in found]


def test_a_pair_within_reach_is_learnt_in_its_direction_and_group() -> None:
    first, second = road()
    assert learnt((HERE, rows_of(first)), (NEAR, rows_of(second))) == [("dt-001", "dt-002", "two-wheeler", 7)]


@pytest.mark.parametrize("other", [FAR, UNPLACED])
def test_a_pair_out_of_reach_or_without_a_place_is_not_tried(other: LearningGateway) -> None:
    first, second = road()
    assert learnt((HERE, rows_of(first)), (other, rows_of(second))) == []


def test_two_cameras_of_one_gateway_are_a_pair_without_a_place() -> None:
    first, second = road()
    both = rows_of(first, "gate")
    for window, rows in rows_of(second, "yard").items():
        both[window] += rows
    assert learnt((ALONE, both)) == [("dt-005", "dt-005", "two-wheeler", 7)]


def test_only_windows_of_both_count_and_not_those_without_a_passage() -> None:
    first, second = road(share=0.9)
    of_first, of_second = rows_of(first), rows_of(second)
    del of_first[MS[0]]  # it was offline
    of_second[MS[1]] = [replace_rows(of_second[MS[1]][0])]  # the camera was off
    cameras = collected_cameras([(HERE, of_first), (NEAR, of_second)])
    found = list(learn_travel_times(cameras, 1000, 7))
    assert [list(each.windows) for each in cameras] == [list(MS[1:]), [MS[0], *MS[2:]]]
    inside = sum(((first.starts >= a / 1000) & (first.starts < b / 1000)).sum() for a, b in MS[2:])
    assert [each.passages for each in found] == [inside]


def replace_rows(rows: WindowRows) -> WindowRows:
    return replace(rows, starts=rows.starts[:0], durations=rows.durations[:0], kinds=rows.kinds[:0])


def test_cameras_without_anything_in_common_teach_nothing() -> None:
    first, _ = road()
    cameras = [CollectedCamera(HERE, "gate", rows_of(first)), CollectedCamera(NEAR, "gate", {})]
    assert list(learn_travel_times(cameras, 1000, 7)) == []


def test_gateways_without_a_neighbour_are_not_asked() -> None:
    no_camera = replace(NEAR, id="dt-006", cameras=())
    everything = [HERE, NEAR, FAR, UNPLACED, ALONE, no_camera]
    assert with_neighbours(everything, 1000) == [HERE, NEAR, ALONE]
    assert with_neighbours([HERE, no_camera], 1000) == []


def test_windows_are_of_whole_days_before_today_in_the_time_zone_of_the_city() -> None:
    learning = LearningSettings(windows=((time(17), time(19)), (time(6), time(8))), days=2)
    now = datetime(2026, 11, 28, 18, 30, tzinfo=UTC)  # the 29th in Thai Binh
    found = windows_before(now, learning, ZoneInfo("Asia/Ho_Chi_Minh"))
    shown = [datetime.fromtimestamp(begin / 1000, UTC).isoformat()[:16] for begin, _ in found]
    assert shown == ["2026-11-26T23:00", "2026-11-27T10:00", "2026-11-27T23:00", "2026-11-28T10:00"]
    assert {end - begin for begin, end in found} == {7_200_000}
