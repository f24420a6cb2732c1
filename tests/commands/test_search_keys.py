"""Search keys sign searches and nothing else; hostile or many searches change nothing for other commands."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.commands import journal, open_commands
from edge_agent.commands.action import SEARCH_TYPES, Action, CommandContext, CommandRefused, CommandSucceeded
from edge_agent.commands.dispatcher import MAX_SEARCHES_A_MINUTE
from edge_agent.commands.handlers.search import NICENESS
from edge_agent.commands.signature import OperatorKeyring, sign
from edge_agent.core.problems import problem_text
from tests.commands.centre import document, encoded, moment, signed, write_public
from tests.commands.counter import OPERATOR, SEARCHER, STRANGER, Counter, counter_in
from tests.commands.table import EXAMPLES
from tests.commands.test_every_command import changed
from tests.testbed.mosquitto import wait_until

LATER = problem_text("search-later", why=problem_text("search-waits-heat"))


@pytest.fixture
def box(tmp_path: Path, actions: dict[str, Action]) -> Iterator[Counter]:
    with counter_in(tmp_path, actions).opened() as counter:
        yield counter


def question(**other: object) -> dict[str, Any]:
    return document("search", EXAMPLES["search"].args, **other)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_search_key_signs_searches_and_nothing_else(name: str, box: Counter) -> None:
    asked = document(name, EXAMPLES[name].args)
    answer = box.ask(asked, SEARCHER)
    if name in SEARCH_TYPES:
        assert (answer["status"], box.ran) == ("succeeded", [asked["id"]])
    else:
        assert (answer["status"], answer["code"], box.ran) == ("rejected", "unknown-key", [])
        assert "may sign searches and nothing else" in answer["text"]


def test_a_reboot_in_a_message_for_a_search_is_refused(box: Counter) -> None:
    asked = document("reboot")
    box.deliver("search", signed(asked, SEARCHER))
    assert (box.answer(asked["id"])["code"], box.ran) == ("malformed", [])


def test_a_search_key_signs_no_model_and_no_configuration(tmp_path: Path) -> None:
    keys = OperatorKeyring([], [write_public(tmp_path / "centre.pem", SEARCHER)])
    with pytest.raises(CommandRefused) as refused:
        keys.open(sign(b"{}", SEARCHER))
    assert refused.value.code == "unknown-key"
    assert keys.keys() == {}


def test_a_key_in_both_lists_is_a_search_key(box: Counter) -> None:
    """The centre's server has it: put among the operators by mistake, it must not reboot a city."""
    write_public(box.keys / "mistake.pem", SEARCHER)
    asked = document("reboot")
    assert box.ask(asked, SEARCHER)["code"] == "unknown-key"


def test_a_removed_search_key_counts_no_more(box: Counter) -> None:
    (box.search_keys / "centre.pem").unlink()
    asked = question()
    assert box.ask(asked, SEARCHER)["code"] == "unknown-key"


