"""Clients of the control socket that send nothing or garbage: the next client is served."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import psutil
import pytest

from edge_agent.host.local_api import control
from edge_agent.host.local_api.control import (
    ControlReply,
    ControlRequest,
    ControlServer,
    RelearnRequest,
    ReloadRequest,
)
from edge_agent.host.local_api.local_socket import ask

GOOD = msgspec.json.encode(ReloadRequest("dt-001"))


def obliging(request: ControlRequest) -> ControlReply:
    return ControlReply(0, f"done: {type(request).__name__}")


@contextlib.contextmanager
def serving(folder: Path, obey: Callable[[ControlRequest], ControlReply] = obliging) -> Iterator[Path]:
    path = folder / "control.sock"
    server = ControlServer([path], "dt-001", obey)
    server.start()
    try:
        yield path
        assert server.loop.failure is None
    finally:
        server.stop()


def answer_to(path: Path, request: bytes) -> ControlReply:
    return msgspec.json.decode(ask(path, request), type=ControlReply)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0" * 100,
        b"[]",
        b'{"type":"format-disk"}',
        b'{"type":"relearn","gateway":"\xff","camera":"x"}',  # no UTF-8
        b'{"type":"reload","gateway":null,"x":' + b"[" * 4000,  # deeper than the parser allows
    ],
)
def test_garbage_is_answered_as_such(tmp_path: Path, garbage: bytes) -> None:
    with serving(tmp_path) as path:
        answer = answer_to(path, garbage)
        assert answer.code == 1
        assert "does not understand" in answer.text
        assert answer_to(path, GOOD) == ControlReply(0, "done: ReloadRequest")


def test_a_megabyte_is_not_read(tmp_path: Path) -> None:
    with serving(tmp_path) as path:
        with (
            socket.socket(socket.AF_UNIX) as asker,
            contextlib.suppress(BrokenPipeError, ConnectionResetError),
        ):
            asker.connect(str(path))
            asker.sendall(b"x" * 1_000_000)
        assert answer_to(path, GOOD).code == 0


def test_who_says_little_or_nothing_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "REQUEST_WITHIN_S", 0.2)
    gone = threading.Event()
    with (
        serving(tmp_path) as path,
        socket.socket(socket.AF_UNIX) as mute,
        socket.socket(socket.AF_UNIX) as slow,
    ):
        mute.connect(str(path))
        slow.connect(str(path))

        def trickle() -> None:
            with contextlib.suppress(OSError):
                while not gone.wait(0.05):
                    slow.sendall(b" ")

        thread = threading.Thread(target=trickle)
        thread.start()
        begun = time.monotonic()
        assert answer_to(path, GOOD).code == 0
        assert time.monotonic() - begun < 3
        gone.set()
        thread.join()


def test_fifty_at_once_are_served_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "REQUEST_WITHIN_S", 0.05)
    with serving(tmp_path) as path:
        before = psutil.Process().num_fds(), threading.active_count()
        mute = [socket.socket(socket.AF_UNIX) for _ in range(40)]
        for each in mute:
            each.connect(str(path))
        with ThreadPoolExecutor(10) as askers:
            assert {answer.code for answer in askers.map(lambda _: answer_to(path, GOOD), range(10))} == {0}
        for each in mute:
            each.close()
        assert answer_to(path, GOOD).code == 0  # so the forty have been rejected
        # Files and threads that other tests left to the garbage collector may go meanwhile.
        assert psutil.Process().num_fds() <= before[0]
        assert threading.active_count() <= before[1]


def test_a_fault_of_ours_is_an_answer(tmp_path: Path) -> None:
    def obey(request: ControlRequest) -> ControlReply:
        if isinstance(request, RelearnRequest):
            raise RuntimeError("a mistake of ours")
        return obliging(request)

    with serving(tmp_path, obey) as path:
        failed = answer_to(path, msgspec.json.encode(RelearnRequest("dt-001", "cam-1")))
        assert failed.code == 1
        assert "a mistake of ours" in failed.text
        assert answer_to(path, GOOD).code == 0


def test_another_gateways_request_is_not_obeyed(tmp_path: Path) -> None:
    with serving(tmp_path) as path:
        assert answer_to(path, msgspec.json.encode(ReloadRequest("dt-002"))).code is None
