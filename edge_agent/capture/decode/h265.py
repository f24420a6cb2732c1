"""Reads how many pictures an H.265 decoder has to keep: as parameter sets announce and as slices require.

Syntax: ITU-T H.265, 7.3.2.2 (sequence parameter set), 7.3.2.3 (picture parameter set), 7.3.6.1 (slice header)
and 7.3.7 (short-term reference picture set).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.capture.decode.h264 import BitReader, unescaped

VPS, SPS, PPS = 32, 33, 34
IDR = (19, 20)
HEADER_BYTES = 288
"""Upper bound of a slice's header up to the end of its reference picture set."""
MAX_PICTURES = 32
"""libavcodec keeps at most this many pictures, half of them for each direction."""
INVALID = MAX_PICTURES + 1
VECTOR_BYTES, BLOCK_BYTES = 12, 528
"""Bytes of metadata that libavcodec stores with each picture: ``VECTOR_BYTES`` for each quarter of a smallest
block, ``BLOCK_BYTES`` for each largest block (libavcodec, hevc/hevcdec.c: tab_mvf_pool, rpl_tab_pool)."""
MAX_PICTURE_SETS, MAX_SEQUENCES, MAX_SHORT_TERM_SETS = 64, 16, 64


@dataclass(frozen=True, slots=True)
class SetSyntax:
    """What a sequence parameter set says about the syntax of a slice's reference picture set."""

    planes: bool  # each colour plane has its own slices
    order_bits: int
    sets: tuple[int, ...]  # pictures in each short-term set
    long_term: int | None  # candidates in the list; None: the stream has no long-term pictures


@dataclass(frozen=True, slots=True)
class SequenceFormat:
    """The values of a sequence parameter set that the memory limits need."""

    number: int
    width: int
    height: int
    dpb_size: int  # pictures that the decoder has to keep, including the one being decoded
    bytes_per_pixel: float
    metadata_per_pixel: float  # bytes that the decoder stores beside the picture
    syntax: SetSyntax | None  # None: the end of the set is unreadable


class ReferenceSets:
    """Reads the reference picture sets of one stream's slices. Not thread-safe.

    A slice is read with every version of its parameter sets that the stream has sent, and the largest result
    counts: if libavcodec refuses the newest version, it uses an older one.
    """

    def __init__(self) -> None:
        self._sequences: dict[int, set[SetSyntax]] = {}
        self._pictures: dict[int, set[tuple[int, int, int]]] = {}

    def add_sequence(self, found: SequenceFormat) -> None:
        if found.syntax is not None and found.number < MAX_SEQUENCES:
            self._sequences.setdefault(found.number, set()).add(found.syntax)

    def add_picture(self, unit: bytes) -> None:
        """Add a picture parameter set. ``unit``: the set from its NAL header on."""
        bits = BitReader(unescaped(unit[2:32]))
        number, sequence = bits.ue(), bits.ue()
        bits.u(1)  # whether dependent slices exist; the first slice of a picture is never one
        output_flag, extra = bits.u(1), bits.u(3)
        if not bits.exhausted and number < MAX_PICTURE_SETS:
            self._pictures.setdefault(number, set()).add((sequence, output_flag, extra))

    @property
    def versions(self) -> int:
        """The largest number of versions of any one parameter set."""
        counts = [*map(len, self._sequences.values()), *map(len, self._pictures.values())]
        return max(counts, default=0)

    def pictures(self, unit: bytes) -> int:
        """Return how many other pictures a picture requires; 0 for an IDR picture or an invalid slice.

        ``unit``: the first slice of the picture from its NAL header on, at least ``HEADER_BYTES`` of it.
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
    """Return whether ``unit``, the first three bytes of a NAL unit, begins a picture. Only the base layer
    counts: libavcodec skips the other layers."""
    kind = unit[0] >> 1 & 63
    coded_slice = kind <= 9 or 16 <= kind <= 21
    return coded_slice and len(unit) == 3 and not unit[0] & 1 and unit[1] < 8 and unit[2] >= 128


def _skip_flags(kind: int, bits: BitReader) -> None:
    """Skip the flags before the number of the parameter set. ``no_output_of_prior_pics_flag`` is present only
    where decoding may begin."""
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
    """Read a sequence parameter set; None if it is invalid. ``unit``: the set from its NAL header on."""
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
    dpb_size = 0
    for _ in range(first, layers + 1):
        dpb_size = max(dpb_size, bits.ue() + 1)
        bits.ue()
        bits.ue()
    if bits.exhausted:
        return None
    per_pixel = {0: 1.0, 1: 1.5, 2: 2.0}.get(chroma, 3.0) * (2 if deep else 1)
    smallest = min(bits.ue() + 3, 6)
    largest = min(smallest + bits.ue(), 6)
    notes = VECTOR_BYTES / 4 ** (smallest - 1) + BLOCK_BYTES / 4**largest
    syntax = _set_syntax(bits, planes, order_bits)
    return SequenceFormat(number, width, height, dpb_size, per_pixel, notes, syntax)


def _skip_profile(bits: BitReader, layers: int) -> None:
    """Skip ``profile_tier_level`` (7.3.3)."""
    bits.u(96)
    present = [(bits.u(1), bits.u(1)) for _ in range(layers)]
    if layers:
        bits.u(2 * (8 - layers))
    for profile, level in present:
        bits.u(88 * profile + 8 * level)


def _set_syntax(bits: BitReader, planes: bool, order_bits: int) -> SetSyntax | None:
    """Read the parameter set's middle, from transform sizes to long-term pictures; None if it is invalid."""
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
    """Return the number of pictures in a short-term set. ``sets``: these numbers of the sets before it."""
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
        return INVALID
    for _ in range(before + after):
        bits.ue()
        bits.u(1)
    return before + after


def _skip_scaling_lists(bits: BitReader) -> None:
    """Skip ``scaling_list_data`` (7.3.4)."""
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not bits.u(1):
                bits.ue()
                continue
            for _ in range(min(64, 16 << 2 * size) + (size > 1)):
                bits.se()
