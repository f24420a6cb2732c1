"""Streams that are not as they should be, in every gear: what is told of them, and that pictures go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from av.packet import Packet

from edge_agent.model import CameraState, Gear
from tests.capture.test_decoder import patched
from tests.capture.viewer import Viewer, auto
from tests.testbed.clips import make_clip
from tests.testbed.ring_feed import RingFeed

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    VideoPacket = Packet[VideoStream]

PLAIN = ("-bf", "0")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 s, 10 pictures and a keyframe a second, the first at 1.4 s."""
    return make_clip(tmp_path_factory.mktemp("odd") / "plain.ts", seconds=16, extra=PLAIN)


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 s with a keyframe every 4 s."""
    return make_clip(tmp_path_factory.mktemp("odd") / "rare.ts", seconds=24, keyframe_s=4, extra=PLAIN)


def between(begin_s: float, end_s: float) -> Callable[[float], bool]:
    return lambda time_s: begin_s < time_s < end_s


def noise(packet: VideoPacket) -> VideoPacket:
    return patched(packet, bytes(range(256)) * 4)


def cut(packet: VideoPacket) -> VideoPacket:
    content = bytes(packet)
    return patched(packet, content[: len(content) // 2])


@pytest.mark.parametrize("damage", [noise, cut])
@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_a_damaged_keyframe_wakes_the_camera_and_it_rests_again(
    codec: str, damage: Callable[[VideoPacket], VideoPacket], tmp_path: Path
) -> None:
    suffix, extra = (".ts", PLAIN) if codec == "h264" else (".mkv", ())
    clip = make_clip(tmp_path / f"clip{suffix}", codec=codec, seconds=20, extra=extra)
    site = RingFeed(auto(), clip, edit=lambda n, packet: damage(packet) if n == 80 else packet)
    watched = Viewer(site).watch()
    assert watched.rises()
    assert site.gearbox.stats.wake_ups == 1, "nobody knows what it showed: what was before it is looked at"
    assert site.gearbox.stats.kept_full is None
    assert site.gearbox.gear is Gear.IDLE
    assert site.health.status().state is CameraState.ONLINE
