"""Heads, the key and the journal."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import json
import logging
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.config.model.settings import Storage
from edge_agent.core.delivery import StoredEvent
from edge_agent.evidence.chain.journal import EventJournal, journal_files
from edge_agent.evidence.chain.keys import JOURNAL, load_or_make, public_keys, to_pem
from edge_agent.evidence.chain.records import head_text
from tests.evidence.box import Box, box_in
from tests.outbox.parts import HandClock


def kinds(box: Box) -> list[str]:
    return [json.loads(payload)["type"].split(".")[3] for payload in box.published()]


# --- heads ---


def test_an_alarm_is_signed_at_once_and_by_name(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        alarm = box.alarm()
        box.fact()
        box.seconds(1)
        head = json.loads(box.published()[-1])
    assert (head["type"].split(".")[3], head["severitytext"]) == ("chain-head", "ERROR")
    assert head["data"]["sequence"] == f"{alarm.sequence:016d}"


def test_other_news_is_signed_once_a_minute_and_heads_are_no_news(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        for _ in range(150):
            box.fact()
            box.seconds(1)
        assert kinds(box).count("chain-head") == 2
        for _ in range(600):
            box.seconds(1)
        assert kinds(box).count("chain-head") == 3


def test_a_stop_signs_what_no_head_signs_yet(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.fact()
        box.chain.tick(box.outbox.append, stopping=True)
        box.chain.tick(box.outbox.append, stopping=True)
        assert kinds(box)[1:] == ["chain-head"]


def test_openssl_verifies_a_published_head(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.alarm()
        box.seconds(1)
        head = json.loads(box.published()[-1])["data"]
        der = base64.b64decode(box.chain.public_key or "")
    assert hashlib.sha256(der).hexdigest() == head["key_id"]
    text, sig, key = (tmp_path / name for name in ("head.txt", "head.sig", "key.pem"))
    values = (head[name] for name in ("epoch", "sequence", "sha256", "signed_at"))
    text.write_bytes(head_text("dt-001", *values))
    sig.write_bytes(base64.b64decode(head["signature"]))
    key.write_bytes(to_pem(der))
    command = f"openssl pkeyutl -verify -pubin -inkey {key} -rawin -in {text} -sigfile {sig}"
    done = subprocess.run(command.split(), check=True, capture_output=True, text=True)
    assert "Successfully" in done.stdout


# --- the key ---


def test_the_key_stays_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first, second = load_or_make(tmp_path), load_or_make(tmp_path)
    assert (first.id, first.notice, second.notice) == (second.id, None, None)
    assert (tmp_path / "keys" / "evidence.pem").stat().st_mode & 0o777 == 0o600


def test_a_lost_key_is_told(tmp_path: Path) -> None:
    first = load_or_make(tmp_path)
    (tmp_path / "keys" / "evidence.pem").unlink()
    second = load_or_make(tmp_path)
    assert second.id != first.id
    assert "is gone; events are signed with a new key" in (second.notice or "")


def test_keys_that_are_gone_with_their_public_halves_are_told_too(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.alarm()
        box.seconds(1)
    shutil.rmtree(tmp_path / "keys")
    with box_in(tmp_path) as box:
        assert "is gone; events are signed with a new key" in (box.chain.degraded or "")


def test_a_damaged_public_key_is_written_anew_and_another_one_left_out(tmp_path: Path) -> None:
    key = load_or_make(tmp_path)
    for name in (f"evidence-{key.id[:16]}.pub.pem", "evidence-0123456789abcdef.pub.pem"):
        (tmp_path / "keys" / name).write_bytes(b"garbage")
    assert load_or_make(tmp_path).notice is None
    assert public_keys(tmp_path) == {key.id: to_pem(key.der)}


def test_a_key_that_cannot_be_understood_is_set_aside_not_overwritten(tmp_path: Path) -> None:
    load_or_make(tmp_path)
    (tmp_path / "keys" / "evidence.pem").write_bytes(b"scrambled")
    with box_in(tmp_path) as box:
        assert "not a PEM file" in (box.chain.degraded or "")
    (aside,) = (tmp_path / "keys").glob("evidence.pem.unusable-*")
    assert aside.read_bytes() == b"scrambled"


def test_without_a_place_for_the_key_events_are_signed_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"a file where the folder should be")
    with box_in(tmp_path) as box:
        box.alarm()
        box.seconds(1)
        assert kinds(box)[-1] == "chain-head"
        assert "is lost when the agent stops" in (box.chain.degraded or "")


# --- the journal ---


def test_the_journal_has_what_was_published_byte_for_byte_after_a_minute_or_an_alarm(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.fact()
        box.seconds(1)
        assert box.journal() == []
        box.alarm()
        box.seconds(1)
        assert len(box.journal()) == 3
        box.fact()
        box.seconds(60)
        assert box.journal() == box.published()


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.alarm()
        box.seconds(1)
    (path,) = (tmp_path / "evidence" / "journal").glob("*")
    path.write_bytes(path.read_bytes()[:-40])
    with box_in(tmp_path) as box:
        box.alarm("another-1")
        box.seconds(1)
        published, journal = box.published(), box.journal()
    assert set(published) - set(journal) == {published[1]}


def test_a_disk_that_takes_nothing_costs_the_journal_only_and_little_memory(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        journal = tmp_path / "evidence" / "journal"
        journal.parent.mkdir()
        journal.write_bytes(b"in the way")
        for _ in range(4000):
            box.fact()
        box.seconds(60)
        assert "journal: cannot be written" in (box.chain.degraded or "")
        assert box.outbox.stats().depth >= 4000
        journal.unlink()
        box.fact()
        box.seconds(60)
        assert "events are not in it" in (box.chain.degraded or "")
        assert box.journal()[-1] == box.published()[-1]


def test_a_journal_of_a_clock_that_was_months_behind_counts_from_the_synchronisation(tmp_path: Path) -> None:
    clock, is_synced = HandClock(), False
    _, write = journal_in(tmp_path, clock, lambda: is_synced)
    assert write(1) == ["2026-11-24-e1.jsonl"]
    clock.wall += timedelta(days=70)
    is_synced = True
    assert write(2) == ["2027-02-02-e1.jsonl"], "the same file"
    clock.wall += timedelta(days=3)
    assert write(3) == ["2027-02-02-e1.jsonl", "2027-02-05-e1.jsonl"]
    clock.wall += timedelta(days=1)
    assert write(4) == ["2027-02-05-e1.jsonl", "2027-02-06-e1.jsonl"]


def journal_in(
    folder: Path,
    clock: HandClock,
    steady: Callable[[], bool] = lambda: True,
    *,
    max_bytes: int = 10**6,
    held: frozenset[str] = frozenset(),
) -> tuple[EventJournal, Callable[..., list[str]]]:
    """A journal of three days, and a function that writes an event and returns the names of the files."""
    journal = EventJournal(
        folder,
        max_bytes=max_bytes,
        max_age_days=3,
        keep_free=0,
        clock=clock,
        clock_steady=steady,
        hold_ids=lambda: held,
    )

    def write(number: int, payload: bytes = b"{}") -> list[str]:
        journal.add(StoredEvent(number, "e1", "cam-1", "object", 9, 0, payload))
        journal.write()
        return [path.name for path in journal_files(folder)]

    return journal, write


def test_a_line_that_cannot_be_taken_back_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card fails in the middle of a line, and the file cannot be truncated either."""
    journal, write = journal_in(tmp_path, HandClock())
    (name,) = write(1, b"first")
    real_write, real_open = os.write, open

    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    def half(file: int, content: bytes) -> int:
        monkeypatch.setattr(os, "write", fail)
        return real_write(file, content[:3])

    class Untruncatable(io.FileIO):
        truncate = fail

    monkeypatch.setattr(os, "write", half)
    monkeypatch.setattr(
        "edge_agent.evidence.chain.journal.open",
        lambda path, mode, **more: (
            Untruncatable(path, "a") if mode == "ab" else real_open(path, mode, **more)
        ),
        raising=False,
    )
    write(2, b"second")
    assert "cannot be written" in (journal.degraded or "")
    monkeypatch.undo()
    write(3, b"third")
    assert (tmp_path / JOURNAL / name).read_bytes().split() == [b"first", b"sec", b"second", b"third"]


