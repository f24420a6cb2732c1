"""What the centre itself tells."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.wire.data.base import Id, Message, Time


class CentralAlert(Message, frozen=True, kw_only=True):
    """``central/alert/<ward>/<gateway>/<rule>[/<camera>]``: retained while it is open; told once more when it
    is over, and then cleared. The webhook posts the same."""

    schema: Literal["central-alert/1"] = "central-alert/1"
    id: Annotated[str, Meta(description="of this one alert, from its opening to its end")]
    state: Literal["open", "cleared"]
    rule: Annotated[Id, Meta(description="id of the alert rule")]
    severity: Literal["info", "warning", "alarm"]
    ward: Id
    gateway: Annotated[Id | None, Meta(description="null: the ward itself, `_ward` in the topic")]
    camera: Annotated[Id | None, Meta(description="null: the box itself")]
    text: Annotated[str, Meta(description="why, one line for humans")]
    value: Annotated[
        float | None, Meta(description="as measured when it was opened; 1 for what is so or not")
    ]
    since: Annotated[Time, Meta(description="when it began to be so")]
    opened: Annotated[Time, Meta(description="when it had lasted long enough")]
    cleared: Time | None = None
    cleared_text: Annotated[str | None, Meta(description="why it is over")] = None
    folded: Annotated[
        bool,
        Meta(description="another alert explains it: its box or ward is away, and nobody knows of it now"),
    ] = False
