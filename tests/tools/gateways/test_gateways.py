"""``edge-agent gateways`` at a real mosquitto: with a ward's user, in a terminal, over a lost connection."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.edge_central.parts import FakeGateway
from tests.fleet.broker_side import FleetBroker
from tests.testbed.command_line import run_command
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until

DT, DT2, BX = FakeGateway("dt-001"), FakeGateway("dt-002"), FakeGateway("bx-001", "bo-xuyen")
AGENT = [sys.executable, "-m", "edge_agent", "fleet"]


@pytest.fixture
def boxes(broker: Mosquitto) -> Iterator[Subscriber]:
    with Subscriber(broker.port, "none", client_id="boxes") as talking:
        yield talking


def say(boxes: Subscriber, *messages: tuple[str, bytes], retain: bool = False) -> None:
    for topic, payload in messages:
        boxes.publish(topic, payload, retain=retain)


def fleet(*options: str) -> tuple[int, str, str]:
    done = run_command("fleet", *options)
    return done.returncode, done.stdout, done.stderr


def test_once_as_json_with_what_is_retained_and_what_comes(broker: Mosquitto, boxes: Subscriber) -> None:
    say(boxes, DT.state("online", "s"), DT.birth("s"), BX.state("offline", "s"), retain=True)
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(0.2):
            say(boxes, DT.heartbeat("s"))

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        code, out, _ = fleet("--broker", broker.url, "--json")
    finally:
        stop.set()
        beating.join()
    first, second = json.loads(out)
    assert (code, first["gateway"], first["standing"]) == (0, "bx-001", "offline")
    assert (second["gateway"], second["standing"], second["cameras_up"]) == ("dt-001", "fine", 1)


def test_none_of_that_state_is_not_none_at_all(broker: Mosquitto, boxes: Subscriber) -> None:
    say(boxes, DT.state("stopped", "s"), retain=True)
    url = broker.url
    code, out, _ = fleet("--broker", url, "--once", "--listen-s", "0.5", "--state", "offline")
    assert code == 0
    assert "1 gateway: 1 stopped" in out
    assert "dt-001" not in out


def test_nothing_heard_is_said_and_an_absent_broker_too(broker: Mosquitto) -> None:
    url = broker.url
    code, _, error = fleet("--broker", url, "--once", "--listen-s", "0.5", "--ward", "de-tham")
    assert code == 1
    assert "nothing was heard" in error
    broker.stop()
    code, _, error = fleet("--broker", url, "--once")
    assert code == 1
    assert "refuses the connection" in error


def test_a_wards_user_sees_his_ward_with_and_without_naming_it(tmp_path: Path) -> None:
    users = [{"name": "ward-dt", "ward": "de-tham"}]
    with FleetBroker(tmp_path, {"dt-001": "de-tham", "bx-001": "bo-xuyen"}, users) as broker:
        for box in (DT, BX):
            topic, payload = box.state("stopped", "s")
            assert broker.publish(box.id, topic, payload.decode(), retain=True).code == 0
        me = broker.issue("ward-dt")
        tls = ("--ca-file", str(broker.ca), "--cert-file", str(me.cert), "--key-file", str(me.key))
        url = ("--broker", f"mqtts://127.0.0.1:{broker.port}", "--json", "--listen-s", "3.2")
        for wards in ((), ("--ward", "de-tham")):
            code, out, error = fleet(*url, *tls, *wards)
            assert code == 0, error
            assert [each["gateway"] for each in json.loads(out)] == ["dt-001"]
        assert fleet(*url, *tls, "--ward", "bo-xuyen")[0] == 1


class Terminal:
    """A program in a pseudo terminal; ``text`` is all its output so far."""

    def __init__(self, process: subprocess.Popen[bytes], main: int) -> None:
        self.process = process
        self._main = main
        self._written = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                self._written += os.read(self._main, 65_536)
            except OSError:
                return

    @property
    def text(self) -> str:
        return self._written.decode(errors="replace")

    @property
    def page(self) -> list[str]:
        """The latest complete screen, without colours."""
        whole = self.text.split("\x1b[H")[1:-1]
        plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", whole[-1]) if whole else ""
        return plain.split("\r\n")

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        os.write(self._main, keys)


@contextmanager
def terminal(*options: str) -> Iterator[Terminal]:
    main, sub = pty.openpty()
    fcntl.ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 100, 0, 0))
    environment = os.environ | {"TERM": "xterm"}
    process = subprocess.Popen([*AGENT, *options], stdin=sub, stdout=sub, stderr=sub, env=environment)
    os.close(sub)
    try:
        yield Terminal(process, main)
    finally:
        process.kill()
        process.wait(10)
        os.close(main)


def test_a_live_table_follows_scrolls_resizes_and_leaves_the_terminal_as_it_was(
    broker: Mosquitto, boxes: Subscriber
) -> None:
    many = [FakeGateway(f"dt-{number:03}") for number in range(1, 31)]
    say(boxes, *(box.state("online", "s") for box in many), retain=True)
    with terminal("--broker", broker.url) as shown:
        wait_until(lambda: "30 gateways: 30 online" in shown.page[0], what="the table")
        assert len(shown.page) <= 12
        say(boxes, many[16].state("offline", "s"), retain=True)
        wait_until(lambda: "dt-017" in shown.page[2], what="what is broken at the top")
        assert "\x1b[31m" in shown.text, "red"
        shown.press(b" ")
        wait_until(lambda: shown.page[-1].startswith("8 to"), what="the next page")
        shown.resize(60, 20)
        wait_until(lambda: len(shown.page) == 20 and max(map(len, shown.page)) <= 60, what="the new size")
        say(boxes, (f"{many[0].up}/heartbeat", b"noise"))
        wait_until(lambda: "left out: 1" in shown.page[1], what="the message that cannot be read")
        broker.stop()
        wait_until(lambda: "no connection" in shown.page[1], what="the lost connection")
        broker.start()
        wait_until(lambda: "no connection" not in "".join(shown.page), what="the connection")
        shown.press(b"q")
        assert shown.process.wait(30) == 0
        wait_until(lambda: shown.text.endswith("\x1b[?25h\x1b[?1049l"), what="the terminal as it was")
