"""Rules that hold for every command: add a new one to ``table.py``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from edge_agent import wire
from edge_agent.commands.action import Action
from edge_agent.wire.json_schema import schema_of
from tests.commands.centre import document, encoded, moment, signed
from tests.commands.counter import OPERATOR, STRANGER, Counter, counter_in
from tests.commands.table import EXAMPLES

NAMES = sorted(EXAMPLES)
NOW = datetime.now(UTC)


@pytest.fixture
def box(tmp_path: Path, actions: dict[str, Action]) -> Iterator[Counter]:
    with counter_in(tmp_path, actions).opened() as counter:
        yield counter


def is_risky(box: Counter, name: str) -> bool:
    action = box.actions[name].real
    return action.needs_signature(action.arguments(**EXAMPLES[name].args))


def right(box: Counter, name: str, **other: object) -> tuple[str, bytes]:
    """Id and payload of the example, signed if the command requires it."""
    asked = document(name, EXAMPLES[name].args, **other)
    return asked["id"], signed(asked, OPERATOR) if is_risky(box, name) else encoded(asked)


def test_every_command_of_the_agent_stands_in_the_table(actions: dict[str, Action]) -> None:
    assert set(actions) == set(EXAMPLES) == set(wire.ARGUMENTS)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_obeyed_once_and_a_repeat_gets_the_same_answer(name: str, box: Counter) -> None:
    id_, payload = right(box, name)
    box.deliver(name, payload)
    answer = box.answer(id_)
    assert [each["status"] for each in box.replies(id_)] == ["accepted", "running", "succeeded"]
    _, a_minute_later = right(box, name, id=id_, issued=moment(NOW + timedelta(seconds=60)))
    for repeat in (payload, a_minute_later):
        box.deliver(name, repeat)
    assert box.replies(id_)[3:] == [answer, answer]
    assert box.ran == box.actions[name].ran == [id_]


@pytest.mark.parametrize("name", NAMES)
def test_a_repeat_after_a_restart_gets_the_same_answer_also_when_it_has_expired(
    name: str, tmp_path: Path, actions: dict[str, Action]
) -> None:
    box = counter_in(tmp_path, actions)
    with box.opened():
        id_, payload = right(box, name)
        box.deliver(name, payload)
        answer = box.answer(id_)
    box.clock.shift = timedelta(hours=1)
    with box.opened():
        box.deliver(name, payload)
        assert box.replies(id_)[-1] == answer
    assert box.ran == [id_]


@pytest.mark.parametrize("name", NAMES)
def test_another_command_under_its_id_is_refused(name: str, box: Counter) -> None:
    id_, payload = right(box, name)
    box.deliver(name, payload)
    box.answer(id_)
    other_name = "rebirth" if name == "status" else "status"
    _, other = right(box, other_name, id=id_)
    box.deliver(other_name, other)
    assert box.replies(id_)[-1]["code"] == "id-reused"
    assert box.ran == [id_]


def hours(from_now: float) -> str:
    return moment(NOW + timedelta(hours=from_now))


Make = Callable[[str, dict[str, Any]], bytes]
WRONG: dict[str, tuple[str, Make]] = {
    "expired": ("expired", lambda _, asked: sign(asked, issued=hours(-1), expires=hours(-0.001))),
    "issued tomorrow": ("not-yet-valid", lambda _, asked: sign(asked, issued=hours(24), expires=hours(48))),
    "valid for years": ("malformed", lambda _, asked: sign(asked, expires="2099-01-01T00:00:00Z")),
    "valid for less than nothing": ("malformed", lambda _, asked: sign(asked, expires=asked["issued"])),
    "no such day": ("malformed", lambda _, asked: sign(asked, expires="2026-02-30T00:00:00Z")),
    "another gateway": ("wrong-gateway", lambda _, asked: sign(asked, gateway="dt-002")),
    "another type within": ("malformed", lambda _, asked: sign(asked, type="something-else")),
    "an argument too many": ("bad-arguments", lambda _, asked: sign(asked, args={**asked["args"], "x": 1})),
    "arguments that are a list": ("malformed", lambda _, asked: sign(asked, args=[])),
    "no arguments at all": ("malformed", lambda _, asked: sign({k: asked[k] for k in asked if k != "args"})),
    "a time that is a number": ("malformed", lambda _, asked: sign(asked, issued=1)),
    "signed by a stranger": ("unknown-key", lambda _, asked: signed(asked, STRANGER)),
    "signed and changed": ("bad-signature", lambda _, asked: changed(signed(asked, OPERATOR))),
    "of 10 MB": ("oversized", lambda _, asked: encoded({**asked, "more": "x" * 10_000_000})),
    "signed and of 400 kB": ("oversized", lambda _, asked: sign(asked, more="x" * 400_000)),
    "with two ids": ("malformed", lambda _, asked: b'{"id": "cmd-0",' + encoded(asked)[1:]),
}


def sign(asked: dict[str, Any], **other: object) -> bytes:
    return signed({**asked, **other}, OPERATOR)


def changed(jws: bytes) -> bytes:
    """The same text with the first digit of the signature changed."""
    head, _, signature = jws.rpartition(b".")
    return head + b"." + (b"A" if signature[:1] != b"A" else b"B") + signature[1:]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_wrong_is_refused_with_its_code_and_changes_nothing(name: str, box: Counter) -> None:
    before = box.files()
    for number, (wrong, (code, make)) in enumerate(WRONG.items(), 1):
        asked = document(name, EXAMPLES[name].args)
        box.deliver(name, make(name, asked))
        reply = box.answer(asked["id"])
        status = "expired" if code == "expired" else "rejected"
        assert (reply["code"], reply["status"]) == (code, status), wrong
        assert reply["text"], wrong
        assert (box.ran, box.files()) == ([], before), wrong
        assert box.dispatcher.health().rejected == number, wrong


@pytest.mark.parametrize("name", NAMES)
def test_without_a_signature_it_is_refused_where_it_is_risky(name: str, box: Counter) -> None:
    asked = document(name, EXAMPLES[name].args)
    before = box.files()
    reply = box.ask(asked)
    if is_risky(box, name):
        assert (reply["code"], box.ran, box.files()) == ("unsigned", [], before)
    else:
        assert reply["status"] == "succeeded"


@pytest.mark.parametrize("name", NAMES)
def test_a_risky_one_waits_for_a_clock_that_is_right(name: str, box: Counter) -> None:
    box.clock.synced = False
    id_, payload = right(box, name)
    box.deliver(name, payload)
    reply = box.answer(id_)
    assert reply["code"] == ("clock-not-synchronised" if is_risky(box, name) else "ok")


@pytest.mark.parametrize("name", NAMES)
def test_a_message_that_expired_on_the_way_is_refused(name: str, box: Counter) -> None:
    id_, payload = right(box, name)
    box.deliver(name, payload, expires_in_s=-1)
    assert (box.answer(id_)["status"], box.ran) == ("expired", [])


@pytest.mark.parametrize("name", NAMES)
def test_its_example_is_what_its_schema_says_and_an_argument_too_many_is_not(name: str) -> None:
    schema = Draft202012Validator(schema_of(f"command-{name}"))
    asked = document(name, EXAMPLES[name].args)
    schema.validate(json.loads(encoded(asked)))
    assert not schema.is_valid({**asked, "args": {**asked["args"], "x": 1}})
    assert not schema.is_valid({**asked, "type": "another"})
