"""``delivery: confirmed`` at a real mosquitto with a real outbox: an event stays until the centre has stored
it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge_agent.config.model.settings import Delivery
from edge_agent.core.delivery import Draft, Loss, Media, Stamp
from edge_agent.core.model import Severity
from edge_agent.mqtt.publisher.delivery_confirmation import ResendLimits
from edge_agent.mqtt.publisher.publisher import Publisher
from tests.mqtt.conftest import TOPICS, ShiftedClock, WatchedOutbox, mqtt_settings
from tests.outbox.parts import picture
from tests.testbed.ingest import Ingest
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until
from tests.testbed.publisher import make_publisher

GATEWAY = "tb/v1/de-tham/dt-001"
SOURCE = "/tb/dt-001"


def encode(stamp: Stamp) -> bytes:
    event = {"source": SOURCE, "id": f"dt-001/{stamp.epoch}/{stamp.sequence}", "type": "tb.object.v1"}
    return json.dumps({**event, "sequence": stamp.sequence, "epoch": stamp.epoch}).encode()


def encode_loss(stamp: Stamp, loss: Loss) -> bytes:
    data = {"epoch": loss.epoch, "ranges": loss.ranges}
    event = {**json.loads(encode(stamp)), "type": "tb.loss.v1", "data": data}
    return json.dumps(event).encode()


def draft(severity: Severity = Severity.INFO, media: Media | None = None) -> Draft:
    return Draft("cam-1", "object", severity, encode, media=media)


@dataclass
class Box:
    """A gateway that waits for the centre's confirmation."""

    outbox: WatchedOutbox
    publisher: Publisher
    clock: ShiftedClock

    def append(self, count: int = 1, severity: Severity = Severity.INFO) -> list[Stamp]:
        return [self.outbox.append(draft(severity)) for _ in range(count)]

    def later(self, seconds: float) -> None:
        """With something in flight the session would look overdue, and the effect of a PUBACK depends on when
        it is processed."""
        self.settle()
        self.clock.shift_s += seconds
        self.outbox.wake()

    def settle(self) -> None:
        self.outbox.settle(self.publisher)

    @property
    def unconfirmed(self) -> int:
        return self.outbox.stats().unconfirmed

    @property
    def depth(self) -> int:
        return self.outbox.depth


def outbox_in(folder: Path, clock: ShiftedClock, max_bytes: int = 50_000_000) -> WatchedOutbox:
    return WatchedOutbox(folder / "state", clock, max_bytes=max_bytes, encode_loss=encode_loss)


@contextmanager
def box_at(
    port: int,
    folder: Path,
    delivery: Delivery = Delivery.CONFIRMED,
    clock: ShiftedClock | None = None,
    **bounds: float,
) -> Iterator[Box]:
    """``bounds``: of ``ResendLimits``."""
    clock = clock or ShiftedClock()
    outbox = outbox_in(folder, clock)
    limits = ResendLimits(**bounds)  # type: ignore[arg-type]
    settings = replace(mqtt_settings(port), delivery=delivery)
    publisher = make_publisher(settings, TOPICS, outbox, clock, folder, resend_limits=limits)
    with outbox:
        publisher.loop.start()
        wait_until(lambda: publisher.online, what="session")
        yield Box(outbox, publisher, clock)
        publisher.stop()
        assert publisher.loop.join(5)


MakeBox = Callable[..., AbstractContextManager[Box]]
"""``box_at`` at the broker of the test, in its folder."""


@pytest.fixture
def make_box(broker: Mosquitto, tmp_path: Path) -> MakeBox:
    return functools.partial(box_at, broker.port, tmp_path)


@pytest.fixture
def box(make_box: MakeBox) -> Iterator[Box]:
    with make_box() as box:
        yield box


def sequences(centre: Subscriber) -> list[int]:
    return [int(json.loads(event.payload)["sequence"]) for event in centre.events()]


def confirm(centre: Subscriber, stamp: Stamp, upto: int, **more: object) -> None:
    centre.publish(f"{GATEWAY}/down/ack", json.dumps({"epoch": stamp.epoch, "upto": upto, **more}).encode())


