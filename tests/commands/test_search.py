"""``search`` and ``passage-pictures``: what they find, how much they send, and that they are on record."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.commands.action import CommandRefused, CommandSucceeded, is_signed_by_default
from edge_agent.commands.document import arguments
from edge_agent.commands.handlers.search import SearchCommands
from edge_agent.commands.replies import MAX_RESULT_BYTES
from edge_agent.passages.access import record_access
from edge_agent.passages.passage import FOLDER, ColourShare, PartColours
from edge_agent.wire import PassagePicturesArguments, PassageSearchResult, SearchArguments
from edge_agent.wire.searches import MAX_PICTURES, MAX_ROWS
from tests.commands.contexts import GivenContext
from tests.outbox.parts import HandClock
from tests.passages.parts import passage, store

SPAN = {"from_at": "2026-11-24T11:00:00Z", "to_at": "2026-11-24T13:00:00Z"}
ON_RECORD = {"purpose": "theft of a motorcycle", "case": "7/2026"}
KEY = "ab" * 32


@pytest.fixture
def commands(tmp_path: Path) -> SearchCommands:
    """A gateway that has seen 60 people in red, and one that is redder."""
    clock = HandClock(mono=1020.0)
    rows = store(tmp_path, clock)
    reddest = passage(0, 990.0, colours=(PartColours("upper", (ColourShare("red", 0.95),), 0.95),))
    rows.write([reddest, *(passage(n, 1000.0) for n in range(1, 61))], synced=True)
    rows.close()
    return SearchCommands(tmp_path, clock)


def search(commands: SearchCommands, **args: Any) -> PassageSearchResult:
    checked = arguments(SearchArguments, SPAN | ON_RECORD | args)
    outcome = commands.search(GivenContext("c-1", checked, KEY))
    return msgspec.convert(outcome.result, PassageSearchResult)


def pictures(commands: SearchCommands, ids: list[int]) -> CommandSucceeded:
    checked = arguments(PassagePicturesArguments, ON_RECORD | {"ids": ids})
    return commands.pictures(GivenContext("c-2", checked, KEY))


def entries(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / FOLDER / "access.jsonl").read_text().splitlines()]


def test_it_counts_all_and_sends_fifty_in_ten_kilobytes(commands: SearchCommands) -> None:
    found = search(commands)
    assert (found.total, len(found.passages)) == (61, MAX_ROWS)
    first = found.passages[0]
    assert (first.camera, first.group, first.start) == ("cam-1", "person", "2026-11-24T11:59:40.000Z")
    assert first.colours == {"upper": ["red"], "lower": ["black", "grey"]}
    assert (first.rules, first.still_s, first.direction_deg) == (["gate"], 4.0, 90)
    assert len(msgspec.json.encode(found)) < 25_000


def test_with_a_colour_the_one_that_shows_most_of_it_comes_first(commands: SearchCommands) -> None:
    assert search(commands, colour="red", limit=1).passages[0].track == "cam-1-k3-0"
    assert search(commands, limit=1).passages[0].track != "cam-1-k3-0", "else the newest does"


def test_each_search_and_each_picture_is_on_record_before_it_is_sent(
    commands: SearchCommands, tmp_path: Path
) -> None:
    row = search(commands, limit=1).passages[0]
    sent = pictures(commands, [row.id, 999]).result["pictures"]
    assert base64.b64decode(sent[str(row.id)]) == passage(1).crop
    assert set(sent) == {str(row.id)}
    first, second = entries(tmp_path)
    assert (first["purpose"], first["case"]) == ("theft of a motorcycle", "7/2026")
    assert json.loads(first["what"].removeprefix("search ")) == SPAN | {"limit": 1}
    assert KEY in first["by"]
    assert (second["what"], second["passages"]) == ("pictures", [row.id, 999])


def test_without_a_record_nothing_is_sent(commands: SearchCommands, tmp_path: Path) -> None:
    (tmp_path / FOLDER / "access.jsonl").mkdir()
    with pytest.raises(CommandRefused, match="record of access"):
        search(commands)
    with pytest.raises(CommandRefused, match="record of access"):
        pictures(commands, [1])


def test_the_record_is_bounded(commands: SearchCommands, tmp_path: Path) -> None:
    log = tmp_path / FOLDER / "access.jsonl"
    log.write_bytes(b"x" * 2_000_001)
    search(commands)
    assert log.with_name("access.1.jsonl").stat().st_size == 2_000_001
    assert len(entries(tmp_path)) == 1


def test_two_commands_at_once_do_not_lose_a_full_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first thread waits after it has read the size, until the second has read it too."""
    log = tmp_path / FOLDER / "access.jsonl"
    log.parent.mkdir()
    log.write_bytes(b"x" * 2_000_001)
    replace, both = Path.replace, threading.Barrier(2)

    def slowly(path: Path, target: Path) -> Path:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.3)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", slowly)
    with ThreadPoolExecutor(2) as threads:
        for n in range(2):
            threads.submit(record_access, tmp_path, HandClock(), by=str(n), purpose="test", what="search")
    assert log.with_name("access.1.jsonl").stat().st_size == 2_000_001
    assert {entry["by"] for entry in entries(tmp_path)} == {"0", "1"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"to_at": "2026-11-24T10:00:00Z"},
        {"part": "upper"},
        {"to_at": "2026-11-31T10:00:00Z"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused_and_not_on_record(
    commands: SearchCommands, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(CommandRefused) as refused:
        search(commands, **wrong)
    assert refused.value.code == "bad-arguments"
    assert not (tmp_path / FOLDER / "access.jsonl").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"purpose": ""},
        {"case": ""},
        {"limit": MAX_ROWS + 1},
        {"colour": "violet"},
        {"direction_deg": 360},
        {"everything": True},
    ],
)
def test_purpose_and_case_cannot_be_empty_and_bounds_hold(wrong: dict[str, Any]) -> None:
    with pytest.raises(CommandRefused):
        arguments(SearchArguments, SPAN | ON_RECORD | wrong)


def test_the_pictures_of_one_command_fit_into_a_reply() -> None:
    with pytest.raises(CommandRefused):
        arguments(PassagePicturesArguments, ON_RECORD | {"ids": list(range(MAX_PICTURES + 1))})
    assert MAX_PICTURES * 4000 * 4 / 3 <= 64_000


def test_larger_pictures_than_usual_do_not_cost_the_whole_reply(tmp_path: Path) -> None:
    rows = store(tmp_path, HandClock(mono=1020.0))
    rows.write([passage(n, crop=bytes(8000)) for n in range(MAX_PICTURES)], synced=True)
    outcome = pictures(SearchCommands(tmp_path, HandClock()), list(range(1, MAX_PICTURES + 1)))
    assert len(outcome.result["pictures"]) == 5
    assert len(msgspec.json.encode(outcome.result)) < MAX_RESULT_BYTES


def test_an_id_that_no_database_can_hold_has_no_picture(commands: SearchCommands) -> None:
    assert pictures(commands, [10**30, -1]).result["pictures"] == {}


def test_both_always_need_an_operator() -> None:
    assert is_signed_by_default("search", SPAN)
    assert is_signed_by_default("passage-pictures", {"ids": [1]})
