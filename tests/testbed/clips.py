"""Makes short test clips with ffmpeg, each of them once in a run of the tests."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

CLIP_FOLDER = "EDGE_AGENT_TEST_CLIPS"
"""Environment variable: the folder that the processes of one run of the tests share."""

PLAIN = ("-bf", "0")
"""Options of a stream without B-frames."""
ENCODERS = {
    "h264": ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"],
    "h265": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:bframes=0"],
    "mjpeg": ["-c:v", "mjpeg", "-q:v", "5", "-pix_fmt", "yuvj420p"],
}


def make_clip(
    path: Path,
    *,
    codec: str = "h264",
    size: tuple[int, int] = (320, 180),
    fps: float = 10,
    seconds: float = 3,
    keyframe_s: float = 1,
    source: str = "testsrc2",
    extra: tuple[str, ...] = (),
) -> Path:
    """A clip of ffmpeg's moving test picture (or another lavfi ``source``); returns ``path``.

    The container follows the suffix; use .mkv for MJPEG. ``extra``: more ffmpeg output options.
    """
    wanted = (codec, size, fps, seconds, keyframe_s, source, extra)
    return made_once(path, repr(wanted), lambda path: _encode(path, *wanted))


def _encode(
    path: Path,
    codec: str,
    size: tuple[int, int],
    fps: float,
    seconds: float,
    keyframe_s: float,
    source: str,
    extra: tuple[str, ...],
) -> None:
    width, height = size
    pixels = [] if codec == "mjpeg" else ["-pix_fmt", "yuv420p"]
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi"),
            *("-i", f"{source}=size={width}x{height}:rate={fps}:duration={seconds}"),
            *(*ENCODERS[codec], *pixels, "-g", str(round(fps * keyframe_s)), *extra, str(path)),
        ],
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if codec == "h265" else None,  # x265 writes its banner past -v
    )


def made_once(path: Path, wanted: str, make: Callable[[Path], object]) -> Path:
    """Copy a clip that another test has made to ``path``, or ``make`` it; returns ``path``.

    ``wanted`` says in full what is in the clip."""
    folder = os.environ.get(CLIP_FOLDER)
    if folder is None:
        make(path)
        return path
    digest = hashlib.sha256(wanted.encode()).hexdigest()
    kept = Path(folder) / f"{digest}{path.suffix}"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=folder) as new:  # two workers may make it at the same time
            make(Path(new) / path.name)
            (Path(new) / path.name).replace(kept)
    shutil.copyfile(kept, path)
    return path
