"""The operator's tool on the broker's machine, and the check before a configuration is put in force."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.fleet.broker_side import EDGE_BROKER, OPERATOR, ROLE, Answer, FleetBroker, rendered
from tests.testbed.mosquitto import wait_until

GATEWAYS = {"dt-001": "de-tham", "dt-002": "de-tham", "bx-001": "bo-xuyen"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetBroker]:
    with FleetBroker(tmp_path_factory.mktemp("fleet"), GATEWAYS) as started:
        yield started


def command(broker: FleetBroker, *arguments: str) -> list[str]:
    return [sys.executable, str(EDGE_BROKER), "--settings", str(broker.settings), *arguments]


def edge_broker(broker: FleetBroker, *arguments: str) -> Answer:
    done = subprocess.run(
        command(broker, *arguments), capture_output=True, text=True, timeout=60, check=False
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def say(broker: FleetBroker, gateway: str, end: str, body: dict[str, str], *, retain: bool = True) -> None:
    topic = f"tb/v1/{GATEWAYS[gateway]}/{gateway}/up/{end}"
    answer = broker.publish(gateway, topic, json.dumps(body), retain=retain)
    assert answer.code == 0, answer.err


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
    words = [sys.executable, str(former), "--settings", str(broker.settings), "clear", "dt-009"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n")
    assert "edge-fleet is now called edge-broker" in done.stderr


def test_wait_ends_when_everybody_beats_with_the_version(broker: FleetBroker) -> None:
    waiting = subprocess.Popen(
        command(broker, "wait", "--version", "0.2.0", "--timeout-s", "20", "dt-001", "dt-002"),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    say(broker, "bx-001", "heartbeat", {"version": "0.2.0"}, retain=False)

    def beat() -> bool:
        for gateway in ("dt-001", "dt-002"):
            say(broker, gateway, "heartbeat", {"version": "0.2.0"}, retain=False)
        return waiting.poll() is not None

    wait_until(beat, what="the end of the wait")
    assert json.loads(waiting.communicate()[0]) == {"dt-001": "0.2.0", "dt-002": "0.2.0"}
    assert waiting.returncode == 0


def test_wait_says_who_beats_with_what_when_time_is_up(broker: FleetBroker) -> None:
    waiting = subprocess.Popen(
        command(broker, "wait", "--version", "0.2.0", "--timeout-s", "3", "dt-001", "dt-002"),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    def beat() -> bool:
        say(broker, "dt-001", "heartbeat", {"version": "0.1.0"}, retain=False)
        return waiting.poll() is not None

    wait_until(beat, what="the end of the wait")
    assert json.loads(waiting.communicate()[0]) == {"dt-001": "0.1.0", "dt-002": None}
    assert waiting.returncode == 1


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


SESSION = ("-c", "-x", "86400", "-q", "1")


def test_sessions_of_absent_gateways_outlast_a_restart(tmp_path: Path) -> None:
    """A change of the role restarts the broker. After a reload instead, with these absent gateways, mosquitto
    2.0.21 expires connected clients: docs/decisions/0084."""
    absent, others = (
        [f"dt-{number:03}" for number in range(1, 6)],
        [f"dt-{number:03}" for number in range(6, 12)],
    )
    out = {gateway: tmp_path / gateway for gateway in (*absent, *others)}

    @contextmanager
    def connected(broker: FleetBroker, gateways: list[str]) -> Iterator[None]:
        with ExitStack() as stack:
            for gateway in gateways:
                topic = f"tb/v1/de-tham/{gateway}/down/#"
                words = broker.client("mosquitto_sub", gateway, "-d", "-i", gateway, *SESSION, "-t", topic)
                printed = stack.enter_context(out[gateway].open("w"))
                process = stack.enter_context(subprocess.Popen(["stdbuf", "-oL", *words], stdout=printed))
                stack.callback(process.terminate)
            subscribed = lambda: all("Subscribed" in out[each].read_text() for each in gateways)  # noqa: E731
            wait_until(subscribed, what="all subscriptions")
            yield

    with FleetBroker(tmp_path, dict.fromkeys(out, "de-tham")) as broker:
        with connected(broker, absent):
            pass
        for gateway in absent:
            assert broker.publish("central", f"tb/v1/de-tham/{gateway}/down/ack", gateway).code == 0
        broker.restart()
        with connected(broker, [*absent, *others]):
            wait_until(
                lambda: all(f"\n{each}\n" in out[each].read_text() for each in absent), what="what waited"
            )
            time.sleep(2.0)  # the broker looks for expired sessions once a second
        assert "Expiring client" not in broker.log


def test_a_broker_that_is_not_there_is_told_apart(broker: FleetBroker, tmp_path: Path) -> None:
    kept = json.loads(broker.settings.read_text()) | {"port": 1}
    (tmp_path / "settings").write_text(json.dumps(kept))
    for words in (["states"], ["wait", "--version", "1", "dt-001"], ["kick", "dt-001"]):
        where = ["--settings", str(tmp_path / "settings"), "--connect-s", "1.5"]
        done = subprocess.run(
            [sys.executable, str(EDGE_BROKER), *where, *words],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == 3, done
        assert "Connection refused" in done.stderr


def check(kind: str, file: Path) -> Answer:
    done = subprocess.run(
        [str(ROLE / "files/mosquitto-check"), kind, str(file)],
        capture_output=True, text=True, timeout=30, check=False,
        env={"PATH": f"{os.environ['PATH']}:/usr/sbin"},
    )  # fmt: skip
    return Answer(done.returncode, done.stdout, done.stderr)


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
    asking = subprocess.Popen(command(broker, "states"), text=True, stdout=subprocess.PIPE)
    kicking = subprocess.Popen(command(broker, "kick", "dt-001"), text=True, stderr=subprocess.PIPE)
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
        waiting = subprocess.Popen(
            command(broker, "wait", "--version", "0.2.0", "--timeout-s", "30", "dt-001"),
            text=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        wait_until(lambda: f"u'{OPERATOR}'" in broker.log, what="the subscription")
    with broker:

        def beat() -> bool:
            say(broker, "dt-001", "heartbeat", {"version": "0.2.0"}, retain=False)
            return waiting.poll() is not None

        wait_until(beat, what="the end of the wait")
        answered, _ = waiting.communicate()
    assert (waiting.returncode, json.loads(answered)) == (0, {"dt-001": "0.2.0"})
