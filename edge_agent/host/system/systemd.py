"""sd_notify without libsystemd: one datagram a word.

Source: sd_notify(3), sd_watchdog_enabled(3), systemd.service(5). Without ``NOTIFY_SOCKET`` every call does
nothing.

Which systemd units of the box have failed, for the heartbeat.

The agent does not ask systemd itself: a timer of the box (``systemd/edge-agent-units.service``) leaves the
answer of ``systemctl list-units --output=json`` in a file under ``/run``.
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

log = logging.getLogger(__name__)


class Systemd:
    """Tells the service manager how the agent is. Thread-safe; never raises, never blocks."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""
        self.watchdog_interval_s = _watchdog_interval_s(environ)
        """Seconds between two of its messages: half of what the unit allows; None: not wanted."""
        self._fed_mono: float | None = None

    def ready(self, status: str) -> None:
        self._status = status
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def status(self, text: str) -> None:
        """What ``systemctl status`` shows; sent only when it changed."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={_one_line(text)}")

    def watchdog(self) -> None:
        """Call only while every loop progresses, as often as you like: it is sent when it is due."""
        interval_s, now, fed = self.watchdog_interval_s, time.monotonic(), self._fed_mono
        if interval_s is not None and (fed is None or now - fed >= interval_s):
            self._fed_mono = now
            self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """The configuration is read again. ``ready`` ends it: a unit of Type=notify-reload waits for that."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self, status: str = "stopping") -> None:
        self._send(f"STOPPING=1\nSTATUS={_one_line(status)}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            log.debug("systemd was not told %s: %s", message.partition("\n")[0], error)


def _one_line(text: str) -> str:
    """A line break would start another assignment."""
    return " ".join(text.split())


def _watchdog_interval_s(environ: Mapping[str, str]) -> float | None:
    try:
        allowed_s = int(environ["WATCHDOG_USEC"]) / 1e6
        wanted_of = int(environ.get("WATCHDOG_PID", os.getpid()))
    except (KeyError, ValueError):
        return None
    return allowed_s / 2 if allowed_s > 0 and wanted_of == os.getpid() else None


FAILED_UNITS = Path("run/edge-agent-units/failed.json")
STALE_S = 35 * 60.0
"""The timer runs every ten minutes; three misses are no accident."""
MOST_SHOWN = 5
MOST_BYTES = 100_000
LONGEST_NAME = 80


class _Unit(msgspec.Struct, frozen=True):
    unit: str
    sub: str


class FailedUnits:
    """One line for each failed unit. Called on the heartbeat's threads: reads one small file."""

    def __init__(self, clock: Clock, sysroot: Path = Path("/")) -> None:
        self._path = sysroot / FAILED_UNITS
        self._clock = clock
        self._written_ns: int | None = None
        self._seen_mono = 0.0

    def lines(self) -> Iterator[str]:
        """Nothing where the box has no such timer; an unreadable list is itself a line."""
        try:
            written_ns = self._path.stat().st_mtime_ns
            with self._path.open("rb") as file:
                listed = file.read(MOST_BYTES + 1)
        except OSError:
            return
        # Not by the wall clock, which jumps at the first synchronisation of a boot.
        if written_ns != self._written_ns:
            self._written_ns, self._seen_mono = written_ns, self._clock.monotonic()
        elif self._clock.monotonic() - self._seen_mono > STALE_S:
            yield "failed units: not looked for any more, see edge-agent-units.timer"
            return
        try:
            units = msgspec.json.decode(listed, type=list[_Unit])
        except msgspec.DecodeError:
            yield f"failed units: {self._path} cannot be read"
            return
        for unit in units[:MOST_SHOWN]:
            again = " and is started again" if unit.sub.startswith("auto-restart") else ""
            yield f"unit {unit.unit[:LONGEST_NAME]} failed{again}"
        if len(units) > MOST_SHOWN:
            yield f"units: {len(units) - MOST_SHOWN} more failed"
