"""A publisher with its outbox, and a broker for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge_agent.config.model.settings import Broker, Delivery, Mqtt
from edge_agent.core.clock import SystemClock
from edge_agent.core.delivery import Draft, Media, Stamp, StoredEvent
from edge_agent.core.model import Severity
from edge_agent.core.secrets import Credentials
from edge_agent.mqtt.publisher.publisher import Publisher
from edge_agent.outbox import EventOutbox
from edge_agent.uplink.usage import DataUsage
from edge_agent.wire.topics import DownMessage, GatewayTopics
from tests.outbox.parts import draft, encode_loss
from tests.testbed.mosquitto import LIFE_SIGN_S, Mosquitto, Subscriber, wait_until
from tests.testbed.tls_folder import Fleet, make_fleet

GATEWAY = "dt-001"
TOPICS = GatewayTopics("tb/v1", "de-tham", GATEWAY)


class ShiftedClock(SystemClock):
    """The real monotonic clock plus an offset that a test can increase; the wall clock starts at a fixed
    moment."""

    def __init__(self) -> None:
        self.shift_s = 0.0
        self._start_mono = super().monotonic()
        self.wall_at_start = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return super().monotonic() + self.shift_s

    def now(self) -> datetime:
        return self.wall_at_start + timedelta(seconds=self.monotonic() - self._start_mono)


class WatchedOutbox(EventOutbox):
    """Records what the publisher defers and how often it waits, and fails when it is asked to."""

    def __init__(self, folder: Path, clock: ShiftedClock, **more: Any) -> None:
        usual: dict[str, Any] = {"max_bytes": 50_000_000, "boot_id": "boot", "encode_loss": encode_loss}
        super().__init__(folder, clock=clock, **usual | more)
        self._now = clock.monotonic
        self.waits = 0
        self.deferrals: list[tuple[int, float]] = []
        self.media_deferrals: list[tuple[str, float]] = []
        self.deadly_news = 0  # this many calls of ``wait_for_work`` raise
        self.deadly_wakes = 0  # this many calls of ``wake`` on paho's thread raise

    def add_media(self, media: Media) -> None:
        """Append an event with this picture."""
        self.append(draft(media=media))

    def wake(self) -> None:
        if self.deadly_wakes and threading.current_thread().name.startswith("paho"):
            self.deadly_wakes -= 1
            raise RuntimeError("out of order")
        super().wake()

    def wait_for_work(self, timeout_s: float) -> bool:
        if self.deadly_news:
            self.deadly_news -= 1
            raise RuntimeError("out of order")
        self.waits += 1
        return super().wait_for_work(timeout_s)

    def settle(self, publisher: Publisher) -> None:
        """Wait until nothing is in flight, before and after a round of the publisher's."""
        while True:
            wait_until(lambda: publisher.health().inflight == 0, what="every PUBACK")
            waits = self.waits
            self.wake()
            wait_until(lambda w=waits: self.waits > w, what="the last PUBACK to be dealt with")  # type: ignore[misc]
            if publisher.health().inflight == 0:
                return

    def deferred(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        super().deferred(sequence, epoch, not_before_mono)
        self.deferrals.append((sequence, not_before_mono - self._now()))

    def media_deferred(self, media_id: str, not_before_mono: float) -> None:
        super().media_deferred(media_id, not_before_mono)
        self.media_deferrals.append((media_id, not_before_mono - self._now()))

    @property
    def depth(self) -> int:
        stats = self.stats()
        return stats.depth + stats.media_depth


def mqtt_settings(*ports: int, host: str = "127.0.0.1", tls: bool = False) -> Mqtt:
    return Mqtt(
        brokers=tuple(Broker(host, port, tls) for port in ports),
        root="tb/v1",
        ca_file=None,
        cert_file=None,
        key_file=None,
        credentials=None,
        delivery=Delivery.BROKER,
        spread_s=0.0,
    )


@dataclass
class Gateway:
    """A publisher under test, with its parts."""

    publisher: Publisher
    outbox: WatchedOutbox
    clock: ShiftedClock
    usage: DataUsage
    down: list[DownMessage] = field(default_factory=list)

    def append(
        self,
        count: int = 1,
        camera: str = "cam-1",
        severity: Severity = Severity.INFO,
        payload: bytes | None = None,
    ) -> list[StoredEvent]:
        def encode(stamp: Stamp) -> bytes:
            return payload if payload is not None else b'{"sequence":"%016d"}' % stamp.sequence

        stamps = [self.outbox.append(Draft(camera, "object", severity, encode)) for _ in range(count)]
        number = severity.number
        return [StoredEvent(s.sequence, s.epoch, camera, "object", number, 0, encode(s)) for s in stamps]

    def later(self, seconds: float) -> None:
        """Move the publisher's clock forward."""
        self.clock.shift_s += seconds
        self.outbox.wake()

    def settle(self) -> None:
        self.outbox.settle(self.publisher)

    def wait_online(self) -> None:
        wait_until(lambda: self.publisher.online, what="session")

    def has_error(self, words: str) -> bool:
        return words in (self.publisher.health().last_error or "")

    def wait_for_error(self, words: str, timeout_s: float = LIFE_SIGN_S) -> str:
        """Return the last error, once it contains these words."""
        wait_until(lambda: self.has_error(words), timeout_s, words)
        return self.publisher.health().last_error or ""


def small_birth(session: str) -> bytes:
    return b'{"schema":"birth/1","session":"%s"}' % session.encode()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as running:
        yield running


@pytest.fixture
def centre(broker: Mosquitto) -> Iterator[Subscriber]:
    """Confirms nothing by itself."""
    with Subscriber(broker.port) as subscriber:
        yield subscriber


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return make_fleet(tmp_path_factory.mktemp("certificates"))


MakeGateway = Callable[..., AbstractContextManager[Gateway]]
"""The fixture ``gateway``: see ``make`` in it. A port is that of a broker on this machine; what else is named
goes to ``Publisher``."""


@pytest.fixture
def gateway(tmp_path: Path) -> MakeGateway:
    @contextmanager
    def make(
        settings: Mqtt | int,
        *,
        credentials: Credentials | None = None,
        clock_trusted: Callable[[], bool] = lambda: True,
        topics: GatewayTopics = TOPICS,
        name: str = "gateway",
        **more: Any,
    ) -> Iterator[Gateway]:
        if isinstance(settings, int):
            settings = mqtt_settings(settings)
        clock = ShiftedClock()
        outbox = WatchedOutbox(tmp_path / f"{name}-state", clock)
        usage = DataUsage(tmp_path / f"{name}-usage.json", ZoneInfo("Asia/Ho_Chi_Minh"), clock, clock_trusted)
        down: list[DownMessage] = []
        usual: dict[str, Any] = {"usage": usage, "birth": small_birth, "clock_trusted": clock_trusted}
        settings = replace(settings, credentials=credentials)
        publisher = Publisher(settings, topics, outbox, clock=clock, on_down=down.append, **usual | more)
        with outbox:
            publisher.loop.start()
            try:
                yield Gateway(publisher, outbox, clock, usage, down)
            finally:
                publisher.stop()
                assert publisher.loop.join(5), "the publisher did not stop"
                assert publisher.loop.failure is None

    return make


@pytest.fixture
def box(broker: Mosquitto, gateway: MakeGateway) -> Iterator[Gateway]:
    with gateway(broker.port) as box:
        yield box
