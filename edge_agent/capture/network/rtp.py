"""Assembles RTP packets to access units: whole pictures as the decoder expects them.

H.264: RFC 6184; H.265: RFC 7798; JPEG: RFC 2435 (``rtp_jpeg.py``). Packets come over TCP, in order. Those
that a camera drops, because the network is too slow for it, leave a gap in the sequence numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_agent.capture.failures import CameraFault, Fault
from edge_agent.capture.network.sdp import SdpMedia

MAX_UNIT_BYTES = 4_194_304
"""Limit of one picture, so that a picture without an end is refused. A keyframe of 3840x2160 at 16 Mbit/s has
1 to 2 MB."""
_START_CODE = b"\0\0\0\1"
_WRAP = 1 << 32
TRUSTED_AFTER = 50
"""Packets in a row whose sequence numbers rise by one. Then a gap is a loss; some cameras count otherwise."""
MAX_SETS, MAX_SET_BYTES = 16, 4096
"""Limits of the parameter sets of one kind that are kept. Cameras have 1 or 2, with 10 to 100 bytes."""


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture."""

    content: bytes  # with start codes, or a JPEG file
    timestamp: int  # ticks of the stream's clock since the first unit; does not wrap
    keyframe: bool
    damaged: bool = False  # packets of it are missing, or packets before it, and it is no keyframe


class PayloadFormat(Protocol):
    """Reads the pictures of one codec from RTP payloads."""

    def read(self, payload: bytes) -> Iterator[bytes]:
        """Yield the pieces of the picture, in order; the decoder expects their concatenation."""

    picture: bool
    """Whether the pieces since ``begin`` hold (part of) a picture."""
    keyframe: bool
    """Whether decoding can start at this picture."""

    @property
    def complete_start(self) -> bool:
        """Whether the first piece of the picture is the picture's first: the part at the top left."""

    @property
    def head(self) -> bytes:
        """Bytes that a decoder needs before a keyframe but that are not in its packets."""

    @property
    def tail(self) -> bytes:
        """Bytes that end a picture but are not in its packets; they are appended to the picture."""

    def begin(self) -> None:
        """Begin the next picture."""


class AccessUnitAssembler:
    """Assembles the packets of one stream. A picture ends at the marker bit, or where the timestamp changes.
    If a camera sets the marker within pictures, only the timestamp counts from then on. Its timestamps may
    repeat."""

    def __init__(self, media: SdpMedia, format_: PayloadFormat) -> None:
        self._payload_type = media.payload_type
        self._format = format_
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._timestamp: int | None = None  # RTP timestamp of the pieces
        self._ended: int | None = None  # RTP timestamp of the unit that the marker ended
        self._marker_ends = True
        self._losses = _LossDetector()
        self._lost = False  # packets before the next one are missing
        self._damaged = False  # packets of the picture in progress are missing
        self._follows_loss = False  # packets before the picture in progress are missing
        self._first: int | None = None  # timestamp of the first unit
        self._last = 0  # timestamp of the last unit, counted from the first

    def feed(self, packet: bytes) -> list[AccessUnit]:
        """Return the units that ``packet`` completes. Raises ``CameraFault`` for a picture without an end."""
        if len(packet) < 12 or packet[0] >> 6 != 2:
            return []
        is_video = packet[1] & 127 == self._payload_type
        if self._losses.lost_before(packet, is_video=is_video):
            self._lost = True
        if not is_video:
            return []
        payload, timestamp, marker = self._parsed(packet)
        if not payload:
            return []
        if self._lost and self._pieces:
            self._damaged = True
        units = []
        if self._timestamp is not None and timestamp != self._timestamp and self._format.picture:
            units.append(self._whole())
        if self._lost:
            self._follows_loss = self._follows_loss or not self._pieces
            self._lost = False
        self._timestamp = timestamp
        self._append(payload)
        if timestamp == self._ended and self._format.picture and not self._format.complete_start:
            self._marker_ends = False
        if marker and self._marker_ends and self._format.picture:
            self._pieces.append(self._format.tail)
            units.append(self._whole())
            self._ended = timestamp
        return units

    def _append(self, payload: bytes) -> None:
        for piece in self._format.read(payload):
            self._pieces.append(piece)
            self._size_bytes += len(piece)
        # Each piece takes more memory than its bytes, so the number of pieces needs a limit too.
        if self._size_bytes > MAX_UNIT_BYTES or len(self._pieces) > MAX_UNIT_BYTES // 64:
            raise CameraFault(Fault.TOO_LARGE_UNIT)

    @staticmethod
    def _parsed(packet: bytes) -> tuple[bytes, int, bool]:
        """Return payload, timestamp and marker."""
        begin, end = 12 + 4 * (packet[0] & 15), len(packet)
        if packet[0] & 16:  # an extension
            begin += 4 + 4 * int.from_bytes(packet[begin + 2 : begin + 4], "big")
        if packet[0] & 32:  # padding
            end -= packet[-1]
        return packet[begin:end], int.from_bytes(packet[4:8], "big"), packet[1] >= 128

    def _whole(self) -> AccessUnit:
        assert self._timestamp is not None
        keyframe = self._format.keyframe
        content = b"".join((self._format.head, *self._pieces) if keyframe else self._pieces)
        damaged = self._damaged or (self._follows_loss and not keyframe)
        if self._first is None:
            self._first = self._timestamp
        step = (self._timestamp - self._first - self._last) % _WRAP
        self._last += step if step < _WRAP // 2 else step - _WRAP
        self._pieces.clear()
        self._size_bytes = 0
        self._damaged = self._follows_loss = False
        self._format.begin()
        return AccessUnit(content, self._last, keyframe, damaged)


