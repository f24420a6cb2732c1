"""Clips for the cameras of a lab: real ones of a folder, or drawn people."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import av

from demo.lab.children import LabFailed
from tests.testbed.walker import WalkPath, people_clip
from tests.testbed.walker_model import WALKER_MODEL

SUFFIXES = (".mp4", ".mov", ".mkv", ".avi")
CODECS = ("h264", "hevc", "mjpeg")
"""What the RTSP server can send (tests/testbed/rtsp_server.py)."""
MAX_BYTES = 200_000_000
"""Of a clip: the RTSP server reads it into memory."""
DRAWN, DRAWN_S = 3, 24.0
"""Number of different drawn clips, and the length of each."""
FETCHED = Path(".cache/vtest.avi")


@dataclass(frozen=True, slots=True)
class CameraClips:
    """``files``: one for each camera. ``model``: value of ``detector.model`` that detects what is in them."""

    files: tuple[Path, ...]
    model: str
    said: str  # for the user


def choose_clips(folder: Path | None, count: int, made: Path) -> CameraClips:
    """Choose ``count`` clips of the folder, else the one that `make run` has fetched, else draw them.
    ``made``: a folder for new files. Raises LabFailed."""
    made.mkdir()
    if folder is not None:
        if not (found := _usable(folder, count)):
            raise LabFailed(f"{folder}: has no clip of {', '.join(CODECS)} up to {MAX_BYTES // 10**6} MB")
        files = tuple(found[number % len(found)] for number in range(count))
        return CameraClips(files, "auto", f"{len(found)} clips of {folder}, looped; the model that ships")
    if FETCHED.is_file():
        files = (_encoded(FETCHED, made / "people.mp4"),) * count
        return CameraClips(files, "auto", f"{FETCHED} of `make run`, looped; the model that ships")
    drawn = [_draw(made / f"people-{number + 1}.mp4", number) for number in range(min(DRAWN, count))]
    files = tuple(drawn[number % DRAWN] for number in range(count))
    return CameraClips(files, str(WALKER_MODEL), "drawn people; give real clips with --clips FOLDER")


def _usable(folder: Path, most: int) -> list[Path]:
    found: list[Path] = []
    for path in sorted(folder.rglob("*")):
        if len(found) < most and path.suffix in SUFFIXES and path.stat().st_size <= MAX_BYTES:
            found += [path.absolute()] if _codec(path) in CODECS else []
    return found


def _codec(path: Path) -> str | None:
    """The codec of the first video stream; None: there is none that can be read."""
    try:
        with av.open(str(path)) as container:
            return container.streams.video[0].codec_context.name if container.streams.video else None
    except (av.FFmpegError, OSError):
        return None


def _encoded(source: Path, target: Path) -> Path:
    """Encode a clip as H.264, which the RTSP server can send."""
    options = ["-an", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "20", "-pix_fmt", "yuv420p"]
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(source), *options, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabFailed(f"{source}: cannot be encoded: {done.stderr.strip()}")
    return target


def _draw(path: Path, number: int) -> Path:
    """People who cross the place one after the other, other ones in each clip."""
    ways = [_crossing(3.0 + 2.0 * number), _crossing(14.0 - 1.5 * number, back=True)]
    return people_clip(path, ways, DRAWN_S)


def _crossing(begins_s: float, *, back: bool = False) -> WalkPath:
    """The way of a person through the picture in 7 s; ``back``: from right to left."""

    def way(now_s: float) -> tuple[float, float] | None:
        share = (now_s - begins_s) / 7.0
        if not 0 <= share < 1:
            return None
        return (-30 + 700 * (1 - share if back else share)), 300.0

    return way
