"""The hand-off from capture to the pipeline: decodes, on the pipeline's thread, what has to be looked at.

A picture that is looked at right after it was decoded is still in the processor's cache, and one that nobody
looks at need not be decoded at all (docs/decisions/0011).
"""

from __future__ import annotations

import itertools
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence

from edge_agent.capture.decode.decode_mode import DecodeModeControl
from edge_agent.capture.decode.decoding import DecodedPicture, StreamDecoder
from edge_agent.capture.decode.turned import upright
from edge_agent.capture.health import CaptureHealth
from edge_agent.capture.ring import PacketRing, RingPacket, StreamConnection, UnreadPackets
from edge_agent.capture.sizes import PacketSizeAlarm
from edge_agent.capture.source import StreamTimeouts
from edge_agent.capture.timing.coalescing import PacketDemand
from edge_agent.capture.timing.stream_time import Sampler
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock, wall_time_of
from edge_agent.core.model import DecodeMode, Frame

log = logging.getLogger(__name__)

DECODE_AT_MOST_S = 0.5
"""In one go: then what there is is handed over, however much waits."""
CATCH_UP_AT_MOST_S = 8.0
"""Who looks hardly faster than pictures come catches up never: from here on the newest goes first again."""
MAX_LAG_S = 1.0
"""When decoding cannot keep up: from here on pictures are too old to be looked at in turn."""
IDLE_STEP_S = 0.95
"""Between two pictures in idle gear, at least: streams that have nothing but keyframes give one a second."""
TOGETHER_S = 0.6
"""While nothing moves and the gear stays full, pictures are looked at in groups that take so long. Who rests
soon would gain little, and notice later what moves again."""
SAME_S = 1e-3
"""Stamps that are closer belong to the same picture, decoded twice."""


