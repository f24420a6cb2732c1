"""``storage``: clips and pictures on the gateway; ``outbox``: events that wait for delivery; ``collect``:
frames that a gateway stores for training, if an operator orders it."""

from __future__ import annotations

from edge_agent.config.fields.field_types import ByteSize, Flag, Number
from edge_agent.config.fields.public_keys import SealingKey
from edge_agent.config.fields.schema_types import Field, Section, build_from_values
from edge_agent.config.model.settings import Collecting, Outbox, Storage

STORAGE = Section(
    "storage",
    "Clips and pictures on the gateway. The oldest and least severe are deleted first; held ones "
    "are never deleted.",
    (
        Field("max_bytes", ByteSize(10 * 10**6, 10**13), "space on disk", 2 * 10**9, "2GB"),
        Field(
            "max_age_days",
            Number(0.04, 3650, "days"),
            "older ones are deleted, however much space is left",
            30.0,
        ),
        Field(
            "keep_free",
            ByteSize(10 * 10**6, 10**12),
            "space on disk that is left free for other data, above all the outbox",
            200 * 10**6,
            "200MB",
        ),
        Field(
            "seal_to",
            SealingKey(),
            "clips and pictures are encrypted to this key of the centre: a thief of the gateway cannot view"
            " them, but neither can a technician on the gateway",
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
            "space on disk; when it is full, events of the lowest priority are dropped first, and the loss "
            "is reported",
            256 * 10**6,
            "256MB",
        ),
    ),
    build_from_values(Outbox),
)


COLLECT = Section(
    "collect",
    "Frames for training, which the gateway stores sealed for a time after a signed command "
    "`collect`. They show people and number plates: read docs/guide/collect.md before you allow it.",
    (
        Field("allow", Flag(), "whether the command `collect` is accepted", False),
        Field(
            "seal_to",
            SealingKey(),
            "frames are encrypted to this key; they cannot be opened on the gateway",
            None,
            "storage.seal_to; without either the command is refused",
        ),
        Field(
            "max_bytes", ByteSize(10 * 10**6, 10**11), "space on disk for all frames", 200 * 10**6, "200MB"
        ),
        Field("keep_days", Number(0.04, 90, "days"), "days after which a frame is deleted", 14.0),
    ),
    build_from_values(Collecting),
)
