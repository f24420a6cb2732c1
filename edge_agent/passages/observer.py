"""Follows the confirmed tracks of one camera, and makes a passage of each when it ends."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_agent.config.model.settings import Ground, Polygon
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.facts import Observation, Phase, RuleObservation
from edge_agent.core.model import Frame, Track, Tracks, TrackState
from edge_agent.evidence.jpeg import crop, encode_at
from edge_agent.evidence.seal import SealError, seal
from edge_agent.evidence.snapshots import quality, within
from edge_agent.passages.colours import colours_of
from edge_agent.passages.ground_speed import GroundSpeed
from edge_agent.passages.light import CameraLight
from edge_agent.passages.passage import (
    GroundMotion,
    Light,
    PartColours,
    Passage,
    PassageScene,
    RuleReport,
    StandingTime,
)
from edge_agent.passages.path import PathRecorder, side_of
from edge_agent.passages.scenes.camera_scenes import CameraScenes

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

log = logging.getLogger(__name__)

CROP_SIDE = 128  # pixels of the stored picture: about 3 kB
CROP_MARGIN = 0.08  # of the box, around it
JPEG_QUALITY = 70
BETTER = 1.3  # factor between two values of ``quality``, from which a view replaces the best one
SECOND_FROM = 0.6  # share of the best view's quality, from which the second one counts for colours
VIEW_EVERY_S = 0.5  # between two views of one object
MAX_PENDING_BYTES = 4_000_000
"""Raw pixels of one camera: 80 objects with two views. Beyond it, new objects get no picture."""
SAVE_OPEN_S = 600.0
"""An object that stays gets a row this often, so that a power cut does not lose a day of parking."""
MAX_STANDING, MAX_REPORTS = 4, 6


@dataclass(slots=True, eq=False)
class _BestView:
    """The pixels of an object at its best moment."""

    quality: float
    mono: float
    pixels: Colour  # with a margin, privacy masks applied, at most CROP_SIDE long
    inside: Colour  # a view of ``pixels``: the box alone
    light: Light
    gains: tuple[float, float, float]

    @property
    def nbytes(self) -> int:
        return self.pixels.nbytes


@dataclass(slots=True, eq=False)
class _OpenPassage:
    """A track that has not ended yet."""

    track: Track
    path: PathRecorder
    saved_mono: float
    confirmed_mono: float | None = None
    best: _BestView | None = None
    second: _BestView | None = None  # the best view before ``best``
    scene: PassageScene | None = None
    standing: list[StandingTime] = field(default_factory=list)
    still_since_mono: float | None = None
    began_standing: bool = False  # it stood still before it ever moved, and has not moved yet
    reports: dict[str, RuleReport] = field(default_factory=dict)

    @property
    def start_mono(self) -> float:
        return self.track.first_seen_mono

    def note_state(self, track: Track, now_mono: float) -> None:
        if track.state is TrackState.STATIONARY:
            if self.still_since_mono is None:
                self.still_since_mono = now_mono
                self.began_standing |= not (self.standing or self.path.has_moved)
        elif self.still_since_mono is not None and track.state is TrackState.MOVING:
            self.end_standing(now_mono)

    def end_standing(self, now_mono: float) -> None:
        if self.still_since_mono is not None:
            standing_time = StandingTime(
                self.still_since_mono - self.start_mono, now_mono - self.still_since_mono
            )
            self.standing = sorted([*self.standing, standing_time], key=lambda each: -each.for_s)[
                :MAX_STANDING
            ]
            self.still_since_mono = None


class PassageObserver:
    """Makes the passages of one camera. The thread of its pipeline calls all methods.

    ``save`` gets each passage. ``seal_to``: X25519 public key to which pictures are sealed. Without
    ``with_crops`` no picture is stored, but colours are still named. Without ``ground`` there is no speed
    in metres a second. Without ``scenes`` no whole pictures are taken.
    """

    def __init__(
        self,
        camera_id: str,
        save: Callable[[Passage], None],
        privacy_masks: Sequence[Polygon] = (),
        seal_to: bytes | None = None,
        ground: Ground | None = None,
        *,
        with_crops: bool = True,
        scenes: CameraScenes | None = None,
    ) -> None:
        self._camera_id = camera_id
        self._save = save
        self._privacy_masks = tuple(privacy_masks)
        self._seal_to = seal_to
        self._ground_speed = None if ground is None else GroundSpeed(ground)
        self._with_crops = with_crops
        self._scenes = scenes
        self._light = CameraLight()
        self._open: dict[str, _OpenPassage] = {}
        self._pending_bytes = 0

    def observe(self, frame: Frame, tracks: Tracks) -> None:
        """Note the positions and views of all confirmed tracks; save the passages of those that ended."""
        now_mono = frame.captured_mono
        for track in tracks.active:
            self._follow(track, frame, tracks)
        for track in tracks.ended:
            passage = self._open.pop(track.id, None)
            if passage is not None:
                passage.track = track
                self._end(passage)
        # Also those whose track ended in a frame that failed.
        for id_ in self._open.keys() - {track.id for track in tracks.active}:
            self._end(self._open.pop(id_))
        for passage in self._open.values():
            if now_mono - passage.saved_mono >= SAVE_OPEN_S and passage.track.confirmed:
                passage.saved_mono = now_mono
                self._save(self._make(passage, now_mono, ended=False))

    def reported(self, observation: Observation) -> None:
        """Note in the object's passage that a rule reported it."""
        if not isinstance(observation, RuleObservation) or observation.track is None:
            return
        passage = self._open.get(observation.track.id)
        if passage is None or observation.phase not in (Phase.START, Phase.MOMENT):
            return
        if len(passage.reports) < MAX_REPORTS:
            after_s = observation.last_mono - passage.start_mono
            passage.reports.setdefault(
                observation.rule.id, RuleReport(observation.rule.id, max(0.0, after_s))
            )

    def finish(self, continuing: Collection[str] = ()) -> None:
        """Save all passages except those of the tracks in ``continuing``, because no more frames come."""
        for track_id in [each for each in self._open if each not in continuing]:
            self._end(self._open.pop(track_id))

    @property
    def pending_bytes(self) -> int:
        """Size of the stored raw pixels, bytes."""
        return self._pending_bytes

    def _follow(self, track: Track, frame: Frame, tracks: Tracks) -> None:
        passage = self._open.get(track.id)
        if passage is None:
            aspect = frame.picture.height / frame.picture.width
            path = PathRecorder(track.box, track.first_seen_mono, aspect)
            passage = self._open[track.id] = _OpenPassage(track, path, frame.captured_mono)
        passage.track = track
        if track.confirmed and passage.confirmed_mono is None:
            passage.confirmed_mono = frame.captured_mono
        passage.note_state(track, frame.captured_mono)
        if not track.seen_now:
            return
        passage.path.add(track.box, frame.captured_mono)
        best = passage.best
        if not track.confirmed:
            return  # a false track must not cost a picture
        if passage.began_standing and passage.path.has_moved:
            # A track can begin on a thing that never moves, such as a signpost, and go on with a person.
            passage.began_standing = False
            self._forget_views(passage)
            if self._scenes is not None:
                self._scenes.forget(track)
            best = None
        if best is None or (
            track.state is not TrackState.STATIONARY
            and frame.captured_mono - best.mono >= VIEW_EVERY_S
            and quality(track) > BETTER * best.quality
        ):
            self._keep_view(passage, track, frame)
            if self._scenes is not None:
                passage.scene = self._scenes.of_object(track, frame, tracks, passage.scene)

    def _keep_view(self, passage: _OpenPassage, track: Track, frame: Frame) -> None:
        if self._pending_bytes > MAX_PENDING_BYTES:
            return
        self._light.update(frame)
        box = track.box
        region = box.grown(CROP_MARGIN * box.width, CROP_MARGIN * box.height).clipped()
        if region.area <= 0:
            return
        pixels = crop(frame.picture, region, self._privacy_masks, CROP_SIDE)
        x1, y1, x2, y2 = within(box, region).to_pixels(pixels.shape[1], pixels.shape[0])
        best = _BestView(
            quality(track),
            frame.captured_mono,
            pixels,
            pixels[y1:y2, x1:x2],
            self._light.light_of(pixels),
            self._light.gains,
        )
        if passage.second is not None:
            self._pending_bytes -= passage.second.nbytes
        passage.second, passage.best = passage.best, best
        self._pending_bytes += best.nbytes

    def _end(self, passage: _OpenPassage) -> None:
        if passage.track.confirmed:
            self._save(self._make(passage, passage.track.last_seen_mono, ended=True))
        self._forget_views(passage)

    def _forget_views(self, passage: _OpenPassage) -> None:
        for view in (passage.best, passage.second):
            self._pending_bytes -= 0 if view is None else view.nbytes
        passage.best = passage.second = passage.scene = None

    def _make(self, passage: _OpenPassage, ended_mono: float, *, ended: bool) -> Passage:
        track, path = passage.track, passage.path
        standing, still_since_mono = list(passage.standing), passage.still_since_mono
        if ended:
            passage.end_standing(ended_mono)
            standing = passage.standing
        elif still_since_mono is not None:
            standing.append(
                StandingTime(still_since_mono - passage.start_mono, ended_mono - still_since_mono)
            )
        points = path.finish(ended_mono) if ended else path.so_far(ended_mono)
        moving_s = ended_mono - passage.start_mono - sum(each.for_s for each in standing)
        light = passage.best.light if passage.best is not None else self._light.light
        crop_, digest = self._crop(passage.best)
        scene = passage.scene
        if scene is None and self._scenes is not None:
            scene = self._scenes.of_newest(track)
        return Passage(
            camera=self._camera_id,
            track=track.id,
            group=track.group,
            label=track.label,
            score=track.score,
            votes=track.inferences,
            started_mono=passage.start_mono,
            ended_mono=ended_mono,
            path=points,
            entry=side_of(path.first_box),
            exit=side_of(path.last_box),
            direction_deg=path.direction_deg,
            width=path.width,
            height=path.height,
            speed=path.lengths / moving_s if moving_s > 0.2 else 0.0,
            light=light,
            colours=_colours(track.group, passage.best, passage.second),
            standing=tuple(sorted(standing)),
            reports=tuple(passage.reports.values()),
            crop=crop_,
            crop_sha256=digest,
            scene=scene if digest is not None else None,
            ground=self._ground_motion(path, standing, track.group),
            ended=ended,
            confirmed_after_s=max(0.0, (passage.confirmed_mono or 0.0) - passage.start_mono),
            aspect=1 / path.aspect,
        )

    def _ground_motion(
        self, path: PathRecorder, standing: Sequence[StandingTime], group: str | None
    ) -> GroundMotion | None:
        if self._ground_speed is None or not path.has_moved:
            return None
        return self._ground_speed.motion(path.places, standing, group, path.aspect)

    def _crop(self, best: _BestView | None) -> tuple[bytes | None, bytes | None]:
        """Return the JPEG of the best view, sealed if there is a key, and the SHA-256 of the plain JPEG."""
        if best is None or not self._with_crops:
            return None, None
        try:
            payload = encode_at(best.pixels, JPEG_QUALITY)
            digest = hashlib.sha256(payload).digest()
            return (payload if self._seal_to is None else seal(payload, self._seal_to)), digest
        except (SealError, EdgeAgentError) as error:
            log.error("%s: %s; the passage goes without its picture", self._camera_id, error)
            return None, None


def _colours(group: str | None, best: _BestView | None, second: _BestView | None) -> tuple[PartColours, ...]:
    if best is None or best.light is Light.INFRARED:
        return ()
    views = [best.inside]
    if second is not None and second.light is not Light.INFRARED:
        views += [second.inside] if second.quality >= SECOND_FROM * best.quality else []
    return colours_of(group, views, best.gains)
