"""Finds out whether the system clock is synchronised, and by how much it was wrong before.

A Pi without a battery boots with the time of its last shutdown and jumps when NTP answers. Events from
before the jump have a wrong time; ``ClockCorrection`` says by how much, once per boot.

Source: the kernel clears STA_UNSYNC of ``adjtimex(2)`` once an NTP client disciplines the clock. Reading it
needs no privilege, but systemd's ``ProtectClock=`` forbids the call; then the marker file of
systemd-timesyncd is used.
"""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from msgspec import Struct, structs

from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.model import ClockCorrection
from edge_agent.core.state_file import read_record, write_record
from edge_agent.wire import ClockHealth

log = logging.getLogger(__name__)

BUILD_YEAR = 2026  # this code did not exist in an earlier year; raised with each year's first release
SAVE_EVERY_S = 600.0
STEADY_S = 3600.0
"""Stored data may be deleted by age only after the clock was synchronised for so long without a jump: a time
server that is wrong for some minutes must not make everything too old. The last known time cannot replace
this wait, because a gateway that was in a store room for months is rightly far ahead of it."""
JUMP_S = 60.0
STA_UNSYNC = 0x0040  # linux/timex.h
STA_NANO = 0x2000
TIME_ERROR = 5


@dataclass(frozen=True, slots=True)
class KernelSync:
    """The kernel's clock state. ``offset_ms``: left to correct, positive when the clock is behind."""

    synced: bool
    offset_ms: float


class ClockRecord(Struct, frozen=True):
    """The state file."""

    boot_id: str
    wall_minus_mono_s: float  # difference of the clocks at the first start of the agent in this boot
    corrected: bool  # the correction of this boot is stored as an event, or none was needed
    last_known: str | None = None  # RFC 3339, from a synchronised clock only


@dataclass(frozen=True, slots=True)
class _Steady:
    """Since when the synchronised clock has not jumped."""

    since_mono: float
    wall_minus_mono_s: float


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 40),  # the remaining fields; 40 longs are more than the kernel writes
    )


@cache
def _libc() -> ctypes.CDLL:
    """Return the C library. Loading it for each call would cost ten times as much as the call."""
    return ctypes.CDLL(None)


def read_kernel_sync() -> KernelSync | None:
    """Call ``adjtimex`` read-only; None where the sandbox forbids it."""
    timex = _Timex(modes=0)
    try:
        state = _libc().adjtimex(ctypes.byref(timex))
    except (AttributeError, OSError):
        return None
    if state < 0:
        return None
    unit_ms = 1e-6 if timex.status & STA_NANO else 1e-3
    synced = state != TIME_ERROR and not timex.status & STA_UNSYNC
    return KernelSync(synced, timex.offset * unit_ms)


@dataclass(frozen=True, slots=True)
class ClockState:
    synced: bool
    source: str | None  # None: not synchronised
    trusted: bool  # good enough to check the validity of certificates
    offset_ms: float | None = None  # what a synchronised clock still corrects; None: not known


def read_clock_state(
    path: Path, clock: Clock, sysroot: Path, kernel: Callable[[], KernelSync | None] = read_kernel_sync
) -> ClockState:
    """Read the clock's state for another program than the agent. ``path``: the agent's record."""
    last = read_record(path, ClockRecord)
    state = kernel()
    synced = _is_synced(state, sysroot)
    floor = _parsed(last.last_known) if last else None
    source = _find_source(sysroot) if synced else None
    offset_ms = state.offset_ms if state is not None and synced else None
    return ClockState(synced, source, _is_plausible(clock.now(), synced, floor), offset_ms)


def _is_plausible(now: datetime, synced: bool, floor: datetime | None) -> bool:
    """Return whether ``now`` is not before this code's year, and not before ``floor``, the last time known to
    be right. A synchronised clock needs only the first condition: one wrong time in the future, from a bad
    server, must not lock the gateway out for ever."""
    if now.year < BUILD_YEAR:
        return False
    return synced or floor is None or now >= floor


def _is_synced(kernel: KernelSync | None, sysroot: Path) -> bool:
    if kernel is None:
        return os.path.exists(sysroot / "run/systemd/timesync/synchronized")
    return kernel.synced


def _find_source(sysroot: Path) -> str:
    """Return the NTP client, by its files in /run; this starts no process."""
    if os.path.isdir(sysroot / "run/chrony"):  # only chrony's user may read this folder
        return "chrony"
    if os.path.exists(sysroot / "run/systemd/timesync/synchronized"):
        return "systemd-timesyncd"
    if os.path.exists(sysroot / "run/ntpd.pid"):
        return "ntpd"
    return "kernel"


