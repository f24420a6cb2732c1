"""Connections that fail, flap, hang or are taken over: what is logged, and when the next attempt follows."""

from __future__ import annotations

import logging
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from edge_agent.config.model.settings import Broker
from edge_agent.core.secrets import Credentials, Secret
from edge_agent.mqtt import connect_errors as causes
from edge_agent.mqtt.connect_errors import ConnectError, ConnectErrorKind
from edge_agent.mqtt.session.broker_session import ReconnectSchedule
from tests.mqtt.conftest import Gateway, MakeGateway, mqtt_settings
from tests.testbed.mosquitto import LIFE_SIGN_S, Mosquitto, free_port, wait_until
from tests.testbed.rogue_broker import CONNACK_OK, RogueBroker, connack, connack_with, disconnect
from tests.testbed.strict_broker import StrictBroker

MAXIMUM_QOS, RETAIN_AVAILABLE = 0x24, 0x25  # properties of a CONNACK
WILL_RETAIN = 0x20  # of the flags of a CONNECT
ODD_PASSWORD = "p@ss:w/o#r%d \"đ'\\ €"


def test_each_connect_has_a_session_of_its_own(broker: Mosquitto, box: Gateway) -> None:
    box.wait_online()
    first = box.publisher.session
    broker.kill()
    wait_until(lambda: not box.publisher.online)
    broker.start()
    box.later(130)
    box.wait_online()
    assert box.publisher.session != first
    assert box.publisher.health().reconnects == 1


def test_two_clients_with_one_id_do_not_flap(gateway: MakeGateway, broker: Mosquitto, box: Gateway) -> None:
    with gateway(broker.port, name="second") as second:
        # Only after the warning: a reset right after the broker's reason can make the reason unreadable.
        wait_until(lambda: box.has_error("same gateway.id?") or second.has_error("same gateway.id?"))
        loser, winner = (box, second) if box.has_error("same gateway.id?") else (second, box)
        winner.wait_online()
        reconnects = winner.publisher.health().reconnects
        loser.later(85)  # the slowest pace is 120 s, jittered by a quarter
        winner.append()
        wait_until(lambda: bool(winner.outbox.deferrals))
        assert not loser.publisher.online
        assert winner.publisher.online
        assert winner.publisher.health().reconnects == reconnects


def test_the_next_broker_is_tried_when_one_is_away(gateway: MakeGateway, broker: Mosquitto) -> None:
    with gateway(mqtt_settings(free_port(), broker.port)) as box:
        box.wait_online()


def test_a_password_with_odd_characters_works_and_is_never_logged(
    tmp_path: Path, gateway: MakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "dt-001", ODD_PASSWORD], check=True)
    with Mosquitto(tmp_path, f"password_file {passwords}", anonymous=False) as broker:
        settings = mqtt_settings(broker.port)
        with caplog.at_level(logging.DEBUG):
            with gateway(settings, credentials=Credentials("dt-001", Secret(ODD_PASSWORD))) as box:
                box.wait_online()
            with gateway(settings, credentials=Credentials("dt-001", Secret("wrong-one")), name="2") as box:
                error = box.wait_for_error("wrong user name or password")
        assert ODD_PASSWORD not in caplog.text
        assert "wrong-one" not in caplog.text + error


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (connack(0x84), "does not speak MQTT 5 (reason 0x84)"),
        (connack(0x86), "does not accept our user name or password (reason 0x86)"),
        (connack(0x88), "the broker is not available (reason 0x88)"),
        (connack(0x97), "a quota at the broker is used up (reason 0x97)"),
        (connack_with(MAXIMUM_QOS, 0), "127.0.0.1 takes messages of QoS 0 only"),
        # a PUBLISH that announces a topic longer than the packet
        (CONNACK_OK + bytes([0x30, 3, 0xFF, 0xFF, 0x61]), "127.0.0.1 sent what is not MQTT 5"),
        # a PUBLISH of 256 MB; no memory is allocated for it
        (
            CONNACK_OK + bytes([0x30, 0xFF, 0xFF, 0xFF, 0x7F]),
            "127.0.0.1 sent a packet of 268435455 bytes, where at most 1048576 are allowed",
        ),
    ],
)
def test_a_useless_broker_is_quoted_and_events_wait(answer: bytes, words: str, gateway: MakeGateway) -> None:
    with RogueBroker(answer) as broker, gateway(broker.port) as box:
        box.append()
        box.wait_for_error(words)
        assert not box.publisher.online
        assert (box.publisher.health().reconnects, box.outbox.depth) == (0, 1)


def test_every_client_of_paho_is_bounded_in_what_it_reads() -> None:
    root = Path(causes.__file__).parents[2]
    makers = [
        path
        for package in ("edge_agent", "edge_central")
        for path in (root / package).rglob("*.py")
        if re.search(r"paho\.Client\(|\(paho\.Client\)", path.read_text())
    ]
    assert [path.name for path in makers] == ["paho_client.py"]


def test_with_a_broker_that_retains_nothing_the_agent_goes_on_and_says_so(gateway: MakeGateway) -> None:
    with StrictBroker(properties=bytes([RETAIN_AVAILABLE, 0])) as broker, gateway(broker.port) as box:
        box.append()
        wait_until(lambda: box.outbox.depth == 0)
        assert [message.topic for message in broker.received] == ["state", "birth", "event/cam-1"]
        assert not any(message.retained for message in broker.received)
        assert box.publisher.health().no_retain


