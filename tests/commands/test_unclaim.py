"""``unclaim``: what the agent asks root's program, and what it replies."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge_agent.commands.action import CommandRefused
from edge_agent.commands.handlers.unclaim import ANSWER, REQUEST, UnclaimCommand
from edge_agent.host.system.root_requests import RootRequest
from edge_agent.wire import UnclaimArguments
from tests.testbed.mosquitto import wait_until

ARGS = UnclaimArguments(claim_id="c-1", serial="box-10000000a1b2c3d4", why="the neighbouring pole")
FILE = Path("run/edge-agent/requests") / REQUEST


def context(*, stopping: bool = False) -> Any:
    return SimpleNamespace(
        id="unclaim-1", args=ARGS, signed_by="ab" * 32, stopping=lambda: stopping, progress=lambda text: None
    )


def unclaim(folder: Path, read_within_s: float = 20.0) -> UnclaimCommand:
    (folder / "run/edge-agent").mkdir(parents=True, exist_ok=True)
    return UnclaimCommand(RootRequest(REQUEST, ANSWER, folder, read_within_s, answered_within_s=20.0))


def test_root_is_told_which_claim_and_who_withdrew_it(tmp_path: Path) -> None:
    command, got = unclaim(tmp_path), list[dict[str, Any]]()

    with root(tmp_path, got, {"outcome": "accepted", "uptime_s": 7.0}):
        assert "gives up the site" in command.run(context()).text
    why = {"claim_id": "c-1", "why": "the neighbouring pole", "command": "unclaim-1", "key": "ab" * 32}
    assert got == [why]


def test_what_root_refuses_is_the_reply(tmp_path: Path) -> None:
    answer = {"outcome": "refused", "detail": "another claim", "uptime_s": 7.0}
    with (
        root(tmp_path, [], answer),
        pytest.raises(CommandRefused, match="does not give up the site: another claim"),
    ):
        unclaim(tmp_path).run(context())


@contextmanager
def root(folder: Path, got: list[dict[str, Any]], answer: dict[str, Any]) -> Iterator[None]:
    """Root's program: it deletes the request and answers."""

    def act() -> None:
        wait_until((folder / FILE).exists)
        got.append(json.loads((folder / FILE).read_bytes()))
        (folder / FILE).unlink()
        (folder / ANSWER).parent.mkdir(parents=True)
        (folder / ANSWER).write_text(json.dumps(answer))

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_root_may_stop_the_agent_before_it_deletes_the_request(tmp_path: Path) -> None:
    assert "gives up the site" in unclaim(tmp_path).run(context(stopping=True)).text
    assert (tmp_path / FILE).exists()


def test_without_a_program_of_root_nothing_waits_there(tmp_path: Path) -> None:
    with pytest.raises(CommandRefused, match="path does not run"):
        unclaim(tmp_path, read_within_s=0.0).run(context())
    assert not (tmp_path / FILE).exists()


def test_without_systemd_it_is_refused(tmp_path: Path) -> None:
    command = UnclaimCommand(RootRequest(REQUEST, ANSWER, tmp_path))
    with pytest.raises(CommandRefused, match="cannot be written"):
        command.run(context())


def test_it_needs_a_signature_always(tmp_path: Path) -> None:
    assert unclaim(tmp_path).action().needs_signature(ARGS)
