"""A disk whose syncs fail or hang: no event is stored twice, and no append waits forever."""

from __future__ import annotations

import dataclasses
import json
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from edge_agent.core.delivery import Draft, Stamp
from edge_agent.core.model import Severity
from edge_agent.outbox import EventOutbox
from edge_agent.outbox import writer as writing
from edge_agent.outbox.failover import RETRY_DISK_S
from tests.outbox.parts import HandClock, draft, outbox_in, picture
from tests.testbed.faulty_disk import FaultyDisk
from tests.testbed.mosquitto import wait_until


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    with FaultyDisk().in_place() as faulty:
        yield faulty


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "DISK_TIMEOUT_S", 0.2)
    monkeypatch.setattr(writing, "STOP_TIMEOUT_S", 0.1)
    monkeypatch.setattr(writing, "MAINTENANCE_TIMEOUT_S", 0.2)


def texts(outbox: EventOutbox) -> dict[str, list[tuple[int, str]]]:
    """Return the keys of the waiting events, by their text."""
    found: dict[str, list[tuple[int, str]]] = {}
    for event in outbox.pending(100):
        found.setdefault(json.loads(event.payload)["text"], []).append(event.key)
    return found


def is_well_later(outbox: EventOutbox, clock: HandClock) -> bool:
    clock.advance(RETRY_DISK_S)
    return outbox.stats().degraded is None


def killed(folder: Path, name: str = "killed") -> Path:
    """Copy the files as they are now: what the next start finds after a kill."""
    return Path(shutil.copytree(folder, folder.with_name(name)))


