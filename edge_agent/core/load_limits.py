"""How much of what is configured the box may do now."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkloadLimits:
    """Nothing is held back unless it says so."""

    inference_share: float = 1.0  # of the detector's budget
    fps_share: float = 1.0  # of each camera's analysed frames a second
    keyframes_only: bool = False  # whatever moves


class WorkloadLimiter:
    """One for the box. The main thread replaces ``now``; a stage asks for it when it decides what to do, so
    that a change counts from its next frame on and needs no word to anybody. Any thread."""

    def __init__(self) -> None:
        self.current = WorkloadLimits()
