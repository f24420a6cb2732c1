"""Presence reports of gateways and of whole wards, and the tables that keep them for the next start."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select

from edge_agent.wire.received.bounds import with_problem
from edge_central.store import tables
from edge_central.store.problems import problem_column
from edge_central.store.scope import EVERYWHERE, Scope


class PresenceState(StrEnum):
    """The state of a gateway, as the centre decides, publishes and stores it."""

    ONLINE = "online"
    BOOTING = "booting"  # its box booted less than ``boot_grace_s`` ago: missing cameras are no problem yet
    UNSTABLE = "unstable"
    OFFLINE = "offline"
    CUT = "cut"  # offline together with other gateways of its ward: one outage
    STOPPED = "stopped"  # stopped on purpose


PRESENT = frozenset((PresenceState.ONLINE, PresenceState.BOOTING, PresenceState.UNSTABLE))
"""States in which a gateway can be reached."""


USUAL_INTERVAL_S = 30.0


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """The published state of one gateway; ``state`` is None after the gateway was removed."""

    gateway: str
    ward: str
    state: PresenceState | None
    why: str
    since_ms: int
    interval_s: float = USUAL_INTERVAL_S


@dataclass(frozen=True, slots=True)
class OutageReport:
    """Reports that the gateways ``gateways`` went offline at once, of ``of`` gateways of the ward.

    Without ``gateways`` it reports that the outage of the ward is over.
    """

    ward: str
    gateways: tuple[str, ...]
    of: int
    since_ms: int


PresenceReport = GatewayReport | OutageReport


def read_reports(connection: Connection) -> list[PresenceReport]:
    """Return all stored reports: those of gateways by ward, then outages."""
    columns = tables.presence.c
    rows = connection.execute(select(tables.presence).order_by(columns.ward, columns.gateway))
    gateways = [
        GatewayReport(
            row.gateway,
            row.ward,
            PresenceState(row.standing),
            with_problem(row.why, row.problem),
            row.since_ms,
            row.interval_s,
        )
        for row in rows
    ]
    return [*gateways, *read_outages(connection)]


def read_outages(connection: Connection, scope: Scope = EVERYWHERE) -> list[OutageReport]:
    """Return the outages that are not over, by ward."""
    ward = tables.outage.c.ward
    rows = connection.execute(select(tables.outage).where(scope.of(ward)).order_by(ward))
    return [OutageReport(row.ward, tuple(row.gateways.split()), row.of, row.since_ms) for row in rows]


def write_report(connection: Connection, report: PresenceReport) -> None:
    """Replace the stored report of this gateway or ward."""
    if isinstance(report, GatewayReport):
        connection.execute(delete(tables.presence).where(tables.presence.c.gateway == report.gateway))
        if report.state is not None:
            row = asdict(report) | {"why": str(report.why), "problem": problem_column(report.why)}
            row["standing"] = row.pop("state").value
            connection.execute(insert(tables.presence), row)
    else:
        connection.execute(delete(tables.outage).where(tables.outage.c.ward == report.ward))
        if report.gateways:
            row = asdict(report) | {"gateways": " ".join(report.gateways)}
            connection.execute(insert(tables.outage), row)
