"""The pictures of the site's cameras: footage if there is some, else a rendered person walking by."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.conftest import TEST_DATA
from tests.testbed.walker import walking_clip

MODEL = "yolox_nano_float16_quantize.tflite"
LABELS = "coco_labels_80.txt"
PEOPLE, CARS = "one-by-one-person-detection.mp4", "car-detection.mp4"


def model() -> Path | None:
    """A detection model that an operator adds; None: only the one that ships."""
    folder = os.environ.get(TEST_DATA)
    return Path(folder, "models", MODEL) if folder else None


def sub_streams(folder: Path) -> dict[str, Path]:
    """Two clips as sub-streams come from a camera: 640x360, H.264, 10 pictures and one keyframe a second."""
    data = os.environ.get(TEST_DATA)
    if not data:
        walker = walking_clip(folder / "walker.mp4")
        # The rendered place has no sharp detail, but a lens in focus has.
        clip = _sub_stream(walker, folder / "cam.mp4", ",drawgrid=w=80:h=60:t=1:c=black@0.5")
        return {"/cam-1": clip, "/cam-2": clip}
    return {
        f"/cam-{number}": _sub_stream(Path(data, "video", name), folder / f"cam-{number}.mp4")
        for number, name in enumerate((PEOPLE, CARS), 1)
    }


def _sub_stream(source: Path, target: Path, more: str = "") -> Path:
    picture = ("-an", "-vf", f"scale=640:360{more}", "-r", "10", "-pix_fmt", "yuv420p")
    codec = ("-c:v", "libx264", "-preset", "veryfast", "-g", "10", "-bf", "0")
    subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-i", str(source), "-t", "30", *picture, *codec, str(target)],
        check=True,
        timeout=120,
    )
    return target
