"""``search`` and ``passage-pictures``: what they find, how much they send, and that they are on record."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.commands.action import CommandFailed, CommandRefused, CommandSucceeded, is_signed_by_default
from edge_agent.commands.document import arguments
from edge_agent.commands.handlers.search import MAX_AN_HOUR, GatewayLimits, SearchCommands
from edge_agent.commands.replies import MAX_RESULT_BYTES
from edge_agent.commands.signature import PUBLIC_DER, OperatorKeyring, key_id
from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.core.model import Box
from edge_agent.core.problems import problem_of
from edge_agent.passages.access import MAX_BYTES, record_access
from edge_agent.passages.filters import PassageFilter
from edge_agent.passages.passage import FOLDER, ColourShare, PartColours, PassageScene, ScenePicture
from edge_agent.passages.reader import SLICE_ROWS, PassageReader
from edge_agent.passages.store import ROWS_FILE
from edge_agent.wire import PassagePicturesArguments, PassageSearchResult, SearchArguments
from edge_agent.wire.searches import MAX_PICTURES, MAX_ROWS
from tests.commands.centre import write_public
from tests.commands.contexts import GivenContext
from tests.commands.counter import OPERATOR, SEARCHER
from tests.outbox.parts import HandClock
from tests.passages.parts import passage, store

SPAN = {"from_at": "2026-11-24T11:00:00Z", "to_at": "2026-11-24T13:00:00Z"}
ON_RECORD = {"purpose": "theft of a motorcycle", "case": "7/2026"}
PUBLIC = PUBLIC_DER + OPERATOR.public_key().public_bytes_raw()
KEY = key_id(PUBLIC)
SEARCH_KEY = key_id(PUBLIC_DER + SEARCHER.public_key().public_bytes_raw())
SCOPE = {"wards": ["an-phu", "de-tham"], "asked_by": "Nguyễn Văn An"}
FREE = GatewayLimits(heat_step=1, budget_used_up=False, clock_synced=True)


def commands_in(folder: Path, clock: HandClock | None = None) -> SearchCommands:
    """The commands of a gateway in ward de-tham, without a limit."""
    write_public(folder / "operators/one.pem", OPERATOR)
    write_public(folder / "searches/centre.pem", SEARCHER)
    keys = OperatorKeyring([folder / "operators"], [folder / "searches"])
    return SearchCommands(folder, clock or HandClock(), keys, "de-tham", lambda: FREE)


@pytest.fixture
def commands(tmp_path: Path) -> SearchCommands:
    """A gateway that has seen 60 people in red, and one that is redder."""
    clock = HandClock(mono=1020.0)
    rows = store(tmp_path, clock)
    reddest = passage(0, 990.0, colours=(PartColours("upper", (ColourShare("red", 0.95),), 0.95),))
    rows.write([reddest, *(passage(n, 1000.0) for n in range(1, 61))], synced=True)
    rows.close()
    return commands_in(tmp_path, clock)


def search(commands: SearchCommands, by: str = KEY, **args: Any) -> PassageSearchResult:
    checked = arguments(SearchArguments, SPAN | ON_RECORD | args)
    outcome = commands.search(GivenContext("c-1", checked, by))
    return msgspec.convert(outcome.result, PassageSearchResult)


def pictures(commands: SearchCommands, ids: list[int], by: str = KEY, **args: Any) -> CommandSucceeded:
    checked = arguments(PassagePicturesArguments, ON_RECORD | args | {"ids": ids})
    return commands.pictures(GivenContext("c-2", checked, by))


def ids_in(folder: Path) -> list[int]:
    return [each.id for each in PassageReader(folder).find(PassageFilter())]


def entries(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / FOLDER / "access.jsonl").read_text().splitlines()]


def test_it_counts_all_and_sends_fifty_in_ten_kilobytes(commands: SearchCommands) -> None:
    found = search(commands)
    assert (found.total, len(found.passages)) == (61, MAX_ROWS)
    first = found.passages[0]
    assert (first.camera, first.group, first.start) == ("cam-1", "person", "2026-11-24T11:59:40.000Z")
    assert first.colours == {"upper": ["red"], "lower": ["black", "grey"]}
    assert (first.rules, first.still_s, first.direction_deg) == (["gate"], 4.0, 90)
    assert first.size == (0.05, 0.2)
    assert len(msgspec.json.encode(found)) < 25_000


def test_a_picture_of_another_object_is_not_sent(commands: SearchCommands) -> None:
    """The command names what the search has said; without that, as older centres ask, the id alone counts."""
    row = search(commands, limit=1).passages[0]
    key, other = str(row.id), "22" * 32
    assert row.picture_sha256 is not None
    for sha256, count in ((None, 1), ({key: row.picture_sha256}, 1), ({key: other}, 0), ({"999": other}, 1)):
        answer = pictures(commands, [row.id], sha256=sha256)
        found = (answer.result["pictures"], answer.result["paths"])
        assert [list(each) for each in found] == [[key] * count] * 2, sha256


def test_a_whole_picture_is_sent_with_the_place_of_the_object_and_is_on_record(tmp_path: Path) -> None:
    jpeg = b"\xff\xd8" + bytes(39_998)
    rows = store(tmp_path, HandClock(mono=1020.0))
    whole = PassageScene(ScenePicture(1, 1004.0, jpeg), Box(0.1, 0.2, 0.3, 0.4), 0.04)
    rows.write([passage(1, scene=whole), passage(2)], synced=True)
    rows.close()
    commands = commands_in(tmp_path)
    second, first = ids_in(tmp_path)
    result = pictures(commands, [first, second], scenes=True).result
    assert [base64.b64decode(each) for each in result["pictures"].values()] == [jpeg]
    assert result["places"] == {str(first): {"box": (0.1, 0.2, 0.3, 0.4), "after_s": 4.0}}
    assert len(json.dumps(result)) < MAX_RESULT_BYTES
    assert entries(tmp_path)[-1]["what"] == "whole pictures"
    assert pictures(commands, [first]).result["places"] == {}
    assert pictures(commands, [first], scenes=True, sha256={str(first): "22" * 32}).result["pictures"] == {}


def test_a_picture_without_its_row_is_not_sent(commands: SearchCommands, tmp_path: Path) -> None:
    row = search(commands, limit=1).passages[0]
    with sqlite3.connect(tmp_path / FOLDER / ROWS_FILE) as rows:
        rows.execute("DELETE FROM passage WHERE id = ?", (row.id,))
    assert pictures(commands, [row.id]).result["pictures"] == {}


def test_the_oldest_are_sent_where_these_are_wanted(commands: SearchCommands) -> None:
    newest, oldest = search(commands, limit=50), search(commands, limit=5, oldest_first=True)
    first = oldest.passages[0]
    assert first.start < min(each.start for each in newest.passages), "the 61st"
    assert [each.start for each in oldest.passages[1:]] == [newest.passages[-1].start] * 4
    assert len(oldest.passages) == 5
    assert (newest.total, oldest.total) == (61, 61)


@pytest.mark.parametrize("max_bytes", [2_000, 9_500])
def test_rows_are_cut_to_the_bytes_wanted_and_all_counted(commands: SearchCommands, max_bytes: int) -> None:
    found = search(commands, max_bytes=max_bytes)
    rows = len(msgspec.json.encode(found.passages))
    assert max_bytes - 600 < rows <= max_bytes, "a row has less than 600 bytes"
    assert found.total == 61


@pytest.mark.parametrize(
    ("filters", "total"),
    [
        ({"line": {"camera": "cam-1", "from": [0.3, 0.4], "to": [0.3, 0.6]}}, 61),
        ({"line": {"camera": "cam-1", "from": [0.3, 0.6], "to": [0.3, 0.9]}}, 0),
        ({"line": {"camera": "cam-2", "from": [0.3, 0.4], "to": [0.3, 0.6]}}, 0),
        ({"min_height": 0.2, "max_height": 0.2}, 61),
        ({"min_height": 0.21}, 0),
        ({"min_speed": 0.7, "max_speed": 0.7}, 61),
        ({"max_speed": 0.6}, 0),
        ({"min_for_s": 12}, 61),
        ({"min_for_s": 12.1}, 0),
    ],
)
def test_line_size_speed_and_duration_are_filters(
    commands: SearchCommands, filters: dict[str, Any], total: int
) -> None:
    assert search(commands, **filters).total == total


def test_with_a_colour_the_one_that_shows_most_of_it_comes_first(commands: SearchCommands) -> None:
    assert search(commands, colour="red", limit=1).passages[0].track == "cam-1-k3-0"
    assert search(commands, limit=1).passages[0].track != "cam-1-k3-0", "else the newest does"


def test_each_search_and_each_picture_is_on_record_before_it_is_sent(
    commands: SearchCommands, tmp_path: Path
) -> None:
    row = search(commands, limit=1, min_speed=0).passages[0]
    sent = pictures(commands, [row.id, 999]).result["pictures"]
    assert base64.b64decode(sent[str(row.id)]) == passage(1).crop
    answer = pictures(commands, [row.id, 999]).result
    assert (answer["sealed"], list(answer["paths"])) == (False, [str(row.id)])
    assert answer["paths"][str(row.id)][1] == (0.05, 0.5, 1.0)
    assert set(sent) == {str(row.id)}
    first, second, _ = entries(tmp_path)
    assert (first["purpose"], first["case"]) == ("theft of a motorcycle", "7/2026")
    assert json.loads(first["what"].removeprefix("search ")) == SPAN | {"limit": 1, "min_speed": 0}
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
    log.write_bytes(b"x" * (MAX_BYTES + 1))
    search(commands)
    assert log.with_name("access.1.jsonl").stat().st_size == MAX_BYTES + 1
    assert len(entries(tmp_path)) == 1


def test_two_commands_at_once_lose_no_full_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thread waits after it has read the size, until the second has read it too."""
    log = tmp_path / FOLDER / "access.jsonl"
    log.parent.mkdir()
    log.write_bytes(b"x" * (MAX_BYTES + 1))
    replace, both = Path.replace, threading.Barrier(2)

    def slowly(path: Path, target: Path) -> Path:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.3)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", slowly)
    with ThreadPoolExecutor(2) as threads:
        for n in range(2):
            threads.submit(record_access, tmp_path, HandClock(), by=str(n), purpose="test", what="search")
    assert log.with_name("access.1.jsonl").stat().st_size == MAX_BYTES + 1
    assert {entry["by"] for entry in entries(tmp_path)} == {"0", "1"}


