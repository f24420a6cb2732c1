"""What the centre knows of every gateway and stream, in memory as in the database."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.central.streams import Stream


@dataclass(slots=True)
class Gateway:
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
class Known:
    gateways: dict[str, Gateway] = field(default_factory=dict)
    streams: dict[tuple[str, str], Stream] = field(default_factory=dict)  # by gateway and epoch
    _with_streams: set[str] = field(default_factory=set)

    def add_stream(self, stream: Stream) -> None:
        self.streams[stream.gateway, stream.epoch] = stream
        self._with_streams.add(stream.gateway)

    def has_streams(self, gateway: str) -> bool:
        """Asked at the first event of each gateway, which after a power cut come all at once."""
        return gateway in self._with_streams
