"""A resolver that does not answer: ``getaddrinfo`` has no time limit of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from edge_agent.config.model.settings import Broker
from tests.mqtt.conftest import MakeGateway, mqtt_settings
from tests.testbed.mosquitto import Mosquitto, free_port, wait_until

NAME = "broker.example"


class Resolver:
    """Resolves ``NAME`` to this machine. Question number ``hangs_at`` waits for ``answer``."""

    def __init__(self) -> None:
        self._real = socket.getaddrinfo
        self._answer = threading.Event()
        self.questions = 0
        self.hangs_at = 1

    def getaddrinfo(self, host: str, *arguments: object, **named: object) -> object:
        if host == NAME:
            self.questions += 1
            if self.questions == self.hangs_at:
                assert self._answer.wait(30)
            host = "127.0.0.1"
        return self._real(host, *arguments, **named)  # type: ignore[arg-type]

    def answer(self) -> None:
        """Answer that question, and wait until the attempt that asked it has ended."""
        self._answer.set()
        for thread in threading.enumerate():
            if thread.name == "mqtt-connect":
                thread.join(10)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    slow = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", slow.getaddrinfo)
    yield slow
    slow.answer()


def test_a_hanging_resolver_does_not_hold_up_the_stop(resolver: Resolver, gateway: MakeGateway) -> None:
    with gateway(mqtt_settings(free_port(), host=NAME)) as box:
        wait_until(lambda: resolver.questions == 1)
        box.publisher.stop()
        assert box.publisher.loop.join(1.0)


def test_a_hanging_resolver_is_left(resolver: Resolver, gateway: MakeGateway, broker: Mosquitto) -> None:
    settings = mqtt_settings(broker.port)
    named = replace(settings, brokers=(Broker(NAME, broker.port, False), *settings.brokers))
    with gateway(named) as box:
        wait_until(lambda: resolver.questions == 1)
        box.later(16)
        box.wait_for_error(f"the name {NAME} is not resolved within 15 s")
        box.later(1)
        box.wait_online()
        assert resolver.questions == 1


@pytest.mark.parametrize("hangs_at", [1, 2])  # 2: paho's own question, just before it connects
def test_an_attempt_that_is_late_does_not_take_the_session_over(
    hangs_at: int, resolver: Resolver, gateway: MakeGateway, broker: Mosquitto
) -> None:
    resolver.hangs_at = hangs_at
    with gateway(mqtt_settings(broker.port, host=NAME)) as box:
        wait_until(lambda: resolver.questions == hangs_at)
        box.later(46)
        box.wait_for_error("events are kept")
        box.later(2)
        box.wait_online()
        resolver.answer()
        box.append()
        wait_until(lambda: bool(box.outbox.deferrals))  # the broker has it, without any subscriber
        assert box.publisher.online
        assert "New client connected" in broker.log
        assert broker.log.count("as dt-001 ") == 1
