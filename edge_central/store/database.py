"""Engines for SQLite and PostgreSQL, transactions, the schema version, and the translation of errors."""

from __future__ import annotations

import errno
import logging
import os
import pwd
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from sqlalchemy import (
    Connection,
    Engine,
    FromClause,
    Index,
    Table,
    create_engine,
    delete,
    event,
    exc,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool, QueuePool
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from edge_agent.core.errors import CentralError
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.state_file import create_file
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.open_alarms import list_recent_alarms
from edge_central.store.papers import list_stored_papers
from edge_central.store.tables import SCHEMA_VERSION, meta, metadata

log = logging.getLogger(__name__)

Record = TypeVar("Record", bound=msgspec.Struct)

BUSY_TIMEOUT_S = 10.0
BUSY_RETRY_S = 0.02
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 30_000
SQLITE_CACHE_KIB = 65_536
MAX_READS = 6  # maximum number of the console's connections that read at the same time
REBUILD_KEY = "traffic-rebuild"
"""Key in ``meta``: the events up to this cursor are not yet counted for traffic."""
WRITERS_LOCK = 7_415_001
"""Id of PostgreSQL's advisory lock: writers commit in turn, so that cursors become visible in order."""


_NEVER_RUN = "the centre has never run with this configuration"


class DatabaseUnavailable(CentralError):
    """The disk is full or read-only, or the server is away: the transaction is not stored. A later attempt
    may succeed."""


class DatabaseMissing(DatabaseUnavailable):
    """There is no database, or it has no tables: no centre has run with this configuration."""


class DatabaseRejected(CentralError):
    """The database rejects these values; the same attempt would fail again."""


def open_engine(database: Database, *, read_only: bool = False, connections: int = 0) -> Engine:
    """Make an engine; no connection is opened yet. Statement parameters never appear in an error's text.

    ``read_only``: the engine creates no file and waits for no writer. ``connections``: size of the pool; 0:
    there is no pool, the caller keeps its connection.
    """
    url = make_url(database.url)
    if database.embedded:
        if read_only:
            url = url.set(database=f"file:{quote(url.database or '')}").update_query_dict(
                {"mode": "ro", "uri": "true"}
            )
        engine = create_engine(
            url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
        )
        engine.dialect.statement_compiler = _IndexHints
        _explicit_transactions(engine, read_only)
        if not read_only:
            _check_owner(engine)
        return engine
    pool: dict[str, Any] = {"poolclass": NullPool}
    if connections:
        pool = {"poolclass": QueuePool, "pool_size": connections, "pool_pre_ping": True}
    options = f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"
    if database.password is not None:
        url = url.set(password=database.password.reveal())
    return create_engine(
        url,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "edge-central",
            "options": f"{options} -c default_transaction_read_only=on"
            if read_only and connections
            else options,
        },
        **pool,
    )


def _check_owner(engine: Engine) -> None:
    """Before each connection, create the missing file for the owner of its folder, also as root, and raise
    OSError for a file of another user that cannot be written. SQLite gives the owner of the database to the
    files beside it."""
    database = Path(engine.url.database or "")

    @event.listens_for(engine, "do_connect")
    def connecting(*_: object) -> None:
        with suppress(OSError):  # otherwise SQLite says what is wrong
            os.close(create_file(database, os.O_WRONLY, 0o644))
        for file in (database, Path(f"{database}-wal"), Path(f"{database}-shm")):
            with suppress(FileNotFoundError):
                owner, own = file.stat().st_uid, os.geteuid()
                if owner != own and not os.access(file, os.W_OK):
                    user, other = _user_name(own), _user_name(owner)
                    why = f"{file} belongs to {other}, and {user} cannot write it: chown {user} {database}*"
                    raise OSError(errno.EACCES, why)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


