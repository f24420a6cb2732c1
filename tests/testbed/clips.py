"""Makes short test clips with ffmpeg."""

from __future__ import annotations

import subprocess
from pathlib import Path

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
    return path
