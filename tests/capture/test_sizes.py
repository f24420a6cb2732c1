"""Packet sizes end idle mode early where they show motion; elsewhere they have no effect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.capture.sizes import MAX_PAUSE_S, PAUSE_S, PacketSizeAlarm, separation
from tests.capture.viewer import Viewer, auto
from tests.testbed.ring_feed import RingFeed
from tests.testbed.walker import film

QUIET, BUSY = 400.0, 1500.0  # bytes of a picture of a stream with variable bit rate


def sizes(mean: float, pictures: int = 200, seed: int = 1) -> list[float]:
    return [float(size) for size in np.random.default_rng(seed).normal(mean, 0.1 * mean, pictures)]


def taught(quiet: list[float], busy: list[float]) -> PacketSizeAlarm:
    watch = PacketSizeAlarm()
    watch.learn(quiet, busy=False)
    watch.learn(busy, busy=True)
    watch.begin_idle()
    return watch


def test_a_busy_picture_gives_alarm_and_a_quiet_one_does_not() -> None:
    watch = taught(sizes(QUIET), sizes(BUSY))
    assert not any(watch.alarms(size, 0.0) for size in sizes(QUIET, 5000, seed=2))
    assert watch.alarms(BUSY, 0.0)


def test_on_a_constant_bit_rate_there_is_no_alarm() -> None:
    watch = taught(sizes(1000), sizes(1000, seed=2))
    assert watch.limit_bytes is None
    assert not watch.alarms(5000, 0.0)


@pytest.mark.parametrize(("quiet", "busy"), [(200, 10), (10, 200), (0, 0)])
def test_nothing_is_concluded_from_a_few_pictures(quiet: int, busy: int) -> None:
    assert taught(sizes(QUIET, quiet), sizes(BUSY, busy)).limit_bytes is None


def test_false_alarms_become_rare_and_a_true_one_ends_that() -> None:
    watch, now, given_at = taught(sizes(QUIET), sizes(BUSY)), 0.0, []
    while now < 5 * MAX_PAUSE_S:
        if watch.alarms(BUSY, now):
            given_at.append(now)
            watch.judge(true=False, mono=now)
        now += 1.0
    pauses = np.diff(given_at)
    assert pauses[0] == pytest.approx(PAUSE_S, abs=1)
    assert pauses[-1] == pytest.approx(MAX_PAUSE_S, abs=1)
    watch.judge(true=True, mono=now)
    watch.judge(true=False, mono=now)
    assert not watch.alarms(BUSY, now + PAUSE_S - 1)
    assert watch.alarms(BUSY, now + PAUSE_S + 1)


SMALL = st.lists(st.integers(0, 5), min_size=1, max_size=30)


@given(SMALL, SMALL)
def test_the_separation_is_the_share_of_pairs_in_order(quiet: list[int], busy: list[int]) -> None:
    pairs = [(b > q) + 0.5 * (b == q) for q in quiet for b in busy]
    assert separation(quiet, busy) == pytest.approx(np.mean(pairs))


def short_visit(path: Path, rate: dict[str, str]) -> Path:
    """A disc moves from 5 s to 13 s, and for a second between two keyframes."""
    return film(path, pictures(), SIZE, rate | {"sc_threshold": "0"})


def pictures() -> Iterator[NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    wall = rng.integers(60, 180, SIZE[::-1], np.uint8)
    wall = np.asarray(cv2.GaussianBlur(wall, (0, 0), 3), np.uint8)
    for number in range(400):
        picture = wall.copy()
        if moves(number / 10):
            cv2.circle(picture, (number * 17 % SIZE[0], 90), 25, 255, -1)
        yield np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)


SIZE = (320, 180)
VISIT = (30.3, 31.3)


def moves(seconds: float) -> bool:
    return 5 <= seconds < 13 or VISIT[0] <= seconds < VISIT[1]


def seen_of_the_visit(clip: Path) -> tuple[int, int]:
    """Delivered frames of the short visit, and wake-ups."""
    site = RingFeed(auto(quiet_s=3.0), clip)
    times = [seen.time_s for seen in Viewer(site, moves).watch().seen]
    return sum(VISIT[0] <= time_s < VISIT[1] for time_s in times), site.mode_control.stats.wake_ups


def test_a_visit_between_two_keyframes_is_seen_where_sizes_tell(tmp_path: Path) -> None:
    seen, wake_ups = seen_of_the_visit(short_visit(tmp_path / "vbr.ts", {"crf": "26"}))
    assert seen == 10, "all of it, from its first picture on"
    assert wake_ups == 1


def test_on_a_constant_bit_rate_it_is_missed_and_nothing_wakes_for_nothing(tmp_path: Path) -> None:
    constant = {"b": "300k", "maxrate": "300k", "bufsize": "60k", "nal-hrd": "cbr"}
    assert seen_of_the_visit(short_visit(tmp_path / "cbr.ts", constant)) == (0, 0)