def test_an_old_file_that_cannot_be_dated_keeps_no_event_from_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    is_steady = False
    journal, write = journal_in(tmp_path, HandClock(), lambda: is_steady)
    (name,) = write(1)

    def fail(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "utime", fail)
    is_steady = True
    for number in range(2, 5):
        write(number)
    assert journal.degraded is None
    assert len((tmp_path / JOURNAL / name).read_bytes().split()) == 4
    assert len(caplog.messages) == 1, "the same failure is logged once"


def test_a_file_that_grows_after_it_was_searched_keeps_its_held_event(tmp_path: Path) -> None:
    clock = HandClock()
    journal, write = journal_in(tmp_path, clock, max_bytes=1, held=frozenset({"held-1"}))
    (name,) = write(1)
    journal._has_hold(tmp_path / JOURNAL / name)
    write(2, b"held-1")
    clock.wall += timedelta(days=1)
    assert name in write(3)


def test_a_time_server_that_is_wrong_for_a_while_costs_no_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, is_steady = HandClock(), True
    _, write = journal_in(tmp_path, clock, lambda: is_steady)

    right = clock.wall
    write(1)
    is_steady, clock.wall = False, right + timedelta(days=2000)
    write(2)
    clock.wall = right - timedelta(days=500)
    kept = ["2025-07-12-e1.jsonl", "2026-11-24-e1.jsonl", "2032-05-16-e1.jsonl"]
    assert write(3) == kept
    is_steady, clock.wall = True, right + timedelta(hours=1)
    assert write(4) == kept, "the day has a file already"
    clock.wall = right + timedelta(days=1)
    assert write(5) == ["2026-11-24-e1.jsonl", "2026-11-25-e1.jsonl", "2032-05-16-e1.jsonl"]
    clock.wall = right + timedelta(days=2)
    assert write(6) == ["2026-11-24-e1.jsonl", "2026-11-25-e1.jsonl", "2026-11-26-e1.jsonl"]
    clock.wall = right + timedelta(days=4)
    with caplog.at_level(logging.INFO):
        assert write(7)[0] == "2026-11-25-e1.jsonl"
    assert caplog.messages == ["evidence: journal: files older than 3 days deleted: 1"]