def test_a_broker_that_refuses_the_retained_will_gets_one_that_is_not(gateway: MakeGateway) -> None:
    with RogueBroker(connack(0x9A)) as broker, gateway(broker.port) as box:
        box.wait_for_error("does not support retained messages")
        box.later(130)
        wait_until(lambda: len(broker.connects) >= 2)
        flags = [packet.partition(b"MQTT\x05")[2][0] for packet in broker.connects[:2]]
        assert [bool(each & WILL_RETAIN) for each in flags] == [True, False]


# The second death hits the report of the first one.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("deaths", [1, 2])
def test_a_network_thread_that_dies_is_noticed_and_replaced(deaths: int, box: Gateway) -> None:
    box.wait_online()
    dying = [thread for thread in threading.enumerate() if thread.name.startswith("paho")]
    box.outbox.deadly_wakes = deaths  # paho's thread calls it for the next PUBACK
    box.append()
    wait_until(lambda: box.outbox.deadly_wakes == 0)
    box.later(0)  # it checks every 10 s by itself
    box.wait_for_error("the network thread died of RuntimeError")
    box.later(130)
    box.wait_online()
    assert box.publisher.health().reconnects == 1
    for thread in dying:
        thread.join(LIFE_SIGN_S)  # its traceback is printed here, not in the next test


def test_events_blamed_for_a_lost_connection_step_back(gateway: MakeGateway) -> None:
    with RogueBroker(CONNACK_OK) as broker, gateway(broker.port) as box:
        box.wait_online()
        (event,) = box.append()
        wait_until(lambda: box.publisher.health().inflight == 3)
        broker.send(disconnect(0x95))
        box.wait_for_error("refuses a message as too large")
        wait_until(lambda: [sequence for sequence, _ in box.outbox.deferrals] == [event.sequence])


def test_a_broker_that_never_finishes_the_sign_on_is_given_up(gateway: MakeGateway) -> None:
    with RogueBroker(b"") as broker, gateway(broker.port) as box:
        wait_until(lambda: broker.connections == 1)
        box.later(46)
        box.wait_for_error("does not finish the sign-on in time")


def test_the_agent_stops_in_time_while_the_broker_hangs(broker: Mosquitto, box: Gateway) -> None:
    box.wait_online()
    broker.freeze()
    began = time.monotonic()
    box.publisher.stop()
    assert box.publisher.loop.join(1.8)
    assert time.monotonic() - began < 1.8
    broker.thaw()


def test_the_agent_stops_at_once_while_it_connects(gateway: MakeGateway) -> None:
    with RogueBroker(b"") as broker, gateway(broker.port) as box:
        wait_until(lambda: broker.connections == 1)
        box.publisher.stop()
        assert box.publisher.loop.join(1.0)


def test_a_closed_port_and_an_unknown_name_are_told_apart(gateway: MakeGateway) -> None:
    with gateway(free_port()) as box:
        box.wait_for_error("refuses the connection: nothing listens on that port")
    with gateway(mqtt_settings(1883, host="no-such-broker.invalid"), name="dns") as box:
        box.wait_for_error("the name no-such-broker.invalid cannot be resolved", timeout_s=30)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("timed out"), ConnectErrorKind.TIMEOUT),
        (OSError(113, "No route to host"), ConnectErrorKind.UNREACHABLE),
        (OSError(101, "Network is unreachable"), ConnectErrorKind.UNREACHABLE),
        (ConnectionResetError(104, "Connection reset by peer"), ConnectErrorKind.LOST),
        (ValueError("a bug"), ConnectErrorKind.PROTOCOL),
    ],
)
def test_what_sockets_say_has_a_cause(error: Exception, kind: ConnectErrorKind) -> None:
    trouble = causes.from_exception(error, Broker("broker.example", 1883, False), clock_trusted=True)
    assert trouble.kind is kind
    assert "a bug" in trouble.text or "broker.example" in trouble.text


LOST = ConnectError(ConnectErrorKind.LOST, "lost")
TAKEN = ConnectError(ConnectErrorKind.ID_IN_USE, "taken")
TWO_BROKERS = mqtt_settings(1, 2).brokers


def slowest(low: float, high: float) -> float:
    return high


def test_delays_double_to_two_minutes_and_are_forgotten_after_a_good_minute() -> None:
    plan = ReconnectSchedule(TWO_BROKERS[:1], spread_s=30, uniform=slowest)
    assert plan.first_delay_s() == 30
    assert [plan.after_failure_s(LOST) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 64, 120, 120]
    assert plan.after_loss_s(LOST, lasted_s=59) == 120, "a short session resets nothing"
    assert plan.after_loss_s(LOST, lasted_s=61) == 30, "only the spread"
    assert plan.after_failure_s(LOST) == 1


def test_brokers_are_tried_in_turn_and_the_first_one_again_after_a_good_session() -> None:
    plan = ReconnectSchedule(TWO_BROKERS, spread_s=0, uniform=slowest)
    ports, delays = [], []
    for _ in range(4):
        ports.append(plan.broker.port)
        delays.append(plan.after_failure_s(LOST))
    assert ports == [1, 2, 1, 2]
    assert delays == [1, 1, 1, 2], "short within a round, backing off between rounds"
    plan.after_failure_s(LOST)
    assert plan.broker.port == 2
    plan.after_loss_s(LOST, lasted_s=3600)
    assert plan.broker.port == 1


def test_a_taken_over_session_waits_longest_even_after_a_good_hour() -> None:
    plan = ReconnectSchedule(TWO_BROKERS, spread_s=0, uniform=slowest)
    assert plan.after_loss_s(TAKEN, lasted_s=3600) == 150
