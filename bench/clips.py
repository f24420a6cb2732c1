"""The cameras of the bench as files, made once and cached: codec, bit rate and keyframe interval are
fixed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench import drawing
from bench.drawing import Camera, Pixels
from bench.plan import Plan

ENCODERS = {
    "h264": [
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-profile:v",
        "main",
        "-bf",
        "0",
        "-sc_threshold",
        "0",
    ],
    "h265": ["-c:v", "libx265", "-preset", "veryfast", "-tag:v", "hvc1"],
}
VERSION = 1
"""Increased when the pictures or the encoding change, so that cached clips of an older version are not
used."""


@dataclass(frozen=True, slots=True)
class Clip:
    """``content``: ``quiet``, one of ``DRAWN``, or the name of a file in video/ of the footage, looped."""

    content: str
    width: int = 640
    height: int = 360
    fps: int = 10
    codec: str = "h264"
    kbps: int = 512
    keyframe_s: float = 2.0
    seconds: int = 60

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def about(self) -> str:
        codec = {"h264": "H.264", "h265": "H.265"}[self.codec]
        return (
            f"{self.width}x{self.height}@{self.fps} {codec}, {self.kbps} kbit/s, "
            f"a keyframe every {self.keyframe_s:g} s"
        )

    def file(self, plan: Plan) -> Path:
        """Path of the clip, which the first call makes. Raises Skip when its footage is missing."""
        if self.content == "quiet":
            return _made(plan.cache, self, _quiet_source(self), f"{_NOISE},trim=duration={self.seconds}")
        if (draw := DRAWN.get(self.content)) is not None:
            return drawn(plan.cache, self, lambda camera: draw(camera, self.fps, self.seconds))
        source = ["-stream_loop", "-1", "-i", str(plan.footage(self.content))]
        scale = f"scale={self.width}:{self.height}"
        return _made(plan.cache, self, source, f"fps={self.fps},{scale},trim=duration={self.seconds}")


DRAWN: dict[str, Callable[[Camera, int, float], Iterable[Pixels]]] = {
    "busy": drawing.busy,
    "ordinary": drawing.ordinary,
}

_NOISE = "loop=loop=-1:size=1,noise=alls=5:allf=t"


def _quiet_source(clip: Clip) -> list[str]:
    # A fractal has edges and texture at all scales, as a street has.
    size = f"{clip.width}x{clip.height}"
    return [
        *("-f", "lavfi"),
        *("-i", f"mandelbrot=size={size}:rate={clip.fps}:maxiter=300:start_scale=0.5:end_scale=0.5"),
    ]


def drawn(cache: Path, clip: Clip, draw: Callable[[Camera], Iterable[Pixels]], name: str = "") -> Path:
    """A clip of drawn pictures; ``name`` distinguishes it from others of the same ``clip``."""
    pixels = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{clip.width}x{clip.height}", "-r", str(clip.fps)]

    def pictures() -> Iterable[Pixels]:
        return draw(Camera(clip.width, clip.height))

    return _made(cache, clip, [*pixels, "-i", "-"], "null", pictures, name)


def _made(
    cache: Path,
    clip: Clip,
    source: list[str],
    filters: str,
    pictures: Callable[[], Iterable[Pixels]] = tuple,
    name: str = "",
) -> Path:
    parts = [Path(clip.content).stem, name, f"{clip.width}x{clip.height}@{clip.fps}", clip.codec]
    parts += [f"{clip.kbps}k", f"{clip.keyframe_s:g}s", f"{clip.seconds}s", f"v{VERSION}"]
    path = cache / ("-".join(part for part in parts if part) + ".mp4")
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.mp4")
    command = ["ffmpeg", "-v", "error", "-nostats", "-y", *source, "-an"]
    command += ["-vf", f"{filters},format=yuv420p", *_encoding(clip), str(part)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        for picture in pictures():
            process.stdin.write(picture.tobytes())
        _, said = process.communicate(timeout=300)
    if process.returncode != 0:
        raise RuntimeError(f"ffmpeg could not make {path.name}: {said.decode(errors='replace')}")
    part.rename(path)
    return path


def _encoding(clip: Clip) -> list[str]:
    every = round(clip.fps * clip.keyframe_s)
    rate = ["-b:v", f"{clip.kbps}k", "-maxrate", f"{clip.kbps}k", "-bufsize", f"{clip.kbps // 2}k"]
    keyframes = ["-g", str(every), "-keyint_min", str(every)]
    if clip.codec == "h265":
        options = f"log-level=error:bframes=0:scenecut=0:open-gop=0:keyint={every}:min-keyint={every}"
        keyframes = ["-x265-params", options]
    return [*ENCODERS[clip.codec], *keyframes, *rate]