def test_an_event_leaves_the_box_when_the_ingest_has_committed_it(broker: Mosquitto, tmp_path: Path) -> None:
    with Ingest(broker.port), box_at(broker.port, tmp_path) as box:
        box.append(30)
        box.outbox.append(draft(Severity.ALARM, picture("p1")))
        wait_until(lambda: box.depth == 0)
        assert box.publisher.health().resends == 0
        assert box.publisher.health().confirmed_age_s is not None


def test_a_puback_is_no_promise_and_the_same_bytes_come_again(centre: Subscriber, box: Box) -> None:
    box.append(3)
    wait_until(lambda: box.unconfirmed == 3)
    box.later(30)
    box.append()
    centre.wait_for(lambda: sequences(centre) == [1, 2, 3, 4])
    box.later(31)
    centre.wait_for(lambda: len(centre.events()) == 7)
    again = centre.events()[4:]
    assert [event.payload for event in again] == [event.payload for event in centre.events()[:3]]
    wait_until(lambda: box.publisher.health().resends == 3)  # with the PUBACKs
    assert box.depth == 4


def test_rests_double_from_one_minute_to_a_quarter_of_an_hour(centre: Subscriber, box: Box) -> None:
    box.append()
    for number, rest_s in enumerate([60, 120, 240, 480, 900, 900], start=1):
        wait_until(lambda n=number: sequences(centre).count(1) == n)  # type: ignore[misc]
        box.later(rest_s * 0.6)
        (new,) = box.append()  # due events are sent before it
        wait_until(lambda s=new.sequence: s in sequences(centre))  # type: ignore[misc]
        assert sequences(centre).count(1) == number
        box.later(rest_s * 0.4)


def test_a_centre_that_comes_late_is_given_at_once_what_rests(centre: Subscriber, make_box: MakeBox) -> None:
    """Too few events for the centre to count as dead; the last copy was sent just before the centre
    subscribed."""
    with make_box() as box:
        box.append()
        for number, rest_s in enumerate([60, 120, 240], start=1):
            wait_until(lambda n=number: sequences(centre).count(1) == n)  # type: ignore[misc]
            box.later(rest_s)
        centre.wait_for(lambda: sequences(centre).count(1) == 4)  # and is deferred for 480 s
        (new,) = box.append()
        centre.wait_for(lambda: new.sequence in sequences(centre))
        confirm(centre, new, 0, also=[new.sequence])
        wait_until(lambda: box.depth == 1)
        box.later(61)
        centre.wait_for(lambda: sequences(centre).count(1) == 5)


def test_a_dead_ingest_holds_up_no_live_event(broker: Mosquitto, centre: Subscriber, tmp_path: Path) -> None:
    with box_at(broker.port, tmp_path, unanswered=10, per_s=1000) as box:
        box.append(200)
        centre.wait_for(lambda: len(centre.events()) == 200)
        for _ in range(30):  # half an hour
            box.later(60)
            box.append()
            wait_until(lambda: not unsent(box))
        centre.wait_for(lambda: len(set(sequences(centre))) >= 230)
        assert set(sequences(centre)) == set(range(1, 231)), "a live event was held up"
        # Ten, a window that was already in flight, and one a minute.
        assert box.publisher.health().resends <= 10 + 20 + 31
        count = len(centre.events())
        with Ingest(broker.port):
            box.append()
            wait_until(lambda: box.depth == 230)
            assert box.publisher.health().confirmed_age_s is not None
            box.later(61)  # the centre is back: all the rest is sent again
            wait_until(lambda: box.depth == 0)
            again = sequences(centre)[count + 1 :]
            assert again == sorted(again), "not oldest first"
            assert len(again) == 230


def unsent(box: Box) -> int:
    stats = box.outbox.stats()
    return stats.depth - stats.unconfirmed


def test_a_backlog_drains_behind_what_is_new(broker: Mosquitto, centre: Subscriber, tmp_path: Path) -> None:
    clock = ShiftedClock()
    with outbox_in(tmp_path, clock) as outbox:
        for _ in range(100):
            outbox.append(draft())
    with box_at(broker.port, tmp_path, clock=clock, per_s=0.5, burst=20) as box:
        centre.wait_for(lambda: len(centre.events()) == 20)
        box.append(5)
        centre.wait_for(lambda: len(centre.events()) == 25)
        assert sequences(centre) == [*range(1, 21), *range(101, 106)]
        box.later(20)
        centre.wait_for(lambda: len(centre.events()) >= 35)
        assert sequences(centre)[25:35] == list(range(21, 31))


