"""The rule ``line-crossing``: objects that cross a line, and their number today. The foot of the box counts.

The day's numbers are reported every minute, survive restarts, and stay correct when the clock is set.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import msgspec

from edge_agent.config.model.settings import Direction, LineRule
from edge_agent.core.facts import Crossing, LineCountsObservation, Phase, RuleObservation, RuleRef
from edge_agent.core.model import TWO_WHEELER, Box, Frame, Track, Tracks
from edge_agent.core.problems import problem_text
from edge_agent.core.state_file import read_record, write_record
from edge_agent.rules.movement import CrossingDetector, CrossingDirection, CrossingLine, LineCrossing
from edge_agent.rules.schedule import Arming, EventThrottle
from edge_agent.rules.track_filter import TrackFilter
from edge_agent.rules.turns import LineMovement, TurnCounts, TurnTracker

MAX_DAYS = 8
"""Days whose numbers are kept, the most recently counted ones, in case the clock is set forward and back."""


class DayCounts(msgspec.Struct):
    """One day's numbers of crossings by label."""

    a_to_b: dict[str, int] = {}
    b_to_a: dict[str, int] = {}
    turns: TurnCounts = msgspec.field(default_factory=TurnCounts)


class LineCountsRecord(msgspec.Struct):
    """The content of ``line-counts-<rule>.json``."""

    line: str
    day: str  # the day of the last count
    days: dict[str, DayCounts]  # by YYYY-MM-DD, in the order of the last count


class LineCounts:
    """The counts of one rule. For one thread.

    A crossing counts for the day that the clock shows. A day's numbers are never reset, so they never
    decrease and nothing counts twice, whatever the clock does. The file is read with the first frame, when
    the rule that counted before has surely written it.
    """

    def __init__(
        self, rule: LineRule, timezone: tzinfo, folder: Path | None, turns: TurnTracker | None = None
    ) -> None:
        """``turns``: the turning movements of the camera; None: they are not reported."""
        self._ref = RuleRef(rule.id, rule.kind.value, rule.severity)
        self._line = rule.line.id
        self._every_s = rule.counts_s
        self._turns = turns
        self._timezone = timezone
        self._file = None if folder is None else folder / f"line-counts-{rule.id}.json"
        self._days: dict[str, DayCounts] = {}
        self._day: str | None = None
        self._from_mono: float | None = None  # begin of the next observation's interval; None: no frame yet
        self._last_mono = 0.0
        self._is_new = False  # something was counted since the last observation
        self._unreported: list[LineCountsObservation] = []

    def begin_frame(self, at: datetime, now: float) -> None:
        """Begin a frame. If a new day has begun, make the observation of the old day."""
        if self._from_mono is None:
            self._from_mono = self._last_mono = now
            self._read()
        local = at.astimezone(self._timezone)
        day = local.date().isoformat()
        if self._day is not None and day != self._day and self._day in self._days:
            self._make(_midnight_mono(local, now, self._last_mono))
        self._day, self._last_mono = day, now

    def add(self, direction: CrossingDirection, label: str) -> None:
        """Count one crossing for today."""
        counts = self._changing_day()
        numbers = counts.a_to_b if direction == "a-to-b" else counts.b_to_a
        numbers[label] = numbers.get(label, 0) + 1

    def add_movement(self, movement: LineMovement) -> None:
        """Count for today the movement of an object whose last crossing was at this line."""
        self._changing_day().turns.add(movement)

    def _changing_day(self) -> DayCounts:
        """Return today's numbers, which the caller is about to change."""
        assert self._day is not None, "begin_frame() comes first"
        counts = self._days.pop(self._day, None) or DayCounts()
        self._days[self._day] = counts
        if len(self._days) > MAX_DAYS:
            del self._days[next(iter(self._days))]
        self._is_new = True
        return counts

    def report(self) -> Iterator[LineCountsObservation]:
        if self._from_mono is not None and self._last_mono - self._from_mono >= self._every_s:
            self._make_if_new()
        while self._unreported:
            yield self._unreported[0]
            del self._unreported[0]

    def finish(self) -> None:
        """Make the observation of new counts now, because no more frames come."""
        self._make_if_new()

    def _make_if_new(self) -> None:
        if self._is_new:
            self._make(self._last_mono)

    def _make(self, to_mono: float) -> None:
        """Make an observation with the day's numbers. They are stored first, so that the numbers reported
        after a restart are never lower."""
        assert self._day is not None
        assert self._from_mono is not None
        if self._is_new:
            self._write(self._day)
        counts, from_mono = self._days[self._day], self._from_mono
        has_turns = self._turns is not None and self._turns.has_turns
        observation = LineCountsObservation(
            *(self._ref, self._line, self._day, from_mono, to_mono),
            dict(counts.a_to_b),
            dict(counts.b_to_a),
            counts.turns.numbers() if has_turns else None,
        )
        if self._unreported and self._unreported[-1].day == observation.day:
            observation = replace(observation, from_mono=self._unreported.pop().from_mono)
        self._unreported.append(observation)
        self._from_mono, self._is_new = to_mono, False

    def _read(self) -> None:
        record = None if self._file is None else read_record(self._file, LineCountsRecord)
        if record is not None and record.line == self._line:
            # If the agent was off at midnight, the old day is reported once more now.
            self._days, self._day = record.days, record.day

    def _write(self, day: str) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # write_record logs what is wrong with the disk
            self._file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        write_record(self._file, LineCountsRecord(self._line, day, self._days))


