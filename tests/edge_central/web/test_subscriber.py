"""The guide's subscriber with history, run as a reader would run it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.edge_central.parts import FakeGateway, FakeGateways
from tests.edge_central.web.house import House
from tests.testbed.mosquitto import Mosquitto, wait_until

GUIDE = Path(__file__).parents[3] / "docs" / "guide"


def test_it_prints_each_event_once_also_those_that_it_missed(house: House, tmp_path: Path) -> None:
    box, out = FakeGateway(), tmp_path / "out"
    (tmp_path / "token").write_text(house.token("app", "de-tham"))
    (tmp_path / "broker").mkdir()

    def printed() -> list[str]:
        return out.read_text().splitlines() if out.exists() else []

    house.take(box.event(1, "before it began"))
    with Mosquitto(tmp_path / "broker") as broker, FakeGateways(broker) as boxes:
        with _running(tmp_path, broker, house, out):
            wait_until(lambda: len(printed()) == 1 and "history-de-tham" in broker.log, 30, "what was before")

            def heard() -> bool:  # it may not have subscribed yet
                boxes.publish_all(box.event(2, "live"))
                return len(printed()) == 2

            wait_until(heard, 30, "what comes by MQTT, before it is stored")
            house.take(box.event(2, "live"), box.event(3, "stored"))
            wait_until(lambda: len(printed()) == 3, 30, "what MQTT did not bring")
        house.take(box.event(4, "while it was away"))
        with _running(tmp_path, broker, house, out):
            wait_until(lambda: len(printed()) == 4, 30, "what it missed")
            house.take(box.event(5, "the last"))
            wait_until(lambda: len(printed()) >= 5, 30, "the last")
    labels = ["before it began", "live", "stored", "while it was away", "the last"]
    assert [label in line for label, line in zip(labels, printed(), strict=True)] == [True] * 5


def test_an_answer_that_ends_in_the_middle_does_not_end_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as console:
        url = f"http://127.0.0.1:{console.getsockname()[1]}"
        program = str(GUIDE / "subscriber_with_history.py")
        command = [sys.executable, program, "127.0.0.1:1", "de-tham", url, "token"]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
            connection, _ = console.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"events"')
            assert running.stderr is not None
            said = next(line for line in running.stderr if "IncompleteRead" in line)
            running.terminate()
    assert said.startswith(f"{url}: IncompleteRead"), said


@contextmanager
def _running(folder: Path, broker: Mosquitto, house: House, out: Path) -> Iterator[None]:
    program = str(GUIDE / "subscriber_with_history.py")
    command = [sys.executable, program, f"127.0.0.1:{broker.port}", "de-tham", house.url, "token"]
    with out.open("ab") as file, subprocess.Popen(command, cwd=folder, stdout=file) as running:
        try:
            yield
        finally:
            running.terminate()
