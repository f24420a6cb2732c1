"""Detectors side by side: ``EDGE_AGENT_TEST_DATA=DIR python -m bench.detection [--rounds N]``.

Prints for each detector the CPU time of one look (a 160-pixel crop of a 640-pixel picture, cut and
converted from YUV, scaled, inferred, decoded), how much of it is not the inference itself, and how
often it recognises what is in hand-picked crops. CPU time of this process, all in one run: read the
ratios. HOG needs no file; the models come from ``DIR/models``, the footage from ``DIR/video``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edge_agent.capture.replay import VideoFile
from edge_agent.detection.detector import Detector
from edge_agent.detection.hog import HogDetector
from edge_agent.detection.litert import LiteRtDetector
from edge_agent.detection.models import CATALOGUE
from edge_agent.detection.sweep import tiles
from edge_agent.model import Box, Detection, Picture

LABELS = ("person", "bicycle", "motorcycle", "car", "bus", "truck")
TWO_WHEELER_OR_RIDER = {"person", "bicycle", "motorcycle"}
MIN_SCORE = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="looks a detector is timed for")
    rounds = parser.parse_args().rounds
    data = os.environ.get("EDGE_AGENT_TEST_DATA")
    if not data:
        raise SystemExit("EDGE_AGENT_TEST_DATA is not set: it names a folder with models/ and video/")
    cv2.setNumThreads(1)
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, min_score {MIN_SCORE}, {rounds} looks each, one thread\n")
    print("| detector | CPU ms a look | bare inference ms | preparation and decoding |")
    print("|---|---|---|---|")
    street = pictures(Path(data) / "video" / "vn_street_motorbikes.mp4", 15)
    detectors = list(load(Path(data) / "models"))
    for detector, path in detectors:
        print(time_row(detector, path, street[0], rounds))
    print("\n| detector | street: riders on whole picture | on tiles | walking person found |")
    print("|---|---|---|---|")
    walk = pictures(Path(data) / "video" / "one-by-one-person-detection.mp4", 60)
    for detector, _ in detectors:
        print(sight_row(detector, street, walk))


def load(models: Path) -> Iterator[tuple[Detector, Path | None]]:
    yield HogDetector(LABELS, MIN_SCORE), None
    for entry in CATALOGUE:
        path = models / entry.file
        yield LiteRtDetector(path, LABELS, MIN_SCORE), path


def pictures(path: Path, every: int) -> list[Picture]:
    return [frame.picture for index, frame in enumerate(VideoFile(path, "bench")) if index % every == 0]


def time_row(detector: Detector, path: Path | None, picture: Picture, rounds: int) -> str:
    crop = Box(0.5, 0.2, 0.75, 0.2 + 0.25 * picture.width / picture.height)
    look = median_ms(lambda: detector.detect(picture.bgr(crop)), rounds)
    if path is None:
        return f"| {detector.name} | {look:.1f} | - | - |"
    bare = median_ms(bare_inference(path), rounds)
    return f"| {detector.name} | {look:.1f} | {bare:.1f} | {max(0.0, look - bare) / look:.1%} |"


def bare_inference(path: Path) -> Callable[[], Any]:
    """Nothing but ``invoke`` on an input of noise."""
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    detail = interpreter.get_input_details()[0]
    noise = np.random.default_rng(1).integers(0, 255, detail["shape"]).astype(detail["dtype"])
    interpreter.set_tensor(detail["index"], noise)
    invoke: Callable[[], Any] = interpreter.invoke
    return invoke


def median_ms(work: Callable[[], Any], rounds: int) -> float:
    for _ in range(5):
        work()
    took = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        took.append((time.process_time() - started) * 1000)
    return statistics.median(took)


def sight_row(detector: Detector, street: list[Picture], walk: list[Picture]) -> str:
    whole = sum(riders(detector.detect(picture.bgr())) for picture in street) / len(street)
    on_tiles = sum(
        riders(detector.detect(picture.bgr(tile)))
        for picture in street
        for tile in tiles((picture.width, picture.height))
    ) / len(street)
    found = sum(any(d.label == "person" for d in detector.detect(p.bgr())) for p in walk)
    return f"| {detector.name} | {whole:.1f} | {on_tiles:.1f} | {found} of {len(walk)} |"


def riders(found: list[Detection]) -> int:
    """Detections of people and two-wheelers; one rider may count twice on overlapping tiles."""
    return sum(d.label in TWO_WHEELER_OR_RIDER for d in found)


if __name__ == "__main__":
    main()
