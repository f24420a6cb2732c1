"""The two slots of certificates: which one the next connection uses, and when a new one is tried.

The first slot is the files that ``mqtt`` names in the configuration. The next slot is the folder ``next``
beside ``mqtt.cert_file``, with files of the same names; a file that it lacks is used from the first slot.
The first slot stays in force until the broker has accepted the next one. Then root moves the files of the
next slot over those of the first, one by one; the certificate in use is the same before, during and after the
move. See docs/design/certificates.md.
"""

from __future__ import annotations

import hashlib
import logging
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from msgspec import Struct

from edge_agent.config.model.settings import Mqtt
from edge_agent.core.problems import problem_text
from edge_agent.core.state_file import read_record, write_record
from edge_agent.mqtt.connect_errors import ConnectError, ConnectErrorKind
from edge_agent.mqtt.tls.certificates import find_fault

log = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
SPREADS = 20.0
"""A new slot is tried after a random time of up to this many times ``mqtt.spread_s``: ten minutes by default.
There is no hurry, and one command may have renewed a whole city."""
IDLE_WITHIN_S = 60.0  # how long to wait for a moment in which nothing is in flight
FIRST_RETRY_S, MAX_RETRY_S = 3600.0, 86_400.0
"""Delay after a refusal, doubling each time: each try costs a reconnect."""
SOON_S = 60.0  # delay after a try that failed because of the network and not because of the certificate

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
"""Errors that another certificate or CA may cure."""


NEXT_FOLDER = "next"
PROVEN_FILE = "certificates.json"
"""In the state directory; root's program reads it too (ansible/roles/pki/files/edge_certificates.py)."""


class ProvenCertificate(Struct, frozen=True):
    """A record on disk. ``proven``: fingerprint of the slot that the broker last accepted."""

    proven: str = ""


def next_slot(first: Mqtt) -> Mqtt | None:
    """Return ``first`` with the files of the next slot; None without one or if both have the same content."""
    if first.cert_file is None:
        return None
    folder = first.cert_file.parent / NEXT_FOLDER

    def of(path: Path | None) -> Path | None:
        beside = None if path is None else folder / path.name
        return beside if beside is not None and os.path.isfile(beside) else path

    found = replace(
        first, ca_file=of(first.ca_file), cert_file=of(first.cert_file), key_file=of(first.key_file)
    )
    return None if found == first or fingerprint(found) == fingerprint(first) else found


def certificate_in_force(first: Mqtt, state_dir: Path) -> Mqtt:
    """Return the slot with which an agent would connect; for programs that only read."""
    found, note = next_slot(first), read_record(state_dir / PROVEN_FILE, ProvenCertificate)
    return found if found is not None and note is not None and note.proven == fingerprint(found) else first


def fingerprint(slot: Mqtt) -> str:
    """Return a digest of a slot's certificate and CA. The key is not read: only one fits the certificate."""
    digest = hashlib.sha256()
    for path in (slot.cert_file, slot.ca_file):
        try:
            content = b"" if path is None else path.read_bytes()
        except OSError:
            content = b""
        digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()


def file_stamps(first: Mqtt) -> tuple[object, ...]:
    """Return a value that changes with every change of a file in either slot; takes a few microseconds."""
    return tuple(_stamps(first))


def _stamps(first: Mqtt) -> Iterator[object]:
    for path in (first.ca_file, first.cert_file, first.key_file):
        for each in () if path is None else (path, path.parent / NEXT_FOLDER / path.name):
            try:
                found = os.stat(each)
                yield found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
            except OSError as error:
                yield error.errno