class _IndexHints(SQLiteCompiler):
    """Renders ``select(…).with_hint(table, "INDEXED BY name", "sqlite")``, because SQLAlchemy's dialect for
    SQLite does not support hints."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        return text


def _explicit_transactions(engine: Engine, read_only: bool) -> None:
    """Begin transactions explicitly, because by default sqlite3 decides when to begin one."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: object) -> None:
        connection.isolation_level = None
        if read_only:
            return
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        _use_write_ahead_log(connection)
        for pragma in ("synchronous=FULL", f"cache_size=-{SQLITE_CACHE_KIB}", "journal_size_limit=67108864"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Set WAL mode. Wait while another program uses the new file, which the console and the ingest may do at
    their first start.

    SQLite does not apply its busy timeout here: it reads the file's header first, and a reader that asks to
    write is refused at once.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(BUSY_RETRY_S)


@contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """Raise SQLAlchemy's errors as DatabaseUnavailable or DatabaseRejected, without values or passwords."""
    try:
        yield
    except (exc.DataError, exc.IntegrityError, exc.ProgrammingError) as error:
        raise DatabaseRejected(f"{what}: {_first_line(error)}") from error
    except exc.DBAPIError as error:
        raise DatabaseUnavailable(f"{what}: {_first_line(error)}") from error
    except exc.StatementError as error:
        # The statement was never sent, because it or a value in it is invalid.
        raise DatabaseRejected(f"{what}: {type(error.orig).__name__}") from error
    except (OverflowError, UnicodeError) as error:
        raise DatabaseRejected(f"{what}: {type(error).__name__}") from error
    except exc.SQLAlchemyError as error:
        raise DatabaseUnavailable(f"{what}: {type(error).__name__}") from error
    except OSError as error:
        raise DatabaseUnavailable(f"{what}: {error.strerror or error}") from error


def _first_line(error: exc.DBAPIError) -> str:
    """Return the first line of the error; in the following lines PostgreSQL quotes the row."""
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__


def prepare_schema(connection: Connection, *, upgrade: bool = True) -> None:
    """Create missing tables and check the version, in one transaction. Raises DatabaseUnavailable for a
    database of a newer version. ``upgrade`` False: also for one of an older version."""
    with connection.begin():
        if connection.dialect.name == "postgresql":
            lock_writers(connection)
        version = _stored_version(connection)
        if version is not None:
            _check_version(version, upgrade=upgrade)
        _create_missing_tables(connection)
        if read_meta(connection, REBUILD_KEY) is None:  # before the first batch, which counts its own events
            write_meta(connection, REBUILD_KEY, str(newest_cursor(connection)))
        if version is None:
            write_meta(connection, "schema", str(SCHEMA_VERSION))
            # A database on a disk that is not mounted looks like a first start: the log shows that users and
            # history are missing.
            where = connection.engine.url.render_as_string()  # has no password in it
            log.info("created a new database, without users and history: %s", where)
        elif version < SCHEMA_VERSION:
            _upgrade(connection, version)


def _stored_version(connection: Connection) -> int | None:
    """Return the version of the schema; None: the database has no tables yet."""
    version = read_meta(connection, "schema") if inspect(connection).has_table(meta.name) else None
    return None if version is None else int(version)


def _check_version(version: int, *, upgrade: bool) -> None:
    """Refuse a database of a newer version, and one of an older version if it may not be upgraded: a centre
    of that version may use it. Raises DatabaseUnavailable."""
    if version > SCHEMA_VERSION:
        raise DatabaseUnavailable(
            f"the database was written by a newer version (schema {version}, known is {SCHEMA_VERSION}): "
            "install that version, or name another database"
        )
    if version < SCHEMA_VERSION and not upgrade:
        raise DatabaseUnavailable(
            f"the database was written by an older version (schema {version}, needed is {SCHEMA_VERSION}): "
            "start the new centre first, which upgrades it"
        )


def _create_missing_tables(connection: Connection) -> None:
    """Create missing tables with indexes. SQLAlchemy's own check is slower: a query for each table."""
    existing = set(inspect(connection).get_table_names())
    for table in metadata.sorted_tables:
        if table.name in existing:
            continue
        connection.execute(CreateTable(table))
        for index in _ordered_indexes(table):
            connection.execute(CreateIndex(index))


def _ordered_indexes(table: Table) -> list[Index]:
    """Return the indexes in an order that is always the same (``table.indexes`` has none): if two indexes
    suit a query equally, SQLite uses the one that was created last."""
    return sorted(table.indexes, key=lambda each: str(each.name), reverse=True)


def _upgrade(connection: Connection, version: int) -> None:
    """Add missing columns and indexes to existing tables and set the version. New tables exist already."""
    log.info("upgrading the database from schema %d to %d", version, SCHEMA_VERSION)
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))  # building an index may take longer
    for table in metadata.tables.values():
        _add_missing_columns(connection, table)
        for index in _ordered_indexes(table):
            index.create(connection, checkfirst=True)
    if version < 7:
        list_recent_alarms(connection)
        list_stored_papers(connection)
    write_meta(connection, "schema", str(SCHEMA_VERSION))


@contextmanager
def read_transaction(database: Database) -> Iterator[Connection]:
    """Run a read transaction for a command: all its queries see the same state of the database, which is
    neither created nor upgraded. Raises DatabaseMissing, DatabaseUnavailable or DatabaseRejected."""
    with translate_errors("the database cannot be read"):
        _require_file(database)
        engine = open_engine(database, read_only=True)
        try:
            with engine.connect() as connection, connection.begin():
                version = _stored_version(connection)
                if version is None:
                    where = engine.url.set(query={}).render_as_string()
                    raise DatabaseMissing(f"{where} has no tables: {_NEVER_RUN}")
                _check_version(version, upgrade=False)
                yield connection
        finally:
            engine.dispose()


