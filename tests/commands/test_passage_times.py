"""``passage-times``: what the rows say, how an answer continues, who may ask, and what it waits for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.commands.action import CommandRefused, is_signed_by_default
from edge_agent.commands.document import arguments
from edge_agent.commands.handlers.search import MAX_AN_HOUR, SearchCommands
from edge_agent.commands.replies import MAX_RESULT_BYTES
from edge_agent.passages.passage import COLOURS, GROUPS, Side
from edge_agent.passages.reader import SLICE_ROWS, PassageReader
from edge_agent.wire.passage_times import (
    COLOUR_ORDER,
    GROUP_ORDER,
    MAX_TIMES,
    SIDE_ORDER,
    PassageTimeRow,
    PassageTimes,
    PassageTimesArguments,
    pack_rows,
    unpack_rows,
)
from tests.commands.contexts import GivenContext
from tests.commands.test_search import FREE, KEY, ON_RECORD, SCOPE, SEARCH_KEY, commands_in, entries
from tests.outbox.parts import HandClock
from tests.passages.parts import passage, store

FROM_AT = "2026-11-24T11:00:00Z"
SPAN = {"from_at": FROM_AT, "to_at": "2026-11-24T13:00:00Z"}


@pytest.fixture
def commands(tmp_path: Path) -> SearchCommands:
    """Three people at cam-1, a vehicle without a colour at cam-2; the clock says 12:00:00 at mono 1000."""
    clock = HandClock()
    rows = store(tmp_path, clock)
    people = [passage(n, 900.0 + 10 * n) for n in range(3)]
    car = passage(9, 915.5, camera="cam-2", track="cam-2-k3-9", group="vehicle", colours=(), exit=Side.TOP)
    rows.write([*people, car], synced=True)
    rows.close()
    return commands_in(tmp_path, clock)


def times(commands: SearchCommands, by: str = KEY, **args: Any) -> PassageTimes:
    checked = arguments(PassageTimesArguments, SPAN | ON_RECORD | args)
    return msgspec.convert(commands.times(GivenContext("c-3", checked, by)).result, PassageTimes)


def rows_of(found: PassageTimes) -> dict[str, list[PassageTimeRow]]:
    return {each.camera: unpack_rows(each.rows) for each in found.cameras}


def test_a_row_has_times_group_first_colour_and_sides_and_nothing_else(commands: SearchCommands) -> None:
    found = times(commands)
    assert rows_of(found) == {
        "cam-1": [PassageTimeRow(3500.0 + 10 * n, 12.0, "person", "red", "left", "inside") for n in range(3)],
        "cam-2": [PassageTimeRow(3515.5, 12.0, "vehicle", None, "left", "top")],
    }
    assert [(each.camera, each.passages) for each in found.cameras] == [("cam-1", 3), ("cam-2", 1)]
    assert (found.continues_at, found.unsynced) == (None, 0)


def test_cameras_group_and_span_choose(commands: SearchCommands) -> None:
    assert list(rows_of(times(commands, cameras=["cam-2", "cam-7"]))) == ["cam-2"]
    assert list(rows_of(times(commands, group="person"))) == ["cam-1"]
    later = rows_of(times(commands, from_at="2026-11-24T11:58:30Z"))
    assert [row.start_s for row in later["cam-1"]] == [0.0, 10.0]


def test_an_answer_that_is_full_says_where_it_continues(commands: SearchCommands) -> None:
    asked, starts = FROM_AT, []
    for _ in range(4):
        found = times(commands, from_at=asked, max_rows=1)
        after_s = (datetime.fromisoformat(asked) - datetime(2026, 11, 24, 11, tzinfo=UTC)).total_seconds()
        starts += [row.start_s + after_s for rows in rows_of(found).values() for row in rows]
        asked = found.continues_at or asked
    assert starts == [3500.0, 3510.0, 3515.5, 3520.0]
    assert found.continues_at is None


def test_passages_of_one_moment_are_not_divided(tmp_path: Path) -> None:
    rows = store(tmp_path, HandClock())
    rows.write([passage(0, 900.0), *(passage(n, 910.0) for n in (1, 2))], synced=True)
    first = times(commands_in(tmp_path), max_rows=2)
    assert [each.passages for each in first.cameras] == [1]
    assert first.continues_at == "2026-11-24T11:58:30.000Z"
    again = times(commands_in(tmp_path), max_rows=1, from_at=first.continues_at)
    assert again.continues_at == "2026-11-24T11:58:30.001Z", "an asker gets on"


def test_passages_without_a_clock_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = store(tmp_path, HandClock())
    rows.write([passage(1, 900.0)], synced=False)
    rows.close()
    found = times(commands_in(tmp_path))
    assert (found.cameras, found.unsynced) == ([], 1)


def test_a_full_answer_fits_into_a_reply(tmp_path: Path) -> None:
    clock = HandClock(mono=10_000.0)
    rows = store(tmp_path, clock)
    name = "c" * 60
    many = (passage(n, 9000.0 + n / 10, camera=f"{name}-{n % 64:02}") for n in range(MAX_TIMES + 1))
    rows.write(list(many), synced=True)
    found = times(commands_in(tmp_path, clock))
    assert sum(each.passages for each in found.cameras) == MAX_TIMES
    assert found.continues_at is not None
    assert len(msgspec.json.encode(found)) < MAX_RESULT_BYTES


def test_the_agent_can_write_between_two_slices(tmp_path: Path) -> None:
    rows = store(tmp_path, HandClock())
    rows.write([passage(n, 100.0 + n / 10) for n in range(SLICE_ROWS + 1)], synced=True)
    pauses = []
    reader = PassageReader(tmp_path, lambda: pauses.append(1))
    span = datetime(2026, 11, 24, 11, tzinfo=UTC), datetime(2026, 11, 24, 13, tzinfo=UTC)
    assert len(list(reader.in_order(None, *span))) == SLICE_ROWS + 1
    assert len(pauses) == 2


def test_it_is_on_record_before_it_is_read(commands: SearchCommands, tmp_path: Path) -> None:
    (tmp_path / "passages/passages.db").write_bytes(b"damaged " * 2000)
    with pytest.raises(Exception, match="cannot be read"):
        times(commands, SEARCH_KEY, **SCOPE)
    (entry,) = entries(tmp_path)
    assert (entry["asked_by"], entry["case"]) == ("Nguyễn Văn An", "7/2026")
    assert json.loads(entry["what"].removeprefix("times ")) == SPAN | {"wards": 2, "max_rows": MAX_TIMES}


@pytest.mark.parametrize(
    ("by", "scope", "code"),
    [
        (SEARCH_KEY, {}, "bad-arguments"),
        (SEARCH_KEY, SCOPE | {"wards": ["an-phu"]}, "out-of-scope"),
        (KEY, {"wards": ["an-phu"]}, "out-of-scope"),
        ("0" * 64, SCOPE, "unknown-key"),
        (KEY, {"to_at": "2026-11-24T10:00:00Z"}, "bad-arguments"),
    ],
    ids=["no person", "another ward", "another ward of an operator", "unknown key", "ends first"],
)
def test_who_may_not_ask_gets_nothing(
    commands: SearchCommands, tmp_path: Path, by: str, scope: dict[str, Any], code: str
) -> None:
    with pytest.raises(CommandRefused) as refused:
        times(commands, by, **scope)
    assert refused.value.code == code
    assert not (tmp_path / "passages/access.jsonl").exists()


@pytest.mark.parametrize(
    "wrong", [{"purpose": " "}, {"case": ""}, {"max_rows": MAX_TIMES + 1}, {"colour": "red"}]
)
def test_bounds_of_the_arguments_hold(wrong: dict[str, Any]) -> None:
    with pytest.raises(CommandRefused):
        arguments(PassageTimesArguments, SPAN | ON_RECORD | wrong)


def test_it_is_signed_and_waits_like_a_search(commands: SearchCommands) -> None:
    assert is_signed_by_default("passage-times", SPAN)
    action = {each.name: each for each in commands.actions()}["passage-times"]
    assert action.needs_signature(None)
    assert action.must_wait() is None
    hot = replace(commands, limits=lambda: replace(FREE, heat_step=2))
    action = {each.name: each for each in hot.actions()}["passage-times"]
    assert "the gateway is hot" in (action.must_wait() or "")


def test_hammering_is_bounded(commands: SearchCommands) -> None:
    for _ in range(MAX_AN_HOUR["passage-times"]):
        times(commands, max_rows=1)
    waits = {each.name: each.must_wait() for each in commands.actions()}
    assert "120 were answered within an hour" in (waits.pop("passage-times") or "")
    assert set(waits.values()) == {None}, "it delays no search"


def test_the_numbers_of_the_wire_are_those_of_the_store() -> None:
    assert (GROUPS, COLOURS, tuple(each.value for each in Side)) == (GROUP_ORDER, COLOUR_ORDER, SIDE_ORDER)


def test_values_that_do_not_fit_are_set_to_the_largest() -> None:
    long = PassageTimeRow(5e8, 9000.0, None, None, "inside", "inside")
    assert unpack_rows(pack_rows([long])) == [long._replace(start_s=429_496_729.5, duration_s=6553.5)]


@pytest.mark.parametrize("text", ["AAAA", "%%%", "ä", "AAAAAAAA/wA=", "AAAAAAAAAP8="])
def test_rows_that_no_gateway_can_have_made_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        unpack_rows(text)
