"""Fixtures: one invented city for all tests that only read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from edge_central.store.database import open_engine, read_transaction
from tests.edge_central.console.city import City, build


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """The city at 20:00 in Thai Binh."""
    return build(tmp_path_factory.mktemp("city"), 1_795_698_000_000, events=1_200)


@pytest.fixture
def reading(city: City) -> Iterator[Connection]:
    with read_transaction(city.database) as connection:
        yield connection


@pytest.fixture
def writing(city: City) -> Iterator[Connection]:
    """A connection whose changes are rolled back after the test."""
    engine = open_engine(city.database)
    with engine.connect() as connection:
        transaction = connection.begin()
        yield connection
        transaction.rollback()
    engine.dispose()
