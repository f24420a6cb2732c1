"""Rows on a real disk: bounds, clocks, damage, and what a reader finds."""

from __future__ import annotations

import errno
import logging
import sqlite3
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from edge_agent.core.errors import StorageError
from edge_agent.passages.database_file import BUSY_S, read_only
from edge_agent.passages.filters import PassageFilter, PictureLine
from edge_agent.passages.passage import (
    FOLDER,
    ColourShare,
    GroundMotion,
    PartColours,
    StandingTime,
    TimeQuality,
)
from edge_agent.passages.reader import SLICE_ROWS, PassageReader, PassageReadError
from edge_agent.passages.row_ids import FILE
from edge_agent.passages.store import CROPS_FILE, ROWS_FILE, PassageStore
from tests.outbox.parts import HandClock
from tests.passages.parts import BOOT, passage, store
from tests.testbed.small_disk import small_disk

ALL = PassageFilter()


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / FOLDER).iterdir())


def test_what_is_written_is_found_again_with_its_picture(tmp_path: Path) -> None:
    clock = HandClock(mono=1020.0)
    rows = store(tmp_path, clock)
    rows.write([passage(1), passage(2, 1005.0, group="vehicle", label="car")], synced=True)
    second, first = PassageReader(tmp_path).find(ALL)
    assert (first.camera, first.track, first.group) == ("cam-1", "cam-1-k3-1", "person")
    assert first.started_at == clock.wall - timedelta(seconds=20)
    assert (first.duration_s, first.direction_deg, first.speed) == (12.0, 90, 0.7)
    assert first.clock is TimeQuality.SYNCED
    assert first.detail.reports == passage(1).reports
    assert (second.group, second.detail.label) == ("vehicle", "car")
    assert PassageReader(tmp_path).crop(first.id) == passage(1).crop


def test_a_day_of_a_busy_site_stays_below_its_bytes(tmp_path: Path) -> None:
    """34,000 objects a day, 8,500 for each of four cameras: at most 8 MB of rows and 90 MB of pictures. A
    tenth of it is written here, in batches of a minute; the pictures are larger than those of real
    streets."""
    clock = HandClock()
    rows = store(tmp_path, clock, max_bytes=10**9)
    for _ in range(144):
        batch = [passage(n, clock.mono - 30, crop=bytes(1200 + n % 11 * 200)) for n in range(24)]
        rows.write(batch, synced=True)
        clock.advance(600)
    assert (tmp_path / FOLDER / ROWS_FILE).stat().st_size < 800_000 * 144 * 24 / 3400
    assert (tmp_path / FOLDER / CROPS_FILE).stat().st_size < 9_000_000 * 144 * 24 / 3400


def test_the_oldest_go_first_when_the_bytes_are_used_up(tmp_path: Path) -> None:
    clock = HandClock()
    rows = store(tmp_path, clock, max_bytes=4_000_000)
    for minute in range(180):
        rows.write([passage(minute * 24 + n, clock.mono - 30) for n in range(24)], synced=True)
        clock.advance(60)
    assert size_of(tmp_path) < 4_000_000 * 1.1
    found = list(PassageReader(tmp_path).find(ALL))
    assert found[0].track == f"cam-1-k3-{180 * 24 - 1}", "the newest is gone"
    with_picture = [each for each in found if PassageReader(tmp_path).crop(each.id) is not None]
    assert 0 < len(with_picture) < len(found), "a picture takes more space than a row"
    assert {each.id for each in with_picture} == {each.id for each in found[: len(with_picture)]}


def test_rows_and_pictures_go_after_their_days(tmp_path: Path) -> None:
    clock = HandClock()
    rows = store(tmp_path, clock, max_age_days=30.0, crop_days=7.0)
    for day in range(40):
        rows.write([passage(day, clock.mono - 30)], synced=True)
        clock.advance(86_400)
    found = list(PassageReader(tmp_path).find(ALL))
    assert len(found) == 30
    with_picture = [each for each in found if PassageReader(tmp_path).crop(each.id) is not None]
    assert len(with_picture) == 7


