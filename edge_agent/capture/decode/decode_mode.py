"""How much of a stream is decoded: every picture, or keyframes only while nothing moves.

full -> idle       nothing has moved for ``quiet_s``
idle -> catch-up   a keyframe differs: what was between it and the one before is looked at, in order
                   (or it was idle for heat only, and that is over)
catch-up -> full   there is nothing left to catch up with
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge_agent.config.model.settings import GearChoice
from edge_agent.core.load_limits import WorkloadLimiter, WorkloadLimits
from edge_agent.core.model import DecodeMode

MAX_INTERVAL_S = 2.0
"""Between keyframes: what comes and goes in between is not seen, and an event is late by as much."""
TOLERANCE_S = 0.25  # cameras count pictures, not time
INTERVALS = 4  # so many have to be known, and are remembered
MAX_DAMAGED_KEYFRAMES = 3
"""Keyframes in a row: a bad network damages one now and then, not all."""
FALSE_ALARM_S = 3.0
"""A keyframe differed, and nothing came of it: back to idle after so long, not after ``quiet_s``. Twice as
long after each that follows: waking at every keyframe costs more than full mode."""


@dataclass(frozen=True, slots=True)
class DecodeModeStats:
    """Since the agent started. Another thread may read it."""

    mode: DecodeMode = DecodeMode.FULL
    full_s: float = 0.0  # of the stream's time; catching up counts as full
    idle_s: float = 0.0
    wake_ups: int = 0
    full_reason: str | None = None  # why ``auto`` cannot go idle


class DecodeModeControl:
    """One camera's gear. Owned by its pipeline thread; all times are the stream's, on the box's clock."""

    def __init__(self, choice: GearChoice, quiet_s: float, limiter: WorkloadLimiter | None = None) -> None:
        """``limiter``: while it leaves keyframes only, that is the choice, whatever moves."""
        self._configured = choice
        self._quiet_s = quiet_s
        self._limiter = limiter or WorkloadLimiter()
        self._for_heat = False  # idle, and only because nothing else was allowed
        self._mode = DecodeMode.FULL
        self._full_s = self._idle_s = 0.0
        self._wake_ups = 0
        self._full_reason: str | None = None
        self._intervals: deque[float] = deque(maxlen=INTERVALS)
        self._key_mono: float | None = None
        self._idle_disabled: str | None = None  # why not to rest on this connection
        self._damaged = 0  # keyframes in a row that gave no picture on their own
        self._alarm_mono: float | None = None  # when something moved last
        self._moved = True  # since the last alarm
        self._false_alarms = 0  # in a row
        self._idle_since_mono = 0.0  # when idle mode began
        self._counted_mono: float | None = None

    @property
    def mode(self) -> DecodeMode:
        return self._mode

    @property
    def stats(self) -> DecodeModeStats:
        """Any thread may ask."""
        return DecodeModeStats(self._mode, self._full_s, self._idle_s, self._wake_ups, self._full_reason)

    @property
    def limits(self) -> WorkloadLimits:
        """What the box may do now. Any thread may ask."""
        return self._limiter.current

    @property
    def _choice(self) -> GearChoice:
        return GearChoice.IDLE if self.limits.keyframes_only else self._configured

    @property
    def must_resume(self) -> bool:
        """Whether it is idle for a heat that is over."""
        return self.mode is DecodeMode.IDLE and self._for_heat and not self.limits.keyframes_only

    @property
    def can_escalate(self) -> bool:
        """Whether a keyframe that differs changes the gear."""
        return self.mode is DecodeMode.IDLE and self._choice is GearChoice.AUTO

    @property
    def stays_full(self) -> bool:
        """Whether it will not rest, however long nothing moves."""
        return self._choice is GearChoice.FULL or self._full_reason is not None

    @property
    def moved(self) -> bool:
        """Whether something came of the last wake-up."""
        return self._moved

    @property
    def interval_s(self) -> float | None:
        """The longest of the last few pauses between keyframes; None while too few are known."""
        return max(self._intervals) if len(self._intervals) == INTERVALS else None

    def connected(self) -> None:
        """Another connection: nothing is known of its keyframes."""
        self._intervals.clear()
        self._key_mono = self._idle_disabled = self._alarm_mono = self._counted_mono = None
        self._moved, self._damaged, self._false_alarms = True, 0, 0
        self._full_reason = None
        self._mode = DecodeMode.FULL

    def lost(self) -> None:
        """There is no connection: nothing is waited for but the next one."""
        self._mode = DecodeMode.FULL

    def keyframe(self, stamp_mono: float) -> None:
        """There is a keyframe; told of it again, nothing changes."""
        if self._key_mono is None:
            self._key_mono = stamp_mono
        if stamp_mono > self._key_mono:
            self._intervals.append(stamp_mono - self._key_mono)
            self._key_mono = stamp_mono

    def overdue(self, newest_mono: float) -> bool:
        """Whether, in idle mode, the next keyframe should have come long ago."""
        if not self.can_escalate or self._key_mono is None:
            return False
        return newest_mono - self._key_mono > MAX_INTERVAL_S + 2 * TOLERANCE_S

    def keyframe_decoded(self, *, picture: bool, damaged: bool) -> bool:
        """A keyframe was decoded on its own; whether those before it are wanted, to see what it shows.

        With intra refresh, and where it leans on others, it gives no picture, and none will on this
        connection; ``damaged``: data was missing.
        """
        self._damaged = 0 if picture else self._damaged + 1
        if not picture and (not damaged or self._damaged >= MAX_DAMAGED_KEYFRAMES):
            self.disable_idle("its keyframes give no picture on their own")
        return not picture and (self._choice is GearChoice.AUTO or self._idle_disabled is not None)

    def disable_idle(self, reason: str) -> None:
        """On this connection nothing can be caught up with."""
        self._idle_disabled = self._idle_disabled or reason

    def escalate(self, stamp_mono: float) -> None:
        if stamp_mono - self._idle_since_mono > self._quiet_s:
            self._false_alarms = 0
        self._alarm_mono, self._moved = stamp_mono, False
        self._mode = DecodeMode.CATCH_UP
        self._wake_ups += 1

    def resume(self, stamp_mono: float) -> None:
        """It was idle for a heat that is over: nothing differed, so no wake-up and no alarm is counted."""
        self._alarm_mono, self._moved = stamp_mono, True
        self._mode = DecodeMode.CATCH_UP

    def caught_up(self) -> None:
        self._mode = DecodeMode.FULL

    def frame_done(self, stamp_mono: float, busy: bool) -> None:
        """A picture was looked at; ``busy``: the next one may matter."""
        self._count(stamp_mono)
        if busy:
            self._moved, self._alarm_mono, self._false_alarms = True, stamp_mono, 0
        if self._alarm_mono is None:
            self._alarm_mono = stamp_mono
        if self.mode is not DecodeMode.FULL:
            return
        quiet_s = stamp_mono - self._alarm_mono
        enough_s = self._quiet_s if self._moved else min(FALSE_ALARM_S * 2**self._false_alarms, self._quiet_s)
        choice = self._choice  # read once: the main thread changes the limits at any moment
        if choice is GearChoice.IDLE or (choice is GearChoice.AUTO and quiet_s >= enough_s):
            self._go_idle(stamp_mono, choice)

    def _go_idle(self, now_mono: float, choice: GearChoice) -> None:
        self._full_reason = self._why_full(now_mono, choice)
        if self._full_reason is None:
            self._for_heat = choice is not self._configured
            self._false_alarms += not self._moved and not self._for_heat
            self._idle_since_mono = now_mono
            self._mode = DecodeMode.IDLE

    def _why_full(self, now_mono: float, choice: GearChoice) -> str | None:
        if self._idle_disabled is not None:
            return self._idle_disabled
        if choice is GearChoice.IDLE:
            return None
        interval_s = self.interval_s
        if interval_s is None or self._key_mono is None:
            return "too few keyframes have come to know their interval"
        interval_s = max(interval_s, now_mono - self._key_mono)
        if interval_s > MAX_INTERVAL_S + TOLERANCE_S:
            return f"keyframes are {interval_s:.1f} s apart, more than {MAX_INTERVAL_S:g} s"
        return None

    def _count(self, stamp_mono: float) -> None:
        step_s = max(0.0, stamp_mono - self._counted_mono) if self._counted_mono is not None else 0.0
        self._counted_mono = stamp_mono
        if self.mode is DecodeMode.IDLE:
            self._idle_s += step_s
        else:
            self._full_s += step_s
