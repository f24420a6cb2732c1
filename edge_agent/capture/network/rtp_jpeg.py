"""JPEG over RTP (RFC 2435): packets contain only the entropy-coded data; the file's headers are built here.

The tables are those of the standard (ITU-T T.81, annex K), which the RFC prescribes.
"""

from __future__ import annotations

from collections.abc import Iterator

_LUMA = bytes.fromhex(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933"
    "383740485c4e404457453738506d51575f626768673e4d71797064785c656763"
)
_CHROMA = bytes.fromhex("1112121815182f1a1a2f634238426363") + b"\x63" * 48
_DC_LUMA = bytes.fromhex("00010501010101010100000000000000") + bytes(range(12))
_DC_CHROMA = bytes.fromhex("00030101010101010101010000000000") + bytes(range(12))
_AC_LUMA = bytes.fromhex(
    "0002010303020403050504040000017d"
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728"
    "292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a83848586878889"
    "8a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2"
    "e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
)
_AC_CHROMA = bytes.fromhex(
    "00020102040403040705040400010277"
    "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a26"
    "2728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778797a828384858687"
    "88898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9da"
    "e2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
)
_END = b"\xff\xd9"
_HUFFMAN = b"\x00" + _DC_LUMA + b"\x01" + _DC_CHROMA + b"\x10" + _AC_LUMA + b"\x11" + _AC_CHROMA
_JFIF = b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"


class JpegPayload:
    """Reads JPEG pictures. Every picture is a keyframe."""

    keyframe = True
    head = b""

    def __init__(self) -> None:
        self._tables: dict[int, bytes] = {}  # by Q from 128 on, which a camera may send only once
        self.begin()

    def begin(self) -> None:
        self.picture = False
        self._next_offset = 0

    @property
    def complete_start(self) -> bool:
        return self.picture

    @property
    def tail(self) -> bytes:
        """The end marker, which packets may omit; empty if a packet is missing."""
        return _END if self._next_offset >= 0 else b""

    def read(self, payload: bytes) -> Iterator[bytes]:
        if len(payload) < 8:
            return
        offset, kind, quality = int.from_bytes(payload[1:4], "big"), payload[4], payload[5]
        at, restart = 8, b""
        if 64 <= kind < 128:
            restart, at = payload[8:10], 12
        if offset == 0:
            if quality >= 128:
                at = self._learn(payload, at, quality)
            tables = self._tables.get(quality) if quality >= 128 else _scaled(quality)
            if not tables or kind & 63 > 1 or not payload[6] or not payload[7]:
                return  # a type that the RFC does not define, or no size
            self.picture = True
            yield _header(kind & 1, payload[6] * 8, payload[7] * 8, tables, restart)
        if offset != self._next_offset:
            self._next_offset = -1  # packet missing: without its end marker the picture counts as damaged
        if self.picture and self._next_offset >= 0:
            self._next_offset += len(payload) - at
            yield payload[at:]

    def _learn(self, payload: bytes, at: int, quality: int) -> int:
        """Store the quantisation tables in the first packet of a picture; returns where they end."""
        size = int.from_bytes(payload[at + 2 : at + 4], "big")
        tables = payload[at + 4 : at + 4 + size]
        if payload[at + 1 : at + 2] == b"\0" and len(tables) in (64, 128):  # tables of 8 bits
            self._tables[quality] = tables
        return at + 4 + size


def _scaled(quality: int) -> bytes:
    """Scale the standard's tables to a quality of 1 to 99 (RFC 2435, appendix A)."""
    factor = max(1, min(quality, 99))
    factor = 5000 // factor if factor < 50 else 200 - 2 * factor
    return bytes(max(1, min(255, (value * factor + 50) // 100)) for value in _LUMA + _CHROMA)


def _header(kind: int, width: int, height: int, tables: bytes, restart: bytes) -> bytes:
    """Return the headers before the picture's data, in FFmpeg's order. ``kind``: 0 is 4:2:2, 1 is 4:2:0."""
    parts = [b"\xff\xd8", _segment(0xE0, _JFIF)]
    if restart:
        parts.append(_segment(0xDD, restart))
    numbered = [bytes((n,)) + tables[64 * n : 64 * n + 64] for n in range(len(tables) // 64)]
    chroma_table = len(numbered) - 1
    sampling = 0x22 if kind else 0x21
    parts += [
        _segment(0xDB, b"".join(numbered)),
        _segment(0xC4, _HUFFMAN),
        _segment(
            0xC0,
            b"\x08"
            + height.to_bytes(2, "big")
            + width.to_bytes(2, "big")
            + bytes((3, 1, sampling, 0, 2, 0x11, chroma_table, 3, 0x11, chroma_table)),
        ),
        _segment(0xDA, b"\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00"),
    ]
    return b"".join(parts)


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content
