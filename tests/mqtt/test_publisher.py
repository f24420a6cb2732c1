"""The publisher at a real mosquitto: what is delivered, in which order, and what survives which failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.core.model import Severity
from tests.mqtt.conftest import TOPICS, Gateway, MakeGateway
from tests.outbox.parts import picture
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until


@contextmanager
def site(gateway: MakeGateway, broker: Mosquitto) -> Iterator[tuple[Mosquitto, Subscriber, Gateway]]:
    with broker, Subscriber(broker.port) as centre, gateway(broker.port) as box:
        yield broker, centre, box


def sequences(centre: Subscriber) -> list[int]:
    return [int(json.loads(message.payload)["sequence"]) for message in centre.events()]


def states(centre: Subscriber) -> list[str]:
    return [json.loads(message.payload)["state"] for message in centre.on("/up/state")]


def test_an_event_reaches_the_subscriber_as_the_bytes_of_the_outbox(centre: Subscriber, box: Gateway) -> None:
    (event,) = box.append(payload=b'{"specversion":"1.0", "odd" : "\xc4\x90"}')
    centre.wait_for(lambda: bool(centre.events()))
    (received,) = centre.events()
    assert received.payload == event.payload
    assert received.topic == "tb/v1/de-tham/dt-001/up/event/cam-1"
    assert received.content_type == "application/cloudevents+json; charset=utf-8"
    assert received.qos == 1
    assert not received.retained
    wait_until(lambda: box.outbox.depth == 0)


def test_birth_and_state_are_retained_and_carry_the_same_session(broker: Mosquitto, box: Gateway) -> None:
    box.wait_online()
    box.append(camera="gateway")
    box.settle()  # birth and state are at the broker
    with Subscriber(broker.port) as late:
        late.wait_for(lambda: bool(late.on("/up/birth") and late.on("/up/state")))
        birth, state = late.on("/up/birth")[0], late.on("/up/state")[0]
        assert birth.retained
        assert state.retained
        assert json.loads(state.payload)["state"] == "online"
        assert json.loads(birth.payload)["session"] == json.loads(state.payload)["session"]


def test_a_clean_stop_says_stopped_only(broker: Mosquitto, gateway: MakeGateway, centre: Subscriber) -> None:
    with gateway(broker.port):
        centre.wait_for(lambda: states(centre) == ["online"])
    centre.wait_for(lambda: "stopped" in states(centre))
    centre.publish("probe", b"everything before this has arrived")
    centre.wait_for(lambda: bool(centre.on("probe")))
    assert states(centre) == ["online", "stopped"]


def test_a_failed_agent_stops_as_failed(broker: Mosquitto, gateway: MakeGateway, centre: Subscriber) -> None:
    with gateway(broker.port) as site:
        centre.wait_for(lambda: states(centre) == ["online"])
        site.append()
        site.publisher.stop(failed="capture-gate1 died of OSError too often rtsp://u:pw@cam/")
        assert site.publisher.loop.join(5)
    centre.wait_for(lambda: "offline" in states(centre))
    centre.publish("probe", b"everything before this has arrived")
    centre.wait_for(lambda: bool(centre.on("probe")))
    online, offline = (json.loads(message.payload) for message in centre.on("/up/state"))
    assert offline["state"] == "offline"
    assert offline["reason"] == "agent failed: capture-gate1 died of OSError too often rtsp://***@cam/"
    assert offline["session"] == online["session"]
    assert len(centre.events()) == 1


def test_the_will_speaks_when_the_publisher_itself_dies(centre: Subscriber, box: Gateway) -> None:
    centre.wait_for(lambda: states(centre) == ["online"])
    box.outbox.deadly_news = 1
    box.later(0)
    wait_until(lambda: not box.publisher.loop.running)
    assert isinstance(box.publisher.loop.failure, RuntimeError)
    centre.wait_for(lambda: states(centre) == ["online", "offline"])
    sessions = {json.loads(message.payload)["session"] for message in centre.on("/up/state")}
    assert sessions == {box.publisher.session}
    box.publisher.loop.start()  # as the supervisor does
    centre.wait_for(lambda: states(centre) == ["online", "offline", "online"])


def test_what_came_before_a_stop_is_sent(broker: Mosquitto, gateway: MakeGateway, centre: Subscriber) -> None:
    with gateway(broker.port) as site:
        centre.wait_for(lambda: states(centre) == ["online"])
        site.settle()
        site.publisher.loop.stop()  # the stop is asked for; the thread still waits for news
        site.append()
    centre.wait_for(lambda: "stopped" in states(centre))
    assert len(centre.events()) == 1
    assert site.outbox.depth == 0


def test_an_alarm_overtakes_a_backlog_in_order(broker: Mosquitto, centre: Subscriber, box: Gateway) -> None:
    box.wait_online()
    broker.freeze()  # nothing is acknowledged: the window fills and the rest waits
    box.append(100)
    wait_until(lambda: box.publisher.health().inflight == 15)
    (alarm,) = box.append(severity=Severity.ALARM)
    broker.thaw()
    centre.wait_for(lambda: len(centre.events()) == 101)
    order = sequences(centre)
    assert order.index(alarm.sequence) <= 15
    order.remove(alarm.sequence)
    assert order == sorted(order)


def test_all_arrives_once_after_dedupe_when_the_broker_was_away(tmp_path: Path, gateway: MakeGateway) -> None:
    with site(gateway, Mosquitto(tmp_path, persistent=True)) as (broker, centre, box):
        box.append(50)
        centre.wait_for(lambda: len(centre.events()) == 50)
        broker.freeze()
        box.append(30)
        wait_until(lambda: box.publisher.health().inflight == 15)
        broker.kill()
        box.wait_for_error("events are kept")
        box.append(50)
        broker.start()
        centre.wait_for(lambda: centre.subscriptions == 2)  # the killed broker forgot its session
        box.later(130)  # more than the longest delay between attempts
        box.wait_online()
        wait_until(lambda: box.publisher.health().inflight == 0)  # else the session looks overdue
        box.later(130)  # events sent before the subscriber came back are due again
        centre.wait_for(lambda: set(sequences(centre)) == set(range(1, 131)), timeout_s=20)
        wait_until(lambda: box.outbox.depth == 0)


def test_pictures_go_last_with_their_properties(broker: Mosquitto, centre: Subscriber, box: Gateway) -> None:
    media = picture("m-1", 40_000)
    box.wait_online()
    broker.freeze()  # until all are stored
    box.outbox.add_media(media)
    box.append(60)
    broker.thaw()
    centre.wait_for(lambda: bool(centre.on("/up/media/m-1")))
    (received,) = centre.on("/up/media/m-1")
    assert received.payload == media.payload
    assert received.content_type == "image/jpeg"
    assert received.properties == {"event_id": media.event_id, "camera": "cam-1", "sha256": media.sha256}
    wait_until(lambda: box.outbox.depth == 0)
    topics = [m.topic for m in centre.messages if "/event/" in m.topic or "/media/" in m.topic]
    assert topics[-1].endswith("/media/m-1")


def test_without_a_subscriber_events_are_kept_until_one_appears(broker: Mosquitto, box: Gateway) -> None:
    box.append(3)
    wait_until(lambda: len(box.outbox.deferrals) == 3)
    assert box.outbox.depth == 3
    assert box.publisher.health().no_subscriber
    assert all(59 < delay_s <= 60 for _, delay_s in box.outbox.deferrals)
    with Subscriber(broker.port, "tb/v1/de-tham/+/up/event/#") as centre:
        box.later(61)
        centre.wait_for(lambda: sequences(centre) == [1, 2, 3])
        wait_until(lambda: box.outbox.depth == 0)
        assert not box.publisher.health().no_subscriber


def test_without_a_subscriber_a_backlog_does_not_go_round_and_round(broker: Mosquitto, box: Gateway) -> None:
    box.append(200)
    wait_until(lambda: len(box.outbox.deferrals) >= 20 and box.publisher.health().inflight == 0)
    tried = len(box.outbox.deferrals)
    assert tried < 60
    box.later(30)
    box.append()
    with Subscriber(broker.port) as centre:
        box.later(31)  # one event is tried, succeeds, and the rest follows
        centre.wait_for(lambda: len(set(sequences(centre))) >= 201 - tried)


def test_events_the_acl_refuses_are_kept_until_it_allows_them(tmp_path: Path, gateway: MakeGateway) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read #\npattern write tb/v1/+/%c/up/state\npattern write tb/v1/+/%c/up/birth\n")
    with site(gateway, Mosquitto(tmp_path, f"acl_file {acl}")) as (broker, centre, box):
        box.append(2)
        wait_until(lambda: box.publisher.health().refused == 2)
        assert box.outbox.depth == 2
        box.later(61)
        wait_until(lambda: box.publisher.health().refused == 4)
        assert 119 < box.outbox.deferrals[-1][1] <= 120, "the delay doubles"
        acl.write_text("topic readwrite #\n")
        broker.reload()
        box.later(121)
        centre.wait_for(lambda: set(sequences(centre)) == {1, 2})


def test_a_message_that_is_too_large_does_not_end_the_session(tmp_path: Path, gateway: MakeGateway) -> None:
    with site(gateway, Mosquitto(tmp_path, "max_packet_size 2000")) as (_, centre, box):
        box.append(payload=b"x" * 5000, severity=Severity.ALARM)
        box.append()
        centre.wait_for(lambda: sequences(centre) == [2])
        health = box.publisher.health()
        assert (health.refused, health.reconnects) == (1, 0)
        wait_until(lambda: box.outbox.depth == 1)


def test_heartbeats_go_at_once_or_are_dropped(broker: Mosquitto, centre: Subscriber, box: Gateway) -> None:
    box.wait_online()
    box.publisher.publish_heartbeat(b"first")
    centre.wait_for(lambda: bool(centre.on("/up/heartbeat")))
    broker.kill()
    wait_until(lambda: not box.publisher.online)
    box.publisher.publish_heartbeat(b"lost")
    broker.start()
    centre.wait_for(lambda: centre.subscriptions == 2)
    box.wait_online()
    box.publisher.publish_heartbeat(b"second")
    centre.wait_for(lambda: len(centre.on("/up/heartbeat")) == 2)
    assert [m.payload for m in centre.on("/up/heartbeat")] == [b"first", b"second"]
    assert {m.qos for m in centre.on("/up/heartbeat")} == {0}


def test_topics_are_those_of_the_protocol() -> None:
    assert TOPICS.media("m-1") == "tb/v1/de-tham/dt-001/up/media/m-1"
    assert TOPICS.subscriptions == (
        "tb/v1/de-tham/dt-001/down/cmd/+",
        "tb/v1/de-tham/dt-001/down/config",
        "tb/v1/de-tham/dt-001/down/ack",
    )


@pytest.mark.parametrize("name", ["", "a/b", "cam+", "Ä", "x" * 64])
def test_an_id_that_would_name_another_topic_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not an id"):
        TOPICS.event(name)
