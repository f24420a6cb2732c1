"""The state of every gateway and event stream in memory, equal to that in the database.

An event stream is the events of one epoch of one gateway: which sequence numbers are stored, and which are
missing. Pure: no database.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

MAX_BRANCHES = 8
"""Most branches of a stream. Two gateways with one identity make one branch; more are made on purpose."""


def branch_name(epoch: str, number: int) -> str:
    """Return the name of a branch, such as ``3f2a0b1c~2``. A branch is a stream for events of ``epoch`` with
    numbers that other events already have.

    No gateway's own epoch can contain ``~``.
    """
    return f"{epoch}~{number}"


class GapReason(StrEnum):
    """The reason why numbers are missing."""

    MISSING = "missing"  # without an explanation: lost, or still on its way
    BEFORE = "before"  # older than the first event of this gateway that the centre received
    ANNOUNCED = "announced"  # the gateway gave them up and said so in a ``loss`` event


@dataclass(frozen=True, slots=True)
class SequenceGap:
    """The missing numbers ``first`` to ``last``, both included."""

    first: int
    last: int
    why: GapReason
    found_ms: int  # when the centre noticed the gap, milliseconds since 1970

    def __len__(self) -> int:
        return self.last - self.first + 1


class EventStream:
    """The stored numbers of one epoch: 1 to ``highest``, without the gaps. Not thread-safe.

    ``changed`` and ``removed`` are the gaps, by their first number, that changed since ``clear_changes()``
    and are not stored yet.
    """

    def __init__(self, id: int, gateway: str, epoch: str, highest: int = 0, late: int = 0) -> None:
        self.id = id
        self.gateway = gateway
        self.epoch = epoch
        self.highest = highest
        self.late = late  # number of events that arrived after their gap was noticed
        self.changed: dict[int, SequenceGap] = {}
        self.removed: set[int] = set()
        self._firsts: list[int] = []
        self._gaps: dict[int, SequenceGap] = {}

    @property
    def is_branch(self) -> bool:
        return "~" in self.epoch

    @property
    def gaps(self) -> list[SequenceGap]:
        """Return all gaps in the order of their numbers."""
        return [self._gaps[first] for first in self._firsts]

    @property
    def gap_count(self) -> int:
        return len(self._firsts)

    @property
    def upto(self) -> int:
        """Return the highest number up to which each event is stored or announced as lost."""
        for first in self._firsts:
            if self._gaps[first].why is not GapReason.ANNOUNCED:
                return first - 1
        return self.highest

    def load_gap(self, gap: SequenceGap) -> None:
        """Add a gap that was read from the database."""
        self._firsts.insert(bisect_left(self._firsts, gap.first), gap.first)
        self._gaps[gap.first] = gap

    def clear_changes(self) -> None:
        self.changed.clear()
        self.removed.clear()

    def has(self, sequence: int) -> bool:
        """Whether the event was stored; retention may have deleted it since."""
        return 0 < sequence <= self.highest and self._gap_with(sequence) is None

    def add(self, sequence: int, now_ms: int, why: GapReason = GapReason.MISSING) -> None:
        """Add a number for which ``has`` is false; numbers that it skips become missing for ``why``."""
        gap = self._gap_with(sequence)
        if gap is not None:
            self.late += 1
            self._replace(gap, sequence, sequence, None)
            return
        self.expect(sequence - 1, now_ms, why)
        self.highest = sequence

    def expect(self, upto: int, now_ms: int, why: GapReason = GapReason.MISSING) -> None:
        """Mark the numbers up to ``upto`` that are not stored as missing: the gateway has used them."""
        if upto > self.highest:
            self._put(SequenceGap(self.highest + 1, upto, why, now_ms))
            self.highest = upto

    def mark_announced(self, first: int, last: int, now_ms: int) -> int:
        """Record the announced loss of ``first`` to ``last``; return how many of them were missing."""
        self.expect(last, now_ms)
        explained = 0
        position = max(0, bisect_right(self._firsts, first) - 1)
        for start in self._firsts[position : bisect_right(self._firsts, last)]:
            gap = self._gaps[start]
            low, high = max(first, gap.first), min(last, gap.last)
            if low <= high and gap.why is not GapReason.ANNOUNCED:
                self._replace(gap, low, high, GapReason.ANNOUNCED)
                explained += high - low + 1
        return explained

    def _gap_with(self, sequence: int) -> SequenceGap | None:
        position = bisect_right(self._firsts, sequence) - 1
        if position < 0:
            return None
        gap = self._gaps[self._firsts[position]]
        return gap if sequence <= gap.last else None

    def _replace(self, gap: SequenceGap, low: int, high: int, why: GapReason | None) -> None:
        """Change the reason why the numbers ``low`` to ``high`` of the gap are missing to ``why``. None: they
        are no longer missing."""
        self._take(gap)
        if gap.first < low:
            self._put(SequenceGap(gap.first, low - 1, gap.why, gap.found_ms))
        if why is not None:
            self._put(SequenceGap(low, high, why, gap.found_ms))
        if high < gap.last:
            self._put(SequenceGap(high + 1, gap.last, gap.why, gap.found_ms))

    def _put(self, gap: SequenceGap) -> None:
        self.load_gap(gap)
        self.changed[gap.first] = gap
        self.removed.discard(gap.first)

    def _take(self, gap: SequenceGap) -> None:
        del self._firsts[bisect_left(self._firsts, gap.first)]
        del self._gaps[gap.first]
        self.changed.pop(gap.first, None)
        self.removed.add(gap.first)


MAX_GAPS = 20_000
"""Maximum of gaps from ``loss`` events of one gateway; one event can name 15,000. A gap is a permanent row
and 300 bytes of memory. An outbox with 10,000 alarms between given-up infos stays below this."""
MAX_STREAMS = 1_000
"""Maximum number of streams of one gateway. Above it, an epoch without a stored event creates none. A gateway
that loses its power every night for three years stays below this."""


@dataclass(slots=True)
class GatewayRecord:
    """One row of ``gateway``. ``changes``: values of its columns that are not written yet."""

    id: str
    ward: str
    last_ms: int
    state: str | None = None
    state_session: str | None = None
    birth_session: str | None = None
    heartbeat_session: str | None = None
    heartbeat_ms: int | None = None
    epoch: str | None = None
    sequence: int | None = None
    slot_ms: int = 0  # time slot of its newest row of history
    epochs_before: deque[str] = field(default_factory=lambda: deque(maxlen=16))
    """Earlier epochs that heartbeats named since this process started."""
    measured: dict[str, int] = field(default_factory=dict)
    """By camera, since this process started: the first quarter of an hour that is not yet marked as measured
    (edge_central/traffic/recorder.py)."""
    measured_before: int | None = None
    """The same for cameras that are not in ``measured``. None: no heartbeat has come since the start."""
    changes: dict[str, object] = field(default_factory=dict)

    def set(self, **columns: object) -> None:
        """Change columns of the row, and the fields of the same name."""
        self.changes.update(columns)
        for name, value in columns.items():
            if name in self.__slots__:
                setattr(self, name, value)

    @property
    def sessions(self) -> tuple[str | None, ...]:
        """Return the gateway's session by each kind of message; they may differ until all have arrived."""
        return self.state_session, self.birth_session, self.heartbeat_session