NOW = datetime.now(UTC)
WRONG_ARGUMENTS: dict[str, dict[str, Any]] = {
    "of a thousand wards": {"wards": [f"w-{n}" for n in range(1000)]},
    "of a thousand cameras": {"cameras": [f"cam-{n}" for n in range(1000)]},
    "without a reason": {"purpose": "    "},
    "without a case": {"case": " "},
    "by nobody": {"asked_by": " "},
}
LONG_AGO = {"issued": moment(NOW - timedelta(days=2)), "expires": moment(NOW - timedelta(days=1))}
Sign = Callable[[dict[str, Any]], bytes]
HOSTILE: dict[str, tuple[str, dict[str, Any], Sign]] = {
    "unsigned": ("unsigned", {}, encoded),
    "forged by a stranger": ("unknown-key", {}, lambda asked: signed(asked, STRANGER)),
    "changed after it was signed": ("bad-signature", {}, lambda asked: changed(signed(asked, SEARCHER))),
    "expired": ("expired", LONG_AGO, lambda asked: signed(asked, SEARCHER)),
    "for another gateway": ("wrong-gateway", {"gateway": "dt-002"}, lambda asked: signed(asked, SEARCHER)),
    **{
        name: (
            "bad-arguments",
            {"args": EXAMPLES["search"].args | args},
            lambda asked: signed(asked, SEARCHER),
        )
        for name, args in WRONG_ARGUMENTS.items()
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_search_is_refused_and_leaves_nothing(name: str, box: Counter) -> None:
    code, changes, sign_it = HOSTILE[name]
    asked, before = question() | changes, box.files()
    box.deliver("search", sign_it(asked))
    assert (box.answer(asked["id"])["code"], box.ran, box.files()) == (code, [], before)


def test_a_replayed_search_gets_its_first_answer_and_reads_nothing(box: Counter) -> None:
    asked = question()
    payload = signed(asked, SEARCHER)
    box.deliver("search", payload)
    first = box.answer(asked["id"])
    for _ in range(3):
        box.deliver("search", payload)
    assert box.replies(asked["id"])[-3:] == [first] * 3
    assert box.ran == [asked["id"]]


# --- many, and later ---


def limit(box: Counter, why: str | None) -> None:
    for name in SEARCH_TYPES:
        box.actions[name].waits_for = why


@pytest.fixture
def hot(box: Counter) -> Counter:
    """A gateway on which searches wait."""
    limit(box, LATER)
    return box


def send(box: Counter, **other: object) -> str:
    asked = question(**other)
    box.deliver("search", signed(asked, SEARCHER))
    return str(asked["id"])


def test_under_a_limit_it_says_later_and_answers_when_the_limit_ends(hot: Counter) -> None:
    id_ = send(hot)
    hot.dispatcher.tick()
    hot.dispatcher.tick()
    assert [each["status"] for each in hot.replies(id_)] == ["accepted", "running"], "said once"
    assert hot.replies(id_)[-1]["problem"]["code"] == "search-later"
    assert hot.ran == []
    limit(hot, None)
    assert hot.answer(id_)["status"] == "succeeded"


def test_a_search_that_waits_blocks_no_other_command(hot: Counter) -> None:
    waiting = [send(hot) for _ in range(20)]
    reboot = document("reboot")
    assert hot.ask(reboot, OPERATOR)["status"] == "succeeded"
    limit(hot, None)
    assert {hot.answer(each)["status"] for each in waiting} == {"succeeded"}
    assert hot.actions["search"].ran == waiting, "in their order"


def test_a_search_that_waits_ends_when_it_expires(hot: Counter) -> None:
    id_ = send(hot)
    hot.clock.shift = timedelta(minutes=2)
    hot.dispatcher.tick()
    assert hot.answer(id_)["status"] == "expired"
    limit(hot, None)
    assert hot.ran == []


def test_a_search_that_waits_outlives_the_agent(tmp_path: Path, actions: dict[str, Action]) -> None:
    """After a boot the clock is wrong for a while: then it waits for the clock, too."""
    box = counter_in(tmp_path, actions)
    limit(box, LATER)
    with box.opened():
        id_ = send(box)
        box.dispatcher.tick()
    with box.opened():
        box.clock.synced = False
        box.dispatcher.tick()
        assert box.replies(id_)[-1]["problem"]["code"] == "search-later"
        box.clock.synced = True
        limit(box, None)
        assert box.answer(id_)["status"] == "succeeded"
    assert box.ran == [id_]


def test_too_many_searches_at_once_are_refused_and_leave_room_for_commands(hot: Counter) -> None:
    for _ in range(open_commands.MAX_OPEN_SEARCHES):
        send(hot)
    assert hot.answer(send(hot))["code"] == "busy"
    asked = document("status")
    assert hot.ask(asked)["status"] == "succeeded"


def test_rehearsals_that_wait_leave_room_for_searches(hot: Counter) -> None:
    asked = [
        document("rehearse", EXAMPLES["rehearse"].args) for _ in range(open_commands.MAX_OPEN_PER_TYPE + 1)
    ]
    for each in asked:
        hot.deliver("rehearse", signed(each, SEARCHER))
    assert hot.answer(asked[-1]["id"])["code"] == "busy"
    id_ = send(hot)
    wait_until(lambda: [each["status"] for each in hot.replies(id_)] == ["accepted"], what="the search waits")


def test_hammering_writes_little_to_the_disk_and_can_be_sent_again_later(box: Counter) -> None:
    answers = [box.answer(send(box)) for _ in range(MAX_SEARCHES_A_MINUTE)]
    assert {each["status"] for each in answers} == {"succeeded"}
    asked = question()
    assert box.ask(asked, SEARCHER)["code"] == "busy"
    assert not (box.state_dir / f"commands/{asked['id']}.json").exists()
    box.clock.shift = timedelta(seconds=61)
    again = {"issued": moment(NOW), "expires": moment(datetime.now(UTC) + timedelta(minutes=9))}
    box.deliver("search", signed(asked | again, SEARCHER))
    wait_until(lambda: box.replies(asked["id"])[-1]["status"] == "succeeded", what="its answer")


def test_ten_thousand_searches_do_not_fill_the_journal(box: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MAX_SEARCH_RECORDS", 20)
    monkeypatch.setattr(journal, "MAX_RECORDS", 20)
    for _ in range(60):
        box.answer(send(box))
    assert len(list((box.state_dir / "commands").glob("*.json"))) <= 20
    asked = document("reboot")
    assert box.ask(asked, OPERATOR)["status"] == "succeeded"


def test_the_thread_of_a_search_has_a_low_priority(box: Counter) -> None:
    found: dict[str, int] = {}
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def note(context: CommandContext[Any]) -> CommandSucceeded:
        found[threading.current_thread().name] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        return CommandSucceeded("it is done")

    box.actions["search"].does = note
    box.answer(send(box))
    assert found == {"commands-search": max(own, NICENESS)}
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
