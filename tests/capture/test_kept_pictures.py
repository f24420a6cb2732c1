"""Memory that a stream requires without announcing it: by H.265 slices, and by many small NAL units."""

from __future__ import annotations

import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.capture.decode.decoder import VideoDecoder
from edge_agent.capture.decode.h265 import PPS, SPS, ReferenceSets, begins_picture, sequence_format
from edge_agent.capture.decode.picture_limits import PictureLimits, PictureTooLarge
from tests.capture.test_decoder import packets_of, patched
from tests.capture.test_hostile_cameras import little_memory
from tests.testbed.clips import make_clip
from tests.testbed.h265_writer import BitWriter, announcing, picture, sequence, video

LARGE = (1920, 1080)


def units(stream: bytes) -> list[bytes]:
    return re.split(b"\0\0\0?\1", stream)[1:]


def read_sets(stream: bytes) -> list[int]:
    """How many other pictures each picture of the stream requires."""
    sets, found = ReferenceSets(), []
    for unit in units(stream):
        kind = unit[0] >> 1 & 63
        if kind == SPS:
            made = sequence_format(unit)
            assert made is not None
            sets.add_sequence(made)
        elif kind == PPS:
            sets.add_picture(unit)
        elif begins_picture(unit[:3]):
            found.append(sets.pictures(unit))
    return found


X265 = {
    "b-pyramid": ("yuv420p", "ref=8:bframes=4:b-pyramid=1:open-gop=1:keyint=8:min-keyint=8"),
    "many": ("yuv420p", "ref=16:bframes=0:allow-non-conformance=1"),
    "slices": ("yuv420p10le", "slices=4:wpp=1:scaling-list=default:log2-max-poc-lsb=16:keyint=8"),
    "fields": ("yuv444p", "interlace=tff:ctu=16:min-cu-size=8:repeat-headers=1:aud=1:temporal-layers=3"),
}


@pytest.mark.parametrize("kind", X265)
def test_reference_picture_sets_are_read_as_ffmpeg_reads_them(kind: str, tmp_path: Path) -> None:
    pixels, options = X265[kind]
    extra = ("-preset", "superfast", "-pix_fmt", pixels, "-x265-params", f"log-level=error:{options}")
    clip = make_clip(tmp_path / "clip.hevc", codec="h265", size=(192, 128), seconds=2, extra=extra)
    expected: list[int] = []
    for name, value in traced(clip):
        if name == "first_slice_segment_in_pic_flag":
            expected.append(0)
        elif name in ("num_negative_pics", "num_positive_pics"):
            expected[-1] += value
    assert max(expected) >= 3
    assert read_sets(clip.read_bytes()) == expected


def traced(clip: Path) -> list[tuple[str, int]]:
    """The fields that ffmpeg reads in the first slice of each picture."""
    command = [
        "ffmpeg",
        "-v",
        "verbose",
        "-i",
        str(clip),
        "-c",
        "copy",
        "-bsf:v",
        "trace_headers",
        "-f",
        "null",
    ]
    log = subprocess.run([*command, "-"], check=True, capture_output=True, text=True, timeout=30).stderr
    found = re.findall(r"\] \d+ +(\S+) +[01]+ = (\d+)", log)
    fields = [(name, int(value)) for name, value in found]
    begun = [index for index, field in enumerate(fields) if field[0] == "first_slice_segment_in_pic_flag"]
    ends = [*begun[1:], len(fields)]
    firsts = [fields[at:end] for at, end in zip(begun, ends, strict=True) if fields[at][1]]
    return [field for slice_fields in firsts for field in slice_fields]


def test_a_stream_that_keeps_more_than_it_announces_is_refused_in_time(tmp_path: Path) -> None:
    options = "log-level=error:ref=16:bframes=0:allow-non-conformance=1:scenecut=0"
    extra = ("-x265-params", options, "-g", "99")
    clip = make_clip(
        tmp_path / "c.ts", codec="h265", size=(1920, 1088), seconds=1.2, source="color", extra=extra
    )
    packets, plain = packets_of(clip)
    packets[0] = patched(packets[0], announcing(bytes(packets[0]), kept=4))
    plain.context.extradata = b""
    decoder = VideoDecoder(plain.context, limited=True)
    with little_memory(), pytest.raises(PictureTooLarge, match="1920x1088, and 12 of them"):
        decode_all(decoder, packets)


def decode_all(decoder: VideoDecoder, packets: list[Packet[VideoStream]]) -> None:
    for packet in packets:
        decoder.decode(packet)


def kept(before: int, after: int = 0) -> BitWriter:
    """A short-term reference picture set."""
    made = BitWriter().ue(before, after)
    for _ in range(before + after):
        made.ue(0).u((1, 1))
    return made


def first_picture(asked: BitWriter, parameters: bytes, *, extra: int = 0) -> bytes:
    """A first picture that claims to follow many others; ``asked``: the reference set in its slice."""
    made = BitWriter().u((1, 1), (0, 1)).ue(0).u((0, extra)).ue(2).u((0, 1 if extra else 0), (100, 8))
    made.bits += asked.bits
    header = video() + parameters + picture(output_flag=extra > 0, extra=extra)
    return header + made.ue(0).u((1, 1), (0, 200)).unit(21)


def limited(codec: str, content: bytes) -> tuple[VideoDecoder, Packet[VideoStream]]:
    """A decoder with limits, and a packet for it."""
    context = cast(VideoCodecContext, CodecContext.create(codec, "r"))
    return VideoDecoder(context, limited=True), cast("Packet[VideoStream]", Packet(content))


