"""What is written down of models that the centre sent, so that it goes on over restarts and power cuts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from edge_agent.wire import ModelData, ShadowReport

ALL = "all"
"""Beside the groups: objects of any."""


class SentModel(Struct, frozen=True, kw_only=True):
    """A model file that the centre sent and the gateway keeps."""

    name: str
    file: str  # name in the folder of this sha256
    sha256: str
    signed_by: str  # of its manifest


class ModelTrial(Struct, frozen=True, kw_only=True):
    """A model in shadow mode, or one that was."""

    model: SentModel
    command_id: str
    share: float
    until: datetime
    left_s: float  # until then, when it was written: a clock that jumps does not prolong it
    report: ShadowReport
    over: bool = False


class ProbationCounts(Struct, kw_only=True):
    """Of one camera during a probation, in hours of the day for which something is known."""

    minutes: int = 0  # with inferences
    inferences: int = 0
    expected: dict[str, float] = field(default_factory=dict)  # objects by group
    seen: dict[str, float] = field(default_factory=dict)


class Probation(Struct, frozen=True, kw_only=True):
    """A model that is in force, and goes back by itself when counts break."""

    command_id: str
    until: datetime
    left_s: float
    shares: dict[str, dict[str, float]] = field(default_factory=dict)  # of the groups, by camera
    cameras: dict[str, ProbationCounts] = field(default_factory=dict)


class RevertedModel(Struct, frozen=True, kw_only=True):
    """The model that went back last."""

    sha256: str
    name: str
    at: str
    why: str
    command_id: str | None = None


class ModelRecord(Struct, frozen=True, kw_only=True):
    """The state file."""

    in_force: SentModel | None = None  # None: the model that ships
    before: SentModel | None = None  # what goes back into force; None: the model that ships
    trial: ModelTrial | None = None
    probation: Probation | None = None
    starts: int = 0
    """Starts of the agent since a new model ran for long enough, or the agent was stopped in good order."""
    reverted: RevertedModel | None = None
    unreported: ModelData | None = None  # an event that the outbox does not have yet

    @property
    def phase(self) -> Literal["shadow", "tried", "probation"] | None:
        if self.probation is not None:
            return "probation"
        if self.trial is None:
            return None
        return "tried" if self.trial.over else "shadow"

    @property
    def models(self) -> list[SentModel]:
        """All whose files are kept."""
        trial = None if self.trial is None else self.trial.model
        return [model for model in (self.in_force, self.before, trial) if model is not None]
