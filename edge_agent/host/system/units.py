"""Which systemd units of the box have failed, for the heartbeat.

The agent does not ask systemd itself: a timer of the box (``systemd/edge-agent-units.service``) leaves the
answer of ``systemctl list-units --output=json`` in a file under ``/run``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge_agent.core.clock import Clock

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
