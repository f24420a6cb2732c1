"""Takes whole pictures of one camera, each for all objects in it, so that few are stored."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence

from edge_agent.config.model.settings import Polygon
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.model import Frame, Track, Tracks
from edge_agent.evidence.jpeg import fitted, scaled_whole
from edge_agent.evidence.seal import seal
from edge_agent.evidence.snapshots import quality
from edge_agent.passages.passage import PassageScene, ScenePicture

log = logging.getLogger(__name__)

SCENE_SIDE = 640  # pixels, the longest side of a stored picture
MAX_SCENE_BYTES = 40_000
"""Limit of a JPEG: sealed and in base64 it must fit into the result of a command, 64 kB."""
QUALITIES = (50, 30)
"""JPEG qualities, tried in this order; then the picture is halved."""
GOOD_ENOUGH = 0.5
"""A picture is good enough for an object if the object has this share of the quality (area of the box) of its
best view: it is then at least 0.7 times as long. A larger share stores more pictures."""
BURST = 12
EVERY_S = 10.0
"""A camera takes at most one picture in ``EVERY_S`` on average, and ``BURST`` more at once, whatever passes:
a card wears out by what is written to it."""


class CameraScenes:
    """Takes the whole pictures of one camera. The thread of its pipeline calls all methods."""

    def __init__(
        self, camera_id: str, privacy_masks: Sequence[Polygon] = (), seal_to: bytes | None = None
    ) -> None:
        """``seal_to``: X25519 public key to which pictures are sealed."""
        self._camera_id = camera_id
        self._privacy_masks = tuple(privacy_masks)
        self._seal_to = seal_to
        self._in_newest: dict[str, PassageScene] = {}  # by track
        self._allowed, self._allowed_mono = float(BURST), 0.0

    def of_object(
        self, track: Track, frame: Frame, tracks: Tracks, earlier: PassageScene | None
    ) -> PassageScene | None:
        """Return a whole picture that shows the object well enough: ``earlier``, the one that it already
        has, or the newest one of the camera, or else this frame, for which a JPEG is encoded. None: no
        picture may be taken now."""
        wanted = GOOD_ENOUGH * quality(track)
        if earlier is not None and earlier.quality >= wanted:
            return earlier
        found = self._in_newest.get(track.id)
        if found is None or found.quality < wanted:
            self._take(frame, tracks)
            found = self._in_newest.get(track.id)
        return max((each for each in (earlier, found) if each is not None), key=_quality, default=None)

    def of_newest(self, track: Track) -> PassageScene | None:
        """Return the newest picture if it shows the object, however small."""
        return self._in_newest.get(track.id)

    def forget(self, track: Track) -> None:
        """Note that the track was another object until now: the newest picture does not show this object."""
        self._in_newest.pop(track.id, None)

    def _take(self, frame: Frame, tracks: Tracks) -> None:
        """Make this frame the newest picture, unless too many were taken."""
        if not self._is_allowed(frame.captured_mono):
            return
        try:
            colour = scaled_whole(frame.picture, self._privacy_masks, SCENE_SIDE)
            payload, _ = fitted(colour, MAX_SCENE_BYTES, MAX_SCENE_BYTES, QUALITIES)
            if self._seal_to is not None:
                payload = seal(payload, self._seal_to)
        except EdgeAgentError as error:
            log.error("%s: %s; passages go without their whole picture", self._camera_id, error)
            return
        picture = ScenePicture(secrets.randbits(62), frame.captured_mono, payload)
        self._in_newest = {
            each.id: PassageScene(picture, each.box.clipped(), quality(each))
            for each in tracks.active
            if each.seen_now
        }

    def _is_allowed(self, now_mono: float) -> bool:
        """Return whether one more picture may be taken now, and count it if so."""
        refill = (now_mono - self._allowed_mono) / EVERY_S
        self._allowed = min(float(BURST), self._allowed + refill)
        self._allowed_mono = now_mono
        if self._allowed < 1:
            return False
        self._allowed -= 1
        return True


def _quality(scene: PassageScene) -> float:
    return scene.quality
