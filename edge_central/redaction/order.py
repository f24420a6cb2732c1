"""The order that the process for altered copies gets, and the report that it returns; both are JSON."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=-1.0, le=2.0)]
SharedBox = tuple[Share, Share, Share, Share]
"""x1, y1, x2, y2 in 0..1 of the picture."""
MAX_BY_HAND = 40
"""Maximum number of areas that people have added to one picture or clip."""

MAX_PICTURE_BYTES = 30_000_000
MAX_PIXELS = 50_000_000
"""Maximum size of a picture, and of a frame of a clip."""
MAX_FRAMES = 6_000
"""Maximum length of a clip: 4 minutes at 25 frames a second."""

Failure = Literal["not-readable", "too-large", "too-long", "took-too-long", "case-full", "failed"]


class RecordedObject(msgspec.Struct, frozen=True):
    """An object that is recorded about a picture."""

    group: str  # person, two-wheeler or vehicle
    box: SharedBox


class RedactionOrder(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["picture", "clip"]
    known: tuple[RecordedObject, ...] = ()
    by_hand: Annotated[tuple[SharedBox, ...], Meta(max_length=MAX_BY_HAND)] = ()  # in every frame of a clip


class RedactionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the process reports. ``failure`` is None if the copy was written."""

    failure: Failure | None = None
    areas: int = 0  # areas that the programs found; in a clip: in the frame with the most areas
    frames: int = 0  # number of frames of a clip
    seconds: float = 0.0  # length of a clip
    filtered: bool = False  # the kernel allows the process only the system calls of a computation