class _LossDetector:
    """Finds gaps in the sequence numbers of one stream."""

    def __init__(self) -> None:
        self._source = b""
        self._expected = 0
        self._in_order = 0  # packets in a row; from ``TRUSTED_AFTER`` on no longer reset

    def lost_before(self, packet: bytes, *, is_video: bool) -> bool:
        """Return whether packets of this source (SSRC) are missing before ``packet``. A number that comes
        again, or late, is no loss. Other packets of the same source share the numbers of the video."""
        sequence = packet[2] << 8 | packet[3]
        if sequence == self._expected:  # nearly every packet, so this has to be quick
            self._expected = sequence + 1 & 65_535
            self._in_order += 1
            return False
        source = packet[8:12]
        if source != self._source:
            if is_video:
                self._source, self._expected = source, sequence + 1 & 65_535
            return False
        missing, self._expected = (sequence - self._expected) % 65_536, sequence + 1 & 65_535
        if self._in_order < TRUSTED_AFTER:
            self._in_order = 0
            return False
        return missing < 32_767


class _ParameterSets:
    """Keeps the newest parameter sets that came in a stream. A camera may send them once, at its start."""

    def __init__(self, kinds: Sequence[int]) -> None:
        """``kinds``: types of NAL units, in the order in which cameras send them."""
        self._units: dict[int, list[bytes]] = {kind: [] for kind in kinds}
        self._came: set[int] = set()  # kinds that came with this picture

    def begin(self) -> None:
        """Begin the next picture."""
        self._came.clear()

    def note(self, kind: int, unit: bytes) -> None:
        units = self._units.get(kind)
        if units is None or len(unit) > MAX_SET_BYTES:
            return
        if kind not in self._came:
            units.clear()
            self._came.add(kind)
        if len(units) < MAX_SETS:
            units.append(_START_CODE + unit)

    @property
    def missing(self) -> bytes:
        """The sets of the kinds that did not come with this picture, with start codes."""
        return b"".join(
            unit for kind, units in self._units.items() if kind not in self._came for unit in units
        )


