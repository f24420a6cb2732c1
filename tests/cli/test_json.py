"""``--json`` of commands whose text is for people: the same facts, and the same exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.cli.main import main
from edge_agent.core.command_line.exit_codes import EX_CONFIG, EX_FAILED, EX_OK
from tests.testbed.agent import write_config

Printed = pytest.CaptureFixture[str]


def printed(capsys: Printed, code: int, *words: str) -> Any:
    assert main([*words, "--json"]) == code
    captured = capsys.readouterr()
    assert not captured.err
    return json.loads(captured.out)


def test_check_of_a_valid_configuration(tmp_path: Path, capsys: Printed) -> None:
    path = write_config(tmp_path)
    facts = printed(capsys, EX_OK, "check", str(path))
    assert (facts["file"], facts["valid"], facts["problems"]) == (str(path), True, [])
    assert (facts["gateway"], facts["ward"], facts["cameras"]) == ("dt-001", "de-tham", [])


@pytest.mark.parametrize("command", [["check"], ["central", "check"]])
def test_check_lists_each_mistake_with_its_place(command: list[str], tmp_path: Path, capsys: Printed) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("gatewy: {}\nwrds: []\n", encoding="utf-8")
    facts = printed(capsys, EX_CONFIG, *command, str(path))
    assert not facts["valid"]
    assert {(each["file"], each["line"]) for each in facts["problems"]} >= {(str(path), 1), (str(path), 2)}
    assert all(each["column"] >= 1 and each["text"] for each in facts["problems"])


def test_the_models_with_their_size_and_state(tmp_path: Path, capsys: Printed) -> None:
    (tmp_path / "own.tflite").write_bytes(bytes(1000))
    models = printed(capsys, EX_OK, "models", "list", "--dest", str(tmp_path))
    assert models[-1] == {"name": "own", "size_bytes": 1000, "licence": None, "state": "not in the catalogue"}
    assert [each["state"] for each in models[:-1]] == ["ships with the agent", *["not installed"] * 2]


def test_the_names_of_the_messages(capsys: Printed) -> None:
    assert "heartbeat" in printed(capsys, EX_OK, "schema")


def test_a_verification_with_its_result(tmp_path: Path, capsys: Printed) -> None:
    (tmp_path / "notes.txt").write_text("no event\n", encoding="utf-8")
    facts = printed(capsys, EX_FAILED, "evidence", "verify", str(tmp_path / "notes.txt"))
    assert (facts["genuine"], facts["findings"], facts["lines_without_event"]) == (False, [], 1)
    assert facts["result"].startswith("NOTHING TO CHECK")
