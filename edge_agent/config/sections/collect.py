"""``collect``: frames that an operator may have the gateway keep, to train a detector with."""

from __future__ import annotations

from edge_agent.config.fields.keys import SealingKey
from edge_agent.config.fields.kinds import ByteSize, Flag, Number
from edge_agent.config.fields.spec import Field, Section, build_from_values
from edge_agent.config.model.settings import Collecting

COLLECT = Section(
    "collect",
    "Frames for training, which a signed command `collect` may have the gateway keep for a time, sealed. "
    "They show people and number plates: read docs/guide/collect.md before you allow it.",
    (
        Field("allow", Flag(), "whether such a command is obeyed", False),
        Field(
            "seal_to",
            SealingKey(),
            "frames are encrypted to this key; nothing on the gateway can open them",
            None,
            "storage.seal_to; without either the command is refused",
        ),
        Field(
            "max_bytes", ByteSize(10 * 10**6, 10**11), "space on disk for all of them", 200 * 10**6, "200MB"
        ),
        Field("keep_days", Number(0.04, 90, "days"), "each is deleted so long after it was taken", 14.0),
    ),
    build_from_values(Collecting),
)
