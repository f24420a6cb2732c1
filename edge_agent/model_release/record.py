"""The state file of models from the centre, which survives restarts and power cuts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field

from edge_agent.core.problems import ProblemText
from edge_agent.wire import ModelData, ShadowReport
from edge_agent.wire.data.base import OptionalProblem

ALL = "all"
"""Key of the objects of all groups together."""


class SentModel(Struct, frozen=True, kw_only=True):
    """A model file that the centre sent and the gateway keeps."""

    name: str
    file: str  # name in the folder of this sha256
    sha256: str
    signed_by: str  # id of the key that signed the manifest


class ModelTrial(Struct, frozen=True, kw_only=True):
    """A model in shadow mode, or one that was."""

    model: SentModel
    command_id: str
    share: float
    until: datetime
    left_s: float  # remaining time when it was written: a clock that jumps cannot prolong it
    report: ShadowReport
    over: bool = False


class ProbationCounts(Struct, kw_only=True):
    """Counts of one camera during a probation, in hours of the day with an expected count."""

    minutes: int = 0  # with inferences
    inferences: int = 0
    expected: dict[str, float] = field(default_factory=dict)  # objects by group
    seen: dict[str, float] = field(default_factory=dict)


class Probation(Struct, frozen=True, kw_only=True):
    """The trial time of a model in force: the agent reverts it when object counts break."""

    command_id: str
    until: datetime
    left_s: float
    shares: dict[str, dict[str, float]] = field(default_factory=dict)  # of the groups, by camera
    cameras: dict[str, ProbationCounts] = field(default_factory=dict)


class RevertedModel(Struct, frozen=True, kw_only=True):
    """The model that was reverted last."""

    sha256: str
    name: str
    at: str
    why: str
    command_id: str | None = None
    problem: OptionalProblem = UNSET

    @property
    def text(self) -> str:
        """``why`` with its code."""
        return self.why if isinstance(self.problem, UnsetType) else ProblemText(self.why, self.problem)


class ModelRecord(Struct, frozen=True, kw_only=True):
    """The state file."""

    in_force: SentModel | None = None  # None: the model of the release
    before: SentModel | None = None  # restored by a revert; None: the model of the release
    trial: ModelTrial | None = None
    probation: Probation | None = None
    starts: int = 0
    """Starts of the agent since the new model last ran long enough, or since the last clean stop."""
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
        """The models whose files are kept."""
        trial = None if self.trial is None else self.trial.model
        return [model for model in (self.in_force, self.before, trial) if model is not None]