class ClockSync:
    """Follows the clock's synchronisation.

    One thread calls ``update`` about once a second, the first time before the first event. Any thread may
    use the rest.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        boot_id: str,
        sysroot: Path = Path("/"),
        kernel: Callable[[], KernelSync | None] = read_kernel_sync,
    ) -> None:
        self._path = path
        self._clock = clock
        self._sysroot = sysroot
        self._kernel = kernel
        self._was_synced = False
        self.source: str | None = None
        self._offset_ms: float | None = None
        self._pending: ClockCorrection | None = None
        self._steady: _Steady | None = None  # replaced, never changed; None: not synchronised yet
        last = read_record(path, ClockRecord)
        self._floor = _parsed(last.last_known) if last else None
        self._saved_mono = clock.monotonic()
        synced = self._refresh()
        if last is not None and last.boot_id == boot_id:
            self._record = last
        else:
            # If it was synchronised before the agent started, no event of this boot has a wrong time.
            known = last.last_known if last else None
            self._record = ClockRecord(boot_id, self._wall_minus_mono_s(), synced, known)
            self.save()

    @property
    def synced(self) -> bool:
        """Whether the clock is synchronised now. This asks the kernel each time (about 20 us), because an
        event's flag must not be older than its time."""
        return _is_synced(self._kernel(), self._sysroot)

    @property
    def has_been_synced(self) -> bool:
        """Whether the clock was synchronised since the boot, as of the last ``update``. After that the clock
        drifts only by seconds a day, even without the uplink."""
        return self._was_synced or self._pending is not None or self._record.corrected

    @property
    def steady(self) -> bool:
        """Whether stored data may be deleted by age now: the clock is synchronised, and was for ``STEADY_S``
        without a jump, since the agent started."""
        since = self._steady
        if since is None or self._has_jumped(since) or not self.synced:
            return False
        return self._clock.monotonic() - since.since_mono >= STEADY_S

    def update(self) -> ClockCorrection | None:
        """Read the clock's state. Returns a correction that is not confirmed; None if there is none."""
        was = self._was_synced
        synced = self._refresh()
        if synced != was:
            log.info("clock: %s", f"synchronised by {self.source}" if synced else "no longer synchronised")
        if synced and (self._steady is None or self._has_jumped(self._steady)):
            self._steady = _Steady(self._clock.monotonic(), self._wall_minus_mono_s())
        if synced and not self._record.corrected and self._pending is None:
            self._pending = self._correction()
        if synced and self._clock.monotonic() - self._saved_mono >= SAVE_EVERY_S:
            self.save()
        return self._pending

    def confirm_correction(self) -> None:
        """Note that the correction's event is durable; ``update`` does not return it again in this boot."""
        self._pending = None
        self._record = structs.replace(self._record, corrected=True)
        self.save()

    def trusted(self) -> bool:
        """Return whether the clock is good enough to check the validity of certificates."""
        return _is_plausible(self._clock.now(), self.synced, self._floor)

    def save(self) -> None:
        """Write the last time known to be right; call it at the stop too. Blocks for an fsync."""
        self._saved_mono = self._clock.monotonic()
        if self.synced:
            self._floor = self._clock.now()
            self._record = structs.replace(self._record, last_known=rfc3339(self._floor))
        write_record(self._path, self._record)

    def health(self) -> ClockHealth:
        offset = self._offset_ms
        return ClockHealth(
            synced=self._was_synced,
            source=self.source,
            offset_ms=None if offset is None else round(offset, 3),
        )

    def _refresh(self) -> bool:
        kernel = self._kernel()
        self._was_synced = _is_synced(kernel, self._sysroot)
        self._offset_ms = kernel.offset_ms if kernel is not None and self._was_synced else None
        self.source = _find_source(self._sysroot) if self._was_synced else None
        return self._was_synced

    def _correction(self) -> ClockCorrection:
        stepped_s = self._wall_minus_mono_s() - self._record.wall_minus_mono_s
        offset_ms = round(stepped_s * 1e3 + (self._offset_ms or 0.0))
        log.warning("clock: first synchronised in this boot, it was off by %.3f s", offset_ms / 1e3)
        return ClockCorrection(offset_ms, self.source or "kernel", self._clock.now(), self._clock.monotonic())

    def _has_jumped(self, steady: _Steady) -> bool:
        return abs(self._wall_minus_mono_s() - steady.wall_minus_mono_s) > JUMP_S

    def _wall_minus_mono_s(self) -> float:
        """Return the difference of the two clocks. Only a jump changes it: slewing changes both clocks."""
        return self._clock.now().timestamp() - self._clock.monotonic()


def _parsed(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None
