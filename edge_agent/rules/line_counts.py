"""How many crossed a line today: told every minute, kept over restarts, right over clock steps."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import msgspec

from edge_agent.config.model.settings import LineRule
from edge_agent.core.facts import LineCountsObservation, RuleRef
from edge_agent.core.state_file import read_record, write_record
from edge_agent.rules.crossing import CrossingDirection

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