def test_pictures_go_with_their_rows_also_when_they_may_stay_longer(tmp_path: Path) -> None:
    clock = HandClock()
    rows = store(tmp_path, clock, max_age_days=1.0, crop_days=1.0)
    rows.write([passage(1, clock.mono - 30)], synced=True)
    clock.advance(2 * 86_400)
    rows.write([passage(2, clock.mono - 30, crop=None)], synced=True)
    assert [each.track for each in PassageReader(tmp_path).find(ALL)] == ["cam-1-k3-2"]
    with read_only(tmp_path / FOLDER / CROPS_FILE) as crops:
        assert crops.execute("SELECT count(*) FROM crop").fetchone() == (0,)


def test_an_object_that_stands_for_weeks_does_not_take_the_rows_before_it(tmp_path: Path) -> None:
    clock = HandClock(mono=40 * 86_400.0)
    rows = store(tmp_path, clock)
    rows.write([passage(1, clock.mono - 86_400)], synced=True)
    rows.write([passage(2, clock.mono - 35 * 86_400, ended_mono=clock.mono, ended=False)], synced=True)
    clock.advance(7200)
    rows.write([passage(3, clock.mono - 30)], synced=True)
    found = list(PassageReader(tmp_path).find(ALL))
    assert {each.track for each in found} == {"cam-1-k3-1", "cam-1-k3-2", "cam-1-k3-3"}
    assert all(PassageReader(tmp_path).crop(each.id) for each in found)


def tracks(folder: Path) -> list[int]:
    """The numbers of all rows, which all have their pictures."""
    found = list(PassageReader(folder).find(ALL))
    assert all(PassageReader(folder).crop(each.id) for each in found)
    with read_only(folder / FOLDER / CROPS_FILE) as crops:
        assert crops.execute("SELECT count(*) FROM crop").fetchone() == (len(found),)
    return sorted(int(each.track.rpartition("-")[2]) for each in found)


def test_nothing_is_too_old_while_the_clock_is_not_steady(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, is_steady = HandClock(mono=86_400.0), False
    rows = store(tmp_path, clock, steady=lambda: is_steady, max_age_days=5.0, crop_days=5.0)
    rows.write([passage(0, clock.mono - 30)], synced=True)
    clock.advance(7200)
    clock.wall += timedelta(days=40)
    rows.write([], synced=True)
    assert tracks(tmp_path) == [0]
    is_steady = True
    with caplog.at_level(logging.INFO):
        rows.write([], synced=True)
    assert tracks(tmp_path) == []
    assert caplog.messages == [
        "passages: pictures older than 5 days deleted: 1",
        "passages: passages older than 5 days deleted: 1",
    ]


@pytest.mark.parametrize("jump_days", [-8, 4000])
def test_a_row_with_a_wrong_time_takes_no_others_and_goes_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_days: int
) -> None:
    monkeypatch.setattr("edge_agent.passages.store.STEP_ROWS", 3)
    clock = HandClock(mono=86_400.0)
    rows = store(tmp_path, clock, max_age_days=5.0, crop_days=5.0)
    for day in range(9):
        rows.write([], synced=True)
        wrong = timedelta(days=jump_days if day == 2 else 0)
        clock.wall += wrong
        rows.write([passage(day, clock.mono - 30)], synced=True)
        clock.wall -= wrong
        clock.advance(86_400)
        if day == 4:
            assert set(tracks(tmp_path)) >= set(range(5)) - {2}
    assert tracks(tmp_path) == list(range(4, 9))


def test_a_row_without_a_time_goes_with_its_neighbours(tmp_path: Path) -> None:
    clock = HandClock(mono=86_400.0)
    for day in range(8):
        rows = store(tmp_path, clock, boot_id=f"boot-{day}", max_age_days=4.0, crop_days=4.0)
        rows.write([passage(day, clock.mono - 30)], synced=day % 2 == 0)
        rows.close()
        clock.advance(86_400)
        if day == 4:
            assert tracks(tmp_path) == list(range(1, 5))
    assert tracks(tmp_path) == list(range(3, 8))


def test_what_stands_for_weeks_does_not_delay_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.passages.store.STEP_ROWS", 2)
    clock = HandClock(mono=86_400.0)
    rows = store(tmp_path, clock, max_age_days=4.0, crop_days=4.0)
    for day in range(8):
        stays = [passage(1000 + n, 86_000.0, ended_mono=clock.mono, ended=False) for n in range(3)]
        rows.write([*stays, passage(day, clock.mono - 30)], synced=True)
        clock.advance(86_400)
    assert tracks(tmp_path) == [*range(4, 8), 1000, 1001, 1002]


