"""A collected frame as a file: a JPEG that says itself where, when and in which light it was taken.

What it says is JSON in a comment segment (COM, ITU-T T.81 B.2.4.5) of the JPEG, so it is sealed with the
picture, and every way to the centre carries both.
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
    """What a collected frame says of itself."""

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
    active: bool  # something moved in it


class InvalidFrameFile(EdgeAgentError):
    """It is no collected frame; says why."""


def with_note(jpeg: bytes, note: FrameNote) -> bytes:
    """The same picture that says ``note``."""
    content = MARK + msgspec.json.encode(note)
    behind = 4 + int.from_bytes(jpeg[4:6], "big")  # the first segment, JFIF's, has to stay the first
    return jpeg[:behind] + b"\xff\xfe" + (len(content) + 2).to_bytes(2, "big") + content + jpeg[behind:]


def note_of(jpeg: bytes) -> FrameNote:
    """What the picture says of itself. Raises NoFrame; the bytes may be anybody's."""
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
