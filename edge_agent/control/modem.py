"""Reads the modem once a minute, where ModemManager runs, for the heartbeat and ``edge-agent status``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import get_args

from edge_agent.core.clock import Clock
from edge_agent.core.errors import ModemError
from edge_agent.core.worker import SupervisedThread
from edge_agent.uplink.modem import ModemReading
from edge_agent.uplink.modem_usage import FILE, ModemUsage
from edge_agent.wire import ModemHealth
from edge_agent.wire.health import ModemState

log = logging.getLogger(__name__)

READ_EVERY_S = 60.0
SAVE_EVERY_S = 300.0
"""A power cut loses at most this much of the modem's count."""
STALE_S = 300.0
"""Age from which a reading is not reported, because the modem may have been removed meanwhile."""
SOCKET = Path("run/dbus/system_bus_socket")
CONTROL_GROUP = Path("sys/fs/cgroup/system.slice/ModemManager.service")
"""Exists while ModemManager runs: systemd makes it and removes it."""
OLD_CONTROL_GROUP = Path("sys/fs/cgroup/systemd/system.slice/ModemManager.service")
"""Replaces ``CONTROL_GROUP`` on systems that have control groups of version 1, such as Ubuntu 20.04."""


def modem_bus(sysroot: Path = Path("/")) -> str:
    """Return the address of the system's D-Bus; "" while ModemManager does not run."""
    socket = sysroot / SOCKET
    runs = any((sysroot / group).exists() for group in (CONTROL_GROUP, OLD_CONTROL_GROUP))
    return f"unix:path={socket}" if runs and socket.exists() else ""


def read_modem(address: str) -> ModemReading | None:
    """Return what ModemManager reports; None while it does not run. Raises ModemError. May block."""
    # Imported here: a gateway without ModemManager does not spend 27 ms and 2 MB on it.
    from edge_agent.uplink.modem_bus import read_modem

    return read_modem(address)


def modem_health(reading: ModemReading, sent_bytes: int = 0, received_bytes: int = 0) -> ModemHealth:
    """Return the modem's state. ``sent_bytes`` and ``received_bytes`` are those of the billing period."""
    known = reading.state in get_args(ModemState)
    return ModemHealth(
        state=reading.state if known else "unknown",  # type: ignore[arg-type]
        failed=reading.failed,
        lock=reading.lock,
        registration=reading.registration,
        operator=reading.operator,
        operator_code=reading.operator_code,
        technology=reading.technology,
        signal_percent=reading.signal_percent,
        sent_bytes=sent_bytes,
        received_bytes=received_bytes,
    )


class ModemWatch:
    """Reads the modem. The main thread calls ``tick`` about once a second; any thread may call ``health``.

    Each reading runs on a separate thread, and nothing waits for it. While a reading blocks, no other reading
    starts.
    """

    def __init__(
        self,
        state_dir: Path,
        boot_id: str,
        clock: Clock,
        first_day: Callable[[], date | None],
        sysroot: Path = Path("/"),
    ) -> None:
        """``first_day`` returns the first day of the present billing period."""
        self._clock = clock
        self._first_day = first_day
        self._sysroot = sysroot
        self._usage = ModemUsage(state_dir / FILE, boot_id)
        self._next_mono = clock.monotonic()
        self._saved_mono = clock.monotonic()
        self._failing = False
        self._health: tuple[float, ModemHealth] | None = None  # replaced, never changed; time and reading
        self._reading: SupervisedThread | None = None

    def tick(self) -> None:
        if self._clock.monotonic() < self._next_mono:
            return
        self._next_mono = self._clock.monotonic() + READ_EVERY_S
        address = modem_bus(self._sysroot)
        if not address:
            self._health = None
        elif self._reading is None or not self._reading.running:
            self._reading = SupervisedThread("modem", lambda loop: self.read(address))
            self._reading.start()

    def health(self) -> ModemHealth | None:
        """Return the last reading; None without ModemManager, or if the reading is older than ``STALE_S``."""
        last = self._health
        if last is None or self._clock.monotonic() - last[0] > STALE_S:
            return None
        return last[1]

    def read(self, address: str) -> None:
        """Read the modem once. Blocks while D-Bus does not answer."""
        try:
            reading = read_modem(address)
        except ModemError as error:
            log.log(logging.DEBUG if self._failing else logging.WARNING, "%s", error)
            self._failing = True
            return
        self._failing = False
        if reading is None:
            self._health = None
            return
        self._usage.add(reading, self._first_day())
        self._health = (
            self._clock.monotonic(),
            modem_health(reading, self._usage.sent, self._usage.received),
        )
        if self._clock.monotonic() - self._saved_mono >= SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write the count. The reading thread calls this, and at a stop the main thread, while no reading
        runs."""
        self._saved_mono = self._clock.monotonic()
        self._usage.save()

    def join(self, timeout_s: float) -> bool:
        """Wait for a reading to end. False: it still runs."""
        return self._reading is None or self._reading.join(timeout_s)

    def stop(self) -> None:
        """Save the count, unless a blocked reading still uses it."""
        if self._health is not None and (self._reading is None or not self._reading.running):
            self.save()
