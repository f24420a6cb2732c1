"""Signs the chain of events: a head with each alarm, and once a minute and at a stop if there are new events.

Each event names the hash of the one before it in its epoch; the outbox adds it. A head is an event that signs
another event, and through the hashes all events before that one; docs/reference/evidence.md.
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
from edge_agent.core.problems import problem_text
from edge_agent.core.state_file import run_with_timeout
from edge_agent.evidence.chain.journal import EventJournal
from edge_agent.evidence.chain.keys import SigningKey, load_or_make
from edge_agent.evidence.chain.records import head_text
from edge_agent.wire import ChainHeadData

log = logging.getLogger(__name__)

HEAD_KIND = "chain-head"
HEAD_EVERY_S = 60.0
WRITE_EVERY_S = 60.0
WRITE_AT_BYTES = 256_000  # write earlier than after ``WRITE_EVERY_S`` if so many bytes of events wait
MAX_ALARMS = 16
"""Largest number of heads in one tick. If there are more alarms in a second, only the newest get heads of
their own; these heads also cover the earlier alarms."""
JOURNAL_SHARE = 10  # the journal may use a tenth of ``storage.max_bytes``

MakeHead = Callable[[ChainHeadData, Severity], Draft]


@dataclass(frozen=True, slots=True)
class _UnsignedTail:
    """The events of an epoch that no head signs yet."""

    event: StoredEvent  # the newest of these events
    priority: int  # their highest priority


class EvidenceChain:
    """Signs the events of the outbox and writes them to the journal.

    The outbox calls ``stored`` on any thread; the other methods are for the main thread.
    """

    def __init__(
        self,
        state_dir: Path,
        gateway_id: str,
        *,
        storage: Storage,
        clock: Clock,
        clock_steady: Callable[[], bool],
        make_head: MakeHead,
        hold_ids: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        """``clock_steady`` is ``ClockSync.steady``, ``make_head`` is ``EventFactory.of_gateway``;
        ``hold_ids`` returns the events on hold."""
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
            clock_steady=clock_steady,
            hold_ids=hold_ids,
        )
        self._lock = threading.Lock()  # protects the next two attributes
        self._alarms: deque[StoredEvent] = deque(maxlen=MAX_ALARMS)
        self._unsigned: dict[str, _UnsignedTail] = {}  # by epoch
        self._key: SigningKey | None = None
        self._no_key: str | None = None
        self._head_mono = clock.monotonic()
        self._written_mono = clock.monotonic()

    def open(self) -> None:
        """Load the signing key, or create it. Costs 9 MB of RSS and 25 ms; raises nothing."""
        try:
            self._key = load_or_make(self._state_dir)
        except ImportError as error:
            self._no_key = problem_text("evidence-unsigned", error=str(error))
            log.error("evidence: %s", self._no_key)

    @property
    def public_key(self) -> str | None:
        """The public key for the birth message: DER in base64."""
        return None if self._key is None else self._key.public_base64

    @property
    def degraded(self) -> str | None:
        """One line for health. Any thread."""
        notice = None if self._key is None else self._key.notice
        return self._no_key or notice or self._journal.degraded

    def stored(self, event: StoredEvent) -> None:
        """Add an event to the journal, as not yet signed. The outbox calls this for each event it stores."""
        self._journal.add(event)
        if event.kind == HEAD_KIND:
            return
        with self._lock:
            before = self._unsigned.get(event.epoch)
            highest = event.priority if before is None else max(before.priority, event.priority)
            self._unsigned[event.epoch] = _UnsignedTail(event, highest)
            if event.priority == Severity.ALARM.number:
                self._alarms.append(event)

    def tick(self, append: Callable[[Draft], Stamp], *, stopping: bool = False) -> None:
        """Append the heads that are due, or all when ``stopping``, and write the journal. Called about once a
        second."""
        now = self._clock.monotonic()
        signed = self._sign_alarms(append)
        if stopping or now - self._head_mono >= HEAD_EVERY_S:
            self._sign_tails(append)
        waits = self._journal.waiting_bytes
        if signed or waits >= WRITE_AT_BYTES or (waits and now - self._written_mono >= WRITE_EVERY_S):
            self._written_mono = now
            self._write()

    def close(self) -> None:
        """Write the rest of the journal. Call it after the outbox is closed."""
        self._write()

    def _write(self) -> None:
        """Write the journal with a time limit; if the disk does not answer, the next call writes the rest."""
        run_with_timeout(self._journal.write)

    def _sign_alarms(self, append: Callable[[Draft], Stamp]) -> bool:
        with self._lock:
            alarms = list(self._alarms)
            self._alarms.clear()
        for alarm in alarms:
            self._sign(alarm, Severity.ALARM, append)
        return bool(alarms)

    def _sign_tails(self, append: Callable[[Draft], Stamp]) -> None:
        with self._lock:
            tails = list(self._unsigned.values())
        for tail in tails:
            self._sign(tail.event, _severity(tail.priority), append)

    def _sign(self, event: StoredEvent, severity: Severity, append: Callable[[Draft], Stamp]) -> None:
        if self._key is not None:
            append(self._make_head(self._head(self._key, event), severity))
            self._head_mono = self._clock.monotonic()
        with self._lock:
            tail = self._unsigned.get(event.epoch)
            if tail is not None and tail.event.sequence <= event.sequence:
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
