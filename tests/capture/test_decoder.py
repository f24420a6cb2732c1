"""Which frames are marked as clean: real streams with missing or damaged pictures."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import av
import pytest
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.capture.decode.decoder import VideoDecoder
from edge_agent.capture.decode.h264 import FrameNumWatch
from tests.testbed.clips import make_clip

SLOW = ("-preset", "medium", "-tune", "film")
KINDS = {
    "low-delay": ("-bf", "0"),
    "b-frames": (*SLOW, "-bf", "3"),
    "open-gop": (*SLOW, "-x264-params", "open-gop=1:bframes=3:b-pyramid=normal"),
    "many-references": ("-preset", "fast", "-refs", "5", "-bf", "0"),
    "interlaced": ("-preset", "fast", "-flags", "+ilme+ildct", "-x264-params", "tff=1"),
    "scaling-lists": ("-preset", "fast", "-profile:v", "high", "-x264-params", "cqm=jvt"),
    "several-slices": ("-bf", "0", "-x264-params", "slices=4"),
}

FILM = ("-preset", "veryfast", "-tune", "film", "-bf", "0")
SIXTY_A_SECOND = ("-vf", "fps=60", "-g", "480")


def packets_of(clip: Path) -> tuple[list[Packet[VideoStream]], VideoDecoder]:
    """The packets of a transport stream (Annex B, as in RTSP), and a decoder for them."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        context = cast(VideoCodecContext, av.CodecContext.create(stream.codec_context.name, "r"))
        context.extradata = stream.codec_context.extradata
    return packets, VideoDecoder(context)


def clean_flags(packets: list[Packet[VideoStream]], decoder: VideoDecoder) -> list[bool]:
    decoded = [item for packet in [*packets, None] for item in decoder.decode(packet)]
    return [item.clean for item in decoded]


