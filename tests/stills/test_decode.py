"""Decoding on demand: one group of pictures, within limits, and never more than half of a core."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge_agent.capture.decode.decoder import VideoDecoder
from edge_agent.capture.ring import PacketRing, StreamConnection
from edge_agent.capture.stream_probe import probe_stream
from edge_agent.config.model.settings import GearChoice
from edge_agent.core.clock import SystemClock
from edge_agent.core.load_limits import WorkloadLimiter
from edge_agent.core.model import FULL_PICTURE
from edge_agent.evidence.jpeg import crop
from edge_agent.stills.decode import OnDemandDecoder, StillUnavailable, Target
from edge_agent.stills.maker import CameraStreams, StillMaker
from edge_agent.stills.packets import StreamPackets, packets_in
from tests.capture.viewer import Viewer, auto
from tests.testbed.clips import PLAIN, make_clip
from tests.testbed.ring_feed import RingFeed

FPS = 10


class Leaping(SystemClock):
    """A clock that advances by 15 s whenever it is read."""

    def __init__(self) -> None:
        self._mono = 0.0

    def monotonic(self) -> float:
        self._mono += 15.0
        return self._mono


def stream_of(path: Path) -> StreamPackets:
    """The packets of a file as a ring holds them; each is stamped 100 s after its own time."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        tick_s = float(video.time_base or 0)
        connection = StreamConnection(VideoDecoder(video.codec_context), live=True, tick_s=tick_s)
        packets = [packet for packet in container.demux(video) if packet.size]
    ring = PacketRing(60.0, 50_000_000)
    ring.begin(connection)
    for packet in packets:
        ring.append(packet, 100.0, 100.0 + (packet.pts or 0) * tick_s)
    stream = packets_in(ring)
    assert stream is not None
    return stream


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> StreamPackets:
    return stream_of(make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", fps=FPS, seconds=3))


@pytest.mark.parametrize("options", [(), ("-bf", "2", "-tune", "film")], ids=["plain", "B-frames"])
def test_the_picture_at_a_time_is_found_whatever_their_order(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    stream = stream_of(make_clip(tmp_path / "clip.mp4", fps=FPS, seconds=3, extra=options))
    assert stream.period_s == pytest.approx(1 / FPS)
    first_s = min(stream.time_of(item) for item in stream.packets)
    decoder = OnDemandDecoder(SystemClock(), lambda seconds: None)
    for number in (0, 9, 10, 17):
        wanted_s = first_s + number / FPS
        found = decoder.sharpest(stream, stream.group_at(wanted_s), [Target(wanted_s, FULL_PICTURE)])
        assert found.time_s == pytest.approx(wanted_s)
        assert stream.time_of_stamp(100.0 + wanted_s) == pytest.approx(wanted_s)


def test_no_more_than_the_group_is_decoded_and_no_further_than_needed(stream: StreamPackets) -> None:
    rests: list[float] = []
    decoder = OnDemandDecoder(SystemClock(), rests.append)
    group = stream.group_at(1.35)
    assert len(group) == FPS
    begun_s = time.monotonic()
    decoder.sharpest(stream, group, [Target(1.3, FULL_PICTURE)])
    assert len(rests) <= 5, "1.0 to 1.4 s"
    assert 0 < sum(rests) <= time.monotonic() - begun_s, "as long as decoding took"


def test_a_moment_that_has_left_the_ring_gives_no_still(stream: StreamPackets) -> None:
    decoder = OnDemandDecoder(SystemClock(), lambda seconds: None)
    for wanted_s in (-2.0, 9.0):
        with pytest.raises(StillUnavailable, match="not in memory"):
            decoder.sharpest(stream, stream.group_at(wanted_s), [Target(wanted_s, FULL_PICTURE)])


def test_decoding_that_takes_too_long_ends(stream: StreamPackets) -> None:
    decoder = OnDemandDecoder(Leaping(), lambda seconds: None)
    with pytest.raises(StillUnavailable, match="more than 20"):
        decoder.last(stream, stream.packets)


def test_an_agent_that_stops_does_not_wait_for_a_still(stream: StreamPackets) -> None:
    rests: list[float] = []

    def stopping(seconds: float) -> bool:
        rests.append(seconds)
        return True

    with pytest.raises(StillUnavailable, match="the agent stops"):
        OnDemandDecoder(SystemClock(), stopping).last(stream, stream.packets)
    assert len(rests) == 1


def test_packets_before_a_clock_that_was_set_back_are_left_out(stream: StreamPackets) -> None:
    ring = PacketRing(60.0, 50_000_000)
    ring.begin(stream.connection)
    for _ in range(2):  # the camera's times start again
        for number, item in enumerate(stream.packets):
            ring.append(item.packet, 100.0, 100.0 + number)
    found = packets_in(ring)
    assert found is not None
    assert len(found.packets) == len(stream.packets)
    assert found.packets[0].serial == len(stream.packets) + 1


TURNED = ("-bsf:v", "h264_metadata=display_orientation=insert:rotate=90")
"""Write the orientation into the stream, with each keyframe."""
CORNER = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.4), (0.0, 0.4))


def test_a_still_of_a_turned_stream_is_masked_as_the_live_picture(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "turned.ts", fps=FPS, seconds=1, extra=(*PLAIN, *TURNED))
    camera = dataclasses.replace(auto(gear=GearChoice.FULL), privacy_masks=(CORNER,))
    site = RingFeed(camera, clip)
    pictures = [each.frame.picture for each in Viewer(site).watch().seen]
    assert {(picture.width, picture.height) for picture in pictures} == {(180, 320)}
    assert site.connection.turned_deg == 90
    live = crop(pictures[-1], FULL_PICTURE, (CORNER,), 320)

    maker = StillMaker(
        CameraStreams(camera, site.ring, None), WorkloadLimiter(), SystemClock(), lambda _: False
    )
    payload = maker.take_now(0.0, lambda _: False).payload
    still = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)
    assert still is not None
    assert still.shape == live.shape == (320, 180, 3)
    assert still[:128, :90].max() < 20
    assert np.abs(still.astype(int) - live).mean() < 4, "but for the JPEG"


def test_the_picture_of_a_probe_is_masked_as_the_live_picture(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "turned.ts", fps=FPS, seconds=1, extra=(*PLAIN, *TURNED))
    camera = dataclasses.replace(auto(), url=str(clip))
    assert probe_stream(camera, SystemClock(), picture_only=True).size == (180, 320)
