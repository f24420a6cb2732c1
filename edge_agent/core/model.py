"""The types of the pipeline: what one stage passes to the next.

Everything here is frozen. Boxes are normalised to the picture, 0..1, origin top left, everywhere outside
``capture/`` and ``detection/``. Times named ``*_mono`` are seconds of ``clock.monotonic()`` and decide; times
named ``*_at`` are UTC ``datetime`` and only label.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Gray = NDArray[np.uint8]  # luma picture, shape (height, width), dtype uint8
    Colour = NDArray[np.uint8]
    """Colour picture, shape (height, width, 3), dtype uint8, channel order BGR."""

PERSON = "person"
TWO_WHEELER = "two-wheeler"
VEHICLE = "vehicle"

LABELS = ("person", "bicycle", "motorcycle", "car", "bus", "truck")
"""The labels that a configuration may name."""

GROUP_OF_LABEL: dict[str, str] = {
    "person": PERSON,
    "bicycle": TWO_WHEELER,
    "motorcycle": TWO_WHEELER,
    "car": VEHICLE,
    "bus": VEHICLE,
    "truck": VEHICLE,
    TWO_WHEELER: TWO_WHEELER,
    VEHICLE: VEHICLE,
}
"""The group of each label; a model that cannot tell a car from a truck labels both with their group."""


def accepted_labels(labels: Iterable[str]) -> frozenset[str]:
    """Return the labels that count as one of ``labels``: these, and the names of their groups."""
    return frozenset(name for label in labels for name in (label, GROUP_OF_LABEL.get(label, label)))


class Box(msgspec.Struct, frozen=True, gc=False):
    """An axis-aligned box: x1, y1, x2, y2 in 0..1 of the picture, top-left origin, x1 <= x2, y1 <= y2.

    A busy frame makes hundreds of them: a struct is made nine times as fast as a frozen dataclass, and
    ``min`` and ``max`` would cost five times as much as the branches below.
    """

    x1: float
    y1: float
    x2: float
    y2: float

    @classmethod
    def from_pixels(cls, x1: float, y1: float, x2: float, y2: float, width: int, height: int) -> Box:
        """Return the box of pixel coordinates in a ``width`` x ``height`` picture."""
        return cls(x1 / width, y1 / height, x2 / width, y2 / height)

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        width, height = self.x2 - self.x1, self.y2 - self.y1
        return width * height if width > 0 and height > 0 else 0.0

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    @property
    def foot(self) -> tuple[float, float]:
        """Return the bottom centre: the point where an object stands on the ground. Rules use it."""
        return (self.x1 + self.x2) / 2, self.y2

    def intersection(self, other: Box) -> float:
        w = (self.x2 if self.x2 < other.x2 else other.x2) - (self.x1 if self.x1 > other.x1 else other.x1)
        if w <= 0:
            return 0.0
        h = (self.y2 if self.y2 < other.y2 else other.y2) - (self.y1 if self.y1 > other.y1 else other.y1)
        return w * h if h > 0 else 0.0

    def iou(self, other: Box) -> float:
        """Return the intersection over union, 0..1."""
        shared = self.intersection(other)
        return shared / (self.area + other.area - shared) if shared > 0 else 0.0

    def inside(self, other: Box) -> float:
        """Return the share of this box's area that lies within ``other``, 0..1."""
        return self.intersection(other) / self.area if self.area > 0 else 0.0

    def union(self, other: Box) -> Box:
        """Return the smallest box that holds both."""
        return Box(
            min(self.x1, other.x1), min(self.y1, other.y1), max(self.x2, other.x2), max(self.y2, other.y2)
        )

    def shifted(self, dx: float, dy: float) -> Box:
        return Box(self.x1 + dx, self.y1 + dy, self.x2 + dx, self.y2 + dy)

    def grown(self, dx: float, dy: float) -> Box:
        """Return the box with ``dx`` added left and right and ``dy`` above and below; it may leave 0..1."""
        return Box(self.x1 - dx, self.y1 - dy, self.x2 + dx, self.y2 + dy)

    def clipped(self) -> Box:
        """Return the part inside the picture; its area is zero if no part is inside."""
        if 0.0 <= self.x1 <= self.x2 <= 1.0 and 0.0 <= self.y1 <= self.y2 <= 1.0:
            return self
        return Box(
            min(max(self.x1, 0.0), 1.0),
            min(max(self.y1, 0.0), 1.0),
            min(max(self.x2, 0.0), 1.0),
            min(max(self.y2, 0.0), 1.0),
        )

    def to_pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return x1, y1, x2, y2 as whole pixels inside a ``width`` x ``height`` picture, at least 1 x 1."""
        x1, x2 = _span(self.x1, self.x2, width)
        y1, y2 = _span(self.y1, self.y2, height)
        return x1, y1, x2, y2

    def rounded(self, digits: int = 4) -> tuple[float, float, float, float]:
        """Return the corners, clipped and rounded, for messages."""
        box = self.clipped()
        return round(box.x1, digits), round(box.y1, digits), round(box.x2, digits), round(box.y2, digits)


def _span(begin: float, end: float, length: int) -> tuple[int, int]:
    """Return a span's first pixel and the pixel after its last: at least one of ``length`` pixels."""
    first, behind = int(begin * length), int(end * length + 0.999)
    if first < 0:
        first = 0
    elif first >= length:
        first = length - 1
    if behind <= first:
        behind = first + 1
    return first, behind if behind < length else length


