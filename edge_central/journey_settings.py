"""The settings under ``journeys:``: how candidates at neighbouring cameras are ranked."""

import re
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Annotated

from edge_agent.config.fields import login, tree
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import Number, PathType, WordChoice, text_of
from edge_agent.config.fields.schema_types import InvalidValue, ReadContext, ScalarType, quoted
from edge_central.broker_user import BrokerUser, check_user

GROUPS = ("person", "two-wheeler", "vehicle")
COMPARED_GROUPS = ("two-wheeler", "vehicle")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppearanceSettings:
    """A model of the operator that compares the pictures of candidates. None ships. Without this section,
    and while the model cannot be used, pictures are not compared."""

    model: Annotated[Path, Key("TFLite model: one picture in, one vector out", PathType("a model file"))]
    card: Annotated[
        Path | None,
        Key(
            "its measured card, made by `edge-agent central appearance measure`; without one the model is "
            "not used",
            PathType("a card file"),
            "none",
        ),
    ] = None
    groups: Annotated[
        tuple[str, ...],
        Key(
            "groups whose pictures are compared. `person` compares people by their bodies and clothes: check "
            "the legal basis first",
            ListOf(WordChoice(GROUPS), "groups", least=1, unique=True),
            f"`[{', '.join(COMPARED_GROUPS)}]`",
        ),
    ] = COMPARED_GROUPS


APPEARANCE = section(AppearanceSettings, "appearance")


DayWindow = tuple[time, time]
"""Begin and end within one day."""


@dataclass(frozen=True)
class TimesOfDay(ScalarType):
    """A part of the day of at least half an hour, which does not contain midnight."""

    def describe(self) -> str:
        return "a part of the day such as 06:30-08:30, of at least half an hour"

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> DayWindow:
        text = text_of(scalar, self.describe())
        match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", text)
        if match is not None:
            begin_h, begin_min, end_h, end_min = map(int, match.groups())
            if 60 * end_h + end_min >= 60 * begin_h + begin_min + 30:
                return time(begin_h, begin_min), time(end_h, end_min)
        raise InvalidValue(f"must be {self.describe()}, not {quoted(text)}")


WINDOWS = (
    (time(6, 0), time(8, 0)),
    (time(11, 0), time(13, 0)),
    (time(17, 0), time(19, 0)),
    (time(20, 0), time(22, 0)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningUser(BrokerUser):
    """The broker user that asks gateways for times. Needed if the broker identifies clients by their
    certificates: with the certificate of mqtt the question would end the session of the ingest."""


LEARNING_USER = section(LearningUser, "user", check=check_user, replacements=login.ADVICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningSettings:
    """`edge-agent central travel-times learn` asks the gateways when objects passed their cameras, and learns
    how long objects take from one camera to another. It needs `search:`, whose key signs the commands."""

    windows: Annotated[
        tuple[DayWindow, ...],
        Key(
            "parts of the day for which gateways are asked; an hour with little traffic teaches as much as a "
            "busy one, and costs less",
            ListOf(TimesOfDay(), "parts of the day", least=1, most=12, unique=True),
            "`[06:00-08:00, 11:00-13:00, 17:00-19:00, 20:00-22:00]`",
        ),
    ] = WINDOWS
    days: Annotated[
        int, Key("number of whole days before today for which gateways are asked", Number(1, 14, whole=True))
    ] = 3
    reach_m: Annotated[
        float, Key("cameras whose sites are further apart are not a pair", Number(0, 20_000, "metres"))
    ] = 1500.0
    user: Annotated[LearningUser | None, Key(LEARNING_USER.doc, LEARNING_USER, "the login of mqtt")] = None


LEARNING = section(LearningSettings, "learn")


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneySettings:
    """Journeys: passages at neighbouring cameras that may be of the same object."""

    appearance: Annotated[
        AppearanceSettings | None, Key(APPEARANCE.doc, APPEARANCE, "pictures are not compared")
    ] = None
    learn: Annotated[LearningSettings | None, Key(LEARNING.doc, LEARNING, "nothing is learnt")] = None


JOURNEYS = section(JourneySettings, "journeys")