class CertificateRotation:
    """Chooses the certificate slot of each connection attempt, on the publisher's thread. Any thread may read
    ``notice`` and ``in_force``.

    ``state_dir``: where the last accepted slot is recorded; None: it is not recorded, and every start begins
    with the first slot.
    """

    def __init__(
        self,
        first: Mqtt,
        gateway: str,
        state_dir: Path | None = None,
        clock_trusted: Callable[[], bool] = lambda: True,
        idle_within_s: float = IDLE_WITHIN_S,
    ) -> None:
        self.notice: str | None = None  # why the next slot is not in force, one sentence for people
        self._first = first
        self._gateway = gateway
        self._record_file = None if state_dir is None else state_dir / PROVEN_FILE
        self._clock_trusted = clock_trusted
        self._idle_within_s = idle_within_s
        record = None if self._record_file is None else read_record(self._record_file, ProvenCertificate)
        self._proven = "" if record is None else record.proven
        self._next: Mqtt | None = None
        self._next_is_in_force = False
        self._usable = False  # the next slot has no fault that is visible without a broker
        self._due_mono = 0.0  # when the slot that is not in force may be tried
        self._refusals = 0
        self._refused = False  # the broker refused the slot in force when it was last used
        self._tries_other = False  # the latest attempt uses the slot that is not in force
        self._shown_fingerprint = fingerprint(first)
        self._seen: tuple[object, ...] = ()
        self._judged_mono = 0.0
        self._checked_mono: float | None = None

    @property
    def in_force(self) -> Mqtt:
        return self._next if self._next_is_in_force and self._next is not None else self._first

    def check_files(self, now_mono: float) -> None:
        """Examine the next slot again if files have changed; cheap, so it may be called often."""
        if self._first.cert_file is None:
            return
        if self._checked_mono is not None and now_mono - self._checked_mono < CHECK_EVERY_S:
            return
        self._checked_mono = now_mono
        seen = file_stamps(self._first)
        # A certificate that is not yet valid may become valid, and the clock may be set.
        faulty = self._next is not None and not self._next_is_in_force and not self._usable
        again = faulty and now_mono - self._judged_mono >= FIRST_RETRY_S
        if seen != self._seen or again:
            self._seen, self._judged_mono = seen, now_mono
            self._examine_next(now_mono)

    def wants_change(self, now_mono: float, idle: bool) -> bool:
        """Whether the session should end now, so that the next attempt uses the other slot.

        ``idle``: nothing is in flight.
        """
        if not self._other_may_be_tried(now_mono):
            return False
        return idle or now_mono - self._due_mono > self._idle_within_s

    def choose(self, now_mono: float) -> Mqtt:
        """Return the slot for the attempt that begins now."""
        self.check_files(now_mono)
        postponed = not self._next_is_in_force and self._refusals > 0 and now_mono < self._due_mono
        refused_only = self._refused and self._other is not None and not postponed
        self._tries_other = self._other_may_be_tried(now_mono) or refused_only
        slot = self._other if self._tries_other and self._other is not None else self.in_force
        self._shown_fingerprint = fingerprint(slot)
        return slot

    def connected(self, now_mono: float) -> None:
        """Note that the broker accepted the slot that ``choose`` returned."""
        tried_other, self._refused, self._tries_other = self._tries_other, False, False
        self._store_proven(self._shown_fingerprint)
        if not tried_other:
            return
        # The files may have changed since ``choose``: those on disk are in force only if they were used.
        was_in_force = self._next_is_in_force
        self._next_is_in_force = self._next is not None and fingerprint(self._next) == self._shown_fingerprint
        if self._next_is_in_force:
            self.notice, self._refusals = None, 0
            log.info("mqtt: the next certificate is in force, the broker has accepted it")
        elif was_in_force:
            self._postpone(problem_text("next-certificate-refused"), now_mono)

    def failed(self, error: ConnectError, now_mono: float) -> bool:
        """Note that the attempt failed. Returns whether to retry at once with the slot in force."""
        blamed = error.kind in CERTIFICATE_ERRORS
        if not self._tries_other:
            self._refused = blamed
            return False
        self._tries_other = self._refused = False
        if self._next_is_in_force:
            return False  # the first slot was the fallback, and it failed too
        if blamed:
            self._postpone(error.text, now_mono)
        else:
            self._due_mono = now_mono + SOON_S
        return True

    @property
    def _other(self) -> Mqtt | None:
        """The slot that is not in force, if there is one that can work."""
        if self._next_is_in_force:
            return self._first
        return self._next if self._usable else None

    def _other_may_be_tried(self, now_mono: float) -> bool:
        """Whether it is time to try the next slot while the first works; False while the next is in force."""
        return not self._next_is_in_force and self._other is not None and now_mono >= self._due_mono

    def _examine_next(self, now_mono: float) -> None:
        self._next, self._usable, self._refusals, self.notice = next_slot(self._first), False, 0, None
        self._next_is_in_force = self._next is not None and fingerprint(self._next) == self._proven
        if self._next is None or self._next_is_in_force:
            return
        fault = find_fault(self._next, self._first, self._gateway, self._clock_trusted())
        if fault is not None:
            self.notice = problem_text("next-certificate-unused", why=fault)
            log.warning("mqtt: %s; the old one stays in force", self.notice)
            return
        self._usable = True
        self._due_mono = now_mono + random.uniform(0.0, SPREADS * self._first.spread_s)
        in_s = self._due_mono - now_mono
        log.info("mqtt: found the next certificate; connecting with it in %.0f s", in_s)

    def _postpone(self, why: str, now_mono: float) -> None:
        delay_s = min(MAX_RETRY_S, FIRST_RETRY_S * 2.0**self._refusals)
        self._refusals = min(self._refusals + 1, 10)
        self._due_mono, self._usable = now_mono + delay_s, True
        hours = round(delay_s / 3600)
        self.notice = problem_text("next-certificate-waits", why=why, hours=hours)
        log.warning("mqtt: %s", self.notice)

    def _store_proven(self, shown: str) -> None:
        if shown == self._proven:
            return
        self._proven = shown
        if self._record_file is not None:
            write_record(self._record_file, ProvenCertificate(shown))
