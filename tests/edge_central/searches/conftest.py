"""A connection in a transaction, to a city that can be searched, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from tests.edge_central.searches.parts import found_city


@pytest.fixture
def connection(connection: Connection) -> Connection:
    found_city(connection)
    return connection
