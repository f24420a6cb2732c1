"""Writes the part of an ONVIF Export File before the pictures (Export File Format Specification, 26.06).

The file is one movie with one video track, in the order ``ftyp``, ``meta``, ``moov``, ``mdat``, because the
specification requires the surveillance export box as early as possible. The file contains no signature:
docs/decisions/0089.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge_central.onvif_export.boxes import box, full_box
from edge_central.onvif_export.video_track import ClipOmitted, Omission, VideoTrack

TRACK = 1
MAX_TEXT_BYTES = 500
"""Limit for each text."""
MAX_FILE_BYTES = (1 << 32) - 1
"""Limit of the file, because the positions of pictures have 32 bits."""
SECONDS_1904, SECONDS_1601 = 2_082_844_800, 11_644_473_600
"""Seconds from 1904 and from 1601 to 1970: ISO/IEC 14496-12 counts seconds from 1904, the specification's
start time counts steps of 100 ns from 1601."""
_LANGUAGE = "und"
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
"""The identity matrix: shows the movie unchanged. The matrix of the track may turn the pictures."""
_BRANDS = (b"isom", b"iso4")
"""iso4 permits negative delays of pictures."""


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """What the file says about itself. Unknown texts are empty, as the specification requires."""

    unit: str  # name of the exporting unit
    exported_ms: int  # when the export began
    operator: str = ""  # the person who exports
    source: str = ""  # name of the camera
    start_ms: int | None = None  # when the first picture was taken; None: unknown
    notes: Mapping[str, str] = field(default_factory=dict)  # for people, by language of ISO 639-2


def export_head(track: VideoTrack, facts: ExportFacts) -> bytes:
    """Return all bytes before the first picture. The pictures must follow in the order of ``track``. Raises
    ClipOmitted if the file would be too large."""
    kind = b"avc1" if track.codec.startswith("avc") else b""
    begin = box(b"ftyp", b"isom", bytes(4), *_BRANDS, kind) + _meta(facts)
    pictures_at = len(begin) + len(_moov(track, facts, 0)) + 8
    pictures_bytes = sum(track.sizes)
    if pictures_at + pictures_bytes > MAX_FILE_BYTES:
        raise ClipOmitted(Omission.LIMITS)
    return begin + _moov(track, facts, pictures_at) + struct.pack(">I4s", 8 + pictures_bytes, b"mdat")


def byte_ranges(track: VideoTrack) -> list[tuple[int, int]]:
    """Return begin and size of each range to copy from the clip, in the order of the pictures."""
    found: list[tuple[int, int]] = []
    for at, size in zip(track.places, track.sizes, strict=True):
        if found and sum(found[-1]) == at:
            found[-1] = (found[-1][0], found[-1][1] + size)
        elif size:
            found.append((at, size))
    return found


# --- what the specification adds ---


def _meta(facts: ExportFacts) -> bytes:
    """Return the ``meta`` box of the file. Its handler ``null`` says that it has no structure but the boxes
    in it (ISO/IEC 14496-12, 8.4.3)."""
    about = (_surveillance_export(facts), _start_time(facts))
    return full_box(b"meta", 0, 0, _handler(b"null", "ONVIF"), *about)


def _surveillance_export(facts: ExportFacts) -> bytes:
    """Return the box of section 5.2. Its addresses (URL, MAC) are empty: the centre does not know them, or
    the recipient of the file must not."""
    unit = (_text(facts.unit), _text(""), _text(""))
    time = struct.pack(">Q", _since_1904(facts.exported_ms))
    source = (_text(facts.source), _text(""), _text(""), _text(""))
    track = struct.pack(">IH", 1, TRACK)  # the number of tracks, and the id of the only track in 16 bits
    return full_box(b"suep", 1, 0, *unit, time, _text(facts.operator), track, *source)


def _start_time(facts: ExportFacts) -> bytes:
    """Return the box of section 5.3; empty if the start time is unknown, which the specification permits."""
    if facts.start_ms is None:
        return b""
    ticks = facts.start_ms * 10_000 + SECONDS_1601 * 10_000_000
    return box(b"cstb", struct.pack(">IIQ", 1, TRACK, ticks))


def _notes(facts: ExportFacts) -> bytes:
    """Return the notes as description boxes (ETSI TS 126 244, 8.2). The specification uses the location box
    of the same document."""
    notes = [
        full_box(b"dscp", 0, 0, struct.pack(">H", _packed(language)), _text(text))
        for language, text in facts.notes.items()
    ]
    return box(b"udta", *notes) if notes else b""


def _text(text: str) -> bytes:
    """Return the text in UTF-8 with a zero byte at the end."""
    content = text.replace("\0", " ").encode("utf-8", "replace")[:MAX_TEXT_BYTES]
    return content.decode("utf-8", "ignore").encode() + b"\0"


def _packed(language: str) -> int:
    """Return three letters of ISO 639-2, packed into 15 bits."""
    first, second, third = (ord(letter) - 0x60 for letter in language)
    return first << 10 | second << 5 | third


def _since_1904(time_ms: int) -> int:
    return max(0, time_ms // 1000 + SECONDS_1904)


# --- the movie ---


def _moov(track: VideoTrack, facts: ExportFacts, pictures_at: int) -> bytes:
    """Return the ``moov`` box. ``pictures_at``: position of the first picture in the file, which does not
    change the length of the box."""
    # 0 if unknown: players show this time as the time of the recording.
    made = 0 if facts.start_ms is None else _since_1904(facts.start_ms)
    times = struct.pack(">QQ", made, _since_1904(facts.exported_ms))
    header = full_box(
        *(b"mvhd", 1, 0, times, struct.pack(">IQ", track.timescale, track.duration)),
        *(struct.pack(">IH10x", 0x10000, 0x100), _MATRIX, struct.pack(">24xI", TRACK + 1)),
    )
    return box(b"moov", header, _trak(track, times, pictures_at), _notes(facts))


def _trak(track: VideoTrack, times: bytes, pictures_at: int) -> bytes:
    enabled_in_movie = 3
    header = full_box(
        *(b"tkhd", 1, enabled_in_movie, times, struct.pack(">I4xQ16x", TRACK, track.duration)),
        *(track.matrix, track.shown_size),
    )
    media = full_box(
        *(b"mdhd", 1, 0, times, struct.pack(">IQ", track.timescale, track.duration)),
        struct.pack(">H2x", _packed(_LANGUAGE)),
    )
    in_this_file = full_box(b"url ", 0, 1)
    references = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), in_this_file))
    information = box(b"minf", full_box(b"vmhd", 0, 1, bytes(8)), references, _tables(track, pictures_at))
    return box(b"trak", header, box(b"mdia", media, _handler(b"vide", "Video"), information))


def _tables(track: VideoTrack, pictures_at: int) -> bytes:
    """Return the sample table. All pictures are one chunk."""
    count = len(track.sizes)
    parts = [
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), track.entry),
        full_box(b"stts", 0, 0, _pairs("II", track.durations)),
    ]
    if track.offsets:
        version = 1 if any(delay < 0 for _, delay in track.offsets) else 0
        parts.append(full_box(b"ctts", version, 0, _pairs("Ii", track.offsets)))
    if track.keyframes is not None:
        keyframes = struct.pack(f">{len(track.keyframes) + 1}I", len(track.keyframes), *track.keyframes)
        parts.append(full_box(b"stss", 0, 0, keyframes))
    one_chunk = struct.pack(">IIII", 1, 1, count, 1)
    sizes = struct.pack(f">{count + 2}I", 0, count, *track.sizes)
    parts += [full_box(b"stsc", 0, 0, one_chunk), full_box(b"stsz", 0, 0, sizes)]
    return box(b"stbl", *parts, full_box(b"stco", 0, 0, struct.pack(">II", 1, pictures_at)))


def _pairs(layout: str, pairs: Sequence[tuple[int, int]]) -> bytes:
    return struct.pack(">I", len(pairs)) + b"".join(struct.pack(f">{layout}", *each) for each in pairs)


def _handler(kind: bytes, name: str) -> bytes:
    return full_box(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, kind), _text(name))
