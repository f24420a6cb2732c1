"""Two RTSP streams of one scene with different delays: a still shows the moment that was analysed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent.capture import main_stream
from edge_agent.core.load_limits import WorkloadLimits
from edge_agent.core.model import Severity
from edge_agent.stills import recorder
from edge_agent.stills.decode import StillUnavailable
from tests.stills.site import SeenCar, SentStill, StillSite
from tests.testbed.mosquitto import wait_until
from tests.testbed.numbered import car_in, numbered_clip, tick_of
from tests.testbed.rtsp import RtspServer

SUB, SQUEEZED, MAIN = (640, 360), (704, 576), (1920, 1080)
SIGN = ((0.6, 0.2), (0.8, 0.2), (0.8, 0.35), (0.6, 0.35))  # a privacy mask; the car does not pass it


CASES: dict[str, tuple[str, str, dict[str, float]]] = {
    "a slower main stream": ("sub", "main", {"main": 0.42}),
    "a slower, squeezed sub-stream": ("squeezed", "h265", {"sub": 0.33}),
    "a main stream nearly a second late": ("sub", "main", {"main": 0.9}),
}
"""Films of the sub-stream and of the main stream, and how much later than captured each is sent, seconds."""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("scene")

    def make(name: str, size: tuple[int, int], **how: Any) -> Path:
        return numbered_clip(folder / f"{name}.mp4", size, **how)

    with ThreadPoolExecutor() as pool:
        made = {
            "main": pool.submit(make, "main", MAIN),
            "h265": pool.submit(make, "h265", (1280, 720), codec="h265"),
            "sub": pool.submit(make, "sub", SUB, fps=10),
            "squeezed": pool.submit(make, "squeezed", SQUEEZED, fps=10),
        }
        return {name: film.result() for name, film in made.items()}


@dataclass(frozen=True)
class SeenScene:
    """A car of an analysed frame, the stills of it, and what was stored and sent."""

    car: SeenCar
    views: dict[str, SentStill]
    stored: list[str]
    sent: list[str]


@pytest.fixture(scope="module")
def seen_scenes(films: dict[str, Path]) -> dict[str, SeenScene]:
    """Of all cases, at once: each watches a live scene for seconds."""
    with ExitStack() as stack:
        sites = []
        for sub, main, delays in CASES.values():
            delay_s = {f"/{stream}": seconds for stream, seconds in delays.items()}
            mounts = {"/sub": films[sub], "/main": films[main]}
            server = stack.enter_context(RtspServer(mounts, live=True, delay_s=delay_s))
            site = StillSite(server.url("/sub"), server.url("/main"), privacy_masks=(SIGN,))
            sites.append(stack.enter_context(site.run()))
        for site in sites:
            wait_connected(site)
        cars = [[car for car in site.cars(18) if car.tick < 130][-1] for site in sites]
        for site, car in zip(sites, cars, strict=True):
            site.request("zone-1", [car])
        return dict(zip(CASES, map(scene_of, sites, cars), strict=True))


def scene_of(site: StillSite, car: SeenCar) -> SeenScene:
    views = site.views("zone-1")
    sent = [draft.media.media_id for draft in site.outbox.drafts if draft.media is not None]
    return SeenScene(car, views, [media.media_id for media in site.stored], sent)


def wait_connected(site: StillSite) -> None:
    ring = None if site.main is None else site.main.ring
    wait_until(lambda: site.reader.ring.size_bytes > 0, 20)
    wait_until(lambda: not site.armed or (ring is not None and ring.size_bytes > 0), 20)


@contextmanager
def connected(
    sub: Path, main: Path, delay_s: dict[str, float], *, armed: bool = True, **settings: Any
) -> Iterator[StillSite]:
    """A camera whose streams are connected; ``delay_s``: how much later than captured each is sent."""
    with RtspServer({"/sub": sub, "/main": main}, live=True, delay_s=delay_s) as server:
        site = StillSite(server.url("/sub"), server.url("/main"), **settings)
        site.armed = armed
        with site.run():
            wait_connected(site)
            yield site


def pixels_of_the_car(still: SentStill) -> int:
    """The area of the car in a picture of a still, pixels, by its colour."""
    box = car_in(still.pixels)
    assert box is not None
    return round(box.area * int(still.ref["width"]) * int(still.ref["height"]))


@pytest.mark.parametrize("case", CASES)
def test_the_still_shows_the_moment_that_was_analysed(seen_scenes: dict[str, SeenScene], case: str) -> None:
    """Frames are of the main stream, 20 a second. There is a privacy mask, as drawn on the sub-stream."""
    sub, main, delay_s = CASES[case]
    seen, views = seen_scenes[case].car, seen_scenes[case].views
    scene, close, half = (views[name] for name in ("scene", "object", "lower-half"))
    width, height = scene.ref["width"], scene.ref["height"]
    error = tick_of(scene.pixels) - seen.tick
    lag_error_s = scene.ref["lag_ms"] / 1000 - (delay_s.get("main", 0.0) - delay_s.get("sub", 0.0))
    sub_size = SUB if sub == "sub" else SQUEEZED
    ratio = pixels_of_the_car(close) / (seen.moment.box.area * sub_size[0] * sub_size[1])
    print(f"error in frames: {error}, of the lag: {1000 * lag_error_s:.0f} ms; pixels: {ratio:.1f} times")
    assert (scene.ref["source"], scene.ref["aligned_by"]) == ("main", "pictures")
    assert scene.severity is Severity.ALARM
    assert abs(error) <= 1
    assert abs(lag_error_s) < 0.05, "a frame of the main stream"
    assert ratio >= (3 if sub == "sub" else 2), "the squeezed sub-stream has more pixels"
    assert half.ref["width"] >= 1.1 * seen.moment.box.width * (MAIN[0] if main == "main" else 1280)
    masked = scene.pixels[int(0.2 * height) : int(0.35 * height), int(0.6 * width) : int(0.8 * width)]
    assert masked.max() <= 24
    assert seen_scenes[case].stored == seen_scenes[case].sent


def test_without_a_lag_that_is_known_the_sharpest_moment_still_shows_its_own_frame(
    films: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several moments: whichever is taken, its own box is around the car. Sealed, while the board is hot, and
    of a stream that was lost."""
    key = X25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    with connected(films["sub"], films["main"], {"/main": 0.3}) as site:
        cars = [car for car in site.cars(22) if car.tick < 130][-5:]
        site.request("several", cars)
        scene = site.views("several")["scene"]
        car = car_in(scene.pixels)
        assert car is not None
        assert (car.x1, car.x2) == pytest.approx((scene.ref["box"][0], scene.ref["box"][2]), abs=0.012)

        monkeypatch.setattr(recorder, "AFTER_REPORT_S", 0.0)  # the next two wait for no main stream
        site.limiter.current = WorkloadLimits(inference_share=0.5)
        cars = [car for car in site.cars(3) if car.tick < 158][-1:]
        site.request("hot", cars)
        views = site.views("hot")
        assert list(views) == ["scene"], "the sub-stream's whole frame"
        assert (views["scene"].ref["source"], views["scene"].ref["aligned_by"]) == ("sub", "same-stream")
        assert tick_of(views["scene"].pixels) == cars[0].tick
        assert (views["scene"].ref["width"], views["scene"].ref["height"]) == SUB
        site.limiter.current = WorkloadLimits()

        site.recorder._seal_to = key
        site.request("sealed", cars)
        sealed = site.views("sealed")["scene"]
        assert sealed.media.sealed
        assert sealed.ref["sealed_sha256"] == sealed.media.sha256 != sealed.ref["sha256"]


