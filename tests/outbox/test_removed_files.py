"""Files that are removed or replaced while the agent runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.outbox import EventOutbox
from edge_agent.outbox.failover import RETRY_DISK_S
from edge_agent.outbox.writer import CHECK_FILES_S
from tests.outbox.parts import HandClock, draft, outbox_in, picture, texts


def remove(*names: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return act


def put_another_database_there(folder: Path) -> None:
    with outbox_in(folder.with_name("other")) as outbox:
        outbox.append(draft("of another gateway"))
    remove("outbox.db", "outbox.db-wal", "outbox.db-shm")(folder)
    shutil.copy(folder.with_name("other") / "outbox.db", folder)


def after_a_power_cut(folder: Path) -> EventOutbox:
    """Copy the files as they are now: what the next start finds after a power cut."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    return outbox_in(copy)


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(remove("outbox.db"), id="database"),
        pytest.param(remove("outbox.db-wal"), id="write-ahead log"),
        pytest.param(remove("outbox.db-shm"), id="index of the log"),
        pytest.param(remove("outbox.db", "outbox.db-wal", "outbox.db-shm"), id="all three"),
        pytest.param(shutil.rmtree, id="the whole folder"),
        pytest.param(put_another_database_there, id="replaced by another"),
    ],
)
def test_events_survive_that_their_files_are_removed(tmp_path: Path, act: Callable[[Path], None]) -> None:
    clock, folder = HandClock(), tmp_path / "state"
    with outbox_in(folder, clock) as outbox:
        before = outbox.append(draft("before"))
        outbox.append(draft("delivered"))
        outbox.delivered(2, before.epoch)
        act(folder)
        outbox.append(draft("between"))
        clock.advance(CHECK_FILES_S)
        outbox.maintain()
        after = outbox.append(draft("after"))
        assert "new epoch" in (outbox.stats().degraded or "")
        assert (after.sequence, after.epoch != before.epoch) == (1, True)
        assert texts(outbox) == ["before", "between", "after"]
        with after_a_power_cut(folder) as later:
            assert [text for text in texts(later) if text != "delivered"] == ["before", "between", "after"]


def test_pictures_survive_that_only_the_database_is_removed(tmp_path: Path) -> None:
    clock, folder = HandClock(), tmp_path / "state"
    with outbox_in(folder, clock) as outbox:
        stamp = outbox.append(draft(media=picture("p1")))
        (folder / "outbox.db").unlink()
        clock.advance(CHECK_FILES_S)
        outbox.maintain()
        with after_a_power_cut(folder) as later:
            later.delivered(stamp.sequence, stamp.epoch)
            media = later.pending_media()
    assert media is not None
    assert media.payload == picture("p1").payload


def test_a_removal_just_before_the_stop_is_noticed_by_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with outbox_in(folder) as outbox:
        outbox.append(draft("last"))
        shutil.rmtree(folder)
    with outbox_in(folder) as outbox:
        assert texts(outbox) == ["last"]


def test_while_no_file_can_be_made_the_events_wait_in_memory(tmp_path: Path) -> None:
    clock, folder = HandClock(), tmp_path / "state"
    with outbox_in(folder, clock) as outbox:
        outbox.append(draft("before"))
        shutil.rmtree(folder)
        folder.touch()  # a file has replaced the folder
        clock.advance(CHECK_FILES_S)
        outbox.append(draft("during"))
        outbox.maintain()
        assert "memory" in (outbox.stats().degraded or "")
        outbox.append(draft("in memory"))
        assert texts(outbox) == ["before", "during", "in memory"]
        folder.unlink()
        clock.advance(RETRY_DISK_S)
        outbox.maintain()
        with after_a_power_cut(folder) as later:
            assert texts(later) == ["before", "during", "in memory"]


def test_a_second_agent_that_took_the_place_keeps_its_files(tmp_path: Path) -> None:
    clock, folder = HandClock(), tmp_path / "state"
    with outbox_in(folder, clock) as first:
        first.append(draft("of the first"))
        shutil.rmtree(folder)
        with outbox_in(folder) as second:
            second.append(draft("of the second"))
            clock.advance(CHECK_FILES_S)
            first.maintain()
            assert "another agent" in (first.stats().degraded or "")
            with after_a_power_cut(folder) as later:
                assert texts(later) == ["of the second"]
