"""Records what each simulated gateway and camera really did, to compare it with the reports of a centre."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from edge_agent.core.clock import Clock, rfc3339


class ConditionChange(StrEnum):
    """The kinds of changes; each is recorded when it happens."""

    POWER_OFF = "power-off"  # the gateway loses its power, without a clean stop
    STOP = "stop"  # the gateway is stopped cleanly
    START = "start"  # the agent of the gateway runs from now on
    CABLE_OUT = "cable-out"  # the gateway has no network, but runs on
    CABLE_IN = "cable-in"
    CONNECTED = "connected"  # the gateway is connected to the broker, some time after CABLE_IN or START
    CAMERA_OFFLINE = "camera-offline"
    CAMERA_ONLINE = "camera-online"
    VIEW_BEGIN = "view-begin"  # ``detail``: the state of ``camera-view``
    VIEW_END = "view-end"


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file: one change of a gateway or camera."""

    time: str
    gateway: str
    change: ConditionChange
    camera: str | None = None  # null: the gateway
    detail: str = ""

    @property
    def at_ms(self) -> int:
        return round(datetime.fromisoformat(self.time).timestamp() * 1000)


class ConditionLedger:
    """Appends a line of JSON to the file ``path`` for each change; with ``path`` None it records nothing.

    Several threads and processes may write one file."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # so that lines of two threads do not mix
        self._file = None if path is None else path.open("a", encoding="ascii", buffering=1)

    def record(
        self, gateway: str, change: ConditionChange, camera: str | None = None, detail: str = ""
    ) -> None:
        if self._file is None:
            return
        entry = LedgerEntry(
            time=rfc3339(self._clock.now()), gateway=gateway, change=change, camera=camera, detail=detail
        )
        line = msgspec.json.encode(entry).decode() + "\n"
        with self._lock:
            if not self._file.closed:  # a publisher that did not end in time may still connect
                self._file.write(line)

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()


def read_ledger(path: Path) -> Iterator[LedgerEntry]:
    """Yield the entries of a file, in the order of their times."""
    lines = path.read_bytes().splitlines()
    entries = [msgspec.json.decode(line, type=LedgerEntry) for line in lines]
    yield from sorted(entries, key=lambda entry: entry.time)
