"""The chain: each event names the hash of the one before it, also across failures and epochs."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.delivery import GENESIS_HASH, Draft, Stamp, StoredEvent
from edge_agent.core.model import Severity
from edge_agent.outbox.failover import RETRY_DISK_S
from tests.outbox.parts import HandClock, append, deliver_all, draft, outbox_in


class Listener:
    """A follower that records the stored events."""

    def __init__(self) -> None:
        self.events: list[StoredEvent] = []

    def stored(self, event: StoredEvent) -> None:
        self.events.append(event)


def document(event: StoredEvent) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(event.payload)
    return data


def assert_chained(events: Sequence[StoredEvent]) -> None:
    """Check that the follower got every event once, in order, with the hash of the event before it.

    The first event of an epoch names an event of an older epoch, if there is one."""
    heads: dict[str, tuple[int, str]] = {}
    every = {GENESIS_HASH}
    for event in events:
        sequence, head = heads.get(event.epoch, (0, None))
        assert event.sequence == sequence + 1
        previous = document(event)["previous"]
        assert previous == head if head is not None else previous in every
        heads[event.epoch] = (event.sequence, hashlib.sha256(event.payload).hexdigest())
        every.add(heads[event.epoch][1])


def test_the_follower_hears_what_is_sent_byte_for_byte(tmp_path: Path) -> None:
    listener = Listener()
    with outbox_in(tmp_path, follower=listener) as outbox:
        for severity in (Severity.INFO, Severity.ALARM, Severity.WARNING):
            outbox.append(draft(severity=severity))
        sent = sorted(outbox.pending(10), key=lambda event: event.sequence)
    assert [(e.key, e.kind, e.priority, e.payload) for e in listener.events] == [
        (e.key, e.kind, e.priority, e.payload) for e in sent
    ]


def test_appends_that_share_a_transaction_are_chained_too(tmp_path: Path) -> None:
    listener = Listener()
    with outbox_in(tmp_path, follower=listener) as outbox, ThreadPoolExecutor(4) as pool:
        stamps = [stamp for made in pool.map(append, [outbox] * 4, [50] * 4) for stamp in made]
    assert sorted(stamp.sequence for stamp in stamps) == list(range(1, 201))
    assert len(listener.events) == 200
    assert_chained(listener.events)


def test_an_event_that_cannot_be_encoded_is_no_link(tmp_path: Path) -> None:
    def fails(stamp: Stamp) -> bytes:
        raise ValueError("no payload")

    listener = Listener()
    with outbox_in(tmp_path, follower=listener) as outbox:
        outbox.append(draft())
        with pytest.raises(ValueError, match="no payload"):
            outbox.append(Draft("cam-1", "object", Severity.INFO, fails))
        outbox.append(draft())
    assert len(listener.events) == 2
    assert_chained(listener.events)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from(Severity), st.integers(0, 3000)),
        st.just(("deliver",)),
        st.just(("restart",)),
        st.just(("crash",)),
        st.just(("flush",)),
        st.just(("lose the disk",)),
    ),
    min_size=5,
    max_size=60,
)


@settings(max_examples=30, deadline=None)
@given(ACTS)
def test_the_chain_holds_over_deliveries_losses_restarts_crashes_memory(acts: list[tuple[Any, ...]]) -> None:
    listener, clock = Listener(), HandClock()
    with tempfile.TemporaryDirectory() as root:
        folder, generation = Path(root) / "0", 0
        outbox = outbox_in(folder, clock, 466_000, follower=listener)
        outbox.open()
        for act in acts:
            clock.advance(1.0)
            match act:
                case ("append", severity, size):
                    append(outbox, 20, severity=severity, size=size)
                case ("deliver",):
                    deliver_all(outbox)
                case ("flush",):
                    clock.advance(10.0)
                    outbox.maintain()
                case ("restart",):
                    outbox.close(timeout_s=None)
                    outbox.open()
                case ("crash",):
                    # As after a power cut: the files as they are, without a close.
                    generation += 1
                    copy = Path(root) / str(generation)
                    shutil.copytree(folder, copy)
                    outbox.close(timeout_s=None)
                    folder, outbox = copy, outbox_in(copy, clock, 466_000, follower=listener)
                    outbox.open()
                case ("lose the disk",):
                    shutil.rmtree(folder)
                    clock.advance(10.0)
                    outbox.maintain()
        outbox.close(timeout_s=None)
    assert_chained(listener.events)


def test_what_only_memory_holds_is_a_chain_of_its_own_and_is_adopted_as_it_is(tmp_path: Path) -> None:
    listener, clock, folder = Listener(), HandClock(), tmp_path / "state"
    folder.write_bytes(b"a file where the folder should be")
    with outbox_in(folder, clock, follower=listener) as outbox:
        for number in range(3):
            outbox.append(draft(str(number)))
        folder.unlink()
        clock.advance(RETRY_DISK_S)
        outbox.append(draft("on disk"))
        assert_chained(listener.events)
        assert [e.payload for e in outbox.pending(10)] == [e.payload for e in listener.events]
    assert len({event.epoch for event in listener.events}) == 2


def test_a_loss_is_a_link_like_any_other(tmp_path: Path) -> None:
    listener = Listener()
    with outbox_in(tmp_path, max_bytes=466_000, follower=listener) as outbox:
        append(outbox, 400, size=2000)
    assert "loss" in {event.kind for event in listener.events}
    assert_chained(listener.events)


def forget_head(folder: Path) -> None:
    """Remove the stored hash, as in a database of an agent without the chain."""
    with closing(sqlite3.connect(folder / "outbox.db")) as db, db:
        db.execute("DELETE FROM meta WHERE key='head'")


def test_a_database_from_before_the_chain_goes_on_from_its_newest_event(tmp_path: Path) -> None:
    listener = Listener()
    with outbox_in(tmp_path, follower=listener) as outbox:
        outbox.append(draft("old"))
    forget_head(tmp_path)
    with outbox_in(tmp_path, follower=listener) as outbox:
        outbox.append(draft("new"))
    assert_chained(listener.events)
    assert len({event.epoch for event in listener.events}) == 1


def test_where_the_newest_event_is_gone_from_such_a_database_an_epoch_begins(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        old = outbox.append(draft("old"))
        deliver_all(outbox)
    forget_head(tmp_path)
    with outbox_in(tmp_path) as outbox:
        new = outbox.append(draft("new"))
    assert (new.sequence, new.previous, new.epoch != old.epoch) == (1, GENESIS_HASH, True)


def test_a_hash_that_was_written_down_before_others_stored_events_is_not_believed(tmp_path: Path) -> None:
    """An older agent without the chain ran in between, and delivered all its events."""
    with outbox_in(tmp_path) as outbox:
        old = outbox.append(draft("old"))
        deliver_all(outbox)
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db, db:
        db.execute("UPDATE meta SET value=value+1 WHERE key IN ('n', 'removed')")
    with outbox_in(tmp_path) as outbox:
        new = outbox.append(draft("new"))
    assert (new.previous, new.epoch != old.epoch) == (GENESIS_HASH, True)
