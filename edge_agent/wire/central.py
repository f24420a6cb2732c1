"""Messages of the centre: alerts, and confirmations of what it has stored."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, field

from edge_agent.wire.base import END, Id, Message, OptionalProblem, Time


class CentralAlert(Message, frozen=True, kw_only=True):
    """``central/alert/<ward>/<gateway>/<rule>[/<camera>]``: retained while the alert is open; published once
    more when it is over, and then cleared. The webhook posts the same document."""

    schema: Literal["central-alert/1"] = "central-alert/1"
    id: Annotated[str, Meta(description="of this alert, from its opening to its end")]
    state: Literal["open", "cleared"]
    rule: Annotated[Id, Meta(description="id of the alert rule")]
    severity: Literal["info", "warning", "alarm"]
    ward: Id
    gateway: Annotated[Id | None, Meta(description="null: the ward itself, `_ward` in the topic")]
    camera: Annotated[Id | None, Meta(description="null: the gateway itself")]
    text: Annotated[str, Meta(description="why, one line for humans")]
    value: Annotated[
        float | None, Meta(description="as measured at the opening; 1 for a yes-or-no condition")
    ]
    since: Annotated[Time, Meta(description="when the condition began")]
    opened: Annotated[Time, Meta(description="when the condition had lasted long enough")]
    cleared: Time | None = None
    cleared_text: Annotated[str | None, Meta(description="why the alert is over")] = None
    folded: Annotated[
        bool,
        Meta(
            description="another alert explains it: its gateway or ward is offline, so its state is unknown"
        ),
    ] = False
    problem: OptionalProblem = UNSET


Epoch = Annotated[str, Meta(pattern=rf"^[a-z0-9-]{{1,63}}{END}")]
Sequence = Annotated[int, Meta(ge=0, le=9_999_999_999_999_999)]
MediaId = Annotated[str, Meta(pattern=rf"^[^/+#\x00]{{1,255}}{END}")]


class Ack(Message, frozen=True, kw_only=True):
    """``down/ack``: what the centre has stored in its database, sent after the commit. Cumulative and
    repeatable: a lost one costs a resend."""

    epoch: Epoch
    upto: Annotated[
        Sequence,
        Meta(description="every event of the epoch up to this sequence is stored, or a loss event names it"),
    ]
    also: Annotated[
        list[Sequence], Meta(max_length=10_000, description="sequences beyond upto that are stored")
    ] = field(default_factory=list)
    media: Annotated[
        list[MediaId],
        Meta(
            max_length=1_000,
            description="ids of pictures that are stored, of any epoch; `<id>.<n>` for part n of a file on "
            "`up/part/<id>`, and `<id>` once the whole file is stored or refused",
        ),
    ] = field(default_factory=list)
    takes_parts: Annotated[
        bool, Meta(description="whether this centre takes files in parts; a gateway sends none before")
    ] = False
