"""Clips of any origin: whatever they claim, reading ends soon, stays inside the file, and says why."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Mapping

import pytest

from edge_central.onvif_export.boxes import BoxDamaged, box, full_box, read_at
from edge_central.onvif_export.export_file import byte_ranges
from edge_central.onvif_export.video_track import MAX_SAMPLES, MAX_TRACKS, ClipOmitted, Omission, VideoTrack
from tests.edge_central.onvif_export.parts import clip, read_boxes, track_of, with_field

HUGE = 0xFFFFFFFF
CONTAINERS = ("moov", "trak", "mdia", "minf", "stbl")


def why(content: bytes) -> Omission:
    with pytest.raises(ClipOmitted) as omitted:
        track_of(content)
    return omitted.value.why


def check(track: VideoTrack, size: int) -> None:
    """What follows from a track is bounded by the file."""
    assert 0 < len(track.sizes) == len(track.places) <= MAX_SAMPLES
    assert sum(track.sizes) <= size
    assert all(begin >= 0 and begin + length <= size for begin, length in byte_ranges(track))
    assert sum(count for count, _ in track.durations) == len(track.sizes)
    assert sum(count for count, _ in track.offsets) in (0, len(track.sizes))


@pytest.mark.parametrize(
    ("kind", "at", "layout", "values", "expected"),
    [
        ("stsz", 8, "I", (HUGE,), Omission.LIMITS),  # pictures
        ("stsz", 8, "I", (13,), Omission.DAMAGED),  # one more than there are
        ("stsz", 4, "II", (HUGE, 12), Omission.DAMAGED),  # each has 4 GB
        ("stsz", 8, "I", (0,), Omission.NO_VIDEO),
        ("stsz", 12, "I", (HUGE,), Omission.DAMAGED),
        ("stco", 4, "I", (HUGE,), Omission.LIMITS),
        ("stco", 8, "I", (HUGE,), Omission.DAMAGED),  # beyond the file
        ("stsc", 4, "I", (HUGE,), Omission.LIMITS),
        ("stsc", 4, "I", (0,), Omission.DAMAGED),  # no chunk has pictures
        ("stsc", 8, "I", (2,), Omission.DAMAGED),  # there is no first chunk
        ("stsc", 12, "I", (0,), Omission.DAMAGED),  # chunks without pictures
        ("stts", 4, "I", (HUGE,), Omission.LIMITS),
        ("stts", 8, "I", (HUGE,), Omission.DAMAGED),  # times of pictures that are not there
        ("stts", 12, "I", (HUGE,), Omission.DAMAGED),
        ("stss", 8, "I", (13,), Omission.DAMAGED),
        ("stsd", 4, "I", (2,), Omission.SETTINGS),
        ("stsd", 4, "II", (1, 9), Omission.DAMAGED),
        ("mdhd", 12, "I", (0,), Omission.DAMAGED),  # no ticks in a second
        ("hdlr", 8, "4s", (b"soun",), Omission.NO_VIDEO),
        ("avcC", -4, "4s", (b"free",), Omission.DAMAGED),  # no parameter sets
        ("avc1", -4, "4s", (b"encv",), Omission.CODEC),
    ],
)
def test_what_a_table_claims_is_checked(
    kind: str, at: int, layout: str, values: tuple[int | bytes, ...], expected: Omission
) -> None:
    assert why(with_field(clip(), kind.encode(), at, layout, *values)) is expected


def test_delays_have_to_be_those_of_the_pictures() -> None:
    reordered = clip(reordered=True)
    assert why(with_field(reordered, b"ctts", 8, "I", 100)) is Omission.DAMAGED
    assert why(with_field(reordered, b"ctts", 12, "i", -(1 << 31))) is Omission.DAMAGED


@pytest.mark.parametrize("size", [1, 2, 7, HUGE])
def test_the_size_of_a_box_is_checked(size: int) -> None:
    for kind in (b"ftyp", b"moov", b"trak", b"stbl", b"stsz"):
        assert why(with_field(clip(), kind, -8, "I", size)) is Omission.DAMAGED


def test_thousands_of_tracks_are_refused() -> None:
    track = box(b"trak", box(b"mdia", full_box(b"hdlr", 0, 0, bytes(4), b"soun", bytes(13))))
    assert why(box(b"moov", track * MAX_TRACKS)) is Omission.NO_VIDEO
    assert why(box(b"moov", track * (MAX_TRACKS + 1))) is Omission.LIMITS
    assert why(box(b"moov", box(b"free") * 20_000)) is Omission.DAMAGED
    assert why(box(b"free") * 20_000) is Omission.DAMAGED


def test_pictures_over_each_other_make_no_file_large() -> None:
    """1,000 pictures, each in a chunk of its own, and all chunks at the start of the file."""
    count = 1_000
    tables = {
        "stsz": full_box(b"stsz", 0, 0, struct.pack(">II", 100, count)),
        "stco": full_box(b"stco", 0, 0, struct.pack(">I", count), bytes(4 * count)),
        "stsc": full_box(b"stsc", 0, 0, struct.pack(">IIII", 1, 1, 1, 1)),
        "stts": full_box(b"stts", 0, 0, struct.pack(">III", 1, count, 1)),
        "stss": b"",
    }
    movie = rebuilt(clip(), tables)
    assert why(movie) is Omission.DAMAGED
    check(track_of(movie + box(b"free", bytes(100 * count))), 200 * count)


def rebuilt(content: bytes, instead: Mapping[str, bytes]) -> bytes:
    """The boxes, some of them replaced."""
    found = b""
    for each in read_boxes(content):
        inner = rebuilt(each.content, instead) if each.kind in CONTAINERS else each.content
        found += instead.get(each.kind, box(each.kind.encode(), inner))
    return found


def test_no_field_is_read_beyond_its_box() -> None:
    assert read_at(io.BytesIO(b"abcdef"), 1, 2, 3) == b"bc"
    with pytest.raises(BoxDamaged, match="beyond the end"):
        read_at(io.BytesIO(b"abcdef"), 1, 3, 3)


def test_what_is_no_clip_to_copy_is_left_out() -> None:
    for content in (b"", b"\0\0\0\x18ftypmp42 no clip", b"<html>" * 100):
        assert why(content) is Omission.DAMAGED
    assert why(box(b"moov")) is Omission.NO_VIDEO
    assert why(clip("mjpeg")) is Omission.CODEC
    assert why(clip() + box(b"moof")) is Omission.FRAGMENTS


def test_a_clip_that_is_cut_off_anywhere_is_left_out() -> None:
    content = clip(reordered=True)
    for end in (*range(0, len(content), 97), len(content) - 1):
        assert why(content[:end]) is Omission.DAMAGED, end


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_never_leaves_the_file(seed: int) -> None:
    """Most of it in the index, where the numbers are."""
    chance, content = random.Random(seed), clip(reordered=True)
    begin, read, refused = content.index(b"moov"), 0, 0
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(begin, len(content) - 4)
            struct.pack_into(">I", damaged, at, chance.choice((0, 1, HUGE, 1 << 31, chance.getrandbits(32))))
        try:
            check(track_of(bytes(damaged)), len(damaged))
            read += 1
        except ClipOmitted:
            refused += 1
    assert read > 5
    assert refused > 20


def test_a_whole_clip_is_read() -> None:
    content = clip(reordered=True)
    check(track_of(content), len(content))
