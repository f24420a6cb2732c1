"""Open alerts for ``edge-agent central status``."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from edge_central.store import tables


class AlertStatus(msgspec.Struct, kw_only=True):
    ward: str
    gateway: str  # empty: the ward itself
    camera: str  # empty: the box itself
    rule: str
    severity: int
    text: str
    age_s: float
    folded: bool

    @property
    def about(self) -> str:
        names = [name for name in (self.gateway or f"ward {self.ward}", self.camera) if name]
        return "/".join(names)


def open_alerts(connection: Connection, now_ms: int) -> list[AlertStatus]:
    """The gravest first, of these the newest."""
    columns = tables.alert.c
    query = select(tables.alert).where(columns.cleared_ms.is_(None))
    return [
        AlertStatus(
            ward=row.ward,
            gateway=row.gateway,
            camera=row.camera,
            rule=row.rule,
            severity=row.severity,
            text=row.text,
            age_s=(now_ms - row.opened_ms) / 1000,
            folded=row.folded,
        )
        for row in connection.execute(query.order_by(columns.severity.desc(), columns.opened_ms.desc()))
    ]
