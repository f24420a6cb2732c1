"""Decides which gateways are there, and reports each change once. Pure: no clock, no broker.

A gateway is offline by its last will, or when three heartbeats are missing. Every decision uses monotonic
seconds (``mono``); milliseconds since 1970 (``now_ms``) are only labels.

- A will or stop of an older session arrives late and is ignored.
- Short absences are not reported: offline is reported after ``hold_s``, if it lasts.
- A gateway that often goes offline is reported once as unstable, until it was stable for a while.
- Many gateways of one ward that go at once are one outage of the ward, not many offline gateways.
- No absence counts while the centre itself has no broker session, nor shortly after it connected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from edge_central.store.presence_reports import (
    USUAL_INTERVAL_S,
    GatewayReport,
    OutageReport,
    PresenceReport,
    PresenceState,
)


@dataclass(frozen=True, slots=True)
class PresenceThresholds:
    """Thresholds of PresenceTracker. Lower values report sooner, but with more false reports."""

    missed: float = 3.3  # missed heartbeats; they are sent every 30 s, give or take 10 %
    shortest_s: float = 10.0  # shortest interval between heartbeats that is believed
    longest_s: float = 3_600.0
    hold_s: float = 30.0  # the wills of one power cut arrive within half a keepalive
    together_s: float = 120.0  # gateways that go within this time belong to one outage
    outage_hold_s: float = 5.0  # a stopping broker publishes all wills, and is gone itself a moment later
    outage_share: float = 0.5  # share of the ward's gateways that were there
    outage_least: int = 3
    late_s: float = 120.0  # after an outage the last gateways come back this much later: their longest delay
    falls: int = 4  # times offline within ``falls_s`` that make it unstable
    falls_s: float = 3_600.0
    stable_s: float = 900.0  # without a change, it is stable again
    grace_s: float = 90.0  # after the centre's own connect: gateways reconnect over 30 s and more


@dataclass(slots=True)
class _GatewayPresence:
    gateway: str
    ward: str
    state: PresenceState | None  # the current state, before damping
    why: str
    changed_mono: float
    changed_ms: int
    reported: PresenceState | None = None
    interval_s: float = USUAL_INTERVAL_S
    heard_mono: float | None = None
    session: str | None = None  # of its newest ``online``
    beat_session: str | None = None  # named by two heartbeats in a row
    doubted: str | None = None
    ended: str | None = None  # the session that has ended
    distances_s: deque[float] = field(default_factory=lambda: deque(maxlen=3))
    falls_mono: deque[float] = field(default_factory=deque)
    outage_until_mono: float = 0.0  # until then its absence still belongs to the ward's outage


@dataclass(slots=True)
class _Outage:
    since_ms: int
    began_mono: float
    gateways: set[str]
    of: int
    complete: bool = False  # reported with all its gateways


class PresenceTracker:
    """The presence of all gateways and wards. Not thread-safe. ``reports``: those published before a
    restart."""

    def __init__(
        self, told: Iterable[PresenceReport] = (), bounds: PresenceThresholds | None = None, mono: float = 0.0
    ) -> None:
        self._bounds = bounds or PresenceThresholds()
        self._gateways: dict[str, _GatewayPresence] = {}
        self._outages: dict[str, _Outage] = {}
        self._gone: list[GatewayReport] = []
        for report in told:
            match report:
                case GatewayReport():
                    self._remember(report, mono)
                case OutageReport():
                    down = set(report.gateways)
                    self._outages[report.ward] = _Outage(report.since_ms, mono, down, report.of, True)
        for outage in self._outages.values():
            for box in (self._gateways[each] for each in outage.gateways if each in self._gateways):
                box.state, box.why = PresenceState.OFFLINE, "went with its ward"

    def record_heartbeat(
        self, gateway: str, ward: str, session: str, every_s: float | None, mono: float, now_ms: int
    ) -> None:
        """Record a heartbeat; ``every_s``: its current interval, if the gateway reports it."""
        box = self._gateway(gateway, ward, mono, now_ms)
        if box.ended == session and box.state is not PresenceState.ONLINE:
            return  # sent before the session ended, and overtaken by its will
        self._learn_interval(box, every_s, mono)
        box.heard_mono, box.ward = mono, ward
        if box.doubted == session:
            box.beat_session = session
        box.doubted = session
        self._change_state(box, PresenceState.ONLINE, "heartbeat", mono, now_ms)

    def record_state(
        self, gateway: str, ward: str, state: str, session: str, why: str, mono: float, now_ms: int
    ) -> None:
        """Record a state message: online, stopped or offline."""
        box = self._gateway(gateway, ward, mono, now_ms)
        if state == PresenceState.ONLINE:
            box.session, box.beat_session, box.doubted, box.ended = session, None, None, None
            box.heard_mono, box.ward = mono, ward
            box.distances_s.clear()
            self._change_state(box, PresenceState.ONLINE, why, mono, now_ms)
        elif box.session is None or session in (box.session, box.beat_session):
            box.ended = session
            self._change_state(box, PresenceState(state), why, mono, now_ms)

    def forget(self, gateway: str, ward: str, now_ms: int) -> None:
        """The gateway's retained messages were cleared: remove it. A message for another ward only means a
        move."""
        box = self._gateways.get(gateway)
        if box is not None and box.ward == ward:
            del self._gateways[gateway]
            self._gone.append(GatewayReport(gateway, ward, None, "taken away", now_ms))

    def tick(self, mono: float, now_ms: int, connected_mono: float | None) -> list[PresenceReport]:
        """Return the reports that are due. ``connected_mono``: when the centre's broker session began,
        None without one."""
        reports: list[PresenceReport] = [*self._gone]
        self._gone.clear()
        if connected_mono is None:
            return reports
        settled = mono - connected_mono >= self._bounds.grace_s
        for box in self._gateways.values():
            self._judge_silence(box, mono, now_ms, connected_mono)
        if settled:
            reports += self._judge_wards(mono, now_ms)
        for box in self._gateways.values():
            report = self._settle(box, mono, settled)
            if report is not None:
                reports.append(report)
        return reports

    def current_reports(self) -> list[PresenceReport]:
        """All published reports that are still true."""
        told: list[PresenceReport] = [
            _report(box, box.reported) for box in self._gateways.values() if box.reported is not None
        ]
        return told + [self._outage_report(ward) for ward in self._outages]

    def shift_times(self, since_ms: int, by_ms: int) -> None:
        """Add ``by_ms`` to the labels after ``since_ms``: the clock was wrong."""
        for box in self._gateways.values():
            if box.changed_ms > since_ms:
                box.changed_ms += by_ms
        for outage in self._outages.values():
            if outage.since_ms > since_ms:
                outage.since_ms += by_ms

    # --- gateways ---

    def _remember(self, report: GatewayReport, mono: float) -> None:
        if report.state is None:
            return
        now = PresenceState.ONLINE if report.state is PresenceState.UNSTABLE else report.state
        box = _GatewayPresence(
            report.gateway, report.ward, now, report.why, mono, report.since_ms, report.state
        )
        box.interval_s = report.interval_s
        self._gateways[report.gateway] = box

    def _gateway(self, gateway: str, ward: str, mono: float, now_ms: int) -> _GatewayPresence:
        box = self._gateways.get(gateway)
        if box is None:
            box = self._gateways[gateway] = _GatewayPresence(gateway, ward, None, "", mono, now_ms)
        return box

    def _change_state(
        self, box: _GatewayPresence, now: PresenceState, why: str, mono: float, now_ms: int
    ) -> None:
        if box.state is now:
            return
        if now is PresenceState.OFFLINE:
            box.falls_mono.append(mono)
        else:
            box.outage_until_mono = 0.0
        box.state, box.why, box.changed_mono, box.changed_ms = now, why, mono, now_ms

    def _learn_interval(self, box: _GatewayPresence, every_s: float | None, mono: float) -> None:
        """Learn the heartbeat interval: the shortest of three distances, so that one lost heartbeat does
        not double it."""
        bounds = self._bounds
        if box.heard_mono is not None:
            box.distances_s.append(mono - box.heard_mono)
        if every_s is None:
            every_s = min(box.distances_s) if len(box.distances_s) == 3 else box.interval_s
        box.interval_s = min(bounds.longest_s, max(bounds.shortest_s, every_s))

    def _judge_silence(self, box: _GatewayPresence, mono: float, now_ms: int, connected_mono: float) -> None:
        heard_mono = max(connected_mono, box.heard_mono or connected_mono)
        silent_s = mono - heard_mono
        if box.state is PresenceState.ONLINE and silent_s > self._bounds.missed * box.interval_s:
            why = f"no heartbeat for {silent_s:.0f} s"
            self._change_state(box, PresenceState.OFFLINE, why, mono, now_ms)

    def _settle(self, box: _GatewayPresence, mono: float, settled: bool) -> GatewayReport | None:
        bounds = self._bounds
        while box.falls_mono and mono - box.falls_mono[0] > bounds.falls_s:
            box.falls_mono.popleft()
        if box.state is None or (box.state is box.reported and len(box.falls_mono) < bounds.falls):
            return None
        if box.reported is PresenceState.UNSTABLE:
            if mono - box.changed_mono < bounds.stable_s:
                return None
            box.falls_mono.clear()
        elif len(box.falls_mono) >= bounds.falls:
            why = f"went offline {len(box.falls_mono)} times in {bounds.falls_s / 60:.0f} min"
            box.reported = PresenceState.UNSTABLE
            return GatewayReport(box.gateway, box.ward, box.reported, why, box.changed_ms, box.interval_s)
        if box.state is PresenceState.OFFLINE and not self._may_report_offline(box, mono, settled):
            return None
        box.reported = box.state
        return _report(box, box.reported)

    def _may_report_offline(self, box: _GatewayPresence, mono: float, settled: bool) -> bool:
        outage = self._outages.get(box.ward)
        in_outage = mono < box.outage_until_mono or (outage is not None and box.gateway in outage.gateways)
        return settled and not in_outage and mono - box.changed_mono >= self._bounds.hold_s

    # --- wards ---

    def _judge_wards(self, mono: float, now_ms: int) -> list[PresenceReport]:
        reports: list[PresenceReport] = []
        by_ward: dict[str, list[_GatewayPresence]] = {ward: [] for ward in self._outages}
        for box in self._gateways.values():
            by_ward.setdefault(box.ward, []).append(box)
        for ward, boxes in by_ward.items():
            if ward in self._outages:
                reports += self._update_outage(ward, boxes, mono, now_ms)
            elif fallen := self._fallen_together(boxes, mono):
                of = sum(box.reported is not PresenceState.OFFLINE for box in _expected(boxes))
                since_ms = min(box.changed_ms for box in fallen)
                self._outages[ward] = _Outage(since_ms, mono, set(), of)
                self._add(self._outages[ward], fallen)
                reports.append(self._outage_report(ward))
        return reports

    def _fallen_together(self, boxes: Collection[_GatewayPresence], mono: float) -> list[_GatewayPresence]:
        """The gateways of a new outage; empty when too few went, or only just now."""
        bounds = self._bounds
        were_there = [box for box in _expected(boxes) if box.reported is not PresenceState.OFFLINE]
        fallen = [
            box
            for box in were_there
            if box.state is PresenceState.OFFLINE and mono - box.changed_mono <= bounds.together_s
        ]
        if len(fallen) < max(bounds.outage_least, bounds.outage_share * len(were_there)):
            return []
        first_mono = min(box.changed_mono for box in fallen)
        return fallen if mono - first_mono >= bounds.outage_hold_s else []

    def _update_outage(
        self, ward: str, boxes: Collection[_GatewayPresence], mono: float, now_ms: int
    ) -> list[PresenceReport]:
        bounds, outage = self._bounds, self._outages[ward]
        if mono - outage.began_mono <= bounds.together_s:
            new = [
                box
                for box in boxes
                if box.state is PresenceState.OFFLINE and box.reported is not PresenceState.OFFLINE
            ]
            self._add(outage, [box for box in new if box.gateway not in outage.gateways])
        down = [box for box in boxes if box.gateway in outage.gateways and box.state is PresenceState.OFFLINE]
        if len(down) < bounds.outage_least or len(down) <= bounds.outage_share / 2 * outage.of:
            del self._outages[ward]
            for box in down:
                box.outage_until_mono = mono + bounds.late_s
            return [OutageReport(ward, (), outage.of, now_ms)]
        if not outage.complete and mono - outage.began_mono >= bounds.hold_s:
            outage.complete = True
            return [self._outage_report(ward)]
        return []

    def _add(self, outage: _Outage, fallen: Collection[_GatewayPresence]) -> None:
        for box in fallen:
            outage.gateways.add(box.gateway)
            if box.falls_mono:
                box.falls_mono.pop()  # this fall belongs to the outage, not to the gateway

    def _outage_report(self, ward: str) -> OutageReport:
        outage = self._outages[ward]
        return OutageReport(ward, tuple(sorted(outage.gateways)), outage.of, outage.since_ms)


def _expected(boxes: Collection[_GatewayPresence]) -> list[_GatewayPresence]:
    """Gateways that should be there: heard of, and not stopped."""
    return [
        box
        for box in boxes
        if box.reported in (PresenceState.ONLINE, PresenceState.OFFLINE, PresenceState.UNSTABLE)
    ]


def _report(box: _GatewayPresence, standing: PresenceState | None) -> GatewayReport:
    return GatewayReport(box.gateway, box.ward, standing, box.why, box.changed_ms, box.interval_s)
