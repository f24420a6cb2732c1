"""Decodes a few pictures of a stream on demand, with a decoder of its own that ends with the call.

A camera's pipeline must not wait for this: the thread rests after each picture for as long as the picture
took, so it uses at most half a processor core.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge_agent.capture.decode.decoder import DecodedFrame, VideoDecoder
from edge_agent.capture.decode.picture_limits import PictureTooLarge
from edge_agent.capture.decode.turned import upright
from edge_agent.capture.ring import RingPacket
from edge_agent.core.clock import Clock
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.model import Box, Picture
from edge_agent.core.problems import error_text, problem_text
from edge_agent.stills.alignment import MINIATURE, Miniatures
from edge_agent.stills.packets import StreamPackets

MAX_PACKETS = 300
"""Packets that are decoded for one still: 10 s at 30 pictures a second, as long as the longest usual
group."""
MAX_DECODE_S = 20.0


class StillUnavailable(EdgeAgentError):
    """No still can be made of this stream; the text says why."""


@dataclass(frozen=True, slots=True, eq=False)
class TimedPicture:
    time_s: float  # stream time
    picture: Picture


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A picture to look for: the stream time, and where the object is at that time."""

    time_s: float
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class FoundPicture:
    picture: Picture
    time_s: float  # stream time
    target: Target


class OnDemandDecoder:
    """Decodes pictures on demand. For one thread."""

    def __init__(self, clock: Clock, wait: Callable[[float], object]) -> None:
        """``wait(seconds)`` rests; it returns True when the agent stops."""
        self._clock = clock
        self._wait = wait

    def pictures(self, stream: StreamPackets, packets: Sequence[RingPacket]) -> Iterator[TimedPicture]:
        """Yield the undamaged pictures of ``packets``, which begin with a keyframe, in order.

        Raises ``StillUnavailable`` when they need too much memory or time, or the agent stops.
        """
        connection = stream.connection
        decoder = connection.decoder.another(connection.extradata)
        begun_mono = self._clock.monotonic()
        for item in packets[:MAX_PACKETS]:
            before_mono = self._clock.monotonic()
            if before_mono - begun_mono > MAX_DECODE_S:
                raise StillUnavailable(problem_text("still-decode-slow", seconds=MAX_DECODE_S))
            yield from self._timed(stream, item, _decoded(decoder, item))
            if self._wait(self._clock.monotonic() - before_mono):
                raise StillUnavailable(problem_text("agent-stops"))
        if packets:
            yield from self._timed(stream, packets[-1], decoder.decode(None))

    def miniatures(self, stream: StreamPackets, packets: Sequence[RingPacket]) -> Miniatures:
        """Return the pictures of ``packets`` as small grey ones."""
        return miniatures_of(self.pictures(stream, packets))

    def last(self, stream: StreamPackets, packets: Sequence[RingPacket]) -> Picture:
        """Return the last picture of ``packets``. Raises ``StillUnavailable``."""
        newest: deque[TimedPicture] = deque(self.pictures(stream, packets), maxlen=1)
        if not newest:
            raise StillUnavailable(problem_text("still-moment-gone"))
        return newest[0].picture

    def sharpest(
        self, stream: StreamPackets, packets: Sequence[RingPacket], targets: Sequence[Target]
    ) -> FoundPicture:
        """Return the picture at one of the ``targets`` in which the object is the sharpest.

        At most two pictures are in memory, beside those that the decoder needs. Raises ``StillUnavailable``.
        """
        within_s = stream.period_s / 2 + 1e-3
        last_s = max(target.time_s for target in targets) + within_s
        best, best_sharpness = None, -1.0
        for timed in self.pictures(stream, packets):
            target = min(targets, key=lambda each: abs(each.time_s - timed.time_s))
            if abs(target.time_s - timed.time_s) <= within_s:
                sharp = sharpness(timed.picture, target.box)
                if sharp > best_sharpness:
                    best, best_sharpness = FoundPicture(timed.picture, timed.time_s, target), sharp
            if timed.time_s > last_s:
                break
        if best is None:
            raise StillUnavailable(problem_text("still-moment-gone"))
        return best

    def _timed(
        self, stream: StreamPackets, item: RingPacket, frames: Sequence[DecodedFrame]
    ) -> Iterator[TimedPicture]:
        for decoded in frames:
            if decoded.clean:
                # Privacy masks and boxes are those of the analysed pictures, which stand upright.
                picture = upright(decoded.frame, decoded.turns)
                yield TimedPicture(stream.time_at(decoded.frame.pts, item), picture)


def _decoded(decoder: VideoDecoder, item: RingPacket) -> Sequence[DecodedFrame]:
    try:
        return decoder.decode(item.packet)
    except PictureTooLarge as error:
        raise StillUnavailable(error_text(error)) from None


def miniatures_of(pictures: Iterable[TimedPicture]) -> Miniatures:
    times, pixels = [], []
    for timed in pictures:
        small = cv2.resize(timed.picture.luma(), MINIATURE, interpolation=cv2.INTER_AREA)
        times.append(timed.time_s)
        pixels.append(small.ravel())
    return Miniatures(np.array(times), np.array(pixels, np.float32).reshape(len(times), -1))


def sharpness(picture: Picture, box: Box) -> float:
    """Return the variance of the Laplacian of the luma inside ``box`` (Pech-Pacheco et al., ICPR 2000)."""
    x1, y1, x2, y2 = box.clipped().to_pixels(picture.width, picture.height)
    return float(cv2.Laplacian(picture.luma()[y1:y2, x1:x2], cv2.CV_32F).var())