def patched(packet: Packet[VideoStream], content: bytes) -> Packet[VideoStream]:
    """The packet with other content, otherwise the same."""
    made = cast("Packet[VideoStream]", Packet(content))
    made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
    made.is_keyframe = packet.is_keyframe
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_picture_spoils_what_follows_up_to_the_next_keyframe(kind: str, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.ts", seconds=4, keyframe_s=2, extra=KINDS[kind])
    whole, decoder = packets_of(clip)
    assert all(clean_flags(whole, decoder)), "a whole stream has no gaps"
    packets, decoder = packets_of(clip)
    # The first packet after the keyframe: a reference picture in every kind of stream.
    flags = clean_flags(packets[:1] + packets[2:], decoder)
    assert not all(flags[:18])
    assert all(flags[20:])
    assert decoder.corrupt == flags.count(False) > 10


def test_a_still_picture_into_which_a_person_walks_loses_no_frame(tmp_path: Path) -> None:
    """Slices that skip every macroblock are 8 bytes long, and the first large picture follows them."""
    still_first = ("-vf", "tpad=start_mode=clone:start_duration=2", "-g", "40")
    packets, decoder = packets_of(make_clip(tmp_path / "clip.ts", seconds=2, extra=(*FILM, *still_first)))
    assert min(packet.size for packet in packets) < 24
    assert all(clean_flags(packets, decoder))
    assert decoder.decoded == 40


def test_pictures_repeated_to_a_higher_rate_are_no_loss(tmp_path: Path) -> None:
    packets, decoder = packets_of(make_clip(tmp_path / "clip.ts", extra=(*FILM, *SIXTY_A_SECOND)))
    assert all(clean_flags(packets, decoder))
    assert decoder.decoded == 180


def test_a_loss_between_short_slices_is_noticed(tmp_path: Path) -> None:
    packets, decoder = packets_of(make_clip(tmp_path / "clip.ts", extra=(*FILM, *SIXTY_A_SECOND)))
    flags = clean_flags(packets[:20] + packets[21:], decoder)
    assert flags == [True] * 20 + [False] * 159


def test_a_slice_whose_bits_run_out_is_no_gap(tmp_path: Path) -> None:
    packets, decoder = packets_of(make_clip(tmp_path / "clip.ts", seconds=1))
    watch = FrameNumWatch(decoder.extradata)
    assert not any(watch.gap_before(memoryview(packet)) for packet in packets[:5])
    assert not watch.gap_before(memoryview(b"\0\0\1\x41" + bytes(20)))


def test_a_missing_keyframe_is_noticed_too(tmp_path: Path) -> None:
    packets, decoder = packets_of(make_clip(tmp_path / "clip.ts", seconds=4))
    assert packets[10].is_keyframe
    flags = clean_flags(packets[:10] + packets[11:], decoder)
    # The IDR picture would have begun a new count; 1 follows 9 only by way of 0. libavcodec keeps most of
    # what comes before the next keyframe back, and what it shows is not trusted.
    assert flags.count(True) == 10 + 20


def test_a_picture_cut_short_spoils_what_follows_too(tmp_path: Path) -> None:
    packets, decoder = packets_of(make_clip(tmp_path / "clip.ts"))
    content = bytes(packets[13])
    packets[13] = patched(packets[13], content[: len(content) * 7 // 8])
    flags = clean_flags(packets, decoder)
    assert flags == [True] * 13 + [False] * 7 + [True] * 10
    assert decoder.corrupt == 7


def test_a_missing_h265_picture_never_shows(tmp_path: Path) -> None:
    packets, decoder = packets_of(make_clip(tmp_path / "clip.ts", codec="h265"))
    frames = [item for p in packets[:13] + packets[14:] for item in decoder.decode(p)]
    keyframes = [index for index, p in enumerate(packets) if p.is_keyframe]
    # libavcodec itself keeps back what was predicted from it.
    assert len(frames) <= len(packets) - (keyframes[2] - 13)
    assert all(item.clean for item in frames)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_picture_with_a_piece_missing_spoils_what_follows(tmp_path: Path, codec: str) -> None:
    """The RTP numbers show the gap; libavcodec may decode such a picture and report nothing."""
    packets, decoder = packets_of(make_clip(tmp_path / "clip.ts", codec=codec))
    keyframes = [index for index, p in enumerate(packets) if p.is_keyframe]
    for at in (13, keyframes[2]):
        packets[at].is_corrupt = True
    damaged = {*range(13, keyframes[2] + 10)} & {*range(len(packets))}
    flags = clean_flags(packets, decoder)
    assert [index for index, clean in enumerate(flags) if not clean] == sorted(damaged)


def test_a_jpeg_without_its_end_is_marked_and_spoils_no_other(tmp_path: Path) -> None:
    packets, decoder = packets_of(make_clip(tmp_path / "clip.mkv", codec="mjpeg", seconds=1))
    content = bytes(packets[4])
    packets[4] = patched(packets[4], content[: len(content) // 2])
    flags = clean_flags(packets, decoder)
    assert flags == [True] * 4 + [False] + [True] * 5


def test_draining_makes_ready_for_another_stream(tmp_path: Path) -> None:
    packets, decoder = packets_of(make_clip(tmp_path / "clip.ts", seconds=1))
    first = clean_flags(packets[:7], decoder)
    assert first == [True] * 7
    assert clean_flags(packets, decoder) == [True] * 10


def test_length_prefixed_streams_are_not_judged(tmp_path: Path) -> None:
    packets, _ = packets_of(make_clip(tmp_path / "clip.ts"))
    watch = FrameNumWatch(b"\x01\x64\x00\x1f")
    assert not any(watch.gap_before(memoryview(p)) for p in packets[:3] + packets[9:])


def test_noise_instead_of_a_stream_does_not_break_the_watch() -> None:
    watch = FrameNumWatch(b"")
    noise = b"\0\0\0\1\x67" + bytes(range(7)) + b"\0\0\1\x41\xff\0\0\1\x65"
    for end in range(len(noise)):
        assert not watch.gap_before(memoryview(noise[:end]))


@given(st.binary(max_size=200))
def test_random_parameter_sets_do_not_break_the_watch(payload: bytes) -> None:
    watch = FrameNumWatch(b"\0\0\1\x67" + payload)
    watch.gap_before(memoryview(b"\0\0\1\x41" + payload + bytes(20)))
