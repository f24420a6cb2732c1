"""The hand-off from capture to the pipeline: decodes, on the pipeline's thread, what has to be analysed.

A picture that is analysed right after it was decoded is still in the processor's cache, and a picture that is
not analysed need not be decoded at all (docs/decisions/0011).
"""

from __future__ import annotations

import itertools
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence

from edge_agent.capture.coalescing import PacketDemand
from edge_agent.capture.decode.decode_mode import DecodeModeControl
from edge_agent.capture.decode.decoding import DecodedPicture, StreamDecoder
from edge_agent.capture.decode.turned import upright
from edge_agent.capture.health import CaptureHealth
from edge_agent.capture.ring import PacketRing, RingPacket, StreamConnection, UnreadPackets
from edge_agent.capture.sizes import PacketSizeAlarm
from edge_agent.capture.source import StreamTimeouts
from edge_agent.capture.stream_time import Sampler
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock, wall_time_of
from edge_agent.core.model import DecodeMode, Frame
from edge_agent.core.problems import problem_text

log = logging.getLogger(__name__)

MAX_DECODE_S = 0.5  # longest time to decode before a frame is delivered, however many packets wait
MAX_CATCH_UP_S = 8.0
"""If analysis is barely faster than the stream it never catches up; after this long, the newest frame is
analysed first again."""
MAX_LAG_S = 1.0
"""When decoding is late by more than this, the packets before the newest keyframe are skipped."""
MIN_IDLE_STEP_S = 0.95
"""Shortest time between analysed pictures in idle mode: of a keyframe-only stream, about one a second."""
GROUP_S = 0.6
"""Length of a group of frames. While nothing moves in a camera that stays in full mode, its frames are
analysed in groups. A camera that soon goes idle would save little, and would notice motion later."""
SAME_STAMP_S = 1e-3  # stamps that differ by less belong to the same picture, decoded twice


