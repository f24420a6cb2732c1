"""The base types of all messages, and the forms of their values."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, UnsetType

from edge_agent.core.problems import CodedProblem

END = r"$(?!\n)"
"""Matches only the end of a text. Python's ``$`` alone also matches before a line feed at the end."""

Id = Annotated[str, Meta(pattern=rf"^[a-z0-9-]{{1,63}}{END}")]
Time = Annotated[
    str, Meta(pattern=rf"^\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z{END}", description="UTC, RFC 3339")
]
CommandTime = Annotated[
    str, Meta(pattern=rf"^\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{{1,9}})?Z{END}", description="UTC, RFC 3339")
]
Day = Annotated[str, Meta(pattern=rf"^\d{{4}}-\d\d-\d\d{END}", description="of the gateway's time zone")]
Unit = Annotated[float, Meta(ge=0, le=1)]
Sha256 = Annotated[str, Meta(pattern=rf"^[0-9a-f]{{64}}{END}")]
WireBox = Annotated[
    tuple[Unit, Unit, Unit, Unit], Meta(description="x1, y1, x2, y2 in 0..1 of the picture, origin top left")
]
Count = Annotated[int, Meta(ge=0)]
OptionalProblem = Annotated[
    CodedProblem | UnsetType, Meta(description="the text as a code with figures; left out: it has no code")
]
CameraCause = Literal[
    "unreachable",
    "refused",
    "unauthorized",
    "not_found",
    "no_video",
    "unsupported",
    "stalled",
    "ended",
    "decode_error",
]

TYPE_PREFIX = "vn.thaibinh.edge."
SCHEMA_BASE = "https://edge.thaibinh.vn/schemas/v1/"
"""Identifies schemas (``$id``, ``dataschema``), which ship in the package; nothing is downloaded from it."""


class Message(Struct, frozen=True, kw_only=True):
    """Base of all messages. Consumers ignore fields they do not know: fields may be added in v1."""


class Arguments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all arguments: a gateway refuses an unknown argument instead of running half of a command."""


def decode_error_text(error: Exception) -> str:
    """Return the text of a msgspec error; a pattern in it is written as in a schema, without ``END``."""
    return str(error).replace(repr(END)[1:-1], "$")
