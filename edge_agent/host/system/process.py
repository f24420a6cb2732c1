"""Controls the agent's own process: signals, the time of a stop, its user, its memory."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import mmap
import os
import pwd
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from edge_agent.core.clock import Clock
from edge_agent.core.state_file import folder_digest

log = logging.getLogger(__name__)


def stop_on_signals(reload: threading.Event | None = None, *, second_ends: bool = True) -> threading.Event:
    """Return an event that SIGTERM and SIGINT set.

    A second signal ends the process at once, unless ``second_ends`` is False, for programs that must end
    their children first. SIGHUP sets ``reload``; without ``reload``, or when the controlling terminal was
    closed, it stops the process like the others.

    Call it on the main thread, before anything that takes time. Python runs signal handlers on the main
    thread only: not while that thread waits for a disk that hangs, and possibly while it holds the lock of
    this event. So Python writes each signal's number into a pipe, and the thread ``signals`` reads it.
    """
    stop = threading.Event()
    stop_requested = False  # the agent may have set ``stop`` itself: then the next signal is the first
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    had_terminal = _has_terminal()

    def stops(number: int) -> bool:
        return number != signal.SIGHUP or reload is None or (had_terminal and not _has_terminal())

    def obey(number: int) -> None:
        nonlocal stop_requested
        if not stops(number):
            assert reload is not None
            reload.set()
        elif stop_requested and second_ends:
            os._exit(128 + number)
        else:
            stop_requested = True
            stop.set()

    def listen() -> None:
        while numbers := os.read(read_end, 64):
            for number in numbers:
                obey(number)

    threading.Thread(target=listen, name="signals", daemon=True).start()
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _ignore)
    return stop


def limit_stop_time(
    stop: threading.Event, within_s: float, code: Callable[[], int], hasten: Callable[[], None] = lambda: None
) -> threading.Event:
    """End the process ``within_s`` after ``stop``, even while a thread waits for a disk that hangs.

    ``hasten`` is called at ``stop``, on a thread of its own. The caller sets the returned event when the stop
    is complete; the process is then not ended here. ``code`` returns the exit code.
    """
    ended = threading.Event()

    def watch() -> None:
        stop.wait()
        hasten()
        if not ended.wait(within_s):
            log.critical("the stop takes longer than %s s: the process ends before it is complete", within_s)
            os._exit(code())

    threading.Thread(target=watch, name="stop-limit", daemon=True).start()
    return ended


def ignore_hangups() -> None:
    """Ignore SIGHUP from now on: the process ends and reads nothing again. While it ends, Python restores the
    default actions of signals; a SIGHUP as late as that would kill a process that stops cleanly."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _ignore(_number: int, _frame: object) -> None:
    """Do nothing: the signal's number is in the pipe. Without a handler the signal would end the process."""


