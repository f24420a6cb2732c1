"""Decodes the packets of one connection to stamped pictures, and derives the camera's state from them."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.capture.decode.decoder import DecodedFrame
from edge_agent.capture.decode.picture_limits import PictureTooLarge
from edge_agent.capture.failures import check_size, failure
from edge_agent.capture.health import CaptureHealth
from edge_agent.capture.ring import RingPacket, StreamConnection
from edge_agent.capture.source import StreamTimeouts
from edge_agent.core.model import CameraState, Cause
from edge_agent.core.problems import error_text, problem_text

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

log = logging.getLogger(__name__)

DEGRADED_ABOVE, HEALTHY_BELOW = 0.2, 0.05
"""Limits of the shares of damaged frames and of skipped packets. A camera becomes degraded when a share
exceeds ``DEGRADED_ABOVE``, and healthy when neither exceeds ``HEALTHY_BELOW``."""
JUDGE_EVERY_S = 1.0
SIZE_LOGGED_EVERY_S = 60.0
"""A camera may change the size with each picture."""
MAX_REORDERED = 32  # pictures that a decoder holds back at most: 16 frames, or their fields


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPicture:
    """An undamaged picture with the time at which it was taken."""

    number: int
    stamp_mono: float
    picture: VideoFrame
    turns: int  # see ``DecodedFrame``


@dataclass(frozen=True, slots=True, eq=False)
class KeyframeResult:
    """The result of decoding a keyframe on its own."""

    picture: DecodedPicture | None
    damaged: bool  # data was missing


class StreamDecoder:
    """Decodes one connection on the pipeline thread. Raises ``CaptureError`` when the stream is unusable."""

    def __init__(
        self,
        camera_id: str,
        connection: StreamConnection,
        health: CaptureHealth,
        limits: StreamTimeouts,
        numbers: Iterator[int],
        begun_mono: float,
    ) -> None:
        """``numbers`` gives each decoded frame its number."""
        self.connection = connection
        self.reordered = False  # the stream has B-frames: pictures leave the decoder after later packets
        self._camera_id = camera_id
        self._health = health
        self._limits = limits
        self._numbers = numbers
        self._decoder = connection.decoder
        self._stamps: dict[int, float] = {}  # of the packets in the decoder, by their pts
        self._newest_mono = 0.0  # the newest of them since the last drain
        self._last_pts: int | None = None
        self._last_mono = 0.0  # stamp of the last picture
        self._size: tuple[int, int] | None = None
        self._size_logged_mono = -math.inf
        self._picture_mono = self._clean_mono = self._judged_mono = begun_mono
        self._corrupt = 0

    def decode(self, item: RingPacket) -> list[DecodedPicture]:
        """Return the undamaged pictures that a packet completes, in order; each has a later time stamp than
        the one before."""
        pts = item.packet.pts
        if pts is not None:
            self._note_stamp(pts, item.stamp_mono)
        try:
            frames = self._decoder.decode(item.packet)
        except PictureTooLarge as error:
            raise failure(self._camera_id, Cause.UNSUPPORTED, error_text(error)) from None
        pictures = self._pictures(frames, item)
        if not item.packet.size:  # the stream starts again
            self._stamps.clear()
            self._last_pts = None
        return pictures

    def keyframe(self, item: RingPacket) -> KeyframeResult:
        """Decode a keyframe on its own; afterwards the decoder is ready for an unrelated packet."""
        self.drain()
        corrupt = self._decoder.corrupt
        pictures = self.decode(item)
        # With B-frames the decoder holds the picture back until it is drained.
        pictures += self._pictures(self._decoder.decode(None), item)
        return KeyframeResult(pictures[-1] if pictures else None, self._decoder.corrupt > corrupt)

    def drain(self) -> None:
        """Drop all undecoded data, because the next packet does not follow the last one in the stream."""
        self._decoder.decode(None)
        self._stamps.clear()
        self._newest_mono = 0.0
        self._last_pts = None

    def not_decoded(self, item: RingPacket) -> None:
        """Note an undecoded packet. Raises ``CaptureError`` after ``reopen_s`` without undamaged picture."""
        self._check_whole(item.arrived_mono)

    def rewind(self, stamp_mono: float) -> None:
        """Drop all undecoded data, because packets from before ``stamp_mono`` will be decoded again."""
        self.drain()
        self._last_mono = stamp_mono

    def missed(self, mono: float) -> None:
        """Note that packets before ``mono`` were never decoded, which is no fault of the camera."""
        self._picture_mono = max(self._picture_mono, mono)
        self._clean_mono = max(self._clean_mono, mono)
        self._judged_mono = max(self._judged_mono, mono)

    def _pictures(self, frames: list[DecodedFrame], item: RingPacket) -> list[DecodedPicture]:
        damaged, self._corrupt = self._decoder.corrupt - self._corrupt, self._decoder.corrupt
        if frames or damaged:
            self._health.decoded(item.arrived_mono, len(frames), damaged)
        pictures = []
        for decoded in frames:
            number, stamp_mono = next(self._numbers), self._stamp(decoded.frame, item)
            self._note_picture(decoded, item.arrived_mono)
            if decoded.clean:
                self._clean_mono = item.arrived_mono
                pictures.append(DecodedPicture(number, stamp_mono, decoded.frame, decoded.turns))
        if item.arrived_mono - self._judged_mono >= JUDGE_EVERY_S:
            self._judge(item.arrived_mono)
        return pictures

    def _note_stamp(self, pts: int, stamp_mono: float) -> None:
        self.reordered = self.reordered or stamp_mono < self._newest_mono
        self._newest_mono = max(self._newest_mono, stamp_mono)
        self._stamps[pts] = stamp_mono
        if len(self._stamps) > MAX_REORDERED:  # the oldest belongs to a field, or its picture never came
            del self._stamps[next(iter(self._stamps))]

    def _stamp(self, frame: VideoFrame, item: RingPacket) -> float:
        pts, stamp_mono = frame.pts, item.stamp_mono
        if pts is not None:
            stamp_mono = self._stamps.pop(pts, stamp_mono)
            if self._last_pts is not None and pts <= self._last_pts:
                # Pictures come in order, so the camera's clock was set back, by too little to see in packets.
                tick_s = float(item.packet.time_base or 0)
                self.connection.clock_reset = (pts * tick_s, item.arrived_mono)
                stamp_mono = item.arrived_mono
            self._last_pts = pts
        self._last_mono = max(stamp_mono, self._last_mono + 1e-6)
        return self._last_mono

    def _note_picture(self, decoded: DecodedFrame, mono: float) -> None:
        self._picture_mono = mono
        self.connection.turned_deg = decoded.turns * 90
        size = (decoded.frame.width, decoded.frame.height)
        if size != self._size:
            check_size(self._camera_id, *size)
            old, self._size = self._size, size
            self._health.size(*size)
            if old is not None and mono - self._size_logged_mono >= SIZE_LOGGED_EVERY_S:
                self._size_logged_mono = mono
                log.info("%s: the picture is now %dx%d, was %dx%d", self._camera_id, *size, *old)
        if self.connection.online_mono is None:
            self.connection.online_mono = mono
            self._become(CameraState.ONLINE, None, self._described())

    def _judge(self, mono: float) -> None:
        """Derive the camera's state, once a second: do packets give pictures, and are these undamaged?"""
        pause_s, self._judged_mono = mono - self._judged_mono, mono
        # In idle mode nothing is decoded between two keyframes, which may be far apart.
        patience_s = max(self._limits.picture_s, 2 * pause_s)
        self._check_whole(mono)
        if mono - self._picture_mono >= patience_s:
            detail = problem_text("stream-no-picture", seconds=round(mono - self._picture_mono))
            self._become(CameraState.OFFLINE, Cause.DECODE_ERROR, detail)
        elif self.connection.online_mono is not None:
            problem = self._degradation(mono)
            state = CameraState.ONLINE if problem is None else CameraState.DEGRADED
            self._become(state, *(problem or (None, self._described())))

    def _check_whole(self, mono: float) -> None:
        if mono - self._clean_mono >= self._limits.reopen_s:
            # A stream with intra refresh has no keyframe to recover at, but a new connection starts with one.
            detail = problem_text("stream-no-whole-picture", seconds=round(mono - self._clean_mono))
            raise failure(self._camera_id, Cause.DECODE_ERROR, detail)

    def _degradation(self, mono: float) -> tuple[Cause | None, str] | None:
        """Return cause and text for a degraded camera, else None. Cause None: the gateway is too slow."""
        degraded = self._health.state is CameraState.DEGRADED
        limit = HEALTHY_BELOW if degraded else DEGRADED_ABOVE
        if self._health.damaged_share(mono) > limit:
            return Cause.DECODE_ERROR, problem_text("frames-damaged")
        if self._health.skipped_share(mono) > limit:
            # No cause: each ``Cause`` is a fault of the camera, but here the gateway is too slow.
            return None, problem_text("decoding-too-slow")
        return None

    def _described(self) -> str:
        return f"{self._decoder.codec} {'x'.join(map(str, self._size or ()))}"

    def _become(self, state: CameraState, cause: Cause | None, detail: str) -> None:
        if self._health.become(state, cause, detail, of=self.connection):
            level = logging.INFO if state is CameraState.ONLINE else logging.WARNING
            log.log(level, "%s: %s: %s", self._camera_id, state.value, detail)
