"""Commands that hang, flood, repeat or meet a full disk: others are not delayed, and none runs twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from edge_agent.commands import journal
from edge_agent.commands.action import CommandContext, CommandFailed, CommandSucceeded
from edge_agent.commands.replies import MAX_REPLIES
from edge_agent.core.state_file import write_record
from edge_agent.wire.topics import DownKind, DownMessage
from tests.commands.centre import document, encoded, signed
from tests.commands.counter import OPERATOR, Counter
from tests.commands.table import EXAMPLES
from tests.testbed.mosquitto import wait_until


def test_an_upload_that_hangs_holds_up_its_own_type_and_nothing_else(box: Counter) -> None:
    """A host that does not answer blocks an upload for an hour; a configuration is pushed meanwhile."""
    gate, hung = box.actions["clip"].hang(), document("clip", EXAMPLES["clip"].args)
    others = [name for name in box.actions if name != "clip"]
    with box.opened():
        box.deliver("clip", encoded(hung))
        wait_until(lambda: box.ran == [hung["id"]])
        for name in others:
            asked = document(name, EXAMPLES[name].args)
            assert box.ask(asked, OPERATOR)["status"] == "succeeded", name
        gate.set()
        assert box.answer(hung["id"])["status"] == "succeeded"


def test_what_hangs_is_timed_out_costs_no_watchdog_and_no_stop_and_says_nothing_later(box: Counter) -> None:
    gate, hung = box.actions["clip"].hang(), document("clip", EXAMPLES["clip"].args)
    with box.opened():
        box.deliver("clip", encoded(hung))
        wait_until(lambda: box.ran == [hung["id"]])
        box.clock.shift = timedelta(seconds=box.actions["clip"].real.within_s + 1)
        box.dispatcher.tick()
        assert box.answer(hung["id"])["code"] == "timed-out"
        assert all(loop.healthy for loop in box.dispatcher.loops)
        assert not [loop for loop in box.dispatcher.loops if "clip" in loop.name]
        box.dispatcher.stop()
        box.dispatcher.join(0.2)  # returns although the command goes on
        gate.set()
    assert "succeeded" not in [each["status"] for each in box.replies(hung["id"])]


def test_what_expires_behind_one_that_hangs_is_answered_as_expired(box: Counter) -> None:
    hung, behind = (document("clip", EXAMPLES["clip"].args) for _ in range(2))
    gate = box.actions["clip"].hang()
    with box.opened():
        for asked in (hung, behind):
            box.deliver("clip", encoded(asked))
        wait_until(lambda: box.ran == [hung["id"]])
        box.dispatcher.tick()
        assert len(box.replies(behind["id"])) == 1
        box.clock.shift = timedelta(minutes=2)
        box.dispatcher.tick()
        assert box.answer(behind["id"])["status"] == "expired"
        assert box.dispatcher.health().waiting == 1
        gate.set()
        assert box.answer(hung["id"])["status"] == "succeeded"
    assert box.ran == [hung["id"]]


def test_a_hanging_disk_does_not_stop_the_main_thread(box: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The main thread feeds the watchdog."""
    gate, writes = threading.Event(), threading.Event()

    def stands_still(path: Path, entry: Struct) -> bool:
        writes.set()
        return gate.wait(30) and write_record(path, entry)

    monkeypatch.setattr(journal, "write_record", stands_still)
    asked = document("status")
    with box.opened():
        box.dispatcher.accept(DownMessage(DownKind.COMMAND, "status", encoded(asked)))
        assert writes.wait(30)
        begun = time.monotonic()
        box.dispatcher.tick()
        box.dispatcher.health()
        assert time.monotonic() - begun < 15
        gate.set()
        assert box.answer(asked["id"])["status"] == "succeeded"


def test_a_document_that_comes_signed_and_unsigned_is_one_command(box: Counter) -> None:
    once, other = document("status"), document("status")
    with box.opened():
        answer = box.ask(once)
        box.deliver("status", signed(once, OPERATOR))
        box.deliver("status", signed(other, OPERATOR))
        box.ask(other)
        assert box.replies(once["id"])[-1] == answer
    assert box.ran == [once["id"], other["id"]]


def test_what_a_stop_cuts_off_is_gone_on_with_by_the_next_start(box: Counter) -> None:
    begun, asked = threading.Event(), document("clip", EXAMPLES["clip"].args)

    def is_cut_off(order: CommandContext[Any]) -> CommandSucceeded:
        begun.set()
        wait_until(order.stopping)
        raise CommandFailed("the agent stops; it was not sent", "interrupted")

    box.actions["clip"].does = is_cut_off
    with box.opened():
        box.deliver("clip", encoded(asked))
        assert begun.wait(30)
    assert [reply["status"] for reply in box.replies(asked["id"])] == ["accepted", "running"]
    with box.opened():
        box.answer(asked["id"])
    assert (box.actions["clip"].ran, box.actions["clip"].resumed) == ([asked["id"]], [asked["id"]])


def test_a_flood_of_repeats_is_answered_at_a_bounded_rate(box: Counter) -> None:
    """A reply may have 64 kB: a client could use up a SIM card by repeating one command."""
    asked = document("status")
    with box.opened():
        for _ in range(300):
            box.deliver("status", encoded(asked))
            box.replies("")
        answered = [each for each in box.replies(asked["id"]) if each["status"] == "succeeded"]
        assert len(answered) <= MAX_REPLIES + 1
        assert box.ran == [asked["id"]]


def retained(box: Counter, name: str, payload: bytes) -> None:
    taken = threading.Event()
    box.dispatcher.accept(DownMessage(DownKind.COMMAND, name, payload, taken.set, retained=True))
    assert taken.wait(30)


def test_a_retained_command_is_refused_and_what_was_obeyed_stays_answered(box: Counter) -> None:
    """It would arrive at every connection, and run for years on a gateway without a clock."""
    asked, live = document("reload"), document("reload")
    box.clock.synced = False
    with box.opened():
        retained(box, "reload", encoded(asked))
        answer = box.answer(asked["id"])
        assert (answer["code"], "retain" in answer["text"]) == ("malformed", True)
        answer = box.ask(live)
        retained(box, "reload", encoded(live))
        assert box.replies(live["id"])[-1] == answer
    assert box.ran == [live["id"]]


def full_for(step: str, write: Callable[..., bool]) -> Callable[..., bool]:
    return lambda path, entry: entry.step != step and write(path, entry)


def test_what_was_done_on_a_full_disk_is_done_once(box: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = document("restart")
    monkeypatch.setattr(journal, "write_record", full_for("done", write_record))
    with box.opened():
        assert box.ask(asked, OPERATOR)["status"] == "succeeded"
    with box.opened():
        box.deliver("restart", signed(asked, OPERATOR))
        answer = box.replies(asked["id"])[-1]
        assert "is no longer known" in answer["text"]
    assert box.ran == [asked["id"]]


def test_a_date_at_the_end_of_time_is_malformed(box: Counter, caplog: pytest.LogCaptureFixture) -> None:
    box.clock.synced = False
    asked = document("status", issued="9999-12-30T00:00:00Z", expires="9999-12-31T23:59:59Z")
    with box.opened():
        assert box.ask(asked)["code"] == "malformed"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
