"""Counts failed logins at cameras, in one file for the agent and ``edge-agent doctor`` together.

Cameras lock an account after a few wrong passwords (usually five within half an hour), also for the recorder
and the people who use it. So a password that a camera refuses is sent to it at most twice within an hour,
whichever program sends it and however often it is started. Each password has its own count.

``onvif.logins`` counts for ``edge-agent cameras``, by camera. Operators correct a login with that command, so
failed logins of the agent must not block it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from edge_agent.capture.failures import Fault
from edge_agent.capture.source import FrameSource, StreamTimeouts, open_source
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock
from edge_agent.core.errors import CaptureError, SourceRejected
from edge_agent.core.model import Cause
from edge_agent.core.secrets import Credentials
from edge_agent.core.state_file import read_record, write_record

FILE = "stream-logins.json"
MAX_FAILED_LOGINS = 2
WITHIN_S = 3600.0
REMEMBERED = 256


class _Failed(msgspec.Struct, frozen=True):
    login: str  # which camera, user and password: see _name
    at: float  # seconds since 1970


class _Record(msgspec.Struct, frozen=True):
    salt: str
    failed: list[_Failed] = []


class LimitedLogins:
    """``open`` is ``opening.open_source`` with a limit on failed logins. Safe for threads and processes."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self._state_dir = state_dir
        self._clock = clock

    def open(
        self,
        camera: Camera,
        clock: Clock,
        wait: Callable[[float], bool],
        limits: StreamTimeouts,
        *,
        repeat: bool = False,
    ) -> FrameSource:
        """Raises ``CaptureError``; where the limit is reached, SourceRejected without connecting."""
        if camera.credentials is None:
            return open_source(camera, clock, wait, limits, repeat=repeat)
        host = urllib.parse.urlsplit(camera.url).hostname or ""
        reserved = self._reserve(camera.id, host, camera.credentials)
        try:
            source = open_source(camera, clock, wait, limits, repeat=repeat)
        except CaptureError as error:
            # To a camera that offers Basic only, the password was not sent: that is not counted.
            refused = error.detail == Fault.WRONG_LOGIN.detail
            if refused and not reserved:
                self._count(host, camera.credentials)
            elif reserved and not refused:
                self._forget(host, camera.credentials, most=1)
            raise
        if reserved:
            self._forget(host, camera.credentials, most=MAX_FAILED_LOGINS)
        return source

    def _reserve(self, camera_id: str, host: str, credentials: Credentials) -> bool:
        """Count the attempt before it is made, if this login has failed before; returns whether it has.

        So two programs cannot both make the last attempt. Without an earlier failure nothing is written."""
        if not (self._state_dir / FILE).exists():
            return False
        with self._locked() as record:
            if not self._recent(record):
                return False  # before ``_name``, which is slow on purpose
            login = _name(record.salt, host, credentials)
            failed = sum(each.login == login for each in self._recent(record))
            if failed >= MAX_FAILED_LOGINS:
                detail = (
                    f"wrong user name or password; not tried again within an hour of the "
                    f"{MAX_FAILED_LOGINS} failed logins, or with another password at once"
                )
                raise SourceRejected(camera_id, Cause.UNAUTHORIZED, detail)
            if failed:
                self._write(record, [*self._recent(record), _Failed(login, self._now())])
            return failed > 0

    def _count(self, host: str, credentials: Credentials) -> None:
        with self._locked() as record:
            login = _name(record.salt, host, credentials)
            self._write(record, [*self._recent(record), _Failed(login, self._now())])

    def _forget(self, host: str, credentials: Credentials, most: int) -> None:
        """Delete the newest counted failures: the camera did not refuse the password."""
        with self._locked() as record:
            login, failed = _name(record.salt, host, credentials), self._recent(record)
            mine = [at for at, each in enumerate(failed) if each.login == login][-most:]
            self._write(record, [each for at, each in enumerate(failed) if at not in mine])

    def _recent(self, record: _Record) -> list[_Failed]:
        """Failures within an hour of now, before or after it, so that none stays for ever when the clock is
        set back."""
        now = self._now()
        return [each for each in record.failed if abs(now - each.at) < WITHIN_S]

    def _write(self, record: _Record, failed: list[_Failed]) -> None:
        write_record(self._state_dir / FILE, _Record(record.salt, failed[-REMEMBERED:]))

    def _now(self) -> float:
        return self._clock.now().timestamp()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[_Record]:
        """Yield the content of the file, locked against other programs. If the folder cannot be locked, the
        camera is opened without a lock."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                handle = os.open(self._state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                stack.callback(os.close, handle)
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield read_record(self._state_dir / FILE, _Record) or _Record(os.urandom(16).hex())


def _name(salt: str, host: str, credentials: Credentials) -> str:
    """A hash of host, user and password. Testing one guess of the password costs some 50 ms and 16 MB."""
    text = "\0".join((host.lower(), credentials.username, credentials.password.reveal()))
    return hashlib.scrypt(text.encode(), salt=bytes.fromhex(salt), n=1 << 14, r=8, p=1, dklen=16).hex()