def _midnight_mono(local: datetime, now: float, before: float) -> float:
    """Return when the day began, if that was after the last frame at ``before``; if not, the clock was set:
    return now."""
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = now - (local - midnight) / timedelta(seconds=1)
    return passed if passed >= before else now


MAX_WAITING = 8
"""Crossings of one track that wait for its label: a real object is labelled long before so many."""


SAME_OBJECT_S, SAME_OBJECT_INSIDE, SAME_OBJECT_AREA = 0.3, 0.7, 0.6
"""Two two-wheelers that cross within ``SAME_OBJECT_S`` are one if the area of one is at most
``SAME_OBJECT_AREA`` of the other's and ``SAME_OBJECT_INSIDE`` of it is inside the other: a motorbike that was
tracked a second time without its rider. Two riders side by side have about the same size. A larger area or a
smaller inside share: fewer double counts, but more objects are missed in dense traffic."""


@dataclass(slots=True)
class _LineTrack:
    """A live track, and its crossings that wait until the rule accepts the track."""

    track: Track
    detector: CrossingDetector = field(default_factory=CrossingDetector)
    counted: LineCrossing | None = None  # the last one
    waiting: deque[LineCrossing] = field(default_factory=lambda: deque(maxlen=MAX_WAITING))


class LineWatch:
    """Applies one line rule on one camera. For one thread.

    Only positions where the track was seen count, not predicted ones. When a lost track is seen again, the
    straight way from its last seen position may be a crossing. The day's counts are stored in ``folder``;
    None: they do not survive a restart. ``turns`` is shared by the lines of the camera.
    """

    def __init__(
        self,
        rule: LineRule,
        arming: Arming,
        timezone: tzinfo,
        folder: Path | None = None,
        turns: TurnTracker | None = None,
    ) -> None:
        self._rule = rule
        self._filter = TrackFilter(rule)
        self._throttle = EventThrottle(rule)
        self._arming = arming
        self.turns = turns or TurnTracker()
        self._counts = LineCounts(rule, timezone, folder, self.turns) if rule.counts_s > 0 else None
        self._line: CrossingLine | None = None
        self._line_tracks: dict[str, _LineTrack] = {}  # by track
        self._unreported: deque[RuleObservation] = deque()
        self._last_event_mono: float | None = None

    def update(self, frame: Frame, tracks: Tracks) -> Iterator[RuleObservation | LineCountsObservation]:
        now = frame.captured_mono
        if self._counts is not None:
            self._counts.begin_frame(frame.captured_at, now)
            self.turns.begin_frame(tracks, now)
        armed = self._arming.armed(frame.captured_at)
        line = self._line_of(frame)
        for track in tracks.active:
            self._follow(track, line, now, armed)
        for track in itertools.chain(tracks.active, tracks.ended):
            self._count_waiting(track)
        if len(self._line_tracks) > len(tracks.active):
            live = {track.id for track in tracks.active}
            self._line_tracks = {id_: each for id_, each in self._line_tracks.items() if id_ in live}
        yield from self._report()

    def finish(
        self, reason: str, continuing: Collection[str] = ()
    ) -> Iterator[RuleObservation | LineCountsObservation]:
        """Report what was counted. This rule has no open events."""
        self._line_tracks = {id_: each for id_, each in self._line_tracks.items() if id_ in continuing}
        if self._counts is not None:
            self.turns.finish(self._counts, continuing)
            self._counts.finish()
        yield from self._report()

    def _line_of(self, frame: Frame) -> CrossingLine:
        aspect = frame.picture.width / frame.picture.height
        if self._line is None or self._line.aspect != aspect:
            self._line = CrossingLine(self._rule.line, self._rule.mode, aspect)
        return self._line

    def _follow(self, track: Track, line: CrossingLine, now: float, armed: bool) -> None:
        """Follow the track, also while the rule is not armed, so that its side is known when it is armed."""
        if not track.seen_now:
            return
        line_track = self._line_tracks.get(track.id)
        if line_track is None:
            line_track = self._line_tracks[track.id] = _LineTrack(track)
        line_track.track = track
        crossed = line_track.detector.update(line.position_of(track.box), now)
        if crossed is not None and armed:
            line_track.waiting.append(crossed)

    def _count_waiting(self, track: Track) -> None:
        """Count the track's crossings, once it is confirmed and has a label and the score of the rule."""
        line_track = self._line_tracks.get(track.id)
        if line_track is None or not line_track.waiting:
            return
        if track.label is None or not self._filter.accepts(track):
            return
        for crossed in line_track.waiting:
            if self._is_counted(line_track, crossed):
                continue
            line_track.counted = crossed
            if self._counts is not None:
                self._counts.add(crossed.direction, track.label)
                self.turns.crossed(track, track.label, self._rule.line.id, crossed, self._counts)
            if self._is_reported(crossed):
                self._unreported.append(self._observation(track, crossed))
                self._last_event_mono = max(crossed.mono, self._last_event_mono or crossed.mono)
        line_track.waiting.clear()

    def _is_counted(self, line_track: _LineTrack, crossed: LineCrossing) -> bool:
        """Whether this object has just been counted under another track."""
        return any(
            other is not line_track
            and other.counted is not None
            and other.counted.direction == crossed.direction
            and abs(other.counted.mono - crossed.mono) <= SAME_OBJECT_S
            and other.track.group == line_track.track.group == TWO_WHEELER
            and _is_part(*sorted((other.track.box, line_track.track.box), key=lambda box: box.area))
            for other in self._line_tracks.values()
        )

    def _is_reported(self, crossed: LineCrossing) -> bool:
        """Whether this crossing is reported as an event."""
        rule, last = self._rule, self._last_event_mono
        if not rule.each or rule.direction not in (Direction.BOTH, crossed.direction):
            return False
        # A track that was labelled late may have crossed before the last reported crossing.
        return last is None or abs(crossed.mono - last) >= rule.cooldown_s

    def _report(self) -> Iterator[RuleObservation | LineCountsObservation]:
        while self._unreported:
            yield self._unreported[0]
            self._unreported.popleft()
        if self._counts is not None:
            yield from self._counts.report()

    def _observation(self, track: Track, crossed: LineCrossing) -> RuleObservation:
        line, (start, end) = self._rule.line, crossed.direction.upper().split("-TO-")
        return RuleObservation(
            Phase.MOMENT,
            self._throttle.event_id(track.id, crossed.mono),
            self._throttle.ref,
            Crossing(line.id, crossed.direction),
            problem_text("line-crossed", label=str(track.label), line=line.shown, start=start, end=end),
            crossed.mono,
            crossed.mono,
            track,
            track.box,
        )


def _is_part(small: Box, large: Box) -> bool:
    return small.area <= SAME_OBJECT_AREA * large.area and small.inside(large) >= SAME_OBJECT_INSIDE
