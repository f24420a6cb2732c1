"""Messages that the broker refuses, or that have no subscriber: what is logged, and when they are tried
again."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.mqtt.conftest import Gateway, MakeGateway
from tests.outbox.parts import picture
from tests.testbed.mosquitto import Mosquitto, wait_until
from tests.testbed.strict_broker import StrictBroker

NO_SUBSCRIBER = 0x10
QUOTA = 0x97


def rests(box: Gateway, name: str) -> list[float]:
    """The delay after each refusal of the picture, to ten seconds: a busy machine may lose one of them."""
    return [round(rest_s, -1) for picture, rest_s in box.outbox.media_deferrals if picture == name]


@pytest.mark.parametrize("unheard", ["event/yard", "media/m-1"])
def test_what_nobody_subscribes_to_is_said_once_while_other_things_are_heard(
    unheard: str, gateway: MakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    silent = {unheard}
    with (
        caplog.at_level(logging.INFO),
        StrictBroker(reason=lambda topic: NO_SUBSCRIBER if topic in silent else 0) as broker,
        gateway(broker.port) as box,
    ):
        box.append(camera="yard")
        box.outbox.add_media(picture("m-1"))
        for _ in range(4):
            wait_until(lambda: box.outbox.depth == 1)
            box.settle()
            assert box.publisher.health().no_subscriber
            tried = [message.topic for message in broker.received].count(unheard)
            box.append(camera="gate")
            wait_until(lambda: box.outbox.depth == 1)
            box.settle()
            assert box.publisher.health().no_subscriber, "the other one is still not heard"
            box.later(901)
            box.settle()
            assert [message.topic for message in broker.received].count(unheard) == tried + 1
        silent.clear()
        box.later(901)
        wait_until(lambda: not box.publisher.health().no_subscriber)
        assert caplog.text.count("no client subscribes") == 1
        assert caplog.text.count("a client subscribes") == 1


def test_the_attempts_of_pictures_are_counted_but_not_for_ever(gateway: MakeGateway) -> None:
    with (
        StrictBroker(reason=lambda topic: QUOTA if topic.startswith("media/") else 0) as broker,
        gateway(broker.port) as box,
    ):
        box.wait_online()
        box.outbox.add_media(picture("first"))
        box.settle()
        for _ in range(2):
            box.later(901)
            box.settle()
        assert rests(box, "first") == [60, 120, 240]
        box.outbox.media_delivered("first")
        for number in range(64):  # after many refusals, one is tried every quarter of an hour
            box.outbox.add_media(picture(f"m-{number}"))
            box.settle()
            box.later(901)
            box.settle()
            assert rests(box, f"m-{number}") == [60]
            box.outbox.media_delivered(f"m-{number}")
        box.outbox.add_media(picture("first"))
        box.settle()
        box.later(901)
        box.settle()
        assert rests(box, "first")[3:] == [60], "forgotten"


def test_a_birth_that_is_too_large_does_not_end_the_session(tmp_path: Path, gateway: MakeGateway) -> None:
    with (
        Mosquitto(tmp_path, "max_packet_size 1000") as broker,
        gateway(broker.port, birth=lambda session: b" " * 1000) as box,
    ):
        wait_until(lambda: box.publisher.health().refused == 1)
        box.append()
        wait_until(lambda: bool(box.outbox.deferrals))  # the broker has it, without any subscriber
        assert box.publisher.health().reconnects == 0
