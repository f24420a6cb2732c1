"""The order to the process that makes an altered copy, and its report; both are JSON."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=-1.0, le=2.0)]
SharedBox = tuple[Share, Share, Share, Share]
"""x1, y1, x2, y2 in 0..1 of the picture."""
MAX_BY_HAND = 40
"""Areas of one picture or clip that people have added."""

MAX_PICTURE_BYTES = 30_000_000
MAX_PIXELS = 50_000_000
"""Of a picture, and of a frame of a clip."""
MAX_FRAMES = 6_000
"""Of a clip: 4 minutes of 25 frames a second."""

Failure = Literal["not-readable", "too-large", "too-long", "took-too-long", "case-full", "failed"]


class RecordedObject(msgspec.Struct, frozen=True):
    """An object that is recorded about a picture."""

    group: str  # person, two-wheeler or vehicle
    box: SharedBox


class RedactionOrder(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["picture", "clip"]
    known: tuple[RecordedObject, ...] = ()
    by_hand: Annotated[tuple[SharedBox, ...], Meta(max_length=MAX_BY_HAND)] = ()  # of a clip: in every frame


class RedactionReport(msgspec.Struct, frozen=True, kw_only=True):
    """``failure`` None: the copy was written."""

    failure: Failure | None = None
    areas: int = 0  # found by programs; of a clip in the frame with the most
    frames: int = 0  # of a clip
    seconds: float = 0.0  # of a clip
    filtered: bool = False  # the kernel forbids the process all system calls but those of a computation
