"""The state files of models from the centre, which survive restarts and power cuts: which model is in
force, and counts of the objects that it sees, by camera and hour of the day, to detect a failing model.
Pure.

The expected count of a new model is what the previous model saw at the same hour on the days before. Its
division into groups comes from shadow mode, since a better model may classify objects differently
(``agreement.shares_of``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field

from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE
from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.detection.shadow import SeenObjects
from edge_agent.wire import ModelData, ShadowReport
from edge_agent.wire.base import OptionalProblem, Time

ALL = "all"
"""Key of the objects of all groups together."""


class SentModel(Struct, frozen=True, kw_only=True):
    """A model file that the centre sent and the gateway keeps."""

    name: str
    file: str  # name in the folder of this sha256
    sha256: str
    signed_by: str  # id of the key that signed the manifest


class ModelTrial(Struct, frozen=True, kw_only=True):
    """A model that is or was in shadow mode."""

    model: SentModel
    command_id: str
    share: float
    until: datetime
    left_s: float  # remaining at the time of writing; a jump of the clock cannot prolong the trial
    report: ShadowReport
    over: bool = False


class ProbationCounts(Struct, kw_only=True):
    """Counts of one camera during a probation; hours of the day without an expected count are left out."""

    minutes: int = 0  # with inferences
    inferences: int = 0
    expected: dict[str, float] = field(default_factory=dict)  # objects by group
    seen: dict[str, float] = field(default_factory=dict)


class Probation(Struct, frozen=True, kw_only=True):
    """The trial time of a model in force: the agent reverts it when object counts deviate."""

    command_id: str
    until: datetime
    left_s: float
    paused: bool = False  # the configuration names another model
    shares: dict[str, dict[str, float]] = field(default_factory=dict)  # of the groups, by camera
    cameras: dict[str, ProbationCounts] = field(default_factory=dict)


class RevertedModel(Struct, frozen=True, kw_only=True):
    """The model that was reverted last."""

    sha256: str
    name: str
    at: Time
    why: str
    command_id: str | None = None
    problem: OptionalProblem = UNSET

    @property
    def text(self) -> str:
        """The reason ``why``, with its problem code if one is stored."""
        return self.why if isinstance(self.problem, UnsetType) else ProblemText(self.why, self.problem)


class ModelRecord(Struct, frozen=True, kw_only=True):
    """The content of the state file."""

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


# --- counts of objects ---

GROUPS = (PERSON, TWO_WHEELER, VEHICLE)
FADE = 0.5
"""Weight of an hour's counts when the same hour of another day begins."""
KNOWN_INFERENCES = 200
"""An hour of the day with fewer inferences gives no expected count."""
ENOUGH_MINUTES, ENOUGH_INFERENCES, ENOUGH_OBJECTS = 30, 500, 100
"""Required before a camera is judged. Minutes count too: one parked truck fills many frames."""
FALL, RISE = 1 / 3, 3.0
MIN_RATE = 0.1
"""Objects per inference. Where fewer are expected, a rise is judged against this rate."""


class HourCounts(Struct, kw_only=True):
    """Counts of one hour of the day at one camera."""

    inferences: float = 0.0
    objects: dict[str, float] = field(default_factory=dict)


class DetectionRates(Struct, kw_only=True):
    """Counts of the model in force. Not thread-safe."""

    hour: int | None = None  # the current one
    cameras: dict[str, dict[int, HourCounts]] = field(default_factory=dict)

    def add(self, hour: int, seen: Mapping[str, SeenObjects]) -> bool:
        """Add the counts of one minute in ``hour``. Returns True if another hour has begun: then save."""
        begins = hour != self.hour
        if begins:
            self._fade(hour)
        self.hour = hour
        for camera, of_camera in seen.items():
            counts = self.cameras.setdefault(camera, {}).setdefault(hour, HourCounts())
            counts.inferences += of_camera.inferences
            for group, objects in of_camera.objects.items():
                counts.objects[group] = counts.objects.get(group, 0.0) + objects
        return begins

    def observe(
        self,
        hour: int,
        seen: Mapping[str, SeenObjects],
        cameras: dict[str, ProbationCounts],
        shares: Mapping[str, Mapping[str, float]],
    ) -> None:
        """Add a minute of a new model, and the expected counts, to ``cameras``.

        ``shares``: by camera, the share of each group in the expected objects. A camera may be missing.
        """
        for camera, of_camera in seen.items():
            known = self.cameras.get(camera, {}).get(hour)
            if known is None or known.inferences < KNOWN_INFERENCES or of_camera.inferences == 0:
                continue
            observed = cameras.setdefault(camera, ProbationCounts())
            observed.minutes += 1
            observed.inferences += of_camera.inferences
            expected = {
                group: known.objects.get(group, 0.0) / known.inferences * of_camera.inferences
                for group in GROUPS
            }
            if (shares_here := shares.get(camera)) is not None:
                total = sum(expected.values())
                expected = {group: total * shares_here.get(group, 0.0) for group in GROUPS}
            for group in GROUPS:
                for key in (group, ALL):
                    _add(observed.expected, key, expected[group])
                    _add(observed.seen, key, of_camera.objects.get(group, 0))

    def _fade(self, hour: int) -> None:
        for camera, hours in list(self.cameras.items()):
            if (counts := hours.get(hour)) is None:
                continue
            counts.inferences *= FADE
            counts.objects = {group: objects * FADE for group, objects in counts.objects.items()}
            if counts.inferences < 1.0:
                del hours[hour]
            if not hours:  # the camera has not been counted for days
                del self.cameras[camera]


def rate_deviation(cameras: Mapping[str, ProbationCounts]) -> ProblemText | None:
    """Return which count of a new model is far from the expected one.

    None if no count is, or if there are too few minutes or inferences to judge.
    """
    return next(_breaks(cameras), None)


def _breaks(cameras: Mapping[str, ProbationCounts]) -> Iterator[ProblemText]:
    for camera, observed in sorted(cameras.items()):
        if observed.minutes < ENOUGH_MINUTES or observed.inferences < ENOUGH_INFERENCES:
            continue
        for group in (ALL, *GROUPS):
            expected, seen = observed.expected.get(group, 0.0), observed.seen.get(group, 0.0)
            most = RISE * max(expected, MIN_RATE * observed.inferences)
            of_group = {} if group == ALL else {"label": group}
            figures = {"camera": camera, "objects": round(seen), "expected": round(expected), **of_group}
            suffix = "-of-group" if of_group else ""
            if expected >= ENOUGH_OBJECTS and seen < FALL * expected:
                yield problem_text(f"model-too-few{suffix}", **figures)
            elif seen >= ENOUGH_OBJECTS and seen > most:
                yield problem_text(f"model-too-many{suffix}", **figures)


def _add(counts: dict[str, float], key: str, more: float) -> None:
    counts[key] = counts.get(key, 0.0) + more
