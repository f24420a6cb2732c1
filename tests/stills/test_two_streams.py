"""Two RTSP streams of one scene with different delays: a still shows the moment that was analysed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.capture.rig import eventually
from tests.stills.site import StillSite
from tests.testbed.numbered import numbered_clip, tick_of
from tests.testbed.rtsp import RtspServer

SUB, MAIN = (640, 360), (1920, 1080)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("scene")
    return {
        "/sub": numbered_clip(folder / "sub.mp4", SUB, fps=10),
        "/main": numbered_clip(folder / "main.mp4", MAIN),
    }


@contextmanager
def site(files: dict[str, Path], delay_s: dict[str, float]) -> Iterator[StillSite]:
    """A camera whose streams have been connected long enough; ``delay_s``: of each stream's pictures."""
    with (
        RtspServer(files, live=True, delay_s=delay_s) as server,
        StillSite(server.url("/sub"), server.url("/main")).run() as site,
    ):
        main = site.main
        assert main is not None
        eventually(lambda: main.ring.size_bytes > 0 and site.reader.ring.size_bytes > 0, 20)
        yield site


@pytest.mark.parametrize(
    "delay_s",
    [{"/main": 0.42}, {"/sub": 0.33}, {"/main": 0.9}],
    ids=["a slower main stream", "a slower sub-stream", "a main stream that is nearly a second late"],
)
def test_the_still_shows_the_moment_that_was_analysed(
    files: dict[str, Path], delay_s: dict[str, float]
) -> None:
    with site(files, delay_s) as camera:
        cars = [car for car in camera.cars(25) if car.tick < 130]
        seen = cars[-1:]
        camera.request("zone-1", seen)
        views = camera.views("zone-1")
    scene = views["scene"]
    error = tick_of(scene.pixels) - seen[0].tick  # a tick is a frame of the main stream
    lag_error_s = scene.ref["lag_ms"] / 1000 - (delay_s.get("/main", 0.0) - delay_s.get("/sub", 0.0))
    print(f"error in frames: {error}, of the lag: {1000 * lag_error_s:.0f} ms")
    assert (scene.ref["source"], scene.ref["aligned_by"]) == ("main", "pictures")
    assert abs(error) <= 1
    assert abs(lag_error_s) < 0.05
