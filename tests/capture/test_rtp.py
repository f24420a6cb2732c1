"""RTP packets to pictures: what encoders and cameras send, and invalid packets."""

from __future__ import annotations

import contextlib

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.capture.failures import CameraFault, Fault
from edge_agent.capture.network.rtp import TRUSTED_AFTER, AccessUnit, AccessUnitAssembler
from edge_agent.capture.network.sdp import SdpMedia, joined, video_of
from edge_agent.capture.network.streams import FORMATS
from tests.testbed.scripted_rtsp import interleaved

IDR, SLICE, SEI, SPS = (
    b"\x65\x88" + bytes(20),
    b"\x41\x9a" + bytes(20),
    b"\x06\x05\x01\x00",
    b"\x67\x42\x00\x1f",
)
LOWER_SLICE = b"\x41\x5a" + bytes(20)  # its first macroblock is not the picture's first
PPS = b"\x68\xce\x3c"
START = b"\0\0\0\1"


def assembler(codec: str = "h264") -> AccessUnitAssembler:
    return AccessUnitAssembler(SdpMedia("rtsp://c/v", codec, 96, 90_000, b""), FORMATS[codec]())


def fed(*packets: bytes, codec: str = "h264") -> list[AccessUnit]:
    """``packets`` with the four bytes that RTSP puts before each."""
    made = assembler(codec)
    return [unit for packet in packets for unit in made.feed(packet[4:])]


def test_a_picture_of_several_units_ends_at_the_marker() -> None:
    units = fed(
        interleaved(SPS),
        interleaved(SEI),
        interleaved(IDR),
        interleaved(IDR, marker=True),
        interleaved(SLICE, timestamp=9_000, marker=True),
    )
    assert [(unit.content.count(START), unit.timestamp, unit.keyframe) for unit in units] == [
        (4, 0, True),
        (1, 9_000, False),
    ]


def test_a_camera_that_marks_each_slice_is_understood_from_the_second_picture_on() -> None:
    pictures = [
        interleaved(part, timestamp=9_000 * n, marker=True) for n in range(4) for part in (SLICE, LOWER_SLICE)
    ]
    assert [(u.timestamp, u.content.count(START)) for u in fed(*pictures)] == [
        (0, 1), (0, 1), (9_000, 2), (18_000, 2)
    ]  # fmt: skip


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("times", [(0, 0, 0, 0), (0, 0, 9_000, 9_000)])
def test_pictures_whose_times_repeat_stay_apart(codec: str, times: tuple[int, ...]) -> None:
    piece = SLICE if codec == "h264" else b"\x02\x01\x80picture"
    units = fed(*[interleaved(piece, timestamp=at, marker=True) for at in times], codec=codec)
    assert [(unit.timestamp, unit.content.count(START)) for unit in units] == [(at, 1) for at in times]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_keyframe_gets_the_parameter_sets_that_came_before(codec: str) -> None:
    """Clips, stills and idle mode begin at any keyframe; some cameras send the sets once."""
    if codec == "h264":
        sets, keyframe, other = [SPS, PPS], IDR, SLICE
    else:
        sets, keyframe, other = (
            [b"\x40\x01vps", b"\x42\x01sps", b"\x44\x01pps"],
            b"\x26\x01\x80k",
            b"\x02\x01\x80",
        )
    first = [*map(interleaved, sets), interleaved(keyframe, marker=True)]
    later = [interleaved(unit, timestamp=n, marker=True) for n, unit in ((1, other), (2, keyframe))]
    units = fed(*first, *later, codec=codec)
    whole = b"".join(START + each for each in (*sets, keyframe))
    assert [unit.content for unit in units] == [whole, START + other, whole]


def numbered(*packets: bytes, begin: int = 65_500) -> list[AccessUnit]:
    """``packets``, of which None is lost, after enough others that the numbers are trusted."""
    made = assembler()
    before = [interleaved(SLICE, marker=True, timestamp=n) for n in range(TRUSTED_AFTER + 1)]
    units = []
    for n, packet in enumerate([*before, *packets]):
        if packet:
            number = ((begin + n) % 65_536).to_bytes(2, "big")
            units += made.feed(packet[4:6] + number + packet[8:])
    return units[len(before) :]


