"""Detects that an H.264 stream has lost a picture.

libavcodec conceals a missing picture without reporting it: the pictures that were predicted from it are
smeared and look like motion. The bitstream shows the loss: ``frame_num`` counts reference pictures without
gaps. Syntax: ITU-T H.264, 7.3.2.1.1 (sequence parameter set) and 7.3.3 (slice header); the rule: 7.4.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


def unescaped(data: bytes) -> bytes:
    """Return ``data`` without the emulation prevention bytes (ITU-T H.264, 7.4.1)."""
    return data.replace(b"\0\0\3", b"\0\0")


class BitReader:
    """Reads bits from the front of H.264 or H.265 headers; after the end it returns zeros."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def u(self, count: int) -> int:
        """Read an unsigned number of ``count`` bits."""
        self._left -= count
        if self._left < 0:
            return 0
        return self._value >> self._left & ((1 << count) - 1)

    @property
    def exhausted(self) -> bool:
        """Whether more bits were read than the data has."""
        return self._left < 0

    def ue(self) -> int:
        """Read an unsigned Exp-Golomb number (9.1)."""
        if self._left <= 0:
            self._left = -1
            return 0
        zeros = self._left - (self._value & ((1 << self._left) - 1)).bit_length()
        self._left -= zeros
        return max(0, self.u(zeros + 1) - 1)

    def se(self) -> int:
        """Read a signed Exp-Golomb number (9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


SLICE, IDR_SLICE, SPS, PPS = 1, 5, 7, 8
HIGH_PROFILES = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244}
HEAD_BYTES = 192
"""Bytes of a packet that are searched: enough for delimiter, SEI and the beginning of the first slice."""
SLICE_HEADER_BYTES = 16
"""Enough to reach ``frame_num``. A slice that skips every macroblock has 4 to 8 bytes."""


@dataclass(frozen=True, slots=True)
class FrameNumbering:
    """What a sequence parameter set says about ``frame_num``."""

    bits: int
    gaps_allowed: bool  # temporal layers were dropped on purpose: no gap is a loss
    colour_planes: bool


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """What a sequence parameter set says about the pictures."""

    width: int
    height: int
    references: int  # pictures that are kept to predict others from
    bytes_per_pixel: float


class FrameNumWatch:
    """Follows ``frame_num`` over the packets of one Annex B stream. Not thread-safe.

    Reports no gap until it has read a parameter set.
    """

    def __init__(self, extradata: bytes) -> None:
        """``extradata``: the stream's parameter sets. Length-prefixed sets (as in MP4) disable the check."""
        self._enabled = extradata[:1] != b"\x01"
        self._numbering: FrameNumbering | None = None
        self._last: int | None = None  # frame_num of the last reference picture
        self._learn(extradata)

    def gap_before(self, packet: memoryview) -> bool:
        """Return whether a reference picture is missing since the last packet. Each packet is one picture."""
        if not self._enabled:
            return False
        head = packet[:HEAD_BYTES].tobytes()
        slice_at, parameters = _first_slice(head)
        cut = slice_at is not None and slice_at > HEAD_BYTES - SLICE_HEADER_BYTES
        if slice_at is None or cut or parameters:  # a keyframe: parameter sets come first, and they are long
            head = packet.tobytes()
            self._learn(head)
            slice_at, _ = _first_slice(head)
        if slice_at is None or self._numbering is None:
            return False
        return self._follow(head[slice_at : slice_at + SLICE_HEADER_BYTES])

    def reset(self) -> None:
        """Forget the last picture, because the next packet does not follow it in the stream."""
        self._last = None

    def _follow(self, slice_header: bytes) -> bool:
        numbering, last = self._numbering, self._last
        assert numbering is not None
        number: int | None = 0
        if slice_header[0] & 31 == SLICE:
            number = _frame_num(unescaped(slice_header[1:]), numbering)
        else:
            last = None  # an IDR picture restarts the count
        if number is None:
            self._last = None  # unreadable: the next picture cannot be compared either
            return False
        if slice_header[0] >> 5 & 3:  # nal_ref_idc: others will be predicted from it
            self._last = number
        if last is None or numbering.gaps_allowed:
            return False
        return number not in (last, (last + 1) % (1 << numbering.bits))

    def _learn(self, data: bytes) -> None:
        for start in _units(data):
            if data[start] & 31 == SPS:
                # None for an invalid parameter set.
                self._numbering = _frame_numbering(unescaped(data[start + 1 : start + 512]))


