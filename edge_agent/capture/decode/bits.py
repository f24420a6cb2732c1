"""Reads single bits and Exp-Golomb numbers from H.264 and H.265 headers."""

from __future__ import annotations


def unescaped(data: bytes) -> bytes:
    """``data`` without the emulation prevention bytes (ITU-T H.264, 7.4.1)."""
    return data.replace(b"\0\0\3", b"\0\0")


class BitReader:
    """Reads bits from the front; after the end it returns zeros."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def u(self, count: int) -> int:
        """An unsigned number of ``count`` bits."""
        self._left -= count
        if self._left < 0:
            return 0
        return self._value >> self._left & ((1 << count) - 1)

    @property
    def exhausted(self) -> bool:
        """Whether more bits were read than the data has."""
        return self._left < 0

    def ue(self) -> int:
        """An unsigned Exp-Golomb number (9.1)."""
        if self._left <= 0:
            self._left = -1
            return 0
        zeros = self._left - (self._value & ((1 << self._left) - 1)).bit_length()
        self._left -= zeros
        return max(0, self.u(zeros + 1) - 1)

    def se(self) -> int:
        """A signed Exp-Golomb number (9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)
