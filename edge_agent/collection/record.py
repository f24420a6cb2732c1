"""The state file of a collection, which survives restarts and power cuts, and its event."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from edge_agent.core.clock import rfc3339
from edge_agent.core.problems import command_text, optional_problem, problem_text
from edge_agent.wire import CollectionData

State = Literal["taking", "complete", "gone"]
StopReason = Literal["over", "full", "command", "configuration"]

FILE = "collection.json"
EXPORTED = "exported"
"""Prefix of the files that ``edge-agent collect export`` leaves; each has its own name."""


class Collection(Struct, frozen=True, kw_only=True):
    """The state file of one collection."""

    event_id: str
    command_id: str
    signed_by: str | None
    cameras: list[str]
    frames: int  # wanted from each camera
    per_hour: int
    for_s: float
    send: bool
    started_at: str
    until: datetime
    left_s: float  # remaining time when it was written: a clock that jumps cannot prolong it
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
        """Make the event. ``left``: frames on the disk. Without ``why`` its text describes the state."""
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

    def _why(self) -> str:
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
    """The note of ``edge-agent collect export`` that the agent reports."""

    event_id: str
    frames: int
    by: str