FULL_PICTURE = Box(0.0, 0.0, 1.0, 1.0)


class Picture(Protocol):
    """Pixels of one decoded frame, converted only where they are read."""

    @property
    def width(self) -> int:
        """Width of the camera's picture in pixels; ``luma`` may be smaller."""

    @property
    def height(self) -> int: ...

    def luma(self) -> Gray:
        """Return the whole picture's luma, read-only, at most ``analyse.width`` wide. It is a view without a
        copy if the camera's picture is not wider and the decoder allows it."""

    def bgr(self, region: Box = FULL_PICTURE) -> Colour:
        """Return a new BGR copy of ``region`` in the camera's resolution; only that part is converted."""

    def scaled(self, size: tuple[int, int]) -> Colour:
        """Return a new BGR copy of ``size`` (width, height) pixels; it is scaled before it is converted."""


@dataclass(frozen=True, slots=True)
class ReleasedPicture:
    """The size of a picture whose pixels were returned to the decoder."""

    width: int
    height: int

    def luma(self) -> Gray:
        raise LookupError("the pixels of this picture are gone")

    def bgr(self, region: Box = FULL_PICTURE) -> Colour:
        raise LookupError("the pixels of this picture are gone")

    def scaled(self, size: tuple[int, int]) -> Colour:
        raise LookupError("the pixels of this picture are gone")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded frame, stamped from stream time after it was read."""

    camera_id: str
    number: int  # 1 is the first frame of the source; counts every decoded frame, analysed or not
    captured_mono: float
    captured_at: datetime
    picture: Picture
    late: bool = False  # decoded later, from the ring, while more frames wait

    def without_pixels(self) -> Frame:
        """Return the frame with a ``ReleasedPicture``, so that storing it holds no buffer of the decoder."""
        return replace(self, picture=ReleasedPicture(self.picture.width, self.picture.height))


@dataclass(frozen=True, slots=True)
class MotionRegion:
    """A connected area that differs from the background."""

    box: Box
    area: float  # share of the picture that really changed, 0..1; at most the area of ``box``


class Scene(StrEnum):
    """The state of the whole picture; motion is trusted only in ``STEADY``."""

    LEARNING = "learning"  # no background yet: after start, size change, relearn
    STEADY = "steady"
    SWITCHED = "switched"  # lamp, IR cut, lightning: this frame replaced the background


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Result of the motion stage for one frame."""

    regions: tuple[MotionRegion, ...]
    scene: Scene
    changed: float  # share of the unmasked picture that differs, 0..1
    foreground: Gray | None = None  # motion-scale mask, 0 or 255, or None while learning


@dataclass(frozen=True, slots=True)
class Detection:
    """One object that a model detected."""

    label: str
    score: float  # 0..1, after the model's own threshold
    box: Box

    @property
    def group(self) -> str | None:
        """The coarser class, or None for a label outside ``GROUP_OF_LABEL``."""
        return GROUP_OF_LABEL.get(self.label)


@dataclass(frozen=True, slots=True)
class Inferences:
    """Which parts of a frame the detector inferred, and what it detected there."""

    inferred: tuple[Box, ...]  # crops that were really inferred: no detection there is a result too
    detections: tuple[Detection, ...]


NO_INFERENCES = Inferences((), ())


