"""The queue of alarms and alerts in the form that pages use: order, filter, rows, counts and pages. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Self

from edge_central.console.alarms.silences import Silence
from edge_central.console.events import EventRow
from edge_central.console.incident_log import Handling


class QueueRank(IntEnum):
    """The order of the list. In a rank: longest waiting first; among acknowledged rows, newest first."""

    RINGING = 0
    QUIET = 1  # unacknowledged, but the gateway sends too many alarms: its alert rings instead
    ACKNOWLEDGED = 2
    SILENCED = 3
    OTHER_WAITING = 4  # alerts below severity alarm that are not acknowledged
    OTHER_ACKNOWLEDGED = 5


ALARM_RANKS = (QueueRank.RINGING, QueueRank.QUIET, QueueRank.ACKNOWLEDGED, QueueRank.SILENCED)
UNHANDLED_RANKS = (QueueRank.RINGING, QueueRank.QUIET, QueueRank.OTHER_WAITING)


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """An empty value matches everything."""

    ward: str = ""
    kind: str = ""  # the event's kind, or the alert's rule
    severity: int = 0  # the lowest severity to list; at most that of an alarm
    owner: str = ""  # list rows with an open alarm of this officer
    gateway: str = ""


EVERYTHING = QueueFilter()


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """The last row of a page; the next page begins after it."""

    rank: int
    place_ms: int
    source: int
    id: int

    def __str__(self) -> str:
        return f"{self.rank}.{self.place_ms}.{self.source}.{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        found = re.fullmatch(r"(\d)\.(-?\d{1,18})\.([01])\.(\d{1,18})", text, re.ASCII)
        return None if found is None else cls(*map(int, found.groups()))


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One row of the list. ``first_ms`` and ``last_ms`` are times of the centre's clock."""

    key: str
    name: str  # for forms; see subjects.py
    rank: QueueRank
    severity: int
    ward: str
    gateway: str  # empty: the ward itself
    camera: str  # empty: the gateway itself
    kind: str  # the event's kind, or the alert's rule
    rule: str  # the rule's id; empty: none
    state: str  # state of the camera's view; empty for other kinds
    words: str  # the reason, one line; for a row the reason of its newest alarm
    time_ms: int  # time of its newest alarm, by the gateway's clock
    first_ms: int
    last_ms: int
    handling: Handling  # handling of its newest alarm
    count: int = 1
    waiting: int = 0  # alarms that are not acknowledged
    event: EventRow | None = None  # its newest alarm; None: an alert, or deleted by retention
    silence: Silence | None = None
    owners: tuple[str, ...] = ()  # officers of its acknowledged alarms, if it has several alarms

    @property
    def acknowledged(self) -> int:
        """The number of acknowledged alarms."""
        return self.count - self.waiting

    @property
    def is_alarm(self) -> bool:
        return self.rank in ALARM_RANKS

    @property
    def rings(self) -> bool:
        return self.rank is QueueRank.RINGING

    @property
    def quiet(self) -> bool:
        return self.rank is QueueRank.QUIET

    @property
    def is_row(self) -> bool:
        """Return whether this item is a row of alarms of a camera (else: an alert)."""
        return self.key.startswith("row ")

    @property
    def cursor(self) -> int | None:
        return None if self.event is None else self.event.cursor


@dataclass(frozen=True)
class QueueCounts:
    """The number of rows, of alarms in these rows, and of unacknowledged alarms, each by rank."""

    rows: Mapping[QueueRank, int] = field(default_factory=dict)
    alarms: Mapping[QueueRank, int] = field(default_factory=dict)
    waiting: Mapping[QueueRank, int] = field(default_factory=dict)

    @cached_property
    def open(self) -> int:
        """The number of rows of alarms, which the badge shows."""
        return self._sum(self.rows, ALARM_RANKS)

    @cached_property
    def others(self) -> int:
        return sum(self.rows.values()) - self.open

    @cached_property
    def ringing(self) -> int:
        return self.rows.get(QueueRank.RINGING, 0)

    @cached_property
    def silenced(self) -> int:
        return self.rows.get(QueueRank.SILENCED, 0)

    @cached_property
    def total(self) -> int:
        return sum(self.rows.values())

    @cached_property
    def open_alarms(self) -> int:
        """The number of single alarms in all rows."""
        return self._sum(self.alarms, ALARM_RANKS)

    @cached_property
    def unhandled(self) -> int:
        """How many alarms and alerts *acknowledge all* acknowledges. It leaves out silenced alarms."""
        return self._sum(self.waiting, UNHANDLED_RANKS)

    @staticmethod
    def _sum(of: Mapping[QueueRank, int], ranks: Iterable[QueueRank]) -> int:
        return sum(of.get(rank, 0) for rank in ranks)


@dataclass(frozen=True, slots=True)
class SeenUpTo:
    """The newest event and alert in the database when a page was made: the page shows nothing newer."""

    cursor: int
    alert: int


@dataclass(frozen=True, slots=True)
class QueuePage:
    """``counts`` are of all rows that match the filter; ``first`` is the number of the page's first row."""

    items: tuple[QueueItem, ...]
    counts: QueueCounts
    first: int
    next: QueuePosition | None
    seen: SeenUpTo

    @property
    def alarms(self) -> tuple[QueueItem, ...]:
        return tuple(item for item in self.items if item.is_alarm)

    @property
    def others(self) -> tuple[QueueItem, ...]:
        return tuple(item for item in self.items if not item.is_alarm)


@dataclass(frozen=True, slots=True)
class AlarmBar:
    """The bar of alarms that every page shows. ``keys``: keys of the newest ringing rows, newest first."""

    counts: QueueCounts
    keys: tuple[str, ...]