def _add_missing_columns(connection: Connection, table: Table) -> None:
    """Add the columns that later versions have introduced. They may be null, because existing rows have no
    value for them."""
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    name = connection.dialect.identifier_preparer.format_table(table)
    for column in table.columns:
        if column.name not in there:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {name} ADD COLUMN {definition}"))


@contextmanager
def write_transaction(database: Database) -> Iterator[Connection]:
    """Run one transaction outside the ingest thread, in an existing database, which is not upgraded. Raises
    DatabaseMissing, DatabaseUnavailable or DatabaseRejected."""
    _require_file(database)
    engine = open_engine(database)
    try:
        with translate_errors("the database cannot be written"), engine.connect() as connection:
            prepare_schema(connection, upgrade=False)
            with connection.begin():
                if not database.embedded:
                    lock_writers(connection)
                yield connection
    finally:
        engine.dispose()


def _require_file(database: Database) -> None:
    """Raises DatabaseMissing if SQLite's file does not exist."""
    file = make_url(database.url).database or ""
    if database.embedded and not Path(file).exists():
        raise DatabaseMissing(f"there is no database {file}: {_NEVER_RUN}")


class DatabaseConnections:
    """The connections of the console: for many short reads at once, and for few short writes. Thread-safe.

    A read does not delay a write. A write waits until the ingest has committed its batch.
    """

    def __init__(self, database: Database, *, upgrade: bool = True) -> None:
        """``upgrade`` False: a database of an older version is refused, since its centre may run."""
        self._upgrade = upgrade
        self._reads = open_engine(database, read_only=True, connections=MAX_READS)
        self._writes = open_engine(database, connections=2)
        self._prepared = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Run a read transaction: all its queries see the same state of the database. Raises
        DatabaseUnavailable or DatabaseRejected."""
        self._prepare()
        with (
            translate_errors("the database cannot be read"),
            self._reads.connect() as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Run one transaction, or raise DatabaseUnavailable or DatabaseRejected without any write.

        Writers commit one after another, so that the steps of the incident log become visible in order.
        """
        self._prepare()
        with translate_errors("nothing is written"), self._writes.connect() as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                lock_writers(connection)
            yield connection

    def close(self) -> None:
        self._reads.dispose()
        self._writes.dispose()

    def _prepare(self) -> None:
        """Create missing tables once: the console may start before the ingest, or before its database."""
        if not self._prepared:
            with translate_errors("the database cannot be used"), self._writes.connect() as connection:
                prepare_schema(connection, upgrade=self._upgrade)
            self._prepared = True


def lock_writers(connection: Connection) -> None:
    """Lock out other writers until the end of the transaction."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITERS_LOCK})


def insert_row(connection: Connection, table: Table, row: dict[str, Any]) -> int:
    """Insert a row and return the id that the database gave it."""
    key = connection.execute(insert(table), row).inserted_primary_key
    assert key is not None
    return int(key[0])


def conflict_insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT of the database's dialect, with methods such as ``on_conflict_do_nothing``."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def read_meta(connection: Connection, key: str) -> str | None:
    """Return a value of the table ``meta``. None: it has no such key."""
    value: str | None = connection.scalar(select(meta.c.value).where(meta.c.key == key))
    return value


def write_meta(connection: Connection, key: str, value: str | None) -> None:
    """Set a value of the table ``meta``; None deletes it."""
    if value is None:
        connection.execute(delete(meta).where(meta.c.key == key))
        return
    row = conflict_insert(connection, meta).values(key=key, value=value)
    connection.execute(row.on_conflict_do_update(index_elements=["key"], set_={"value": value}))


def read_record(connection: Connection, key: str, kind: type[Record]) -> Record | None:
    """Return a JSON record of the table ``meta``; None: missing, or written by another centre version."""
    text = read_meta(connection, key)
    try:
        return None if text is None else msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError:
        return None


def write_record(connection: Connection, key: str, record: msgspec.Struct | None) -> None:
    """Set a JSON record of the table ``meta``; None deletes it."""
    write_meta(connection, key, None if record is None else encode_json(record).decode())


def newest_cursor(connection: Connection) -> int:
    """Return the cursor of the newest event; 0: there is none."""
    return connection.scalar(select(func.max(tables.event.c.cursor))) or 0


def size_bytes(connection: Connection) -> int:
    """Return the size of the database without its write-ahead log."""
    if connection.dialect.name == "postgresql":
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    pages = connection.scalar(text("PRAGMA page_count")) or 0
    return int(pages) * int(connection.scalar(text("PRAGMA page_size")) or 0)
