"""The settings under ``journeys:``: how candidates at neighbouring cameras are ranked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import PathType, WordChoice

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


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneySettings:
    """Journeys: passages at neighbouring cameras that may be of the same object."""

    appearance: Annotated[
        AppearanceSettings | None, Key(APPEARANCE.doc, APPEARANCE, "pictures are not compared")
    ] = None


JOURNEYS = section(JourneySettings, "journeys")
