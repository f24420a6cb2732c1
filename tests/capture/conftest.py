"""Clips and cameras for the capture tests: made once, by ffmpeg, served by real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.testbed.clips import PLAIN, make_clip
from tests.testbed.rtsp import RtspServer

USER, PASSWORD = "viewer@site", "p@:/#%ss"


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Test pictures at 10 fps, a keyframe each second: h264, h265, mjpeg, large (another size)."""
    folder = tmp_path_factory.mktemp("clips")
    return {
        "h264": make_clip(folder / "h264.mp4"),
        "h265": make_clip(folder / "h265.mp4", codec="h265"),
        "mjpeg": make_clip(folder / "mjpeg.mkv", codec="mjpeg", size=(320, 176)),
        "small": make_clip(folder / "small.mp4", seconds=1.5),
        "large": make_clip(folder / "large.mp4", size=(480, 272), seconds=1.5),
    }


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s without B-frames, 10 pictures a second, a keyframe every 2 s."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.ts", seconds=20, keyframe_s=2, extra=PLAIN)


@pytest.fixture(scope="session")
def rtsp(clips: dict[str, Path]) -> Iterator[RtspServer]:
    """A healthy camera server; tests that disturb a server start their own."""
    mounts: dict[str, Path | list[Path]] = {f"/{name}": clips[name] for name in ("h264", "h265", "mjpeg")}
    mounts["/resized"] = [clips["small"], clips["large"]]
    mounts["/lossy"] = clips["h264"]
    with RtspServer(mounts, audio=["/voice"], drop={"/lossy": [13]}) as server:
        yield server


@pytest.fixture(scope="session")
def jpegs() -> list[bytes]:
    """Eight JPEG pictures of a moving disc, 320x176."""
    pictures = []
    for x in range(40, 280, 30):
        picture = cv2.circle(np.full((176, 320, 3), 90, np.uint8), (x, 88), 24, (0, 200, 255), -1)
        pictures.append(cv2.imencode(".jpg", picture)[1].tobytes())
    return pictures