class H264Payload:
    """Reads NAL units: one (1 to 23) or several (STAP-A) in a packet, or one in fragments (FU-A)."""

    tail = b""

    def __init__(self) -> None:
        self._inside = False  # the beginning of a fragmented unit has come
        self._sets = _ParameterSets((7, 8))
        self.begin()

    @property
    def head(self) -> bytes:
        return self._sets.missing

    def begin(self) -> None:
        self.picture = self.keyframe = self.complete_start = False
        self._sets.begin()

    def read(self, payload: bytes) -> Iterator[bytes]:
        kind = payload[0] & 31
        if kind == 28 and len(payload) > 2:
            yield from self._fragment(payload)
        elif kind == 24:
            for unit in _aggregated(payload, 1):
                yield from self._unit(unit)
        elif 0 < kind < 24:
            yield from self._unit(payload)

    def _unit(self, unit: bytes) -> Iterator[bytes]:
        kind = unit[0] & 31
        self._note(kind, unit)
        self._sets.note(kind, unit)
        yield _START_CODE
        yield unit

    def _fragment(self, payload: bytes) -> Iterator[bytes]:
        begins = payload[1] & 128
        if begins:
            header = bytes((payload[0] & 0xE0 | payload[1] & 31,))
            self._note(header[0] & 31, header + payload[2:])
            yield _START_CODE
            yield header
        self._inside = bool(begins) or self._inside
        if self._inside:  # without its beginning a unit cannot be decoded
            yield payload[2:]
        self._inside = self._inside and not payload[1] & 64

    def _note(self, kind: int, unit: bytes) -> None:
        if 1 <= kind <= 5 and not self.picture:
            self.picture = True
            self.complete_start = len(unit) > 1 and unit[1] >= 128  # first_mb_in_slice is 0
        self.keyframe = self.keyframe or kind == 5 or (kind == 6 and _is_recovery_point(unit))


class H265Payload:
    """Reads NAL units: one in a packet, several in a packet (AP), or one in fragments (FU)."""

    tail = b""

    def __init__(self) -> None:
        self._inside = False
        self._sets = _ParameterSets((32, 33, 34))
        self.begin()

    @property
    def head(self) -> bytes:
        return self._sets.missing

    def begin(self) -> None:
        self.picture = self.keyframe = self.complete_start = False
        self._sets.begin()

    def read(self, payload: bytes) -> Iterator[bytes]:
        kind = payload[0] >> 1 & 63
        if kind == 49 and len(payload) > 3:
            yield from self._fragment(payload)
        elif kind == 48:
            for unit in _aggregated(payload, 2):
                yield from self._unit(unit)
        elif kind < 48 and len(payload) > 2:
            yield from self._unit(payload)

    def _unit(self, unit: bytes) -> Iterator[bytes]:
        kind = unit[0] >> 1 & 63
        self._note(kind, unit[2:3])
        self._sets.note(kind, unit)
        yield _START_CODE
        yield unit

    def _fragment(self, payload: bytes) -> Iterator[bytes]:
        begins, kind = payload[2] & 128, payload[2] & 63
        if begins:
            self._note(kind, payload[3:4])
            yield _START_CODE
            yield bytes((payload[0] & 0x81 | kind << 1, payload[1]))
        self._inside = bool(begins) or self._inside
        if self._inside:
            yield payload[3:]
        self._inside = self._inside and not payload[2] & 64

    def _note(self, kind: int, begin: bytes) -> None:
        """``begin``: the first byte after the unit's header."""
        if kind < 32 and not self.picture:
            self.picture = True
            self.complete_start = begin >= b"\x80"  # first_slice_segment_in_pic_flag
        self.keyframe = self.keyframe or 16 <= kind <= 23  # random access pictures


def _aggregated(payload: bytes, header: int) -> Iterator[bytes]:
    at = header
    while at + 2 < len(payload):
        size = int.from_bytes(payload[at : at + 2], "big")
        unit = payload[at + 2 : at + 2 + size]
        if unit:
            yield unit
        at += 2 + size


def _is_recovery_point(sei: bytes) -> bool:
    """Return whether a supplemental message marks a recovery point (H.264, D.1.8). There decoding can start:
    in open groups of pictures, and with intra refresh."""
    at, end = 1, min(len(sei), 512)
    while at + 2 < end:
        numbers = []
        for _ in ("payload type", "payload size"):
            number = 0
            while at < end and sei[at] == 255:
                number, at = number + 255, at + 1
            numbers.append(number + (sei[at] if at < end else 0))
            at += 1
        if numbers[0] == 6:
            return True
        at += numbers[1]
    return False
