"""Limits failed logins at cameras, with one journal for all programs of the gateway.

Cameras lock an account after a few wrong passwords (Hikvision after five, by its manual), also for the
recorder and the people who use it. So the agent, ``doctor``, ``cameras`` and every other program count failed
logins in ``camera-logins.json`` in the state directory:

- A password that a camera refuses is sent to it at most twice an hour, over any interface of the camera.
- Another password of the same user is tried at once, until four logins of that user have failed in an hour.
- A password that the camera accepted over an interface is not limited there until it is refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import math
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct, structs

from edge_agent.core.clock import Clock
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.problems import problem_text
from edge_agent.core.secrets import Credentials
from edge_agent.core.state_file import read_record, write_record

FILE = "camera-logins.json"
MAX_OF_PASSWORD = 2
MAX_OF_USER = 4
"""One less than the number of wrong passwords after which Hikvision locks an account."""
WITHIN_S = 3600.0
REMEMBERED = 256
UNANSWERED_S = 30.0
"""A login that has no answer for longer counts as refused: the program that sent it was killed."""
PATIENCE_S = 5.0
POLL_S = 0.05


class LoginsUsedUp(CameraSetupError):
    """No login is allowed now, because another failure could lock the camera's account; nothing was sent.
    ``next_s``: seconds until the next login is allowed; ``code``: code of the message."""

    def __init__(self, code: str, host: str, user: str, logins: int, next_s: float) -> None:
        self.code = code
        self.next_s = next_s
        figures = {"host": host, "user": repr(user), "logins": logins, "minutes": math.ceil(next_s / 60)}
        super().__init__(problem_text(code, **figures))


class _Failure(Struct, frozen=True):
    """A login that was refused, or whose answer is not known yet."""

    host: str
    user: str
    login: str  # a hash of camera, user and password: see ``LoginJournal.login_id``
    form: str
    boot_id: str
    mono: float  # seconds since the boot ``boot_id``
    pending: bool = False  # True: no answer has come yet


class _Accepted(Struct, frozen=True):
    login: str
    form: str


class _Record(Struct, frozen=True):
    salt: Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?$")] = ""  # the file may be damaged
    failed: list[_Failure] = []
    accepted: list[_Accepted] = []


@dataclass(slots=True)
class _Entries:
    """The content of the journal while it is locked; failures of the last hour only."""

    salt: str
    failed: list[_Failure]
    accepted: list[_Accepted]


class LoginJournal:
    """The journal in ``state_dir``. Safe for threads and processes. Without ``state_dir``, or if it cannot
    be written, only this object remembers failures."""

    def __init__(
        self, state_dir: Path | None, clock: Clock, boot_id: str, patience_s: float = PATIENCE_S
    ) -> None:
        """``patience_s``: how long ``begin`` waits for the answers to other logins with the same user or
        password, such as those at a recorder's other cameras."""
        self.patience_s = patience_s
        self._path = None if state_dir is None else state_dir / FILE
        self._clock = clock
        self._boot_id = boot_id
        self._lock = threading.Lock()  # protects the attributes below, and the file from other threads
        self._unwritten: _Record | None = None
        self._ids: dict[tuple[str, str, Credentials], str] = {}

    @property
    def remembers(self) -> bool:
        """Whether the journal is written, so that other programs see the failures."""
        return self._path is not None and os.access(self._path.parent, os.W_OK, effective_ids=True)

    def login(self, host: str, credentials: Credentials, form: str) -> CameraLogin:
        """Return a login at one interface of a camera; it counts from ``begin`` on. ``form``: how the
        credentials are sent, such as ``stream`` or ``digest /ISAPI``."""
        return CameraLogin(self, host.lower(), credentials, form)

    def failure(self, login: CameraLogin, login_id: str, *, pending: bool) -> _Failure:
        now_mono = self._clock.monotonic()
        return _Failure(login.host, login.user, login_id, login.form, self._boot_id, now_mono, pending)

    def is_pending(self, failure: _Failure) -> bool:
        """Return whether the answer to this login may still come."""
        return failure.pending and self._age_s(failure) < UNANSWERED_S

    def login_id(self, salt: str, host: str, credentials: Credentials) -> str:
        """Return a hash of host, user and password. The hash is slow on purpose: testing one guess of a
        password costs some 50 ms and 16 MB."""
        key = (salt, host, credentials)
        if key not in self._ids:
            if len(self._ids) >= REMEMBERED:
                self._ids.clear()
            text = "\0".join((host, credentials.username, credentials.password.reveal())).encode()
            digest = hashlib.scrypt(text, salt=bytes.fromhex(salt), n=1 << 14, r=8, p=1, dklen=16)
            self._ids[key] = digest.hex()
        return self._ids[key]

    def next_s(self, failed: Sequence[_Failure], limit: int) -> float:
        """Return the seconds until fewer than ``limit`` failures lie in the last hour; 0: fewer do now."""
        if len(failed) < limit:
            return 0.0
        return WITHIN_S - sorted(self._age_s(each) for each in failed)[limit - 1]

    @contextlib.contextmanager
    def opened(self) -> Iterator[_Entries]:
        """Yield the entries, locked against other threads and programs. Changes are stored at the end."""
        with self._lock, contextlib.ExitStack() as stack:
            if self._path is not None:
                # If the folder cannot be locked, it cannot be written either.
                with contextlib.suppress(OSError):
                    handle = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                    stack.callback(os.close, handle)
                    fcntl.flock(handle, fcntl.LOCK_EX)
            before = self._read()
            recent = [each for each in before.failed if self._age_s(each) < WITHIN_S]
            entries = _Entries(before.salt or os.urandom(16).hex(), [*recent], [*before.accepted])
            yield entries
            if (entries.failed, entries.accepted) != (recent, before.accepted):
                failed, accepted = entries.failed[-REMEMBERED:], entries.accepted[-REMEMBERED:]
                self._store(_Record(entries.salt, failed, accepted))

    def _read(self) -> _Record:
        if self._unwritten is not None or self._path is None:
            return self._unwritten or _Record()
        return read_record(self._path, _Record) or _Record()

    def _store(self, record: _Record) -> None:
        written = self._path is not None and write_record(self._path, record)
        self._unwritten = None if written else record

    def _age_s(self, failure: _Failure) -> float:
        # The monotonic clock restarts at a boot: a failure in an earlier one is at least as old as this boot.
        began_mono = failure.mono if failure.boot_id == self._boot_id else 0.0
        return self._clock.monotonic() - began_mono