def test_an_event_whose_sync_fails_has_one_number_although_sqlite_finds_it_in_its_log(
    disk: FaultyDisk, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    with outbox_in(folder) as outbox:
        outbox.append(draft("before"))
        disk.fails = True
        during = outbox.append(draft("during", Severity.ALARM))
        sent = texts(outbox)
        copy = killed(folder)
        disk.fails = False
        with outbox_in(copy) as later:
            found = texts(later)
    assert sent["during"] == found["during"] == [(during.sequence, during.epoch)]


def test_what_is_sent_while_syncs_fail_is_stored_once_afterwards(disk: FaultyDisk, tmp_path: Path) -> None:
    clock, folder = HandClock(), tmp_path / "state"
    with outbox_in(folder, clock) as outbox:
        before = outbox.append(draft("before"))
        disk.fails = True
        in_doubt = outbox.append(draft("in_doubt"))
        outbox.append(draft("delivered"))
        outbox.append(draft("in memory"))
        outbox.delivered(*texts(outbox)["delivered"][0])
        outbox.delivered(in_doubt.sequence, in_doubt.epoch)
        disk.fails = False
        clock.advance(RETRY_DISK_S)
        outbox.maintain()
        assert (outbox.stats().degraded, outbox.stats().depth) == (None, 2)
        assert list(texts(outbox)) == ["before", "in memory"]
        assert outbox.append(draft("after")).epoch != before.epoch
    with outbox_in(folder, clock) as outbox:
        assert list(texts(outbox)) == ["before", "in memory", "after"]


def test_the_centre_confirms_what_went_out_unsure(disk: FaultyDisk, tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        outbox.append(draft("before"))
        disk.fails = True
        in_doubt = outbox.append(draft("in_doubt"))
        for event in outbox.pending(10):
            outbox.sent(event)
        outbox.confirmed(in_doubt.epoch, in_doubt.sequence, [])
        assert outbox.pending(10) == []
        disk.fails = False


@pytest.mark.usefixtures("impatient")
def test_while_the_disk_hangs_events_use_memory_and_are_stored_once(disk: FaultyDisk, tmp_path: Path) -> None:
    clock, once = HandClock(), [("before", 1), ("in hand", 1), ("next", 1)]
    with outbox_in(tmp_path, clock) as outbox:
        outbox.append(draft("before"))
        disk.hang()
        began = time.monotonic()
        outbox.append(draft("in hand", Severity.ALARM, media=picture("p1")))
        outbox.append(draft("next", Severity.ALARM))
        outbox.stats()
        assert time.monotonic() - began < 2.0
        assert list(texts(outbox)) == ["in hand", "next"]
        assert "does not answer" in (outbox.stats().degraded or "")
        disk.answer()
        clock.advance(RETRY_DISK_S)
        wait_until(lambda: is_well_later(outbox, clock), 10)
        assert sorted((text, len(keys)) for text, keys in texts(outbox).items()) == once
    with outbox_in(tmp_path, clock) as outbox:
        assert sorted((text, len(keys)) for text, keys in texts(outbox).items()) == once


@pytest.mark.usefixtures("impatient")
def test_events_appended_together_wait_once_for_a_disk_that_hangs(disk: FaultyDisk, tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox, ThreadPoolExecutor(1) as threads:
        disk.hang()
        in_hand = threads.submit(outbox.append, draft("in hand"))
        wait_until(lambda: bool(outbox._writer._committing), 5)
        began = time.monotonic()
        stamps = outbox.append_all([draft(f"{number:02}") for number in range(20)])
        assert time.monotonic() - began < 2.0
        assert None not in stamps
        assert sorted(texts(outbox)) == [*(f"{number:02}" for number in range(20)), "in hand"]
        in_hand.result()
        disk.answer()


@pytest.mark.usefixtures("impatient")
def test_a_commit_that_ends_late_has_stored_its_event_under_the_number_that_went_out(
    disk: FaultyDisk, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    with outbox_in(folder) as outbox:
        before = outbox.append(draft("before"))
        disk.hang()
        during = outbox.append(draft("during"))
        disk.answer()
        outbox.append(draft("after"))
        with outbox_in(killed(folder)) as later:
            assert texts(later)["during"] == [(during.sequence, during.epoch)] == [(2, before.epoch)]


def test_an_event_in_hand_waits_for_no_disk_that_answers_once_and_hangs_again(
    disk: FaultyDisk, tmp_path: Path, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "DISK_TIMEOUT_S", 0.6)
    begun = {"first": threading.Event(), "slow": threading.Event()}
    gates = {"first": threading.Event(), "slow": threading.Event()}

    def held(text: str) -> Draft:
        def encode(stamp: Stamp) -> bytes:
            begun[text].set()
            gates[text].wait(10)
            return draft(text).encode(stamp)

        return dataclasses.replace(draft(), encode=encode)

    with outbox_in(tmp_path) as outbox, ThreadPoolExecutor(3) as threads:
        threads.submit(outbox.append, held("first"))
        begun["first"].wait(5)
        slow = threads.submit(outbox.append, held("slow"))  # the next append shares its transaction
        wait([slow], timeout=0.4)
        behind = threads.submit(outbox.append, draft("behind", Severity.ALARM))
        wait([behind], timeout=0.1)
        gates["first"].set()
        wait_until(lambda: outbox.stats().degraded is not None, 10)
        disk.hang()
        gates["slow"].set()
        stamp = behind.result(timeout=3)
        assert texts(outbox)["behind"] == [(stamp.sequence, stamp.epoch)]
        disk.answer()


@pytest.mark.usefixtures("impatient")
def test_neither_the_start_nor_the_stop_waits_for_a_disk_that_hangs(disk: FaultyDisk, tmp_path: Path) -> None:
    disk.hang()
    began = time.monotonic()
    outbox = outbox_in(tmp_path)
    outbox.open()
    stamp = outbox.append(draft())
    assert [event.key for event in outbox.pending(5)] == [(stamp.sequence, stamp.epoch)]
    outbox.close(timeout_s=0.2)
    assert time.monotonic() - began < 2.0
    disk.answer()
    outbox.close(timeout_s=None)
    with outbox_in(tmp_path) as outbox:
        assert [event.key for event in outbox.pending(5)] == [(stamp.sequence, stamp.epoch)]
