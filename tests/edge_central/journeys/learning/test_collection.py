"""Collecting times from gateways: in which order, how slowly, and what a gateway may say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.wire.passage_times import CameraPassageTimes, PassageTimeRow, PassageTimes, pack_rows
from edge_central.journeys.learning import collection
from edge_central.journeys.learning.collection import AT_ONCE, TimesCollection, TimesRequest
from edge_central.journeys.learning.gateways import LearningGateway
from tests.testbed.replies import reply_of

HOUR_MS = 3_600_000
WINDOWS = [(0, HOUR_MS), (24 * HOUR_MS, 25 * HOUR_MS)]
BOX = LearningGateway("dt-001", "de-tham", ("gate", "yard"))


def row(start_s: float, **more: Any) -> PassageTimeRow:
    return PassageTimeRow(start_s, 4.0, "person", "red", "left", "right")._replace(**more)


def answer(request: TimesRequest, *rows: PassageTimeRow, camera: str = "gate", **more: Any) -> bytes:
    times = PassageTimes(
        cameras=[CameraPassageTimes(camera=camera, passages=len(rows), rows=pack_rows(rows))], **more
    )
    return reply(request, result=msgspec.to_builtins(times))


def reply(request: TimesRequest, **more: Any) -> bytes:
    return msgspec.json.encode(reply_of(request.id, "passage-times", request.gateway.id, **more))


def started(*gateways: LearningGateway) -> TimesCollection:
    return TimesCollection(gateways or (BOX,), WINDOWS, "times-1", pause_s=5, wait_s=100)


def only(requests: list[TimesRequest]) -> TimesRequest:
    (request,) = requests
    return request


def why(of: TimesCollection) -> str:
    return of.summary()[0][3]


def test_each_window_is_asked_after_the_answer_to_the_one_before_and_a_pause() -> None:
    of = started()
    first = only(of.due(0.0))
    assert (first.from_ms, first.to_ms) == WINDOWS[0]
    assert of.due(1.0) == [], "it has not answered"
    of.receive("dt-001", answer(first, row(1.0), row(2.5)), 2.0)
    assert of.due(6.9) == [], "the pause"
    second = only(of.due(7.0))
    assert (second.from_ms, second.to_ms) == WINDOWS[1]
    of.receive("dt-001", answer(second, row(3.0)), 8.0)
    assert of.done
    complete = of.complete("dt-001")
    assert [list(each.starts) for rows in complete.values() for each in rows] == [[1.0, 2.5], [86_403.0]]
    assert [list(kinds) for kinds in complete[WINDOWS[0]][0].kinds] == [[0, 3, 0, 1]] * 2
    assert of.summary()[0][1] == 3


def test_a_full_answer_is_continued_and_its_times_count_from_there() -> None:
    of = started()
    first = only(of.due(0.0))
    of.receive("dt-001", answer(first, row(1.0), continues_at=rfc3339_of_ms(60_000)), 1.0)
    more = only(of.due(10.0))
    assert (more.from_ms, more.to_ms) == (60_000, HOUR_MS)
    assert of.complete("dt-001") == {}
    of.receive("dt-001", answer(more, row(1.0)), 11.0)
    assert [list(each.starts) for each in of.complete("dt-001")[WINDOWS[0]]] == [[1.0], [61.0]]


def test_few_gateways_are_asked_at_once() -> None:
    of = started(*(LearningGateway(f"dt-{n:03}", "de-tham", ("gate",)) for n in range(AT_ONCE + 3)))
    asked = of.due(0.0)
    assert len(asked) == AT_ONCE
    of.receive(asked[0].gateway.id, reply(asked[0], status="rejected", code="unknown-key", text="no"), 1.0)
    assert len(of.due(1.0)) == 1


def test_a_gateway_that_says_later_is_waited_for_and_one_that_says_nothing_is_given_up() -> None:
    of = started()
    first = only(of.due(0.0))
    of.receive("dt-001", reply(first, status="running", text="later: the gateway is hot"), 1.0)
    of.expire(99.0)
    assert why(of) == ""
    of.expire(100.0)
    assert of.done
    assert why(of) == "no answer for 100 s"
    assert of.complete("dt-001") == {}


def test_windows_before_a_refusal_stay() -> None:
    of = started()
    of.receive("dt-001", answer(only(of.due(0.0)), row(1.0)), 1.0)
    of.receive("dt-001", reply(only(of.due(9.0)), status="failed", code="failed", text="disk"), 9.5)
    assert (list(of.complete("dt-001")), why(of)) == ([WINDOWS[0]], "failed: disk")


def test_rows_of_unknown_cameras_and_other_times_do_not_count() -> None:
    of = started()
    first = only(of.due(0.0))
    of.receive("dt-001", answer(first, row(1.0), camera="other"), 1.0)
    of.receive("dt-001", answer(only(of.due(9.0)), row(1.0), row(3601.0)), 10.0)
    assert [len(rows) for rows in of.complete("dt-001").values()] == [0, 1]
    assert [list(each.starts) for each in of.complete("dt-001")[WINDOWS[1]]] == [[86_401.0]]


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"cameras": 7},
        {"cameras": [{"camera": "gate", "passages": 1, "rows": "AAA"}]},
        {"cameras": [{"camera": "gate", "passages": 1, "rows": "/" * 64}]},
        {"cameras": [{"camera": "gate", "passages": 1, "rows": "A" * 64_000}]},
        {"cameras": [], "continues_at": "1970-01-01T00:00:00.000Z"},
    ],
    ids=["nothing", "no list", "no base64", "no group", "too much", "no progress"],
)
def test_an_answer_that_cannot_be_right_ends_the_questions(result: dict[str, Any]) -> None:
    of = started()
    of.receive("dt-001", reply(only(of.due(0.0)), result=result), 1.0)
    assert of.done
    assert why(of)
    assert of.complete("dt-001") == {}


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[" * 100_000, b'{"id": 7}'])
def test_what_is_no_reply_is_ignored(payload: bytes) -> None:
    of = started()
    of.due(0.0)
    of.receive("dt-001", payload, 1.0)
    of.receive("dt-999", payload, 1.0)
    assert not of.done


def test_replies_to_other_commands_are_ignored() -> None:
    of = started()
    first = only(of.due(0.0))
    forged = TimesRequest("times-0-dt-001-1", first.gateway, first.from_ms, first.to_ms)
    of.receive("dt-001", answer(forged, row(1.0)), 1.0)
    assert of.due(50.0) == []
    assert of.complete("dt-001") == {}


def test_a_gateway_with_too_many_passages_is_asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "MAX_ROWS", 2)
    of = started()
    of.receive("dt-001", answer(only(of.due(0.0)), row(1.0), row(2.0)), 1.0)
    assert of.done
    assert (list(of.complete("dt-001")), why(of)) == ([WINDOWS[0]], "more than 2 passages")
