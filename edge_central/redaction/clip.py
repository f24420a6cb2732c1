"""Makes the altered copy of a clip: H.264 without sound and without the metadata of the original.

The clip is decoded twice. The first pass finds areas in every second frame, or in each frame if the clip has
few frames a second. The second pass covers them. An area is also covered for a while before and after the
frame in which it was found, so that a face which is missed in one frame stays covered.
"""

from __future__ import annotations

import io
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, TYPE_CHECKING

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from edge_agent.core.model import Box
from edge_central.redaction.cover import cover
from edge_central.redaction.order import MAX_FRAMES, MAX_PIXELS, RedactionOrder, RedactionReport

if TYPE_CHECKING:
    from edge_agent.core.model import Colour
    from edge_central.redaction.areas import AreaFinder

EVERY = 2
"""Areas are found in every second frame. In a frame between two of these, a face is covered by the areas of
both."""
MAX_GAP_S = 0.06
"""Areas are also found in a frame that comes more than this after the frame before it: in that time an object
moves by more than a face (a motorcycle of 10 m/s by 0.7 m at 15 frames a second)."""
AROUND_S = 0.6
"""An area is covered for this long before and after the frame in which it was found."""
SAME_IOU = 0.5
FALLBACK_FPS = 25.0
TICKS = Fraction(1, 90_000)
"""Unit of the times in the copy, in seconds."""


@dataclass(frozen=True, slots=True)
class _FoundAreas:
    areas: dict[int, list[Box]]  # by number of the frame in which they were found
    times_s: list[float]  # of all frames, rising

    def at(self, number: int) -> list[Box]:
        """Return the areas to cover in this frame. Areas that several frames have at nearly the same place
        are merged."""
        at_s, merged = self.times_s[number], list[Box]()
        first = min(bisect_left(self.times_s, at_s - AROUND_S), number - EVERY)
        last = max(bisect_right(self.times_s, at_s + AROUND_S) - 1, number + EVERY)
        for near in range(first, last + 1):
            for box in self.areas.get(near, ()):
                same = next((n for n, other in enumerate(merged) if box.iou(other) > SAME_IOU), None)
                if same is None:
                    merged.append(box)
                else:
                    merged[same] = merged[same].union(box)
        return merged

    @property
    def most(self) -> int:
        return max(len(boxes) for boxes in self.areas.values())


class _Refused(Exception):
    def __init__(self, report: RedactionReport) -> None:
        super().__init__(report.failure)
        self.report = report


def redact_clip(
    source: IO[bytes], target: IO[bytes], order: RedactionOrder, finder: AreaFinder
) -> RedactionReport:
    """Write the altered copy of ``source`` to ``target``; both files must be seekable. After a failure the
    content of ``target`` is worthless."""
    by_hand = [Box(*each).clipped() for each in order.by_hand]
    try:
        found = _find(source, order, finder)
        return _write(source, target, found, by_hand)
    except _Refused as refusal:
        return refusal.report
    except (FFmpegError, OSError, ValueError, OverflowError, ZeroDivisionError):
        return RedactionReport(failure="not-readable")


def blank_clip() -> IO[bytes]:
    """Return a clip of one black frame: altering it loads all code that altering a clip needs."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = _stream(container, 64, 64)
        image = _converted(
            VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="bgr24"), "yuv420p"
        )
        image.pts, image.time_base = 0, TICKS
        container.mux(stream.encode(image))
        container.mux(stream.encode(None))
    return file


def _find(source: IO[bytes], order: RedactionOrder, finder: AreaFinder) -> _FoundAreas:
    areas: dict[int, list[Box]] = {}
    times_s: list[float] = []
    for number, (at_s, picture) in enumerate(_frames(source)):
        if number % EVERY == 0 or at_s - times_s[-1] > MAX_GAP_S:
            areas[number] = finder.find(picture, order.known)
        times_s.append(at_s)
    if not times_s:
        raise _Refused(RedactionReport(failure="not-readable"))
    return _FoundAreas(areas, times_s)


def _frames(source: IO[bytes]) -> Iterator[tuple[float, Colour]]:
    """Decode the frames of a clip, with their times.

    Yields the seconds since the first frame, strictly increasing, and the frame (height, width, 3; BGR),
    turned upright. Raises _Refused.
    """
    source.seek(0)
    with av.open(source, "r", metadata_errors="ignore") as container:
        if not container.streams.video:
            raise _Refused(RedactionReport(failure="not-readable"))
        stream = container.streams.video[0]
        stream.thread_count = 1  # the process cannot make threads
        stream.thread_type = "NONE"
        step_s = 1 / float(stream.average_rate or stream.guessed_rate or FALLBACK_FPS)
        begin_s, last_s = None, -step_s
        for number, frame in enumerate(container.decode(stream)):
            if number >= MAX_FRAMES:
                raise _Refused(RedactionReport(failure="too-long"))
            if frame.width * frame.height > MAX_PIXELS:
                raise _Refused(RedactionReport(failure="too-large"))
            if begin_s is None:
                begin_s = frame.time or 0.0
            at_s = (begin_s + last_s + step_s if frame.time is None else frame.time) - begin_s
            last_s = at_s if at_s > last_s else last_s + step_s / 10
            yield last_s, _upright(frame)


def _upright(frame: VideoFrame) -> Colour:
    """Rotate the picture as a player shows it, because phones store clips sideways. ``rotation``: degrees
    counterclockwise."""
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    picture = np.rot90(_converted(frame, "bgr24").to_ndarray(), turns)
    # H.264 in 4:2:0 needs even sides.
    return np.ascontiguousarray(picture[: picture.shape[0] & ~1, : picture.shape[1] & ~1])


def _converted(frame: VideoFrame, pixels: str) -> VideoFrame:
    """Convert a frame without threads, which the process cannot start."""
    try:
        return frame.reformat(format=pixels, threads=1)
    except TypeError:  # an older PyAV has no parameter for this, and starts none
        return frame.reformat(format=pixels)


def _write(source: IO[bytes], target: IO[bytes], found: _FoundAreas, by_hand: list[Box]) -> RedactionReport:
    stream: VideoStream | None = None
    number, at_s = -1, 0.0
    with av.open(target, "w", format="mp4") as container:
        for number, (at_s, picture) in enumerate(_frames(source)):
            height, width = picture.shape[:2]
            if stream is None:
                stream = _stream(container, width, height)
            elif (stream.width, stream.height) != (width, height):
                raise _Refused(RedactionReport(failure="not-readable"))
            covered = cover(picture, [*found.at(number), *by_hand])
            image = _converted(VideoFrame.from_ndarray(covered, format="bgr24"), "yuv420p")
            image.pts, image.time_base = round(at_s / TICKS), TICKS
            container.mux(stream.encode(image))
        if stream is None:
            raise _Refused(RedactionReport(failure="not-readable"))
        container.mux(stream.encode(None))
    return RedactionReport(areas=found.most, frames=number + 1, seconds=round(at_s, 1))


def _stream(container: OutputContainer, width: int, height: int) -> VideoStream:
    options = {"crf": "23", "preset": "veryfast"}
    stream = container.add_stream("libx264", rate=25, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.thread_count = 1
    stream.codec_context.time_base = TICKS
    return stream
