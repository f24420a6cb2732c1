"""Decides from heartbeats and state messages what a gateway did while it was not connected. Pure.

While a gateway is away, only the time of its last message is known. After its return, its heartbeat reports
the time since its boot and since its agent's start, by the monotonic clock. If the agent has run all the
time, only the network was lost; if the gateway has booted since, its power was lost. All times are those of
the centre's clock, milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.wire.received.health import ReceivedHealth
from edge_central.availability.model import Layer, LinkState, RangeChange, SeriesKey, TimeSpan

USUAL_INTERVAL_MS = 30_000
LONGEST_INTERVAL_MS = 3_600_000
MISSED = 3.3
"""Intervals without a heartbeat after which a gateway is away, as in PresenceThresholds."""
RESTARTED_MS = 30_000
"""A computed start that is later by this much is another start. A smaller difference is none: uptimes are
whole seconds, and heartbeats arrive late."""
CONNECT_MS = 180_000
"""A gateway connects within this time after its start (``mqtt.spread_s`` and delays). Until then the absence
continues; after it, the gateway counts as without network."""
MAX_ABSENCES = 50
"""Absences that are kept per gateway because its late events may still correct them."""
ORDERED_BOOTS = frozenset(("command", "update"))
FAULT_BOOTS = frozenset(("watchdog", "panic"))
CORRECTABLE = (LinkState.POWER, LinkState.GATEWAY, LinkState.UNKNOWN)


@dataclass(slots=True)
class Absence:
    """A stored absence in which the gateway may have run. A late event with the same boot id proves that it
    ran until this event. ``proven``: the state of the time until the event."""

    from_ms: int
    to_ms: int
    state: LinkState
    boot_id: str

    @property
    def proven(self) -> LinkState:
        return LinkState.CONNECTED if self.state is LinkState.UNKNOWN else LinkState.NETWORK


@dataclass(slots=True)
class GatewayLink:
    """What the centre knows about one gateway's connection."""

    gateway: str
    state: LinkState | None = None  # None: the centre never heard it
    since_ms: int = 0  # begin of ``state``
    away_from_ms: int = 0  # begin of the absence, including the part that the centre missed
    heard_ms: int = 0  # time of its newest heartbeat
    interval_ms: int = USUAL_INTERVAL_MS
    session: str = ""  # of its newest heartbeat
    returned: tuple[str, int] | None = None  # a newer session without a heartbeat yet, and its begin
    ended_session: str = ""
    started_ms: int | None = None  # start of its agent, by its newest heartbeat
    booted_ms: int | None = None  # start of its kernel, by the same heartbeat
    boot_id: str = ""  # boot id when the centre heard it last
    next_boot_id: str = ""  # boot id of its newest birth
    absences: list[Absence] = field(default_factory=list)

    @property
    def key(self) -> SeriesKey:
        return SeriesKey(self.gateway, "", Layer.LINK)

    @property
    def is_away(self) -> bool:
        return self.state in (LinkState.ABSENT, LinkState.MAINTENANCE)

    def learn(self, health: ReceivedHealth, heard_ms: int) -> None:
        """Store the facts of a heartbeat: a new one, or after a restart the one from the database."""
        self.heard_ms, self.session = heard_ms, health.session
        every_s = health.uplink.heartbeat_s
        interval_ms = USUAL_INTERVAL_MS if every_s is None else round(every_s * 1000)
        self.interval_ms = min(max(interval_ms, USUAL_INTERVAL_MS), LONGEST_INTERVAL_MS)
        self.started_ms = _begin_ms(heard_ms, health.uptime_s)
        self.booted_ms = _begin_ms(heard_ms, health.box.uptime_s)

    # --- messages ---

    def on_heartbeat(
        self, health: ReceivedHealth, now_ms: int, centre_away: Sequence[TimeSpan]
    ) -> list[RangeChange]:
        """Learn from a heartbeat. Return the changes that follow from it if the gateway had been away.

        ``centre_away``: when the centre had no connection, each with the short time afterwards in which
        gateways come back.
        """
        if health.session == self.ended_session:
            return []  # sent before the session ended, and overtaken by its will
        changes = self._on_return(health, now_ms, centre_away)
        self.learn(health, now_ms)
        self.returned, self.ended_session, self.boot_id = None, "", self.next_boot_id
        return changes

    def on_online(self, session: str, now_ms: int) -> None:
        """Handle the message that a session began. The broker repeats the message when the centre
        reconnects."""
        if session != self.session and (self.returned is None or self.returned[0] != session):
            self.returned = session, now_ms

    def on_stopped(self, session: str, said_ms: int, now_ms: int) -> list[RangeChange]:
        """Handle the message that the agent was stopped on purpose, at ``said_ms`` by the agent's clock."""
        if not self._ends(session):
            return []
        if self.state is LinkState.MAINTENANCE:
            return []
        at_ms = min(max(said_ms, self.heard_ms), now_ms)
        return [self._change_to(LinkState.MAINTENANCE, at_ms)]

    def on_will(self, session: str, now_ms: int, centre_away: Sequence[TimeSpan]) -> list[RangeChange]:
        """Handle the will: the broker says that the connection was lost."""
        if not self._ends(session) or self.state is not LinkState.CONNECTED:
            return []
        return self._mark_absent(now_ms, centre_away)

    def on_silence(
        self, now_ms: int, listening_ms: int, centre_away: Sequence[TimeSpan]
    ) -> list[RangeChange]:
        """Mark the gateway as absent if its heartbeats are missing. The centre listens since
        ``listening_ms``."""
        if not self.is_silent(now_ms, listening_ms):
            return []
        return self._mark_absent(now_ms, centre_away)

    def is_silent(self, now_ms: int, listening_ms: int) -> bool:
        """Return whether the gateway counts as connected although its heartbeats are missing."""
        silent_ms = now_ms - max(self.heard_ms, listening_ms)
        return self.state is LinkState.CONNECTED and silent_ms > MISSED * self.interval_ms

    def on_removal(self, now_ms: int) -> list[RangeChange]:
        """Stop expecting a gateway whose retained messages were cleared."""
        if self.state in (None, LinkState.REMOVED):
            return []
        return [self._change_to(LinkState.REMOVED, now_ms)]

    def on_proof(self, boot_id: str, time_ms: int) -> RangeChange | None:
        """Correct the absence in which an event of ``boot_id`` happened, at ``time_ms``: the gateway ran
        then. None: there is no such absence."""
        for absence in self.absences:
            if absence.boot_id == boot_id and absence.from_ms < time_ms < absence.to_ms:
                change = RangeChange(self.key, absence.from_ms, time_ms, absence.proven.value)
                absence.from_ms = time_ms
                return change
        return None

    # --- conclusions from messages ---

    def _ends(self, session: str) -> bool:
        """Return whether the end of ``session`` is the end of the gateway's present session."""
        if self.returned is not None:
            if session != self.returned[0]:
                return False
            self.returned = None
            return not self.is_away
        if self.state is None or session != self.session:
            return False
        self.ended_session = session
        return True

    def _change_to(self, state: LinkState, at_ms: int) -> RangeChange:
        self.state, self.since_ms, self.away_from_ms = state, at_ms, at_ms
        return RangeChange(self.key, at_ms, None, state.value)

    def _gone_ms(self, now_ms: int) -> int:
        """Return when the connection was lost: half an interval after the last heartbeat, but not after
        ``now_ms``."""
        return min(self.heard_ms + self.interval_ms // 2, now_ms)

    def _mark_absent(self, now_ms: int, centre_away: Sequence[TimeSpan]) -> list[RangeChange]:
        gone_ms = self._gone_ms(now_ms)
        unseen = self._unseen(now_ms, centre_away)
        if unseen is None:
            return [self._change_to(LinkState.ABSENT, gone_ms)]
        until_ms = min(unseen.to_ms, now_ms)
        self._remember(unseen.from_ms, until_ms, LinkState.UNKNOWN)
        state = LinkState.UNKNOWN.value
        unknown = RangeChange(self.key, unseen.from_ms, until_ms, state, self.boot_id)
        absent = self._change_to(LinkState.ABSENT, until_ms)
        self.away_from_ms = unseen.from_ms
        return [unknown, absent]

    def _unseen(self, now_ms: int, centre_away: Sequence[TimeSpan]) -> TimeSpan | None:
        """Return the absence of the centre in which this connection may have been lost. None: the centre was
        connected and would have seen the loss."""
        latest_ms = min(now_ms, self.heard_ms + round(MISSED * self.interval_ms))
        return next((each for each in centre_away if each.overlaps(self.heard_ms, latest_ms)), None)

    def _on_return(
        self, health: ReceivedHealth, now_ms: int, centre_away: Sequence[TimeSpan]
    ) -> list[RangeChange]:
        if self.state in (None, LinkState.REMOVED):
            return [self._change_to(LinkState.CONNECTED, now_ms)]
        if health.session == self.session:
            # The connection was not lost, only heartbeats were.
            return [self._change_to(LinkState.CONNECTED, self.away_from_ms)] if self.is_away else []
        back_ms = now_ms
        if self.returned is not None and self.returned[0] == health.session:
            back_ms = self.returned[1]
        changes = []
        for piece in self._pieces(health, now_ms, back_ms, centre_away):
            if piece.to_ms > piece.from_ms:
                self._remember(piece.from_ms, piece.to_ms, piece.state)
                changes.append(
                    RangeChange(self.key, piece.from_ms, piece.to_ms, piece.state.value, piece.boot_id)
                )
        return [*changes, self._change_to(LinkState.CONNECTED, back_ms)]

    def _pieces(
        self, health: ReceivedHealth, now_ms: int, back_ms: int, centre_away: Sequence[TimeSpan]
    ) -> list[Absence]:
        """Return the absence that ends at ``back_ms``, divided by cause."""
        unseen = None if self.is_away else self._unseen(back_ms, centre_away)
        gone_ms = self.since_ms if self.is_away else self._gone_ms(back_ms)
        if unseen is not None:
            gone_ms = max(self.heard_ms, unseen.from_ms)
        cause = self._cause(health, now_ms)
        running = self._without_network
        # The agent ran while the centre was away: all the time, or since the agent's start.
        started_ms = _begin_ms(now_ms, health.uptime_s) or gone_ms
        proven_ms = self.away_from_ms if cause is LinkState.NETWORK else max(started_ms, self.away_from_ms)
        proven = [Absence(proven_ms, gone_ms, LinkState.CONNECTED, "")] if self.is_away else []
        if cause is LinkState.NETWORK:
            return [*proven, *running(gone_ms, back_ms, centre_away)]
        on_ms = self._running_ms(health, now_ms, gone_ms, back_ms)
        unknown_ms = gone_ms if unseen is None else min(unseen.to_ms, on_ms)
        return [
            *proven,
            Absence(gone_ms, unknown_ms, LinkState.UNKNOWN, self.boot_id),
            Absence(unknown_ms, on_ms, cause, self.boot_id),
            *running(on_ms, back_ms, centre_away),
        ]

    def _running_ms(self, health: ReceivedHealth, now_ms: int, gone_ms: int, back_ms: int) -> int:
        """Return when the gateway ran again: ``back_ms`` if it connected soon after its start, as usual."""
        started_ms = _begin_ms(now_ms, health.uptime_s)
        if started_ms is None or back_ms - started_ms <= CONNECT_MS:
            return back_ms
        return max(started_ms, gone_ms)

    def _cause(self, health: ReceivedHealth, now_ms: int) -> LinkState:
        """Return why the gateway was away, by its heartbeat after its return."""
        started_ms = _begin_ms(now_ms, health.uptime_s)
        booted_ms = _begin_ms(now_ms, health.box.uptime_s)
        if started_ms is None or self.started_ms is None:
            return self.state if self.is_away and self.state is not None else LinkState.ABSENT
        if started_ms - self.started_ms <= RESTARTED_MS:
            return LinkState.NETWORK
        if booted_ms is None or self.booted_ms is None:
            rebooted = self.next_boot_id != self.boot_id
        else:
            rebooted = booted_ms - self.booted_ms > RESTARTED_MS
        reason = health.box.boot_reason
        if self.state is LinkState.MAINTENANCE or (rebooted and reason in ORDERED_BOOTS):
            return LinkState.MAINTENANCE
        return LinkState.POWER if rebooted and reason not in FAULT_BOOTS else LinkState.GATEWAY

    def _without_network(self, from_ms: int, to_ms: int, centre_away: Sequence[TimeSpan]) -> list[Absence]:
        """Divide the time in which the gateway ran but was not connected. If the centre was away at the begin
        or at the end of this time, the gateway may have been connected in that part: it is no outage."""
        pieces = []
        for away in centre_away:
            if away.from_ms <= from_ms < away.to_ms:
                until_ms = min(away.to_ms, to_ms)
                pieces.append(Absence(from_ms, until_ms, LinkState.CONNECTED, ""))
                from_ms = until_ms
            elif from_ms < away.from_ms < to_ms <= away.to_ms:
                pieces.append(Absence(away.from_ms, to_ms, LinkState.CONNECTED, ""))
                to_ms = away.from_ms
        return [*pieces, Absence(from_ms, to_ms, LinkState.NETWORK, "")]

    def _remember(self, from_ms: int, to_ms: int, state: LinkState) -> None:
        if state in CORRECTABLE and self.boot_id:
            self.absences.append(Absence(from_ms, to_ms, state, self.boot_id))
            del self.absences[:-MAX_ABSENCES]


def _begin_ms(now_ms: int, uptime_s: float | None) -> int | None:
    return None if uptime_s is None or uptime_s < 0 else now_ms - round(uptime_s * 1000)
