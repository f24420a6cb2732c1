"""Overrides of single rules that the centre asked for: masked, armed or disarmed for a time.

Commands write this one object, and the pipeline of every camera reads it. Overrides survive a restart. Their
remaining time is counted by the monotonic clock; after a reboot by a synchronised clock, or else from the
remaining time that was saved.

Each override is reported with its start before it takes effect, and with its end. If the agent is killed in
between, the start or the end may be reported twice, with the same ``event_id``, but never left out.
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
"""Longest additional time of an override when the power fails on a gateway without a clock."""


class OverrideKind(StrEnum):
    MASK = "mask"  # its events have the severity info and are no alarms
    ARM = "arm"  # active also outside its schedule
    DISARM = "disarm"  # inactive


@dataclass(frozen=True, slots=True)
class ActiveOverride:
    """A rule that a command has overridden for now."""

    camera: str
    rule: str
    what: OverrideKind
    left_s: float


class _SavedOverride(Struct, frozen=True, kw_only=True):
    camera: str
    rule: str
    what: OverrideKind
    until_mono: float  # in the boot that wrote the file
    until: datetime | None  # None: the clock was not synchronised
    left_s: float
    event_id: str = ""  # empty: an older version, which reported no overrides, wrote it
    for_s: float = 0.0  # as requested
    started_at: str = ""
    command_id: str | None = None
    signed_by: str | None = None
    reported: bool = False


class _Saved(Struct, kw_only=True):
    """The content of the file."""

    boot_id: str
    rules: list[_SavedOverride]


@dataclass(frozen=True, slots=True)
class _OverrideState:
    what: OverrideKind
    until_mono: float
    until: datetime | None  # end by a synchronised clock; None: the clock was not synchronised
    bound: bool  # ``until_mono`` is of this boot, or was computed with a synchronised clock
    event_id: str
    for_s: float
    by: RequestOrigin
    started_at: str
    reported: bool  # whether its start was reported


class Overrides:
    """The overrides in force. Any thread may call ``of``, once for every frame; the other methods lock."""

    def __init__(
        self,
        path: Path | None = None,
        clock: Clock | None = None,
        boot_id: str = "",
        synced: Callable[[], bool] = lambda: False,
        report: Callable[[OverrideChange], None] = lambda change: None,
    ) -> None:
        """A replay, which gets no commands, passes neither ``path`` nor ``clock``. A change must be durable
        when ``report`` returns."""
        self._path = path
        self._clock = clock
        self._boot_id = boot_id
        self._synced = synced
        self._report = report
        self._lock = threading.Lock()  # protects the file, and the replacement of the next attribute
        self._states: dict[tuple[str, str], _OverrideState] = {}  # never changed in place, but replaced
        self._saved_mono = 0.0
        if path is not None and clock is not None:
            self._states = self._read(path, clock)

    def of(self, camera: str, rule: str) -> OverrideKind | None:
        state = self._states.get((camera, rule))
        if state is None or self._clock is None or self._clock.monotonic() >= state.until_mono:
            return None
        return state.what

    def apply(
        self, camera: str, rule: str, what: OverrideKind, for_s: float, by: RequestOrigin | None = None
    ) -> bool:
        """Override the rule from now on for ``for_s``, in place of an earlier override.

        Returns False if the disk could not store it, so that the override would not survive a restart.
        """
        assert self._clock is not None
        now = self._clock.now()
        state = _OverrideState(
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
            # Saved first: if the agent is killed before the report, the next start reports it.
            self._save({**self._states, key: state})
            self._report(_started(key, state))
            self._states = {**self._states, key: replace(state, reported=True)}
            return self._save(self._states)

    def end(self, camera: str, rule: str) -> bool:
        """End the override of the rule. Returns False if the disk could not store the change."""
        key = (camera, rule)
        with self._lock:
            ended = self._states.get(key)
            self._states = {each: state for each, state in self._states.items() if each != key}
            if ended is not None:
                self._report(_ended(key, ended, self._reason(ended, "command")))
            return self._save(self._states)

    def active(self) -> list[ActiveOverride]:
        if self._clock is None:
            return []
        now = self._clock.monotonic()
        left = [(key, state.what, state.until_mono - now) for key, state in self._states.items()]
        return [ActiveOverride(*key, what, left_s) for key, what, left_s in left if left_s > 0]

    def tick(self) -> None:
        """Report and forget expired overrides, and save the remaining times. Call it about once a second.
        If a command holds the lock while it waits for the disk, the next call does the work.
        """
        if self._clock is None or not self._states or not self._lock.acquire(blocking=False):
            return
        try:
            self._tick(self._clock)
        finally:
            self._lock.release()

    def _tick(self, clock: Clock) -> None:
        now_mono, synced = clock.monotonic(), self._synced()
        remaining: dict[tuple[str, str], _OverrideState] = {}
        for key, state in self._states.items():
            state = _bound(state, clock) if synced and not state.bound else state
            if not state.reported:
                self._report(_started(key, state))
                state = replace(state, reported=True)
            if state.until_mono > now_mono:
                remaining[key] = state
            else:
                self._report(_ended(key, state, "over"))
        if remaining != self._states or now_mono - self._saved_mono >= SAVE_EVERY_S:
            self._states = remaining
            self._save(remaining)

    def _reason(self, state: _OverrideState, reason: EndReason) -> EndReason:
        """Return the reason to report: ``over`` if the time has already run out, else ``reason``."""
        assert self._clock is not None
        return "over" if self._clock.monotonic() >= state.until_mono else reason

    def _read(self, path: Path, clock: Clock) -> dict[tuple[str, str], _OverrideState]:
        saved = read_record(path, _Saved) or _Saved(boot_id="", rules=[])
        same_boot, now_mono = saved.boot_id == self._boot_id, clock.monotonic()
        self._saved_mono = now_mono
        return {
            (each.camera, each.rule): _OverrideState(
                each.what,
                each.until_mono if same_boot else now_mono + each.left_s,
                each.until,
                bound=same_boot or each.until is None,
                event_id=each.event_id or _new_event_id(),
                for_s=each.for_s or each.left_s,
                by=RequestOrigin(each.command_id, each.signed_by),
                started_at=each.started_at or rfc3339(clock.now()),
                reported=each.reported,
            )
            for each in saved.rules
        }

    def _save(self, wanted: Mapping[tuple[str, str], _OverrideState]) -> bool:
        assert self._path is not None
        assert self._clock is not None
        self._saved_mono = now_mono = self._clock.monotonic()
        rules = [
            _SavedOverride(
                camera=camera,
                rule=rule,
                what=state.what,
                until_mono=state.until_mono,
                until=state.until,
                left_s=max(0.0, state.until_mono - now_mono),
                event_id=state.event_id,
                for_s=state.for_s,
                started_at=state.started_at,
                command_id=state.by.command_id,
                signed_by=state.by.signed_by,
                reported=state.reported,
            )
            for (camera, rule), state in wanted.items()
        ]
        return write_record(self._path, _Saved(boot_id=self._boot_id, rules=rules))


def _bound(state: _OverrideState, clock: Clock) -> _OverrideState:
    """Return the override, its end computed from the synchronised clock: time without power counts."""
    assert state.until is not None
    left_s = (state.until - clock.now()).total_seconds()
    until_mono = min(state.until_mono, clock.monotonic() + left_s)
    return replace(state, until_mono=until_mono, bound=True)


def _new_event_id() -> str:
    return f"override-{secrets.token_hex(8)}"


def _started(key: tuple[str, str], state: _OverrideState) -> OverrideChange:
    camera, rule = key
    what: What = state.what.value
    return OverrideChange(
        Phase.START, state.event_id, camera, rule, what, state.for_s, state.by, state.started_at
    )


def _ended(key: tuple[str, str], state: _OverrideState, reason: EndReason) -> OverrideChange:
    return replace(_started(key, state), phase=Phase.END, end_reason=reason)