def test_a_failure_to_remove_does_not_store_rows_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HandClock(mono=1020.0)
    rows = store(tmp_path, clock)
    rows.write([passage(1)], synced=True)
    with monkeypatch.context() as locked:
        busy = sqlite3.OperationalError("database is locked")
        locked.setattr(PassageStore, "_prune", Mock(side_effect=busy))
        with pytest.raises(StorageError, match="locked"):
            rows.write([passage(2)], synced=True)
    rows.write([passage(2)], synced=True)
    assert len(list(PassageReader(tmp_path).find(ALL))) == 2


def test_a_failed_write_gives_no_second_row_to_what_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HandClock(mono=1020.0)
    rows = store(tmp_path, clock)
    rows.write([passage(1, ended=False)], synced=True)
    with monkeypatch.context() as locked:
        busy = sqlite3.OperationalError("database is locked")
        locked.setattr(PassageStore, "_name_id", Mock(side_effect=busy))
        with pytest.raises(StorageError, match="locked"):
            rows.write([passage(1, ended_mono=1600.0, ended=False)], synced=True)
    rows.write([passage(2)], synced=True)
    rows.write([passage(1, ended_mono=1900.0)], synced=True)
    found = [(each.track, each.duration_s) for each in PassageReader(tmp_path).find(ALL)]
    assert sorted(found) == [("cam-1-k3-1", 900.0), ("cam-1-k3-2", 12.0)]


def test_a_reader_in_the_middle_of_its_search_does_not_keep_the_writer_waiting(tmp_path: Path) -> None:
    rows = store(tmp_path, HandClock(mono=1020.0))
    rows.write([passage(n) for n in range(SLICE_ROWS + 50)], synced=True)
    search = PassageReader(tmp_path).find(ALL)
    next(search)
    started = time.monotonic()
    rows.write([passage(9999)], synced=True)
    assert time.monotonic() - started < BUSY_S / 2
    assert len(list(search)) == SLICE_ROWS + 49


def test_damaged_files_on_a_card_that_became_read_only_are_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = store(tmp_path, HandClock(mono=1020.0))
    (tmp_path / FOLDER).mkdir()
    for name in (ROWS_FILE, CROPS_FILE):
        (tmp_path / FOLDER / name).write_bytes(b"no database" * 1000)
    monkeypatch.setattr(Path, "unlink", Mock(side_effect=OSError(errno.EROFS, "Read-only file system")))
    with pytest.raises(StorageError, match="Read-only"):
        rows.write([passage(1)], synced=True)


def test_a_row_with_an_impossible_time_is_named_as_damage(tmp_path: Path) -> None:
    store(tmp_path, HandClock(mono=1020.0)).write([passage(1)], synced=True)
    with sqlite3.connect(tmp_path / FOLDER / ROWS_FILE) as rows:
        rows.execute(f"UPDATE passage SET start = {2**62}")
    with pytest.raises(PassageReadError, match=r"passages\.db"):
        list(PassageReader(tmp_path).find(ALL))


def test_pictures_do_not_outlive_the_file_of_their_rows(tmp_path: Path) -> None:
    rows = store(tmp_path, HandClock(mono=1020.0))
    rows.write([passage(1), passage(2)], synced=True)
    (tmp_path / FOLDER / ROWS_FILE).unlink()
    rows.write([passage(3)], synced=True)
    with read_only(tmp_path / FOLDER / CROPS_FILE) as crops:
        assert crops.execute("SELECT id FROM crop").fetchall() == [(each,) for each in ids(tmp_path)]


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "a?b#c%20d"
    store(folder, HandClock(mono=1020.0)).write([passage(1)], synced=True)
    assert len(list(PassageReader(folder).find(ALL))) == 1


def test_nothing_is_too_old_while_the_clock_is_wrong(tmp_path: Path) -> None:
    clock = HandClock()
    rows = store(tmp_path, clock, max_age_days=1.0)
    rows.write([passage(1, clock.mono - 30)], synced=True)
    clock.advance(7200)
    clock.wall = datetime(2040, 1, 1, tzinfo=UTC)
    rows.write([passage(2, clock.mono - 30)], synced=False)
    assert len(list(PassageReader(tmp_path).find(ALL))) == 2


