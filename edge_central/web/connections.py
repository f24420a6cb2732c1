"""Connections to the database for many short questions at once, and few short answers written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from edge_central.settings import Database
from edge_central.store.database import open_engine, prepare_schema, translate_errors

MOST_AT_ONCE = 6


class DatabaseConnections:
    """Any thread. A reader holds no writer up; a writer waits for the ingest's commit, and is short
    itself."""

    def __init__(self, database: Database) -> None:
        self._reads = open_engine(database, read_only=True, connections=MOST_AT_ONCE)
        self._writes = open_engine(database, connections=2)
        self._prepared = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of the database from beginning to end. Raises StoreUnusable, StoreRefused."""
        self._prepare()
        with (
            translate_errors("the database cannot be read"),
            self._reads.connect() as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction. Raises StoreUnusable, StoreRefused; nothing is written then."""
        self._prepare()
        with translate_errors("nothing is written"), self._writes.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self._reads.dispose()
        self._writes.dispose()

    def _prepare(self) -> None:
        """The first one makes what is missing: the console may start before the ingest, or before its
        database."""
        if not self._prepared:
            with translate_errors("the database cannot be used"), self._writes.connect() as connection:
                prepare_schema(connection)
            self._prepared = True
