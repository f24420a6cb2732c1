"""How large a camera's decoded pictures may become: what the stream announces is checked before the decoder
allocates it (docs/decisions/0042)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.capture.bits import Bits, unescaped
from edge_agent.capture.h264 import picture_format

MOST_PIXELS = 4096 * 2304
MOST_PICTURES_BYTES = 52_000_000
"""Of all pictures that the decoder keeps, with what it notes of each: 3840x2160 with one reference picture,
1920x1080 with ten. With a picture's own bytes, at most three times 4 MB, it stays under 64 MB."""
IN_FLIGHT = 2
"""Pictures beside those that the stream asks for: the one being decoded, and the one being analysed."""
_PARAMETER_BYTES = 512


class PictureTooLarge(Exception):
    """The stream announces more than a camera may cost; the text says what."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What a stream says of its pictures."""

    width: int
    height: int
    kept: int  # pictures that the decoder keeps to predict others from, or to reorder
    bytes_per_pixel: float


class PictureLimits:
    """Of one decoder. Not thread-safe."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._pattern, self._read = _READERS[codec]
        self._announced: Announced | None = None
        self._announcement = extradata  # checked with the first packet

    def check(self, packet: memoryview, reorder_depth: int) -> None:
        """``reorder_depth``: pictures that the decoder holds back by now. Raises ``PictureTooLarge``."""
        if self._announcement:
            self._note(self._announcement)
            self._announcement = b""
        self._note(packet)
        if self._announced is not None:
            _check(self._announced, reorder_depth)

    def _note(self, content: bytes | memoryview) -> None:
        for match in self._pattern.finditer(content):
            found = self._read(bytes(content[match.start() : match.start() + _PARAMETER_BYTES]))
            if found is not None:
                _check(found, 0)
                self._announced = found


def _check(announced: Announced, reorder_depth: int) -> None:
    width, height = announced.width, announced.height
    if width * height > MOST_PIXELS:
        raise PictureTooLarge(f"its pictures are {width}x{height}, too large to analyse")
    pictures = announced.kept + reorder_depth + IN_FLIGHT
    if pictures * width * height * announced.bytes_per_pixel > MOST_PICTURES_BYTES:
        raise PictureTooLarge(
            f"its pictures are {width}x{height}, and {pictures} of them at a time are too much memory"
        )


def _h264(content: bytes) -> Announced | None:
    found = picture_format(content[4:])
    if found is None:
        return None
    # Vectors and kinds of blocks take 0.55 bytes a pixel (libavcodec, h264_slice.c).
    return Announced(found.width, found.height, found.references, found.bytes_per_pixel + 0.55)


def _hevc(content: bytes) -> Announced | None:
    """Sequence parameter set: ITU-T H.265, 7.3.2.2."""
    bits = Bits(unescaped(content[5:]))
    bits.u(4)
    layers = bits.u(3)
    bits.u(1)
    _skip_profile(bits, layers)
    bits.ue()  # id
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    width, height = bits.ue(), bits.ue()
    if bits.u(1):
        for _ in range(4):
            bits.ue()  # the conformance window
    deep = bits.ue() + bits.ue() > 0
    bits.ue()
    first = 0 if bits.u(1) else layers
    kept = 0
    for _ in range(first, layers + 1):
        kept = max(kept, bits.ue() + 1)
        bits.ue()
        bits.ue()
    if bits.exhausted:
        return None
    # Vectors take 12 bytes for each 4x4 pixels (libavcodec, hevcdec.h).
    return Announced(width, height, kept, _pixel_bytes(chroma, deep=deep) + 0.75)


def _skip_profile(bits: Bits, layers: int) -> None:
    """``profile_tier_level`` (7.3.3)."""
    bits.u(96)
    present = [(bits.u(1), bits.u(1)) for _ in range(layers)]
    if layers:
        bits.u(2 * (8 - layers))
    for profile, level in present:
        bits.u(88 * profile + 8 * level)


def _jpeg(content: bytes) -> Announced | None:
    """Frame header: ITU-T T.81, B.2.2."""
    height, width = int.from_bytes(content[5:7], "big"), int.from_bytes(content[7:9], "big")
    sampling = content[11] if content[9] == 3 else 0
    per_pixel = {0x22: 1.5, 0x21: 2.0, 0x12: 2.0}.get(sampling, 1.0 if content[9] == 1 else float(content[9]))
    progressive = content[1] not in (0xC0, 0xC1)
    # Progressive pictures are kept as coefficients, of two bytes each, until their last scan.
    return Announced(width, height, 2 if progressive else 0, per_pixel)


def _pixel_bytes(chroma: int, *, deep: bool) -> float:
    """``chroma``: 0 none, 1 4:2:0, 2 4:2:2, 3 4:4:4."""
    return {0: 1.0, 1: 1.5, 2: 2.0}.get(chroma, 3.0) * (2 if deep else 1)


_Reader = Callable[[bytes], Announced | None]
_READERS: dict[str, tuple[re.Pattern[bytes], _Reader]] = {
    # Where a sequence parameter set begins, whatever its other header bits say.
    "h264": (re.compile(rb"\x00\x00\x01[\x07\x27\x47\x67\x87\xa7\xc7\xe7]"), _h264),
    "hevc": (re.compile(rb"\x00\x00\x01[\x42\x43\xc2\xc3]"), _hevc),
    "mjpeg": (
        re.compile(
            rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]\x00[\x0b\x11\x14][\x08\x0c].{4}[\x01\x03\x04]",
            re.DOTALL,
        ),
        _jpeg,
    ),
}
