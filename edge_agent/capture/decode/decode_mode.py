"""How much of a stream is decoded: every picture, or keyframes only while nothing moves.

full -> idle       nothing has moved for ``quiet_s``
idle -> catch-up   a keyframe differs: the frames between it and the one before are analysed, in order
                   (or the mode was idle only because of heat, and that is over)
catch-up -> full   all waiting frames are analysed
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge_agent.config.model.settings import GearChoice
from edge_agent.core.load_limits import WorkloadLimiter, WorkloadLimits
from edge_agent.core.model import DecodeMode
from edge_agent.core.problems import problem_text

MAX_INTERVAL_S = 2.0
"""Longest keyframe interval for idle mode: motion between two keyframes is seen only at the second."""
TOLERANCE_S = 0.25  # cameras space keyframes by pictures, not by time
MIN_INTERVALS = 4  # keyframe intervals that have to be known before idle mode
MAX_DAMAGED_KEYFRAMES = 3
"""So many keyframes in a row without a picture disable idle mode. A bad network damages single keyframes."""
FALSE_ALARM_S = 3.0
"""After a false alarm (a keyframe differed, but no motion came), go idle after this time, not ``quiet_s``.
The time doubles with each further false alarm, because waking at every keyframe costs more than full mode."""


@dataclass(frozen=True, slots=True)
class DecodeModeStats:
    """Figures since the agent started. Any thread may read them."""

    mode: DecodeMode = DecodeMode.FULL
    full_s: float = 0.0  # stream time in full and catch-up mode
    idle_s: float = 0.0
    wake_ups: int = 0
    full_reason: str | None = None  # why ``gear: auto`` cannot go idle


class DecodeModeControl:
    """The decode mode of one camera. Owned by its pipeline thread; all times are stamps of the stream, on the
    gateway's monotonic clock."""

    def __init__(self, choice: GearChoice, quiet_s: float, limiter: WorkloadLimiter | None = None) -> None:
        """``limiter``: while it allows keyframes only, the mode is idle whatever moves."""
        self._configured = choice
        self._quiet_s = quiet_s
        self._limiter = limiter or WorkloadLimiter()
        self._idle_for_heat = False  # idle only because ``limiter`` allows nothing else
        self._mode = DecodeMode.FULL
        self._full_s = self._idle_s = 0.0
        self._wake_ups = 0
        self._full_reason: str | None = None
        self._intervals: deque[float] = deque(maxlen=MIN_INTERVALS)
        self._keyframe_mono: float | None = None
        self._idle_disabled: str | None = None  # why idle mode is disabled on this connection
        self._damaged = 0  # keyframes in a row that gave no picture on their own
        self._motion_mono: float | None = None  # stamp of the last motion or wake-up
        self._had_motion = True  # since the last wake-up
        self._false_alarms = 0  # in a row
        self._idle_since_mono = 0.0
        self._counted_mono: float | None = None

    @property
    def mode(self) -> DecodeMode:
        return self._mode

    @property
    def stats(self) -> DecodeModeStats:
        """Figures since the agent started. Thread-safe."""
        return DecodeModeStats(self._mode, self._full_s, self._idle_s, self._wake_ups, self._full_reason)

    @property
    def limits(self) -> WorkloadLimits:
        """The present load limits. Thread-safe."""
        return self._limiter.current

    @property
    def _choice(self) -> GearChoice:
        return GearChoice.IDLE if self.limits.keyframes_only else self._configured

    @property
    def must_resume(self) -> bool:
        """Whether the mode is idle only because of heat, and the heat is over."""
        return self.mode is DecodeMode.IDLE and self._idle_for_heat and not self.limits.keyframes_only

    @property
    def can_escalate(self) -> bool:
        """Whether a keyframe that differs ends idle mode."""
        return self.mode is DecodeMode.IDLE and self._choice is GearChoice.AUTO

    @property
    def stays_full(self) -> bool:
        """Whether the mode remains full even if nothing moves for a long time."""
        return self._choice is GearChoice.FULL or self._full_reason is not None

    @property
    def had_motion(self) -> bool:
        """Whether there was motion since the last wake-up."""
        return self._had_motion

    @property
    def interval_s(self) -> float | None:
        """The longest of the last ``MIN_INTERVALS`` keyframe intervals; None while fewer are known."""
        return max(self._intervals) if len(self._intervals) == MIN_INTERVALS else None

    def connected(self) -> None:
        """Forget the keyframes of the old connection, because a new one began."""
        self._intervals.clear()
        self._keyframe_mono = self._idle_disabled = self._motion_mono = self._counted_mono = None
        self._had_motion, self._damaged, self._false_alarms = True, 0, 0
        self._full_reason = None
        self._mode = DecodeMode.FULL

    def lost(self) -> None:
        """Start in full mode with the next connection, because this one was lost."""
        self._mode = DecodeMode.FULL

    def keyframe(self, stamp_mono: float) -> None:
        """Note the arrival of a keyframe. A second call for the same keyframe changes nothing."""
        if self._keyframe_mono is None:
            self._keyframe_mono = stamp_mono
        if stamp_mono > self._keyframe_mono:
            self._intervals.append(stamp_mono - self._keyframe_mono)
            self._keyframe_mono = stamp_mono

    def overdue(self, newest_mono: float) -> bool:
        """Return whether, in idle mode, the next keyframe is late."""
        if not self.can_escalate or self._keyframe_mono is None:
            return False
        return newest_mono - self._keyframe_mono > MAX_INTERVAL_S + 2 * TOLERANCE_S

    def keyframe_decoded(self, *, picture: bool, damaged: bool) -> bool:
        """Note that a keyframe was decoded on its own. Return whether to decode the packets before it too.

        With intra refresh, or where keyframes refer to other frames, no keyframe of this connection gives a
        picture on its own; idle mode is disabled then. ``damaged``: data was missing.
        """
        self._damaged = 0 if picture else self._damaged + 1
        if not picture and (not damaged or self._damaged >= MAX_DAMAGED_KEYFRAMES):
            self.disable_idle(problem_text("awake-keyframes-alone"))
        return not picture and (self._choice is GearChoice.AUTO or self._idle_disabled is not None)

    def disable_idle(self, reason: str) -> None:
        """Stay in full mode on this connection, because skipped frames cannot be decoded later."""
        self._idle_disabled = self._idle_disabled or reason

    def escalate(self, stamp_mono: float) -> None:
        if stamp_mono - self._idle_since_mono > self._quiet_s:
            self._false_alarms = 0
        self._motion_mono, self._had_motion = stamp_mono, False
        self._mode = DecodeMode.CATCH_UP
        self._wake_ups += 1

    def resume(self, stamp_mono: float) -> None:
        """Leave idle mode because the heat is over; nothing differed, so no wake-up is counted."""
        self._motion_mono, self._had_motion = stamp_mono, True
        self._mode = DecodeMode.CATCH_UP

    def caught_up(self) -> None:
        self._mode = DecodeMode.FULL

    def frame_done(self, stamp_mono: float, busy: bool) -> None:
        """Note that a frame was analysed. ``busy``: the next frames may be needed."""
        self._count(stamp_mono)
        if busy:
            self._had_motion, self._motion_mono, self._false_alarms = True, stamp_mono, 0
        if self._motion_mono is None:
            self._motion_mono = stamp_mono
        if self.mode is not DecodeMode.FULL:
            return
        quiet_s = stamp_mono - self._motion_mono
        enough_s = (
            self._quiet_s if self._had_motion else min(FALSE_ALARM_S * 2**self._false_alarms, self._quiet_s)
        )
        choice = self._choice  # read once: the main thread may change the limits at any time
        if choice is GearChoice.IDLE or (choice is GearChoice.AUTO and quiet_s >= enough_s):
            self._go_idle(stamp_mono, choice)

    def _go_idle(self, now_mono: float, choice: GearChoice) -> None:
        self._full_reason = self._why_full(now_mono, choice)
        if self._full_reason is None:
            self._idle_for_heat = choice is not self._configured
            self._false_alarms += not self._had_motion and not self._idle_for_heat
            self._idle_since_mono = now_mono
            self._mode = DecodeMode.IDLE

    def _why_full(self, now_mono: float, choice: GearChoice) -> str | None:
        if self._idle_disabled is not None:
            return self._idle_disabled
        if choice is GearChoice.IDLE:
            return None
        interval_s = self.interval_s
        if interval_s is None or self._keyframe_mono is None:
            return problem_text("awake-few-keyframes")
        interval_s = max(interval_s, now_mono - self._keyframe_mono)
        if interval_s > MAX_INTERVAL_S + TOLERANCE_S:
            return problem_text("awake-keyframes-rare", seconds=round(interval_s, 1), limit=MAX_INTERVAL_S)
        return None

    def _count(self, stamp_mono: float) -> None:
        step_s = max(0.0, stamp_mono - self._counted_mono) if self._counted_mono is not None else 0.0
        self._counted_mono = stamp_mono
        if self.mode is DecodeMode.IDLE:
            self._idle_s += step_s
        else:
            self._full_s += step_s
