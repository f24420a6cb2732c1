"""One connection's frames: from packet to the slot, and what they say about the camera's state."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edge_agent.capture.backlog import Backlog
from edge_agent.capture.failures import check_size, failure
from edge_agent.capture.health import CameraHealth
from edge_agent.capture.picture import YuvPicture
from edge_agent.capture.sampling import Sampler
from edge_agent.capture.slot import FrameSlot
from edge_agent.capture.source import FrameSource, Limits
from edge_agent.capture.stream_time import StreamTime
from edge_agent.clock import Clock, wall_time_of
from edge_agent.config.settings import Camera
from edge_agent.model import CameraState, Cause, Frame

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)

DEGRADED_ABOVE, HEALTHY_BELOW = 0.2, 0.05
"""Shares of damaged frames, and of packets left out: degraded from the first on, until below the second."""
JUDGE_EVERY_S = 1.0


class Session:
    """Fed by the capture thread, packet by packet. Raises ``CaptureError`` when the stream is no good."""

    def __init__(
        self,
        camera: Camera,
        source: FrameSource,
        clock: Clock,
        limits: Limits,
        health: CameraHealth,
        slot: FrameSlot,
        numbers: Iterator[int],
    ) -> None:
        """``numbers`` numbers the decoded frames."""
        self.live = source.live
        self._camera_id = camera.id
        self._width = camera.analyse.width
        self._clock = clock
        self._limits = limits
        self._health = health
        self._slot = slot
        self._numbers = numbers
        self._decoder = source.decoder()
        self._times = StreamTime(source.timed)
        self._backlog = Backlog()
        self._sampler = Sampler(camera.analyse.fps)
        self._size: tuple[int, int] | None = None
        self._online_mono: float | None = None  # when the first picture came
        self._picture_mono = self._clean_mono = self._judged_mono = clock.monotonic()
        self._fed_mono = self._picture_mono  # when the last packet was done with
        self._corrupt = 0

    @property
    def codec(self) -> str:
        return self._decoder.codec

    def online_s(self) -> float | None:
        """How long pictures have been coming; None when there was none."""
        return None if self._online_mono is None else self._clock.monotonic() - self._online_mono

    def feed(self, packet: Packet[VideoStream]) -> None:
        """Decode a packet that was read just now, or leave it out when decoding cannot keep up."""
        arrived_mono = self._clock.monotonic()
        if self._left_out(packet, arrived_mono):
            self._health.packet(arrived_mono, packet.size, skipped=True)
        else:
            self._decode(packet, arrived_mono)
        if arrived_mono - self._judged_mono >= JUDGE_EVERY_S:
            self._judged_mono = arrived_mono
            self._judge(arrived_mono)
        self._fed_mono = self._clock.monotonic()

    def _left_out(self, packet: Packet[VideoStream], arrived_mono: float) -> bool:
        pts, base = packet.pts, packet.time_base
        pts_s = None if pts is None or base is None else float(pts * base)
        lag_s = self._times.arrived(pts_s, arrived_mono, arrived_mono - self._fed_mono)
        skipping, forgiven = self._backlog.skipping, self._backlog.forgiven
        skips = self._backlog.skips(arrived_mono, lag_s, packet.is_keyframe)
        if self._backlog.forgiven > forgiven:
            self._times.forgive()
        if skipping and not skips:
            self._decoder.decode(None)  # what it holds back is from before the gap
        return skips

    def _decode(self, packet: Packet[VideoStream], arrived_mono: float) -> None:
        frames = self._decoder.decode(packet)
        damaged, self._corrupt = self._decoder.corrupt - self._corrupt, self._decoder.corrupt
        self._health.packet(arrived_mono, packet.size, len(frames), damaged)
        for decoded in frames:
            number = next(self._numbers)
            stamp = self._times.stamp(decoded.frame.time, arrived_mono)
            self._picture_came(decoded.frame, arrived_mono)
            if decoded.clean:
                self._clean_mono = arrived_mono
                if self._sampler.due(stamp):
                    self._offer(decoded.frame, number, stamp)

    def _offer(self, frame: VideoFrame, number: int, stamp: float) -> None:
        captured_at = wall_time_of(self._clock, stamp)
        self._slot.offer(Frame(self._camera_id, number, stamp, captured_at, YuvPicture(frame, self._width)))

    def _picture_came(self, frame: VideoFrame, mono: float) -> None:
        self._picture_mono = mono
        size = (frame.width, frame.height)
        if size != self._size:
            self._new_size(size)
        if self._online_mono is None:
            self._online_mono = mono
            self._become(CameraState.ONLINE, None, f"{self.codec} {size[0]}x{size[1]}")

    def _new_size(self, size: tuple[int, int]) -> None:
        check_size(self._camera_id, *size)
        old, self._size = self._size, size
        self._health.size(*size)
        if old is not None:
            log.info("%s: the picture is now %dx%d, was %dx%d", self._camera_id, *size, *old)

    def _judge(self, mono: float) -> None:
        """Once a second: do pictures come, and are they whole?"""
        blind_s = mono - self._picture_mono
        if mono - self._clean_mono >= self._limits.reopen_s:
            # Streams with intra refresh have no keyframe to recover at: a new connection has one.
            detail = f"packets, but no whole picture for {self._limits.reopen_s:g} s"
            raise failure(self._camera_id, Cause.DECODE_ERROR, detail)
        if blind_s >= self._limits.picture_s and not self._backlog.skipping:
            detail = f"packets, but no picture for {self._limits.picture_s:g} s"
            self._become(CameraState.OFFLINE, Cause.DECODE_ERROR, detail)
            return
        if self._online_mono is None:
            return
        trouble = self._trouble(mono)
        if trouble is None:
            self._become(CameraState.ONLINE, None, f"{self.codec} {'x'.join(map(str, self._size or ()))}")
        else:
            self._become(CameraState.DEGRADED, *trouble)

    def _trouble(self, mono: float) -> tuple[Cause | None, str] | None:
        """Why the camera counts as degraded, or None."""
        degraded = self._health.state is CameraState.DEGRADED
        bearable = HEALTHY_BELOW if degraded else DEGRADED_ABOVE
        if self._health.damaged_share(mono) > bearable:
            return Cause.DECODE_ERROR, "frames are damaged and not analysed"
        if self._health.skipped_share(mono) > bearable:
            # No cause: each of the wire's words speaks of the camera, and this one is well.
            return None, "decoding cannot keep up, pictures are left out"
        return None

    def _become(self, state: CameraState, cause: Cause | None, detail: str) -> None:
        if self._health.become(state, cause, detail):
            level = logging.INFO if state is CameraState.ONLINE else logging.WARNING
            log.log(level, "%s: %s: %s", self._camera_id, state.value, detail)
