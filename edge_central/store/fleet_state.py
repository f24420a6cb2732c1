"""What the centre knows of every gateway and stream, in memory as in the database."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from edge_central.store.streams import EventStream, branch_name

MOST_GAPS = 20_000
"""Of one gateway, made by what it says it has lost: one ``loss`` event can name 15,000. A gap is a row for
good, and 300 bytes of memory. An outbox of 10,000 alarms between infos that were given up is within it."""
MOST_STREAMS = 1_000
"""Of one gateway; beyond it an epoch of which there is no event begins none. A box that loses its power every
night for three years is within it."""


@dataclass(slots=True)
class GatewayRecord:
    """One row. ``changes`` are its columns that are not written yet."""

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
    slot_ms: int = 0  # of its newest row of history
    epochs_before: deque[str] = field(default_factory=lambda: deque(maxlen=16))
    """That heartbeats named, as far as this process has heard."""
    changes: dict[str, object] = field(default_factory=dict)

    def set(self, **columns: object) -> None:
        """What the row will hold; the fields here that have the same name follow."""
        self.changes.update(columns)
        for name, value in columns.items():
            if name in self.__slots__:
                setattr(self, name, value)

    @property
    def sessions(self) -> tuple[str | None, ...]:
        """The one that it is in, as its messages say: for a while not all of them have come."""
        return self.state_session, self.birth_session, self.heartbeat_session


@dataclass(slots=True)
class FleetState:
    gateways: dict[str, GatewayRecord] = field(default_factory=dict)
    streams: dict[tuple[str, str], EventStream] = field(default_factory=dict)  # by gateway and epoch
    _by_gateway: dict[str, list[EventStream]] = field(default_factory=dict)

    def add_stream(self, stream: EventStream) -> None:
        self.streams[stream.gateway, stream.epoch] = stream
        self._by_gateway.setdefault(stream.gateway, []).append(stream)

    def confirmed_upto(self, gateway: str, epoch: str) -> int:
        """Every event of the epoch up to this number is stored, or was given up by the gateway itself.

        0 where different events have had one number: it would speak of both.
        """
        stream = self.streams.get((gateway, epoch))
        if stream is None or (gateway, branch_name(epoch, 2)) in self.streams:
            return 0
        return stream.upto

    def has_streams(self, gateway: str) -> bool:
        """Asked at the first event of each gateway, which after a power cut come all at once."""
        return gateway in self._by_gateway

    def gaps_allowed(self, gateway: str) -> int:
        """How many more its ``loss`` events may make."""
        return max(0, MOST_GAPS - sum(stream.gap_count for stream in self._by_gateway.get(gateway, ())))

    def may_begin_stream(self, gateway: str) -> bool:
        """For an epoch of which there is no event."""
        return len(self._by_gateway.get(gateway, ())) < MOST_STREAMS
