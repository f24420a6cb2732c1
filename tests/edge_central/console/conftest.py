"""Fixtures: one invented city for all tests that only read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from edge_central.store.database import open_engine, read_transaction
from tests.edge_central.console.city import City, build, city_in
from tests.testbed.shared_folder import make_or_copy

EVENING_MS = 1_795_698_000_000


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """The city at 20:00 in Thai Binh."""
    folder = tmp_path_factory.mktemp("city") / "state"
    make_or_copy(folder, "city", lambda: build(folder, EVENING_MS, events=1_200))
    return city_in(folder, EVENING_MS)


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
