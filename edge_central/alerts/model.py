"""Alerts, their changes, and the conditions of one gateway or ward. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum

from edge_agent.core.clock import Instant
from edge_agent.core.model import Severity
from edge_central.alert_settings import AlertRule
from edge_central.measures import (
    CENTRE_MEASURES,
    CLAIM_MEASURES,
    GRACED,
    PRESENCE,
    Measure,
    Measurement,
    overrides,
    plain,
)
from edge_central.store.ringing import FLOOD_WINDOW_S
from edge_central.trusted_time.clock import Correction


@dataclass(frozen=True, slots=True, order=True)
class AlertKey:
    """Identifies an alert: at most one alert is open per key. ``gateway`` is empty for an alert of the ward
    itself, ``camera`` for an alert of the gateway itself."""

    ward: str
    gateway: str
    rule: str
    camera: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    key: AlertKey
    severity: Severity
    text: str  # the reason, one line for operators
    value: float | None  # measured at the opening
    since_ms: int  # since then the condition holds
    opened_ms: int
    cleared_ms: int | None = None  # None: open
    cleared_text: str | None = None
    folded: bool = False  # another alert explains this one: the gateway or ward is away

    def corrected(self, correction: Correction) -> Alert:
        """Return a copy with corrected times, after the centre's clock was wrong."""
        cleared_ms = None if self.cleared_ms is None else correction.of(self.cleared_ms)
        since_ms, opened_ms = correction.of(self.since_ms), correction.of(self.opened_ms)
        return replace(self, since_ms=since_ms, opened_ms=opened_ms, cleared_ms=cleared_ms)


class AlertChangeKind(StrEnum):
    OPENED = "opened"
    CHANGED = "changed"  # still open: folded or unfolded, or with a new text
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class AlertChange:
    kind: AlertChangeKind
    alert: Alert


WARD_OR_PRESENCE = PRESENCE | {Measure.WARD_OUTAGE, *CENTRE_MEASURES, *CLAIM_MEASURES}


@dataclass(slots=True)
class AlertCondition:
    """A rule's condition holds for one gateway or camera; ``alert`` is None until it has lasted ``for_s``."""

    rule: AlertRule
    since_mono: float
    since_ms: int
    text: str
    value: float | None
    alert: Alert | None = None
    false_mono: float | None = None  # since when the condition of an open alert is false
    clear_text: str = ""


@dataclass(slots=True)
class ActiveOverrides:
    """The texts of an operator's overrides of one camera."""

    active: set[str] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)  # all overrides reported since its alert was opened


