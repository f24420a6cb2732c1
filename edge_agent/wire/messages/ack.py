"""What the central ingest confirms."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from edge_agent.wire.data.base import END, Message

Epoch = Annotated[str, Meta(pattern=rf"^[a-z0-9-]{{1,63}}{END}")]
Sequence = Annotated[int, Meta(ge=0, le=9_999_999_999_999_999)]
MediaId = Annotated[str, Meta(pattern=rf"^[^/+#\x00]{{1,255}}{END}")]


class Ack(Message, frozen=True, kw_only=True):
    """``down/ack``: what the centre has in its database, sent after its commit. Cumulative and repeatable:
    one that is lost costs a resend."""

    epoch: Epoch
    upto: Annotated[
        Sequence,
        Meta(description="every event of the epoch up to this sequence is stored, or a loss event names it"),
    ]
    also: Annotated[
        list[Sequence], Meta(max_length=10_000, description="sequences beyond upto that are stored")
    ] = field(default_factory=list)
    media: Annotated[
        list[MediaId], Meta(max_length=1_000, description="ids of pictures that are stored, of any epoch")
    ] = field(default_factory=list)