class CameraLogin:
    """One login. Call ``begin`` before the credentials are sent, then ``accepted``, ``refused`` or
    ``cancel``. For one thread."""

    def __init__(self, journal: LoginJournal, host: str, credentials: Credentials, form: str) -> None:
        self.host = host
        self.user = credentials.username
        self.form = form
        self._journal = journal
        self._credentials = credentials
        self._is_accepted = False
        self._begun: _Failure | None = None

    def begin(self) -> None:
        """Count the login as failed before it is sent: it counts even if the program is killed, and two
        programs cannot both make the last attempt. Blocks for up to ``patience_s`` while the limit is reached
        only because logins have no answer yet. Raises ``LoginsUsedUp``: send nothing."""
        pause, waited_s = threading.Event(), 0.0  # never set: it only makes the thread sleep
        while not self._try_to_begin(is_last=waited_s >= self._journal.patience_s):
            pause.wait(POLL_S)
            waited_s += POLL_S

    def _try_to_begin(self, *, is_last: bool) -> bool:
        """Return whether to send the login; False: another has no answer yet. Raises ``LoginsUsedUp``."""
        if self._is_accepted:
            return True
        with self._journal.opened() as entries:
            login_id = self._login_id(entries)
            if _Accepted(login_id, self.form) in entries.accepted:
                self._is_accepted = True
                return True
            answered = [each for each in entries.failed if not self._journal.is_pending(each)]
            self._check(answered, login_id)
            try:
                self._check(entries.failed, login_id)
            except LoginsUsedUp:
                if is_last:
                    raise
                return False
            self._begun = self._journal.failure(self, login_id, pending=True)
            entries.failed.append(self._begun)
        return True

    def accepted(self) -> None:
        """Note that this interface accepted the password: forget its failures, limit it no longer."""
        if self._is_accepted or self._begun is None:
            return
        self._begun, self._is_accepted = None, True
        with self._journal.opened() as entries:
            accepted = _Accepted(self._login_id(entries), self.form)
            mine = (accepted.login, accepted.form)
            entries.failed = [each for each in entries.failed if (each.login, each.form) != mine]
            entries.accepted.append(accepted)

    def refused(self) -> None:
        """Count the login as refused. A password that was accepted before is limited again."""
        begun, self._begun, self._is_accepted = self._begun, None, False
        with self._journal.opened() as entries:
            accepted = _Accepted(self._login_id(entries), self.form)
            entries.accepted = [each for each in entries.accepted if each != accepted]
            failure = begun or self._journal.failure(self, accepted.login, pending=False)
            entries.failed = [each for each in entries.failed if each != begun]
            entries.failed.append(structs.replace(failure, pending=False))

    def cancel(self) -> None:
        """Remove the login from the journal: the camera has not judged the password."""
        if self._begun is None:
            return
        begun, self._begun = self._begun, None
        with self._journal.opened() as entries:
            if begun in entries.failed:
                entries.failed.remove(begun)

    def _check(self, failed: Sequence[_Failure], login_id: str) -> None:
        of_password = [each for each in failed if each.login == login_id]
        of_user = [each for each in failed if (each.host, each.user) == (self.host, self.user)]
        limits = (
            ("logins-of-user-failed", of_user, MAX_OF_USER),
            ("logins-failed", of_password, MAX_OF_PASSWORD),
        )
        for code, counted, limit in limits:
            next_s = self._journal.next_s(counted, limit)
            if next_s > 0:
                raise LoginsUsedUp(code, self.host, self.user, len(counted), next_s)

    def _login_id(self, entries: _Entries) -> str:
        return self._journal.login_id(entries.salt, self.host, self._credentials)
