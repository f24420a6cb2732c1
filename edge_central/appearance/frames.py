"""Messages between the centre and the process that computes embeddings: a length, then bytes.

A request is the JPEG. An answer begins with one byte: after ``OK`` the vector follows as float16 (little
endian), after ``REFUSED`` the reason why there is none. Before the first request the process sends an answer
that holds a ``ChildHello``.
"""

from __future__ import annotations

import struct

import msgspec

OK, REFUSED = 0, 1
MAX_REQUEST_BYTES, MAX_ANSWER_BYTES = 1_000_000, 4_096

REQUEST_HEAD = struct.Struct(">I")
ANSWER_HEAD = struct.Struct(">BH")


class ChildHello(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about its model that the process reports."""

    name: str
    sha256: str
    input_size: tuple[int, int]  # width, height in pixels
    dimensions: int
    filtered: bool  # the kernel permits only the system calls of a computation


def request(jpeg: bytes) -> bytes:
    return REQUEST_HEAD.pack(len(jpeg)) + jpeg


def answer(kind: int, content: bytes) -> bytes:
    content = content[:MAX_ANSWER_BYTES]
    return ANSWER_HEAD.pack(kind, len(content)) + content
