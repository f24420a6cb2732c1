"""Reads how many pictures an H.265 stream keeps: what its parameter sets announce, and what a slice asks for.

Syntax: ITU-T H.265, 7.3.2.2 (sequence parameter set), 7.3.2.3 (picture parameter set), 7.3.6.1 (slice header)
and 7.3.7 (short-term reference picture set).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.capture.decode.bits import BitReader, unescaped

VPS, SPS, PPS = 32, 33, 34
IDR = (19, 20)
HEADER_BYTES = 288
"""The most that a slice takes up to the end of its reference picture set."""
MAX_PICTURES = 32
"""libavcodec has so many places for pictures, half of them for each direction, and refuses to keep more."""
NONSENSE = MAX_PICTURES + 1
VECTOR_BYTES, BLOCK_BYTES = 12, 528
"""What libavcodec notes with each picture: of each quarter of a smallest block, and of each largest block
(libavcodec, hevc/hevcdec.c: tab_mvf_pool, rpl_tab_pool)."""
MAX_PICTURE_SETS, MAX_SEQUENCES, MAX_SHORT_TERM_SETS = 64, 16, 64


@dataclass(frozen=True, slots=True)
class SetSyntax:
    """What a sequence parameter set says about reading the reference picture set of a slice."""

    planes: bool  # each colour plane has its own slices
    order_bits: int
    sets: tuple[int, ...]  # pictures in each short-term set
    long_term: int | None  # candidates that are listed; None: the stream has no long-term pictures


@dataclass(frozen=True, slots=True)
class SequenceFormat:
    """A sequence parameter set."""

    number: int
    width: int
    height: int
    kept: int  # pictures that the decoder is to keep, the one being decoded among them
    bytes_per_pixel: float
    notes_per_pixel: float  # bytes that the decoder notes beside it
    syntax: SetSyntax | None  # None: its end is unreadable


class ReferenceSets:
    """Reads the reference picture sets of one stream's slices. Not thread-safe.

    A slice is read with every version of its parameter sets that the stream has sent, and the largest result
    counts: libavcodec may have refused the newest version, and then it goes on with an older one.
    """

    def __init__(self) -> None:
        self._sequences: dict[int, set[SetSyntax]] = {}
        self._pictures: dict[int, set[tuple[int, int, int]]] = {}

    def add_sequence(self, found: SequenceFormat) -> None:
        if found.syntax is not None and found.number < MAX_SEQUENCES:
            self._sequences.setdefault(found.number, set()).add(found.syntax)

    def add_picture(self, unit: bytes) -> None:
        """``unit``: a picture parameter set, from its NAL header on."""
        bits = BitReader(unescaped(unit[2:32]))
        number, sequence = bits.ue(), bits.ue()
        bits.u(1)  # dependent slices: the first slice of a picture is never one
        output_flag, extra = bits.u(1), bits.u(3)
        if not bits.exhausted and number < MAX_PICTURE_SETS:
            self._pictures.setdefault(number, set()).add((sequence, output_flag, extra))

    @property
    def versions(self) -> int:
        """Of the parameter set that has most."""
        counts = [*map(len, self._sequences.values()), *map(len, self._pictures.values())]
        return max(counts, default=0)

    def pictures(self, unit: bytes) -> int:
        """How many pictures the first slice of a picture keeps beside it; 0 where it makes no sense.

        ``unit``: the slice from its NAL header on; ``HEADER_BYTES`` of it suffice.
        """
        kind = unit[0] >> 1 & 63
        if kind in IDR:
            return 0
        payload = unescaped(unit[2:HEADER_BYTES])
        bits = BitReader(payload[:16])
        _skip_flags(kind, bits)
        return max(
            (
                _pictures(kind, BitReader(payload), syntax, output_flag, extra)
                for sequence, output_flag, extra in self._pictures.get(bits.ue(), ())
                for syntax in self._sequences.get(sequence, ())
            ),
            default=0,
        )


def begins_picture(unit: bytes) -> bool:
    """Whether it is the first slice of a picture, by its first three bytes. Only the base layer counts:
    libavcodec passes the others over."""
    kind = unit[0] >> 1 & 63
    coded_slice = kind <= 9 or 16 <= kind <= 21
    return coded_slice and len(unit) == 3 and not unit[0] & 1 and unit[1] < 8 and unit[2] >= 128


def _skip_flags(kind: int, bits: BitReader) -> None:
    """``no_output_of_prior_pics_flag`` is there only where decoding may begin."""
    bits.u(2 if 16 <= kind <= 23 else 1)


def _pictures(kind: int, bits: BitReader, syntax: SetSyntax, output_flag: int, extra: int) -> int:
    _skip_flags(kind, bits)
    bits.ue()  # the picture parameter set
    bits.u(extra)
    bits.ue()  # the slice's type
    bits.u(output_flag + 2 * syntax.planes + syntax.order_bits)
    sets = syntax.sets
    if not bits.u(1):
        found = _short_term_set(bits, sets, in_slice=True)
    else:
        index = bits.u((len(sets) - 1).bit_length()) if sets else 0
        found = sets[index] if index < len(sets) else 0
    if syntax.long_term is not None:
        found += (bits.ue() if syntax.long_term else 0) + bits.ue()
    return 0 if bits.exhausted or found > MAX_PICTURES else found


def sequence_format(unit: bytes) -> SequenceFormat | None:
    """``unit``: a sequence parameter set, from its NAL header on. None for nonsense."""
    bits = BitReader(unescaped(unit[2:]))
    bits.u(4)
    layers = bits.u(3)
    bits.u(1)
    _skip_profile(bits, layers)
    number, chroma = bits.ue(), bits.ue()
    planes = chroma == 3 and bool(bits.u(1))
    width, height = bits.ue(), bits.ue()
    if bits.u(1):
        for _ in range(4):
            bits.ue()  # the conformance window
    deep = bits.ue() + bits.ue() > 0
    order_bits = bits.ue() + 4
    first = 0 if bits.u(1) else layers
    kept = 0
    for _ in range(first, layers + 1):
        kept = max(kept, bits.ue() + 1)
        bits.ue()
        bits.ue()
    if bits.exhausted:
        return None
    per_pixel = {0: 1.0, 1: 1.5, 2: 2.0}.get(chroma, 3.0) * (2 if deep else 1)
    smallest = min(bits.ue() + 3, 6)
    largest = min(smallest + bits.ue(), 6)
    notes = VECTOR_BYTES / 4 ** (smallest - 1) + BLOCK_BYTES / 4**largest
    syntax = _set_syntax(bits, planes, order_bits)
    return SequenceFormat(number, width, height, kept, per_pixel, notes, syntax)


def _skip_profile(bits: BitReader, layers: int) -> None:
    """``profile_tier_level`` (7.3.3)."""
    bits.u(96)
    present = [(bits.u(1), bits.u(1)) for _ in range(layers)]
    if layers:
        bits.u(2 * (8 - layers))
    for profile, level in present:
        bits.u(88 * profile + 8 * level)


def _set_syntax(bits: BitReader, planes: bool, order_bits: int) -> SetSyntax | None:
    """The parameter set's middle, from the sizes of transforms to the long-term pictures."""
    for _ in range(4):
        bits.ue()  # sizes and depths of transforms
    if bits.u(1) and bits.u(1):
        _skip_scaling_lists(bits)
    bits.u(2)  # asymmetric partitions, adaptive offset
    if bits.u(1):  # PCM
        bits.u(8)
        bits.ue()
        bits.ue()
        bits.u(1)
    count = bits.ue()
    if count > MAX_SHORT_TERM_SETS or order_bits > 16:
        return None
    sets: list[int] = []
    for _ in range(count):
        sets.append(_short_term_set(bits, sets, in_slice=False))
    long_term = bits.ue() if bits.u(1) else None
    return None if bits.exhausted else SetSyntax(planes, order_bits, tuple(sets), long_term)


def _short_term_set(bits: BitReader, sets: Sequence[int], *, in_slice: bool) -> int:
    """How many pictures it has; ``sets``: how many those before it have."""
    if not sets or not bits.u(1):
        return _explicit_set(bits)
    back = bits.ue() + 1 if in_slice else 1
    bits.u(1)
    bits.ue()  # sign and distance from the set that it is predicted from
    pictures = 0
    for _ in range(min(sets[-min(back, len(sets))], MAX_PICTURES) + 1):
        pictures += bits.u(1) or bits.u(1)  # used_by_curr_pic_flag, and use_delta_flag where that is 0
    return pictures


def _explicit_set(bits: BitReader) -> int:
    before, after = bits.ue(), bits.ue()
    if max(before, after) >= MAX_PICTURES // 2:
        return NONSENSE
    for _ in range(before + after):
        bits.ue()
        bits.u(1)
    return before + after


def _skip_scaling_lists(bits: BitReader) -> None:
    """``scaling_list_data`` (7.3.4)."""
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not bits.u(1):
                bits.ue()
                continue
            for _ in range(min(64, 16 << 2 * size) + (size > 1)):
                bits.se()
