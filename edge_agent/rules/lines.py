"""Who crosses a line, in which direction: ``line-crossing``. What counts is the foot of the box.

How many crossed a line today: told every minute, kept over restarts, right over clock steps.
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
from edge_agent.core.model import TWO_WHEELER, Box, Frame, Track, Tracks, accepted_labels
from edge_agent.core.state_file import read_record, write_record
from edge_agent.rules.crossing import CrossingDetector, CrossingDirection, CrossingLine, LineCrossing
from edge_agent.rules.event_throttle import EventThrottle
from edge_agent.rules.schedule import Arming

KEPT_DAYS = 8
"""Days whose numbers are remembered, those counted on last: a clock put forward and back finds them."""


class DayCounts(msgspec.Struct):
    """One day's numbers by label."""

    a_to_b: dict[str, int] = {}
    b_to_a: dict[str, int] = {}


class LineCountsRecord(msgspec.Struct):
    """``line-counts-<rule>.json``."""

    line: str
    day: str  # on which was counted last
    days: dict[str, DayCounts]  # YYYY-MM-DD; the one that was counted on last comes last


class LineCounts:
    """Of one rule. One thread.

    A crossing counts for the day that the clock says. No day is ever set back to 0, only left for another; so
    whatever the clock does, a day's numbers never fall and nothing counts twice. The file is read with the
    first frame, when whoever counted before has written its last.
    """

    def __init__(self, rule: LineRule, timezone: tzinfo, folder: Path | None) -> None:
        self._ref = RuleRef(rule.id, rule.kind.value, rule.severity)
        self._line = rule.line.id
        self._every_s = rule.counts_s
        self._timezone = timezone
        self._file = None if folder is None else folder / f"line-counts-{rule.id}.json"
        self._days: dict[str, DayCounts] = {}
        self._day: str | None = None
        self._from_mono: float | None = None  # of the interval that the next hit is about; None: no frame yet
        self._last_mono = 0.0
        self._is_new = False  # counted since the last hit was made
        self._unreported: list[LineCountsObservation] = []

    def begin_frame(self, at: datetime, now: float) -> None:
        """A frame has come: it may be another day."""
        if self._from_mono is None:
            self._from_mono = self._last_mono = now
            self._read()
        local = at.astimezone(self._timezone)
        day = local.date().isoformat()
        if self._day is not None and day != self._day and self._day in self._days:
            self._make(_midnight_mono(local, now, self._last_mono))
        self._day, self._last_mono = day, now

    def add(self, direction: CrossingDirection, label: str) -> None:
        """One more, today."""
        assert self._day is not None, "turn() comes first"
        tally = self._days.pop(self._day, None) or DayCounts()
        numbers = tally.a_to_b if direction == "a-to-b" else tally.b_to_a
        numbers[label] = numbers.get(label, 0) + 1
        self._days[self._day] = tally
        if len(self._days) > KEPT_DAYS:
            del self._days[next(iter(self._days))]
        self._is_new = True

    def report(self) -> Iterator[LineCountsObservation]:
        if self._from_mono is not None and self._last_mono - self._from_mono >= self._every_s:
            self._make_if_new()
        while self._unreported:
            yield self._unreported[0]
            del self._unreported[0]

    def finish(self) -> None:
        """No more frames for now: what is new is not kept back."""
        self._make_if_new()

    def _make_if_new(self) -> None:
        if self._is_new:
            self._make(self._last_mono)

    def _make(self, to_mono: float) -> None:
        """A hit with the day's numbers; they are on the disk first, so that a restart never tells fewer."""
        assert self._day is not None
        assert self._from_mono is not None
        if self._is_new:
            self._write(self._day)
        tally, begun = self._days[self._day], self._from_mono
        hit = LineCountsObservation(
            self._ref, self._line, self._day, begun, to_mono, dict(tally.a_to_b), dict(tally.b_to_a)
        )
        if self._unreported and self._unreported[-1].day == hit.day:
            hit = replace(hit, from_mono=self._unreported.pop().from_mono)
        self._unreported.append(hit)
        self._from_mono, self._is_new = to_mono, False

    def _read(self) -> None:
        record = None if self._file is None else read_record(self._file, LineCountsRecord)
        if record is not None and record.line == self._line:
            # The day before a night without power is told once more, as it would have been at midnight.
            self._days, self._day = record.days, record.day

    def _write(self, day: str) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # write_record says what is wrong with the disk
            self._file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        write_record(self._file, LineCountsRecord(self._line, day, self._days))


def _midnight_mono(local: datetime, now: float, before: float) -> float:
    """When the day began, if that was since the frame before; else the clock was set, and it is now."""
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = now - (local - midnight) / timedelta(seconds=1)
    return passed if passed >= before else now


MAX_WAITING = 8
"""Crossings of one track that nothing has named yet: a real object is named long before."""


TOGETHER_S, WITHIN, SMALLER = 0.3, 0.7, 0.6
"""Two two-wheelers that cross in this time are one if one of them, at most ``SMALLER`` of the other, lies for
``WITHIN`` of its area inside the other: a motorbike that was seen a second time without its rider. Who rides
beside another is about as large. A larger ``SMALLER``, a smaller ``WITHIN``: fewer double counts, more that
are missed in dense traffic."""


