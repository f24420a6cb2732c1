"""``python -m bench.ground``: the error of speeds on drawn roads, and speeds in real clips.

The clips need ``EDGE_AGENT_TEST_DATA`` (video/); without it only the drawn part runs.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.ground.clips import clips, compare, row
from bench.ground.scene import (
    ASPECT,
    Drive,
    Noise,
    RoadCamera,
    boxes,
    measured_ground,
    random_drives,
    speed_of,
)
from edge_agent.config.model.settings import Ground
from edge_agent.core.model import TWO_WHEELER
from edge_agent.passages.ground_speed import GroundSpeed

DRIVES = 400
CAMERAS = ((4.0, 15.0), (6.0, 25.0), (8.0, 30.0), (10.0, 45.0))
CASES: tuple[tuple[str, Noise, dict[str, float], float], ...] = (
    ("usual noise", Noise(), {}, 1.0),
    ("boxes and marks without noise", Noise(0.0, 0.0, 0.0, 0.0), {}, 1.0),
    ("boxes twice as noisy", Noise(box=0.06), {}, 1.0),
    ("marks twice as far off", Noise(mark=0.006), {}, 1.0),
    ("camera rolled by 3 degrees", Noise(), {"roll_deg": 3.0}, 1.0),
    ("lens that bends lines (k1 -0.1)", Noise(), {"bend": -0.1}, 1.0),
    ("lens that bends lines (k1 -0.2)", Noise(), {"bend": -0.2}, 1.0),
    ("deep side written 20 % too long", Noise(), {}, 1.2),
)


def main() -> int:
    print(
        f"Drawn roads, {DRIVES} drives a row: share with a speed, of these within +-; error, +- of the speed"
    )
    print(f"{'camera':12} {'case':34}  speed  within  median  0.95-quantile   bias     +-")
    for height_m, tilt_deg in CAMERAS:
        for case, noise, changes, wrong in CASES:
            camera = replace(RoadCamera(height_m, tilt_deg), **changes)
            if case != CASES[0][0] and (height_m, tilt_deg) != CAMERAS[1]:
                continue
            found = np.array(list(_errors(camera, replace(noise, rng=np.random.default_rng(7)), wrong)))
            off, error = found[:, 0], found[:, 1]
            print(
                f"{height_m:4g} m {tilt_deg:3g}°  {case:34} {len(found) / DRIVES:6.2f}"
                f" {np.mean(abs(off) <= error):7.2f} {np.median(abs(off)):7.3f}"
                f" {np.quantile(abs(off), 0.95):14.3f} {np.mean(off):+6.3f} {np.median(error):6.3f}"
            )
    _cost()
    folder = Path(os.environ.get("EDGE_AGENT_TEST_DATA", ""))
    for file, ground in clips():
        if (folder / "video" / file).exists():
            _print_clip(folder, file, ground)
        else:
            print(f"{file}: no such clip in EDGE_AGENT_TEST_DATA/video, skipped")
    return 0


def _errors(camera: RoadCamera, noise: Noise, wrong: float) -> Iterator[tuple[float, float]]:
    """Error and +-, relative to the true and to the reported speed."""
    for drive in random_drives(np.random.default_rng(5), DRIVES):
        ground = measured_ground(camera, noise, camera.nearest_m, camera.nearest_m + 12)
        ground = replace(ground, metres=tuple((x, y * wrong) for x, y in ground.metres))
        motion = speed_of(camera, drive, ground, noise)
        if motion is not None:
            yield motion.speed_m_s / drive.speed_m_s - 1, motion.error_m_s / drive.speed_m_s


def _print_clip(folder: Path, file: str, ground: Ground) -> None:
    found, result = compare(folder, file, ground)
    speeds = [(each.passage.ground, each.hand_m_s) for each in found if each.passage.ground is not None]
    ratios = np.array([motion.speed_m_s / hand for motion, hand in speeds])
    within = np.mean([abs(motion.speed_m_s - hand) <= motion.error_m_s for motion, hand in speeds])
    share = np.median([motion.error_m_s / motion.speed_m_s for motion, _ in speeds])
    moving = [each for each in result.passages if each.direction_deg is not None]
    known = sum(each.ground is not None for each in moving)
    low, middle, high = np.quantile(ratios, (0.1, 0.5, 0.9))
    print(f"{file}: {known} of {len(moving)} moving passages have a speed")
    print(f"  of those that were marked by hand: {len(speeds)} of {len(found)}")
    print(f"  speed over that by hand: {middle:.2f} (quantiles 0.1 and 0.9: {low:.2f} and {high:.2f})")
    print(f"  within +-: {within:.2f}; median +-: {share:.2f} of the speed")
    print("\n".join(row(each) for each in found))


def _cost() -> None:
    camera = RoadCamera(6.0, 25.0)
    speed = GroundSpeed(measured_ground(camera, Noise(), 8.0, 20.0))
    places = list(boxes(camera, Drive(TWO_WHEELER, 6.0, (-1.0, 40.0), -np.pi / 2), Noise()))[::2]
    began = time.process_time()
    for _ in range(2000):
        speed.motion(places, (), TWO_WHEELER, ASPECT)
    cost_ms = (time.process_time() - began) / 2000 * 1e3
    print(f"cost of a passage with {len(places)} points: {cost_ms:.3f} ms of CPU")


if __name__ == "__main__":
    sys.exit(main())
