"""The files of a collection: the state file, which survives restarts and power cuts, and the files of the
collected frames.

A frame is a JPEG with a note about camera, time and light. The note is JSON in a comment segment (COM, ITU-T
T.81 B.2.4.5) of the JPEG, so it is sealed and transferred with the picture.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from edge_agent.core.clock import rfc3339
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.problems import ProblemText, command_text, optional_problem, problem_text
from edge_agent.wire import CollectionData, Id, Time

State = Literal["taking", "complete", "gone"]
StopReason = Literal["over", "full", "command", "configuration"]

FILE = "collection.json"
EXPORTED = "exported"
"""Prefix of the notes that ``edge-agent collect export`` leaves, each in a file with its own name."""


class Collection(Struct, frozen=True, kw_only=True):
    """The content of the state file of one collection."""

    event_id: str
    command_id: str
    signed_by: str | None
    cameras: list[str]
    frames: int  # wanted number for each camera
    per_hour: int
    for_s: float
    send: bool
    started_at: str
    until: datetime
    left_s: float  # remaining time at the last write: a clock that jumps cannot prolong it
    state: State = "taking"
    reported: State | None = None  # the state in the last published event
    stop_reason: StopReason | None = None
    taken: dict[str, dict[str, int]] = field(default_factory=dict)  # by camera and light level
    sent: int = 0
    exported: int = 0

    def taken_of(self, camera: str) -> int:
        return sum(self.taken.get(camera, {}).values())

    @property
    def taken_in_all(self) -> int:
        return sum(map(self.taken_of, self.cameras))

    @property
    def is_full(self) -> bool:
        return all(self.taken_of(camera) >= self.frames for camera in self.cameras)

    def event(self, left: int, now: datetime, why: str | None = None) -> CollectionData:
        """Make the event. ``left``: number of frames on the disk. Without ``why`` its text describes the
        state."""
        gone = self.state == "gone"
        text = why or self._why()
        return CollectionData(
            phase="start" if self.reported is None else "end" if gone else "update",
            event_id=self.event_id,
            state=self.state,
            cameras=self.cameras,
            wanted=self.frames,
            frames=self.taken_in_all,
            sent=self.sent,
            exported=self.exported,
            left=left,
            for_s=self.for_s,
            command_id=self.command_id,
            signed_by=self.signed_by,
            why=str(text),
            problem=optional_problem(text),
            started_at=self.started_at,
            ended_at=rfc3339(now) if gone else None,
            stop_reason=self.stop_reason,
        )

    def _why(self) -> ProblemText:
        taken = self.taken_in_all
        match self.state:
            case "taking":
                return problem_text(
                    "collection-began",
                    frames=self.frames,
                    cameras=list(self.cameras),
                    until=rfc3339(self.until),
                    origin=command_text(self.command_id, self.signed_by),
                )
            case "complete":
                stopped = "ended-over" if self.stop_reason == "over" else f"collection-{self.stop_reason}"
                return problem_text("collection-complete", why=problem_text(stopped), frames=taken)
            case "gone":
                deleted = max(0, taken - self.sent - self.exported)
                return problem_text(
                    "collection-gone", sent=self.sent, exported=self.exported, deleted=deleted
                )


class ExportNote(Struct, frozen=True):
    """A note from which the agent reports what ``edge-agent collect export`` has moved."""

    event_id: str
    frames: int
    by: str


# --- the file of a frame ---

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
    light: Annotated[str, Meta(pattern="^[a-z]{1,16}$")]  # a level of ``offers.LIGHT_LEVELS``
    brightness: float  # mean luma, 0 to 255
    grey: bool  # no colour: infrared light
    active: bool  # a tracked object moved


class InvalidFrameFile(EdgeAgentError):
    """The bytes are not a collected frame; the message says why."""


def with_note(jpeg: bytes, note: FrameNote) -> bytes:
    """Return the picture with ``note`` inserted."""
    content = MARK + msgspec.json.encode(note)
    # behind the first segment, JFIF's, which must remain the first
    behind = 4 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:behind] + b"\xff\xfe" + (len(content) + 2).to_bytes(2, "big") + content + jpeg[behind:]


def note_of(jpeg: bytes) -> FrameNote:
    """Return the note of a picture. Raises InvalidFrameFile; the bytes may come from any source."""
    if not jpeg.startswith(b"\xff\xd8"):
        raise InvalidFrameFile("it is not a JPEG")
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