def test_rows_from_before_the_synchronisation_are_dated_afterwards(tmp_path: Path) -> None:
    clock = HandClock(mono=1020.0, wall=datetime(1970, 1, 1, 0, 17, tzinfo=UTC))
    rows = store(tmp_path, clock)
    rows.write([passage(1)], synced=False)
    (found,) = PassageReader(tmp_path).find(ALL)
    assert found.clock is TimeQuality.UNSYNCED
    right = datetime(2026, 11, 24, 12, tzinfo=UTC)
    clock.mono, clock.wall = 1080.0, right
    rows.write([passage(2, 1070.0)], synced=True)
    second, first = PassageReader(tmp_path).find(ALL)
    assert (first.clock, second.clock) == (TimeQuality.CORRECTED, TimeQuality.SYNCED)
    assert first.started_at == right - timedelta(seconds=80)


def test_rows_of_an_earlier_boot_without_a_clock_are_never_corrected(tmp_path: Path) -> None:
    early = datetime(1970, 1, 1, 0, 17, tzinfo=UTC)
    rows = store(tmp_path, HandClock(mono=1020.0, wall=early))
    rows.write([passage(1)], synced=False)
    rows.close()
    later = store(tmp_path, HandClock(mono=40.0), boot_id="boot-2")
    later.write([passage(2, 20.0)], synced=True)
    _, first = PassageReader(tmp_path).find(ALL)
    assert first.clock is TimeQuality.UNSYNCED
    assert first.started_at < datetime(1970, 1, 2, tzinfo=UTC)


def test_a_restart_in_the_same_boot_still_corrects(tmp_path: Path) -> None:
    rows = store(tmp_path, HandClock(mono=1020.0, wall=datetime(1970, 1, 1, 0, 17, tzinfo=UTC)))
    rows.write([passage(1)], synced=False)
    rows.close()
    again = store(tmp_path, HandClock(mono=1080.0), boot_id=BOOT)
    again.write([passage(2, 1070.0)], synced=True)
    _, first = PassageReader(tmp_path).find(ALL)
    assert first.clock is TimeQuality.CORRECTED


def test_the_row_of_a_parked_object_is_replaced(tmp_path: Path) -> None:
    clock = HandClock(mono=1020.0)
    rows = store(tmp_path, clock)
    rows.write([passage(1, ended=False)], synced=True)
    rows.write([passage(2)], synced=True)
    rows.write([passage(1, ended_mono=1900.0, standing=(StandingTime(3.0, 880.0),))], synced=True)
    found = {each.track: each for each in PassageReader(tmp_path).find(ALL)}
    assert len(found) == 2
    assert found["cam-1-k3-1"].duration_s == 900.0


