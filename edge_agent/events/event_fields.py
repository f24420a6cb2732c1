"""Fields that several kinds of events share, made from facts."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from edge_agent import wire
from edge_agent.core.delivery import Media
from edge_agent.core.facts import ObjectObservation, Phase, RuleObservation, TurnNumbers, ViewObservation
from edge_agent.core.model import CameraState, Frame, Track
from edge_agent.core.problems import optional_problem


def object_event_id(track: Track) -> str:
    """Return the event id of an object: the same for its start, updates and end, unique over restarts."""
    return f"object-{track.id}"


def track_fields(track: Track) -> dict[str, Any]:
    return {
        "label": track.label or "unknown",
        "group": track.group,
        "score": round(min(max(track.score, 0.0), 1.0), 3),
        "track_id": track.id,
    }


def line_turns(numbers: TurnNumbers) -> wire.LineTurnsData:
    turns = [wire.TurnData(**dataclasses.asdict(turn)) for turn in numbers.turns]
    return wire.LineTurnsData(only=numbers.only, turns=turns, others=numbers.others)


def happened_mono(
    observation: ObjectObservation | RuleObservation | ViewObservation, last_mono: float, frame: Frame
) -> float:
    """Return when a phase happened: a start when it began, an end when it last held, else at ``frame``."""
    match observation.phase:
        case Phase.START | Phase.MOMENT:
            return observation.started_mono
        case Phase.UPDATE:
            return frame.captured_mono
        case Phase.END:
            return last_mono


def why_fields(text: str) -> dict[str, Any]:
    """Return the fields that explain an event: the text for people and its code."""
    return {"why": str(text), "problem": optional_problem(text)}


def frame_size(frame: Frame) -> wire.FrameSize:
    return wire.FrameSize(width=frame.picture.width, height=frame.picture.height)


def snapshot_ref(media: Media | None) -> wire.SnapshotRef | None:
    if media is None:
        return None
    plain = media.plain
    return wire.SnapshotRef(
        media_id=media.media_id,
        sha256=media.sha256 if plain is None else plain.sha256,
        bytes=len(media.payload) if plain is None else plain.size_bytes,
        box=media.box.rounded(),
        sealed_sha256=None if plain is None else media.sha256,
    )


def wire_state(state: CameraState) -> Literal["online", "degraded", "offline"]:
    match state:
        case CameraState.ONLINE:
            return "online"
        case CameraState.DEGRADED:
            return "degraded"
        case CameraState.OFFLINE:
            return "offline"
        case CameraState.STARTING:
            raise ValueError("a camera that is starting has no event")
