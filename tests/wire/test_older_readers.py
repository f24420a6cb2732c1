"""What a centre of before the codes makes of the messages of a newer agent: fields that it does not know."""

from __future__ import annotations

import msgspec
import pytest

from edge_agent import wire
from edge_agent.core.problems import problem_text
from tests.testbed.replies import reply_of

TIME = "2026-11-27T05:00:00.000Z"
WHY = problem_text("agent-failed", why=problem_text("outbox", why="disk full"))


class OlderState(msgspec.Struct):
    state: str
    session: str
    time: str
    reason: str = ""


class OlderReply(msgspec.Struct):
    id: str
    status: str
    text: str = ""


class OlderAlert(msgspec.Struct):
    rule: str
    text: str


STATE = wire.State(state="offline", session="s", time=TIME, reason=str(WHY), problem=WHY.problem)
REPLY = reply_of("clip-1", "clip", status="failed", code="failed", text=str(WHY), problem=WHY.problem)
ALERT = wire.CentralAlert(
    id="a",
    state="open",
    rule="disk",
    severity="warning",
    ward="de-tham",
    gateway="dt-001",
    camera=None,
    text=str(WHY),
    value=1.0,
    since=TIME,
    opened=TIME,
    problem=WHY.problem,
)


@pytest.mark.parametrize(
    ("message", "older", "field"),
    [(STATE, OlderState, "reason"), (REPLY, OlderReply, "text"), (ALERT, OlderAlert, "text")],
)
def test_an_older_reader_ignores_the_code_and_reads_the_text(
    message: wire.Message, older: type[msgspec.Struct], field: str
) -> None:
    encoded = msgspec.json.encode(message)
    assert b'"problem":{"code":"agent-failed"' in encoded
    assert getattr(msgspec.json.decode(encoded, type=older), field) == str(WHY)


def test_a_message_without_a_code_is_as_before() -> None:
    plain = msgspec.structs.replace(STATE, problem=msgspec.UNSET)
    assert b"problem" not in msgspec.json.encode(plain)
