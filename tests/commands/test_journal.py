"""The journal survives a kill at any step, a damaged record and a full disk."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.commands import journal
from edge_agent.commands.action import (
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
)
from edge_agent.commands.journal import CommandJournal, CommandRecord
from tests.commands.centre import document, encoded, signed
from tests.commands.counter import OPERATOR, Counter
from tests.commands.table import EXAMPLES
from tests.testbed.mosquitto import wait_until
from tests.testbed.replies import reply_of

SLOW = "diagnostics"
"""Messages are looked at while it runs, which the quick thread does between two actions."""


def copy(state_dir: Path, disk: Path) -> None:
    """Files of the journal without temporary ones: those are no records yet."""
    shutil.copytree(state_dir, disk, ignore=shutil.ignore_patterns("*.new"))


def killed_at(box: Counter, step: str, tmp_path: Path) -> tuple[str, Counter]:
    """A second gateway with a copy of the disk as a kill at this step leaves it."""
    disk, gate = tmp_path / f"at-{step}", threading.Event()

    def kept(order: CommandContext[Any]) -> CommandSucceeded:
        if step == "running":
            copy(box.state_dir, disk)
        gate.wait(10)
        return CommandSucceeded("it is done", {"size": (640, 360)})

    box.actions[SLOW].does = kept
    first, second = document(SLOW), document(SLOW)
    with box.opened():
        box.deliver(SLOW, encoded(first))
        wait_until(lambda: box.ran == [first["id"]])
        box.deliver(SLOW, encoded(second))
        if step == "accepted":
            copy(box.state_dir, disk)
        gate.set()
        wait_until(lambda: b'"done"' in (box.state_dir / f"commands/{second['id']}.json").read_bytes())
        if step == "done":
            copy(box.state_dir, disk)
    other = Counter(disk, box.actions, box.keys)
    other.actions[SLOW].does = lambda order: CommandSucceeded("it is done")
    for action in other.actions.values():
        action.ran.clear()
    return (second if step == "accepted" else first)["id"], other


def test_what_was_accepted_runs_after_the_kill(box: Counter, tmp_path: Path) -> None:
    id_, after = killed_at(box, "accepted", tmp_path)
    with after.opened():
        assert after.answer(id_)["status"] == "succeeded"
        assert after.actions[SLOW].ran == [id_]


def test_what_was_accepted_and_has_expired_does_not_run(box: Counter, tmp_path: Path) -> None:
    id_, after = killed_at(box, "accepted", tmp_path)
    after.clock.shift = timedelta(hours=1)
    with after.opened():
        assert after.answer(id_)["status"] == "expired"
    assert after.actions[SLOW].ran == []


def test_what_was_running_is_asked_what_became_of_it(box: Counter, tmp_path: Path) -> None:
    id_, after = killed_at(box, "running", tmp_path)
    with after.opened():
        answer = after.answer(id_)
    assert (answer["status"], answer["code"]) == ("failed", "interrupted")
    assert (after.actions[SLOW].ran, after.actions[SLOW].resumed) == ([], [id_])


def test_what_was_done_is_answered_again_where_the_broker_had_no_answer(box: Counter, tmp_path: Path) -> None:
    id_, after = killed_at(box, "done", tmp_path)
    with after.opened():
        assert after.answer(id_)["status"] == "succeeded"
        wait_until(lambda: b'"sent":true' in (after.state_dir / f"commands/{id_}.json").read_bytes())
    with after.opened():
        assert after.dispatcher.replies.pending(()) is None or after.replies(id_)
    assert after.actions[SLOW].ran == []


def test_a_damaged_record_counts_as_obeyed_and_half_a_file_as_none(box: Counter) -> None:
    asked = document("reload")
    folder = box.state_dir / "commands"
    folder.mkdir()
    (folder / f"{asked['id']}.json").write_bytes(b'{"id":')
    (folder / "cmd-x.json.new").write_bytes(b'{"id":')
    with box.opened():
        answer = box.ask(asked)
        assert (answer["status"], answer["code"]) == ("failed", "interrupted")
    assert box.ran == []
    assert not (folder / "cmd-x.json.new").exists()


def test_on_a_disk_that_takes_nothing_only_what_such_a_box_needs_is_obeyed(box: Counter) -> None:
    (box.state_dir / "commands").write_text("in the way")
    refused, obeyed, ends = ("reload", "relearn"), ("status", "rebirth", "restart", "reboot"), {}
    with box.opened():
        for name in refused + obeyed:
            asked = document(name, {"camera": "cam-1"} if name == "relearn" else {})
            ends[name] = box.ask(asked, OPERATOR)["code"]
            box.deliver(name, signed(asked, OPERATOR))  # a repeat, which is still in memory
        degraded = box.dispatcher.health().degraded
    assert ends == dict.fromkeys(refused, "not-possible") | dict.fromkeys(obeyed, "ok")
    assert degraded is not None
    assert [len(box.actions[name].ran) for name in ends] == [0, 0, 1, 1, 1, 1]


def entry(number: int, *, signed_by: str | None = None, expires_in: timedelta) -> CommandRecord:
    now = datetime.now(UTC)
    return CommandRecord(
        id=f"cmd-{number}",
        type="status",
        digest="d",
        issued=now,
        expires=now + expires_in,
        received=now,
        signed_by=signed_by,
        step="done",
        reply=reply_of(f"cmd-{number}"),
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CommandJournal:
    monkeypatch.setattr(journal, "MAX_RECORDS", 64)
    monkeypatch.setattr(journal, "MAX_UNSIGNED_RECORDS", 3)
    found = CommandJournal(tmp_path / "commands")
    found.open()
    return found


def test_a_full_journal_has_room_for_operators_and_forgets_first_what_expired(small: CommandJournal) -> None:
    now = datetime.now(UTC)
    for number in range(3):
        assert small.has_capacity(None, now)
        small.write(entry(number, expires_in=timedelta(hours=1 if number else 2)))
    assert small.has_capacity("key", now)
    assert small.has_capacity(None, now + timedelta(hours=1, minutes=30))
    assert [small.digest(f"cmd-{number}") for number in range(3)] == ["d", None, None]


def test_only_unsigned_commands_make_room(small: CommandJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a client could block all unsigned commands until its last one expires."""
    monkeypatch.setattr(journal, "DELETE_BATCH", 1)
    now = datetime.now(UTC)
    small.write(entry(0, signed_by="key", expires_in=timedelta(days=31)))
    for number in range(1, 5):
        assert small.has_capacity(None, now)
        small.write(entry(number, expires_in=timedelta(days=1)))
    assert [small.digest(f"cmd-{number}") for number in range(5)] == ["d", None, "d", "d", "d"]