def test_after_a_restart_what_was_not_confirmed_comes_again(centre: Subscriber, make_box: MakeBox) -> None:
    with make_box() as box:
        stamps = box.append(6)
        centre.wait_for(lambda: len(centre.events()) == 6)
        confirm(centre, stamps[0], 2, also=[5])
        wait_until(lambda: box.depth == 3)
    with make_box():
        centre.wait_for(lambda: len(centre.events()) == 9)
    assert sequences(centre)[6:] == [3, 4, 6]
    payloads = {event.payload for event in centre.events()}
    assert len(payloads) == 6


BAD_ACKS = [
    b"",
    b"no json",
    b"[]",
    b"null",
    b'"upto"',
    b'{"upto": 3}',
    b'{"epoch": "EPOCH"}',
    b'{"epoch": "EPOCH", "upto": -1}',
    b'{"epoch": "EPOCH", "upto": "3"}',
    b'{"epoch": "EPOCH", "upto": 3.5}',
    b'{"epoch": "EPOCH", "upto": true}',
    b'{"epoch": "EPOCH", "upto": null}',
    b'{"epoch": "EPOCH", "upto": 4}',  # never assigned
    b'{"epoch": "EPOCH", "upto": 1, "also": [99]}',
    b'{"epoch": "EPOCH", "upto": 9999999999999999}',
    b'{"epoch": "EPOCH", "upto": 1' + b"0" * 5000 + b"}",
    b'{"epoch": "EPOCH", "upto": 0, "also": "3"}',
    b'{"epoch": "EPOCH", "upto": 0, "also": [-1]}',
    b'{"epoch": "EPOCH", "upto": 0, "media": [7]}',
    b'{"epoch": "other", "upto": 3}',
    b'{"epoch": "../../x", "upto": 3}',
    b"\xff\xfe\x00",
    b"[" * 200_000,
    b'{"x": ' + b"[" * 100_000,
    b'{"epoch": "EPOCH", "upto": 3, "also": [' + b"1," * 200_000 + b"1]}",
]


def ignored(box: Box) -> int:
    return box.publisher.health().ignored_acks


