"""A box whose list of sites cannot be used: its page and its console say why, without a restart loop."""

from __future__ import annotations

import argparse
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.cli.arguments import parser
from edge_agent.commissioning import command
from edge_agent.commissioning.identity import open_identity
from edge_agent.commissioning.page import fault
from edge_agent.core.command_line.exit_codes import EX_OK, EX_TEMPFAIL
from tests.commissioning.phone import PhoneOverTls
from tests.commissioning.prepared_box import PreparedBox, prepared_box
from tests.commissioning.test_service import loopback
from tests.testbed.mosquitto import free_port, wait_until


def _arguments(
    box: PreparedBox, port: int, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> argparse.Namespace:
    monkeypatch.setattr(fault, "TICK_S", 0.05)
    monkeypatch.setattr(command, "stop_on_signals", lambda: stop)
    monkeypatch.setattr(command, "own_addresses", loopback)
    words = ["commission", "--serve", "--page-port", str(port), "--sysroot", str(box.folder)]
    return parser().parse_args(words)


class Served:
    """``edge-agent commission --serve`` on a thread."""

    def __init__(self, box: PreparedBox, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stop, self.codes, port = threading.Event(), list[int](), free_port()
        args = _arguments(box, port, self.stop, monkeypatch)
        self._thread = threading.Thread(
            target=lambda: self.codes.append(command.run_commission(args, io.StringIO()))
        )
        identity = open_identity(box.paths.etc / "serial", box.paths.state)
        self.phone = PhoneOverTls("127.0.0.1", port, identity.certificate)
        self._thread.start()
        wait_until(self._answers, what="the page")

    def _answers(self) -> bool:
        try:
            return self.phone.ask("/commission.css")[0] == 200
        except OSError:
            return False

    def end(self) -> int:
        self._thread.join(20)
        return self.codes[0]


@pytest.fixture
def box(tmp_path: Path) -> PreparedBox:
    made = prepared_box(tmp_path, free_port(), [])
    (made.paths.enrolment / "sites.json").write_text("{}")
    return made


@pytest.fixture
def served(box: PreparedBox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    made = Served(box, monkeypatch)
    yield made
    made.stop.set()
    made.end()


def test_page_and_console_say_what_is_wrong(box: PreparedBox, served: Served) -> None:
    for path in ("/", "/s/dt-001-r", "/state"):
        status, page = served.phone.ask(path)
        assert status == 200
        assert "danh sách điểm không có chữ ký số hợp lệ" in page.decode()
        assert "the list of all sites is not signed by this fleet" in page.decode()
    assert served.phone.ask("/claim", b"{}")[0] == 403, "it takes no step"
    console = " ".join((box.paths.run / "console.txt").read_text().split())  # its lines are wrapped
    assert "danh sach diem khong co chu ky so hop le" in console
    served.stop.set()
    assert served.end() == EX_OK


def test_a_list_that_comes_while_its_fault_is_prepared_starts_the_page_again(
    box: PreparedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced_meanwhile(*_: object) -> None:
        box.write_bundle(version=2)

    stop = threading.Event()
    monkeypatch.setattr(command, "_write_console", replaced_meanwhile)
    limit = threading.Timer(5, stop.set)
    limit.start()
    assert (
        command.run_commission(_arguments(box, free_port(), stop, monkeypatch), io.StringIO()) == EX_TEMPFAIL
    )
    limit.cancel()


def test_a_new_list_starts_the_page_again(box: PreparedBox, served: Served) -> None:
    box.write_bundle(version=2)
    assert served.end() == EX_TEMPFAIL, "so systemd starts the unit, with the new list"
