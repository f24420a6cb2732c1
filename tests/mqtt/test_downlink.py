"""Messages from the centre: of a flood of confirmations, each turn processes one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.mqtt.publisher.delivery_confirmation import DeliveryConfirmation, ResendLimits
from edge_agent.mqtt.publisher.downlink import MAX_ACKS, Downlink
from edge_agent.mqtt.publisher.part_queue import PartQueue
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_agent.wire.topics import DownMessage, GatewayTopics
from tests.outbox.parts import HandClock, outbox_in

TOPICS = GatewayTopics("tb/v1", "de-tham", "dt-001")
ACK = "tb/v1/de-tham/dt-001/down/ack"


class Site:
    """A downlink with a real confirmation behind it."""

    def __init__(self, centre: DeliveryConfirmation) -> None:
        self.centre = centre
        self.wakes = 0
        self.down: list[DownMessage] = []
        self.link = Downlink(TOPICS, self.down.append, centre, self._wake)

    def _wake(self) -> None:
        self.wakes += 1


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with outbox_in(tmp_path) as outbox:
        parts = PartQueue(outbox, HandClock(), confirmed=True)
        yield Site(DeliveryConfirmation(outbox, parts, HandClock(), ResendLimits(), lambda ack: None))


def test_confirmations_are_looked_at_one_a_turn_and_the_oldest_of_a_flood_go(site: Site) -> None:
    for number in range(100):
        ack = json.dumps({"epoch": f"another-{number}", "upto": 1}).encode()
        site.link.receive("session-1", MessageReceived(ACK, ack))
    site.link.process_next_ack()
    assert (site.centre.ignored_acks, site.wakes) == (1, 1)
    for _ in range(100):
        site.link.process_next_ack()
    assert (site.centre.ignored_acks, site.wakes) == (MAX_ACKS, MAX_ACKS - 1)
    assert site.down == []


def test_a_command_says_that_the_broker_keeps_it(site: Site) -> None:
    topic = "tb/v1/de-tham/dt-001/down/cmd/status"
    for retained in (False, True):
        site.link.receive("session-1", MessageReceived(topic, b"{}", packet_id=1, retained=retained))
    assert [message.retained for message in site.down] == [False, True]


def test_what_is_for_another_gateway_goes_nowhere_and_comes_no_more(site: Site) -> None:
    others = MessageReceived("tb/v1/de-tham/dt-002/down/cmd/status", b"{}", packet_id=1)
    site.link.receive("session-1", others)
    assert (site.down, site.wakes) == ([], 1)
