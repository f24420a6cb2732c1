"""Probes one camera: connects once, measures its packets for a few seconds, keeps one picture."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_agent.capture.decode.picture_limits import PictureTooLarge
from edge_agent.capture.decode.turned import upright
from edge_agent.capture.failures import failure
from edge_agent.capture.source import FrameSource, Opener, StreamTimeouts, open_source
from edge_agent.capture.stream_time import StreamTime
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock
from edge_agent.core.errors import CaptureError
from edge_agent.core.model import Cause, Picture
from edge_agent.core.problems import error_text

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

    from edge_agent.capture.decode.decoder import DecodedFrame, VideoDecoder

LIMITS = StreamTimeouts(open_s=5.0, stall_s=4.0)
"""Shorter than the agent's, because a technician waits for the result."""
MIN_WATCH_S, MAX_WATCH_S = 3.0, 8.0
"""Shortest and longest measurement, in seconds; between them, two keyframe intervals end the probe."""
MIN_KEYFRAMES = 3
PICTURE_EVERY_S = 0.8  # minimum between two decoded keyframes: in MJPEG each packet is a keyframe
MAX_WIDTH = 640  # pixels; the picture is judged at this width


@dataclass(frozen=True, slots=True, eq=False)
class StreamProbe:
    """What one connection showed."""

    codec: str  # FFmpeg's name
    rate: float  # pictures a second, as the camera stamps them
    keyframe_s: float | None  # the longest interval between keyframes; None: fewer than two came
    watched_s: float
    picture: Picture

    @property
    def size(self) -> tuple[int, int]:
        return self.picture.width, self.picture.height


def probe_stream(
    camera: Camera, clock: Clock, opener: Opener = open_source, *, picture_only: bool = False
) -> StreamProbe:
    """Probe the camera with one login attempt. Blocks up to about 14 s. Raises ``CaptureError``.

    ``picture_only``: stop at the first picture; rate and keyframe interval are not measured."""
    pause = threading.Event()
    source = opener(camera, clock, pause.wait, LIMITS, repeat=False)
    with contextlib.closing(source):
        stream_time = StreamTime(source.timed)
        watch = _Measurement(source.decoder(), stream_time, source.tick_s, clock, picture_only)
        try:
            _follow(source, watch)
        except PictureTooLarge as error:
            raise failure(camera.id, Cause.UNSUPPORTED, error_text(error)) from None
    if watch.picture is None:
        raise failure(camera.id, Cause.DECODE_ERROR, f"no picture within {MAX_WATCH_S:g} s")
    return watch.result(watch.picture)


def _follow(source: FrameSource, watch: _Measurement) -> None:
    """Measure until enough was seen. The end of a file is not an error once there was a picture."""
    packets = source.packets()
    with contextlib.closing(packets):
        try:
            for packet in packets:
                watch.take(packet)
                if watch.enough:
                    return
        except CaptureError:
            if source.live or watch.picture is None:
                raise


@dataclass(slots=True)
class _Measurement:
    """Collects the times of packets, and decodes keyframes only, unless they give no picture."""

    decoder: VideoDecoder
    stream_time: StreamTime
    tick_s: float
    clock: Clock
    picture_only: bool  # the first picture is enough
    picture: Picture | None = None
    times: list[float] = field(default_factory=list)
    keyframes: list[float] = field(default_factory=list)
    began_mono: float | None = None
    decoded_mono: float | None = None

    @property
    def watched_s(self) -> float:
        return 0.0 if self.began_mono is None else self.clock.monotonic() - self.began_mono

    @property
    def enough(self) -> bool:
        if self.watched_s >= MAX_WATCH_S:
            return True
        if self.picture_only:
            return self.picture is not None
        whole = self.picture is not None and len(self.keyframes) >= MIN_KEYFRAMES
        return whole and self.watched_s >= MIN_WATCH_S

    def take(self, packet: Packet[VideoStream]) -> None:
        if not packet.size:
            return
        now = self.clock.monotonic()
        if self.began_mono is None:
            self.began_mono = now
        pts_s = None if packet.pts is None else packet.pts * self.tick_s
        at_s = self.stream_time.stamp(pts_s, now)
        self.times.append(at_s)
        if packet.is_keyframe:
            self.keyframes.append(at_s)
        self._decode(packet, now)

    def _decode(self, packet: Packet[VideoStream], now: float) -> None:
        if not packet.is_keyframe:
            if self.picture is None and self.keyframes:  # intra refresh: a keyframe alone gives no picture
                self._keep(self.decoder.decode(packet))
            return
        if self.decoded_mono is not None and now - self.decoded_mono < PICTURE_EVERY_S:
            return
        self.decoded_mono = now
        self._keep(self.decoder.decode(packet))
        if self.picture is None or len(self.keyframes) > 1:
            self._keep(self.decoder.decode(None))

    def _keep(self, decoded: Sequence[DecodedFrame]) -> None:
        for each in decoded:
            if each.clean or self.picture is None:
                self.picture = upright(each.frame, each.turns, MAX_WIDTH)

    def result(self, picture: Picture) -> StreamProbe:
        span_s = max(self.times) - min(self.times)
        rate = (len(self.times) - 1) / span_s if span_s > 0 else 0.0
        gaps = [later - earlier for earlier, later in zip(self.keyframes, self.keyframes[1:], strict=False)]
        longest = max(gaps) if gaps else None
        return StreamProbe(self.decoder.codec, rate, longest, self.watched_s, picture)
