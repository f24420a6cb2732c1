"""sd_notify against a real datagram socket."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.host.system.systemd import Systemd


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """The service manager's end: its NOTIFY_SOCKET and the socket itself."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.settimeout(5.0)
    name = str(tmp_path / "notify") if request.param == "path" else f"@edge-agent-test-{os.getpid()}"
    with listener:
        listener.bind(name.replace("@", "\0", 1))
        yield name, listener


def test_life_of_a_service_as_the_manager_hears_it(manager: tuple[str, socket.socket]) -> None:
    name, listener = manager
    systemd = Systemd({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"})
    systemd.ready("2 cameras")
    systemd.status("1 of 2 cameras online\nREADY=0")
    systemd.watchdog()
    systemd.stopping()
    heard = [listener.recv(4096).decode() for _ in range(4)]
    assert heard == [
        "READY=1\nSTATUS=2 cameras",
        "STATUS=1 of 2 cameras online READY=0",  # a line break must not start a second assignment
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_the_watchdog_is_fed_when_it_is_due_however_often_all_is_well(
    manager: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, listener = manager
    systemd = Systemd({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "10000000"})
    for now in (100.0, 101.0, 104.9, 105.0, 106.0):
        monkeypatch.setattr(time, "monotonic", lambda now=now: now)
        systemd.watchdog()
    systemd.stopping()
    heard = [listener.recv(4096).decode().partition("\n")[0] for _ in range(3)]
    assert heard == ["WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]


def test_a_reload_is_dated_and_ends_with_ready(manager: tuple[str, socket.socket]) -> None:
    name, listener = manager
    systemd = Systemd({"NOTIFY_SOCKET": name})
    before = time.monotonic_ns() // 1000
    systemd.reloading()
    systemd.ready("read again")
    word, stamp = listener.recv(4096).decode().split("\n")
    assert word == "RELOADING=1"
    assert before <= int(stamp.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    assert listener.recv(4096).decode().startswith("READY=1")


def test_status_is_sent_only_when_it_changes(manager: tuple[str, socket.socket]) -> None:
    name, listener = manager
    systemd = Systemd({"NOTIFY_SOCKET": name})
    for text in ("a", "a", "b"):
        systemd.status(text)
    systemd.watchdog()  # the unit has no watchdog
    systemd.stopping()
    heard = [listener.recv(4096).decode().partition("\n")[0] for _ in range(3)]
    assert heard == ["STATUS=a", "STATUS=b", "STOPPING=1"]


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),  # meant for another process
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_interval_is_half_the_units(environ: dict[str, str], interval_s: float | None) -> None:
    assert Systemd(environ).watchdog_interval_s == interval_s


def test_manager_that_is_gone_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready("up")
    assert "systemd could not be notified of READY=1" in caplog.text


def test_without_systemd_nothing_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    Systemd({}).ready("up")
    assert caplog.text == ""
