"""Commands stay with the broker until they are acknowledged; replies stay here until the broker has them."""

from __future__ import annotations

import time
from pathlib import Path

from edge_agent.commands.replies import ReplyQueue
from edge_agent.core.model import Severity
from tests.mqtt.conftest import Gateway, MakeGateway
from tests.mqtt.slow_line import SlowLine
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until
from tests.testbed.replies import reply_of
from tests.testbed.strict_broker import StrictBroker

COMMAND = "tb/v1/de-tham/dt-001/down/cmd/status"


def publish_until_it_arrives(centre: Subscriber, box: Gateway, expires_in_s: int | None = None) -> None:
    """What is published before the subscription is lost. Not too often: the broker keeps every copy, and
    sends no more than 16 that are not acknowledged."""
    next_mono = 0.0

    def arrives() -> bool:
        nonlocal next_mono
        if not box.down and time.monotonic() >= next_mono:
            centre.publish(COMMAND, b"1", expires_in_s=expires_in_s)
            next_mono = time.monotonic() + 0.2
        return bool(box.down)

    wait_until(arrives, what="the subscription")


def test_a_command_nobody_took_is_resent(gateway: MakeGateway, broker: Mosquitto, centre: Subscriber) -> None:
    with gateway(broker.port, name="first") as box:
        box.wait_online()
        publish_until_it_arrives(centre, box)
    with gateway(broker.port, name="second") as box:
        wait_until(lambda: bool(box.down), what="the command, again")
        assert {message.payload for message in box.down} == {b"1"}
        centre.publish(COMMAND, b"2")
        wait_until(lambda: box.down[-1].payload == b"2", what="the next one")
        for message in box.down:  # the first may have come several times, and each copy is kept
            message.acknowledge()
    with gateway(broker.port, name="third") as box:
        box.wait_online()
        centre.publish(COMMAND, b"3")
        wait_until(lambda: bool(box.down), what="the last one")
        assert {message.payload for message in box.down} == {b"3"}


def test_a_command_the_birth_causes_arrives_in_a_new_session(tmp_path: Path, gateway: MakeGateway) -> None:
    """The centre sends what waits for a gateway when it sees its birth, faster than a slow line carries more
    packets. A broker that has no session of the gateway keeps nothing for it."""
    with (
        Mosquitto(tmp_path) as broker,
        Subscriber(broker.port, "tb/v1/+/+/up/birth") as centre,
        SlowLine(broker.port, pause_s=1.0) as line,
        gateway(line.port) as box,
    ):
        centre.wait_for(lambda: bool(centre.on("/up/birth")))
        centre.publish(COMMAND, b"1")
        wait_until(lambda: bool(box.down), what="the command")


def test_the_messages_own_expiry_is_handed_on(centre: Subscriber, box: Gateway) -> None:
    box.wait_online()
    publish_until_it_arrives(centre, box, expires_in_s=77)
    assert box.down[0].expires_in_s in (76, 77)


def test_what_the_broker_keeps_is_told_from_what_comes_live(tmp_path: Path, gateway: MakeGateway) -> None:
    with Mosquitto(tmp_path) as broker, Subscriber(broker.port, "tb/v1/+/+/up/state") as centre:
        centre.publish(COMMAND, b"kept", retain=True)
        with gateway(broker.port) as box:
            wait_until(lambda: bool(box.down), what="the retained one")
            centre.publish(COMMAND, b"live", retain=True)
            wait_until(lambda: len(box.down) == 2, what="the live one")
            received = [(message.payload, message.retained) for message in box.down]
    assert received == [(b"kept", True), (b"live", False)]


def test_a_reply_without_puback_is_sent_again_after_a_reconnect_then_forgotten(gateway: MakeGateway) -> None:
    sent_ids: list[str] = []
    replies = ReplyQueue(lambda: None, lambda sent: sent_ids.append(sent.id))
    with (
        StrictBroker(acknowledges=lambda topic: "reply/" not in topic) as broker,
        gateway(broker.port, replies=replies, name="first") as box,
    ):
        replies.put(reply_of("cmd-1"))
        box.outbox.wake()
        broker.wait_for("reply/cmd-1")
    assert sent_ids == []
    with StrictBroker() as broker, gateway(broker.port, replies=replies, name="second") as box:
        broker.wait_for("reply/cmd-1")
        wait_until(lambda: sent_ids == ["cmd-1"], what="its PUBACK")
        assert box.usage.totals()[0].reply > 100
    assert replies.pending(()) is None


def test_an_alarm_waits_for_one_large_reply_at_most(gateway: MakeGateway) -> None:
    """Ten answers of searches would keep a slow link busy for seconds."""
    replies = ReplyQueue(lambda: None, lambda sent: None)
    with (
        StrictBroker(acknowledges=lambda topic: "reply/search" not in topic) as broker,
        gateway(broker.port, replies=replies) as box,
    ):
        for number in range(10):
            replies.put(reply_of(f"search-{number}", result={"rows": "x" * 9_000}))
        replies.put(reply_of("status"))
        box.append(severity=Severity.ALARM)
        box.outbox.wake()
        wait_until(lambda: sent(broker, "reply/search") == 1, what="an answer")
        broker.wait_for("reply/status")
        box.append(severity=Severity.ALARM)
        wait_until(lambda: sent(broker, "event/cam-1") == 2, what="the second alarm")
        assert sent(broker, "reply/search") == 1


def sent(broker: StrictBroker, topic: str) -> int:
    return sum(message.topic.startswith(topic) for message in broker.received)


def test_replies_are_bounded_and_what_says_least_goes_first() -> None:
    replies = ReplyQueue(lambda: None, lambda sent: None, max_waiting=3)
    for name in "abcdef":
        replies.put(reply_of(name, status={"b": "running", "c": "rejected"}.get(name, "succeeded")))
    left = []
    while (waiting := replies.pending(())) is not None:
        left.append(waiting.command_id)
        replies.delivered(waiting.number)
    assert left == ["d", "e", "f"]
