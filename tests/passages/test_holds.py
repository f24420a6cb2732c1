"""Holds: what is kept beyond days and bytes, for how long, and how much."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.core.errors import EdgeAgentError, StorageError
from edge_agent.passages import holds
from edge_agent.passages import store as passage_store
from edge_agent.passages.filters import PassageFilter
from edge_agent.passages.holds import HoldsFull, PassageHolds
from edge_agent.passages.passage import FOLDER
from edge_agent.passages.reader import PassageReader
from edge_agent.passages.scenes.store import read_scene
from edge_agent.passages.store import CROPS_FILE, DAY_MS, ROWS_FILE, PassageStore
from tests.outbox.parts import HandClock
from tests.passages.parts import passage, store

DAY_S = 86_400.0


@pytest.fixture(autouse=True)
def ids_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids begin at 1, so that the tests can name rows."""
    monkeypatch.setattr(passage_store, "reserve_first_id", lambda _folder, newest, _clock: newest + 1)


def now_ms(clock: HandClock) -> int:
    return round(clock.now().timestamp() * 1000)


def stored(folder: Path) -> set[int]:
    return {each.id for each in PassageReader(folder).find(PassageFilter())}


def written(folder: Path, clock: HandClock, count: int = 3) -> PassageStore:
    rows = store(folder, clock)
    rows.write([passage(n, clock.monotonic() - 20) for n in range(count)], synced=True)
    return rows


def later(rows: PassageStore, clock: HandClock, days: float) -> None:
    clock.advance(days * DAY_S)
    rows.write([], synced=True)


def test_a_hold_keeps_row_and_picture_beyond_their_days(tmp_path: Path) -> None:
    clock = HandClock(mono=1000.0)
    rows = written(tmp_path, clock)
    placed = PassageHolds(tmp_path).place([2, 77], now_ms(clock) + 100 * DAY_MS, "7/2026", now_ms(clock))
    assert (placed.passages, placed.missing) == ((2,), (77,))
    later(rows, clock, 40)
    assert stored(tmp_path) == {2}
    assert PassageReader(tmp_path).crop(2) == passage(1).crop
    assert PassageReader(tmp_path).crop(1) is None


def test_a_hold_ends_with_its_date(tmp_path: Path) -> None:
    clock = HandClock(mono=1000.0)
    rows = written(tmp_path, clock)
    PassageHolds(tmp_path).place([2], now_ms(clock) + 35 * DAY_MS, "7/2026", now_ms(clock))
    later(rows, clock, 34)
    assert stored(tmp_path) == {2}
    later(rows, clock, 2)
    assert stored(tmp_path) == set()
    assert PassageReader(tmp_path).crop(2) is None
    assert PassageHolds(tmp_path).read() == []


def test_a_released_passage_goes_with_the_others(tmp_path: Path) -> None:
    clock = HandClock(mono=1000.0)
    rows = written(tmp_path, clock)
    kept = PassageHolds(tmp_path)
    kept.place([1, 2], now_ms(clock) + 100 * DAY_MS, "7/2026", now_ms(clock))
    assert kept.release([2, 3]) == (2,)
    later(rows, clock, 40)
    assert stored(tmp_path) == {1}


def test_a_hold_keeps_against_the_limit_of_bytes_and_a_restart(tmp_path: Path) -> None:
    clock = HandClock(mono=1000.0)
    rows = store(tmp_path, clock, max_bytes=1_000_000)
    rows.write([passage(n, 990.0) for n in range(100)], synced=True)
    PassageHolds(tmp_path).place([5], now_ms(clock) + 100 * DAY_MS, "7/2026", now_ms(clock))
    rows.close()
    rows = store(tmp_path, clock, max_bytes=1_000_000)
    for minute in range(1, 40):
        rows.write([passage(100 * minute + n, 990.0) for n in range(100)], synced=True)
    assert 5 in stored(tmp_path)
    assert not {1, 2, 3, 4, 6} & stored(tmp_path)
    assert PassageReader(tmp_path).crop(5) == passage(4).crop
    assert rows.stored_bytes < 1_300_000