def _units(data: bytes) -> Iterator[int]:
    """Yield the position of each NAL unit's header byte in Annex B data."""
    at = data.find(b"\0\0\1")
    while 0 <= at < len(data) - 3:
        yield at + 3
        at = data.find(b"\0\0\1", at + 3)


def _first_slice(data: bytes) -> tuple[int | None, bool]:
    """Return the position of the first slice, and whether a parameter set comes before it."""
    parameters = False
    at = data.find(b"\0\0\1")
    while 0 <= at < len(data) - 4:
        kind = data[at + 3] & 31
        if kind in (SLICE, IDR_SLICE):
            return at + 3, parameters
        parameters = parameters or kind == SPS
        at = data.find(b"\0\0\1", at + 3)
    return None, parameters


def _frame_num(slice_header: bytes, numbering: FrameNumbering) -> int | None:
    """Return ``frame_num`` of an ordinary slice; None when the header is too short. Runs for every packet of
    every camera, so it does not use the slower ``BitReader``."""
    value = int.from_bytes(slice_header, "big")
    left = len(slice_header) * 8
    for _ in ("first_mb_in_slice", "slice_type", "pic_parameter_set_id"):
        zeros = left - (value & ((1 << left) - 1)).bit_length()
        left -= 2 * zeros + 1
        if left <= 0:
            return None
    left -= numbering.bits + (2 if numbering.colour_planes else 0)
    if left < 0:
        return None
    return value >> left & ((1 << numbering.bits) - 1)


def _frame_numbering(sps: bytes) -> FrameNumbering | None:
    """Read the numbering; None if invalid. ``sps``: without NAL header and emulation prevention bytes."""
    found = _sequence_parameters(BitReader(sps))
    return None if found is None else found[0]


def picture_format(sps: bytes) -> PictureFormat | None:
    """Read the picture format; None if invalid. ``sps``: payload after the NAL header, as in the stream."""
    bits = BitReader(unescaped(sps))
    found = _sequence_parameters(bits)
    if found is None:
        return None
    _, references, bytes_per_pixel = found
    width, height = 16 * (bits.ue() + 1), 16 * (bits.ue() + 1)
    height *= 1 if bits.u(1) else 2  # otherwise the set has the height of a field
    return None if bits.exhausted else PictureFormat(width, height, references, bytes_per_pixel)


def _sequence_parameters(bits: BitReader) -> tuple[FrameNumbering, int, float] | None:
    """Read up to the picture's size: returns numbering, reference pictures, and bytes per pixel."""
    profile = bits.u(8)
    bits.u(16)  # constraint flags, level
    bits.ue()  # id
    planes, bytes_per_pixel = _high_profile(bits) if profile in HIGH_PROFILES else (False, 1.5)
    size = bits.ue() + 4
    order_type = bits.ue()
    if order_type == 0:
        bits.ue()
    elif order_type == 1:
        bits.u(1)
        bits.ue()
        bits.ue()
        for _ in range(min(bits.ue(), 255)):  # more is not allowed
            bits.ue()
    references = bits.ue()
    gaps_allowed = bool(bits.u(1))
    if size > 16 or bits.exhausted:
        return None
    return FrameNumbering(size, gaps_allowed, planes), references, bytes_per_pixel


def _high_profile(bits: BitReader) -> tuple[bool, float]:
    """Return whether each colour plane has its own slices, and bytes per pixel. Skips scaling lists."""
    chroma_format = bits.ue()
    planes = chroma_format == 3 and bool(bits.u(1))
    deep = bits.ue() + bits.ue() > 0
    bits.u(1)
    if bits.u(1):
        for index in range(12 if chroma_format == 3 else 8):
            if bits.u(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return planes, {0: 1.0, 1: 1.5, 2: 2.0}.get(chroma_format, 3.0) * (2 if deep else 1)


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last
