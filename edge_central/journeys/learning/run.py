"""One run of ``edge-agent central travel-times learn``: asks the gateways over the broker, learns, stores.

The passages are only in the memory of this process. The run stores the travel times, and a record of who
asked which gateways.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from edge_agent import wire
from edge_agent.commands.signature import sign
from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.clock import Clock, rfc3339, wall_ms
from edge_agent.core.errors import MqttError
from edge_agent.mqtt.tools.tool_client import ToolClient
from edge_agent.wire.topics import CentralTopics, UpKind
from edge_central.console.site_names import Names
from edge_central.journey_settings import LearningSettings
from edge_central.journeys.learning.collection import (
    BYTES_A_ROW,
    MAX_ROWS,
    PAUSE_S,
    WAIT_S,
    TimesCollection,
    TimesRequest,
    arguments,
)
from edge_central.journeys.learning.gateways import LearningGateway, online_gateways, with_neighbours
from edge_central.journeys.learning.pairs import collected_cameras, learn_travel_times
from edge_central.journeys.learning.samples import WindowMs
from edge_central.journeys.travel_times import TravelTime, delete_travel_times, store_travel_times
from edge_central.settings import Database
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.database import read_transaction, write_transaction

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TYPE = "passage-times"
PURPOSE = "travel times between cameras"
OVERHEAD_BYTES = 2_000
"""Size of a command (714 bytes) and of its replies without rows (1,080 bytes), with their topics."""
LONGEST_S = 6 * 3600.0
FORGET_MS = 60 * 86_400_000
"""A pair whose travel time was not certain again for so long is deleted: a camera was moved, or the result
was chance."""
LIFE_S = 1800


@dataclass(frozen=True, slots=True)
class LearningRun:
    """The request of one run; ``at_ms`` is the present time."""

    gateways: list[LearningGateway]
    offline: list[str]
    windows: list[WindowMs]
    id: str
    at_ms: int

    @property
    def bytes_a_gateway(self) -> int:
        """The most bytes that one gateway sends and receives."""
        return round(MAX_ROWS * BYTES_A_ROW) + len(self.windows) * OVERHEAD_BYTES


def windows_before(now: datetime, learning: LearningSettings, zone: ZoneInfo) -> list[WindowMs]:
    """Return the windows of the last whole days, the oldest first."""
    today = now.astimezone(zone).date()
    return [
        (
            round(datetime.combine(day, begin, zone).timestamp() * 1000),
            round(datetime.combine(day, end, zone).timestamp() * 1000),
        )
        for day in (today - timedelta(days=back) for back in range(learning.days, 0, -1))
        for begin, end in sorted(learning.windows)
    ]


def plan_run(
    database: Database,
    wards: Sequence[str],
    learning: LearningSettings,
    zone: ZoneInfo,
    names: Names,
    clock: Clock,
) -> LearningRun:
    """Return the request of a run. Raises DatabaseUnavailable or DatabaseRejected."""
    with read_transaction(database) as connection:
        online, offline = online_gateways(connection, wards, names)
    now = clock.now()
    return LearningRun(
        gateways=with_neighbours(online, learning.reach_m),
        offline=offline,
        windows=windows_before(now, learning, zone),
        id=f"times-{now:%Y%m%d%H%M%S}-{secrets.token_hex(3)}",
        at_ms=wall_ms(clock),
    )


def record_run(database: Database, run: LearningRun, asked_by: str) -> None:
    """Record in the access log which gateways are asked, before they are asked. Raises DatabaseUnavailable or
    DatabaseRejected."""
    with write_transaction(database) as connection:
        for each in run.gateways:
            more = {"ward": each.ward, "gateway": each.id, "purpose": PURPOSE, "case_number": run.id}
            record_access(connection, AccessKind.TRAVEL_TIMES, asked_by, "", run.at_ms, **more)


class TimesAsker:
    """Signs and sends the commands of a collection, and passes on the replies, until it is done."""

    def __init__(
        self,
        mqtt: Mqtt,
        client_id: str,
        key: Ed25519PrivateKey,
        clock: Clock,
        *,
        stopping: Callable[[], bool] = lambda: False,
        pause_s: float = PAUSE_S,
        wait_s: float = WAIT_S,
    ) -> None:
        self._mqtt, self._client_id = mqtt, client_id
        self._topics = CentralTopics(mqtt.root, client_id)
        self._key = key
        self._clock = clock
        self._stopping = stopping
        self._pause_s, self._wait_s = pause_s, wait_s

    def collect(self, run: LearningRun, asked_by: str) -> TimesCollection:
        """Ask the gateways for the times of passages, and collect their answers. Blocks until all gateways
        have answered, LONGEST_S is over, or a stop was requested.

        Raises MqttError if no broker can be reached, or if the broker refuses a subscription.
        """
        gateways = list(run.gateways)
        random.shuffle(gateways)  # so that gateways of one ward, often one network, are not asked at once
        collection = TimesCollection(
            gateways, run.windows, run.id, pause_s=self._pause_s, wait_s=self._wait_s
        )
        with self._connected() as client:
            client.subscribe(*(f"{self._reply_topic(each)}/+" for each in gateways))
            client.require_subscribed()
            until_mono = time.monotonic() + LONGEST_S
            while not collection.done and time.monotonic() < until_mono and not self._stopping():
                for request in collection.due(time.monotonic()):
                    payload = self._signed(request, run.id, asked_by)
                    topic = self._topics.command(request.gateway.ward, request.gateway.id, TYPE)
                    client.send(topic, payload, LIFE_S)
                message = client.receive(0.5)
                if message is not None and (up := self._topics.parse_up(message.topic)) is not None:
                    collection.receive(up.gateway, message.payload, time.monotonic())
                collection.expire(time.monotonic())
        return collection

    @contextmanager
    def _connected(self) -> Iterator[ToolClient]:
        """Connect to the first broker that accepts this client."""
        *others, last = self._mqtt.brokers
        with ExitStack() as stack:
            client: ToolClient | None = None
            for broker in others:
                with suppress(MqttError):
                    client = stack.enter_context(self._client(broker))
                    break
            yield client or stack.enter_context(self._client(last))

    def _client(self, broker: Broker) -> ToolClient:
        return ToolClient(broker, self._mqtt, self._client_id, reconnects=True)

    def _reply_topic(self, gateway: LearningGateway) -> str:
        return f"{self._mqtt.root}/{gateway.ward}/{gateway.id}/up/{UpKind.REPLY.value}"

    def _signed(self, request: TimesRequest, case: str, asked_by: str) -> bytes:
        now = self._clock.now()
        command = wire.Command(
            id=request.id,
            type=TYPE,
            gateway=request.gateway.id,
            issued=rfc3339(now - timedelta(seconds=1)),
            expires=rfc3339(now + timedelta(seconds=LIFE_S)),
            args=arguments(request, PURPOSE, case, asked_by),
        )
        return sign(msgspec.json.encode(command), self._key)


def learn_and_store(
    database: Database, run: LearningRun, collection: TimesCollection, reach_m: float
) -> list[TravelTime]:
    """Estimate the travel times of the collected passages, store them, and return them; delete those that
    were not certain for FORGET_MS. Raises DatabaseUnavailable or DatabaseRejected."""
    cameras = collected_cameras([(each, collection.complete(each.id)) for each in run.gateways])
    learnt = list(learn_travel_times(cameras, reach_m, run.at_ms))
    with write_transaction(database) as connection:
        store_travel_times(connection, learnt)
        delete_travel_times(connection, run.at_ms - FORGET_MS)
    return learnt
