"""``acceptance``: the parties of the commissioning report (biên bản nghiệm thu), as the paper names them."""

from dataclasses import dataclass
from typing import Annotated

from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import Text
from edge_agent.config.fields.schema_types import ReloadScope


def _name(doc: str, default: str = "a blank line on the paper") -> Key:
    return Key(doc, Text(), default, default="", reload=ReloadScope.NOTHING)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Names on the commissioning report that ``doctor --report`` makes; ``doctor`` has options for some."""

    authority: Annotated[str, _name("superior of the organisation that draws up the report", "none")] = ""
    organisation: Annotated[str, _name("organisation that draws up the report")] = ""
    symbol: Annotated[str, _name("its abbreviation, in the report's number after BB-", "none")] = ""
    place: Annotated[str, _name("place name before the date", "the ward's name")] = ""
    owner: Annotated[str, _name("the owner of the site")] = ""
    contractor: Annotated[str, _name("who installs the site")] = ""
    ward: Annotated[str, _name("authority of the ward that signs")] = ""


ACCEPTANCE = section(Acceptance, "acceptance")
