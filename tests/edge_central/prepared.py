"""Databases that have the centre's tables already: creating 49 tables takes longer than most tests."""

from __future__ import annotations

import contextlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from edge_central.settings import Database
from edge_central.store.database import open_engine, prepare_schema
from tests.testbed.postgresql import PostgreSQL

SHAPE = """
SELECT md5(string_agg(relname || '.' || attname || ' ' || atttypid, ';' ORDER BY relname, attname))
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
"""
"""Columns of all tables and indexes, as one text."""
END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
FILLED = """
SELECT string_agg(oid::regclass::text, ', ') FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
"""
RESTART_IDS = """
SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences WHERE last_value IS NOT NULL
"""


def make_sqlite(file: Path) -> Database:
    """A new SQLite database with all tables."""
    file.write_bytes(_sqlite_file())
    return Database(f"sqlite:///{file}")


def configured(database: Database) -> str:
    """The value of ``database`` in a configuration; one on SQLite is in the state directory."""
    return "sqlite" if database.embedded else database.url.replace("postgresql+psycopg:", "postgresql:")


@cache
def _sqlite_file() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder, "central.db")
        _create_tables(Database(f"sqlite:///{file}"))
        return file.read_bytes()


def _create_tables(database: Database) -> None:
    engine = open_engine(database)
    with engine.connect() as connection:
        prepare_schema(connection)
    engine.dispose()


class PreparedPostgreSQL:
    """One database with all tables, for one test after another: ``clean`` makes it as good as new."""

    def __init__(self, server: PostgreSQL, name: str) -> None:
        self._server = server
        self._name = name
        self._create()

    def _create(self) -> None:
        self._url = self._server.create(self._name)
        self.database = Database(self._url.replace("postgresql:", "postgresql+psycopg:"))
        _create_tables(self.database)
        with contextlib.closing(psycopg.connect(self._url)) as connection:
            self._shape = connection.execute(SHAPE).fetchone()
            self._meta = connection.execute("SELECT key, value FROM meta").fetchall()

    def clean(self) -> None:
        """End forgotten connections and delete all rows; create the database again where a test has changed
        tables or indexes."""
        with contextlib.closing(psycopg.connect(self._url, autocommit=True)) as connection:
            connection.execute(END_OTHERS)
            unchanged = connection.execute(SHAPE).fetchone() == self._shape
            if unchanged:
                self._delete_rows(connection)
        if not unchanged:
            self._server.drop(self._name)
            self._create()

    def _delete_rows(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        [[filled]] = connection.execute(FILLED).fetchall()
        if filled:
            connection.execute(f"TRUNCATE {filled} CASCADE".encode())
        connection.execute(RESTART_IDS)
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO meta (key, value) VALUES (%s, %s)", self._meta)
