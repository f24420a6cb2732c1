"""How large a crop should be: ``EDGE_AGENT_TEST_DATA=DIR python -m bench.detection.scales``.

Cuts a square around every hand-marked two-wheeler of the Vietnamese street, with sides of several
times its height, and counts how often each model names it. ``side_per_object`` of the detectors comes
from this table. The boxes here are exact; those of motion are not, so the best side is not the tightest.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2

from bench.tracking.truth import Marked, read_truth
from edge_agent.capture.replay import VideoFile
from edge_agent.detection.detector import Detector
from edge_agent.detection.litert import LiteRtDetector
from edge_agent.detection.looks import square
from edge_agent.detection.models import CATALOGUE
from edge_agent.detection.stage import cut_off, in_picture
from edge_agent.model import TWO_WHEELER, Detection, Picture

SIDES = (1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)
SCORES = (0.3, 0.5)
EVERY = 9  # frames: ten pictures of the clip
TRUTH = Path(__file__).parents[2] / "tests/tracking/data/vn_street_motorbikes.gt.csv"

Scene = tuple[Picture, Sequence[Marked]]


def main() -> None:
    data = os.environ.get("EDGE_AGENT_TEST_DATA")
    if not data:
        raise SystemExit("EDGE_AGENT_TEST_DATA is not set: it names a folder with models/ and video/")
    cv2.setNumThreads(1)
    scenes = marked_pictures(Path(data) / "video" / "vn_street_motorbikes.mp4")
    total = sum(len(marked) for _, marked in scenes)
    print(f"{total} marked two-wheelers; share named person or two-wheeler / two-wheeler, by score\n")
    print("| model | side | " + " | ".join(f"any, {s} | two-wheeler, {s}" for s in SCORES) + " |")
    print("|---" * (2 + 2 * len(SCORES)) + "|")
    for entry in CATALOGUE:
        detector = LiteRtDetector(
            Path(data) / "models" / entry.file, ("person", "bicycle", "motorcycle"), SCORES[0]
        )
        for side in SIDES:
            print(f"| {detector.name} | {side} | " + " | ".join(shares(detector, scenes, side)) + " |")


def marked_pictures(clip: Path) -> list[Scene]:
    frames = enumerate(VideoFile(clip, "bench"), start=1)
    pictures = {number: frame.picture for number, frame in frames if number % EVERY == 1}
    size = next((picture.width, picture.height) for picture in pictures.values())
    truth = read_truth(TRUTH, *size)
    return [
        (picture, [thing for thing in truth.get(number, []) if thing.demanded])
        for number, picture in pictures.items()
    ]


def shares(detector: Detector, scenes: Sequence[Scene], side: float) -> list[str]:
    seen = [look(detector, picture, thing, side) for picture, marked in scenes for thing in marked]
    cells = []
    for score in SCORES:
        for groups in (None, TWO_WHEELER):
            named = sum(
                any(d.score >= score and (groups is None or d.group == groups) for d in found)
                for found in seen
            )
            cells.append(f"{named / len(seen):.0%}")
    return cells


def look(detector: Detector, picture: Picture, thing: Marked, side: float) -> list[Detection]:
    """What the detector says about one marked object in its own crop."""
    size = (picture.width, picture.height)
    box = thing.box.clipped()
    longer_px = max(box.width * size[0], box.height * size[1])
    crop = square(box.centre, longer_px * side, size)
    found = [in_picture(d, crop) for d in detector.detect(picture.bgr(crop)) if not cut_off(d.box, crop)]
    return [d for d in found if d.box.iou(box) > 0.25 or d.box.inside(box) > 0.6]


if __name__ == "__main__":
    main()