@dataclass(slots=True)
class FleetState:
    gateways: dict[str, GatewayRecord] = field(default_factory=dict)
    streams: dict[tuple[str, str], EventStream] = field(default_factory=dict)  # by gateway and epoch
    _by_gateway: dict[str, list[EventStream]] = field(default_factory=dict)

    @property
    def state_sessions(self) -> dict[str, str | None]:
        """Return by gateway the session of its newest state message."""
        return {gateway: record.state_session for gateway, record in self.gateways.items()}

    def count_gateways(self, wards: Collection[str], since_ms: int) -> int:
        """Return how many gateways of these wards have sent a message after ``since_ms``."""
        return sum(each.ward in wards and each.last_ms > since_ms for each in self.gateways.values())

    def add_stream(self, stream: EventStream) -> None:
        self.streams[stream.gateway, stream.epoch] = stream
        self._by_gateway.setdefault(stream.gateway, []).append(stream)

    def confirmed_upto(self, gateway: str, epoch: str) -> int:
        """Return the number that confirms the epoch: each event up to it is stored or announced as lost.

        0 if different events had the same number, because the confirmation would cover both.
        """
        stream = self.streams.get((gateway, epoch))
        if stream is None or (gateway, branch_name(epoch, 2)) in self.streams:
            return 0
        return stream.upto

    def current_epoch(self, gateway: str) -> str | None:
        """Return the gateway's epoch, None if unknown: gateways ignore confirmations for another epoch."""
        record = self.gateways.get(gateway)
        if record is not None and record.epoch:
            return record.epoch
        streams = [each for each in self._by_gateway.get(gateway, ()) if not each.is_branch]
        return max(streams, key=lambda stream: stream.id).epoch if streams else None

    def has_streams(self, gateway: str) -> bool:
        """Whether the gateway has any stream. It must be fast, because after a power cut all gateways send
        their first event at once."""
        return gateway in self._by_gateway

    def gaps_allowed(self, gateway: str) -> int:
        """Return how many further gaps the gateway's ``loss`` events may create."""
        return max(0, MAX_GAPS - sum(stream.gap_count for stream in self._by_gateway.get(gateway, ())))

    def may_begin_stream(self, gateway: str) -> bool:
        """Whether an epoch without a stored event may still create a stream."""
        return len(self._by_gateway.get(gateway, ())) < MAX_STREAMS
