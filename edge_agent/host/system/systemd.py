"""Notifications to systemd, and the failed units of the gateway for the heartbeat.

Sources: sd_notify(3), sd_watchdog_enabled(3), systemd.service(5); libsystemd is not needed. For the failed
units the agent reads a file: a timer (``systemd/edge-agent-units.service``) writes the output of
``systemctl list-units --output=json`` to ``/run``.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from edge_agent.core.clock import Clock
from edge_agent.core.problems import problem_text

log = logging.getLogger(__name__)


class Systemd:
    """Notifies systemd of the agent's state. Thread-safe; never raises, never blocks.

    Without ``NOTIFY_SOCKET`` every call does nothing."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""
        self.watchdog_interval_s = _watchdog_interval_s(environ)
        """Seconds between two watchdog messages: half of the unit's WatchdogSec; None: no watchdog."""
        self._fed_mono: float | None = None

    def ready(self, status: str) -> None:
        self._status = status
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def status(self, text: str) -> None:
        """Set the text that ``systemctl status`` shows; sent only when it changes."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={_one_line(text)}")

    def watchdog(self) -> None:
        """Feed the watchdog, if it is time. Call only while every thread makes progress."""
        interval_s, now, fed = self.watchdog_interval_s, time.monotonic(), self._fed_mono
        if interval_s is not None and (fed is None or now - fed >= interval_s):
            self._fed_mono = now
            self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """Report that the configuration is read again; the unit is reloading until ``ready``."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self) -> None:
        self._send("STOPPING=1\nSTATUS=stopping")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            log.debug("systemd could not be notified of %s: %s", message.partition("\n")[0], error)


def _one_line(text: str) -> str:
    """Return the text on one line: a line break would start another assignment."""
    return " ".join(text.split())


def _watchdog_interval_s(environ: Mapping[str, str]) -> float | None:
    try:
        allowed_s = int(environ["WATCHDOG_USEC"]) / 1e6
        wanted_of = int(environ.get("WATCHDOG_PID", os.getpid()))
    except (KeyError, ValueError):
        return None
    return allowed_s / 2 if allowed_s > 0 and wanted_of == os.getpid() else None


FAILED_UNITS = Path("run/edge-agent-units/failed.json")
STALE_S = 35 * 60.0  # the timer runs every ten minutes; after three missed runs it counts as broken
MAX_SHOWN = 5
MAX_BYTES = 100_000
MAX_NAME = 80


class _Unit(msgspec.Struct, frozen=True):
    unit: str
    sub: str


class FailedUnits:
    """Reads the file of failed units on the threads that make heartbeats."""

    def __init__(self, clock: Clock, sysroot: Path = Path("/")) -> None:
        self._path = sysroot / FAILED_UNITS
        self._clock = clock
        self._written_ns: int | None = None
        self._seen_mono = 0.0

    def lines(self) -> Iterator[str]:
        """Yield one line per failed unit, or one about a stale or unreadable file; none without the timer."""
        try:
            written_ns = self._path.stat().st_mtime_ns
            with self._path.open("rb") as file:
                listed = file.read(MAX_BYTES + 1)
        except OSError:
            return
        # The wall clock is not used: it jumps at the first synchronisation of a boot.
        if written_ns != self._written_ns:
            self._written_ns, self._seen_mono = written_ns, self._clock.monotonic()
        elif self._clock.monotonic() - self._seen_mono > STALE_S:
            yield problem_text("units-stale")
            return
        try:
            units = msgspec.json.decode(listed, type=list[_Unit])
        except (msgspec.DecodeError, UnicodeDecodeError):
            yield problem_text("units-unreadable", file=str(self._path))
            return
        for unit in units[:MAX_SHOWN]:
            code = "unit-restarting" if unit.sub.startswith("auto-restart") else "unit-failed"
            yield problem_text(code, unit=unit.unit[:MAX_NAME])
        if len(units) > MAX_SHOWN:
            yield problem_text("units-more", units=len(units) - MAX_SHOWN)
