"""What the centre has asked of single rules for a time: masked, armed or disarmed. It ends by itself.

Like ``load_limits.py`` one object that commands write and every camera's pipeline reads. What is asked for
lives through a restart. The time that is left is counted by the monotonic clock; over a reboot by a clock
that is right, or by what was left.

Each one is reported with its start before it takes effect, and with its end. A kill in between may have the
start or the end reported twice, with the same ``event_id``, and leaves neither out.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Literal

from msgspec import Struct

from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.facts import OverrideChange, Phase, RequestOrigin
from edge_agent.core.state_file import read_record, write_record

What = Literal["mask", "arm", "disarm"]
EndReason = Literal["over", "command", "replaced"]
SAVE_EVERY_S = 600.0
"""So much longer than asked for it may last when the power goes on a box without a clock."""


class OverrideKind(StrEnum):
    MASK = "mask"  # what it tells is recorded as an info, and is no alarm
    ARM = "arm"  # also outside of its schedule
    DISARM = "disarm"  # it sees nothing


@dataclass(frozen=True, slots=True)
class ActiveOverride:
    """One rule that is not as its configuration says."""

    camera: str
    rule: str
    what: OverrideKind
    left_s: float


class _SavedOverride(Struct, frozen=True, kw_only=True):
    camera: str
    rule: str
    what: OverrideKind
    until_mono: float  # in the boot that it was written in
    until: datetime | None  # None: the clock was not right
    left_s: float
    event_id: str = ""  # empty: written by an agent that reported none
    for_s: float = 0.0  # as it was asked for
    started_at: str = ""
    command_id: str | None = None
    signed_by: str | None = None
    reported: bool = False


class _Saved(Struct, kw_only=True):
    """The file."""

    boot_id: str
    rules: list[_SavedOverride]


@dataclass(frozen=True, slots=True)
class _OverrideState:
    what: OverrideKind
    until_mono: float
    until: datetime | None  # by a clock that was right
    bound: bool  # ``until_mono`` is of this boot, or was worked out by a clock that is right
    event_id: str
    for_s: float
    by: RequestOrigin
    started_at: str
    reported: bool  # its start


def never_synced() -> bool:
    """No clock is right."""
    return False


def ignore_change(hit: OverrideChange) -> None:
    """Reports nothing."""


class Overrides:
    """``of`` is asked for every frame, by any thread. The others take turns."""

    def __init__(
        self,
        path: Path | None = None,
        clock: Clock | None = None,
        boot_id: str = "",
        synced: Callable[[], bool] = never_synced,
        report: Callable[[OverrideChange], None] = ignore_change,
    ) -> None:
        """Without ``path`` and ``clock``: for a replay, which gets no commands. What ``report`` is called
        with is durable when it returns."""
        self._path = path
        self._clock = clock
        self._boot_id = boot_id
        self._synced = synced
        self._report = report
        self._lock = threading.Lock()  # protects the next line's replacement, and the file
        self._states: dict[tuple[str, str], _OverrideState] = {}  # replaced, never changed
        self._saved_mono = 0.0
        if path is not None and clock is not None:
            self._states = self._read(path, clock)

    def of(self, camera: str, rule: str) -> OverrideKind | None:
        asked = self._states.get((camera, rule))
        if asked is None or self._clock is None or self._clock.monotonic() >= asked.until_mono:
            return None
        return asked.what

    def apply(
        self, camera: str, rule: str, what: OverrideKind, for_s: float, by: RequestOrigin | None = None
    ) -> bool:
        """From now on for so long, in place of what was asked of it before. False where it would not live
        through a restart, because the disk does not take it."""
        assert self._clock is not None
        now = self._clock.now()
        asked = _OverrideState(
            what,
            self._clock.monotonic() + for_s,
            now + timedelta(seconds=for_s) if self._synced() else None,
            bound=True,
            event_id=_new_event_id(),
            for_s=for_s,
            by=by or RequestOrigin(),
            started_at=rfc3339(now),
            reported=False,
        )
        key = (camera, rule)
        with self._lock:
            if (before := self._states.get(key)) is not None:
                self._report(_ended(key, before, self._reason(before, "replaced")))
            # On the disk first: after a kill before the report it is reported then.
            self._save({**self._states, key: asked})
            self._report(_started(key, asked))
            self._states = {**self._states, key: replace(asked, reported=True)}
            return self._save(self._states)

    def end(self, camera: str, rule: str) -> bool:
        """False as ``ask``."""
        key = (camera, rule)
        with self._lock:
            ended = self._states.get(key)
            self._states = {each: asked for each, asked in self._states.items() if each != key}
            if ended is not None:
                self._report(_ended(key, ended, self._reason(ended, "command")))
            return self._save(self._states)

    def active(self) -> list[ActiveOverride]:
        if self._clock is None:
            return []
        now = self._clock.monotonic()
        left = [(key, asked.what, asked.until_mono - now) for key, asked in self._states.items()]
        return [ActiveOverride(*key, what, left_s) for key, what, left_s in left if left_s > 0]

    def tick(self) -> None:
        """About once a second: what is over is reported and forgotten, what a power cut would lose written.
        Where a command waits for the disk with the lock, the next time will do."""
        if self._clock is None or not self._states or not self._lock.acquire(blocking=False):
            return
        try:
            self._tick(self._clock)
        finally:
            self._lock.release()

    def _tick(self, clock: Clock) -> None:
        now_mono, synced = clock.monotonic(), self._synced()
        kept: dict[tuple[str, str], _OverrideState] = {}
        for key, asked in self._states.items():
            asked = _bound(asked, clock) if synced and not asked.bound else asked
            if not asked.reported:
                self._report(_started(key, asked))
                asked = replace(asked, reported=True)
            if asked.until_mono > now_mono:
                kept[key] = asked
            else:
                self._report(_ended(key, asked, "over"))
        if kept != self._states or now_mono - self._saved_mono >= SAVE_EVERY_S:
            self._states = kept
            self._save(kept)

    def _reason(self, asked: _OverrideState, reason: EndReason) -> EndReason:
        """The reason to report: ``over`` if its time has run out already."""
        assert self._clock is not None
        return "over" if self._clock.monotonic() >= asked.until_mono else reason

    def _read(self, path: Path, clock: Clock) -> dict[tuple[str, str], _OverrideState]:
        saved = read_record(path, _Saved) or _Saved(boot_id="", rules=[])
        same_boot, now_mono = saved.boot_id == self._boot_id, clock.monotonic()
        self._saved_mono = now_mono
        return {
            (kept.camera, kept.rule): _OverrideState(
                kept.what,
                kept.until_mono if same_boot else now_mono + kept.left_s,
                kept.until,
                bound=same_boot or kept.until is None,
                event_id=kept.event_id or _new_event_id(),
                for_s=kept.for_s or kept.left_s,
                by=RequestOrigin(kept.command_id, kept.signed_by),
                started_at=kept.started_at or rfc3339(clock.now()),
                reported=kept.reported,
            )
            for kept in saved.rules
        }

    def _save(self, wanted: Mapping[tuple[str, str], _OverrideState]) -> bool:
        assert self._path is not None
        assert self._clock is not None
        self._saved_mono = now_mono = self._clock.monotonic()
        rules = [
            _SavedOverride(
                camera=camera,
                rule=rule,
                what=asked.what,
                until_mono=asked.until_mono,
                until=asked.until,
                left_s=max(0.0, asked.until_mono - now_mono),
                event_id=asked.event_id,
                for_s=asked.for_s,
                started_at=asked.started_at,
                command_id=asked.by.command_id,
                signed_by=asked.by.signed_by,
                reported=asked.reported,
            )
            for (camera, rule), asked in wanted.items()
        ]
        return write_record(self._path, _Saved(boot_id=self._boot_id, rules=rules))


def _bound(asked: _OverrideState, clock: Clock) -> _OverrideState:
    """The clock is right now: the time that the box was off counts as well."""
    assert asked.until is not None
    left_s = (asked.until - clock.now()).total_seconds()
    until_mono = min(asked.until_mono, clock.monotonic() + left_s)
    return replace(asked, until_mono=until_mono, bound=True)


def _new_event_id() -> str:
    return f"override-{secrets.token_hex(8)}"


def _started(key: tuple[str, str], asked: _OverrideState) -> OverrideChange:
    camera, rule = key
    what: What = asked.what.value
    return OverrideChange(
        Phase.START, asked.event_id, camera, rule, what, asked.for_s, asked.by, asked.started_at
    )


def _ended(key: tuple[str, str], asked: _OverrideState, reason: EndReason) -> OverrideChange:
    return replace(_started(key, asked), phase=Phase.END, end_reason=reason)
