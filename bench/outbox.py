"""Measures durable events a second, waiting time and bytes written, beside a bare SQLite loop in the same
run.

The disk is that of the temporary folder (``TMPDIR`` sets it; a tmpfs measures only the code). Bytes are those
that the kernel had to write (``write_bytes`` of /proc/self/io), without the file system's own journal.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.plan import Plan
from bench.result import Result, percentile
from edge_agent.core.clock import SystemClock
from edge_agent.core.delivery import Draft, Media
from edge_agent.core.model import Severity
from edge_agent.outbox import EventOutbox

PAYLOAD = b"x" * 400
JPEG_BYTES = 40_000
BARE = "bare SQLite"


def measure(plan: Plan) -> list[Result]:
    folder, events = plan.own_folder("outbox"), int(plan.choose(3000, 1000))
    results = [_bare_sqlite(folder, events)]
    results += [_outbox(folder, events, threads) for threads in (1, 2, 4)]
    return [*results, _media_as_files(folder, events // 5), _media_as_blobs(folder, events // 5)]


def outbox_in(folder: Path) -> EventOutbox:
    return EventOutbox(
        folder,
        max_bytes=256_000_000,
        clock=SystemClock(),
        boot_id="bench",
        encode_loss=lambda stamp, loss: b"",
    )


def written_bytes(pid: int | None = None) -> int:
    """Bytes that a process has written so far; without ``pid``, this process."""
    text = Path(f"/proc/{pid or 'self'}/io").read_text(encoding="ascii")
    lines = dict(line.split(": ") for line in text.splitlines())
    return int(lines["write_bytes"])


def _timed(name: str, one: Callable[[int], object], count: int, threads: int = 1) -> Result:
    """Time ``count`` calls of ``one(number)``, spread over ``threads``."""
    waits: list[float] = []

    def work(first: int) -> None:
        for number in range(first, count, threads):
            began = time.perf_counter()
            one(number)
            waits.append(time.perf_counter() - began)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    bytes_before, cpu_before, began = written_bytes(), time.process_time(), time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took, cpu_s = time.perf_counter() - began, time.process_time() - cpu_before
    figures = {
        "per_s": count / took,
        "p50_ms": percentile(waits, 50) * 1e3,
        "p99_ms": percentile(waits, 99) * 1e3,
        "bytes_each": (written_bytes() - bytes_before) / count,
        "cpu_ms_each": cpu_s / count * 1e3,
    }
    return Result("outbox", name, {figure: round(value, 3) for figure, value in figures.items()})


def _bare_sqlite(folder: Path, count: int) -> Result:
    """The lower bound: only insert and commit, with the same pragmas."""
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None, check_same_thread=False)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, payload BLOB)")
        insert = "INSERT INTO event (payload) VALUES (?)"  # outside a transaction: commits by itself
        return _timed(BARE, lambda _: db.execute(insert, (PAYLOAD,)), count)


def _outbox(folder: Path, count: int, threads: int) -> Result:
    with outbox_in(folder / f"outbox-{threads}") as outbox:
        draft = Draft("cam-1", "object", Severity.INFO, lambda stamp: PAYLOAD)
        name = "outbox, 1 thread" if threads == 1 else f"outbox, {threads} threads"
        return _timed(name, lambda _: outbox.append(draft), count, threads)


def _media_as_files(folder: Path, count: int) -> Result:
    picture = os.urandom(JPEG_BYTES)
    digest = hashlib.sha256(picture).hexdigest()

    def append(number: int) -> None:
        media = Media(f"m{number}", "e", "cam-1", digest, picture)
        outbox.append(Draft("cam-1", "object", Severity.INFO, lambda stamp: PAYLOAD, media))

    with outbox_in(folder / "files") as outbox:
        return _timed("event + 40 kB picture, file", append, count)


def _media_as_blobs(folder: Path, count: int) -> Result:
    """The alternative of docs/decisions/0008: the picture as a blob in the same transaction."""
    picture = os.urandom(JPEG_BYTES)
    with closing(sqlite3.connect(folder / "blob.db", isolation_level=None, check_same_thread=False)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA wal_autocheckpoint=256")
        db.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, payload BLOB)")
        db.execute("CREATE TABLE media (id INTEGER PRIMARY KEY, payload BLOB)")

        def append(number: int) -> None:
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO event VALUES (?, ?)", (number, PAYLOAD))
            db.execute("INSERT INTO media VALUES (?, ?)", (number, picture))
            db.execute("COMMIT")

        return _timed("event + 40 kB picture, blob", append, count)
