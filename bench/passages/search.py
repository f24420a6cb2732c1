"""``python -m bench.passages.search``: what a search costs on a full store, made of passages of real clips.

Needs ``EDGE_AGENT_TEST_DATA`` (video/). The store has the passages of the clips again and again, at other
times and of four cameras, until its bytes are used up. ``--store`` keeps it for the next run.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from bench.outbox import PAYLOAD, outbox_in
from bench.passages.marks import read_marks
from bench.passages.run import run
from bench.result import percentile
from edge_agent.commands.action import CommandFailed
from edge_agent.commands.handlers.search import MAX_BUSY_SHARE, NICENESS, SearchPacer, found_rows
from edge_agent.config.model.settings import Passages
from edge_agent.core.delivery import Draft
from edge_agent.core.model import Severity
from edge_agent.passages.filters import PassageFilter, PictureLine
from edge_agent.passages.passage import FOLDER, Passage
from edge_agent.passages.reader import PassageReader
from edge_agent.passages.store import PassageStore

OBJECTS_A_DAY, CAMERAS, DAYS = 34_000, 4, 30
MAX_BYTES = 200_000_000
NOW = datetime(2026, 11, 28, 5, tzinfo=UTC)
BATCH = 2000
ROUNDS = 8


@dataclass
class BenchClock:
    """The time of the store that is being filled."""

    mono: float = 0.0

    def monotonic(self) -> float:
        return self.mono

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.mono - DAYS * 86_400)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.passages.search", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--store", type=Path, help="folder of the store; made if it is missing")
    folder = parser.parse_args().store or Path(tempfile.mkdtemp(prefix="bench-search-"))
    if not (folder / FOLDER).exists():
        _fill(folder, _real_passages())
    size = (folder / FOLDER / "passages.db").stat().st_size
    total = PassageReader(folder).best(PassageFilter(), 1).total
    print(f"{total} rows, {size / 1e6:.0f} MB")
    newest = next(PassageReader(folder).find(PassageFilter())).started_at
    print(f"{'question':40} {'passages':>8} {'CPU s':>6} {'wall s':>6}")
    for name, wanted in _questions(newest):
        _measure(name, wanted, folder)
    hour = PassageReader(folder).best(PassageFilter(from_at=newest - timedelta(hours=1)), 50).best
    for limit in (9_500, 40_000):
        rows = found_rows(hour, limit)
        print(
            f"rows in {limit} bytes: {len(rows)}, {len(msgspec.json.encode(rows)) / len(rows):.0f} bytes each"
        )
    _compare_events(folder)
    return 0


def _real_passages() -> list[Passage]:
    folder = Path(os.environ.get("EDGE_AGENT_TEST_DATA", "")) / "video"
    found: list[Passage] = []
    for clip in read_marks():
        if (folder / clip.clip).exists():
            found += run(folder / clip.clip, clip.to_s).passages
            print(f"{clip.clip}: {len(found)} passages so far", file=sys.stderr)
    if not found:
        raise SystemExit("EDGE_AGENT_TEST_DATA must point to a folder with video/")
    return found


def _fill(folder: Path, real: Sequence[Passage]) -> None:
    clock = BenchClock()
    store = PassageStore(folder, Passages(max_bytes=MAX_BYTES, max_age_days=DAYS + 1), 0, clock, "bench")
    every_s, batch = 86_400 / OBJECTS_A_DAY, list[Passage]()
    for number in range(OBJECTS_A_DAY * DAYS):
        one, at_mono = real[number % len(real)], number * every_s
        camera = f"cam-{number % CAMERAS + 1}"
        copy = replace(one, camera=camera, track=f"{camera}-k3f9-{number}", crop=None, ended=True)
        ended_mono = at_mono + one.ended_mono - one.started_mono
        batch.append(replace(copy, started_mono=at_mono, ended_mono=ended_mono))
        if len(batch) == BATCH:
            clock.mono = at_mono
            store.write(batch, synced=True)
            batch.clear()
    store.close()


def _questions(newest: datetime) -> Iterator[tuple[str, PassageFilter]]:
    hour = PassageFilter(from_at=newest - timedelta(hours=1), to_at=newest)
    day = PassageFilter(from_at=newest - timedelta(days=1), to_at=newest)
    month = PassageFilter(from_at=newest - timedelta(days=DAYS), to_at=newest)
    line = PictureLine("cam-1", (0.2, 0.5), (0.8, 0.5))
    yield "the newest hour", hour
    yield "a day", day
    yield "a day, red two-wheelers", replace(day, group="two-wheeler", colour="red")
    yield "a day, red upper part", replace(day, colour="red", part="upper")
    yield "a day, across a line", replace(day, line=line)
    yield "a day, height and standing", replace(day, min_height=0.1, min_still_s=5.0)
    yield "all days", month
    yield "all days, to the left", replace(month, direction_deg=270.0)
    yield "all days, red two-wheelers", replace(month, group="two-wheeler", colour="red")
    yield "all days, across a line", replace(month, line=line)
    yield "all days, height and standing", replace(month, min_height=0.1, min_still_s=5.0)


def _measure(name: str, wanted: PassageFilter, folder: Path) -> None:
    cpu_s, wall_s = time.process_time(), time.monotonic()
    total = PassageReader(folder).best(wanted, 50).total
    cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
    print(f"{name:40} {total:8} {cpu_s:6.2f} {wall_s:6.2f}", flush=True)


def _compare_events(folder: Path) -> None:
    """Print how long durable events took without and with a search, in turns, because other programs use the
    machine too."""
    for busy in (0, 2):
        waits_s: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for name, share in (("no search", 0.0), ("a search", MAX_BUSY_SHARE), ("without pauses", 1.0)):
                waits_s.setdefault(name, []).extend(_event_waits_s(folder, share, busy))
        for name, waits in waits_s.items():
            p50, p99 = percentile(waits, 50) * 1e3, percentile(waits, 99) * 1e3
            print(f"{busy} busy cores, {name:16} an event is durable after {p50:5.1f} ms, p99 {p99:5.1f} ms")


def _event_waits_s(folder: Path, share: float, busy: int) -> list[float]:
    """Times of 100 durable events, 20 ms apart. ``share``: of the time for which a search works, on a thread
    as in the agent. ``busy``: threads that compute outside of Python, as inferences do."""
    stop = threading.Event()
    threads = [threading.Thread(target=_compute, args=(stop,)) for _ in range(busy)]
    if share:
        threads.append(threading.Thread(target=_search_on, args=(folder, stop, share)))
    for thread in threads:
        thread.start()
    waits_s = []
    with (
        tempfile.TemporaryDirectory(prefix="bench-search-", dir=folder) as place,
        outbox_in(Path(place)) as outbox,
    ):
        for _ in range(100):
            due_mono = time.monotonic() + 0.02
            time.sleep(0.02)
            outbox.append(Draft("cam-1", "object", Severity.ALARM, lambda stamp: PAYLOAD))
            waits_s.append(time.monotonic() - due_mono)
    stop.set()
    for thread in threads:
        thread.join()
    return waits_s


def _search_on(folder: Path, stop: threading.Event, share: float) -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
    pacer = SearchPacer(stop.is_set, share)
    reader = PassageReader(folder, pacer.pause)
    with contextlib.suppress(CommandFailed):  # at the end
        while True:
            reader.best(PassageFilter(line=PictureLine("cam-1", (0.2, 0.5), (0.8, 0.5))), 50)


def _compute(stop: threading.Event) -> None:
    data = bytes(8_000_000)
    while not stop.is_set():
        hashlib.sha256(data).digest()  # without the interpreter's lock


if __name__ == "__main__":
    sys.exit(main())
