"""What the centre has asked of single rules for a time: masked, armed or disarmed. It ends by itself.

Like ``allowance.py`` one object that commands write and every camera's pipeline reads. What is asked for
lives through a restart. The time that is left is counted by the monotonic clock; over a reboot by a clock
that is right, or by what was left.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from edge_agent.clock import Clock
from edge_agent.state_file import read_record, write_record

SAVE_EVERY_S = 600.0
"""So much longer than asked for it may last when the power goes on a box without a clock."""


class Override(StrEnum):
    MASK = "mask"  # what it tells is recorded as an info, and is no alarm
    ARM = "arm"  # also outside of its schedule
    DISARM = "disarm"  # it sees nothing


@dataclass(frozen=True, slots=True)
class Standing:
    """One rule that is not as its configuration says."""

    camera: str
    rule: str
    what: Override
    left_s: float


class _Kept(Struct, frozen=True, kw_only=True):
    camera: str
    rule: str
    what: Override
    until_mono: float  # in the boot that it was written in
    until: datetime | None  # None: the clock was not right
    left_s: float


class _Saved(Struct, kw_only=True):
    """The file."""

    boot_id: str
    rules: list[_Kept]


@dataclass(frozen=True, slots=True)
class _Asked:
    what: Override
    until_mono: float
    until: datetime | None  # by a clock that was right
    bound: bool  # ``until_mono`` is of this boot, or was worked out by a clock that is right


def never() -> bool:
    """No clock is right."""
    return False


class Overrides:
    """``of`` is asked for every frame, by any thread. The others take turns."""

    def __init__(
        self,
        path: Path | None = None,
        clock: Clock | None = None,
        boot_id: str = "",
        synced: Callable[[], bool] = never,
    ) -> None:
        """Without ``path`` and ``clock``: of a replay, of which nobody asks anything."""
        self._path = path
        self._clock = clock
        self._boot_id = boot_id
        self._synced = synced
        self._lock = threading.Lock()  # protects the next line's replacement, and the file
        self._asked: dict[tuple[str, str], _Asked] = {}  # replaced, never changed
        self._saved_mono = 0.0
        if path is not None and clock is not None:
            self._asked = self._read(path, clock)

    def of(self, camera: str, rule: str) -> Override | None:
        asked = self._asked.get((camera, rule))
        if asked is None or self._clock is None or self._clock.monotonic() >= asked.until_mono:
            return None
        return asked.what

    def ask(self, camera: str, rule: str, what: Override, for_s: float) -> bool:
        """From now on for so long, in place of what was asked of it before. False where it would not live
        through a restart, because the disk does not take it."""
        assert self._clock is not None
        now = self._clock.now() if self._synced() else None
        until = None if now is None else now + timedelta(seconds=for_s)
        asked = _Asked(what, self._clock.monotonic() + for_s, until, bound=True)
        with self._lock:
            self._asked = {**self._asked, (camera, rule): asked}
            return self._save()

    def end(self, camera: str, rule: str) -> bool:
        """False as ``ask``."""
        with self._lock:
            self._asked = {key: asked for key, asked in self._asked.items() if key != (camera, rule)}
            return self._save()

    def standing(self) -> list[Standing]:
        if self._clock is None:
            return []
        now = self._clock.monotonic()
        left = [(key, asked.what, asked.until_mono - now) for key, asked in self._asked.items()]
        return [Standing(*key, what, left_s) for key, what, left_s in left if left_s > 0]

    def tend(self) -> None:
        """About once a second: what is over is forgotten, what a power cut would lose is written."""
        if self._clock is None or not self._asked:
            return
        now_mono, synced = self._clock.monotonic(), self._synced()
        with self._lock:
            kept = {
                key: _bound(asked, self._clock) if synced and not asked.bound else asked
                for key, asked in self._asked.items()
            }
            kept = {key: asked for key, asked in kept.items() if asked.until_mono > now_mono}
            due = now_mono - self._saved_mono >= SAVE_EVERY_S
            if kept != self._asked or due:
                self._asked = kept
                self._save()

    def _read(self, path: Path, clock: Clock) -> dict[tuple[str, str], _Asked]:
        saved = read_record(path, _Saved) or _Saved(boot_id="", rules=[])
        same_boot, now_mono = saved.boot_id == self._boot_id, clock.monotonic()
        self._saved_mono = now_mono
        return {
            (kept.camera, kept.rule): _Asked(
                kept.what,
                kept.until_mono if same_boot else now_mono + kept.left_s,
                kept.until,
                bound=same_boot or kept.until is None,
            )
            for kept in saved.rules
        }

    def _save(self) -> bool:
        assert self._path is not None
        assert self._clock is not None
        self._saved_mono = now_mono = self._clock.monotonic()
        rules = [
            _Kept(
                camera=camera,
                rule=rule,
                what=asked.what,
                until_mono=asked.until_mono,
                until=asked.until,
                left_s=max(0.0, asked.until_mono - now_mono),
            )
            for (camera, rule), asked in self._asked.items()
        ]
        return write_record(self._path, _Saved(boot_id=self._boot_id, rules=rules))


def _bound(asked: _Asked, clock: Clock) -> _Asked:
    """The clock is right now: the time that the box was off counts as well."""
    assert asked.until is not None
    left_s = (asked.until - clock.now()).total_seconds()
    until_mono = min(asked.until_mono, clock.monotonic() + left_s)
    return _Asked(asked.what, until_mono, asked.until, bound=True)
