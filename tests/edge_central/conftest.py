"""Fixtures: a store on SQLite and on a real PostgreSQL, a broker, and fake gateways."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from edge_central.settings import Database
from edge_central.store.batch import Store
from edge_central.store.database import open_engine
from tests.edge_central.compiled_once import compile_once
from tests.edge_central.ingest_harness import IngestHarness, writer_in
from tests.edge_central.parts import Centre, FakeGateways
from tests.edge_central.prepared import PreparedPostgreSQL, make_sqlite
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.postgresql import PostgreSQL, programs

compile_once()
_names = (f"edge{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    if programs() is None:
        pytest.skip("postgresql is not installed, or there is no user postgres: tests/testbed/install.sh")
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def prepared_postgresql(postgresql: PostgreSQL) -> PreparedPostgreSQL:
    return PreparedPostgreSQL(postgresql, "prepared")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with all tables and no rows."""
    if request.param == "sqlite":
        yield make_sqlite(tmp_path / "central.db")
        return
    prepared: PreparedPostgreSQL = request.getfixturevalue("prepared_postgresql")
    yield prepared.database
    prepared.clean()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A transaction in a database with all tables and no rows."""
    engine = open_engine(database)
    try:
        with engine.connect() as opened, opened.begin():
            yield opened
    finally:
        engine.dispose()


@pytest.fixture
def ingest(database: Database, tmp_path: Path) -> Iterator[IngestHarness]:
    store = Store(database)
    yield IngestHarness(database, store, writer_in(tmp_path / "media", "de-tham", "bo-xuyen"))
    store.close()


@pytest.fixture
def empty(postgresql: PostgreSQL) -> Iterator[Database]:
    """A database on PostgreSQL without tables."""
    name = next(_names)
    yield Database(postgresql.create(name).replace("postgresql:", "postgresql+psycopg:"))
    postgresql.drop(name)


@pytest.fixture
def gateways(broker: Mosquitto) -> Iterator[FakeGateways]:
    with FakeGateways(broker) as talking:
        yield talking


@pytest.fixture
def centre(broker: Mosquitto, gateways: FakeGateways, tmp_path: Path) -> Iterator[Centre]:
    """Runs in this process, and is online."""
    with Centre(tmp_path / "centre", broker.port) as started:
        gateways.wait_state("online")
        yield started