def test_a_picture_with_a_packet_missing_is_damaged() -> None:
    middle = interleaved(LOWER_SLICE, timestamp=100)
    end = interleaved(LOWER_SLICE, timestamp=100, marker=True)
    begin, key = interleaved(SLICE, timestamp=100), interleaved(IDR, timestamp=100)
    after = interleaved(SLICE, timestamp=200, marker=True)
    assert [unit.damaged for unit in numbered(begin, middle, end, after)] == [False, False]
    assert [unit.damaged for unit in numbered(begin, b"", end, after)] == [True, False]
    assert [unit.damaged for unit in numbered(key, b"", end, after)] == [True, False]
    assert [unit.damaged for unit in numbered(begin, middle, b"", after)] == [True, True]
    assert [unit.damaged for unit in numbered(b"", after, after)] == [True, False], (
        "what it refers to is missing"
    )
    whole = interleaved(IDR, timestamp=200, marker=True)
    assert [unit.damaged for unit in numbered(b"", whole)] == [False]


def test_a_camera_that_does_not_number_its_packets_loses_none() -> None:
    rng = np.random.default_rng(1)
    packets = [
        interleaved(SLICE, sequence=int(rng.integers(65_536)), timestamp=n, marker=True) for n in range(200)
    ]
    assert not any(unit.damaged for unit in fed(*packets))


def test_packets_of_another_kind_share_the_numbers_or_have_their_own() -> None:
    made = assembler()
    for n in range(400):
        kind = 97 if n % 100 == 99 else 96
        packet = interleaved(SLICE, sequence=n, timestamp=n, marker=True)[4:]
        of_other_source = packet[:1] + bytes((97,)) + bytes(2) + packet[4:8] + b"else" + packet[12:]
        units = made.feed(packet[:1] + bytes((kind | 128,)) + packet[2:]) + made.feed(of_other_source)
        assert not any(unit.damaged for unit in units)


def test_a_camera_that_marks_nothing_is_understood_by_its_times() -> None:
    units = fed(*[interleaved(SLICE, timestamp=9_000 * n) for n in range(3)])
    assert [unit.timestamp for unit in units] == [0, 9_000]


def test_times_go_on_where_the_counter_wraps_and_go_back_for_b_frames() -> None:
    begin = 2**32 - 9_000
    times = (begin, begin + 27_000, begin + 9_000, begin + 18_000)
    units = fed(*[interleaved(SLICE, timestamp=at, marker=True) for at in times])
    assert [unit.timestamp for unit in units] == [0, 27_000, 9_000, 18_000]


@pytest.mark.parametrize(
    ("codec", "head", "units"),
    [("h264", b"\x18", (SPS, IDR)), ("hevc", b"\x60\x01", (b"\x42\x01sps", b"\x26\x01slice"))],
)
def test_several_units_in_one_packet(codec: str, head: bytes, units: tuple[bytes, ...]) -> None:
    packed = head + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
    (unit,) = fed(interleaved(packed, marker=True), codec=codec)
    assert unit == AccessUnit(b"".join(START + each for each in units), 0, True)


def test_extensions_and_padding_are_no_part_of_a_picture() -> None:
    packet = interleaved(b"\xab\xcd\0\1ext!" + IDR + b"\0\0\3", marker=True)[4:]
    (unit,) = assembler().feed(bytes((packet[0] | 0x30,)) + packet[1:])
    assert unit.content == START + IDR


def test_the_rest_of_a_unit_whose_beginning_was_lost_is_left_out() -> None:
    middle, end = b"\x7c\x05" + b"middle", b"\x7c\x45" + b"end"
    units = fed(interleaved(middle), interleaved(end), interleaved(SLICE, marker=True))
    assert [unit.content for unit in units] == [START + SLICE]


def test_decoding_can_start_at_a_recovery_point() -> None:
    """Streams with open groups of pictures, or with intra refresh, have no other keyframes."""
    points = [interleaved(unit) for unit in (b"\x06\x06\x01\xc4\x80", SEI)]
    slices = [interleaved(SLICE, timestamp=n, marker=True) for n in (0, 1)]
    units = fed(points[0], slices[0], interleaved(SEI, timestamp=1), slices[1])
    assert [unit.keyframe for unit in units] == [True, False]


