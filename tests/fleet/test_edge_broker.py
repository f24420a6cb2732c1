"""The operator's tool on the broker's machine, and the check before a configuration is put in force."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.broker_side import (
    EDGE_BROKER,
    OPERATOR,
    ROLE,
    Answer,
    FleetBroker,
    FleetClient,
    answer_of,
    rendered,
)
from tests.testbed.mosquitto import wait_until

GATEWAYS = {"dt-001": "de-tham", "dt-002": "de-tham", "bx-001": "bo-xuyen"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetBroker]:
    with FleetBroker(tmp_path_factory.mktemp("fleet"), GATEWAYS) as started:
        yield started


def command(broker: FleetBroker, *arguments: str) -> list[str]:
    return [sys.executable, str(EDGE_BROKER), "--settings", str(broker.settings), *arguments]


def edge_broker(broker: FleetBroker, *arguments: str) -> Answer:
    return answer_of(*command(broker, *arguments))


def begun(broker: FleetBroker, *arguments: str) -> subprocess.Popen[str]:
    """The tool while it runs."""
    return subprocess.Popen(
        command(broker, *arguments), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def beaten(
    broker: FleetBroker, waiting: subprocess.Popen[str], detector: str | None = None, **versions: str
) -> tuple[int, Any]:
    """Let gateways beat with their versions until ``wait`` ends; return its exit code and what it printed.

    ``detector``: why the detectors do not work."""

    def beat() -> bool:
        for gateway, version in versions.items():
            body = {"version": version, "detector": {"degraded": detector}}
            say(broker, gateway.replace("_", "-"), "heartbeat", body, retain=False)
        return waiting.poll() is not None

    wait_until(beat, what="the end of the wait")
    printed, _ = waiting.communicate()
    return waiting.returncode, json.loads(printed)


def say(broker: FleetBroker, gateway: str, end: str, body: dict[str, Any], *, retain: bool = True) -> None:
    topic = f"tb/v1/{GATEWAYS[gateway]}/{gateway}/up/{end}"
    answer = broker.publish(gateway, topic, json.dumps(body), retain=retain)
    assert answer.code == 0, answer.err


def test_a_subscription_that_does_not_end_is_killed(broker: FleetBroker, tmp_path: Path) -> None:
    program = tmp_path / "mosquitto_sub"
    program.write_text("#!/bin/sh\ntrap '' TERM\necho 'Subscribed (mid: 1): 1'\nexec sleep 60\n")
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = answer_of(*command(broker, "states"), PATH=path)
    assert (done.code, json.loads(done.out)) == (0, {}), done.err


def test_states_are_what_is_retained(broker: FleetBroker) -> None:
    say(broker, "dt-001", "state", {"state": "online", "time": "2026-11-25T00:00:00.000Z"})
    say(broker, "dt-001", "birth", {"version": "0.1.0"})
    say(broker, "bx-001", "state", {"state": "offline", "time": "2026-11-25T00:00:00.000Z"})
    found = json.loads(edge_broker(broker, "states").out)
    assert found["dt-001"]["state"] == "online"
    assert found["dt-001"]["version"] == "0.1.0"
    assert found["bx-001"] == {"ward": "bo-xuyen", "state": "offline", "time": "2026-11-25T00:00:00.000Z"}


def test_the_former_name_works_with_a_notice(broker: FleetBroker, tmp_path: Path) -> None:
    former = tmp_path / "edge-fleet"
    former.symlink_to(EDGE_BROKER)
    done = answer_of(sys.executable, former, "--settings", broker.settings, "clear", "dt-009")
    assert (done.code, done.out) == (0, "[]\n")
    assert "edge-fleet is now called edge-broker" in done.err


@pytest.mark.parametrize(
    ("limit_s", "versions", "answer"),
    [
        ("20", {"dt_001": "0.2.0", "dt_002": "0.2.0"}, (0, {"dt-001": "0.2.0", "dt-002": "0.2.0"})),
        ("3", {"dt_001": "0.1.0"}, (1, {"dt-001": "0.1.0", "dt-002": None})),
    ],
    ids=["all beat with it", "time is up"],
)
def test_wait_ends_and_says_who_beats_with_what(
    broker: FleetBroker, limit_s: str, versions: dict[str, str], answer: tuple[int, object]
) -> None:
    waiting = begun(broker, "wait", "--version", "0.2.0", "--timeout-s", limit_s, "dt-001", "dt-002")
    say(broker, "bx-001", "heartbeat", {"version": "0.2.0"}, retain=False)
    assert beaten(broker, waiting, **versions) == answer


def test_wait_asks_for_a_working_detector_only_of_gateways_that_are_named(broker: FleetBroker) -> None:
    options = ("--version", "0.2.0", "--timeout-s", "2", "--detector=dt-001")
    waiting = begun(broker, "wait", *options, "dt-001", "dt-002")
    broken = beaten(broker, waiting, "no Edge TPU\x1b", dt_001="0.2.0", dt_002="0.2.0")
    why = "0.2.0, but the detector does not work: no Edge TPU"
    assert broken == (1, {"dt-001": why, "dt-002": "0.2.0"})


def test_a_gateway_that_ends_after_its_heartbeat_is_not_good() -> None:
    tool = runpy.run_path(str(EDGE_BROKER))

    def message(kind: str, **body: object) -> object:
        return tool["Message"]("de-tham", "dt-001", kind, "topic", body)

    def result(*heard: tuple[float, object], at: float = 100.0) -> tuple[bool, str]:
        """Whether it is good at second ``at``, and what is printed."""
        awaited = tool["Awaited"]("0.2.0", detects=True, stay_s=60.0)
        for second, each in heard:
            awaited.hear(each, second)
        return awaited.good(at), awaited.result(at)

    beat = message("heartbeat", version="0.2.0", session="a")
    left = message("state", state="offline", session="a")
    ended = (False, "0.2.0, but was not connected with it for 60 s")
    assert result((10, beat), (40, beat)) == (True, "0.2.0")
    assert result((10, beat), at=69) == ended
    assert result((10, beat), (50, left), (60, message("heartbeat", version="0.2.0", session="b"))) == ended
    assert result((10, beat), (70, left)) == (True, "0.2.0"), "others are still awaited"
    late = message("state", state="offline", session="of the former release")
    assert result((10, beat), (11, late)) == (True, "0.2.0")
    assert result((10, beat), (11, message("heartbeat", version="0.1.0", session="b"))) == (False, "0.1.0")


def test_clear_leaves_the_ward_that_is_kept_and_every_other_gateway(broker: FleetBroker) -> None:
    say(broker, "dt-002", "state", {"state": "online"})
    say(broker, "bx-001", "state", {"state": "online"})
    assert edge_broker(broker, "clear", "dt-002", "--keep-ward", "de-tham").out == "[]\n"
    assert json.loads(edge_broker(broker, "clear", "dt-002").out) == ["tb/v1/de-tham/dt-002/up/state"]
    assert json.loads(edge_broker(broker, "clear", "dt-002").out) == []
    assert "bx-001" in json.loads(edge_broker(broker, "states").out)


def test_clear_takes_away_what_is_no_json_too(broker: FleetBroker) -> None:
    topic = "tb/v1/de-tham/dt-002/up/birth"
    assert broker.publish("dt-002", topic, "[no json", retain=True).code == 0
    assert "dt-002" not in json.loads(edge_broker(broker, "states").out)
    assert json.loads(edge_broker(broker, "clear", "dt-002").out) == [topic]
    assert json.loads(edge_broker(broker, "clear", "dt-002").out) == []


def test_kick_ends_a_session(broker: FleetBroker, tmp_path: Path) -> None:
    out = tmp_path / "box.out"
    topic = "tb/v1/de-tham/dt-002/down/#"
    with out.open("w") as target:
        box = subprocess.Popen(
            ["stdbuf", "-oL", *broker.client("mosquitto_sub", "dt-002", "-d", "-q", "1", "-t", topic)],
            stdout=target, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_until(lambda: "Subscribed" in out.read_text(), what="the box's session")
        assert edge_broker(broker, "kick", "dt-002").code == 0
        wait_until(lambda: "DISCONNECT (142)" in out.read_text(), what="session taken over")
    finally:
        box.kill()
        box.wait(10)


def test_sessions_of_absent_gateways_outlast_a_restart(tmp_path: Path) -> None:
    """A change of the role restarts the broker. After a reload instead, with these absent gateways, mosquitto
    2.0.21 expires connected clients: docs/decisions/0084."""
    gateways = [f"dt-{number:03}" for number in range(1, 12)]
    with FleetBroker(tmp_path, dict.fromkeys(gateways, "de-tham")) as broker:

        def client(gateway: str) -> FleetClient:
            return FleetClient(broker, gateway, f"tb/v1/de-tham/{gateway}/down/#")

        absent = gateways[:5]
        for gateway in absent:
            with client(gateway):
                pass
        for gateway in absent:
            assert broker.publish("central", f"tb/v1/de-tham/{gateway}/down/ack", gateway).code == 0
        broker.restart()
        with ExitStack() as stack:
            clients = [stack.enter_context(client(gateway)) for gateway in gateways]
            for back in clients[: len(absent)]:
                back.wait_for(lambda: bool(back.heard()))  # noqa: B023 - waits at once
            time.sleep(2.0)  # the broker looks for expired sessions once a second
        assert "Expiring client" not in broker.log


def test_a_broker_that_is_not_there_is_told_apart(broker: FleetBroker, tmp_path: Path) -> None:
    kept = json.loads(broker.settings.read_text()) | {"port": 1}
    (tmp_path / "settings").write_text(json.dumps(kept))
    for words in (["states"], ["wait", "--version", "1", "dt-001"], ["kick", "dt-001"]):
        where = ("--settings", tmp_path / "settings", "--connect-s", "1.5")
        done = answer_of(sys.executable, EDGE_BROKER, *where, *words)
        assert done.code == 3, done
        assert "Connection refused" in done.err


def check(kind: str, file: Path) -> Answer:
    return answer_of(ROLE / "files/mosquitto-check", kind, file, PATH=f"{os.environ['PATH']}:/usr/sbin")


def test_the_check_knows_a_good_file_from_a_bad_one(broker: FleetBroker, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    assert check("configuration", broker.configuration).code == 0
    bad.write_text(broker.configuration.read_text().replace("max_qos 1", "max_qoss 1"))
    assert "max_qoss" in check("configuration", bad).err
    bad.write_text(broker.configuration.read_text().replace("broker.key", "nobodys.key"))
    assert check("configuration", bad).code != 0

    acl = tmp_path / "acl"
    acl.write_text(rendered("acl.j2", broker_gateways=GATEWAYS))
    assert check("acl", acl).code == 0
    assert OPERATOR in acl.read_text()
    acl.write_text("user dt-001\ntopic wrte tb/v1/#\n")
    assert check("acl", acl).code != 0


def test_a_broker_that_is_being_restarted_is_waited_for(tmp_path: Path) -> None:
    broker = FleetBroker(tmp_path, GATEWAYS)
    asking, kicking = begun(broker, "states"), begun(broker, "kick", "dt-001")
    with pytest.raises(subprocess.TimeoutExpired):  # a program that does not wait would have ended by now
        asking.wait(1.5)
    with broker:
        answered, _ = asking.communicate(timeout=30)
        _, complained = kicking.communicate(timeout=30)
    assert (asking.returncode, json.loads(answered)) == (0, {})
    assert (kicking.returncode, complained) == (0, "")


def test_a_wait_outlasts_a_restart_of_the_broker(tmp_path: Path) -> None:
    broker = FleetBroker(tmp_path, GATEWAYS)
    with broker:
        waiting = begun(broker, "wait", "--version", "0.2.0", "--timeout-s", "30", "dt-001")
        wait_until(lambda: f"u'{OPERATOR}'" in broker.log, what="the subscription")
    with broker:
        assert beaten(broker, waiting, dt_001="0.2.0") == (0, {"dt-001": "0.2.0"})