class FrameFeed:
    """Frames of one camera, for its pipeline thread: the only caller.

    In full gear only the newest due frame is handed over, and what it overtakes is counted as dropped; what
    was left to come together comes in turn. In catch-up gear every due frame is handed over, in order.
    """

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        ring: PacketRing,
        health: CaptureHealth,
        gearbox: DecodeModeControl,
        limits: StreamTimeouts,
    ) -> None:
        self._camera = camera
        self._clock = clock
        self._ring = ring
        self._health = health
        self._mode_control = gearbox
        self._limits = limits
        self._sampler = Sampler(camera.analyse.fps)
        self._idle_step_s = max(IDLE_STEP_S, (1 - Sampler.EARLY) / camera.analyse.fps)
        self._numbers = itertools.count(1)  # of decoded frames; goes on over reconnects
        self._stream_decoder: StreamDecoder | None = None
        self._after = 0  # serial of the last packet that was dealt with
        self._behind = False  # the last go ended before the packets did
        self._needs_keyframe = False  # packets are missing before the next one
        self._woken_mono = 0.0  # when catching up began
        self._in_order: deque[Frame] = deque()  # due, before any other
        self._rest: Sequence[RingPacket] = ()  # of those that were waited for together, not yet decoded
        self._overtaken = 0  # due frames that were not handed over, for a newer one
        self._looks = 1  # that are waited for together
        self._alone = False  # the last frame handed over is a keyframe decoded on its own
        self._sizes = PacketSizeAlarm()
        self._passed: list[float] = []  # ``recent_bytes`` of the packets since the last look, in full gear
        self._early = False  # the last wake-up was for their sizes
        self._handed_mono = self._seen_mono = 0.0  # stamps of the last frames handed over, and looked at

    def take(self, timeout_s: float) -> Frame | None:
        """The next frame to look at; None when there is none within ``timeout_s``, or at once when the
        camera is stopped. Follow it with ``attend``, or with ``wake``."""
        deadline = self._clock.monotonic() + timeout_s
        self._sampler.pace(self._fps)
        while (frame := self._next(deadline)) is None:
            if self._clock.monotonic() >= deadline or self._ring.closed:
                return None
        self._handed_mono = frame.captured_mono
        self._health.taken(self._clock.monotonic(), self._overtaken)
        self._overtaken = 0
        return frame

    @property
    def can_escalate(self) -> bool:
        """Whether the frame just taken is a keyframe on its own, and more could be had with ``wake``."""
        return self._alone and self._mode_control.can_escalate

    @property
    def _fps(self) -> float:
        """To be analysed now."""
        return self._camera.analyse.fps * self._mode_control.limits.fps_share

    @property
    def interval_s(self) -> float:
        """How far apart frames are, if all is well."""
        idle_s = 0.0
        if self._mode_control.mode is DecodeMode.IDLE:
            # Before the intervals are known: as far apart as keyframes may be without being missed.
            idle_s = self._mode_control.interval_s or self._limits.reopen_s / 3
        return max(1 / self._fps, idle_s)

    def escalate(self) -> None:
        """The frame just taken differs: give back all since the one before it, in order, and itself."""
        if self._stream_decoder is not None:
            self._mode_control.escalate(self._handed_mono)
            self._go_back(self._stream_decoder)

    def _go_back(self, decoding: StreamDecoder) -> None:
        """To the keyframe before what was looked at last."""
        begin, now_mono = self._ring.keyframe_at(self._seen_mono), self._clock.monotonic()
        self._woken_mono = now_mono
        self._ring.notify_now()
        decoding.rewind(self._seen_mono)
        self._sampler.restart(self._seen_mono)
        self._needs_keyframe = begin is None
        if begin is None:
            return
        self._after = begin.serial - 1
        on_time = now_mono - self._handed_mono < MAX_LAG_S
        if on_time and self._seen_mono + SAME_S < begin.stamp_mono > self._handed_mono - SAME_S:
            self._mode_control.disable_idle("the packet ring does not reach back to the keyframe before")

    def frame_done(self, busy: bool) -> None:
        """The frame just taken was looked at; ``busy``: what follows it may matter."""
        self._seen_mono = self._handed_mono
        before = self._mode_control.mode
        self._mode_control.frame_done(self._seen_mono, busy)
        waited_for, self._looks = self._looks, 1
        if not busy and self._mode_control.stays_full:
            self._looks = max(1, int(TOGETHER_S * self._fps + 0.01))
        if self._looks < waited_for:
            self._ring.notify_now()
        self._sizes.learn(self._passed, busy)
        self._passed.clear()
        if self._mode_control.mode is DecodeMode.IDLE and before is not DecodeMode.IDLE:
            if self._early:
                self._sizes.judge(self._mode_control.moved, self._seen_mono)
            self._early = False
            self._sizes.begin_idle()

    def _next(self, deadline: float) -> Frame | None:
        self._alone = False
        if self._in_order:
            return self._in_order.popleft()
        if self._rest and self._stream_decoder is not None:
            return self._guarded(self._stream_decoder, self._go_on)
        current = self._stream_decoder.connection if self._stream_decoder is not None else None
        timeout_s = max(0.0, deadline - self._clock.monotonic())
        unread = self._ring.wait(current, self._after, self._wanted(), timeout_s)
        if unread.connection is not current:
            self._connected(unread.connection)
        if self._stream_decoder is None or not unread.packets:
            return None
        if self._stream_decoder.connection.failure is not None:
            self._after = unread.packets[-1].serial
            return None
        return self._guarded(self._stream_decoder, lambda decoding: self._advance(decoding, unread))

    def _guarded(
        self, decoding: StreamDecoder, step: Callable[[StreamDecoder], Frame | None]
    ) -> Frame | None:
        """What goes wrong is the connection's end, not the camera's: its thread tells."""
        try:
            return step(decoding)
        except Exception as error:  # noqa: BLE001
            decoding.connection.failure, self._rest = error, ()
            return None

    def _connected(self, connection: StreamConnection | None) -> None:
        self._in_order.clear()
        self._rest = ()
        self._passed.clear()
        self._behind = self._needs_keyframe = False
        self._after = 0
        self._stream_decoder = None
        if connection is None:
            self._mode_control.lost()
        else:
            self._mode_control.connected()
            self._sizes, self._early = PacketSizeAlarm(), False
            mono = self._clock.monotonic()
            self._stream_decoder = StreamDecoder(
                self._camera.id, connection, self._health, self._limits, self._numbers, mono
            )

    def _wanted(self) -> Callable[[RingPacket], bool]:
        """Which packet is worth waking up for; runs in the capture thread."""
        if self._mode_control.mode is DecodeMode.IDLE:
            next_mono, overdue, alarms = (
                self._seen_mono + self._idle_step_s,
                self._mode_control.overdue,
                self._alarms,
            )
            return lambda item: (
                (item.keyframe and item.stamp_mono >= next_mono) or overdue(item.stamp_mono) or alarms(item)
            )
        if (
            self._mode_control.mode is DecodeMode.CATCH_UP
            or self._stream_decoder is None
            or self._stream_decoder.reordered
        ):
            return lambda item: True
        due_mono = self._sampler.due_after(self._handed_mono, self._looks)
        # An empty packet drains the decoder: what it holds may be due.
        return lambda item: item.stamp_mono >= due_mono or not item.packet.size

    def demand(self, stamp_mono: float) -> PacketDemand | None:
        """What the packet at ``stamp_mono`` leaves to be wanted; None: all that comes. For the capture
        thread, which may act on what was so a moment ago."""
        gear, decoding = self._mode_control.mode, self._stream_decoder
        if gear is DecodeMode.IDLE:
            return PacketDemand(self._seen_mono + self._idle_step_s, keyframe=True)
        if gear is DecodeMode.CATCH_UP or decoding is None or decoding.reordered or self._behind:
            return None
        due_mono = self._sampler.due_after(stamp_mono, self._looks)
        return PacketDemand(due_mono, keyframe=False, can_wait=self._looks > 1)

    def _alarms(self, item: RingPacket) -> bool:
        """Whether the size of a packet says, in idle gear, that something has changed."""
        return self._mode_control.can_escalate and self._sizes.alarms(item.recent_bytes, item.stamp_mono)

    def _missed(self, decoding: StreamDecoder, unread: UnreadPackets) -> None:
        """Nobody came for packets before the ring had to let them go."""
        self._needs_keyframe = True
        decoding.missed(unread.packets[0].arrived_mono)
        if self._mode_control.mode is not DecodeMode.IDLE:  # there nobody wants most of them
            self._health.missed(unread.missed)

    def _advance(self, decoding: StreamDecoder, unread: UnreadPackets) -> Frame | None:
        if unread.missed:
            self._missed(decoding, unread)
        packets = unread.packets
        for item in packets:
            if item.keyframe:
                self._mode_control.keyframe(item.stamp_mono)
        if self._mode_control.mode is DecodeMode.IDLE:
            return self._keyframe(decoding, packets)
        if self._mode_control.mode is DecodeMode.CATCH_UP:
            return self._catch_up(decoding, packets)
        waiting = self._without_gap(decoding, self._in_time(decoding, packets))
        together = waiting and unread.awaited and self._looks > 1
        return self._newest(decoding, waiting, waiting[-1].stamp_mono - TOGETHER_S if together else None)

    def _go_on(self, decoding: StreamDecoder) -> Frame | None:
        """The next of those that were waited for together. Until the one before it has been looked at it is
        not decoded: no two pictures are held."""
        packets, self._rest = self._rest, ()
        return self._newest(decoding, packets, -math.inf)

    def _newest(
        self, decoding: StreamDecoder, packets: Sequence[RingPacket], in_turn_mono: float | None
    ) -> Frame | None:
        """Full gear: decode what waits, hand over the newest that is due; those that come out of the decoder
        together come in turn. With ``in_turn_mono`` it is the first one that is due from then on; there
        is one, or these were not waited for."""
        begun_mono = self._clock.monotonic()
        due: list[DecodedPicture] = []
        self._behind = False
        for number, item in enumerate(packets, start=1):
            if self._clock.monotonic() - begun_mono > DECODE_AT_MOST_S:
                self._behind = True
                break
            self._after = item.serial
            if item.recent_bytes:
                self._passed.append(item.recent_bytes)
            fresh = [shot for shot in decoding.decode(item) if self._sampler.due(shot.stamp_mono)]
            if not fresh:
                continue
            self._overtaken += len(due)
            due = fresh
            if in_turn_mono is None:
                continue
            if fresh[-1].stamp_mono >= in_turn_mono:
                self._rest = packets[number:]
                break
            self._overtaken += len(due)
            due = []
        self._in_order.extend(self._frame(shot) for shot in due)
        return self._in_order.popleft() if due else None

    def _in_time(self, decoding: StreamDecoder, packets: Sequence[RingPacket]) -> Sequence[RingPacket]:
        """When decoding cannot keep up: without those up to the newest keyframe, or all of them."""
        now_mono = self._clock.monotonic()
        if not self._behind or now_mono - packets[0].arrived_mono <= MAX_LAG_S:
            return packets
        newest = next((n for n in reversed(range(len(packets))) if packets[n].keyframe), len(packets))
        if newest:
            decoding.skipped(newest, now_mono)
            self._after = packets[newest - 1].serial
            self._needs_keyframe = True
        return packets[newest:]

    def _without_gap(self, decoding: StreamDecoder, packets: Sequence[RingPacket]) -> Sequence[RingPacket]:
        """After missing packets: those from the next keyframe on."""
        if not self._needs_keyframe:
            return packets
        first = next((n for n, item in enumerate(packets) if item.keyframe), len(packets))
        if first < len(packets):
            decoding.drain()
            self._needs_keyframe = False
        elif packets:
            self._after = packets[-1].serial
            decoding.not_decoded(packets[-1])
        return packets[first:]

    def _keyframe(self, decoding: StreamDecoder, packets: Sequence[RingPacket]) -> Frame | None:
        """Idle gear: the newest keyframe on its own."""
        newest = packets[-1]
        if self._mode_control.must_resume:
            self._handed_mono = newest.stamp_mono
            self._mode_control.resume(newest.stamp_mono)
            self._go_back(decoding)
            return None
        item = next((item for item in reversed(packets) if item.keyframe), None)
        if item is None or item.stamp_mono < self._seen_mono + self._idle_step_s:
            self._after = newest.serial
            decoding.not_decoded(newest)
            self._early = any(self._alarms(packet) for packet in packets)
            if self._early:
                self._handed_mono = newest.stamp_mono
            if self._early or self._mode_control.overdue(newest.stamp_mono):
                self.escalate()
            return None
        lone = decoding.keyframe(item)
        if self._mode_control.keyframe_decoded(picture=lone.picture is not None, damaged=lone.damaged):
            self._handed_mono = item.stamp_mono
            self.escalate()
            return None
        self._after = item.serial
        if lone.picture is None:
            return None
        self._needs_keyframe = self._alone = True
        return self._frame(lone.picture)

    def _catch_up(self, decoding: StreamDecoder, packets: Sequence[RingPacket]) -> Frame | None:
        """Every due frame later than what was looked at, in order; then full gear."""
        begun_mono = self._clock.monotonic()
        if begun_mono - self._woken_mono > CATCH_UP_AT_MOST_S:
            self._mode_control.caught_up()
            packets = self._without_gap(decoding, self._in_time(decoding, packets))
            return self._newest(decoding, packets, None)
        for item in self._without_gap(decoding, packets):
            if self._clock.monotonic() - begun_mono > DECODE_AT_MOST_S:
                return None
            self._after = item.serial
            for shot in decoding.decode(item):
                if shot.stamp_mono > self._seen_mono + SAME_S and self._sampler.due(shot.stamp_mono):
                    self._in_order.append(self._frame(shot, late=True))
            if item is packets[-1]:
                self._mode_control.caught_up()
            if self._in_order:
                return self._in_order.popleft()
        return None

    def _frame(self, shot: DecodedPicture, *, late: bool = False) -> Frame:
        picture = upright(shot.picture, self._camera.analyse.width)
        captured_at = wall_time_of(self._clock, shot.stamp_mono)
        return Frame(self._camera.id, shot.number, shot.stamp_mono, captured_at, picture, late)