@dataclass(slots=True)
class _LineTrack:
    """A live track: how it went, and the crossings that wait until it is confirmed and has a label."""

    track: Track
    detector: CrossingDetector = field(default_factory=CrossingDetector)
    counted: LineCrossing | None = None  # the last one
    waiting: deque[LineCrossing] = field(default_factory=lambda: deque(maxlen=MAX_WAITING))


class LineWatch:
    """One rule on one camera. One thread.

    A track moves only where it is really seen: while it is lost or predicted it is nowhere, and when it is
    seen again the straight way from its last sight is what crosses. In ``folder`` the day's counts survive a
    restart (None: nowhere).
    """

    needs_every_frame = False

    def __init__(self, rule: LineRule, arming: Arming, timezone: tzinfo, folder: Path | None = None) -> None:
        self._rule = rule
        self._names = accepted_labels(rule.labels)
        self._throttle = EventThrottle(rule)
        self._arming = arming
        self._counts = LineCounts(rule, timezone, folder) if rule.counts_s > 0 else None
        self._line: CrossingLine | None = None
        self._line_tracks: dict[str, _LineTrack] = {}  # by track
        self._unreported: deque[RuleObservation] = deque()
        self._last_event_mono: float | None = None

    def update(self, frame: Frame, tracks: Tracks) -> Iterator[RuleObservation | LineCountsObservation]:
        now = frame.captured_mono
        if self._counts is not None:
            self._counts.begin_frame(frame.captured_at, now)
        armed = self._arming.armed(frame.captured_at)
        gate = self._line_of(frame)
        for track in tracks.active:
            self._follow(track, gate, now, armed)
        for track in itertools.chain(tracks.active, tracks.ended):
            self._name(track)
        if len(self._line_tracks) > len(tracks.active):
            live = {track.id for track in tracks.active}
            self._line_tracks = {id_: walker for id_, walker in self._line_tracks.items() if id_ in live}
        yield from self._report()

    def finish(
        self, reason: str, continuing: Collection[str] = ()
    ) -> Iterator[RuleObservation | LineCountsObservation]:
        """Nothing is open here; what was counted is told and kept."""
        self._line_tracks = {id_: walker for id_, walker in self._line_tracks.items() if id_ in continuing}
        if self._counts is not None:
            self._counts.finish()
        yield from self._report()

    def _line_of(self, frame: Frame) -> CrossingLine:
        aspect = frame.picture.width / frame.picture.height
        if self._line is None or self._line.aspect != aspect:
            self._line = CrossingLine(self._rule.line, self._rule.mode, aspect)
        return self._line

    def _follow(self, track: Track, gate: CrossingLine, now: float, armed: bool) -> None:
        """Also while the rule is not armed: who is on which side when it will be."""
        if not track.seen_now:
            return
        walker = self._line_tracks.get(track.id)
        if walker is None:
            walker = self._line_tracks[track.id] = _LineTrack(track)
        walker.track = track
        crossed = walker.detector.update(gate.position_of(track.box), now)
        if crossed is not None and armed:
            walker.waiting.append(crossed)

    def _name(self, track: Track) -> None:
        """Count what the track has crossed, once it is known what it is."""
        walker = self._line_tracks.get(track.id)
        if walker is None or not walker.waiting:
            return
        if not track.confirmed or track.label not in self._names:
            return
        for crossed in walker.waiting:
            if self._is_counted(walker, crossed):
                continue
            walker.counted = crossed
            if self._counts is not None:
                self._counts.add(crossed.direction, track.label)
            if self._is_reported(crossed):
                self._unreported.append(self._observation(track, crossed))
                self._last_event_mono = max(crossed.mono, self._last_event_mono or crossed.mono)
        walker.waiting.clear()

    def _is_counted(self, walker: _LineTrack, crossed: LineCrossing) -> bool:
        """Whether this is somebody who has just been counted under another track."""
        return any(
            other is not walker
            and other.counted is not None
            and other.counted.direction == crossed.direction
            and abs(other.counted.mono - crossed.mono) <= TOGETHER_S
            and other.track.group == walker.track.group == TWO_WHEELER
            and _is_part(*sorted((other.track.box, walker.track.box), key=lambda box: box.area))
            for other in self._line_tracks.values()
        )

    def _is_reported(self, crossed: LineCrossing) -> bool:
        """Whether this one is an event of its own."""
        rule, last = self._rule, self._last_event_mono
        if not rule.each or rule.direction not in (Direction.BOTH, crossed.direction):
            return False
        # What was named late may have crossed before the last one that was told.
        return last is None or abs(crossed.mono - last) >= rule.cooldown_s

    def _report(self) -> Iterator[RuleObservation | LineCountsObservation]:
        while self._unreported:
            yield self._unreported[0]
            self._unreported.popleft()
        if self._counts is not None:
            yield from self._counts.report()

    def _observation(self, track: Track, crossed: LineCrossing) -> RuleObservation:
        line, (start, end) = self._rule.line.id, crossed.direction.upper().split("-TO-")
        return RuleObservation(
            Phase.MOMENT,
            self._throttle.event_id(track.id, crossed.mono),
            self._throttle.ref,
            Crossing(line, crossed.direction),
            f"{track.label} crossed {line} from {start} to {end}",
            crossed.mono,
            crossed.mono,
            track,
            track.box,
        )


def _is_part(small: Box, large: Box) -> bool:
    return small.area <= SMALLER * large.area and small.inside(large) >= WITHIN