@pytest.mark.parametrize(
    "wrong", [{"to_at": "2026-11-24T10:00:00Z"}, {"part": "upper"}, {"to_at": "2026-11-31T10:00:00Z"}]
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
    outcome = pictures(commands_in(tmp_path), ids_in(tmp_path))
    assert len(outcome.result["pictures"]) == 5
    assert len(msgspec.json.encode(outcome.result)) < MAX_RESULT_BYTES


def test_an_id_that_no_database_can_hold_has_no_picture(commands: SearchCommands) -> None:
    assert pictures(commands, [10**30, -1]).result["pictures"] == {}


def test_both_always_need_an_operator() -> None:
    assert is_signed_by_default("search", SPAN)
    assert is_signed_by_default("passage-pictures", {"ids": [1]})


def test_the_answer_says_that_a_picture_is_sealed(tmp_path: Path) -> None:
    store(tmp_path, HandClock(mono=1020.0)).write([passage(crop=SEALED_MAGIC + bytes(90))], synced=True)
    assert pictures(commands_in(tmp_path), ids_in(tmp_path)).result["sealed"] is True


def test_a_search_key_names_the_person_and_the_wards_and_both_are_on_record(
    commands: SearchCommands, tmp_path: Path
) -> None:
    assert search(commands, SEARCH_KEY, **SCOPE).total == 61
    pictures(commands, [1], SEARCH_KEY, **SCOPE)
    asked, opened = entries(tmp_path)
    assert (asked["asked_by"], opened["asked_by"]) == ("Nguyễn Văn An", "Nguyễn Văn An")
    assert json.loads(asked["what"].removeprefix("search "))["wards"] == 2
    for missing in SCOPE:
        with pytest.raises(CommandRefused, match="must name the person") as refused:
            search(commands, SEARCH_KEY, **{key: SCOPE[key] for key in SCOPE if key != missing})
        assert refused.value.code == "bad-arguments"
    with pytest.raises(CommandRefused, match="must name the person"):
        pictures(commands, [1], SEARCH_KEY)
    assert len(entries(tmp_path)) == 2


@pytest.mark.parametrize("by", [KEY, SEARCH_KEY], ids=["operator", "centre"])
def test_a_gateway_of_another_ward_answers_nothing(commands: SearchCommands, tmp_path: Path, by: str) -> None:
    other = SCOPE | {"wards": ["an-phu"]}
    for ask in (lambda: search(commands, by, **other), lambda: pictures(commands, [1], by, **other)):
        with pytest.raises(CommandRefused, match="in ward de-tham") as refused:
            ask()
        assert refused.value.code == "out-of-scope"
    assert not (tmp_path / FOLDER / "access.jsonl").exists()


def test_a_key_that_was_removed_while_its_search_waited_gets_no_answer(
    commands: SearchCommands, tmp_path: Path
) -> None:
    (tmp_path / "searches/centre.pem").unlink()
    with pytest.raises(CommandRefused) as refused:
        search(commands, SEARCH_KEY, **SCOPE)
    assert refused.value.code == "unknown-key"


def test_hammering_is_bounded_in_any_hour(tmp_path: Path) -> None:
    clock = HandClock()
    commands = commands_in(tmp_path, clock)
    searches, *_ = commands.actions()
    for _ in range(MAX_AN_HOUR["search"]):
        assert searches.must_wait() is None
        search(commands)
        clock.advance(20)
    assert "120 were answered within an hour" in (searches.must_wait() or "")
    clock.advance(1200)
    assert searches.must_wait() is None


@pytest.mark.parametrize(
    ("limits", "search_waits", "pictures_wait", "hold_waits"),
    [
        (FREE, None, None, None),
        (replace(FREE, heat_step=2), "the gateway is hot", None, None),
        (replace(FREE, budget_used_up=True), "budget is nearly", "budget is nearly", None),
        (replace(FREE, clock_synced=False), "clock is not", "clock is not", "clock is not"),
    ],
)
def test_heat_and_the_budget_make_it_wait(
    tmp_path: Path,
    limits: GatewayLimits,
    search_waits: str | None,
    pictures_wait: str | None,
    hold_waits: str | None,
) -> None:
    expected = (search_waits, pictures_wait, search_waits, hold_waits)
    actions = replace(commands_in(tmp_path), limits=lambda: limits).actions()
    for action, waits in zip(actions, expected, strict=True):
        why = action.must_wait()
        assert (why is None) == (waits is None)
        if why is not None and waits is not None:
            assert waits in why
            problem = problem_of(why)
            assert problem is not None
            assert problem.code == "search-later"


def test_a_search_leaves_most_of_the_time_to_others(tmp_path: Path) -> None:
    rows = store(tmp_path, HandClock(mono=1020.0))
    rows.write([passage(n, crop=None) for n in range(10 * SLICE_ROWS)], synced=True)
    commands = commands_in(tmp_path)
    cpu_s, wall_s = time.thread_time(), time.monotonic()
    assert search(commands, min_height=0.1).total == 10 * SLICE_ROWS
    cpu_s, wall_s = time.thread_time() - cpu_s, time.monotonic() - wall_s
    assert cpu_s < 0.5 * wall_s


def test_an_agent_that_stops_ends_a_search_between_two_slices(tmp_path: Path) -> None:
    rows = store(tmp_path, HandClock(mono=1020.0))
    rows.write([passage(n) for n in range(SLICE_ROWS + 1)], synced=True)
    context = GivenContext("c-1", arguments(SearchArguments, SPAN | ON_RECORD), KEY, stopping=lambda: True)
    with pytest.raises(CommandFailed, match="stops"):
        commands_in(tmp_path).search(context)
