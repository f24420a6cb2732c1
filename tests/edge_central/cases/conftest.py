"""A connection in a transaction, to a city that can be searched, on SQLite and on PostgreSQL."""

from __future__ import annotations

from tests.edge_central.searches.conftest import connection

__all__ = ["connection"]
