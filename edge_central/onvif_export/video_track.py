"""Reads the video track of a clip: an MP4 or QuickTime file with H.264 or H.265, of any origin.

This module reads only the tables and decodes no picture. It checks the numbers in them against each other and
against the size of the file. So the further work needs time and memory in proportion to the file's size.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, repeat
from typing import IO, Any

from edge_central.onvif_export.boxes import (
    BoxDamaged,
    BoxPlace,
    box,
    boxes_in,
    child_box,
    find_box,
    read_at,
)

MAX_TRACKS = 32
MAX_SAMPLES = 100_000
"""Limit for the pictures of a clip: more than an hour at 25 pictures a second."""
MAX_ENTRY_BYTES = 65_536
"""Limit for the description of the codec, with its parameter sets."""
_CONFIGURATION = {b"avc1": b"avcC", b"avc3": b"avcC", b"hvc1": b"hvcC", b"hev1": b"hvcC"}
"""For each kind of sample entry, the box with its parameter sets (ISO/IEC 14496-15)."""
_IN_ENTRY = (b"avcC", b"hvcC", b"pasp", b"colr", b"clap", b"btrt", b"fiel", b"mdcv", b"clli")
"""The boxes of a sample entry that are copied: codec, shape of a pixel, colours."""
_ENTRY_FIELDS = 78
"""Length of the fields of a visual sample entry before its boxes, in bytes."""
_VIDEO = b"vide"


class Omission(StrEnum):
    """Why a clip has no ONVIF Export File."""

    CODEC = "codec"  # neither H.264 nor H.265
    CONTAINER = "container"  # neither MP4 nor QuickTime
    FRAGMENTS = "fragments"  # a fragmented MP4
    SETTINGS = "settings"  # the clip has several descriptions of its codec
    NO_VIDEO = "no-video"
    DAMAGED = "damaged"
    LIMITS = "limits"  # more tracks, pictures or bytes than the limits
    SEALED = "sealed"  # only the centre's evidence key can open it
    MISSING = "missing"  # the file is not at this centre


class ClipOmitted(Exception):
    def __init__(self, why: Omission, codec: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.codec = codec  # four characters that name the codec, if it is the reason


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """The first video track of a clip. Times are ticks (``timescale`` ticks are a second); they begin at 0
    with the picture that is shown first. Pictures ("samples") are in the order of decoding."""

    codec: str  # avc1, avc3, hvc1 or hev1
    entry: bytes  # the sample entry, a box
    timescale: int
    matrix: bytes  # how players turn the pictures, copied from the clip; 36 bytes
    shown_size: bytes  # width and height, each 16.16
    places: Sequence[int]  # position of each picture in the clip
    sizes: Sequence[int]
    durations: Sequence[tuple[int, int]]  # runs: number of pictures, duration of each in ticks
    offsets: Sequence[tuple[int, int]]  # runs: number of pictures, ticks from decoding to showing; empty: 0
    keyframes: Sequence[int] | None  # numbers from 1; None: each picture is a keyframe
    duration: int  # from the begin of the first picture to the end of the last


def read_video_track(file: IO[bytes]) -> VideoTrack:
    """Read the track. Raises ClipOmitted, OSError."""
    size = file.seek(0, 2)
    try:
        return _read(file, size)
    except BoxDamaged as error:
        raise ClipOmitted(Omission.DAMAGED) from error


def _read(file: IO[bytes], size: int) -> VideoTrack:
    top = list(boxes_in(file, 0, size))
    movie = next((each for each in top if each.kind == b"moov"), None)
    if movie is None:
        raise BoxDamaged("there is no index")
    if any(each.kind == b"moof" for each in top):
        raise ClipOmitted(Omission.FRAGMENTS)
    track = _video_track(file, movie)
    tables = child_box(file, track, b"mdia", b"minf", b"stbl")
    codec, entry = _entry(file, child_box(file, tables, b"stsd"))
    matrix, shown_size = _shown(file, child_box(file, track, b"tkhd"))
    sizes = _sizes(file, child_box(file, tables, b"stsz"), size)
    durations = _table(file, child_box(file, tables, b"stts"), "II")
    delays = find_box(file, tables, b"ctts")
    offsets, duration = _times(durations, [] if delays is None else _table(file, delays, "Ii"), len(sizes))
    return VideoTrack(
        codec=codec,
        entry=entry,
        timescale=_timescale(file, child_box(file, track, b"mdia", b"mdhd")),
        matrix=matrix,
        shown_size=shown_size,
        places=_places(file, tables, sizes, size),
        sizes=sizes,
        durations=durations,
        offsets=offsets,
        keyframes=_keyframes(file, tables, len(sizes)),
        duration=duration,
    )


def _video_track(file: IO[bytes], movie: BoxPlace) -> BoxPlace:
    tracks = [each for each in boxes_in(file, movie.begin, movie.end) if each.kind == b"trak"]
    if len(tracks) > MAX_TRACKS:
        raise ClipOmitted(Omission.LIMITS)
    for track in tracks:
        handler = child_box(file, track, b"mdia", b"hdlr")
        if read_at(file, handler.begin + 8, 4, handler.end) == _VIDEO:
            return track
    raise ClipOmitted(Omission.NO_VIDEO)


def _entry(file: IO[bytes], place: BoxPlace) -> tuple[str, bytes]:
    """Return the codec, and the sample entry with those of its boxes that ``_IN_ENTRY`` names."""
    if place.end - place.begin > MAX_ENTRY_BYTES:
        raise ClipOmitted(Omission.LIMITS)
    (count,) = struct.unpack(">4xI", read_at(file, place.begin, 8, place.end))
    if count > 1:
        raise ClipOmitted(Omission.SETTINGS)
    entry = next(boxes_in(file, place.begin + 8, place.end), None)
    if entry is None:
        raise BoxDamaged("there is no sample entry")
    codec = entry.kind.decode("ascii", "replace")
    if entry.kind not in _CONFIGURATION:
        raise ClipOmitted(Omission.CODEC, codec)
    fields = read_at(file, entry.begin, _ENTRY_FIELDS, entry.end)
    inner = [
        each for each in boxes_in(file, entry.begin + _ENTRY_FIELDS, entry.end) if each.kind in _IN_ENTRY
    ]
    if _CONFIGURATION[entry.kind] not in {each.kind for each in inner}:
        raise BoxDamaged("there are no parameter sets")
    copied = [box(each.kind, read_at(file, each.begin, each.end - each.begin, each.end)) for each in inner]
    # Six reserved bytes, then data reference index 1: the written file has exactly one data reference.
    return codec, box(entry.kind, bytes(6), b"\0\1", fields[8:], *copied)


def _shown(file: IO[bytes], header: BoxPlace) -> tuple[bytes, bytes]:
    """Return the matrix, and width and height, from a track header. They are its last bytes."""
    version = read_at(file, header.begin, 1, header.end)[0]
    fields = read_at(file, header.begin + (52 if version == 1 else 40), 44, header.end)
    return fields[:36], fields[36:]


def _timescale(file: IO[bytes], header: BoxPlace) -> int:
    version = read_at(file, header.begin, 1, header.end)[0]
    at = header.begin + (20 if version == 1 else 12)
    timescale = int.from_bytes(read_at(file, at, 4, header.end))
    if timescale == 0:
        raise BoxDamaged("a second has no ticks")
    return timescale


def _table(file: IO[bytes], place: BoxPlace, layout: str) -> list[tuple[Any, ...]]:
    """Return the entries of a table that begins with version, flags and the number of entries."""
    (count,) = struct.unpack(">4xI", read_at(file, place.begin, 8, place.end))
    if count > MAX_SAMPLES:
        raise ClipOmitted(Omission.LIMITS)
    width = struct.calcsize(f">{layout}")
    return list(struct.iter_unpack(f">{layout}", read_at(file, place.begin + 8, count * width, place.end)))


def _sizes(file: IO[bytes], place: BoxPlace, file_size: int) -> list[int]:
    constant, count = struct.unpack(">4xII", read_at(file, place.begin, 12, place.end))
    if count == 0:
        raise ClipOmitted(Omission.NO_VIDEO)
    if count > MAX_SAMPLES:
        raise ClipOmitted(Omission.LIMITS)
    if constant:
        sizes = [constant] * count
    else:
        sizes = list(struct.unpack(f">{count}I", read_at(file, place.begin + 12, 4 * count, place.end)))
    if sum(sizes) > file_size:  # else a small file with pictures that overlap would become large
        raise BoxDamaged("the pictures are larger than the file")
    return sizes


def _places(file: IO[bytes], tables: BoxPlace, sizes: Sequence[int], file_size: int) -> list[int]:
    """Return the position of each picture. The pictures of a chunk follow one another."""
    large = find_box(file, tables, b"co64")
    starts = (
        _table(file, child_box(file, tables, b"stco"), "I") if large is None else _table(file, large, "Q")
    )
    runs = _table(file, child_box(file, tables, b"stsc"), "III")
    if not runs:
        raise BoxDamaged("the chunks have no pictures")
    places: list[int] = []
    begin = 1
    for (first, per_chunk, _), end in zip(
        runs, [*(each[0] for each in runs[1:]), len(starts) + 1], strict=True
    ):
        if first != begin or not first < end <= len(starts) + 1:
            raise BoxDamaged("the chunks are out of order")
        begin = end
        for (at,) in starts[first - 1 : end - 1]:
            for size in sizes[len(places) : len(places) + per_chunk]:
                places.append(at)
                at += size
    if len(places) != len(sizes):
        raise BoxDamaged("the chunks have too few pictures")
    if any(at + size > file_size for at, size in zip(places, sizes, strict=True)):
        raise BoxDamaged("a picture is beyond the end of the file")
    return places


def _times(
    durations: Sequence[tuple[int, int]], delays: Sequence[tuple[int, int]], count: int
) -> tuple[list[tuple[int, int]], int]:
    """Return the delays from decoding to showing, as runs, shifted so that the first shown picture is at 0;
    and the total duration. Edit lists of the clip are ignored: every picture is shown."""
    if sum(each for each, _ in durations) != count or any(ticks >= 1 << 31 for _, ticks in durations):
        raise BoxDamaged("the times are not those of the pictures")
    if not delays:
        return [], sum(each * ticks for each, ticks in durations)
    if sum(each for each, _ in delays) != count:
        raise BoxDamaged("the delays are not those of the pictures")
    first, last, decoded = 1 << 62, 0, 0
    of_each = chain.from_iterable(repeat(delay, each) for each, delay in delays)
    for ticks in chain.from_iterable(repeat(ticks, each) for each, ticks in durations):
        shown = decoded + next(of_each)
        first, last = min(first, shown), max(last, shown + ticks)
        decoded += ticks
    offsets = [(each, delay - first) for each, delay in delays if each]
    if any(abs(delay) >= 1 << 31 for _, delay in offsets):
        raise BoxDamaged("a delay is too long")
    return (offsets if any(delay for _, delay in offsets) else []), max(decoded, last - first)


def _keyframes(file: IO[bytes], tables: BoxPlace, count: int) -> list[int] | None:
    place = find_box(file, tables, b"stss")
    if place is None:
        return None
    numbers = [number for (number,) in _table(file, place, "I")]
    if any(not 1 <= number <= count for number in numbers):
        raise BoxDamaged("a keyframe is none of the pictures")
    return numbers
