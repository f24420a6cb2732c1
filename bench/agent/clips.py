"""The cameras of the bench: H.264, 10 frames a second, a keyframe every 2 s, made once and kept."""

from __future__ import annotations

import subprocess
from pathlib import Path

RATE = "512k"
ENCODE = ["-an", "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main", "-bf", "0", "-g", "20"]


def quiet(folder: Path, seconds: int = 60) -> Path:
    """A street-like still picture with the noise of a sensor: nothing moves."""
    return _make(
        folder / f"quiet-{seconds}.mp4",
        # A fractal has edges and texture at all scales, as a street has.
        ["-f", "lavfi", "-i", "mandelbrot=size=640x360:rate=10:maxiter=300:start_scale=0.5:end_scale=0.5"],
        f"loop=loop=-1:size=1,trim=duration={seconds},noise=alls=5:allf=t,format=yuv420p",
    )


def street(folder: Path, source: Path, seconds: int = 60) -> Path:
    """A real clip, forwards and looped, at 640 wide and 10 frames a second."""
    return _make(
        folder / f"street-{source.stem}-{seconds}.mp4",
        ["-stream_loop", "-1", "-i", str(source)],
        f"fps=10,scale=640:-2,trim=duration={seconds},format=yuv420p",
    )


def _make(path: Path, source: list[str], filters: str) -> Path:
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.mp4")
    rate = ["-b:v", RATE, "-maxrate", RATE, "-bufsize", "256k"]
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *source, "-vf", filters, *ENCODE, *rate, str(part)]
    subprocess.run(command, check=True, timeout=300)
    part.rename(path)
    return path
