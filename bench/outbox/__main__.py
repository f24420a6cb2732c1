"""Durable events a second, waiting time and bytes written, beside a bare SQLite loop in the same run.

    python -m bench.outbox [--events 1000] [--folder DIR]

``--folder`` chooses the disk: a tmpfs measures only the code. Bytes are what the kernel was given to
write (``write_bytes`` of /proc/self/io), the file system's own journal not included.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge_agent.clock import SystemClock
from edge_agent.model import Severity
from edge_agent.outbox import Outbox
from edge_agent.outbox_model import Draft, Media

PAYLOAD = b"x" * 400
JPEG_BYTES = 40_000


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    per_s: float
    p50_ms: float
    p99_ms: float
    bytes_each: float
    cpu_ms_each: float


def written_bytes() -> int:
    """Of this process so far."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["write_bytes"])


def measure(name: str, one: Callable[[int], object], count: int, threads: int = 1) -> Result:
    """``one(number)`` ``count`` times, spread over ``threads``."""
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
    took, cpu, size = (
        time.perf_counter() - began,
        time.process_time() - cpu_before,
        written_bytes() - bytes_before,
    )
    waits.sort()
    return Result(
        name,
        count / took,
        waits[len(waits) // 2] * 1e3,
        waits[int(len(waits) * 0.99)] * 1e3,
        size / count,
        cpu / count * 1e3,
    )


def bare_sqlite(folder: Path, count: int) -> Result:
    """The floor: insert and commit, nothing else, with the same pragmas."""
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None, check_same_thread=False)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, payload BLOB)")
        insert = "INSERT INTO event (payload) VALUES (?)"  # outside a transaction: commits by itself
        return measure("bare SQLite, 1 thread", lambda _: db.execute(insert, (PAYLOAD,)), count)


def outbox_run(folder: Path, count: int, threads: int) -> Result:
    with outbox_in(folder / f"outbox-{threads}") as outbox:
        draft = Draft("cam-1", "object", Severity.INFO, lambda stamp: PAYLOAD)
        return measure(f"outbox, {threads} threads", lambda _: outbox.append(draft), count, threads)


def media_as_files(folder: Path, count: int) -> Result:
    picture = os.urandom(JPEG_BYTES)
    digest = hashlib.sha256(picture).hexdigest()

    def append(number: int) -> None:
        media = Media(f"m{number}", "e", "cam-1", digest, picture)
        outbox.append(Draft("cam-1", "object", Severity.INFO, lambda stamp: PAYLOAD, media))

    with outbox_in(folder / "files") as outbox:
        return measure("event + 40 kB picture, file", append, count)


def media_as_blobs(folder: Path, count: int) -> Result:
    """The alternative weighed in docs/decisions/0008: the picture as a blob of the same transaction."""
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

        return measure("event + 40 kB picture, blob", append, count)


def outbox_in(folder: Path) -> Outbox:
    return Outbox(
        folder,
        max_bytes=256_000_000,
        clock=SystemClock(),
        boot_id="bench",
        encode_loss=lambda stamp, loss: b"",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument(
        "--folder", type=Path, help="where the databases are made; default: the temporary folder"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        results = [bare_sqlite(folder, options.events)]
        results += [outbox_run(folder, options.events, threads) for threads in (1, 2, 4)]
        results += [media_as_files(folder, options.events // 5), media_as_blobs(folder, options.events // 5)]
    floor = results[0].per_s
    print("| way | events/s | of bare SQLite | p50 ms | p99 ms | bytes written each | CPU ms each |")
    print("|---|---|---|---|---|---|---|")
    for r in results:
        print(
            f"| {r.name} | {r.per_s:,.0f} | {r.per_s / floor:.2f} | {r.p50_ms:.2f} | {r.p99_ms:.2f} "
            f"| {r.bytes_each:,.0f} | {r.cpu_ms_each:.2f} |"
        )


if __name__ == "__main__":
    main()
