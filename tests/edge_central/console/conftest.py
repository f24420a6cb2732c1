"""One invented city for all tests that only look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from edge_central.store.database import open_engine
from tests.edge_central.console.city import City, build


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """At 20:00 in Thai Binh."""
    return build(tmp_path_factory.mktemp("city"), 1_795_698_000_000, events=1_200)


@pytest.fixture
def reading(city: City) -> Iterator[Connection]:
    engine = open_engine(city.database, read_only=True)
    with engine.connect() as connection, connection.begin():
        yield connection
    engine.dispose()


@pytest.fixture
def writing(city: City) -> Iterator[Connection]:
    """Nothing of it stays."""
    engine = open_engine(city.database)
    with engine.connect() as connection:
        transaction = connection.begin()
        yield connection
        transaction.rollback()
    engine.dispose()
