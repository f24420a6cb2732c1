"""Which slot of certificates the next connection shows, and when a new one is tried.

The first slot stays until the next one was let in by the broker; see docs/design/certificates.md.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from pathlib import Path

from edge_agent.config.model.settings import Mqtt
from edge_agent.core.state_file import read_record, write_record
from edge_agent.mqtt.connect_errors import ConnectError, ConnectErrorKind
from edge_agent.mqtt.tls.certificates import (
    PROVEN_FILE,
    ProvenCertificate,
    file_stamps,
    find_fault,
    fingerprint,
    next_slot,
)

log = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
SPREADS = 20.0
"""A new slot is tried after a random time of so many times ``mqtt.spread_s``: ten minutes by default. Nothing
presses, and a whole city may have been renewed by one command."""
IDLE_WITHIN_S = 60.0
"""So long a moment is waited for in which nothing is in flight."""
FIRST_REST_S, LONGEST_REST_S = 3600.0, 86_400.0
"""After a refusal, doubling: each try costs a reconnect."""
SOON_S = 60.0
"""After a try that a network failed and not the certificate."""

CERTIFICATE_ERRORS = frozenset(
    {
        ConnectErrorKind.FILES,
        ConnectErrorKind.UNKNOWN_ISSUER,
        ConnectErrorKind.OWN_EXPIRED,
        ConnectErrorKind.OWN_REJECTED,
        ConnectErrorKind.OWN_MISSING,
        ConnectErrorKind.TLS,
        ConnectErrorKind.NOT_AUTHORISED,
        ConnectErrorKind.BAD_CREDENTIALS,
        ConnectErrorKind.PROTOCOL,
    }
)
"""Troubles that another certificate or CA may end."""


class CertificateRotation:
    """One thread uses it: the publisher's. ``notice`` and ``in_force`` may be read from any.

    ``state_dir``: where is kept which slot was let in; None: nowhere, every start begins with the first slot.
    """

    def __init__(
        self,
        first: Mqtt,
        gateway: str,
        state_dir: Path | None = None,
        clock_trusted: Callable[[], bool] = lambda: True,
        uniform: Callable[[float, float], float] = random.uniform,
        idle_within_s: float = IDLE_WITHIN_S,
    ) -> None:
        self.notice: str | None = None  # why the next slot is not in force, in words for people
        self._first = first
        self._gateway = gateway
        self._record_file = None if state_dir is None else state_dir / PROVEN_FILE
        self._clock_trusted = clock_trusted
        self._uniform = uniform
        self._idle_within_s = idle_within_s
        record = None if self._record_file is None else read_record(self._record_file, ProvenCertificate)
        self._proven = "" if record is None else record.proven
        self._next: Mqtt | None = None
        self._next_is_in_force = False
        self._usable = False  # the next slot, as far as can be said without a broker
        self._due_mono = 0.0  # when the slot that is not in force may be tried
        self._refusals = 0
        self._refused = False  # the slot in force, when it was last shown
        self._shown_other = False  # the present or latest connection shows the slot that is not in force
        self._shown = fingerprint(first)
        self._seen: tuple[object, ...] = ()
        self._judged_mono = 0.0
        self._checked_mono: float | None = None

    @property
    def in_force(self) -> Mqtt:
        return self._next if self._next_is_in_force and self._next is not None else self._first

    def check_files(self, now_mono: float) -> None:
        """Whether files have changed; cheap, so it may be called often."""
        if self._first.cert_file is None:
            return
        if self._checked_mono is not None and now_mono - self._checked_mono < CHECK_EVERY_S:
            return
        self._checked_mono = now_mono
        seen = file_stamps(self._first)
        # What is not yet valid may become so, and a clock may be set.
        again = self._faulty and now_mono - self._judged_mono >= FIRST_REST_S
        if seen != self._seen or again:
            self._seen, self._judged_mono = seen, now_mono
            self._examine_next(now_mono)

    def wants_change(self, now_mono: float, idle: bool) -> bool:
        """Whether the session should end now, so that the next attempt shows the other slot. ``idle``:
        nothing is in flight."""
        if not self._other_may_be_tried(now_mono):
            return False
        return idle or now_mono - self._due_mono > self._idle_within_s

    def choose(self, now_mono: float) -> Mqtt:
        """For the attempt that begins now."""
        self.check_files(now_mono)
        refused_only = self._refused and self._other is not None and not self._postponed(now_mono)
        self._shown_other = self._other_may_be_tried(now_mono) or refused_only
        slot = self._other if self._shown_other and self._other is not None else self.in_force
        self._shown = fingerprint(slot)
        return slot

    def connected(self, now_mono: float) -> None:
        """The broker has let in what ``choose`` gave."""
        self._refused = False
        if not self._shown_other:
            self._store_proven(self._shown)
            return
        self._shown_other = False
        self._store_proven(self._shown)
        # The files may have changed since ``choose``: what is there now is in force only if it was shown.
        was_in_force = self._next_is_in_force
        self._next_is_in_force = self._next is not None and fingerprint(self._next) == self._shown
        if self._next_is_in_force:
            self.notice, self._refusals = None, 0
            log.info("mqtt: the next certificate is in force, the broker has let it in")
        elif was_in_force:
            self._postpone("the broker does not let in the next certificate any more", now_mono)

    def failed(self, trouble: ConnectError, now_mono: float) -> bool:
        """That attempt was no success. Returns whether to go back to the slot in force at once."""
        blamed = trouble.kind in CERTIFICATE_ERRORS
        if not self._shown_other:
            self._refused = blamed
            return False
        self._shown_other = self._refused = False
        if self._next_is_in_force:
            return False  # the first slot was the way out, and was none
        if blamed:
            self._postpone(trouble.text, now_mono)
        else:
            self._due_mono = now_mono + SOON_S
        return True

    # --- inside ---

    @property
    def _other(self) -> Mqtt | None:
        """The slot that is not in force, if there is one that can work."""
        if self._next_is_in_force:
            return self._first
        return self._next if self._usable else None

    @property
    def _faulty(self) -> bool:
        return self._next is not None and not self._next_is_in_force and not self._usable

    def _other_may_be_tried(self, now_mono: float) -> bool:
        """By itself, though nothing is wrong: only forward."""
        return not self._next_is_in_force and self._other is not None and now_mono >= self._due_mono

    def _postponed(self, now_mono: float) -> bool:
        return not self._next_is_in_force and self._refusals > 0 and now_mono < self._due_mono

    def _examine_next(self, now_mono: float) -> None:
        self._next, self._usable, self._refusals, self.notice = next_slot(self._first), False, 0, None
        self._next_is_in_force = self._next is not None and fingerprint(self._next) == self._proven
        if self._next is None or self._next_is_in_force:
            return
        fault = find_fault(self._next, self._first, self._gateway, self._clock_trusted())
        if fault is not None:
            self.notice = f"the next certificate is not used: {fault}"
            log.warning("mqtt: %s; the old one stays in force", self.notice)
            return
        self._usable = True
        self._due_mono = now_mono + self._uniform(0.0, SPREADS * self._first.spread_s)
        in_s = self._due_mono - now_mono
        log.info("mqtt: there is a next certificate, it is tried in %.0f s", in_s)

    def _postpone(self, why: str, now_mono: float) -> None:
        rest_s = min(LONGEST_REST_S, FIRST_REST_S * 2.0**self._refusals)
        self._refusals = min(self._refusals + 1, 10)
        self._due_mono, self._usable = now_mono + rest_s, True
        hours = f"{rest_s / 3600:.0f} h"
        self.notice = f"the next certificate is not in force: {why}; the old one is, next try in {hours}"
        log.warning("mqtt: %s", self.notice)

    def _store_proven(self, shown: str) -> None:
        if shown == self._proven:
            return
        self._proven = shown
        if self._record_file is not None:
            write_record(self._record_file, ProvenCertificate(shown))