@pytest.mark.parametrize(("quality", "kind"), [(30, 0), (80, 1), (30, 65)])
def test_a_jpeg_gets_the_tables_that_its_packets_leave_out(quality: int, kind: int) -> None:
    """OpenCV's encoder uses the standard's tables, too."""
    picture = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8), (9, 9), 0)
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if kind & 1 else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    options += [cv2.IMWRITE_JPEG_RST_INTERVAL, 2] if kind >= 64 else []
    jpeg = cv2.imencode(".jpg", picture, options)[1].tobytes()
    data = jpeg[jpeg.index(b"\xff\xda") + 14 : -2]
    restart = b"\0\2\xff\xff" if kind >= 64 else b""
    first = jpeg_part(0, kind, quality) + restart + data[:90]
    rest = jpeg_part(90, kind, quality) + restart + data[90:]
    (unit,) = fed(interleaved(first), interleaved(rest, marker=True), codec="mjpeg")
    assert np.array_equal(decoded(unit.content), decoded(jpeg))


def jpeg_part(offset: int, kind: int, quality: int) -> bytes:
    """The header of a packet of a picture of 64x48."""
    return b"\0" + offset.to_bytes(3, "big") + bytes((kind, quality, 8, 6))


def decoded(jpeg: bytes) -> npt.NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture.astype(np.uint8)


def test_a_jpeg_packet_that_is_cut_off_before_its_tables_breaks_nothing() -> None:
    assert fed(interleaved(jpeg_part(0, 1, 255)[:8], marker=True), codec="mjpeg") == []


def test_a_jpeg_with_a_packet_missing_has_no_end() -> None:
    parts = [
        interleaved(jpeg_part(0, 1, 50) + b"abc"),
        interleaved(jpeg_part(9, 1, 50) + b"def", marker=True),
    ]
    (unit,) = fed(*parts, codec="mjpeg")
    assert b"\xff\xd9" not in unit.content[-64:]


@given(st.sampled_from(sorted(FORMATS)), st.lists(st.binary(max_size=60), max_size=20))
@settings(derandomize=True, max_examples=100)
def test_random_packets_break_nothing(codec: str, payloads: list[bytes]) -> None:
    made = assembler(codec)
    for number, payload in enumerate(payloads):
        made.feed(payload)
        made.feed(interleaved(payload, timestamp=number // 2, marker=bool(number % 3))[4:])


@given(st.text(alphabet="vma=:/ 0123456789;,abcHJVideorRTPtpmfsp-\r\n*", max_size=300))
@settings(derandomize=True, max_examples=100)
def test_random_descriptions_break_nothing(text: str) -> None:
    with contextlib.suppress(CameraFault):
        video_of(f"m=video 0 RTP/AVP 96\r\n{text}", "rtsp://c/")


DESCRIBED = """v=0
m=audio 0 RTP/AVP 8
a=control:audio
m=video 0 RTP/AVP {number}
{lines}a=control:{control}
m=application 0 RTP/AVP 107
a=rtpmap:107 vnd.onvif.metadata/90000
"""


@pytest.mark.parametrize(
    ("control", "url"),
    [("trackID=1", "rtsp://c/s/trackID=1"), ("*", "rtsp://c/s/"), ("rtsp://c/other", "rtsp://c/other")],
)
def test_the_video_is_found_beside_sound_and_metadata(control: str, url: str) -> None:
    lines = "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IAHw==,aM4=\r\n"
    media = video_of(DESCRIBED.format(number=96, lines=lines, control=control), "rtsp://c/s/")
    assert media == SdpMedia(url, "h264", 96, 90_000, START + SPS + START + b"\x68\xce")
    assert joined("rtsp://c/s", "v") == "rtsp://c/s/v"


@pytest.mark.parametrize(
    ("description", "fault"),
    [
        ("", Fault.UNDESCRIBED),
        ("<html>", Fault.UNDESCRIBED),
        ("m=audio 0 RTP/AVP 8", Fault.NO_VIDEO),
        ("m=video 0 RTP/AVP 97\r\na=rtpmap:97 x-asf-pf/1000", Fault.NO_DECODER),
        (f"m=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/{'9' * 5000}", Fault.NO_DECODER),
        (f"m=video 0 RTP/AVP {'9' * 5000}", Fault.NO_DECODER),
    ],
)
def test_what_cannot_be_played_is_reported_apart(description: str, fault: Fault) -> None:
    with pytest.raises(CameraFault) as caught:
        video_of(description, "rtsp://c/")
    assert caught.value.fault is fault
