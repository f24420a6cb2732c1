"""Measures the CPU time of the view stage alone, per second of stream."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from datetime import timedelta

import av
import cv2
import numpy as np

from bench.view.camera import Camera, Shot
from bench.view.subject import make_view
from bench.view.world import Light, Place, World
from edge_agent.capture.decode.picture import YuvPicture
from edge_agent.core.model import Frame, Motion, Scene
from edge_agent.pipeline import ViewStage

SECONDS = 60
ROUNDS = 5
ANALYSED_WIDTH = 640
"""Width of ``Picture.luma``, the default of ``analyse.width``: the motion stage pays for the scaling."""
TARGET_MS = 1.0
NO_MOTION = Motion((), Scene.STEADY, 0.0)


@dataclass(frozen=True, slots=True)
class Cost:
    scene: str
    size: tuple[int, int]
    fps: float
    median_ms: float  # of a second of stream
    worst_ms: float  # of the rounds

    @property
    def line(self) -> str:
        reached = "reached" if self.median_ms < TARGET_MS else "missed"
        return (
            f"| {self.scene} | {self.size[0]} x {self.size[1]} | {self.fps:g} | {self.median_ms:.2f} "
            f"| {self.worst_ms:.2f} | {reached} |"
        )


COLUMNS = (
    "before the camera",
    "picture",
    "frames a second",
    "CPU ms a second, median",
    "worst round",
    "< 1 ms",
)
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"
SCENES = ("a street", "nothing moves", "turned by 10 %")
SMALL, LARGE = (640, 360), (1920, 1080)


def costs() -> list[Cost]:
    cv2.setNumThreads(1)
    small = [measured(scene, SMALL, fps) for scene in SCENES for fps in (5.0, 0.5)]
    return [*small, *(measured(SCENES[0], LARGE, fps) for fps in (5.0, 0.5))]


def measured(scene: str, size: tuple[int, int], fps: float) -> Cost:
    """Measure a minute after another in which the baseline was learned, by night, with the most noise."""
    view = make_view(None)
    _play(view, _frames(SCENES[0] if scene == SCENES[2] else scene, size, fps), 0)
    frames = _frames(scene, size, fps)
    spent = []
    for turn in range(1, ROUNDS + 1):
        before = time.thread_time()
        _play(view, frames, turn)
        spent.append((time.thread_time() - before) / SECONDS * 1e3)
    return Cost(scene, size, fps, statistics.median(spent), max(spent))


def _play(view: ViewStage, frames: list[Frame], turn: int) -> None:
    for frame in frames:
        for _ in view.update(_later(frame, turn), NO_MOTION):
            pass


def _frames(scene: str, size: tuple[int, int], fps: float) -> list[Frame]:
    """Frames whose luma is computed already, as after the motion stage."""
    world = World(Place("street", Light.LAMPS, 13, coded=False, clock=False))
    camera = Camera(world, fps, seed=1)
    made = []
    for number in range(round(SECONDS * fps)):
        time_s = 0.0 if scene == SCENES[1] else number / fps
        turned = world.turn_room(0.1)[0] if scene == SCENES[2] else 0
        small = camera.frame(Shot(world.at(time_s, turned)), number + 1, number / fps)
        if size[0] == small.picture.width:
            frame = small
        else:
            large = cv2.resize(small.picture.bgr(), size, interpolation=cv2.INTER_CUBIC)
            i420 = np.asarray(cv2.cvtColor(large, cv2.COLOR_BGR2YUV_I420), np.uint8)
            picture = YuvPicture(av.VideoFrame.from_ndarray(i420, "yuv420p"), ANALYSED_WIDTH)
            frame = Frame("bench", small.number, small.captured_mono, small.captured_at, picture)
        frame.picture.luma()
        made.append(frame)
    return made


def _later(frame: Frame, turn: int) -> Frame:
    """The same picture ``turn`` minutes later."""
    by = turn * SECONDS
    at = frame.captured_at + timedelta(seconds=by)
    return Frame(frame.camera_id, frame.number, frame.captured_mono + by, at, frame.picture)
