"""How many messages may await their PUBACK, and which messages may use the last places."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from edge_agent.core.model import Severity
from edge_agent.mqtt.publisher.window import Window
from tests.mqtt.conftest import Gateway, MakeGateway
from tests.testbed.mosquitto import wait_until
from tests.testbed.rogue_broker import CONNACK_OK, RogueBroker
from tests.testbed.strict_broker import StrictBroker


def silent_about_events(topic: str) -> bool:
    return not topic.startswith("event/")


def states(broker: StrictBroker) -> list[str]:
    return [json.loads(message.payload)["state"] for message in broker.received if message.topic == "state"]


def yards(broker: StrictBroker) -> int:
    return [message.topic for message in broker.received].count("event/yard")


def test_stopped_still_has_a_place_when_nothing_is_acknowledged(gateway: MakeGateway) -> None:
    with StrictBroker(20, silent_about_events) as broker:
        with gateway(broker.port) as box:
            box.append(50, severity=Severity.ALARM)
            wait_until(lambda: broker.most_waiting >= 19)  # the broker has read them
        wait_until(lambda: states(broker) == ["online", "stopped"])
        assert broker.most_waiting == 20, "one more is a protocol error: the broker would send the will"


@pytest.mark.parametrize("receive_maximum", [1, 2, 3, 5, 20, 65_535])
def test_the_receive_maximum_is_kept_from_sign_on_to_stop(receive_maximum: int, gateway: MakeGateway) -> None:
    with StrictBroker(receive_maximum) as broker:
        with gateway(broker.port) as box:
            box.append(40)
            wait_until(lambda: box.outbox.depth == 0)
        wait_until(lambda: states(broker) == ["online", "stopped"])
        assert broker.most_waiting <= min(20, receive_maximum)
        assert len(broker.received) == 40 + 3


@pytest.mark.parametrize(
    ("receive_maximum", "infos"),
    [
        (20, 15),
        (65_535, 15),
        (10, 5),
        (3, 1),
        (2, 1),  # too few to reserve a place for alarms
    ],
)
def test_waiting_infos_leave_room_for_alarms(receive_maximum: int, infos: int, gateway: MakeGateway) -> None:
    with StrictBroker(receive_maximum, silent_about_events) as broker, gateway(broker.port) as box:
        box.append(50, camera="yard")
        wait_until(lambda: yards(broker) == infos)
        box.append(camera="gate", severity=Severity.ALARM)
        if receive_maximum > 2:
            broker.wait_for("event/gate")
        assert yards(broker) == infos


def silent(box: Gateway, words: str, since_mono: float) -> float:
    """Let time pass until the session is given up; return how many seconds after ``since_mono``."""

    def given_up() -> bool:
        box.later(0.5)
        return box.has_error(words)

    wait_until(given_up, what=words)
    return box.clock.monotonic() - since_mono


def test_a_broker_that_answers_pings_only_is_left_within_half_a_minute(gateway: MakeGateway) -> None:
    with StrictBroker(20, lambda topic: False) as broker, gateway(broker.port) as box:
        began_mono = box.clock.monotonic()
        box.append(50)
        broker.wait_for("event/cam-1")
        assert 19 < silent(box, "does not acknowledge what it gets", began_mono) < 30


def test_a_broker_that_answers_nothing_at_all_is_left_as_soon(gateway: MakeGateway) -> None:
    with RogueBroker(CONNACK_OK) as broker, gateway(broker.port) as box:
        began_mono = box.clock.monotonic()
        box.append(50, severity=Severity.ALARM)
        wait_until(lambda: box.publisher.health().inflight == 19)
        assert 19 < silent(box, "does not acknowledge what it gets", began_mono) < 30


@pytest.mark.parametrize(
    ("arrived", "acknowledged_s", "given_up"),
    [
        pytest.param(lambda second: True, None, 21, id="everything arrives, nothing is acknowledged"),
        pytest.param(lambda second: False, None, 62, id="a link so slow that nothing arrives"),
        pytest.param(lambda second: second > 50, None, 62, id="a link that worked again a moment ago"),
        pytest.param(lambda second: second != 10, None, 32, id="a link that was gone for a second"),
        pytest.param(lambda second: True, 15, 36, id="one of two is acknowledged"),
    ],
)
def test_how_long_a_session_may_go_without_acknowledgement(
    arrived: Callable[[int], bool], acknowledged_s: int | None, given_up: int
) -> None:
    window = Window()
    window.add(1, "state", 500, 0.0)
    window.add(2, "birth", 500, 0.0)
    for second in range(100):
        if second == acknowledged_s:
            window.take(1)
        window.observe(arrived(second), second)
        if window.overdue(second):
            break
    assert second == given_up


def test_own_messages_that_find_no_room_wait_for_it(gateway: MakeGateway) -> None:
    with StrictBroker(1, lambda topic: False) as broker:
        with gateway(broker.port) as box:
            broker.wait_for("state")
            box.append()
        assert [message.topic for message in broker.received] == ["state"]
        assert broker.goodbyes == 0, "'stopped' found no room: the will has to say that we are gone"
