"""Pictures are sealed before anything stores them: nothing plain reaches the disk, not even for a minute."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from typing import Protocol

from edge_agent.core.delivery import Media, PlainContent
from edge_agent.core.facts import Phase
from edge_agent.core.model import Box, Frame, Track, Tracks
from edge_agent.evidence.seal import SealError, seal

log = logging.getLogger(__name__)


class PictureMaker(Protocol):
    """What makes pictures; the three kinds of ``snapshots``."""

    def observe(self, frame: Frame, tracks: Tracks) -> None: ...
    def take(self, event_id: str, phase: Phase, track: Track, frame: Frame) -> Media | None: ...
    def now(self, event_id: str, box: Box, frame: Frame) -> Media | None: ...


class SealedSnapshots:
    """``storage.seal_to``: the same pictures, each sealed to the centre's key. One thread."""

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
