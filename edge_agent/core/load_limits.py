"""How much of the configured work the gateway may do now."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkloadLimits:
    """Shares of the configured work; the defaults limit nothing."""

    inference_share: float = 1.0  # of the detector's budget
    fps_share: float = 1.0  # of each camera's analysed frames a second
    keyframes_only: bool = False  # regardless of motion


class WorkloadLimiter:
    """Holds the present limits, one for each gateway. Any thread may read it.

    The main thread replaces ``current``. A stage reads it when it decides what to do, so that a change
    applies from the next frame on.
    """

    def __init__(self) -> None:
        self.current = WorkloadLimits()
