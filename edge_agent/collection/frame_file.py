"""The file of a collected frame: a JPEG with a note about camera, time and light.

The note is JSON in a comment segment (COM, ITU-T T.81 B.2.4.5) of the JPEG, so it is sealed and transferred
with the picture.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from edge_agent.core.errors import EdgeAgentError
from edge_agent.wire import Id, Time

MARK = b"edge-agent frame 1\n"
_COM, _SCAN = 0xFE, 0xDA


class FrameNote(Struct, frozen=True, kw_only=True):
    """The note in a collected frame."""

    gateway: Id
    camera: Id
    event_id: Id
    time: Time
    clock: Literal["synced", "unsynced"]
    width: int
    height: int
    light: Annotated[str, Meta(pattern="^[a-z]{1,16}$")]  # a level of ``selection.LIGHT_LEVELS``
    brightness: float  # mean luma, 0 to 255
    grey: bool  # no colour: infrared light
    active: bool  # a tracked object moved


class InvalidFrameFile(EdgeAgentError):
    """The bytes are no collected frame; the message says why."""


def with_note(jpeg: bytes, note: FrameNote) -> bytes:
    """Return the picture with ``note`` inserted."""
    content = MARK + msgspec.json.encode(note)
    behind = 4 + int.from_bytes(jpeg[4:6], "big")  # the first segment, JFIF's, has to stay the first
    return jpeg[:behind] + b"\xff\xfe" + (len(content) + 2).to_bytes(2, "big") + content + jpeg[behind:]


def note_of(jpeg: bytes) -> FrameNote:
    """Return the note of a picture. Raises InvalidFrameFile; the bytes may come from any source."""
    if not jpeg.startswith(b"\xff\xd8"):
        raise InvalidFrameFile("it is no JPEG")
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != _SCAN:
        size = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        content = jpeg[at + 4 : at + 2 + size]
        if jpeg[at + 1] == _COM and content.startswith(MARK):
            try:
                return msgspec.json.decode(content[len(MARK) :], type=FrameNote)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InvalidFrameFile(f"its note cannot be read: {error}") from error
        at += 2 + size
    raise InvalidFrameFile("it is a picture that no collection has taken")
