"""Parked vehicles under the shadows of drifting clouds: real pictures of streets, drawn shadows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.tracking.run import Setup, analysed, run
from edge_agent.capture.decode.picture import ArrayPicture
from edge_agent.capture.replay import ReplayFrame
from edge_agent.core.model import Frame
from edge_agent.detection.choose import SHIPPED
from edge_agent.pipeline import FrameResult

WIDTH, FPS, SECONDS = 640, 5, 40
SPEED = 40  # pixels a second
DEPTH = 0.45  # share of the light that the darkest shadow takes
VEHICLE = "2"
SETTLED_S = 10.0  # until then some are new to an agent that has just started


def with_most_vehicles(folder: Path) -> Path:
    """The picture of a set with the most labelled vehicles."""

    def vehicles(path: Path) -> int:
        lines = (folder / "labels" / f"{path.stem}.txt").read_text(encoding="ascii").splitlines()
        return sum(line.split()[0] == VEHICLE for line in lines)

    return max(sorted((folder / "images").iterdir()), key=vehicles)


def under_clouds(picture: Path) -> Iterator[ReplayFrame]:
    """The picture for 40 s under shadows that drift across it, with noise of a sensor."""
    whole = cv2.imread(str(picture))
    assert whole is not None
    height = round(WIDTH * whole.shape[0] / whole.shape[1])
    light = cv2.resize(whole, (WIDTH, height)).astype(np.float32)
    rng = np.random.default_rng(1)
    clouds = cv2.resize(rng.random((8, 24), np.float32), (3 * WIDTH, height), interpolation=cv2.INTER_CUBIC)
    shade = 1 - DEPTH * (clouds - clouds.min()) / np.ptp(clouds)
    for number in range(FPS * SECONDS):
        x = number * SPEED // FPS % (2 * WIDTH)
        noise = 2 * rng.standard_normal((height, WIDTH, 1), np.float32)
        pixels = light * shade[:, x : x + WIDTH, None] + noise
        yield ReplayFrame(number, number / FPS, ArrayPicture(pixels.clip(0, 255).astype(np.uint8)))


@pytest.mark.parametrize("name", ["street_cctv_fortaleza_turkey", "overpass_traffic", "kathmandu_road"])
def test_parked_vehicles_are_hardly_announced_and_not_again(name: str, test_data: Path) -> None:
    parked: set[str] = set()
    begun: dict[str, float] = {}

    def watch(frame: Frame, result: FrameResult) -> None:
        parked.update(track.id for track in result.tracks.confirmed if track.parked_before)
        for track in result.tracks.confirmed:
            if not track.parked_before:
                begun.setdefault(track.id, frame.captured_mono)

    run(
        analysed(under_clouds(with_most_vehicles(test_data / "data" / name)), FPS),
        Setup(SHIPPED, fps=FPS, budget_ms_per_s=1e6),  # the same inferences on a busy machine
        watch,
    )
    assert len(parked) >= 10
    again = [at for at in begun.values() if at >= SETTLED_S]
    assert len(begun) <= 5
    assert len(again) <= 2
