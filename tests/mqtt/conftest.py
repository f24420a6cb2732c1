"""A publisher with an outbox in memory, and a broker for it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.config.model.settings import Broker, Delivery, Mqtt
from edge_agent.core.clock import SystemClock
from edge_agent.core.delivery import Confirmation, Media, StoredEvent
from edge_agent.core.model import Severity
from edge_agent.core.secrets import Credentials
from edge_agent.mqtt.publisher.publisher import Publisher
from edge_agent.mqtt.publisher.sender import RepliesPort
from edge_agent.mqtt.tls.rotation import CertificateRotation
from edge_agent.uplink.send_limiter import SendLimiter
from edge_agent.uplink.usage import DataUsage
from edge_agent.wire.topics import DownMessage, GatewayTopics
from tests.testbed.mosquitto import LIFE_SIGN_S, wait_until

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


class MemoryOutbox:
    """Holds in memory what the real outbox holds on disk, and records how it was used."""

    def __init__(self, clock: ShiftedClock) -> None:
        self._clock = clock
        self._lock = threading.Condition()
        self._news = False
        self._waits, self._waiting = 0, False
        self._events: dict[tuple[int, str], tuple[StoredEvent, float]] = {}
        self._media: dict[str, tuple[Media, float]] = {}
        self._sequence = 0
        self.deferrals: list[tuple[int, float]] = []
        self.media_deferrals: list[tuple[str, float]] = []
        self.deadly_news = 0  # this many calls of ``wait_for_work`` raise
        self.deadly_wakes = 0  # this many calls of ``wake`` on paho's thread raise

    def append(
        self, camera: str = "cam-1", severity: Severity = Severity.INFO, payload: bytes | None = None
    ) -> StoredEvent:
        with self._lock:
            self._sequence += 1
            body = payload if payload is not None else b'{"sequence":"%016d"}' % self._sequence
            event = StoredEvent(self._sequence, "e1", camera, "object", severity.number, 0, body)
            self._events[event.key] = event, 0.0
            self._notify()
            return event

    def add_media(self, media: Media) -> None:
        with self._lock:
            self._media[media.media_id] = media, 0.0
            self._notify()

    def wake(self) -> None:
        if self.deadly_wakes and threading.current_thread().name.startswith("paho"):
            self.deadly_wakes -= 1
            raise RuntimeError("out of order")
        with self._lock:
            self._notify()

    def wait_for_work(self, timeout_s: float) -> bool:
        with self._lock:
            if self.deadly_news:
                self.deadly_news -= 1
                raise RuntimeError("out of order")
            self._waits, self._waiting = self._waits + 1, True
            woken = self._lock.wait_for(lambda: self._news, timeout_s)
            self._news = self._waiting = False
            return woken

    @property
    def idle(self) -> int:
        """Number of the publisher's wait that lasts; 0: the publisher is at work."""
        with self._lock:
            return self._waits if self._waiting and not self._news else 0

    def _notify(self) -> None:
        self._news = True
        self._lock.notify()

    @property
    def depth(self) -> int:
        with self._lock:
            return len(self._events) + len(self._media)

    def sent(self, event: StoredEvent) -> None:
        raise AssertionError("for the tests of delivery on the broker's word only")

    def unconfirmed(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        raise AssertionError("for the tests of delivery on the broker's word only")

    def confirmed(self, epoch: str, upto: int, also: Collection[int]) -> Confirmation:
        raise AssertionError("for the tests of delivery on the broker's word only")

    def reschedule(self, not_before_mono: float, *, hold_back: bool) -> None:
        raise AssertionError("for the tests of delivery on the broker's word only")

    def pending(
        self, limit: int, exclude: Collection[tuple[int, str]], max_resends: int = sys.maxsize
    ) -> list[StoredEvent]:
        with self._lock:
            now = self._clock.monotonic()
            due = [e for e, not_before in self._events.values() if not_before <= now and e.key not in exclude]
            return sorted(due, key=lambda e: (-e.priority, e.sequence))[:limit]

    def delivered(self, sequence: int, epoch: str) -> None:
        with self._lock:
            del self._events[sequence, epoch]

    def deferred(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        with self._lock:
            event, _ = self._events[sequence, epoch]
            self._events[sequence, epoch] = replace(event, attempts=event.attempts + 1), not_before_mono
            self.deferrals.append((sequence, not_before_mono - self._clock.monotonic()))

    def pending_media(self) -> Media | None:
        with self._lock:
            now = self._clock.monotonic()
            return next((media for media, not_before in self._media.values() if not_before <= now), None)

    def media_delivered(self, media_id: str) -> None:
        with self._lock:
            del self._media[media_id]

    def media_deferred(self, media_id: str, not_before_mono: float) -> None:
        with self._lock:
            self._media[media_id] = self._media[media_id][0], not_before_mono
            self.media_deferrals.append((media_id, not_before_mono - self._clock.monotonic()))

    def shed_media(self, media_id: str) -> None:
        """The disk was full: the picture is discarded."""
        with self._lock:
            del self._media[media_id]


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
    outbox: MemoryOutbox
    clock: ShiftedClock
    usage: DataUsage
    down: list[DownMessage] = field(default_factory=list)

    def append(self, count: int = 1, **event: object) -> list[StoredEvent]:
        return [self.outbox.append(**event) for _ in range(count)]  # type: ignore[arg-type]

    def later(self, seconds: float) -> None:
        """Move the publisher's clock forward."""
        self.clock.shift_s += seconds
        self.outbox.wake()

    def settle(self) -> None:
        """Wait until everything is answered and the answers are processed; only then call ``later``."""

        def is_settled() -> bool:
            wait = self.outbox.idle
            return wait > 0 and self.publisher.health().inflight == 0 and self.outbox.idle == wait

        wait_until(is_settled, 30.0, "quiet")

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


MakeGateway = Callable[..., AbstractContextManager[Gateway]]
"""The fixture ``gateway``: see ``make`` in it."""


@pytest.fixture
def gateway(tmp_path: Path) -> MakeGateway:
    @contextmanager
    def make(
        settings: Mqtt,
        *,
        credentials: Credentials | None = None,
        clock_trusted: Callable[[], bool] = lambda: True,
        topics: GatewayTopics = TOPICS,
        name: str = "gateway",
        birth: Callable[[str], bytes] = small_birth,
        limiter: SendLimiter | None = None,
        rotation: CertificateRotation | None = None,
        replies: RepliesPort | None = None,
    ) -> Iterator[Gateway]:
        clock = ShiftedClock()
        outbox = MemoryOutbox(clock)
        usage = DataUsage(tmp_path / f"{name}-usage.json", ZoneInfo("Asia/Ho_Chi_Minh"), clock, clock_trusted)
        down: list[DownMessage] = []
        publisher = Publisher(
            replace(settings, credentials=credentials),
            topics,
            outbox,
            usage=usage,
            clock=clock,
            birth=birth,
            on_down=down.append,
            replies=replies,
            clock_trusted=clock_trusted,
            limiter=limiter,
            rotation=rotation,
        )
        publisher.start()
        try:
            yield Gateway(publisher, outbox, clock, usage, down)
        finally:
            publisher.stop()
            assert publisher.join(5), "the publisher did not stop"
            assert publisher.loop.failure is None

    return make
