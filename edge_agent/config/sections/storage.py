"""``storage``: clips and pictures on the gateway; ``outbox``: events that wait for delivery; ``collect``:
frames that a gateway stores for training, if an operator orders it."""

from __future__ import annotations

from edge_agent.config.fields.field_types import ByteSize, Flag, Number
from edge_agent.config.fields.keys import SealingKey
from edge_agent.config.fields.schema_types import Field, Section, build_from_values
from edge_agent.config.model.settings import Collecting, Outbox, Storage

STORAGE = Section(
    "storage",
    "Clips and pictures that are kept on the box. What is oldest and matters least goes first, never what is "
    "held.",
    (
        Field("max_bytes", ByteSize(10 * 10**6, 10**13), "space on disk", 2 * 10**9, "2GB"),
        Field("max_age_days", Number(0.04, 3650, "days"), "older ones go, however much space is left", 30.0),
        Field(
            "keep_free",
            ByteSize(10 * 10**6, 10**12),
            "so much of the disk is left to others, the outbox first of all",
            200 * 10**6,
            "200MB",
        ),
        Field(
            "seal_to",
            SealingKey(),
            "everything is encrypted to this key of the centre: a stolen box shows nobody, and nothing can "
            "be looked at on the box itself",
            None,
            "not encrypted",
        ),
    ),
    build_from_values(Storage),
)


OUTBOX = Section(
    "outbox",
    "Events that wait for delivery.",
    (
        Field(
            "max_bytes",
            ByteSize(10**6, 10**12),
            "space on disk; when it is full the lowest priority goes first, and the loss is announced",
            256 * 10**6,
            "256MB",
        ),
    ),
    build_from_values(Outbox),
)


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