def test_the_writer_ends_when_only_holds_are_left(tmp_path: Path) -> None:
    clock = HandClock(mono=1000.0)
    rows = written(tmp_path, clock, 50)
    PassageHolds(tmp_path).place(list(range(1, 51)), now_ms(clock) + DAY_MS, "7/2026", now_ms(clock))
    rows.close()
    small = store(tmp_path, clock, max_bytes=10_000)
    small.write([passage(60, 990.0)], synced=True)
    assert set(range(1, 51)) <= stored(tmp_path)


@pytest.mark.parametrize("bound", ["MAX_HOLDS", "MAX_HOLD_BYTES"])
def test_more_than_the_bounds_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    clock = HandClock(mono=1000.0)
    written(tmp_path, clock).close()
    size = len(passage(0).crop or b"")
    monkeypatch.setattr(holds, bound, {"MAX_HOLDS": 2, "MAX_HOLD_BYTES": 2 * size}[bound])
    kept, until_ms = PassageHolds(tmp_path), now_ms(clock) + DAY_MS
    kept.place([1, 2], until_ms, "7/2026", now_ms(clock))
    with pytest.raises(HoldsFull, match="at most"):
        kept.place([3], until_ms, "8/2026", now_ms(clock))
    assert [each.passage for each in kept.read()] == [1, 2]
    kept.place([1], until_ms + DAY_MS, "8/2026", now_ms(clock))
    found = [(each.until_ms - until_ms, each.case) for each in kept.read()]
    assert found == [(DAY_MS, "8/2026"), (0, "7/2026")]
    clock.advance(1.5 * DAY_S)
    assert kept.place([3], now_ms(clock) + DAY_MS, "8/2026", now_ms(clock)).passages == (3,), "2 has ended"


def test_files_of_an_older_agent_get_the_table(tmp_path: Path) -> None:
    clock = HandClock(mono=1000.0)
    rows = written(tmp_path, clock)
    rows.close()
    with closing(sqlite3.connect(tmp_path / FOLDER / ROWS_FILE)) as old:
        old.execute("DROP TABLE hold")
    assert PassageHolds(tmp_path).read() == []
    PassageHolds(tmp_path).place([1], now_ms(clock) + 100 * DAY_MS, "7/2026", now_ms(clock))
    later(store(tmp_path, clock), clock, 40)
    assert stored(tmp_path) == {1}


def test_without_files_nothing_is_kept_and_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    kept = PassageHolds(tmp_path)
    assert kept.place([1], 2, "7/2026", 1).missing == (1,)
    assert (kept.release([1]), kept.read()) == ((), [])
    assert not (tmp_path / FOLDER).exists()
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / ROWS_FILE).write_bytes(b"no database" * 1000)
    for call in (lambda: kept.place([1], 2, "7", 1), lambda: kept.release([1]), kept.read):
        with pytest.raises(StorageError):
            call()


def test_a_passage_without_a_picture_is_kept(tmp_path: Path) -> None:
    clock = HandClock(mono=1000.0)
    written(tmp_path, clock).close()
    (tmp_path / FOLDER / CROPS_FILE).unlink()
    kept = PassageHolds(tmp_path)
    assert kept.place([1], now_ms(clock) + DAY_MS, "7/2026", now_ms(clock)).passages == (1,)
    assert kept.read()[0].bytes == 0


def test_a_folder_that_cannot_be_read_is_a_storage_error(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 300)  # any access to this name fails, as on a failing card
    kept, reader = PassageHolds(folder), PassageReader(folder)
    reads: list[Callable[[], object]] = [
        lambda: kept.place([1], 1, "case", 0),
        lambda: kept.release([1]),
        kept.read,
        lambda: reader.crop(1),
        lambda: reader.has_crops([1]),
        lambda: list(reader.find(PassageFilter())),
        lambda: read_scene(folder, 1),
    ]
    for read in reads:
        with pytest.raises(EdgeAgentError):
            read()