def test_a_request_connects_the_main_stream_for_one_picture_and_leaves_it(
    films: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main_stream, "BEAT_S", 0.5)  # between two questions whether the stream is needed
    with connected(films["sub"], films["main"], {}, armed=False) as site:
        assert site.main is not None
        assert site.main.ring.size_bytes == 0
        media = site.stills.take_now("snapshot-c-1", 20.0)
        picture = cv2.imdecode(np.frombuffer(media.payload, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape[:2] == MAIN[::-1]
        assert not site.main.ring.tapped
        wait_until(lambda: site.main is not None and site.main.ring.size_bytes == 0, 12)


def test_without_a_main_stream_a_request_gives_the_whole_sub_stream(films: dict[str, Path]) -> None:
    with RtspServer({"/sub": films["sub"]}, live=True) as server:
        site = StillSite(server.url("/sub"), None)
        with pytest.raises(StillUnavailable, match="sends nothing"):
            site.stills.take_now("snapshot-c-1", 0.5)
        with site.run():
            wait_until(lambda: site.reader.ring.size_bytes > 20_000, 20)
            media = site.stills.take_now("snapshot-c-2", 5.0)
    picture = cv2.imdecode(np.frombuffer(media.payload, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape[:2] == SUB[::-1]


def test_a_camera_that_is_gone_gets_no_still_and_the_recorder_goes_on(films: dict[str, Path]) -> None:
    with (
        RtspServer({"/sub": films["sub"]}, live=True) as server,
        StillSite(server.url("/sub"), None).run() as site,
    ):
        cars = site.cars(3)[-1:]
        server.kill()
        wait_until(lambda: site.reader.ring.size_bytes == 0, 20)
        site.request("gone", cars)
        wait_until(lambda: site.recorder.missed == 1, 10)
        assert site.outbox.drafts == []