def test_one_key_leaves_room_for_the_others(small: CommandJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MAX_RECORDS_PER_KEY", 2)
    now = datetime.now(UTC)
    for number in range(2):
        small.write(entry(number, signed_by="stolen", expires_in=timedelta(days=31)))
    assert (small.has_capacity("stolen", now), small.has_capacity("other", now)) == (False, True)
    assert small.has_capacity("stolen", now + timedelta(days=32))


def test_an_id_is_known_for_a_week_and_while_its_command_holds(small: CommandJournal, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    small.write(entry(1, expires_in=timedelta(minutes=1)))
    small.write(entry(2, expires_in=timedelta(days=20)))
    small.has_capacity("key", now + timedelta(days=6, hours=23))
    assert small.digest("cmd-1") == "d"
    small.has_capacity("key", now + timedelta(days=8))
    assert [small.digest("cmd-1"), small.digest("cmd-2")] == [None, "d"]
    assert [path.name for path in (tmp_path / "commands").iterdir()] == ["cmd-2.json"]


def test_more_than_8_of_a_type_and_16_in_all_are_refused_and_4_places_are_the_operators(box: Counter) -> None:
    others = ("snapshot", "update")
    gates = [box.actions[name].hang() for name in (SLOW, *others)]
    args = {name: EXAMPLES[name].args for name in (SLOW, *others)}
    asked = [document(SLOW) for _ in range(8)]
    asked += [document("snapshot", args["snapshot"]) for _ in range(4)]
    asked += [document("update", args["update"]) for _ in range(4)]
    with box.opened():
        for each in asked[:8]:
            box.deliver(SLOW, encoded(each))
        for each in (document(SLOW), document(SLOW)):
            assert "8 of them diagnostics" in box.ask(each, OPERATOR)["text"]
        for each in asked[8:12]:
            box.deliver("snapshot", encoded(each))
        late = document("snapshot", args["snapshot"])
        refused = box.ask(late)
        assert (refused["code"], "or sign it" in refused["text"]) == ("busy", True)
        for each in asked[12:]:
            box.deliver("update", signed(each, OPERATOR))
        box.deliver("snapshot", signed(late, OPERATOR))
        refused = box.replies(late["id"])[-1]
        assert (refused["code"], "or sign it" in refused["text"]) == ("busy", False)
        for gate in gates:
            gate.set()
        wait_until(lambda: box.dispatcher.health().waiting == 0)
        box.deliver("snapshot", encoded(late))
        wait_until(lambda: box.replies(late["id"])[-1]["status"] == "succeeded")
    assert sorted(box.ran) == sorted(each["id"] for each in [*asked, late])


def test_what_goes_on_elsewhere_is_answered_from_there_once(box: Counter) -> None:
    orders: list[CommandContext[Any]] = []

    def hands_on(order: CommandContext[Any]) -> InProgress:
        orders.append(order)
        return InProgress("somebody is at it")

    box.actions["reload"].does = hands_on
    asked = document("reload")
    with box.opened():
        box.deliver("reload", encoded(asked))
        wait_until(lambda: bool(box.replies(asked["id"])[2:]))
        assert [each["text"] for each in box.replies(asked["id"])][2] == "somebody is at it"
        orders[0].progress("a third is done")
        wait_until(lambda: box.replies(asked["id"])[-1]["text"] == "a third is done")
        orders[0].finish(CommandFailed("it broke"))
        orders[0].finish(CommandSucceeded("no, it works"))
        answer = box.answer(asked["id"])
        assert (answer["status"], answer["code"], answer["text"]) == ("failed", "failed", "it broke")
        box.deliver("reload", encoded(asked))
        assert box.replies(asked["id"])[-1] == answer


BROKE = "the gateway failed to execute it; its log says more"


@pytest.mark.parametrize(
    ("error", "status", "code", "reported"),
    [
        (CommandRefused("no such thing"), "rejected", "not-possible", "no such thing"),
        (CommandFailed("it broke", "reverted"), "failed", "reverted", "it broke"),
        (RuntimeError("password=hunter2"), "failed", "failed", BROKE),
        (CommandFailed("at rtsp://u:hunter2@10.0.0.1/"), "failed", "failed", "at rtsp://***@10.0.0.1/"),
    ],
)
def test_what_an_action_raises_is_the_answer_without_secrets(
    error: Exception, status: str, code: str, reported: str, box: Counter
) -> None:
    def raises(order: CommandContext[Any]) -> CommandSucceeded:
        raise error

    box.actions["reload"].does = raises
    asked = document("reload")
    with box.opened():
        answer = box.ask(asked)
    assert (answer["status"], answer["code"], answer["text"]) == (status, code, reported)
