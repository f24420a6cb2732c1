"""Bytes of the billing period as the modem counts them: all traffic of the SIM card, including apt and ssh.

A bearer counts bytes from its creation on, so each reading adds the difference to the last one. If a count is
lower than before, or ModemManager has restarted, the bearer has begun at 0 again.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec

from edge_agent.core.state_file import read_record, write_record
from edge_agent.uplink.modem import ModemReading

FILE = "modem-usage.json"

Bytes = Annotated[int, msgspec.Meta(ge=0, le=1 << 60)]  # the file may be damaged


class _Bearer(msgspec.Struct):
    """The last counts of a bearer."""

    sent: Bytes
    received: Bytes


class _Saved(msgspec.Struct, kw_only=True):
    """The file's content. ``source``: the boot and the ModemManager process to which ``bearers`` belong."""

    first_day: date | None = None  # of the billing period; None: no trusted clock has been available yet
    sent: Bytes = 0
    received: Bytes = 0
    source: str = ""
    bearers: dict[str, _Bearer] = msgspec.field(default_factory=dict)


class ModemUsage:
    """Counts the bytes of the billing period. Not thread-safe: only one thread may use it."""

    def __init__(self, path: Path, boot_id: str) -> None:
        self._path = path
        self._boot_id = boot_id
        self._state = read_record(path, _Saved) or _Saved()

    @property
    def sent(self) -> int:
        return self._state.sent

    @property
    def received(self) -> int:
        return self._state.received

    def add(self, reading: ModemReading, first_day: date | None) -> None:
        """Add the bytes that the bearers carried since the last reading. ``first_day``: the first day of the
        present billing period; None if it is not known.

        Bytes between the last reading of a period and the first one of the next count in the next period. If
        the clock is set back, the count continues.
        """
        state = self._state
        if first_day is not None:
            if state.first_day is not None and first_day > state.first_day:
                state.sent = state.received = 0
            state.first_day = first_day
        source = f"{self._boot_id} {reading.source}"
        before = state.bearers if state.source == source else {}
        for bearer in reading.bearers:
            last = before.get(bearer.path, _Bearer(0, 0))
            state.sent += _new_bytes(bearer.sent, last.sent)
            state.received += _new_bytes(bearer.received, last.received)
        state.source = source
        state.bearers = {each.path: _Bearer(each.sent, each.received) for each in reading.bearers}

    def save(self) -> None:
        write_record(self._path, self._state)


def _new_bytes(now: int, before: int) -> int:
    return now - before if now >= before else now
