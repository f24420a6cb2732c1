"""Event factory, outbox and chain as the agent connects them, with a manual clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.model.settings import Storage
from edge_agent.core.delivery import Media, Stamp
from edge_agent.core.facts import Phase, RuleObservation, RuleRef, Stay
from edge_agent.core.model import CameraChange, CameraState, Severity
from edge_agent.events import EventFactory
from edge_agent.evidence.chain.chain import EvidenceChain
from edge_agent.outbox import EventOutbox
from tests.events.parts import GATEWAY, IN_THE_MIDDLE, frame, maker, track
from tests.outbox.parts import HandClock


@dataclass
class Box:
    folder: Path
    clock: HandClock
    events: EventFactory
    chain: EvidenceChain
    outbox: EventOutbox

    def fact(self, camera: str = "cam-1") -> Stamp:
        """Append an event that is no alarm."""
        change = CameraChange(camera, CameraState.ONLINE, None, "", self.clock.mono)
        return self.outbox.append(self.events.camera_state(change))

    def alarm(
        self, event_id: str = "yard-night-t1-1", media: Media | None = None, phase: Phase = Phase.MOMENT
    ) -> Stamp:
        rule, stay = RuleRef("yard-night", "zone-intrusion", Severity.ALARM), Stay("yard", 1.0)
        now, why = self.clock.mono, "person in yard"
        hit = RuleObservation(phase, event_id, rule, stay, why, now, now, track(), IN_THE_MIDDLE)
        return self.outbox.append(self.events.rule_event("cam-1", hit, frame(now), media))

    def seconds(self, count: float) -> None:
        """Advance the clock, then run one tick of the main thread."""
        self.clock.advance(count)
        self.chain.tick(self.outbox.append)

    def published(self) -> list[bytes]:
        return [e.payload for e in sorted(self.outbox.pending(100_000), key=lambda e: (e.epoch, e.sequence))]

    def journal(self) -> list[bytes]:
        files = sorted((self.folder / "evidence" / "journal").glob("*.jsonl"))
        return [line for path in files for line in path.read_bytes().splitlines()]


@contextmanager
def box_in(
    folder: Path,
    clock: HandClock | None = None,
    *,
    storage: Storage | None = None,
    max_bytes: int = 50_000_000,
    held: frozenset[str] = frozenset(),
    boot_id: str = "b",
) -> Iterator[Box]:
    clock = clock or HandClock()
    events = maker(clock)
    chain = EvidenceChain(
        folder,
        GATEWAY.id,
        storage=storage or Storage(keep_free=10_000_000),
        clock=clock,
        clock_steady=lambda: True,
        make_head=events.of_gateway,
        hold_ids=lambda: held,
    )
    outbox = EventOutbox(
        folder, max_bytes=max_bytes, clock=clock, boot_id=boot_id, encode_loss=events.loss, follower=chain
    )
    chain.open()
    outbox.open()
    try:
        yield Box(folder, clock, events, chain, outbox)
    finally:
        outbox.close(timeout_s=None)
        chain.close()
