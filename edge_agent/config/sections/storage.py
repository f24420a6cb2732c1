"""``storage``: clips and pictures that are kept on the box."""

from __future__ import annotations

from edge_agent.config.fields.keys import SealingKey
from edge_agent.config.fields.kinds import ByteSize, Number
from edge_agent.config.fields.spec import Field, Section, build_from_values
from edge_agent.config.model.settings import Storage

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