def test_what_is_no_confirmation_deletes_nothing_and_is_counted(
    broker: Mosquitto, centre: Subscriber, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with box_at(broker.port, tmp_path) as box:
        (first, *_) = box.append(3)
        centre.wait_for(lambda: len(centre.events()) == 3)
        for number, payload in enumerate(BAD_ACKS, start=1):
            centre.publish(f"{GATEWAY}/down/ack", payload.replace(b"EPOCH", first.epoch.encode()))
            wait_until(lambda n=number: ignored(box) == n, what=repr(payload[:60]))  # type: ignore[misc]
            assert box.depth == 3, payload[:60]
        endless = b'{"epoch": "%s", "upto": 3' % first.epoch.encode() + b" " * 10_000_000
        centre.publish(f"{GATEWAY}/down/ack", endless)
        confirm(centre, first, 3)
        wait_until(lambda: box.depth == 0)
        assert box.publisher.loop.running
    assert "a down/ack is ignored, nothing is deleted" in caplog.text


def test_pictures_are_kept_until_the_ingest_names_them(centre: Subscriber, tmp_path: Path, box: Box) -> None:
    def on_disk() -> int:
        return len(list((tmp_path / "state" / "media").iterdir()))

    stamp = box.outbox.append(draft(media=picture("p1")))
    box.outbox.append(draft(media=picture("p2")))
    centre.wait_for(lambda: len(centre.events()) == 2)
    confirm(centre, stamp, 2, media=["p2"])  # not sent yet: ignored
    centre.wait_for(lambda: len(centre.on("/up/media/p1") + centre.on("/up/media/p2")) == 2)
    wait_until(lambda: box.publisher.health().inflight == 0)
    assert box.outbox.stats().media_depth == 2
    confirm(centre, stamp, 0, media=["p2", "unknown"])
    wait_until(lambda: box.outbox.stats().media_depth == 1)
    box.later(61)
    centre.wait_for(lambda: len(centre.on("/up/media/p1")) == 2)
    confirm(centre, stamp, 0, media=["p1"])
    wait_until(lambda: box.outbox.stats().media_depth == 0)
    box.later(6)
    box.outbox.maintain()
    assert on_disk() == 0


def pictures(centre: Subscriber) -> list[str]:
    """Ids, in the order of arrival."""
    return [each.topic.rpartition("/")[2] for each in centre.messages if "/up/media/" in each.topic]


@pytest.mark.parametrize(("picture_bytes", "sent"), [(2_000_000, 30), (45_000, 6)])
def test_pictures_are_bounded_by_what_waits_for_the_ingest_and_not_by_how_often_it_confirms(
    broker: Mosquitto, centre: Subscriber, tmp_path: Path, picture_bytes: int, sent: int
) -> None:
    with box_at(broker.port, tmp_path, picture_bytes=picture_bytes) as box:
        stamps = [box.outbox.append(draft(media=picture(f"p{number}", 9000))) for number in range(30)]
        centre.wait_for(lambda: len(centre.events()) == 30)
        confirm(centre, stamps[0], 30)
        centre.wait_for(lambda: len(pictures(centre)) == 4)  # none is confirmed yet: the centre may be dead
        confirm(centre, stamps[0], 30, media=[pictures(centre)[0]])
        centre.wait_for(lambda: len(pictures(centre)) == sent)
        box.settle()
        assert len(pictures(centre)) == sent


def test_pictures_the_broker_lost_delay_no_others(broker: Mosquitto, centre: Subscriber, box: Box) -> None:
    stamps = [box.outbox.append(draft(media=picture(f"lost-{number}", 9000))) for number in range(4)]
    centre.wait_for(lambda: len(centre.events()) == 4)
    confirm(centre, stamps[-1], 4)
    centre.wait_for(lambda: len(pictures(centre)) == 4)  # the limit of unconfirmed pictures
    box.settle()
    broker.kill()
    broker.start()
    wait_until(lambda: box.publisher.online, what="another session")
    with Subscriber(broker.port, "tb/v1/+/+/up/event/#", "tb/v1/+/+/up/media/#", client_id="new") as new:
        stamp = box.outbox.append(draft(media=picture("next")))
        new.wait_for(lambda: len(new.events()) == 1)
        confirm(new, stamp, stamp.sequence)
        new.wait_for(lambda: pictures(new) == ["next"])
        box.later(61)
        new.wait_for(lambda: len(pictures(new)) >= 5)
        assert set(pictures(new)) == {"next", *(f"lost-{number}" for number in range(4))}


def test_a_centre_that_is_back_gets_a_picture_at_its_word(centre: Subscriber, make_box: MakeBox) -> None:
    with make_box(unanswered_pictures=1) as box:
        stamps = [box.outbox.append(draft(media=picture(f"p{number}", 9000))) for number in range(3)]
        centre.wait_for(lambda: len(centre.events()) == 3)
        confirm(centre, stamps[0], 2)
        centre.wait_for(lambda: len(pictures(centre)) == 2)
        box.later(61)  # neither is confirmed: from now on one every 15 minutes
        centre.wait_for(lambda: sequences(centre).count(3) == 2)
        box.later(121)
        centre.wait_for(lambda: sequences(centre).count(3) == 3)
        box.settle()
        assert len(pictures(centre)) == 2
        confirm(centre, stamps[0], 3)
        centre.wait_for(lambda: len(pictures(centre)) == 3)


def test_on_the_brokers_word_alone_confirmations_mean_nothing(centre: Subscriber, make_box: MakeBox) -> None:
    with make_box(Delivery.BROKER) as box:
        box.append(3)
        wait_until(lambda: box.depth == 0)
        centre.publish(f"{GATEWAY}/down/ack", b"garbage")
        box.append()
        wait_until(lambda: box.depth == 0)
        health = box.publisher.health()
        assert (health.delivery, health.ignored_acks, health.resends) == ("broker", 0, 0)
