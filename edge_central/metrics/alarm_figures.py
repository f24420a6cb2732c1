"""Counts open alarms, and times until they were acknowledged, for the metrics."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, func, select

from edge_central.console.alarms.model import ALARM_RANKS, QueueCounts
from edge_central.console.alarms.queue import counts_by_ward
from edge_central.metrics.central_metrics import CentralMetrics, OpenAlarms
from edge_central.store import tables
from edge_central.store.ringing import ALARM, RINGING_PHASES
from edge_central.store.scope import Scope

MAX_STEPS = 500
"""How many steps of the incident log one call reads at most."""
_A, _E, _H, _O, _S = (
    *(tables.alert.c, tables.event.c, tables.handling.c),
    *(tables.open_alarm.c, tables.handling_step.c),
)


class AlarmFigures:
    """Counts for the metrics. The ingest thread calls ``read`` about every ten seconds; not thread-safe.
    Acknowledgements before the first call are not counted."""

    def __init__(self, wards: Collection[str], metrics: CentralMetrics) -> None:
        self._scope = Scope(frozenset(wards))
        self._central_metrics = metrics
        self._last_step: int | None = None

    def read(self, connection: Connection, now_ms: int) -> None:
        """Update the figures. Does nothing if the metrics are not served."""
        if not self._central_metrics.is_served:
            return
        counts = counts_by_ward(connection, self._scope, now_ms)
        open_alarms = {ward: _open_alarms(each) for ward, each in counts.items()}
        self._central_metrics.record_open_alarms(open_alarms, self._acknowledged(connection))

    def _acknowledged(self, connection: Connection) -> list[tuple[str, float]]:
        """Return the alarms that were acknowledged since the last call: ward, and seconds until it
        happened."""
        newest: int = connection.scalar(select(func.max(_S.id))) or 0
        last, self._last_step = self._last_step, newest
        if last is None or newest <= last:
            return []
        rows = connection.execute(_new_acknowledgements(self._scope, last)).all()
        if len(rows) == MAX_STEPS:
            self._last_step = rows[-1].id
        found = [(row.ward, row.at_ms, self._rang_ms(connection, row)) for row in rows]
        return [(ward, (at_ms - rang_ms) / 1000) for ward, at_ms, rang_ms in found if rang_ms is not None]

    @staticmethod
    def _rang_ms(connection: Connection, row: Any) -> int | None:
        """Return when the alarm began to ring. None: it did not ring, or retention has deleted it."""
        if row.rang_ms is not None:
            return int(row.rang_ms)
        rang_ms: int | None = None
        match row.subject.split(" ", 2):
            case ["alert", number] if number.isdecimal():
                of_alert = _A.id == int(number), _A.severity >= ALARM
                rang_ms = connection.scalar(select(_A.opened_ms).where(*of_alert))
            case ["event", gateway, event_id]:  # closed already, so no longer in the list of open alarms
                of_event = _E.event_id == event_id, _E.gateway == gateway, _E.severity >= ALARM
                begins = select(func.min(_E.received_ms)).where(*of_event, _E.phase.in_(RINGING_PHASES))
                rang_ms = connection.scalar(begins)
        return rang_ms


def _open_alarms(counts: QueueCounts) -> OpenAlarms:
    waiting = sum(counts.waiting.get(rank, 0) for rank in ALARM_RANKS)
    lower_waiting = sum(counts.waiting.values()) - waiting
    lower = sum(counts.alarms.values()) - counts.open_alarms
    return OpenAlarms(waiting, counts.open_alarms - waiting, lower_waiting, lower - lower_waiting)


def _new_acknowledgements(scope: Scope, last_step: int) -> Select[Any]:
    """Return the query for acknowledgements after ``last_step``, each with the arrival time of its alarm if
    the list of open alarms still has it."""
    listed = select(func.min(_O.received_ms)).where(_O.subject == _S.subject).scalar_subquery()
    return (
        select(_S.id, _S.at_ms, _S.subject, _H.ward, listed.label("rang_ms"))
        .join_from(tables.handling_step, tables.handling, _H.subject == _S.subject)
        .where(_S.id > last_step, _S.what == "acknowledged", scope.of(_H.ward))
        .order_by(_S.id)
        .limit(MAX_STEPS)
    )
