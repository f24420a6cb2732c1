"""Draws the results of the pipeline onto the video."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.video.stream import VideoStream

from edge_agent.config.model.settings import (
    AnyRule,
    Camera,
    Line,
    LineRule,
    Point,
    Polygon,
    WrongWayRule,
    Zone,
)
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.facts import LineCountsObservation, Observation, RuleObservation, ViewObservation
from edge_agent.core.languages import without_diacritics
from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE, Box, Frame, Track, TrackState
from edge_agent.evidence.jpeg import crop
from edge_agent.pipeline import FrameResult

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

BGR = tuple[int, int, int]
COLOUR_OF_GROUP: dict[str | None, BGR] = {
    PERSON: (80, 220, 80),
    TWO_WHEELER: (60, 160, 255),
    VEHICLE: (255, 160, 60),
    None: (200, 200, 200),
}
MOTION: BGR = (120, 120, 120)
INFERENCE: BGR = (200, 200, 60)
MASK: BGR = (40, 40, 160)
ZONE: BGR = (220, 120, 220)
LINE: BGR = (220, 220, 60)
REPORTED: BGR = (240, 240, 240)
CAPTION_S = 4.0  # time to read a caption
CAPTIONS = 6
SIDE = 0.03  # distance of the letters A and B from their line, as a share of the picture
WHOLE = Box(0.0, 0.0, 1.0, 1.0)


def draw(
    picture: Colour, insight: FrameResult, masks: Sequence[Polygon] = (), rules: Sequence[AnyRule] = ()
) -> Colour:
    """Draw the results into ``picture`` and return it: masks, zones, lines and tracks; motion regions and
    inference crops with thin lines, confirmed tracks with bold ones."""
    for mask in masks:
        _outline(picture, mask, MASK)
    places = {rule.line if isinstance(rule, LineRule) else rule.zone: None for rule in rules}
    for place in places:
        _line(picture, place) if isinstance(place, Line) else _zone(picture, place)
    for rule in rules:
        if isinstance(rule, WrongWayRule):
            begin, end = (_pixel(picture, point) for point in rule.arrow)
            cv2.arrowedLine(picture, begin, end, ZONE, 2, cv2.LINE_AA)
    for region in insight.motion.regions:
        _rectangle(picture, region.box, MOTION, 1)
    for look in insight.inferences.inferred:
        _rectangle(picture, look, INFERENCE, 1)
    for track in insight.tracks.active:
        _track(picture, track)
    return picture


def caption(hit: Observation) -> str | None:
    """Return one line of text for an observation; None for an object, which is drawn as a box instead."""
    match hit:
        case RuleObservation():
            return f"{hit.rule.id} {hit.end_reason or hit.phase.value}: {hit.why}"
        case ViewObservation():
            return f"{hit.state.value} {hit.end_reason or hit.phase.value}: {hit.why}"
        case LineCountsObservation():
            return f"{hit.line}: {_numbers(hit.a_to_b)} from A to B, {_numbers(hit.b_to_a)} from B to A"
        case _:
            return None


def _numbers(of_label: dict[str, int]) -> str:
    return ", ".join(f"{count} {label}" for label, count in of_label.items()) or "none"


def _zone(picture: Colour, zone: Zone) -> None:
    _outline(picture, zone.polygon, ZONE)
    for excluded in zone.exclude:
        _outline(picture, excluded, MASK)
    left, top = min(x for x, _ in zone.polygon), min(y for _, y in zone.polygon)
    _text(picture, zone.id, Box(left, top, left, top), ZONE)


def _line(picture: Colour, line: Line) -> None:
    """Draw a line with its id at the start, and A (left, seen along the line) and B on its sides."""
    begin, end = _pixel(picture, line.begin), _pixel(picture, line.end)
    cv2.line(picture, begin, end, LINE, 2, cv2.LINE_AA)
    _text(picture, line.id, Box(*line.begin, *line.begin), LINE)
    height, width = picture.shape[:2]
    dx, dy = end[0] - begin[0], end[1] - begin[1]
    far = SIDE * width / max(1.0, float(np.hypot(dx, dy)))
    for name, side in (("A", 1), ("B", -1)):
        x = ((begin[0] + end[0]) / 2 + side * far * dy) / width
        y = ((begin[1] + end[1]) / 2 - side * far * dx) / height
        _text(picture, name, Box(x, y, x, y), LINE)


def _pixel(picture: Colour, point: Point) -> tuple[int, int]:
    return int(point[0] * picture.shape[1]), int(point[1] * picture.shape[0])


def _track(picture: Colour, track: Track) -> None:
    colour = COLOUR_OF_GROUP.get(track.group, COLOUR_OF_GROUP[None])
    if not track.confirmed:
        _rectangle(picture, track.box, colour, 1)
        return
    if track.state is TrackState.LOST:
        return
    _rectangle(picture, track.box, colour, 2)
    still = " still" if track.state is TrackState.STATIONARY else ""
    _text(picture, f"{track.id.rsplit('-', 1)[-1]} {track.label or '?'}{still}", track.box, colour)


def _outline(picture: Colour, polygon: Polygon, colour: BGR) -> None:
    points = np.array([(x * picture.shape[1], y * picture.shape[0]) for x, y in polygon], np.int32)
    cv2.polylines(picture, [points], True, colour, max(1, picture.shape[1] // 600))


def _rectangle(picture: Colour, box: Box, colour: BGR, thickness: int) -> None:
    x1, y1, x2, y2 = box.to_pixels(picture.shape[1], picture.shape[0])
    cv2.rectangle(picture, (x1, y1), (x2 - 1, y2 - 1), colour, thickness)


def _text(picture: Colour, text: str, box: Box, colour: BGR) -> None:
    text = without_diacritics(text)  # OpenCV's fonts have ASCII only
    scale = max(0.35, picture.shape[1] / 1800)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x, y, _, _ = box.to_pixels(picture.shape[1], picture.shape[0])
    y = max(y, height + 4)
    cv2.rectangle(picture, (x, y - height - 4), (x + width + 2, y), colour, cv2.FILLED)
    cv2.putText(picture, text, (x + 1, y - 3), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)


class AnnotatedVideo:
    """Writes an MP4 (H.264) of the analysed frames; use with ``with``.

    Private areas are black in it, because the video is used in bug reports and so leaves the gateway.
    """

    def __init__(self, path: Path, fps: float, camera: Camera) -> None:
        self._masks = camera.masks
        self._rules = camera.rules
        self._private = camera.privacy_masks
        self._fps = Fraction(fps).limit_denominator(1000)
        self._stream: VideoStream | None = None
        self._captions: deque[tuple[float, str]] = deque(maxlen=CAPTIONS)  # end of display, text
        try:
            path.open("wb").close()  # libavformat would fail only at the first frame, or not at all
            self._container = av.open(str(path), "w", format="mp4")
        except (FFmpegError, OSError) as error:
            raise EdgeAgentError(f"{path}: cannot be written: {error.strerror}") from error

    def __enter__(self) -> AnnotatedVideo:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def write(self, frame: Frame, insight: FrameResult, observations: Sequence[Observation] = ()) -> None:
        """Write a frame. The captions of its ``observations`` stay in the video for ``CAPTION_S``."""
        size = max(frame.picture.width, frame.picture.height)
        picture = draw(crop(frame.picture, WHOLE, self._private, size), insight, self._masks, self._rules)
        self._write_captions(picture, frame, observations)
        # H.264 in 4:2:0 needs even sides.
        even = picture[: picture.shape[0] & ~1, : picture.shape[1] & ~1]
        if self._stream is None:
            self._stream = self._open_stream(even.shape[1], even.shape[0])
        if (self._stream.width, self._stream.height) != (even.shape[1], even.shape[0]):
            even = cv2.resize(even, (self._stream.width, self._stream.height))  # type: ignore[assignment]
        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="bgr24")
        self._container.mux(self._stream.encode(image))

    def _write_captions(self, picture: Colour, frame: Frame, observations: Sequence[Observation]) -> None:
        now = frame.captured_mono
        texts = [text for hit in observations if (text := caption(hit)) is not None]
        self._captions.extend((now + CAPTION_S, text) for text in texts)
        _text(picture, f"{frame.captured_at:%Y-%m-%d %H:%M:%S}", Box(0.0, 0.0, 0.0, 0.0), REPORTED)
        current = [text for until, text in self._captions if until > now]
        for n, text in enumerate(reversed(current)):
            y = 1.0 - n * 0.04
            _text(picture, text, Box(0.0, y, 0.0, y), REPORTED)

    def _open_stream(self, width: int, height: int) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=self._fps, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        return stream