def _has_terminal() -> bool:
    """Return whether the process has a controlling terminal, tty(4)."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


AGENT = "edge-agent"


def become_agent(state_dir: Path) -> str | None:
    """Change this process from root to the agent's user, for good. Returns its name, or None: no change.

    The user is the owner of ``state_dir``; ``edge-agent`` if root owns it or it does not exist. Nothing
    changes without root's rights or such a user. The directory's owner could place symbolic links in it, so
    its files must be written with the owner's rights. The change applies to all threads.
    """
    if os.geteuid() != 0:
        return None
    user = _agent(state_dir)
    if user is None:
        return None
    name, uid, gid = user
    os.setgroups(os.getgrouplist(name, gid) if name else [gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    return name or str(uid)


@contextlib.contextmanager
def as_agent(state_dir: Path) -> Iterator[None]:
    """Use the agent's rights within a ``with`` block, to open files or connect to cameras; root's after it.
    Do not decode video in the block: the process can become root again. The change applies to all threads."""
    user = _agent(state_dir) if os.geteuid() == 0 else None
    if user is None:
        yield
        return
    name, uid, gid = user
    groups, own_gid = os.getgroups(), os.getegid()
    os.setgroups(os.getgrouplist(name, gid) if name else [gid])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(own_gid)
        os.setgroups(groups)


def make_state_dir(state_dir: Path) -> None:
    """As root create ``state_dir`` if it does not exist, for the agent's user: as its unit does at its first
    start. Other users create nothing. A failure is ignored: the agent names it at its start."""
    if os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):
        state_dir.mkdir(mode=0o750, parents=True)
        if (user := _agent(state_dir)) is not None:
            _, uid, gid = user
            folder = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fchown(folder, uid, gid)
            finally:
                os.close(folder)


def login_folder(state_dir: Path) -> Path:
    """Return the folder of the journal of failed logins at cameras: ``state_dir``, or a folder in this user's
    cache if this user cannot write there. If that fails too, ``state_dir``: nothing is remembered then."""
    if is_writable(state_dir):
        return state_dir
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = cache / "edge-agent" / folder_digest(state_dir)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: this user has no home
        return state_dir
    return folder if is_writable(folder) else state_dir


def is_writable(folder: Path) -> bool:
    """Return whether files can be created in ``folder`` with the rights that this process has now."""
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=True)


def _agent(state_dir: Path) -> tuple[str | None, int, int] | None:
    """Return name (None if only the uid is known), uid and gid of the agent's user; None without a user."""
    try:
        owner = state_dir.stat()
    except FileNotFoundError:
        owner = None
    if owner is not None and owner.st_uid != 0:
        try:
            user = pwd.getpwuid(owner.st_uid)
        except KeyError:
            return None, owner.st_uid, owner.st_gid
    else:
        try:
            user = pwd.getpwnam(AGENT)
        except KeyError:
            return None
    return user.pw_name, user.pw_uid, user.pw_gid


M_ARENA_MAX = -8
"""Parameter of ``mallopt(3)``: glibc's malloc.h."""
ARENAS = 1
"""Number of malloc's arenas. Otherwise each of the two threads per camera keeps freed memory in an arena of
its own: 10 MB more with four cameras and a model. The threads rarely allocate at the same time: with one
arena instead of two the agent used 1.003 times the CPU, quiet and busy (medians), and 1 MB less."""

SETTLED_S = 15.0
"""Delay of the release: by then libraries are loaded and cameras are connected."""
SMAPS = Path("/proc/self/smaps")


def limit_malloc_arenas() -> bool:
    """Limit malloc's arenas. Call before the first thread starts. False: the C library (musl) has none."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(ctypes.c_int(M_ARENA_MAX), ctypes.c_int(ARENAS)))


class StartupPageRelease:
    """Releases, once, the pages of libraries that were only needed to load them.

    The kernel maps the neighbours of each page that is read, and the whole of a library that was just
    installed; it evicts mapped executable pages last. A page that is needed again comes back from the page
    cache within a microsecond; the kernel can free the others without swapping (docs/decisions/0037).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_mono: float | None = clock.monotonic() + SETTLED_S

    def tick(self) -> None:
        """Release the pages when it is time. Call about once a second."""
        if self._due_mono is not None and self._clock.monotonic() >= self._due_mono:
            self._due_mono = None
            release_clean_pages()


def release_clean_pages() -> None:
    """Release the pages of files that this process only reads; they are loaded again when they are used.

    Does nothing where the kernel or the C library cannot do it."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        madvise = ctypes.CDLL(None).madvise
        with SMAPS.open(encoding="utf-8", errors="replace") as smaps:
            for first, last in _clean(smaps):
                madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)


def _clean(smaps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield first and last address of each read-only mapping of a file without private changes. The loader's
    relocations in some mappings are such changes, and would be lost."""
    place, readable = "", False
    for line in smaps:
        name, *rest = line.split(maxsplit=5)
        if not name.endswith(":"):  # the line is: first-last permissions offset device inode path
            place, readable = name, len(rest) == 5 and rest[4].startswith("/") and rest[0][:2] == "r-"
        elif name == "Anonymous:" and readable and rest[0] == "0":
            first, last = (int(address, 16) for address in place.split("-"))
            yield first, last
