"""A connection in a transaction, to a city that can be searched, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from edge_central.settings import Database
from edge_central.store.database import open_engine, prepare_schema
from tests.edge_central.searches.parts import found_city


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    engine = open_engine(database)
    try:
        with engine.connect() as opened:
            prepare_schema(opened)
            with opened.begin():
                found_city(opened)
                yield opened
    finally:
        engine.dispose()
