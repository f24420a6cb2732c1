"""The result of one batch of messages, and the batch while it is built."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from edge_agent.wire.received.messages import EventMessage, HeartbeatMessage, ReplyMessage, StateMessage
from edge_central.store.batch import Batch
from edge_central.store.fleet_state import FleetState

HEAD_BYTES = 1_024
"""How much of a rejected message is stored."""
TOPIC_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class BornConfiguration:
    """What a birth says about the gateway's configuration, unchanged."""

    ward: str
    hash: str
    version: str  # version of the agent


@dataclass(slots=True)
class BatchResult:
    """The result of one batch; valid once it is committed."""

    events: Counter[str] = field(default_factory=Counter)  # new events by gateway
    duplicates: int = 0
    rejected: int = 0
    first_rejected: str = ""
    numbers: defaultdict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    """(gateway, epoch) -> sequences to confirm, duplicates included."""
    media: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    wards: dict[str, str] = field(default_factory=dict)  # gateway -> ward, for the topic of its confirmation
    birth_gateways: set[str] = field(default_factory=set)
    configurations: dict[str, BornConfiguration] = field(default_factory=dict)
    """Gateway -> the configuration in its birth."""
    boot_ids: dict[str, str] = field(default_factory=dict)
    """Gateway -> the boot id in its birth."""
    stored: list[EventMessage] = field(default_factory=list)  # all new events
    heartbeat_gateways: set[str] = field(default_factory=set)
    status_messages: list[HeartbeatMessage | StateMessage] = field(
        default_factory=list
    )  # heartbeats and state messages, in order
    retained: defaultdict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    """Gateway -> topic (other than state and birth) -> whether the broker retains a message there."""
    views: list[EventMessage] = field(default_factory=list)  # new events of the kind camera-view
    overrides: list[EventMessage] = field(default_factory=list)  # new events of the kind rule-override
    rule_changes: list[EventMessage] = field(default_factory=list)  # new events of the kind rule-change
    conflicts: Counter[str] = field(default_factory=Counter)
    """Gateway -> count of events with the sequence number of another event; 0: only its epochs alternate."""
    alarms: Counter[tuple[str, str]] = field(default_factory=Counter)  # events that ring, by gateway and ward
    answers: list[ReplyMessage] = field(default_factory=list)
    """Replies to searches. They are not stored with the batch, but later."""
    answered_claims: list[int] = field(default_factory=list)
    """Numbers of the claims that the control machine has answered."""
    received_ms: int = 0


class OpenBatch:
    """A batch while its rows are added: each message changes ``fleet`` and adds rows to ``rows``."""

    def __init__(self, fleet: FleetState, rows: Batch, now_ms: int) -> None:
        self.fleet = fleet
        self.rows = rows
        self.now_ms = now_ms
        self.result = BatchResult(received_ms=now_ms)

    def reject(self, topic: str, reason: str, payload: bytes) -> None:
        """Record a message that is not stored, with the beginning of its payload."""
        topic = topic[:TOPIC_CHARACTERS].replace("\0", "")
        if not self.result.rejected:
            self.result.first_rejected = f"{topic or 'a topic that is not UTF-8'}: {reason}"
        self.result.rejected += 1
        self.rows.rejected.append(
            {
                "received_ms": self.now_ms,
                "topic": topic,
                "reason": reason,
                "bytes": len(payload),
                "head": payload[:HEAD_BYTES],
            }
        )

    def reject_event(self, event: EventMessage, reason: str) -> None:
        """Record what is wrong with an event. The event itself may be stored or not."""
        self.reject(f"{event.gateway} {event.epoch}/{event.sequence}", reason, event.payload)
