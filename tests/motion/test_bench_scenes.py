"""The benchmark's scenes: exact truth, fixed by the seed; and the codec's noise is not motion."""

from __future__ import annotations

import numpy as np

from bench.motion.codec import through_h264
from bench.motion.peers import Ours
from bench.motion.scenes import HEIGHT, TUNING_SEEDS, WIDTH, Mover, movers, moving_scene, quiet_scene

WARM_UP_FRAMES = 25


def test_a_seed_fixes_every_pixel() -> None:
    first, second = (list(quiet_scene("rain", 5, 1.0)) for _ in range(2))
    assert all(np.array_equal(a.luma, b.luma) for a, b in zip(first, second, strict=True))


def test_there_are_eighteen_movers_and_each_stays_in_the_picture() -> None:
    assert len(set(movers())) == 18
    frames = list(moving_scene(Mover(14, 32, 35.0, 130.0, dark=True), TUNING_SEEDS[0], night=False))
    boxes = [frame.truth[0] for frame in frames if frame.truth]
    assert len(boxes) >= 10
    assert all(0 <= x1 < x2 <= WIDTH and 0 <= y1 < y2 <= HEIGHT for x1, y1, x2, y2 in boxes)


def test_truth_is_where_the_pixels_are() -> None:
    mover = Mover(44, 66, 60.0, 25.0, dark=True)
    frames = list(moving_scene(mover, TUNING_SEEDS[0], night=False))
    empty = np.mean([f.luma for f in frames if not f.truth], axis=0)
    x1, y1, x2, y2 = (round(v) for v in frames[-1].truth[0])
    changed = np.abs(frames[-1].luma - empty) > 25
    assert changed[y1:y2, x1:x2].mean() > 0.6
    changed[y1 - 2 : y2 + 2, x1 - 2 : x2 + 2] = False
    assert changed.mean() < 0.001


def test_keyframe_pulses_of_h264_are_not_motion() -> None:
    peer = Ours()
    seen = [bool(peer.boxes(f.luma)) for f in through_h264(quiet_scene("noise night", 5, 20.0), kbps=150)]
    assert sum(seen[WARM_UP_FRAMES:]) == 0
