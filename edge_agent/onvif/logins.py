"""Limits logins at a camera to two, because cameras lock accounts for half an hour.

A *login* is a request with credentials that the camera has not yet accepted in that form, or that it refuses.
It is recorded before the request is sent, so that it counts even when the run is killed. An accepted form is
forgotten at the end of the run. A login that was refused or not answered counts for an hour, for all runs.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from edge_agent.core.clock import Clock
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.problems import problem_text
from edge_agent.core.state_file import create_file, read_record, write_record

log = logging.getLogger(__name__)

MOST = 2
WINDOW_S = 3600.0
FILE = "camera-logins.json"


class LoginsUsedUp(CameraSetupError):
    """Another login could lock the camera's account. Nothing was sent."""


class _Attempt(Struct, frozen=True):
    boot_id: str
    mono: float


class _Attempts(Struct, frozen=True):
    hosts: dict[str, list[_Attempt]]


class LoginLedger:
    """Counts logins for each camera. One thread uses one camera; several runs may share ``path``. Without
    ``path``, or where it cannot be written, failures are not remembered for the next run."""

    def __init__(self, path: Path | None, clock: Clock, boot_id: str) -> None:
        self._path = path
        self._clock = clock
        self._boot_id = boot_id
        self._in_run: Counter[str] = Counter()
        self._accepted: dict[tuple[str, str], bool] = {}
        self._in_memory: dict[str, list[_Attempt]] = {}

    @property
    def remembers(self) -> bool:
        return self._path is not None and os.access(self._path.parent, os.W_OK)

    def begin(self, host: str, method: str) -> None:
        """Record a login before each request with credentials. ``method``: how they are sent, such as
        ``digest /ISAPI``. Raises ``LoginsUsedUp``; then the request must not be sent."""
        if self._accepted.get((host, method)):
            return
        with self._recent_failures() as hosts:
            earlier = len(hosts.get(host, ()))
            if self._in_run[host] >= MOST:
                raise LoginsUsedUp(problem_text("logins-used-up", host=host, logins=MOST))
            if earlier >= MOST:
                raise LoginsUsedUp(problem_text("logins-failed", host=host, logins=earlier))
            self._in_run[host] += 1
            self._record(hosts, host)

    def accepted(self, host: str, method: str) -> None:
        if self._accepted.get((host, method)):
            return
        self._accepted[host, method] = True
        with self._recent_failures() as hosts:
            if hosts.get(host):
                hosts[host].pop()

    def refused(self, host: str, method: str) -> None:
        """Count a refused login with a method that the camera accepted before; the camera counts it as
        well."""
        if self._accepted.pop((host, method), False):
            self._in_run[host] += 1
            with self._recent_failures() as hosts:
                self._record(hosts, host)

    def _record(self, hosts: dict[str, list[_Attempt]], host: str) -> None:
        hosts.setdefault(host, []).append(_Attempt(self._boot_id, self._clock.monotonic()))

    @contextmanager
    def _recent_failures(self) -> Iterator[dict[str, list[_Attempt]]]:
        """Failed logins of the last hour by host. Changes to the mapping are saved at the end, for later runs
        if possible."""
        path = self._path
        lock = _locked(path) if path is not None and self.remembers else None
        if path is None or lock is None:
            yield self._in_memory
            return
        try:
            record = read_record(path, _Attempts)
            before = {} if record is None else record.hosts
            hosts = {host: [a for a in attempts if self._counts(a)] for host, attempts in before.items()}
            yield hosts
            left = {host: attempts for host, attempts in hosts.items() if attempts}
            if left != before:
                write_record(path, _Attempts(left))
        finally:
            os.close(lock)

    def _counts(self, attempt: _Attempt) -> bool:
        # Attempts of another boot have no comparable time; they were before this boot.
        since_mono = attempt.mono if attempt.boot_id == self._boot_id else 0.0
        return self._clock.monotonic() - since_mono < WINDOW_S


def _locked(path: Path) -> int | None:
    """Open and lock the file, and return the handle, which holds the lock until it is closed. None if there
    is no lock; the reason is logged."""
    lock_path = path.with_name(f".{path.name}.lock")
    lock = None
    try:
        try:
            lock = create_file(lock_path, os.O_RDONLY, 0o600)
        except FileExistsError:
            # Read only, so that the agent's user can use a lock file that root created.
            lock = os.open(lock_path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        if lock is not None:
            os.close(lock)
        log.warning("%s: no lock (%s), failed logins are not remembered", lock_path, error.strerror)
        return None
    return lock
