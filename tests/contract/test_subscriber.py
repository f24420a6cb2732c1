"""The subscriber of the guide, run as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.contract.test_conformance import ONE, event
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until

GUIDE = Path(__file__).parents[2] / "docs" / "guide"


def test_it_prints_each_event_once_and_is_as_short_as_the_guide_says(tmp_path: Path) -> None:
    program = GUIDE / "subscriber.py"
    lines = len(program.read_text(encoding="utf-8").splitlines())
    assert lines <= 40
    assert f"{lines} lines" in (GUIDE / "subscriber.md").read_text(encoding="utf-8")
    with (
        Mosquitto(tmp_path, "log_type all") as broker,
        Subscriber(broker.port, "none", client_id="gateway") as gateway,
    ):
        command = [sys.executable, str(program), f"127.0.0.1:{broker.port}", "de-tham"]
        with (tmp_path / "out").open("wb") as out, subprocess.Popen(command, stdout=out) as running:
            try:
                wait_until(lambda: "Sending SUBACK to printer-de-tham" in broker.log, 30, what="the program")
                topic = f"tb/v1/de-tham/dt-001/up/{ONE.topic}"
                for message in (ONE, ONE, event(2, before=ONE)):
                    gateway.publish(topic, message.payload)
                gateway.publish("tb/v1/bo-xuyen/bx-001/up/event/cam-1", ONE.payload)
                wait_until(lambda: (tmp_path / "out").read_text().count("\n") == 2, 30, what="two lines")
            finally:
                running.terminate()
    first, second = (tmp_path / "out").read_text().splitlines()
    assert first.split()[1:4] == ["/tb/dt-001", "cam-1", "vn.thaibinh.edge.object.v1"]
    assert second.split()[1:4] == first.split()[1:4]
