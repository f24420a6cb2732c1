"""Which commands an operator must sign, by default and by configuration."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.agent import Agent
from edge_agent.commands.action import Action, is_signed_by_default
from edge_agent.config.model.settings import SIGNED_COMMANDS
from edge_agent.config.pushed import ConfigSource
from tests.commands.centre import document, moment, signed
from tests.commands.counter import OPERATOR, Counter
from tests.testbed.agent import write_config

RULE = {"camera": "cam-1", "rule": "yard", "for_s": 60}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "camera-reboot": {"camera": "cam-1"},
    "disarm": RULE,
    "mask": RULE,
    "relearn": {"camera": "cam-1"},
    "restart": {},
}


@pytest.mark.parametrize("name", SIGNED_COMMANDS)
def test_what_blinds_a_box_is_signed_by_an_operator(name: str, box: Counter) -> None:
    """A stolen certificate of the centre must not be enough to disarm a city."""
    unsigned, right = document(name, ARGUMENTS[name]), document(name, ARGUMENTS[name])
    with box.opened():
        answer = box.ask(unsigned)
        assert (answer["status"], answer["code"]) == ("rejected", "unsigned")
        assert f"{name} has to be signed by an operator" in answer["text"]
        assert box.ask(right, OPERATOR)["status"] == "succeeded"
    assert box.ran == [right["id"]]


@pytest.mark.parametrize("name", ["mask", "disarm"])
def test_that_a_rule_watches_again_need_not_be_signed(name: str, box: Counter) -> None:
    asked = document(name, {**RULE, "for_s": 0})
    with box.opened():
        assert box.ask(asked)["status"] == "succeeded"


def test_frames_are_collected_with_a_signature_whatever_is_configured(actions: dict[str, Action]) -> None:
    collect = actions["collect"]
    assert _is_signed(collect, {})
    assert not _is_signed(collect, {"for_s": 0}), "to take no more harms nobody"
    assert _is_signed(collect, {"for_s": 0, "delete": True})
    assert not is_signed_by_default("collect", {"for_s": 0})
    assert is_signed_by_default("collect", {"for_s": 0, "delete": True})


def test_a_picture_in_full_size_is_signed_and_a_small_one_is_not(actions: dict[str, Action]) -> None:
    """1.6 MB on a SIM card, for whoever may write to the broker."""
    snapshot = actions["snapshot"]
    assert _is_signed(snapshot, {"camera": "cam-1", "still": True})
    assert not _is_signed(snapshot, {"camera": "cam-1"})
    assert is_signed_by_default("snapshot", {"camera": "cam-1", "still": True})
    assert not is_signed_by_default("snapshot", {"camera": "cam-1"})


def test_a_box_without_operators_says_so(box: Counter) -> None:
    asked = document("mask", RULE)
    with box.opened():
        next(box.keys.iterdir()).unlink()
        assert "this gateway has no commands.operator_keys" in box.ask(asked)["text"]


def test_the_configuration_names_what_is_signed(tmp_path: Path) -> None:
    path = write_config(tmp_path, broker_port=1, detector="none", commands={"signed": ["storm-mode"]})
    source = ConfigSource(path)
    found = Agent(source.load(), threading.Event(), source=source).commands.dispatcher.actions
    risky = {name for name, args in ARGUMENTS.items() if _is_signed(found[name], args)}
    assert risky == set()
    assert _is_signed(found["storm-mode"], {"for_s": 60})
    assert _is_signed(found["reboot"], {}), "which the configuration cannot take away"


def _is_signed(action: Action, args: dict[str, Any]) -> bool:
    return action.needs_signature(action.arguments(**args))


def test_an_unsigned_document_is_valid_for_a_day_at_most(box: Counter) -> None:
    now = datetime.now(UTC)
    long = document("status", issued=moment(now), expires=moment(now + timedelta(days=2)))
    with box.opened():
        assert box.ask(long)["code"] == "malformed"
        box.deliver("status", signed(long, OPERATOR))
        assert box.replies(long["id"])[-1]["status"] in ("accepted", "running", "succeeded")
