"""Small JSON files in the state directory that survive a power cut in the middle of a write.

Root may read and write in the agent's folder (``check``, ``doctor``): only plain files are read, symbolic
links are never followed, and new files belong to the agent's user.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from edge_agent.core.problems.problem import encode_json

log = logging.getLogger(__name__)

DISK_TIMEOUT_S = 10.0
MAIN_DISK_TIMEOUT_S = 1.0
"""Longest wait for the disk on the main thread, which feeds the watchdog and must stop within 2 s."""
REPEAT_S = 3600.0  # between two log lines about the same failure of one file
MAX_FAILURES = 256
_failures: dict[Path, tuple[str, float]] = {}
"""Files whose last write failed: why, and the monotonic time of the log line about it."""
_waiting: set[threading.Thread] = set()  # threads with work that the disk has not finished

Record = TypeVar("Record", bound=msgspec.Struct)

MAX_BYTES = 16 << 20  # size limit of a file that is read whole; the agent's largest file is below 1 MB


def read_bounded(path: Path) -> bytes:
    """Return the bytes of a plain file. Raises OSError for anything else and for more than MAX_BYTES.

    A user with write access to the folder could put a named pipe there, and opening it would block for ever.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    with os.fdopen(handle, "rb") as file:
        if found.st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, "too large", str(path))
        return file.read(found.st_size)  # exactly the size: ``read`` allocates its limit at once


def read_record(path: Path, kind: type[Record]) -> Record | None:
    """Read the last record. Returns None without a file, or if it cannot be read, which is logged."""
    try:
        return msgspec.json.decode(read_bounded(path), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("%s cannot be read (%s), starting without it", path, error)
        return None


def write_record(path: Path, record: msgspec.Struct) -> bool:
    """Replace the file atomically and durably; on failure, log it and return False.

    Blocks for one fsync: callers write at most every few minutes.
    """
    content, written, given_up = encode_json(record), False, threading.Event()

    def write() -> None:
        nonlocal written
        written = _write(path, content, given_up)

    if not run_with_timeout(write):
        given_up.set()  # the caller reports a failure: the file must not change when the disk answers again
        _log_failure(path, "the disk does not answer")
        return False
    if written and _failures.pop(path, None) is not None:
        log.warning("%s is written again", path)
    return written


def run_with_timeout(work: Callable[[], None]) -> bool:
    """Run ``work`` on a thread and wait for it. Returns False when the disk takes too long, and raises what
    ``work`` raises.

    After a timeout the thread continues; until it ends, further calls return False at once.
    """
    _waiting.intersection_update([thread for thread in tuple(_waiting) if thread.is_alive()])
    if _waiting:
        return False
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # raised to the caller below
            failures.append(error)

    thread = threading.Thread(target=run, name="state-file", daemon=True)
    thread.start()
    is_main = threading.current_thread() is threading.main_thread()
    thread.join(MAIN_DISK_TIMEOUT_S if is_main else DISK_TIMEOUT_S)
    if thread.is_alive():
        _waiting.add(thread)
        return False
    if failures:
        raise failures[0]
    return True


def _write(path: Path, content: bytes, given_up: threading.Event) -> bool:
    try:
        replace_file(path, content, 0o666, given_up)
    except OSError as error:
        _log_failure(path, error.strerror or str(error))
        return False
    return True


def _log_failure(path: Path, why: str) -> None:
    """Log a failed write, the same one again only after ``REPEAT_S``: some callers try every 30 seconds."""
    before, now_mono = _failures.get(path), time.monotonic()
    if before is not None and before[0] == why and now_mono - before[1] < REPEAT_S:
        return
    if len(_failures) >= MAX_FAILURES:  # names of commands never end
        _failures.clear()
    _failures[path] = why, now_mono
    log.warning("%s cannot be written (%s), it will be forgotten at the next start", path, why)


def make_folder(state_dir: Path) -> None:
    """Create the state directory. A failure is only logged: the agent continues with its outbox in memory."""
    try:
        state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        log.error(
            "state_dir %s cannot be used (%s): nothing is kept over a restart", state_dir, error.strerror
        )


def run_folder() -> Path | None:
    """Return systemd's run directory for this unit; None without systemd."""
    name = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(name) if name else None


def folder_digest(state_dir: Path) -> str:
    """Return a text unique to a state directory, for file names outside it: a user may run several agents."""
    return hashlib.sha256(os.fsencode(state_dir.absolute())).hexdigest()[:12]


def create_file(path: Path, flags: int, mode: int) -> int:
    """Create a file and return its handle; it belongs to the owner of its folder, even if root creates it.

    Raises ``FileExistsError`` if the name exists, also as a link, and other ``OSError``.
    """
    handle = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):  # some file systems have no owners
            owner = path.parent.stat()
            os.fchown(handle, owner.st_uid, owner.st_gid)
    return handle


def replace_file(path: Path, content: bytes, mode: int, given_up: threading.Event | None = None) -> None:
    """Replace a file in one step: after a power cut it has the old or the new content. Raises OSError, also
    if ``given_up`` was set while the disk did not answer."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        with os.fdopen(create_file(temporary, os.O_WRONLY, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if given_up is not None and given_up.is_set():
            raise TimeoutError(errno.ETIMEDOUT, "the disk did not answer in time")
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the entries of the folder's files durable. Raises ``OSError``."""
    # POSIX: the entry of a new file is durable only when its folder was synced too.
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
