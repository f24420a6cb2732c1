"""Converts H.264 and H.265 packets with lengths, as in MP4 files, to packets with start codes (Annex B).

Cameras send start codes, and clips are made from them.
Syntax: ITU-T H.264 and H.265, Annex B; avcC and hvcC: ISO/IEC 14496-15, 5.3.3 and 8.3.3.
"""

from __future__ import annotations

from collections.abc import Iterator

START_CODE = b"\x00\x00\x00\x01"
_AVC_SPS, _AVC_PPS = 7, 8
_HEVC_VPS, _HEVC_SPS, _HEVC_PPS = 32, 33, 34
NEEDED = {"h264": {_AVC_SPS, _AVC_PPS}, "hevc": {_HEVC_VPS, _HEVC_SPS, _HEVC_PPS}}
"""Kinds of parameter sets that a decoder needs, by FFmpeg's name of the codec."""


def length_bytes(codec: str, extradata: bytes) -> int | None:
    """Return the size in bytes of a length in the stream's packets; None when they have start codes."""
    if codec not in NEEDED or extradata[:1] != b"\x01":
        return None
    at = 4 if codec == "h264" else 21
    return None if len(extradata) <= at else (extradata[at] & 3) + 1


def parameter_sets(codec: str, extradata: bytes) -> bytes:
    """Return the container's parameter sets with start codes. Raises ``ValueError`` if they are cut off."""
    if length_bytes(codec, extradata) is None:
        return extradata
    units = _avcc_units(extradata) if codec == "h264" else _hvcc_units(extradata)
    return b"".join(START_CODE + unit for unit in units)


def with_start_codes(packet: memoryview, length_size: int) -> bytes:
    """Convert a packet with lengths to start codes. The result ends before a unit that is cut off."""
    parts: list[bytes | memoryview] = []
    at = 0
    while at + length_size < len(packet):
        size = int.from_bytes(packet[at : at + length_size], "big")
        at += length_size
        parts += [START_CODE, packet[at : at + size]]
        at += size
    return b"".join(parts)


def has_parameter_sets(codec: str, packet: bytes) -> bool:
    """Return whether a decoder can start with this packet (Annex B) and nothing before it."""
    return NEEDED[codec] <= {_kind(codec, unit) for unit in _units(packet)}


def each_set_once(codec: str, packet: bytes) -> bytes:
    """Remove repeated parameter sets from a packet (Annex B).

    FFmpeg would write repeated ones twice into the description of the track.
    """
    known: set[bytes] = set()
    parts: list[bytes] = []
    for unit in _units(packet):
        if unit not in known:
            parts += [START_CODE[1:], unit]  # FFmpeg counts a fourth byte to the unit before
        if _kind(codec, unit) in NEEDED[codec]:
            known.add(unit)
    return b"".join(parts)


def _kind(codec: str, unit: bytes) -> int:
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def _units(packet: bytes) -> Iterator[bytes]:
    """Yield the units. A unit never ends with a zero byte: zeros after it belong to the next start code."""
    at = packet.find(b"\x00\x00\x01")
    while at >= 0:
        end = packet.find(b"\x00\x00\x01", at + 3)
        unit = packet[at + 3 : end if end >= 0 else len(packet)].rstrip(b"\x00")
        if unit:
            yield unit
        at = end


def _avcc_units(avcc: bytes) -> list[bytes]:
    at, units = 5, []
    for mask in (0x1F, 0xFF):  # masks of the numbers of sets: of SPS, then of PPS
        count, at = _byte(avcc, at) & mask, at + 1
        for _ in range(count):
            unit, at = _sized(avcc, at)
            units.append(unit)
    return units


def _hvcc_units(hvcc: bytes) -> list[bytes]:
    arrays, at, units = _byte(hvcc, 22), 23, []
    for _ in range(arrays):
        count, at = int.from_bytes(hvcc[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            unit, at = _sized(hvcc, at)
            units.append(unit)
    return units


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise ValueError("the parameter sets are cut off")
    return data[at]


def _sized(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the unit with a two-byte length at ``at``, and the position after it."""
    size = int.from_bytes(data[at : at + 2], "big")
    unit = data[at + 2 : at + 2 + size]
    if not size or len(unit) < size:
        raise ValueError("the parameter sets are cut off")
    return unit, at + 2 + size