def test_a_damaged_file_is_started_again(tmp_path: Path) -> None:
    clock = HandClock(mono=1020.0)
    rows = store(tmp_path, clock)
    rows.write([passage(n) for n in range(200)], synced=True)
    rows.close()
    file = tmp_path / FOLDER / ROWS_FILE
    content = bytearray(file.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        rows.write([passage(500)], synced=True)
    rows.write([passage(500)], synced=True)
    assert [each.track for each in PassageReader(tmp_path).find(ALL)] == ["cam-1-k3-500"]


def ids(folder: Path) -> list[int]:
    return [each.id for each in PassageReader(folder).find(ALL)]


def test_no_id_comes_again_after_a_damaged_file(tmp_path: Path) -> None:
    """Else an old search would show the picture of another object."""
    clock = HandClock(mono=1020.0)
    rows = store(tmp_path, clock)
    rows.write([passage(n) for n in range(50)], synced=True)
    before = max(ids(tmp_path))
    rows.close()
    clock.advance(60.0)
    (tmp_path / FOLDER / ROWS_FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="damaged"):
        rows.write([passage(500)], synced=True)
    rows.write([passage(500)], synced=True)
    assert before < ids(tmp_path)[0] < 2**53


def test_no_id_comes_again_after_all_rows_were_deleted(tmp_path: Path) -> None:
    clock = HandClock(mono=1020.0)
    rows = store(tmp_path, clock, max_age_days=1)
    rows.write([passage(1), passage(2)], synced=True)
    before = max(ids(tmp_path))
    clock.advance(3 * 86_400)
    rows.write([], synced=True)
    assert ids(tmp_path) == []
    rows.write([passage(3, clock.mono - 20)], synced=True)
    assert ids(tmp_path)[0] > before
    rows.close()
    clock.advance(3 * 86_400)
    rows.write([], synced=True)
    last = before + 1
    store(tmp_path, clock).write([passage(4, clock.mono - 20)], synced=True)
    assert ids(tmp_path)[0] > last


@pytest.mark.parametrize("year", [1970, 2026])
def test_no_id_comes_again_when_the_clock_has_gone_back(tmp_path: Path, year: int) -> None:
    clock = HandClock(mono=1020.0)
    store(tmp_path, clock).write([passage(1), passage(2)], synced=True)
    before = max(ids(tmp_path))
    for _ in range(2):
        (tmp_path / FOLDER / ROWS_FILE).unlink()
        clock.wall = datetime(year, 1, 1, tzinfo=UTC)
        store(tmp_path, clock).write([passage(3), passage(4)], synced=False)
        assert before < min(ids(tmp_path)) < 2**53
        before = max(ids(tmp_path))


def test_ids_go_on_in_a_file_of_an_older_agent(tmp_path: Path) -> None:
    """Its ids begin at 1; the clock was never set, and no file says what was used."""
    clock = HandClock(mono=1020.0)
    clock.wall = datetime(1970, 1, 1, tzinfo=UTC)
    store(tmp_path, clock).write([passage(1)], synced=False)
    (tmp_path / FOLDER / FILE).unlink()
    with sqlite3.connect(tmp_path / FOLDER / ROWS_FILE) as rows:
        rows.execute("UPDATE passage SET id = 412")
    store(tmp_path, clock).write([passage(2)], synced=False)
    assert sorted(ids(tmp_path)) == [412, 100_000_000]


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 20_000) as disk:
        rows = store(disk, HandClock(mono=1020.0))
        filler = disk / "filler"
        filler.write_bytes(bytes(12_000_000))
        with pytest.raises(StorageError, match="short of space"):
            rows.write([passage(1)], synced=True)
        filler.unlink()
        rows.write([passage(1)], synced=True)
        assert len(list(PassageReader(disk).find(ALL))) == 1
        rows.close()


@pytest.mark.parametrize(
    ("wanted", "tracks"),
    [
        (PassageFilter(group="person"), {1, 3}),
        (PassageFilter(colour="red"), {1, 2}),
        (PassageFilter(colour="red", part="upper"), {1}),
        (PassageFilter(colour="purple"), set()),
        (PassageFilter(cameras=("cam-2",)), {3}),
        (PassageFilter(direction_deg=100.0), {1, 2}),
        (PassageFilter(direction_deg=350.0), {3}),
        (PassageFilter(min_still_s=30.0), {2}),
        (PassageFilter(group="person", cameras=("cam-1",)), {1}),
        (PassageFilter(min_height=0.3), {2}),
        (PassageFilter(max_height=0.2), {1, 3}),
        (PassageFilter(min_speed=1.0), {3}),
        (PassageFilter(max_speed=0.7), {1, 2}),
        (PassageFilter(min_for_s=20.0), {2}),
        (PassageFilter(min_speed_m_s=8.9), {3}),
        (PassageFilter(min_speed_m_s=9.1), set()),
        (PassageFilter(min_speed_m_s=1.0, max_speed_m_s=7.1), {3}),
        (PassageFilter(max_speed_m_s=6.9), set()),
        (PassageFilter(line=PictureLine("cam-1", (0.3, 0.4), (0.3, 0.6))), {1, 2}),
        (PassageFilter(line=PictureLine("cam-1", (0.3, 0.6), (0.3, 0.9))), set()),
        (PassageFilter(line=PictureLine("cam-1", (0.9, 0.4), (0.9, 0.6))), set()),
        (PassageFilter(line=PictureLine("cam-1", (0.5, 0.5), (0.9, 0.5))), {1, 2}),
        (PassageFilter(line=PictureLine("cam-2", (0.3, 0.4), (0.3, 0.6))), {3}),
        (PassageFilter(line=PictureLine("cam-2", (0.3, 0.4), (0.3, 0.6)), cameras=("cam-1",)), set()),
    ],
)
def test_a_filter_finds_what_it_names(tmp_path: Path, wanted: PassageFilter, tracks: set[int]) -> None:
    """Passages 1 and 2 went along y = 0.5 from x = 0 to 0.6, passage 3 of another camera as well."""
    stood = (StandingTime(0.0, 60.0),)
    car = passage(2, ended_mono=1080.0, group="vehicle", standing=stood, height=0.3, colours=(_body("red"),))
    other = passage(3, camera="cam-2", track="cam-2-k3-3", direction_deg=10.0, colours=(_body("blue"),))
    other = replace(other, speed=1.5, ground=GroundMotion(8.0, 1.0, 90.0))
    store(tmp_path, HandClock(mono=1020.0)).write([passage(1), car, other], synced=True)
    assert {int(each.track.rsplit("-")[-1]) for each in PassageReader(tmp_path).find(wanted)} == tracks


