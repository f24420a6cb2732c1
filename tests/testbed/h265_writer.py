"""Writes parameter sets and slice headers of H.265, as a hostile camera would."""

from __future__ import annotations

import re

from edge_agent.capture.decode.h264 import unescaped

START = b"\0\0\0\1"


class BitWriter:
    """Writes fields one after the other; see ITU-T H.265, 7.2 for their names."""

    def __init__(self, bits: str = "") -> None:
        self.bits = bits

    def u(self, *fields: tuple[int, int]) -> BitWriter:
        """Unsigned numbers: (value, bits)."""
        self.bits += "".join(f"{value:0{size}b}" for value, size in fields)
        return self

    def ue(self, *values: int) -> BitWriter:
        """Exp-Golomb numbers."""
        for value in values:
            code = f"{value + 1:b}"
            self.bits += "0" * (len(code) - 1) + code
        return self

    def unit(self, kind: int) -> bytes:
        """A NAL unit with its start code."""
        bits = self.bits + "1"
        bits += "0" * (-len(bits) % 8)
        payload = int(bits, 2).to_bytes(len(bits) // 8, "big")
        return START + bytes((kind << 1, 1)) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", payload)


PROFILE = ((0x01, 8), (0x60000000, 32), (0, 48), (153, 8))


def video(number: int = 0, *, timings: int = 0) -> bytes:
    """A video parameter set, without which libavcodec refuses the others; ``timings``: timing data for this
    many layer sets."""
    made = BitWriter().u((number, 4), (3, 2), (0, 6), (0, 3), (1, 1), (0xFFFF, 16), *PROFILE, (1, 1))
    made.ue(15, 0, 0).u((0, 6)).ue(max(timings, 1) - 1).u(*[(0, 1)] * (timings - 1), (timings > 0, 1))
    if timings:
        made.u((1, 32), (25, 32), (0, 1)).ue(timings)
        for index in range(timings):
            made.ue(0).u((0, 1 if index else 2), (1, 1)).ue(0, 0)
    return made.u((0, 1)).unit(32)


def sequence(
    size: tuple[int, int],
    *,
    kept: int,
    chroma: int = 1,
    order_bits: int = 8,
    sets: BitWriter | None = None,
    long_term: BitWriter | None = None,
) -> bytes:
    """A sequence parameter set; ``sets`` begins with their number, ``long_term`` too."""
    made = BitWriter().u((0, 4), (0, 3), (1, 1), *PROFILE)
    made.ue(0, chroma, *size).u((0, 1)).ue(0, 0, order_bits - 4).u((1, 1)).ue(kept - 1, 0, 0)
    made.ue(0, 1, 0, 2, 0, 0).u((0, 1), (0, 2), (0, 1))
    made.bits += (sets or BitWriter().ue(0)).bits
    made.u((long_term is not None, 1))
    made.bits += long_term.bits if long_term else ""
    return made.u((0, 4)).unit(33)


def picture(number: int = 0, *, output_flag: int = 0, extra: int = 0) -> bytes:
    """A picture parameter set."""
    made = BitWriter().ue(number, 0).u((0, 1), (output_flag, 1), (extra, 3), (0, 2)).ue(0, 0, 0)
    made.u((0, 3)).ue(0, 0).u((0, 9)).ue(0).u((0, 2))
    return made.unit(34)


def announcing(packet: bytes, *, kept: int) -> bytes:
    """The packet of a 4:2:0 stream without temporal layers whose parameter set announces another number of
    pictures."""
    start = packet.index(b"\0\0\1\x42") + 5
    end = packet.index(b"\0\0\1", start)
    payload = unescaped(packet[start:end])
    bits = f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}"
    at = _after_numbers(bits, 8 + 96, 4)  # behind layers and profile: two kinds, width and height
    at = _after_numbers(bits, at + 1, 4 if bits[at] == "1" else 0)  # the conformance window
    at = _after_numbers(bits, at, 3) + 1
    rest = bits[_after_numbers(bits, at, 1) :].rstrip("0")[:-1]
    made = BitWriter(bits[:at]).ue(kept - 1)
    return packet[: start - 5] + BitWriter(made.bits + rest).unit(33) + b"\0" + packet[end:]


def _after_numbers(bits: str, at: int, count: int) -> int:
    for _ in range(count):
        at += 2 * (bits.index("1", at) - at) + 1
    return at
