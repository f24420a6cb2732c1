"""sd_notify without libsystemd: one datagram a word.

Source: sd_notify(3), sd_watchdog_enabled(3), systemd.service(5). Without ``NOTIFY_SOCKET`` every call does
nothing.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

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