@dataclass(slots=True)
class AlertSubject:
    ward: str
    gateway: str = ""  # empty: the ward itself
    away: bool = False  # offline, stopped, or offline with its ward
    heard_mono: float | None = None
    grace_until_mono: float = 0.0
    version: str = ""
    alarms: deque[tuple[float, int]] = field(default_factory=deque)  # (monotonic s, count)
    conditions: dict[tuple[str, str], AlertCondition] = field(default_factory=dict)  # by rule and camera
    overrides: dict[tuple[str, str], ActiveOverrides] = field(default_factory=dict)  # by rule and camera

    def judge(
        self, rule: AlertRule, camera: str, measurement: Measurement, at: Instant, since_ms: int | None = None
    ) -> Iterator[AlertChange]:
        """Apply a new measurement; ``since_ms``: since when the condition holds, if known."""
        condition_key = (rule.id, camera)
        condition = self.conditions.get(condition_key)
        is_open = condition is not None and condition.alert is not None
        if not rule.is_met(measurement, is_open):
            if condition is None:
                return
            if condition.alert is None:
                del self.conditions[condition_key]
                return
            if condition.false_mono is None:
                condition.false_mono, condition.clear_text = at.mono, plain(measurement.text)
        elif condition is None:
            text = plain(rule.text_for(measurement))
            condition = self.conditions[condition_key] = AlertCondition(
                rule, at.mono, since_ms or at.ms, text, measurement.value
            )
        elif condition.alert is None:
            condition.text, condition.value = plain(rule.text_for(measurement)), measurement.value
        else:
            condition.false_mono = None
            # An alert stays folded while its camera may still be starting.
            if rule.measure not in GRACED or at.mono >= self.grace_until_mono:
                yield from _changed(condition, folded=False)
        yield from self._settle(condition_key, condition, at)

    def judge_overrides(
        self, rule: AlertRule, camera: str, active: set[str], at: Instant
    ) -> Iterator[AlertChange]:
        """Apply the active overrides of a camera. Another override during an open alert opens a new alert."""
        condition_key = (rule.id, camera)
        condition = self.conditions.get(condition_key)
        if not active and condition is None:
            self.overrides.pop(condition_key, None)
            return
        is_open = condition is not None and condition.alert is not None
        # The centre does not know the overrides of an alert from before this start: use the current ones.
        known_overrides = self.overrides.setdefault(
            condition_key, ActiveOverrides(reported=set(active) if is_open else set())
        )
        if is_open and active - known_overrides.reported:
            yield from self.end(condition_key, "another one follows", at.ms)
            is_open = False
        known_overrides.active, known_overrides.reported = (
            set(active),
            known_overrides.reported | active if is_open else set(active),
        )
        yield from self.judge(rule, camera, overrides(active), at)

    def settle(self, at: Instant, settled: bool, connected_mono: float) -> Iterator[AlertChange]:
        """Open or clear what has lasted long enough, if the gateway reported since the centre connected."""
        heard = self.heard_mono is not None and self.heard_mono >= connected_mono
        for condition_key, condition in list(self.conditions.items()):
            if settled if condition.rule.measure in WARD_OR_PRESENCE else heard and not self.away:
                yield from self._settle(condition_key, condition, at)

    def go_away(self) -> None:
        """Note that the gateway is away, and drop conditions without an alert: their state is unknown now."""
        self.away = True
        for condition_key, condition in list(self.conditions.items()):
            if condition.alert is None and condition.rule.measure not in WARD_OR_PRESENCE:
                del self.conditions[condition_key]

    def come_back(self, mono: float, grace_s: float) -> None:
        self.away = False
        self.grace_until_mono = max(self.grace_until_mono, mono + grace_s)

    def fold(self) -> Iterator[AlertChange]:
        """Fold the open alerts: another alert explains them."""
        for condition in self.conditions.values():
            if condition.alert is not None and condition.rule.measure not in WARD_OR_PRESENCE:
                yield from _changed(condition, folded=True)

    def has_alert_of(self, measures: Set[Measure]) -> bool:
        """Return whether an alert of one of these measures is open."""
        return any(
            condition.alert is not None and condition.rule.measure in measures
            for condition in self.conditions.values()
        )

    def count_alarms(self, new: int, mono: float) -> int:
        """Add ``new`` alarms and return the count of the last ten minutes. Alarms within ten seconds share
        one entry, which bounds the memory of a flood."""
        while self.alarms and mono - self.alarms[0][0] > FLOOD_WINDOW_S:
            self.alarms.popleft()
        if new and self.alarms and mono - self.alarms[-1][0] < 10.0:
            began_mono, count = self.alarms.pop()
            self.alarms.append((began_mono, count + new))
        elif new:
            self.alarms.append((mono, new))
        return sum(count for _, count in self.alarms)

    def end(self, condition_key: tuple[str, str], why: str, now_ms: int) -> Iterator[AlertChange]:
        """Clear the alert of this condition, if any, and drop the condition."""
        condition = self.conditions.pop(condition_key, None)
        if condition is not None and condition.alert is not None:
            yield AlertChange(
                AlertChangeKind.CLEARED, replace(condition.alert, cleared_ms=now_ms, cleared_text=why)
            )

    def end_all(self, why: str, now_ms: int) -> Iterator[AlertChange]:
        for condition_key in list(self.conditions):
            yield from self.end(condition_key, why, now_ms)

    def _settle(
        self, condition_key: tuple[str, str], condition: AlertCondition, at: Instant
    ) -> Iterator[AlertChange]:
        rule = condition.rule
        if condition.alert is None:
            graced = rule.measure in GRACED and at.mono < self.grace_until_mono
            if at.mono - condition.since_mono >= rule.for_s and not graced:
                key = AlertKey(self.ward, self.gateway, *condition_key)
                condition.alert = Alert(
                    key, rule.severity, condition.text, condition.value, condition.since_ms, at.ms
                )
                yield AlertChange(AlertChangeKind.OPENED, condition.alert)
        elif condition.false_mono is not None and at.mono - condition.false_mono >= rule.clear_s:
            yield from self.end(condition_key, condition.clear_text, at.ms)


def _changed(condition: AlertCondition, *, folded: bool) -> Iterator[AlertChange]:
    assert condition.alert is not None
    if condition.alert.folded != folded:
        condition.alert = replace(condition.alert, folded=folded)
        yield AlertChange(AlertChangeKind.CHANGED, condition.alert)
