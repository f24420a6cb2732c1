"""Measures what one inference on a whole picture costs with each model, and what it detects.

    EDGE_AGENT_TEST_DATA=DIR python -m bench.detection

CPU time of one thread, from the decoded YUV frame to the detections, beside the bare inference: compare the
ratios. Models: the shipped one, and those of ``DIR/models`` and ``DIR/teachers``; footage from ``DIR/video``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edge_agent.capture.replay import VideoFile
from edge_agent.core.model import GROUP_OF_LABEL, LABELS, Detection, Picture
from edge_agent.detection.choose import FLOOR, SHIPPED
from edge_agent.detection.detector import ObjectDetector
from edge_agent.detection.litert import LiteRtDetector


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.detection", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--rounds", type=int, default=60, help="inferences a detector is timed for")
    rounds = parser.parse_args().rounds
    data = os.environ.get("EDGE_AGENT_TEST_DATA")
    if not data:
        raise SystemExit("EDGE_AGENT_TEST_DATA is not set: it names a folder with models/ and video/")
    cv2.setNumThreads(1)
    video = Path(data) / "video"
    street = pictures(video / "vn_street_motorbikes.mp4", 15)
    walk = pictures(video / "one-by-one-person-detection.mp4", 60)
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, score {FLOOR}, {rounds} inferences each, one thread\n")
    print("| detector | input | CPU ms | bare inference ms | riders on a street picture | person found |")
    print("|---|---|---|---|---|---|")
    for detector, path in load(Path(data)):
        whole = median_ms(partial(seen, detector, street[0]), rounds)
        bare = median_ms(bare_inference(path), rounds)
        riders = sum(len(seen(detector, picture)) for picture in street) / len(street)
        found = sum(any(d.label == "person" for d in seen(detector, picture)) for picture in walk)
        fit = detector.fit((street[0].width, street[0].height))
        size = f"{fit.width}x{fit.height}"
        print(
            f"| {detector.name} | {size} | {whole:.1f} | {bare:.1f} | {riders:.1f} | {found} of {len(walk)} |"
        )


def load(data: Path) -> Iterator[tuple[ObjectDetector, Path]]:
    for path in (SHIPPED, *sorted(data.glob("models/*.tflite")), *sorted(data.glob("teachers/*.tflite"))):
        yield LiteRtDetector(path, LABELS, FLOOR), path


def pictures(path: Path, every: int) -> list[Picture]:
    return [frame.picture for index, frame in enumerate(VideoFile(path, "bench")) if index % every == 0]


def seen(detector: ObjectDetector, picture: Picture) -> list[Detection]:
    """Number of people and two-wheelers detected on the whole picture."""
    fit = detector.fit((picture.width, picture.height))
    found = detector.detect(picture.scaled((fit.width, fit.height)))
    return [d for d in found if GROUP_OF_LABEL[d.label] != "vehicle"]


def bare_inference(path: Path) -> Callable[[], Any]:
    """Run only ``invoke``, on an input of noise."""
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


if __name__ == "__main__":
    main()
