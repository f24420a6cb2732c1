"""A gateway without cameras: real events, outbox, chain and publisher; its state directory may be a copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from edge_agent.config.model.settings import Delivery, Storage
from edge_agent.core.clock import rfc3339
from edge_agent.core.delivery import StoredEvent
from edge_agent.core.model import CameraChange, CameraState, Cause
from edge_agent.events import EventFactory, restamped
from edge_agent.evidence.chain.chain import HEAD_EVERY_S, EvidenceChain
from edge_agent.mqtt.publisher.delivery_confirmation import ResendLimits
from edge_agent.outbox import EventOutbox
from tests.events.parts import GATEWAY, MODEL
from tests.mqtt.conftest import TOPICS, ShiftedClock, mqtt_settings
from tests.testbed.mosquitto import wait_until
from tests.testbed.publisher import make_publisher

NUMBERS = count(1)
"""No two events tell the same."""


class Follower:
    """Collects the bytes of every event that a gateway has stored, whatever happens to its disk."""

    def __init__(self, chain: EvidenceChain, stored: list[bytes]) -> None:
        self._chain = chain
        self._stored = stored

    def stored(self, event: StoredEvent) -> None:
        self._chain.stored(event)
        self._stored.append(event.payload)


@dataclass
class Gateway:
    state_dir: Path
    outbox: EventOutbox
    chain: EvidenceChain
    clock: ShiftedClock
    events: EventFactory

    def append(self, events: int) -> None:
        """Events, and a signature over them."""
        for _ in range(events):
            now = self.clock.monotonic()
            detail = f"number {next(NUMBERS)}"
            change = CameraChange("cam-1", CameraState.OFFLINE, Cause.STALLED, detail, now)
            self.outbox.append(self.events.camera_state(change))
        self.clock.shift_s += HEAD_EVERY_S
        self.chain.tick(self.outbox.append)

    def deliver(self, port: int) -> None:
        """Online, with a heartbeat, until the centre has confirmed everything."""
        publisher = make_publisher(
            replace(mqtt_settings(port), delivery=Delivery.CONFIRMED),
            TOPICS,
            self.outbox,
            self.clock,
            self.state_dir,
            resend_limits=ResendLimits(first_s=1.0, per_s=1000, burst=1000),
        )
        publisher.loop.start()
        wait_until(lambda: publisher.online, what="session")
        publisher.publish_heartbeat(self._heartbeat(publisher.session))
        wait_until(lambda: self.outbox.stats().depth == 0, 20, "everything to be confirmed")
        publisher.stop()
        assert publisher.loop.join(5)

    def _heartbeat(self, session: str) -> bytes:
        stats = self.outbox.stats()
        outbox = f'{{"depth":{stats.depth},"sequence":{stats.sequence},"epoch":"{stats.epoch}"}}'
        time = rfc3339(self.clock.now())
        text = f'"time":"{time}","session":"{session}","outbox":{outbox},"cameras":{{}}'
        return f'{{"schema":"heartbeat/1",{text}}}'.encode()


@contextmanager
def gateway_in(state_dir: Path, stored: list[bytes], boot_id: str = "boot-1") -> Iterator[Gateway]:
    """``stored``: collects the bytes of all events that the gateway stores."""
    clock = ShiftedClock()
    events = EventFactory(GATEWAY, clock=clock, boot_id=boot_id, clock_synced=lambda: True, model=MODEL)
    chain = EvidenceChain(
        state_dir,
        GATEWAY.id,
        storage=Storage(keep_free=10_000_000),
        clock=clock,
        clock_steady=lambda: True,
        make_head=events.of_gateway,
    )
    outbox = EventOutbox(
        state_dir,
        max_bytes=50_000_000,
        clock=clock,
        boot_id=boot_id,
        encode_loss=events.loss,
        follower=Follower(chain, stored),
        restamp=restamped,
    )
    chain.open()
    with outbox:
        yield Gateway(state_dir, outbox, chain, clock, events)
    chain.close()
