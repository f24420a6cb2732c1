"""``passage-hold``: signed, in scope, on record first, bounded in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.commands.action import CommandFailed, CommandRefused, is_signed_by_default
from edge_agent.commands.document import arguments
from edge_agent.commands.handlers.search import SearchCommands
from edge_agent.passages import holds
from edge_agent.passages import store as passage_store
from edge_agent.passages.holds import PassageHolds
from edge_agent.passages.passage import FOLDER
from edge_agent.wire import PassageHoldArguments
from edge_agent.wire.searches import MAX_HOLDS_AT_ONCE
from tests.commands.contexts import GivenContext
from tests.commands.test_search import KEY, ON_RECORD, SCOPE, SEARCH_KEY, commands_in, entries
from tests.outbox.parts import HandClock
from tests.passages.parts import passage, store

UNTIL = "2026-12-24T12:00:00Z"


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SearchCommands:
    """The ids of the rows are 1, 2 and 3."""
    monkeypatch.setattr(passage_store, "reserve_first_id", lambda _folder, newest, _clock: newest + 1)
    clock = HandClock(mono=1020.0)
    rows = store(tmp_path, clock)
    rows.write([passage(n, 1000.0) for n in range(3)], synced=True)
    rows.close()
    return commands_in(tmp_path, clock)


def hold(commands: SearchCommands, ids: list[int], by: str = KEY, **args: Any) -> Any:
    checked = arguments(PassageHoldArguments, ON_RECORD | {"until": UNTIL} | args | {"ids": ids})
    return commands.hold(GivenContext("c-1", checked, by)).result


def kept(commands: SearchCommands) -> list[int]:
    return [each.passage for each in PassageHolds(commands.state_dir).read()]


def test_it_keeps_and_releases_and_both_are_on_record(commands: SearchCommands, tmp_path: Path) -> None:
    assert hold(commands, [1, 2, 9], SEARCH_KEY, **SCOPE) == {"passages": [1, 2], "missing": [9]}
    assert kept(commands) == [1, 2]
    assert hold(commands, [2, 3], until=None) == {"passages": [2], "missing": [3]}
    assert kept(commands) == [1]
    placed, released = entries(tmp_path)
    assert placed["what"] == f"hold until {UNTIL}"
    assert (placed["asked_by"], placed["case"], placed["passages"]) == ("Nguyễn Văn An", "7/2026", [1, 2, 9])
    assert (released["what"], released["passages"]) == ("release", [2, 3])


def test_without_a_record_nothing_is_kept(commands: SearchCommands, tmp_path: Path) -> None:
    (tmp_path / FOLDER / "access.jsonl").mkdir()
    with pytest.raises(CommandRefused, match="without a record"):
        hold(commands, [1])
    assert kept(commands) == []


@pytest.mark.parametrize(
    ("args", "by", "code"),
    [
        ({"until": "2026-11-24T11:59:59Z"}, KEY, "bad-arguments"),  # over
        ({"until": "2027-11-26T12:00:00Z"}, KEY, "bad-arguments"),  # more than a year
        ({"until": "2026-02-30T12:00:00Z"}, KEY, "bad-arguments"),  # no day
        ({"wards": ["an-phu"]}, KEY, "out-of-scope"),
        ({}, SEARCH_KEY, "bad-arguments"),  # no person and no wards
        ({}, "0" * 64, "unknown-key"),
    ],
    ids=["over", "more than a year", "no day", "another ward", "no person", "unknown key"],
)
def test_what_is_refused_changes_nothing(
    commands: SearchCommands, args: dict[str, Any], by: str, code: str
) -> None:
    with pytest.raises(CommandRefused) as refused:
        hold(commands, [1], by, **args)
    assert refused.value.code == code
    assert kept(commands) == []
    assert not (commands.state_dir / FOLDER / "access.jsonl").exists()


def test_a_wrong_end_is_named(commands: SearchCommands) -> None:
    with pytest.raises(CommandRefused, match=r"^until is not a valid time"):
        hold(commands, [1], KEY, until="2026-02-30T12:00:00Z")


def test_a_full_list_is_a_failure(commands: SearchCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "MAX_HOLDS", 1)
    with pytest.raises(CommandFailed, match="release others"):
        hold(commands, [1, 2])
    assert kept(commands) == []


def test_it_is_bounded_and_always_signed() -> None:
    with pytest.raises(CommandRefused):
        arguments(PassageHoldArguments, ON_RECORD | {"ids": list(range(MAX_HOLDS_AT_ONCE + 1))})
    assert is_signed_by_default("passage-hold", {"ids": [1]})
