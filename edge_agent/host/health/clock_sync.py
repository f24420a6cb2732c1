"""Is the clock right, since when, and how wrong was it before.

A Pi without a battery boots with the time of its last shutdown and jumps when NTP answers. Events
of before the jump carry a wrong time; ``ClockCorrection`` says by how much, once a boot.

The kernel knows: ``adjtimex(2)`` clears STA_UNSYNC once any NTP client disciplines the clock.
Reading it needs no privilege, but systemd's ``ProtectClock=`` forbids the call altogether; then
only systemd-timesyncd's own marker file is left to go by.
"""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.model import ClockCorrection
from edge_agent.core.state_file import read_record, write_record
from edge_agent.wire import ClockHealth

log = logging.getLogger(__name__)

BUILD_YEAR = 2026  # no earlier year can be true for this code; raised with each year's first release
SAVE_EVERY_S = 600.0
STA_UNSYNC = 0x0040  # linux/timex.h
STA_NANO = 0x2000
TIME_ERROR = 5


@dataclass(frozen=True, slots=True)
class KernelSync:
    """What the kernel says about its clock. ``offset_ms`` is what it still slews, + when behind."""

    synced: bool
    offset_ms: float


class ClockRecord(Struct, frozen=True):
    """Kept in the state directory."""

    boot_id: str
    wall_minus_mono_s: float  # at the first look of this boot
    corrected: bool
    last_known: str | None = None  # RFC 3339; only ever taken from a synchronised clock


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 40),  # the kernel writes on; 40 longs are more than it has
    )


def read_kernel_sync() -> KernelSync | None:
    """``adjtimex`` in its reading mode; None where the sandbox forbids it."""
    timex = _Timex(modes=0)
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (AttributeError, OSError):
        return None
    if state < 0:
        return None
    unit_ms = 1e-6 if timex.status & STA_NANO else 1e-3
    synced = state != TIME_ERROR and not timex.status & STA_UNSYNC
    return KernelSync(synced, timex.offset * unit_ms)


@dataclass(frozen=True, slots=True)
class ClockState:
    """The clock at one moment, for who only looks."""

    synced: bool
    source: str | None  # None: not synchronised
    trusted: bool  # may certificates be judged by it?


def read_clock_state(
    path: Path, clock: Clock, sysroot: Path, kernel: Callable[[], KernelSync | None] = read_kernel_sync
) -> ClockState:
    """For another process than the agent: writes nothing. ``path``: the agent's record."""
    last = read_record(path, ClockRecord)
    synced = _is_synced(kernel(), sysroot)
    floor = _parsed(last.last_known) if last else None
    source = _find_source(sysroot) if synced else None
    return ClockState(synced, source, _is_plausible(clock.now(), synced, floor, BUILD_YEAR))


def _is_plausible(now: datetime, synced: bool, floor: datetime | None, build_year: int) -> bool:
    """Not before the year of this code, and not before the last time that was known to be right, unless the
    clock is synchronised now (a floor taken from a lying server must not lock the box out for ever)."""
    if now.year < build_year:
        return False
    return synced or floor is None or now >= floor


def _is_synced(kernel: KernelSync | None, sysroot: Path) -> bool:
    if kernel is None:
        return os.path.exists(sysroot / "run/systemd/timesync/synchronized")
    return kernel.synced


def _find_source(sysroot: Path) -> str:
    """The NTP client, by what it leaves in /run: no process is started for this."""
    if os.path.isdir(sysroot / "run/chrony"):  # its inside is closed to others
        return "chrony"
    if os.path.exists(sysroot / "run/systemd/timesync/synchronized"):
        return "systemd-timesyncd"
    if os.path.exists(sysroot / "run/ntpd.pid"):
        return "ntpd"
    return "kernel"


class ClockSync:
    """Follows the clock's synchronisation. One thread calls ``update`` about once a second, from
    before the first event on; the rest may be read from any thread.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        boot_id: str,
        sysroot: Path = Path("/"),
        kernel: Callable[[], KernelSync | None] = read_kernel_sync,
        build_year: int = BUILD_YEAR,
    ) -> None:
        self._path = path
        self._clock = clock
        self._sysroot = sysroot
        self._kernel = kernel
        self._build_year = build_year
        self._was_synced = False
        self.source: str | None = None
        self._offset_ms: float | None = None
        self._pending: ClockCorrection | None = None
        last = read_record(path, ClockRecord)
        self._floor = _parsed(last.last_known) if last else None
        self._saved_mono = clock.monotonic()
        synced = self._refresh()
        if last is not None and last.boot_id == boot_id:
            self._record = last
        else:
            # Synchronised before the agent's first look: no event of this boot had a wrong time.
            known = last.last_known if last else None
            self._record = ClockRecord(boot_id, self._wall_minus_mono_s(), synced, known)
            self.save()

    @property
    def synced(self) -> bool:
        """Now, by asking the kernel (about 20 us): an event must not take its time from after the
        jump and its flag from before it."""
        return _is_synced(self._kernel(), self._sysroot)

    @property
    def has_been_synced(self) -> bool:
        """Whether it has been synchronised since the box started: from then on it drifts by seconds a day,
        also without the uplink. Costs nothing: as of the last ``update``."""
        return self._was_synced or self._pending is not None or self._record.corrected

    def update(self) -> ClockCorrection | None:
        """Look again. Returns the correction until ``confirm_correction`` says it is on disk."""
        was = self._was_synced
        synced = self._refresh()
        if synced != was:
            log.info("clock: %s", f"synchronised by {self.source}" if synced else "no longer synchronised")
        if synced and not self._record.corrected and self._pending is None:
            self._pending = self._correction()
        if synced and self._clock.monotonic() - self._saved_mono >= SAVE_EVERY_S:
            self.save()
        return self._pending

    def confirm_correction(self) -> None:
        """The correction's event is durable: never report it again in this boot."""
        self._pending = None
        self._remember(corrected=True)
        self.save()

    def trusted(self) -> bool:
        """May certificates be judged by this clock?"""
        return _is_plausible(self._clock.now(), self.synced, self._floor, self._build_year)

    def save(self) -> None:
        """Write the last known time; also call it at stop. Blocks for an fsync."""
        self._saved_mono = self._clock.monotonic()
        if self.synced:
            self._floor = self._clock.now()
            self._remember(last_known=rfc3339(self._floor))
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

    def _wall_minus_mono_s(self) -> float:
        """Changes with every jump of the clock and with nothing else: slewing moves both."""
        return self._clock.now().timestamp() - self._clock.monotonic()

    def _remember(self, corrected: bool | None = None, last_known: str | None = None) -> None:
        old = self._record
        self._record = ClockRecord(
            old.boot_id,
            old.wall_minus_mono_s,
            old.corrected if corrected is None else corrected,
            old.last_known if last_known is None else last_known,
        )


def _parsed(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None
