"""Pictures of events: one when an object appears, another when a clearly better view was seen.

With ``storage.seal_to`` pictures are sealed before they are stored: no plain picture is ever on the disk.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import mmap
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edge_agent.config.model.settings import Polygon
from edge_agent.core.delivery import Media, PlainContent
from edge_agent.core.facts import Phase
from edge_agent.core.model import Box, Frame, Track, Tracks
from edge_agent.evidence.jpeg import crop, encode
from edge_agent.evidence.seal import SealError, seal

if TYPE_CHECKING:
    from edge_agent.core.model import Colour


CONTEXT = 2.0  # the picture is this many times as large as the box, to show where the object is
MIN_SIDE = 320  # pixels of the camera's picture
MAX_SIDE = 640  # pixels sent
CLEARLY_BETTER = 1.5  # factor between two values of ``quality``
MAX_PENDING_BYTES = 8_000_000
"""Limit of raw pixels stored per camera: 26 crops of 320 x 320. At the limit, better views are ignored."""


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """The pixels of an object with its surroundings."""

    colour: Colour
    box: Box  # the object's box, in 0..1 of ``colour``


@dataclass(slots=True)
class _Seen:
    """What is known of an object whose first picture was sent."""

    quality: float  # quality of the best view so far, whether sent or pending
    pending: _View | None = None


class RuleSnapshots:
    """Makes pictures for events of rules; ``object`` events get none. One thread."""

    def __init__(self, camera_id: str, privacy_masks: Sequence[Polygon]) -> None:
        self._camera_id = camera_id
        self._privacy_masks = tuple(privacy_masks)

    def observe(self, frame: Frame, tracks: Tracks) -> None:
        """Do nothing: this maker stores no views."""

    def take(self, event_id: str, phase: Phase, track: Track, frame: Frame) -> Media | None:
        return None

    def now(self, event_id: str, box: Box, frame: Frame) -> Media:
        """Return the current picture of ``box`` and its surroundings."""
        return self._media(event_id, self._view(frame, box))

    def _view(self, frame: Frame, box: Box) -> _View:
        region = surroundings(box, frame.picture.width, frame.picture.height)
        colour = crop(frame.picture, region, self._privacy_masks, MAX_SIDE)
        return _View(colour, within(box, region))

    def _media(self, event_id: str, view: _View) -> Media:
        payload = encode(view.colour)
        digest = hashlib.sha256(payload).hexdigest()
        # Random, because an id must never be used twice, not even after the state directory was lost.
        return Media(secrets.token_hex(10), event_id, self._camera_id, digest, payload, view.box)


class ObjectSnapshots(RuleSnapshots):
    """Makes pictures for ``object`` events too. One thread.

    ``observe`` is called with every frame before the rules run. It stores only views that are clearly better
    than the one that was sent, as pixels. A JPEG is made only of a view that is sent.
    """

    def __init__(self, camera_id: str, privacy_masks: Sequence[Polygon]) -> None:
        super().__init__(camera_id, privacy_masks)
        self._seen: dict[str, _Seen] = {}
        self._pending_bytes = 0

    def observe(self, frame: Frame, tracks: Tracks) -> None:
        for track in tracks.active:
            seen = self._seen.get(track.id)
            if seen is not None and track.seen_now and quality(track) > CLEARLY_BETTER * seen.quality:
                self._hold(seen, frame, track)

    def take(self, event_id: str, phase: Phase, track: Track, frame: Frame) -> Media | None:
        """Return the picture for an event: at its start the current view, later only a clearly better one."""
        if phase is Phase.START:
            self._release(self._seen.pop(track.id, None))
            self._seen[track.id] = _Seen(quality(track))
            return self._media(event_id, self._view(frame, track.box))
        seen = self._seen.pop(track.id, None) if phase is Phase.END else self._seen.get(track.id)
        view = self._release(seen)
        return None if view is None else self._media(event_id, view)

    @property
    def pending_bytes(self) -> int:
        """Size of the stored raw pixels in bytes."""
        return self._pending_bytes

    def _hold(self, seen: _Seen, frame: Frame, track: Track) -> None:
        region = surroundings(track.box, frame.picture.width, frame.picture.height)
        x1, y1, x2, y2 = region.to_pixels(frame.picture.width, frame.picture.height)
        size = min(x2 - x1, MAX_SIDE) * min(y2 - y1, MAX_SIDE) * 3
        replaced = 0 if seen.pending is None else seen.pending.colour.nbytes
        if self._pending_bytes - replaced + size > MAX_PENDING_BYTES:
            return
        self._release(seen)
        seen.quality = quality(track)
        view = self._view(frame, track.box)
        seen.pending = _View(outside_heap(view.colour), view.box)
        self._pending_bytes += seen.pending.colour.nbytes

    def _release(self, seen: _Seen | None) -> _View | None:
        if seen is None or seen.pending is None:
            return None
        view, seen.pending = seen.pending, None
        self._pending_bytes -= view.colour.nbytes
        return view


def outside_heap(pixels: Colour) -> Colour:
    """Return a copy of ``pixels`` in a memory mapping of its own, which is freed with the copy.

    It is for pixels that are stored for seconds. In the heap they would lie among the pictures that each
    frame allocates, and leave gaps when they are freed. The gaps stay resident: 2 MB with four busy cameras.
    """
    memory = mmap.mmap(-1, pixels.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    copy = np.frombuffer(memory, np.uint8).reshape(pixels.shape)
    copy[...] = pixels
    return copy


def surroundings(box: Box, width: int, height: int) -> Box:
    """Return the region that a snapshot of ``box`` shows in a picture of ``width`` x ``height`` pixels.

    It is ``CONTEXT`` times the box and at least ``MIN_SIDE`` pixels each way, if the picture is that large.
    It is moved to lie inside the picture.
    """
    x, y = box.centre
    w = min(1.0, max(CONTEXT * box.width, MIN_SIDE / width))
    h = min(1.0, max(CONTEXT * box.height, MIN_SIDE / height))
    x1 = min(max(x - w / 2, 0.0), 1.0 - w)
    y1 = min(max(y - h / 2, 0.0), 1.0 - h)
    return Box(x1, y1, x1 + w, y1 + h)


def within(box: Box, region: Box) -> Box:
    """Return the part of ``box`` inside ``region``, in 0..1 of ``region``."""
    return Box(
        (box.x1 - region.x1) / region.width,
        (box.y1 - region.y1) / region.height,
        (box.x2 - region.x1) / region.width,
        (box.y2 - region.y1) / region.height,
    ).clipped()


def quality(track: Track) -> float:
    """Return the quality of a view: the area of its box. A box at the edge of the picture counts half."""
    box = track.box
    whole = box.x1 > 0.005 and box.y1 > 0.005 and box.x2 < 0.995 and box.y2 < 0.995
    return box.clipped().area * (1.0 if whole else 0.5)


log = logging.getLogger(__name__)


class PictureMaker(Protocol):
    """The interface of the three kinds of ``snapshots``."""

    def observe(self, frame: Frame, tracks: Tracks) -> None: ...
    def take(self, event_id: str, phase: Phase, track: Track, frame: Frame) -> Media | None: ...
    def now(self, event_id: str, box: Box, frame: Frame) -> Media | None: ...


class SealedSnapshots:
    """Seals the pictures of another maker to the centre's key, for ``storage.seal_to``. One thread."""

    def __init__(self, pictures: PictureMaker, recipient: bytes) -> None:
        self._pictures = pictures
        self._recipient = recipient

    def observe(self, frame: Frame, tracks: Tracks) -> None:
        self._pictures.observe(frame, tracks)

    def take(self, event_id: str, phase: Phase, track: Track, frame: Frame) -> Media | None:
        return self._sealed(self._pictures.take(event_id, phase, track, frame))

    def now(self, event_id: str, box: Box, frame: Frame) -> Media | None:
        return self._sealed(self._pictures.now(event_id, box, frame))

    def _sealed(self, media: Media | None) -> Media | None:
        if media is None:
            return None
        try:
            payload = seal(media.payload, self._recipient)
        except SealError as error:
            log.error("%s: %s; the event goes without its picture", media.camera, error)
            return None
        return dataclasses.replace(
            media,
            payload=payload,
            sha256=hashlib.sha256(payload).hexdigest(),
            plain=PlainContent(media.sha256, len(media.payload)),
        )
