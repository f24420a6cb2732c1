"""Under overload, frames are skipped and counted, and none is analysed too late."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_agent.capture.decode.decoder import DecodedFrame, VideoDecoder
from edge_agent.capture.feed import MAX_CATCH_UP_S
from edge_agent.config.model.settings import GearChoice, Ring
from edge_agent.core.model import CameraState, DecodeMode
from tests.capture.rig import ChangedSource, opening, reader_of, running
from tests.capture.test_gears import straight, tenths
from tests.capture.viewer import Viewer, auto
from tests.testbed.clips import PLAIN, make_clip
from tests.testbed.mjpeg_server import MjpegServer
from tests.testbed.mosquitto import wait_until
from tests.testbed.ring_feed import RingFeed

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

WAKE_S, CALM_S = 17.4, 45.0


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute, 10 pictures a second, a keyframe every 2 s, the first at 1.4 s."""
    return make_clip(tmp_path_factory.mktemp("load") / "clip.ts", seconds=60, keyframe_s=2, extra=PLAIN)


def moves(time_s: float) -> bool:
    return WAKE_S - 0.1 < time_s < CALM_S


@pytest.mark.parametrize("analysis_s", [0.19, 0.3, 1.0, 3.0])
def test_a_detector_that_cannot_catch_up_analyses_the_newest_frames(clip: Path, analysis_s: float) -> None:
    watched = Viewer(RingFeed(auto(fps=5), clip), moves, analysis_s).watch()
    ages = [seen.age_s for seen in watched.seen if seen.time_s > WAKE_S + MAX_CATCH_UP_S + 2 * analysis_s]
    assert max(seen.age_s for seen in watched.seen) < 2.5 + MAX_CATCH_UP_S
    assert max(ages) < 0.2 + analysis_s
    assert watched.site.mode_control.stats.wake_ups >= 1
    assert watched.site.health.status().dropped > 0
    assert watched.rises()


@pytest.mark.parametrize("analysis_s", [0.0, 0.05, 0.1])
def test_a_detector_that_can_catch_up_analyses_every_frame(clip: Path, analysis_s: float) -> None:
    watched = Viewer(RingFeed(auto(fps=5), clip), moves, analysis_s).watch()
    begin_s, end_s = WAKE_S - 2, CALM_S
    seen = [time_s for time_s in watched.times() if begin_s <= time_s <= end_s]
    assert seen == [round(begin_s + n / 5, 2) for n in range(len(seen))]
    assert (watched.site.health.status().dropped, watched.rises()) == (0, True)
    assert watched.seen[-1].age_s == 0.0


@pytest.mark.parametrize("decode_s", [0.15, 0.3])
def test_a_core_that_cannot_catch_up_decodes_what_is_new_and_the_camera_is_degraded(
    clip: Path, decode_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site = RingFeed(auto(fps=5), clip, decode_s=decode_s)
    states: dict[CameraState, str | None] = {}

    def moves_and_notes(time_s: float) -> bool:
        status = site.health.status()
        states[status.state] = status.detail
        return moves(time_s)

    watched = Viewer(site, moves_and_notes).watch()
    ages = [seen.age_s for seen in watched.seen if seen.time_s > WAKE_S + MAX_CATCH_UP_S]
    assert max(seen.age_s for seen in watched.seen) < 2.5 + MAX_CATCH_UP_S
    assert max(ages) < 2.0
    assert site.health.status().dropped > 50
    assert watched.rises()
    assert states[CameraState.DEGRADED] == "decoding cannot keep up, pictures are left out"
    assert "decoding cannot keep up" in caplog.text
    pictures, _ = straight(clip)
    for seen in watched.seen:
        np.testing.assert_array_equal(seen.frame.picture.luma(), pictures[tenths(seen.frame)])


@pytest.mark.parametrize("gear", [GearChoice.FULL, GearChoice.IDLE, GearChoice.AUTO])
def test_a_pipeline_that_was_stuck_does_not_blame_the_camera(clip: Path, gear: GearChoice) -> None:
    site = RingFeed(auto(gear=gear), clip)
    watched = Viewer(site, moves)
    states = set()
    for time_s in site.arrive():
        if WAKE_S + 0.05 < time_s < WAKE_S + 35:
            continue  # three times what the ring holds, and what a camera may be without a picture
        watched.analyse_waiting()
        states.add(site.health.status().state)
    assert states == {CameraState.ONLINE}
    assert watched.times()[-1] > 58
    if gear is GearChoice.FULL:
        assert site.health.status().dropped >= 240, "what the ring has let go is counted"
    assert site.mode_control.mode is {GearChoice.FULL: DecodeMode.FULL}.get(gear, DecodeMode.IDLE)


def test_the_ring_holds_what_it_is_allowed_to(clip: Path) -> None:
    site = RingFeed(auto(ring=Ring(10.0, 100_000)), clip)
    most = max(site.ring.size_bytes for _ in site.arrive())
    assert 60_000 < most <= 100_000


class SlowDecoder(VideoDecoder):
    """The real decoder on a core that is too slow for 50 pictures a second."""

    def decode(self, packet: Packet[VideoStream] | None) -> list[DecodedFrame]:
        threading.Event().wait(0.1)
        return super().decode(packet)


class SlowSource(ChangedSource):
    def decoder(self) -> VideoDecoder:
        return SlowDecoder(super().decoder().context)


def test_pictures_over_http_that_wait_in_the_socket_are_left_out(jpegs: list[bytes]) -> None:
    with (
        MjpegServer(jpegs, fps=50) as server,
        running(reader_of(server.url, fps=50, opener=opening(SlowSource))) as reader,
    ):
        wait_until(lambda: reader.status().state is CameraState.DEGRADED)
        status = reader.status()
    assert (status.cause, status.corrupt, status.reconnects) == (None, 0, 0)
    assert status.dropped > 0