TWO_SETS = BitWriter().ue(2)
TWO_SETS.bits += kept(10).u((1, 1), (1, 1)).ue(0).u(*[(1, 1)] * 11).bits
"""Ten pictures; and a set predicted from it that has them and the one that they belong to."""
LISTED = BitWriter().ue(3).u((1, 8), (1, 1), (2, 8), (1, 1), (3, 8), (1, 1))
HOSTILE = {
    "its own set": (30, BitWriter("0" + kept(15, 15).bits), {}, 0),
    "a set of the parameters": (11, BitWriter("11"), {"sets": TWO_SETS}, 0),
    "a predicted set": (
        11,
        BitWriter("01").ue(0).u((1, 1)).ue(0).u(*[(1, 1)] * 9, (0, 1), (1, 1), (0, 2), (1, 1)),
        {"sets": TWO_SETS},
        3,
    ),
    "long-term pictures": (
        11,
        BitWriter("0").ue(0, 0).ue(2, 9).u((0, 6), *[(n, 10) for n in range(9)]),
        {"long_term": LISTED},
        0,
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_first_picture_that_claims_to_follow_many_is_refused(kind: str) -> None:
    """libavcodec makes a grey picture for each of them: 283 MB for 30 of 1920x1080."""
    count, asked, parameters, extra = HOSTILE[kind]
    stream = first_picture(asked, sequence(LARGE, kept=1, **parameters), extra=extra)  # type: ignore[arg-type]
    assert read_sets(stream) == [count]
    decoder, packet = limited("hevc", stream)
    with little_memory(), pytest.raises(PictureTooLarge, match=f"1920x1080, and {count + 3} of them"):
        decoder.decode(packet)


def test_a_parameter_set_that_libavcodec_refuses_hides_nothing() -> None:
    asked = BitWriter("0" + kept(15, 15).bits)
    refused = sequence((64, 64), kept=16, order_bits=4)[:-1]
    stream = first_picture(asked, sequence(LARGE, kept=1) + refused)
    with pytest.raises(PictureTooLarge, match="1920x1080, and 33 of them"):
        PictureLimits("hevc", b"").check(memoryview(stream), 0)


def test_parameter_sets_that_change_all_the_time_are_refused() -> None:
    changing = b"".join(sequence(LARGE, kept=1, order_bits=bits) for bits in range(4, 12))
    with pytest.raises(PictureTooLarge, match="change more often"):
        PictureLimits("hevc", b"").check(memoryview(changing), 0)


@pytest.mark.parametrize(("codec", "unit"), [("h264", b"\0\0\1\x06\x80"), ("hevc", b"\0\0\1\x40\1\xff")])
def test_a_picture_of_very_many_units_is_refused(codec: str, unit: bytes) -> None:
    """4 MB of them took 3.4 GB."""
    decoder, packet = limited(codec, unit * 400_000)
    with little_memory(), pytest.raises(PictureTooLarge, match="NAL units, which are too much memory"):
        decoder.decode(packet)


def pps_h264(number: int) -> bytes:
    """A picture parameter set with scaling lists of its own."""
    made = BitWriter().ue(number, 0).u((0, 2)).ue(0, 0, 0).u((0, 3)).ue(0, 0, 0).u((0, 3), (1, 1), (1, 1))
    for size in (16,) * 6 + (64,) * 2:
        made.u((1, 1)).ue(1, *(2 - index % 2 for index in range(1, size)))
    return b"\0\0\1\x68" + made.ue(0).unit(0)[6:]


def test_very_many_parameter_sets_are_refused(tmp_path: Path) -> None:
    """libavcodec makes 184 KB of each of H.264's, and 7.5 MB of one of H.265's that has 900 bytes."""
    clip = make_clip(tmp_path / "c.ts", size=LARGE, seconds=0.1, extra=("-refs", "9", "-bf", "0"))
    first = bytes(packets_of(clip)[0][0])
    many = b"".join(pps_h264(number) for number in range(1, 256))
    layers = b"".join(video(number, timings=1024) for number in range(16))
    for codec, content in (("h264", first + many), ("hevc", layers)):
        decoder, packet = limited(codec, content)
        with little_memory(), pytest.raises(PictureTooLarge, match="its parameter sets are too much memory"):
            decoder.decode(packet)


def test_large_parameter_sets_of_h264_are_read_too() -> None:
    """255 offsets before the number of reference pictures."""
    made = BitWriter().u((66, 8), (0, 8), (52, 8)).ue(0, 0, 1).u((0, 1)).ue(0, 0, 255, *[70_000] * 255)
    made.ue(16).u((0, 1)).ue(239, 134).u((1, 1), (0, 3))
    unit = made.unit(0)
    with pytest.raises(PictureTooLarge, match="3840x2160, and 18 of them"):
        PictureLimits("h264", b"").check(memoryview(unit[:4] + b"\x67" + unit[6:]), 0)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.binary(max_size=120))
def test_random_units_of_h265_break_nothing(payload: bytes) -> None:
    limits = PictureLimits("hevc", video() + sequence(LARGE, kept=2) + picture())
    for head in (b"\x42\1", b"\x44\1", b"\2\1\xd0", b"\x2a\1\xc8"):
        with suppress(PictureTooLarge):
            limits.check(memoryview(b"\0\0\1" + head + payload), 0)
