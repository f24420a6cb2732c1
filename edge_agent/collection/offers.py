"""The cameras' side of a collection: selects frames for training, and queues copies of them.

``FrameSelection`` decides by the times it is given; nothing here reads a clock or writes to the disk.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.collection.files import FrameNote
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import rfc3339
from edge_agent.core.model import FULL_PICTURE, Frame, Tracks, TrackState
from edge_agent.evidence.jpeg import crop
from edge_agent.pipeline import EvidenceStage

if TYPE_CHECKING:
    from edge_agent.core.model import Colour


LIGHT_LEVELS = {"dark": 40.0, "dim": 90.0, "medium": 150.0, "bright": 256.0}
"""Upper limit of each light level: mean luma of the picture, 0 to 255."""
AHEAD = 0.1
"""Share of the frames that may be kept early in light that is rare so far: dusk lasts only minutes."""
QUIET_FACTOR = 2.0
"""A frame without movement is kept only after this many times the usual interval."""


def light_level(brightness: float) -> str:
    return next(level for level, limit in LIGHT_LEVELS.items() if brightness < limit)


class FrameSelection:
    """Decides which frames of one camera to keep. One thread calls ``wants`` and ``add``.

    The number of kept frames does not exceed the share of the time that has passed, so that they spread over
    all hours; only frames in rare light may be kept earlier.
    """

    def __init__(
        self,
        frames: int,
        per_hour: int,
        for_s: float,
        until_mono: float,
        now_mono: float,
        taken: Mapping[str, int] | None = None,
    ) -> None:
        """``taken``: number of frames by light level that were kept before a restart. If there are any, one
        interval passes before the next."""
        self._frames = frames
        self._gap_s = 3600.0 / per_hour
        self._for_s = for_s
        self._until_mono = until_mono
        self._taken = dict(taken or {})
        self._last_mono = now_mono
        self.next_mono = now_mono + self._gap_s if self._taken else now_mono
        """``wants`` is False for all frames before this time."""

    def wants(self, now_mono: float, level: str, *, active: bool) -> bool:
        """Return whether to keep a frame of light level ``level``. ``active``: something moves in it."""
        taken = sum(self._taken.values())
        if taken >= self._frames or not self.next_mono <= now_mono < self._until_mono:
            return False
        quiet_s = QUIET_FACTOR * self._for_s / self._frames
        if not active and now_mono - self._last_mono < quiet_s:
            return False
        is_rare = self._taken.get(level, 0) * len(LIGHT_LEVELS) <= taken
        passed = 1.0 - (self._until_mono - now_mono) / self._for_s
        return taken < self._frames * (passed + (AHEAD if is_rare else 0.0))

    def add(self, now_mono: float, level: str) -> None:
        """Count a frame that was kept."""
        self._taken[level] = self._taken.get(level, 0) + 1
        self._last_mono = now_mono
        self.next_mono = now_mono + self._gap_s


MAX_SIDE = 1280  # pixels: at this size a rider far away still has the 20 that a detector needs
MAX_WAITING = 4
"""Raw frames, 2.8 MB each, that may wait for the collector's thread; further ones are dropped."""
CHECK_EVERY_S = 1.0  # how often a frame of a camera is considered
GREY_BELOW = 4.0  # mean spread of the colour channels of an infrared picture, of 255


@dataclass(frozen=True, slots=True)
class FrameCandidate:
    """A selected frame on its way to the disk, privacy masks applied."""

    colour: Colour
    note: FrameNote


class FrameOffers:
    """The queue of selected frames. Each camera's thread calls ``offer``, any thread ``open`` and ``close``.

    A frame that arrives while the queue is full is dropped."""

    def __init__(self, gateway: str, clock_synced: Callable[[], bool]) -> None:
        self.candidates: queue.Queue[FrameCandidate] = queue.Queue(MAX_WAITING)
        self.paused = False
        self._gateway = gateway
        self._clock_synced = clock_synced
        self._event_id = ""
        self._selections: Mapping[str, FrameSelection] = {}  # replaced, never changed

    def open(self, event_id: str, selections: Mapping[str, FrameSelection]) -> None:
        """Start to offer frames of these cameras."""
        self._event_id = event_id
        self._selections = selections

    def close(self) -> None:
        self._selections = {}

    def offer(self, camera: Camera, frame: Frame, tracks: Tracks) -> None:
        """Queue a copy of the frame if the selection wants it."""
        selection = self._selections.get(camera.id)
        now_mono = frame.captured_mono
        if selection is None or now_mono < selection.next_mono or self.paused or frame.late:
            return
        brightness = float(frame.picture.luma()[::8, ::8].mean())
        level = light_level(brightness)
        active = any(track.seen_now and track.state is not TrackState.STATIONARY for track in tracks.active)
        wanted = selection.wants(now_mono, level, active=active)
        selection.next_mono = now_mono + CHECK_EVERY_S
        if not wanted:
            return
        colour = crop(frame.picture, FULL_PICTURE, camera.privacy_masks, MAX_SIDE)
        try:
            self.candidates.put_nowait(FrameCandidate(colour, self._note(frame, brightness, active, colour)))
        except queue.Full:
            return
        selection.add(now_mono, level)

    def _note(self, frame: Frame, brightness: float, active: bool, colour: Colour) -> FrameNote:
        sample = colour[::8, ::8].astype(np.int16)
        spread = float((sample.max(axis=2) - sample.min(axis=2)).mean())
        return FrameNote(
            gateway=self._gateway,
            camera=frame.camera_id,
            event_id=self._event_id,
            time=rfc3339(frame.captured_at),
            clock="synced" if self._clock_synced() else "unsynced",
            width=colour.shape[1],
            height=colour.shape[0],
            light=light_level(brightness),
            brightness=round(brightness, 1),
            grey=spread < GREY_BELOW,
            active=active,
        )


class OfferingStage:
    """An evidence stage that also offers each frame to the collection."""

    def __init__(self, camera: Camera, pictures: EvidenceStage, offers: FrameOffers) -> None:
        self._camera = camera
        self._pictures = pictures
        self._offers = offers

    def observe(self, frame: Frame, tracks: Tracks) -> None:
        self._pictures.observe(frame, tracks)
        self._offers.offer(self._camera, frame, tracks)
