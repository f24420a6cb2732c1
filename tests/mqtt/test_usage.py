"""Bytes by class: compared with the broker's own count, over midnight, and with wrong clocks."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent import wire
from edge_agent.mqtt.session.client import MqttMessage, packet_bytes
from edge_agent.mqtt.session.tcp_traffic import tcp_traffic
from edge_agent.uplink.usage import DataUsage, TrafficClass
from tests.mqtt.conftest import MakeGateway, ShiftedClock
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")  # UTC+7, no daylight saving


class SetClock(ShiftedClock):
    """A clock that stays where a test sets it."""

    def __init__(self, moment: datetime) -> None:
        super().__init__()
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def usage_at(path: Path, clock: SetClock, trusted: Callable[[], bool] = lambda: True) -> DataUsage:
    return DataUsage(path, HANOI, clock, trusted)


def events(usage: DataUsage) -> tuple[int, int]:
    """Event bytes of today and of the month."""
    today, month = usage.totals()
    return today.event, month.event


def test_a_day_ends_at_midnight_of_the_gateway_and_a_month_on_its_last_day(tmp_path: Path) -> None:
    clock = SetClock(datetime(2026, 11, 29, 16, 59, tzinfo=UTC))  # 23:59 there
    usage = usage_at(tmp_path / "u.json", clock)
    usage.sent(TrafficClass.EVENT, 10)
    clock.moment += timedelta(minutes=1)
    usage.sent(TrafficClass.EVENT, 1)
    assert events(usage) == (1, 11)
    clock.moment += timedelta(days=1)
    assert events(usage) == (0, 0)


def test_a_clock_that_was_not_set_yet_ends_no_day(tmp_path: Path) -> None:
    clock = SetClock(datetime(2026, 11, 24, 8, tzinfo=UTC))
    before = usage_at(tmp_path / "u.json", clock)
    before.sent(TrafficClass.EVENT, 10)
    before.save()
    booted = SetClock(datetime(1970, 1, 1, tzinfo=UTC))
    trusted = False
    usage = usage_at(tmp_path / "u.json", booted, lambda: trusted)
    usage.sent(TrafficClass.EVENT, 5)
    assert events(usage) == (15, 15)
    booted.moment, trusted = datetime(2026, 11, 24, 9, tzinfo=UTC), True
    assert events(usage) == (15, 15)


def test_bytes_before_the_first_known_day_are_not_forgotten(tmp_path: Path) -> None:
    clock, trusted = SetClock(datetime(1970, 1, 1, tzinfo=UTC)), False
    usage = usage_at(tmp_path / "u.json", clock, lambda: trusted)
    usage.sent(TrafficClass.EVENT, 5)
    clock.moment, trusted = datetime(2026, 11, 24, tzinfo=UTC), True
    assert events(usage) == (5, 5)


def test_a_step_back_over_midnight_keeps_the_new_day(tmp_path: Path) -> None:
    clock = SetClock(datetime(2026, 11, 24, 17, 0, tzinfo=UTC))  # 0:00 there
    usage = usage_at(tmp_path / "u.json", clock)
    usage.sent(TrafficClass.EVENT, 3)
    clock.moment -= timedelta(seconds=2)
    usage.sent(TrafficClass.EVENT, 4)
    clock.moment += timedelta(seconds=5)
    assert events(usage) == (7, 7)


def test_the_counts_survive_a_restart_and_are_written_at_most_every_five_minutes(tmp_path: Path) -> None:
    path = tmp_path / "u.json"
    clock = SetClock(datetime(2026, 11, 24, tzinfo=UTC))
    usage = usage_at(path, clock)
    usage.sent(TrafficClass.MEDIA, 7)
    usage.received(2)
    usage.save_if_due()
    assert not path.exists()
    clock.shift_s += 301
    usage.save_if_due()
    assert usage_at(path, clock).totals()[0] == wire.BytesByClass(media=7, received=2)
    written = path.stat().st_mtime_ns
    clock.shift_s += 301
    usage.save_if_due()
    assert path.stat().st_mtime_ns == written, "nothing new, nothing written"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"day":"today"}',
        b"\xff\x00",
        b'{"day":null,"today":{"event":' + b"9" * 30 + b'},"month":{}}',
    ],
)
def test_a_damaged_file_begins_anew(content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "u.json"
    path.write_bytes(content)
    usage = usage_at(path, SetClock(datetime(2026, 11, 24, tzinfo=UTC)))
    assert events(usage) == (0, 0)
    assert f"{path} cannot be read" in caplog.text


def test_a_disk_that_takes_nothing_is_only_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = SetClock(datetime(2026, 11, 24, tzinfo=UTC))
    usage = usage_at(tmp_path / "gone" / "u.json", clock)
    usage.sent(TrafficClass.EVENT, 3)
    with caplog.at_level(logging.WARNING):
        usage.save()
    assert "u.json cannot be written" in caplog.text
    assert events(usage) == (3, 3)
    (tmp_path / "gone").mkdir()
    usage.save()
    assert events(usage_at(tmp_path / "gone" / "u.json", clock)) == (3, 3), "tried again"


def test_a_power_cut_leaves_the_last_saved_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, clock = tmp_path / "u.json", SetClock(datetime(2026, 11, 24, tzinfo=UTC))
    usage = usage_at(path, clock)
    usage.sent(TrafficClass.MEDIA, 7)
    usage.save()
    usage.sent(TrafficClass.MEDIA, 1)
    in_place: list[int] = []
    # Content that is not on the disk when the file is renamed may be an empty file after a power cut.
    monkeypatch.setattr(os, "fsync", lambda handle: in_place.append(usage_at(path, clock).totals()[0].media))
    usage.save()
    assert in_place == [7]


@pytest.mark.parametrize("size", [0, 100, 130, 16_400])
@pytest.mark.parametrize("qos", [0, 1])
def test_a_packet_has_the_size_that_mqtt_5_gives_it(size: int, qos: int) -> None:
    plain = MqttMessage("a/b", bytes(size), qos=qos)
    # Fixed header 1 + length bytes, topic 2 + 3, packet id 2 with QoS 1, property length 1.
    rest = 5 + (2 if qos else 0) + 1 + size
    assert packet_bytes(plain) == 1 + (1 if rest < 128 else 2 if rest < 16_384 else 3) + rest


def test_the_sum_of_all_classes_is_what_the_broker_received(tmp_path: Path, gateway: MakeGateway) -> None:
    with (
        Mosquitto(tmp_path, sys_interval_s=1) as broker,
        Subscriber(broker.port, "$SYS/broker/bytes/received", "tb/#") as centre,
        gateway(broker.port) as box,
    ):
        box.wait_online()
        box.append(300, payload=b"e" * 600)
        for _ in range(20):
            box.publisher.publish_heartbeat(b"h" * 1200)
        wait_until(lambda: box.outbox.depth == 0)
        last = centre.events()[-1]
        assert last.payload == b"e" * 600

        # Two equal figures in a row: the broker has counted everything.
        def figures() -> list[int]:
            return [int(m.payload) for m in centre.on("bytes/received")]

        centre.wait_for(lambda: bool(figures()) and figures()[-1] > 300 * 600)
        settled = len(figures())
        centre.wait_for(lambda: len(figures()) > settled + 1)
        box.later(11)  # the rest is settled every 10 s
        wait_until(lambda: box.usage.totals()[0].received > 300 * 3)  # of PUBACKs: not only the sign-on
        counted = box.usage.totals()[0]
        ours = counted.event + counted.heartbeat + counted.media + counted.reply + counted.other
        # The broker's figure includes the subscriber's own packets: sign-on, and 4 bytes for each PUBACK.
        theirs = figures()[-1] - 4 * len(centre.messages)
        assert ours == pytest.approx(theirs, rel=0.005)
        assert counted.headers >= 2 * 52 * 20, "segments carry several messages, and are acknowledged"
        assert counted.event == 300 * packet_bytes(
            MqttMessage(last.topic, last.payload, content_type="application/cloudevents+json; charset=utf-8")
        )


def test_headers_are_those_of_the_segments_that_went_both_ways() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as here,
    ):
        there, _ = listener.accept()
        with there:
            for end in (here, there):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(50):
                here.sendall(b"?")
                there.recv(1)
                there.sendall(b"!")
                here.recv(1)
            traffic, theirs = tcp_traffic(here), tcp_traffic(there)
            assert traffic is not None
            assert theirs is not None
            assert (traffic.sent, traffic.received) == (50, 50)
            # IPv4 and TCP headers with timestamps are 52 bytes; request, answer, sometimes an ACK.
            assert 100 * 52 <= traffic.headers <= (150 + 4) * 52
            assert abs(traffic.headers - theirs.headers) <= 52, "the last ACK may be on its way"
