"""``storage``: clips and pictures on the gateway; ``outbox``: events that wait for delivery; ``collect``:
frames that a gateway stores for training, if an operator orders it; ``passages``: rows about all objects."""

from dataclasses import dataclass
from typing import Annotated

from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import ByteSize, Flag, Number
from edge_agent.config.fields.public_keys import SealingKey


@dataclass(frozen=True, slots=True)
class Storage:
    """Clips and pictures on the gateway. The oldest and least severe are deleted first; held ones are never
    deleted."""

    max_bytes: Annotated[int, Key("space on disk", ByteSize(10 * 10**6, 10**13))] = 2 * 10**9
    max_age_days: Annotated[
        float, Key("older ones are deleted, however much space is left", Number(0.04, 3650, "days"))
    ] = 30.0
    keep_free: Annotated[
        int,
        Key(
            "space on disk that is left free for other data, above all the outbox",
            ByteSize(10 * 10**6, 10**12),
        ),
    ] = 200 * 10**6
    seal_to: Annotated[
        bytes | None,  # X25519 public key, 32 bytes
        Key(
            "clips and pictures are encrypted to this key of the centre: a thief of the gateway cannot view "
            "them, but neither can a technician on the gateway",
            SealingKey(),
            "not encrypted",
        ),
    ] = None


STORAGE = section(Storage, "storage")


@dataclass(frozen=True, slots=True)
class Outbox:
    """Events that wait for delivery."""

    max_bytes: Annotated[
        int,
        Key(
            "space on disk; when it is full, events of the lowest priority are dropped first, and the loss "
            "is reported",
            ByteSize(10**6, 10**12),
        ),
    ] = 256 * 10**6


OUTBOX = section(Outbox, "outbox")


@dataclass(frozen=True, slots=True)
class Collecting:
    """Frames for training, which the gateway stores sealed for a time after a signed command `collect`. They
    show people and number plates: read docs/guide/collect.md before you allow it."""

    allow: Annotated[bool, Key("whether the command `collect` is accepted", Flag())] = False
    seal_to: Annotated[
        bytes | None,  # X25519 public key, 32 bytes
        Key(
            "frames are encrypted to this key; they cannot be opened on the gateway",
            SealingKey(),
            "storage.seal_to; without either the command is refused",
        ),
    ] = None
    max_bytes: Annotated[int, Key("space on disk for all frames", ByteSize(10 * 10**6, 10**11))] = 200 * 10**6
    keep_days: Annotated[float, Key("days after which a frame is deleted", Number(0.04, 90, "days"))] = 14.0


COLLECT = section(Collecting, "collect")


@dataclass(frozen=True, slots=True)
class Passages:
    """A row for each object that a camera saw: its path, size, speed and colours, with a small picture. The
    gateway stores the rows to be searched, and sends none of them by itself. They show people: read
    docs/guide/passages.md."""

    enabled: Annotated[
        bool, Key("whether rows are stored; `report.passages` decides for one camera", Flag())
    ] = True
    max_bytes: Annotated[
        int,
        Key(
            "space on disk; half of it for rows, half for pictures. The oldest are deleted first",
            ByteSize(10 * 10**6, 10**12),
        ),
    ] = 200 * 10**6
    max_age_days: Annotated[float, Key("days after which a row is deleted", Number(0.04, 3650, "days"))] = (
        30.0
    )
    crops: Annotated[
        bool,
        Key(
            "store a picture of 128 pixels with each row, encrypted to `storage.seal_to` if that is set; a "
            "camera with `report.snapshots: none` has none",
            Flag(),
        ),
    ] = True
    crop_days: Annotated[float, Key("older pictures are deleted", Number(0.04, 365, "days"))] = 7.0
    scenes: Annotated[
        bool,
        Key(
            "store the whole picture of the camera that shows the object of a row, at most 640 pixels wide; "
            "one picture serves all rows whose objects it shows. Only with `crops`, and encrypted like them",
            Flag(),
        ),
    ] = True
    scene_hours: Annotated[float, Key("older whole pictures are deleted", Number(1, 720, "hours"))] = 24.0
    scene_max_bytes: Annotated[
        int,
        Key(
            "space on disk for whole pictures, besides `max_bytes`. The oldest are deleted first",
            ByteSize(50 * 10**6, 10**12),
        ),
    ] = 600 * 10**6


PASSAGES = section(Passages, "passages")
