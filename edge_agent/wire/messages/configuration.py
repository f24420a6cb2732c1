"""A configuration that the centre pushes: ``down/config`` and the command ``set-config``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.wire.data.base import Arguments, Count, Message, Sha256


class SetConfigArguments(Arguments, frozen=True, kw_only=True):
    """The whole file ``edge-agent.yaml`` anew."""

    version: Annotated[int, Meta(ge=1, description="as the text's own key version; the highest is in force")]
    config: Annotated[str, Meta(max_length=200_000, description="YAML, without any password")]
    sha256: Annotated[Sha256, Meta(description="of config in UTF-8")]
    confirm_s: Annotated[
        float,
        Meta(ge=5, le=900, description="so long the box has to be as well as before; else it goes back"),
    ] = 180.0


class ConfigHealth(Message, frozen=True, kw_only=True):
    """Which configuration is in force."""

    version: Count = 0
    origin: Annotated[
        Literal["file", "pushed", "trial"],
        Meta(description="trial: pushed, and not proved yet"),
    ] = "file"
    given_up: str | None = None  # the newest that was pushed and taken back, and why
