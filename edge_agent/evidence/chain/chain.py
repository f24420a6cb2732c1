"""The chain of events, signed: a head with each alarm, and once a minute when there is something new.

Each event names the hash of the one before it in its epoch (the outbox sees to that). A head is an event that
signs another one, and through the hashes all before it; docs/reference/evidence.md.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.model.settings import Storage
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.delivery import Draft, Stamp, StoredEvent
from edge_agent.core.model import Severity
from edge_agent.core.state_file import run_with_timeout
from edge_agent.evidence.chain.chain_heads import head_text
from edge_agent.evidence.chain.journal import EventJournal
from edge_agent.evidence.chain.keys import SigningKey, load_or_make
from edge_agent.wire import ChainHeadData

log = logging.getLogger(__name__)

HEAD_KIND = "chain-head"
HEAD_EVERY_S = 60.0
WRITE_EVERY_S = 60.0
WRITE_AT_BYTES = 256_000  # of waiting events: sooner than in a minute
MAX_ALARMS = 16
"""Heads in one tick. Of more alarms within a second only the newest get one of their own; the others are
covered by it as any event is."""
JOURNAL_SHARE = 10  # one part in so many of ``storage.max_bytes``

MakeHead = Callable[[ChainHeadData, Severity], Draft]


@dataclass(frozen=True, slots=True)
class _UnsignedTail:
    """The newest event of an epoch that no head signs yet."""

    event: StoredEvent
    priority: int  # of the gravest that none signs


class EvidenceChain:
    """Follows the outbox (``stored``, any thread); everything else is for the main thread."""

    def __init__(
        self,
        state_dir: Path,
        gateway_id: str,
        *,
        storage: Storage,
        clock: Clock,
        clock_synced: Callable[[], bool],
        make_head: MakeHead,
        held: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        """``make_head`` is ``EventMaker.chain_head``; ``held`` names the events whose evidence is held."""
        self._state_dir = state_dir
        self._gateway_id = gateway_id
        self._clock = clock
        self._make_head = make_head
        self._journal = EventJournal(
            state_dir,
            max_bytes=storage.max_bytes // JOURNAL_SHARE,
            max_age_days=storage.max_age_days,
            keep_free=storage.keep_free // JOURNAL_SHARE,
            clock=clock,
            clock_synced=clock_synced,
            held=held,
        )
        self._lock = threading.Lock()  # protects the two below
        self._alarms: deque[StoredEvent] = deque(maxlen=MAX_ALARMS)
        self._unsigned: dict[str, _UnsignedTail] = {}  # by epoch
        self._key: SigningKey | None = None
        self._no_key: str | None = None
        self._head_mono = clock.monotonic()
        self._written_mono = clock.monotonic()

    def open(self) -> None:
        """Load the key, or make it. Costs 9 MB of RSS and 25 ms; raises nothing."""
        try:
            self._key = load_or_make(self._state_dir)
        except ImportError as error:
            self._no_key = f"evidence: events are not signed, the library cryptography is missing ({error})"
            log.error("%s", self._no_key)

    @property
    def public_key(self) -> str | None:
        """For the birth message: DER in base64."""
        return None if self._key is None else self._key.public_base64

    @property
    def degraded(self) -> str | None:
        """One line for health. Any thread."""
        notice = None if self._key is None else self._key.notice
        return self._no_key or notice or self._journal.degraded

    def stored(self, event: StoredEvent) -> None:
        """Called by the outbox with everything that is published."""
        self._journal.add(event)
        if event.kind == HEAD_KIND:
            return
        with self._lock:
            before = self._unsigned.get(event.epoch)
            gravest = event.priority if before is None else max(before.priority, event.priority)
            self._unsigned[event.epoch] = _UnsignedTail(event, gravest)
            if event.priority == Severity.ALARM.number:
                self._alarms.append(event)

    def tick(self, append: Callable[[Draft], Stamp]) -> None:
        """About once a second: sign what is due through ``Outbox.append``, and write the journal."""
        now = self._clock.monotonic()
        signed = self._sign_alarms(append)
        if now - self._head_mono >= HEAD_EVERY_S:
            self._sign_tails(append)
        waits = self._journal.waiting_bytes
        if signed or waits >= WRITE_AT_BYTES or (waits and now - self._written_mono >= WRITE_EVERY_S):
            self._written_mono = now
            self._write()

    def close(self) -> None:
        """After the outbox: what it stored last is written too."""
        self._write()

    def _write(self) -> None:
        """A disk that does not answer is passed over: what waits is written with the next."""
        run_with_timeout(self._journal.write)

    # --- signing ---

    def _sign_alarms(self, append: Callable[[Draft], Stamp]) -> bool:
        with self._lock:
            alarms = list(self._alarms)
            self._alarms.clear()
        for alarm in alarms:
            self._sign(alarm, Severity.ALARM, append)
        return bool(alarms)

    def _sign_tails(self, append: Callable[[Draft], Stamp]) -> None:
        with self._lock:
            news = list(self._unsigned.values())
        for new in news:
            self._sign(new.event, _severity(new.priority), append)

    def _sign(self, event: StoredEvent, severity: Severity, append: Callable[[Draft], Stamp]) -> None:
        if self._key is not None:
            append(self._make_head(self._head(self._key, event), severity))
            self._head_mono = self._clock.monotonic()
        with self._lock:
            news = self._unsigned.get(event.epoch)
            if news is not None and news.event.sequence <= event.sequence:
                del self._unsigned[event.epoch]

    def _head(self, key: SigningKey, event: StoredEvent) -> ChainHeadData:
        sequence, digest = f"{event.sequence:016d}", hashlib.sha256(event.payload).hexdigest()
        signed_at = rfc3339(self._clock.now())
        text = head_text(self._gateway_id, event.epoch, sequence, digest, signed_at)
        return ChainHeadData(
            epoch=event.epoch,
            sequence=sequence,
            sha256=digest,
            signed_at=signed_at,
            key_id=key.id,
            signature=base64.b64encode(key.sign(text)).decode(),
        )


def _severity(priority: int) -> Severity:
    return next(severity for severity in Severity if severity.number == priority)
