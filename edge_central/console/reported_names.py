"""The names of sites that gateways report, for sites that have no name in the fleet sheet."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from edge_central.console.documents import parse_birth
from edge_central.console.site_names import Names
from edge_central.store import tables
from edge_central.store.scope import Scope

_G = tables.gateway.c


def with_reported(names: Names, connection: Connection, scope: Scope) -> Names:
    """Return names that fall back to what gateways of this scope report. The connection must stay open."""
    return replace(names, reported=ReportedNames(connection, scope).name)


class ReportedNames:
    """Looks up names in the stored births, in a scope; each is read when it is first asked for."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._names: dict[str, str] = {}

    def name(self, gateway: str) -> str:
        """Return the name in one line; empty if the gateway has reported none, or is outside the scope."""
        if gateway not in self._names:
            query = select(_G.birth).where(_G.id == gateway, self._scope.of(_G.ward))
            birth = parse_birth(self._connection.scalar(query))
            self._names[gateway] = " ".join(birth.name.split())
        return self._names[gateway]