def test_a_time_span_finds_what_overlaps_it_also_after_hours_of_parking(tmp_path: Path) -> None:
    clock = HandClock(mono=100_000.0)
    parked = passage(1, 10_000.0, ended_mono=90_000.0)
    brief = passage(2, 50_000.0)
    rows = store(tmp_path, clock)
    rows.write([parked, brief], synced=True)
    start = clock.wall - timedelta(seconds=100_000 - 50_006)
    span = PassageFilter(from_at=start, to_at=start + timedelta(seconds=1))
    assert {each.track for each in PassageReader(tmp_path).find(span)} == {"cam-1-k3-1", "cam-1-k3-2"}
    late = PassageFilter(from_at=start + timedelta(seconds=10))
    assert {each.track for each in PassageReader(tmp_path).find(late)} == {"cam-1-k3-1"}


def test_a_span_of_an_hour_is_found_by_an_index_and_counted_by_it_alone(tmp_path: Path) -> None:
    store(tmp_path, HandClock(mono=1020.0)).write([passage(1)], synced=True)
    at = datetime(2026, 11, 24, tzinfo=UTC)
    hour = PassageFilter(from_at=at, to_at=at + timedelta(hours=1))

    def steps(what: str, wanted: PassageFilter) -> list[str]:
        with sqlite3.connect(tmp_path / FOLDER / ROWS_FILE) as rows:
            return [
                step[3]
                for where, values in PassageReader(tmp_path)._slices(
                    rows, wanted, {1: "cam-1"}, oldest_first=False
                )
                for step in rows.execute(
                    f"EXPLAIN QUERY PLAN SELECT {what} FROM passage WHERE {where}", values
                )
            ]

    long = "SEARCH passage USING INDEX passage_long (start>? AND start<?)"
    by_start = "SEARCH passage USING INDEX passage_start (start>? AND start<?)"
    assert steps("*", replace(hour, group="person", colour="red")) == [by_start, by_start, long]
    counted = by_start.replace("INDEX", "COVERING INDEX")
    assert steps("count(*)", hour) == [counted, by_start, long]


def test_without_a_file_nothing_is_found_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    assert list(PassageReader(tmp_path).find(ALL)) == []
    assert PassageReader(tmp_path).crop(1) is None
    store(tmp_path, HandClock(mono=1020.0)).write([passage(1)], synced=True)
    (tmp_path / FOLDER / ROWS_FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(PassageReadError, match=r"passages\.db"):
        list(PassageReader(tmp_path).find(ALL))


def _body(colour: str) -> PartColours:
    return PartColours("body", (ColourShare(colour, 0.7),), 0.8)


def test_the_picture_of_what_parked_for_long_does_not_go_before_older_ones(tmp_path: Path) -> None:
    """Its row has the id of the time when it was stored first."""
    clock = HandClock(mono=1020.0)
    rows = store(tmp_path, clock, max_bytes=400_000)
    parked = passage(0, 1000.0, ended=False)
    rows.write([parked], synced=True)
    for minute in range(1, 300):
        clock.advance(60)
        rows.write([passage(minute, clock.mono - 30)], synced=True)
    rows.write([replace(parked, ended_mono=clock.mono, ended=True)], synced=True)
    for minute in range(300, 310):
        clock.advance(60)
        rows.write([passage(minute, clock.mono - 30)], synced=True)
    reader = PassageReader(tmp_path)
    with_picture = {each.track for each in reader.find(ALL) if reader.crop(each.id) is not None}
    assert "cam-1-k3-0" in with_picture
    assert "cam-1-k3-1" not in with_picture, "the bytes are used up"