class TrackState(StrEnum):
    TENTATIVE = "tentative"  # seen, not yet confirmed: no event
    MOVING = "moving"
    STATIONARY = "stationary"  # confirmed and parked: costs no inference, repeats no event
    LOST = "lost"  # confirmed, not seen now, may reappear under the same id
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Track:
    """One object followed over frames: the tracker's state of it after a frame."""

    id: str  # unique per boot and camera
    box: Box
    state: TrackState
    confirmed: bool
    label: str | None  # voted over inferences; None until the first inference that detected it
    group: str | None
    score: float  # mean score of the inferences that voted for the label, 0..1; 0 without one
    best_score: float  # highest score of an inference that voted for the label
    first_seen_mono: float
    last_seen_mono: float
    inferences: int  # how many inferences detected it
    detection_priority: float  # 0: no inference needed; the detector serves the largest first
    seen_now: bool  # supported by motion or a detection in this frame
    velocity: tuple[float, float] = (0.0, 0.0)  # picture widths and heights per second
    parked_before: bool = False  # a vehicle or two-wheeler: stood there when first seen, until it moves


@dataclass(frozen=True, slots=True)
class Tracks:
    """Result of the tracking stage for one frame."""

    active: tuple[Track, ...]
    ended: tuple[Track, ...] = ()  # each track appears here exactly once, in state ENDED

    @property
    def confirmed(self) -> tuple[Track, ...]:
        return tuple(t for t in self.active if t.confirmed)


class Severity(StrEnum):
    """OpenTelemetry severities; the number is on the wire, and its order is the outbox's priority."""

    INFO = "INFO"
    WARNING = "WARN"
    ALARM = "ERROR"

    @property
    def number(self) -> int:
        return {"INFO": 9, "WARN": 13, "ERROR": 17}[self.value]


class Cause(StrEnum):
    """Why a camera gives no pictures. The values are words of the wire."""

    UNREACHABLE = "unreachable"  # no route, DNS failure, connect timed out
    REFUSED = "refused"  # the host answers, the port is closed
    UNAUTHORIZED = "unauthorized"  # 401/403: retried at the slowest pace only, cameras lock accounts
    NOT_FOUND = "not_found"  # 404, missing file or device
    NO_VIDEO = "no_video"  # connected, but no video stream in it
    UNSUPPORTED = "unsupported"  # a codec or size that the agent cannot decode
    STALLED = "stalled"  # no packet for 10 s
    ENDED = "ended"  # EOF of a live stream
    DECODE_ERROR = "decode_error"  # packets arrive, but no picture can be decoded


class CameraState(StrEnum):
    STARTING = "starting"  # not connected since the agent started, still in the first attempt
    ONLINE = "online"
    DEGRADED = "degraded"  # pictures arrive, but something is wrong: see cause
    OFFLINE = "offline"


class DecodeMode(StrEnum):
    """How much of a camera's stream is decoded. The values are words of the wire."""

    FULL = "full"
    IDLE = "idle"  # keyframes only
    CATCH_UP = "catch-up"  # after idle: the frames between the last two keyframes, in order


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """The state of a camera as its reader sees it. A value that is not known is None."""

    camera_id: str
    state: CameraState
    cause: Cause | None
    since_at: datetime
    since_mono: float
    detail: str = ""  # one human line, without secrets
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    packet_fps: float = 0.0
    decoded_fps: float = 0.0
    analysed_fps: float = 0.0
    dropped: int = 0  # frames replaced before the pipeline received them, and skipped packets
    corrupt: int = 0  # frames not analysed because data was missing
    bitrate_kbps: float = 0.0
    last_frame_age_s: float | None = None
    reconnects: int = 0
    gear: DecodeMode = DecodeMode.FULL
    idle_share: float = 0.0  # share of the time with pictures since the agent started, 0..1
    wake_ups: int = 0  # how often a keyframe with motion ended the idle mode
    kept_awake: str | None = None  # why the camera cannot go idle, if an operator can change that
    main_trouble: str | None = None  # why the main stream, needed for clips, is not available
    view: tuple[str, ...] = ()  # what is wrong with its view, words of ``core.facts.ViewState``


@dataclass(frozen=True, slots=True)
class CameraChange:
    """A camera went down, came back, got worse, or is down for another reason."""

    camera_id: str
    state: CameraState  # never STARTING
    cause: Cause | None
    detail: str  # one human line, without secrets
    since_mono: float  # when this state began; may be minutes before it is reported
    down_s: float | None = None  # with ONLINE, after an outage whose start is known
    kept_back: int = 0  # changes that were not reported since the last report: the camera flaps


@dataclass(frozen=True, slots=True)
class ClockCorrection:
    """The first synchronisation of a boot.

    To correct the time of an earlier event of the boot, add ``offset_ms``. Or, exact also over several jumps,
    subtract (this event's ``bootms`` minus the earlier event's ``bootms``) from ``corrected_at``.
    """

    offset_ms: int
    source: str
    corrected_at: datetime
    corrected_mono: float