def test_old_journals_go_but_not_those_of_held_events(tmp_path: Path) -> None:
    clock = HandClock()
    storage = Storage(max_age_days=3, keep_free=10_000_000)
    with box_in(tmp_path, clock, storage=storage, held=frozenset({"held-1"})) as box:
        for day, event_id in enumerate(["held-1", *(f"other-{n}" for n in range(1, 7))]):
            clock.wall += timedelta(days=bool(day))
            box.alarm(event_id)
            box.seconds(1)
        days = [path.name[:10] for path in sorted((tmp_path / "evidence" / "journal").glob("*"))]
    with_the_next_head = ["2026-11-24", "2026-11-25"]
    assert days == [*with_the_next_head, "2026-11-27", "2026-11-28", "2026-11-29", "2026-11-30"]


def test_the_next_epoch_of_a_held_event_stays_too(tmp_path: Path) -> None:
    clock, held = HandClock(), frozenset({"held-1"})
    storage = Storage(max_age_days=3, keep_free=10_000_000)
    with box_in(tmp_path, clock, storage=storage, held=held) as box:
        box.alarm("held-1")
    clock.wall += timedelta(days=1)
    with box_in(tmp_path, clock, storage=storage, held=held, boot_id="c") as box:
        box.alarm("other-1")
        box.seconds(1)
    clock.wall += timedelta(days=5)
    with box_in(tmp_path, clock, storage=storage, held=held, boot_id="d") as box:
        box.alarm("other-2")
        box.seconds(1)
        days = [path.name[:10] for path in sorted((tmp_path / "evidence" / "journal").glob("*"))]
    assert days == ["2026-11-24", "2026-11-25", "2026-11-30"]


def test_a_journal_that_cannot_be_read_does_not_keep_the_agent_without_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "glob", fail)
    assert "evidence.pem is gone" in (load_or_make(tmp_path).notice or "")