class FrameFeed:
    """Delivers a camera's frames. Only its pipeline thread calls it; ``demand``: only its capture thread.

    In full mode only the newest due frame is delivered and older ones are counted as dropped, but the frames
    of a group are all delivered, in order. In catch-up mode every due frame is delivered, in order.
    """

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        ring: PacketRing,
        health: CaptureHealth,
        mode_control: DecodeModeControl,
        limits: StreamTimeouts,
    ) -> None:
        self._camera = camera
        self._clock = clock
        self._ring = ring
        self._health = health
        self._mode_control = mode_control
        self._limits = limits
        self._sampler = Sampler(camera.analyse.fps)
        self._idle_step_s = max(MIN_IDLE_STEP_S, (1 - Sampler.EARLY) / camera.analyse.fps)
        self._numbers = itertools.count(1)  # of decoded frames; goes on over reconnects
        self._stream_decoder: StreamDecoder | None = None
        self._last_serial = 0  # of the last packet that was processed
        self._behind = False  # the last call stopped before all packets were decoded
        self._needs_keyframe = False  # packets are missing before the next one
        self._catch_up_began_mono = 0.0
        self._ready: deque[Frame] = deque()  # decoded and due; delivered before any other
        self._rest_of_group: Sequence[RingPacket] = ()  # not yet decoded
        self._overtaken = 0  # due frames that were dropped for a newer one
        self._group_size = 1  # frames to wait for before the next delivery
        self._is_lone_keyframe = False  # the last frame delivered is a keyframe decoded on its own
        self._sizes = PacketSizeAlarm()
        self._recent_sizes: list[float] = []  # ``recent_bytes`` since the last analysis, in full mode
        self._size_alarm = False  # packet sizes caused the last wake-up
        self._delivered_mono = self._analysed_mono = 0.0  # stamps of the last frames delivered, analysed

    def take(self, timeout_s: float) -> Frame | None:
        """Return the next frame to analyse; None when none comes within ``timeout_s``, or at once when the
        camera is stopped. Call ``frame_done`` or ``escalate`` after each frame."""
        deadline = self._clock.monotonic() + timeout_s
        self._sampler.set_rate(self._fps)
        while (frame := self._next(deadline)) is None:
            if self._clock.monotonic() >= deadline or self._ring.closed:
                return None
        self._delivered_mono = frame.captured_mono
        self._health.taken(self._clock.monotonic(), self._overtaken)
        self._overtaken = 0
        return frame

    @property
    def can_escalate(self) -> bool:
        return self._is_lone_keyframe and self._mode_control.can_escalate

    @property
    def _fps(self) -> float:
        """Frames to analyse per second, under the present load limits."""
        return self._camera.analyse.fps * self._mode_control.limits.fps_share

    @property
    def interval_s(self) -> float:
        idle_s = 0.0
        if self._mode_control.mode is DecodeMode.IDLE:
            # Until the keyframe intervals are known, assume the longest that is not yet reported as a fault.
            idle_s = self._mode_control.interval_s or self._limits.reopen_s / 3
        return max(1 / self._fps, idle_s)

    def escalate(self) -> None:
        if self._stream_decoder is not None:
            self._mode_control.escalate(self._delivered_mono)
            self._rewind(self._stream_decoder)

    def _rewind(self, decoder: StreamDecoder) -> None:
        """Go back to the keyframe before the last analysed frame."""
        begin, now_mono = self._ring.keyframe_at(self._analysed_mono), self._clock.monotonic()
        self._catch_up_began_mono = now_mono
        self._ring.notify_now()
        decoder.rewind(self._analysed_mono)
        self._sampler.restart(self._analysed_mono)
        self._needs_keyframe = begin is None
        if begin is None:
            return
        self._last_serial = begin.serial - 1
        on_time = now_mono - self._delivered_mono < MAX_LAG_S
        earliest_mono = max(self._analysed_mono + SAME_STAMP_S, self._delivered_mono - SAME_STAMP_S)
        if on_time and begin.stamp_mono > earliest_mono:
            self._mode_control.disable_idle(problem_text("awake-ring-short"))

    def frame_done(self, busy: bool) -> None:
        self._analysed_mono = self._delivered_mono
        before = self._mode_control.mode
        self._mode_control.frame_done(self._analysed_mono, busy)
        old_size, self._group_size = self._group_size, 1
        if not busy and self._mode_control.stays_full:
            self._group_size = max(1, int(GROUP_S * self._fps + 0.01))
        if self._group_size < old_size:
            self._ring.notify_now()
        self._sizes.learn(self._recent_sizes, busy)
        self._recent_sizes.clear()
        if self._mode_control.mode is DecodeMode.IDLE and before is not DecodeMode.IDLE:
            if self._size_alarm:
                self._sizes.judge(self._mode_control.had_motion, self._analysed_mono)
            self._size_alarm = False
            self._sizes.begin_idle()

    def _next(self, deadline: float) -> Frame | None:
        self._is_lone_keyframe = False
        if self._ready:
            return self._ready.popleft()
        if self._rest_of_group and self._stream_decoder is not None:
            return self._guarded(self._stream_decoder, self._next_of_group)
        current = self._stream_decoder.connection if self._stream_decoder is not None else None
        timeout_s = max(0.0, deadline - self._clock.monotonic())
        unread = self._ring.wait(current, self._last_serial, self._wake_filter(), timeout_s)
        if unread.connection is not current:
            self._connected(unread.connection)
        if self._stream_decoder is None or not unread.packets:
            return None
        if self._stream_decoder.connection.failure is not None:
            self._last_serial = unread.packets[-1].serial
            return None
        return self._guarded(self._stream_decoder, lambda decoder: self._advance(decoder, unread))

    def _guarded(self, decoder: StreamDecoder, step: Callable[[StreamDecoder], Frame | None]) -> Frame | None:
        """Run ``step``. Store its error with the connection: the capture thread raises it and reconnects."""
        try:
            return step(decoder)
        except Exception as error:  # noqa: BLE001
            decoder.connection.failure, self._rest_of_group = error, ()
            return None

    def _connected(self, connection: StreamConnection | None) -> None:
        self._ready.clear()
        self._rest_of_group = ()
        self._recent_sizes.clear()
        self._behind = self._needs_keyframe = False
        self._last_serial = 0
        self._stream_decoder = None
        if connection is None:
            self._mode_control.lost()
        else:
            self._mode_control.connected()
            self._sizes, self._size_alarm = PacketSizeAlarm(), False
            mono = self._clock.monotonic()
            self._stream_decoder = StreamDecoder(
                self._camera.id, connection, self._health, self._limits, self._numbers, mono
            )

    def _wake_filter(self) -> Callable[[RingPacket], bool]:
        """Return the test for packets that wake this thread. The test runs in the capture thread."""
        if self._mode_control.mode is DecodeMode.IDLE:
            next_mono = self._analysed_mono + self._idle_step_s
            overdue, alarms = self._mode_control.overdue, self._alarms
            return lambda item: (
                (item.keyframe and item.stamp_mono >= next_mono) or overdue(item.stamp_mono) or alarms(item)
            )
        decoder = self._stream_decoder
        if self._mode_control.mode is DecodeMode.CATCH_UP or decoder is None or decoder.reordered:
            return lambda item: True
        due_mono = self._sampler.due_after(self._delivered_mono, self._group_size)
        # An empty packet drains the decoder, and a drained picture may be due.
        return lambda item: item.stamp_mono >= due_mono or not item.packet.size

    def demand(self, stamp_mono: float) -> PacketDemand | None:
        """Return what the pipeline needs after the packet at ``stamp_mono``; None: every packet. The capture
        thread calls this, so the answer may be slightly out of date."""
        gear, decoder = self._mode_control.mode, self._stream_decoder
        if gear is DecodeMode.IDLE:
            return PacketDemand(self._analysed_mono + self._idle_step_s, keyframe=True)
        if gear is DecodeMode.CATCH_UP or decoder is None or decoder.reordered or self._behind:
            return None
        due_mono = self._sampler.due_after(stamp_mono, self._group_size)
        return PacketDemand(due_mono, keyframe=False, can_wait=self._group_size > 1)

    def _alarms(self, item: RingPacket) -> bool:
        """Return whether, in idle mode, the size of a packet shows that something has changed."""
        return self._mode_control.can_escalate and self._sizes.alarms(item.recent_bytes, item.stamp_mono)

    def _missed(self, decoder: StreamDecoder, unread: UnreadPackets) -> None:
        """Note that the ring dropped packets before this thread read them."""
        self._needs_keyframe = True
        decoder.missed(unread.packets[0].arrived_mono)
        if self._mode_control.mode is not DecodeMode.IDLE:  # idle mode skips most packets on purpose
            self._health.missed(unread.missed)

    def _advance(self, decoder: StreamDecoder, unread: UnreadPackets) -> Frame | None:
        if unread.missed:
            self._missed(decoder, unread)
        packets = unread.packets
        for item in packets:
            if item.keyframe:
                self._mode_control.keyframe(item.stamp_mono)
        if self._mode_control.mode is DecodeMode.IDLE:
            return self._keyframe(decoder, packets)
        if self._mode_control.mode is DecodeMode.CATCH_UP:
            return self._catch_up(decoder, packets)
        waiting = self._without_gap(decoder, self._in_time(packets))
        together = waiting and unread.awaited and self._group_size > 1
        return self._newest(decoder, waiting, waiting[-1].stamp_mono - GROUP_S if together else None)

    def _next_of_group(self, decoder: StreamDecoder) -> Frame | None:
        """Decode the next frame of the group. This happens only after the frame before it was analysed, so
        that two pictures are never in memory."""
        packets, self._rest_of_group = self._rest_of_group, ()
        return self._newest(decoder, packets, -math.inf)

    def _newest(
        self, decoder: StreamDecoder, packets: Sequence[RingPacket], in_turn_mono: float | None
    ) -> Frame | None:
        """Decode the waiting packets in full mode and return the newest due frame. Frames that leave the
        decoder together are delivered in order. With ``in_turn_mono``, return the first frame that is due
        from that time on."""
        begun_mono = self._clock.monotonic()
        due: list[DecodedPicture] = []
        self._behind = False
        for number, item in enumerate(packets, start=1):
            if self._clock.monotonic() - begun_mono > MAX_DECODE_S:
                self._behind = True
                break
            self._last_serial = item.serial
            if item.recent_bytes:
                self._recent_sizes.append(item.recent_bytes)
            fresh = [picture for picture in decoder.decode(item) if self._sampler.due(picture.stamp_mono)]
            if not fresh:
                continue
            self._overtaken += len(due)
            due = fresh
            if in_turn_mono is None:
                continue
            if fresh[-1].stamp_mono >= in_turn_mono:
                self._rest_of_group = packets[number:]
                break
            self._overtaken += len(due)
            due = []
        self._ready.extend(self._frame(picture) for picture in due)
        return self._ready.popleft() if due else None

    def _in_time(self, packets: Sequence[RingPacket]) -> Sequence[RingPacket]:
        """Skip to the newest keyframe if decoding cannot keep up; without a keyframe, skip all packets."""
        now_mono = self._clock.monotonic()
        if not self._behind or now_mono - packets[0].arrived_mono <= MAX_LAG_S:
            return packets
        newest = next((n for n in reversed(range(len(packets))) if packets[n].keyframe), len(packets))
        if newest:
            self._health.skipped(now_mono, newest)
            self._last_serial = packets[newest - 1].serial
            self._needs_keyframe = True
        return packets[newest:]

    def _without_gap(self, decoder: StreamDecoder, packets: Sequence[RingPacket]) -> Sequence[RingPacket]:
        """Skip the packets between a gap and the next keyframe."""
        if not self._needs_keyframe:
            return packets
        first = next((n for n, item in enumerate(packets) if item.keyframe), len(packets))
        if first < len(packets):
            decoder.drain()
            self._needs_keyframe = False
        elif packets:
            self._last_serial = packets[-1].serial
            decoder.not_decoded(packets[-1])
        return packets[first:]

    def _keyframe(self, decoder: StreamDecoder, packets: Sequence[RingPacket]) -> Frame | None:
        """Decode the newest keyframe on its own, in idle mode."""
        newest = packets[-1]
        if self._mode_control.must_resume:
            self._delivered_mono = newest.stamp_mono
            self._mode_control.resume(newest.stamp_mono)
            self._rewind(decoder)
            return None
        item = next((item for item in reversed(packets) if item.keyframe), None)
        if item is None or item.stamp_mono < self._analysed_mono + self._idle_step_s:
            self._last_serial = newest.serial
            decoder.not_decoded(newest)
            self._size_alarm = any(self._alarms(packet) for packet in packets)
            if self._size_alarm:
                self._delivered_mono = newest.stamp_mono
            if self._size_alarm or self._mode_control.overdue(newest.stamp_mono):
                self.escalate()
            return None
        lone = decoder.keyframe(item)
        if self._mode_control.keyframe_decoded(picture=lone.picture is not None, damaged=lone.damaged):
            self._delivered_mono = item.stamp_mono
            self.escalate()
            return None
        self._last_serial = item.serial
        if lone.picture is None:
            return None
        self._needs_keyframe = self._is_lone_keyframe = True
        return self._frame(lone.picture)

    def _catch_up(self, decoder: StreamDecoder, packets: Sequence[RingPacket]) -> Frame | None:
        """Return the next due frame; switch to full mode after the last packet or ``MAX_CATCH_UP_S``."""
        begun_mono = self._clock.monotonic()
        if begun_mono - self._catch_up_began_mono > MAX_CATCH_UP_S:
            self._mode_control.caught_up()
            packets = self._without_gap(decoder, self._in_time(packets))
            return self._newest(decoder, packets, None)
        for item in self._without_gap(decoder, packets):
            if self._clock.monotonic() - begun_mono > MAX_DECODE_S:
                return None
            self._last_serial = item.serial
            for picture in decoder.decode(item):
                later = picture.stamp_mono > self._analysed_mono + SAME_STAMP_S
                if later and self._sampler.due(picture.stamp_mono):
                    self._ready.append(self._frame(picture, late=True))
            if item is packets[-1]:
                self._mode_control.caught_up()
            if self._ready:
                return self._ready.popleft()
        return None

    def _frame(self, decoded: DecodedPicture, *, late: bool = False) -> Frame:
        picture = upright(decoded.picture, decoded.turns, self._camera.analyse.width)
        captured_at = wall_time_of(self._clock, decoded.stamp_mono)
        return Frame(self._camera.id, decoded.number, decoded.stamp_mono, captured_at, picture, late)
