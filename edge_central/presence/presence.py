"""Decides the state of every gateway, and reports each change once. Pure: no clock, no broker.

This is the only place where a gateway's state is decided. The console, the API, ``central status``, the
metrics and ``edge-agent gateways`` show the newest report, as it was published and stored.

A gateway is offline after its last will, or when three heartbeats are missing. Every decision uses monotonic
seconds (``mono``); milliseconds since 1970 (``ms``) are only labels.

- A will or stop of an older session has arrived late, and is ignored. If an ``online`` was received before,
  it is the broker's retained copy, and does not prove that the gateway is there.
- Short absences are not reported: offline is reported after ``hold_s``, if it lasts. A gateway that is back
  within ``hold_s`` is online since the same time as before.
- A gateway that often goes offline is reported once as unstable, until it was stable for a while.
- Many gateways of one ward that go offline at once are one outage of the ward: they are cut, not offline.
- A gateway whose box has just started is booting.
- No absence counts while the centre itself has no broker session, nor shortly after it connected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from edge_agent.core.clock import Instant
from edge_central.sentences import problem_text
from edge_central.store.presence_reports import (
    USUAL_INTERVAL_S,
    GatewayReport,
    OutageReport,
    PresenceReport,
    PresenceState,
)
from edge_central.trusted_time.clock import Correction

BEGINNING = Instant(0.0, 0)
_UNDAMPED = {
    PresenceState.ONLINE: PresenceState.ONLINE,
    PresenceState.BOOTING: PresenceState.ONLINE,
    PresenceState.UNSTABLE: PresenceState.ONLINE,
    PresenceState.OFFLINE: PresenceState.OFFLINE,
    PresenceState.CUT: PresenceState.OFFLINE,
    PresenceState.STOPPED: PresenceState.STOPPED,
}
"""The undamped state for each reported state: online, offline or stopped."""


@dataclass(frozen=True, slots=True)
class PresenceThresholds:
    """Thresholds of PresenceTracker. Lower values report sooner, but with more false reports."""

    missed: float = 3.3  # missed heartbeats; they are sent every 30 s, give or take 10 %
    shortest_s: float = 10.0  # shorter intervals between heartbeats count as this one
    longest_s: float = 3_600.0
    hold_s: float = 30.0  # an absence must last so long; wills of one power cut need half a keepalive
    together_s: float = 120.0  # gateways that go offline within this time belong to one outage
    outage_hold_s: float = 5.0  # a stopping broker publishes all wills, and is offline itself a moment later
    outage_share: float = 0.5  # share of the ward's expected gateways that must be offline
    outage_least: int = 3
    late_s: float = 120.0  # longest reconnect delay of a gateway after an outage
    falls: int = 4  # a gateway that went offline this often within ``falls_s`` is unstable
    falls_s: float = 3_600.0
    stable_s: float = 900.0  # an unstable gateway is stable again after this time without a change
    grace_s: float = 90.0  # no absence counts soon after the centre connects: gateways need 30 s or more
    boot_s: float = 300.0  # uptime of a booting box: its cameras, recorder and switch start later


@dataclass(slots=True)
class _GatewayPresence:
    gateway: str
    ward: str
    state: PresenceState | None  # the current state, before damping
    why: str
    changed_mono: float
    changed_ms: int
    present_ms: int | None = None  # when it came online, short absences ignored; None: unknown
    reported: GatewayReport | None = None
    boot_until_mono: float = 0.0
    interval_s: float = USUAL_INTERVAL_S
    heard_mono: float | None = None
    session: str | None = None  # the session in its newest ``online`` message
    session_before: str | None = None  # the session in its newest state message before the centre was started
    heartbeat_session: str | None = None  # the session that two heartbeats in a row have named
    doubted: str | None = None
    ended: str | None = None  # the session that has ended
    distances_s: deque[float] = field(default_factory=lambda: deque(maxlen=3))
    falls_mono: deque[float] = field(default_factory=deque)
    outage_until_mono: float = 0.0  # until this time its absence is part of the ward's outage

    @property
    def reported_state(self) -> PresenceState | None:
        return None if self.reported is None else self.reported.state


@dataclass(slots=True)
class _Outage:
    since_ms: int
    began_mono: float
    gateways: set[str]
    of: int
    complete: bool = False  # a report with all its gateways was returned


class PresenceTracker:
    """Tracks the presence of all gateways and wards. Not thread-safe.

    ``reports``: the reports that were published before the centre was restarted. ``at``: the time of this
    restart. ``sessions``: the session in the last state message of each gateway before the restart.
    """

    def __init__(
        self,
        reports: Iterable[PresenceReport] = (),
        thresholds: PresenceThresholds | None = None,
        at: Instant = BEGINNING,
        sessions: Mapping[str, str | None] | None = None,
    ) -> None:
        self._thresholds = thresholds or PresenceThresholds()
        self._gateways: dict[str, _GatewayPresence] = {}
        self._outages: dict[str, _Outage] = {}
        self._gone: list[GatewayReport] = []
        for report in reports:
            match report:
                case GatewayReport():
                    self._restore(report, at, (sessions or {}).get(report.gateway))
                case OutageReport():
                    down = set(report.gateways)
                    self._outages[report.ward] = _Outage(report.since_ms, at.mono, down, report.of, True)

    def record_heartbeat(
        self,
        gateway: str,
        ward: str,
        session: str,
        every_s: float | None,
        at: Instant,
        uptime_s: float | None = None,
    ) -> None:
        """Record a heartbeat. ``every_s``: the gateway's current heartbeat interval; ``uptime_s``: how long
        the box has been running; each None if the gateway does not report it."""
        record = self._gateway(gateway, ward, at)
        if record.ended == session and record.state is not PresenceState.ONLINE:
            return  # the session has ended: its will arrived before this older heartbeat
        self._learn_interval(record, every_s, at.mono)
        if uptime_s is not None:
            record.boot_until_mono = at.mono + self._thresholds.boot_s - max(0.0, uptime_s)
        record.heard_mono, record.ward = at.mono, ward
        if record.doubted == session:
            record.heartbeat_session = session
        record.doubted = session
        self._change_state(record, PresenceState.ONLINE, problem_text("heard"), at)

    def record_state(self, gateway: str, ward: str, state: str, session: str, why: str, at: Instant) -> None:
        """Record a state message: online, stopped or offline."""
        record = self._gateway(gateway, ward, at)
        if state == PresenceState.ONLINE:
            is_known = session in (record.session, record.session_before)
            if is_known and record.state is not PresenceState.ONLINE:
                return  # the broker's retained copy; every connection has a new session
            record.session, record.heartbeat_session, record.doubted, record.ended = session, None, None, None
            record.heard_mono, record.ward = at.mono, ward
            record.distances_s.clear()
            self._change_state(record, PresenceState.ONLINE, why, at)
        elif record.session is None or session in (record.session, record.heartbeat_session):
            record.ended = session
            self._change_state(record, PresenceState(state), why, at)

    def remove(self, gateway: str, ward: str, now_ms: int) -> None:
        """Remove a gateway whose retained messages were cleared, unless it has moved to another ward."""
        record = self._gateways.get(gateway)
        if record is not None and record.ward == ward:
            del self._gateways[gateway]
            self._gone.append(GatewayReport(gateway, ward, None, "taken away", now_ms))

    def tick(self, at: Instant, connected_mono: float | None) -> list[PresenceReport]:
        """Return the reports that are due. ``connected_mono``: when the centre's broker session began; None:
        it has no session."""
        reports: list[PresenceReport] = [*self._gone]
        self._gone.clear()
        if connected_mono is None:
            return reports
        settled = at.mono - connected_mono >= self._thresholds.grace_s
        for record in self._gateways.values():
            self._judge_silence(record, at, connected_mono)
        if settled:
            reports += self._judge_wards(at)
        for record in self._gateways.values():
            report = self._settle(record, at.mono, settled)
            if report is not None:
                reports.append(report)
        return reports

    def current_reports(self) -> list[PresenceReport]:
        """Return all published reports that are still true."""
        reports: list[PresenceReport] = [
            record.reported for record in self._gateways.values() if record.reported is not None
        ]
        return reports + [self._outage_report(ward) for ward in self._outages]

    def apply_correction(self, correction: Correction) -> None:
        """Correct the recorded times (``ms``), because the centre's clock was wrong."""
        for record in self._gateways.values():
            record.changed_ms = correction.of(record.changed_ms)
            if record.present_ms is not None:
                record.present_ms = correction.of(record.present_ms)
            if record.reported is not None:
                since_ms = correction.of(record.reported.since_ms)
                record.reported = replace(record.reported, since_ms=since_ms)
        for outage in self._outages.values():
            outage.since_ms = correction.of(outage.since_ms)

    def _restore(self, report: GatewayReport, at: Instant, session: str | None) -> None:
        if report.state is None:
            return
        state = _UNDAMPED[report.state]
        why = problem_text("heard") if report.state is PresenceState.UNSTABLE else report.why
        record = _GatewayPresence(
            report.gateway, report.ward, state, why, at.mono, report.since_ms, reported=report
        )
        record.interval_s, record.session_before = report.interval_s, session
        if state is PresenceState.ONLINE:
            record.present_ms = report.since_ms
        if report.state is PresenceState.BOOTING:
            booted_s = max(0.0, (at.ms - report.since_ms) / 1000)
            record.boot_until_mono = at.mono + self._thresholds.boot_s - booted_s
        elif report.state is PresenceState.CUT:
            record.outage_until_mono = at.mono + self._thresholds.late_s
        self._gateways[report.gateway] = record

    def _gateway(self, gateway: str, ward: str, at: Instant) -> _GatewayPresence:
        record = self._gateways.get(gateway)
        if record is None:
            record = self._gateways[gateway] = _GatewayPresence(gateway, ward, None, "", at.mono, at.ms)
        return record

    def _change_state(self, record: _GatewayPresence, state: PresenceState, why: str, at: Instant) -> None:
        if record.state is state:
            return
        if state is PresenceState.OFFLINE:
            record.falls_mono.append(at.mono)
        else:
            record.outage_until_mono = 0.0
        if state is PresenceState.ONLINE:
            is_short = record.state is not None and at.mono - record.changed_mono < self._thresholds.hold_s
            if not is_short or record.present_ms is None:
                record.present_ms = at.ms
        record.state, record.why, record.changed_mono, record.changed_ms = state, why, at.mono, at.ms

    def _learn_interval(self, record: _GatewayPresence, every_s: float | None, mono: float) -> None:
        """Learn the heartbeat interval. If the gateway does not report ``every_s``, use the shortest of the
        last three distances between heartbeats, so that one lost heartbeat does not double the interval."""
        thresholds = self._thresholds
        if record.heard_mono is not None:
            record.distances_s.append(mono - record.heard_mono)
        if every_s is None:
            every_s = min(record.distances_s) if len(record.distances_s) == 3 else record.interval_s
        record.interval_s = min(thresholds.longest_s, max(thresholds.shortest_s, every_s))

    def _judge_silence(self, record: _GatewayPresence, at: Instant, connected_mono: float) -> None:
        heard_mono = max(connected_mono, record.heard_mono or connected_mono)
        silent_s = at.mono - heard_mono
        if record.state is PresenceState.ONLINE and silent_s > self._thresholds.missed * record.interval_s:
            why = problem_text("no-heartbeat", seconds=round(silent_s))
            self._change_state(record, PresenceState.OFFLINE, why, at)

    def _settle(self, record: _GatewayPresence, mono: float, settled: bool) -> GatewayReport | None:
        """Return this gateway's due report and store it as reported; None: no report is due."""
        state, reported = self._decide(record, mono, settled), record.reported
        if state is None:
            return None
        if reported is not None and reported.state is state:
            if reported.ward == record.ward:
                return None
            record.reported = replace(reported, ward=record.ward)  # the gateway has moved; the rest stays
            return record.reported
        why = record.why
        if state is PresenceState.UNSTABLE:
            minutes = round(self._thresholds.falls_s / 60)
            why = problem_text("went-offline-often", times=len(record.falls_mono), minutes=minutes)
        elif state is PresenceState.CUT:
            why = problem_text("went-with-ward")
        since_ms = record.changed_ms
        if state in (PresenceState.ONLINE, PresenceState.BOOTING):
            if reported is not None and reported.state is PresenceState.UNSTABLE:
                record.present_ms = record.changed_ms
            since_ms = record.changed_ms if record.present_ms is None else record.present_ms
        record.reported = GatewayReport(record.gateway, record.ward, state, why, since_ms, record.interval_s)
        return record.reported

    def _decide(self, record: _GatewayPresence, mono: float, settled: bool) -> PresenceState | None:
        """Return the state to report. None: nothing is to be reported of this gateway yet."""
        thresholds, reported = self._thresholds, record.reported_state
        while record.falls_mono and mono - record.falls_mono[0] > thresholds.falls_s:
            record.falls_mono.popleft()
        if record.state is PresenceState.OFFLINE and self._is_in_outage(record, mono):
            return PresenceState.CUT if settled or reported is PresenceState.CUT else reported
        if reported is PresenceState.UNSTABLE:
            if mono - record.changed_mono < thresholds.stable_s:
                return reported
            record.falls_mono.clear()
        elif len(record.falls_mono) >= thresholds.falls:
            return PresenceState.UNSTABLE
        if record.state is PresenceState.OFFLINE:
            lasts = settled and mono - record.changed_mono >= thresholds.hold_s
            return PresenceState.OFFLINE if lasts else reported
        if record.state is PresenceState.ONLINE and mono < record.boot_until_mono:
            return PresenceState.BOOTING
        return record.state

    def _is_in_outage(self, record: _GatewayPresence, mono: float) -> bool:
        outage = self._outages.get(record.ward)
        is_named = outage is not None and record.gateway in outage.gateways
        return is_named or mono < record.outage_until_mono

    def _judge_wards(self, at: Instant) -> list[PresenceReport]:
        reports: list[PresenceReport] = []
        by_ward: dict[str, list[_GatewayPresence]] = {ward: [] for ward in self._outages}
        for record in self._gateways.values():
            by_ward.setdefault(record.ward, []).append(record)
        for ward, records in by_ward.items():
            if ward in self._outages:
                reports += self._update_outage(ward, records, at)
            elif fallen := self._fallen_together(records, at.mono):
                of = sum(record.reported_state is not PresenceState.OFFLINE for record in _expected(records))
                since_ms = min(record.changed_ms for record in fallen)
                self._outages[ward] = _Outage(since_ms, at.mono, set(), of)
                self._add(self._outages[ward], fallen)
                reports.append(self._outage_report(ward))
        return reports

    def _fallen_together(self, records: Collection[_GatewayPresence], mono: float) -> list[_GatewayPresence]:
        """Return a new outage's gateways; empty: too few, or all offline for less than ``outage_hold_s``."""
        thresholds = self._thresholds
        expected = [
            record for record in _expected(records) if record.reported_state is not PresenceState.OFFLINE
        ]
        fallen = [
            record
            for record in expected
            if record.state is PresenceState.OFFLINE and mono - record.changed_mono <= thresholds.together_s
        ]
        if len(fallen) < max(thresholds.outage_least, thresholds.outage_share * len(expected)):
            return []
        first_mono = min(record.changed_mono for record in fallen)
        return fallen if mono - first_mono >= thresholds.outage_hold_s else []

    def _update_outage(
        self, ward: str, records: Collection[_GatewayPresence], at: Instant
    ) -> list[PresenceReport]:
        thresholds, outage = self._thresholds, self._outages[ward]
        if at.mono - outage.began_mono <= thresholds.together_s:
            new = [
                record
                for record in records
                if record.state is PresenceState.OFFLINE
                and record.reported_state is not PresenceState.OFFLINE
            ]
            self._add(outage, [record for record in new if record.gateway not in outage.gateways])
        down = [
            record
            for record in records
            if record.gateway in outage.gateways and record.state is PresenceState.OFFLINE
        ]
        if len(down) < thresholds.outage_least or len(down) <= thresholds.outage_share / 2 * outage.of:
            del self._outages[ward]
            for record in down:
                record.outage_until_mono = at.mono + thresholds.late_s
            return [OutageReport(ward, (), outage.of, at.ms)]
        if not outage.complete and at.mono - outage.began_mono >= thresholds.hold_s:
            outage.complete = True
            return [self._outage_report(ward)]
        return []

    def _add(self, outage: _Outage, fallen: Collection[_GatewayPresence]) -> None:
        for record in fallen:
            outage.gateways.add(record.gateway)
            if record.falls_mono:
                record.falls_mono.pop()  # this fall belongs to the outage, not to the gateway

    def _outage_report(self, ward: str) -> OutageReport:
        outage = self._outages[ward]
        return OutageReport(ward, tuple(sorted(outage.gateways)), outage.of, outage.since_ms)


def _expected(records: Collection[_GatewayPresence]) -> list[_GatewayPresence]:
    """Return the gateways that should be online: those that were reported, and not as stopped."""
    return [
        record
        for record in records
        if record.reported is not None and record.reported.state is not PresenceState.STOPPED
    ]
