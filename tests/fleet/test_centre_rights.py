"""The real centre does all its work with the few rights that the role's ACL gives its users."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.commands.signature import make_key, read_private
from edge_agent.core.clock import SystemClock
from edge_central.config import load
from edge_central.console.incident_log import LogAuthor
from edge_central.console.requests import request_clip
from edge_central.journeys.learning.gateways import LearningGateway
from edge_central.journeys.learning.run import LearningRun, TimesAsker
from edge_central.searches.model import SearchAuthor
from edge_central.searches.new_search import start_search
from edge_central.store.database import DatabaseConnections
from edge_central.store.scope import EVERYWHERE
from tests.edge_central.commands.parts import MASK, store
from tests.edge_central.onvif.parts import entered
from tests.edge_central.parts import Centre, FakeGateway
from tests.edge_central.searches.parts import found_city, question
from tests.fleet.broker_side import FleetBroker, FleetClient
from tests.testbed.mosquitto import wait_until
from tests.testbed.replies import reply_of


def login(broker: FleetBroker, name: str) -> dict[str, str]:
    certificate = broker.issue(name)
    return {"cert_file": str(certificate.cert), "key_file": str(certificate.key)}


def centre_at(broker: FleetBroker, folder: Path, **keys: Any) -> Centre:
    brokers = [f"mqtts://127.0.0.1:{broker.port}"]
    mqtt = {"brokers": brokers, "ca_file": str(broker.ca), **login(broker, "central")}
    return Centre(folder / "centre", 1, mqtt=mqtt, **keys)


@pytest.mark.parametrize("apart", [True, False], ids=["two users", "one user"])
def test_it_confirms_events_asks_for_clips_and_searches(tmp_path: Path, apart: bool) -> None:
    box, console = FakeGateway(), "central-console"
    users = {"broker_console_users": [console] if apart else []}
    with FleetBroker(tmp_path, {box.id: box.ward}, users=users) as broker:
        own: dict[str, Any] = {"requests": {"id": console, **login(broker, console)}} if apart else {}
        make_key(tmp_path / "search.pem")
        centre = centre_at(broker, tmp_path, search={"key_file": str(tmp_path / "search.pem")}, **own)
        centre.state_dir.mkdir(exist_ok=True)
        with FleetClient(broker, box.id, f"{box.down}/#") as gateway, centre:
            connections = DatabaseConnections(centre.database)
            now_ms = round(time.time() * 1000)
            with connections.writing() as connection:
                assert request_clip(connection, LogAuthor("lan", now_ms), box.id, box.ward, "zone-1")
                store(connection, MASK, now_ms)
                found_city(connection)
                author = SearchAuthor("lan", "::1", EVERYWHERE)
                start_search(connection, author, question(gateways=[box.id]), now_ms)
            asked = {f"{box.down}/cmd/{command}" for command in ("clip", "mask", "search")}
            gateway.wait_for(lambda: gateway.heard() >= asked)
            gateway.publish(*box.event(1))
            gateway.wait_for(lambda: bool(gateway.on("/down/ack")))
            assert centre.numbers(box) == [1]
            connections.close()


def test_learning_asks_and_hears_beside_the_ingest(tmp_path: Path) -> None:
    """Its own user, because the broker takes client ids from certificates."""
    box, user = FakeGateway(), "central-learning"
    with FleetBroker(tmp_path, {box.id: box.ward}, users={"broker_learning_users": [user]}) as broker:
        make_key(tmp_path / "search.pem")
        learn = {"user": {"id": user, **login(broker, user)}}
        search = {"key_file": str(tmp_path / "search.pem")}
        centre = centre_at(broker, tmp_path, search=search, journeys={"learn": learn})
        settings = load(centre.config)
        assert settings.journeys.learn is not None
        assert settings.journeys.learn.user is not None
        mqtt = settings.journeys.learn.user.mqtt(settings.mqtt)
        window = (0, 3_600_000)
        run = LearningRun([LearningGateway(box.id, box.ward, ("cam-1",))], [], [window], "times-1", 0)
        key = read_private(tmp_path / "search.pem")
        asker = TimesAsker(mqtt, user, key, SystemClock(), wait_s=20)
        with FleetClient(broker, box.id, f"{box.down}/#") as gateway, centre, ThreadPoolExecutor(1) as pool:
            collecting = pool.submit(asker.collect, run, "test")
            gateway.wait_for(lambda: bool(gateway.on("/down/cmd/passage-times")))
            reply = reply_of(f"times-1-{box.id}-1", "passage-times", box.id, result={"cameras": []})
            gateway.publish(f"{box.up}/reply/{reply.id}", msgspec.json.encode(reply))
            assert list(collecting.result(20).complete(box.id)) == [window]


def test_onvif_events_are_published_by_a_user_of_their_own(tmp_path: Path) -> None:
    box, user = FakeGateway(), "central-onvif"
    users = {"broker_onvif_users": [user], "broker_onvif_readers": [{"name": "vms", "ward": box.ward}]}
    with FleetBroker(tmp_path, {box.id: box.ward}, users=users) as broker:
        centre = centre_at(broker, tmp_path, onvif={"id": user, **login(broker, user)})
        topic, payload = entered(box, 1)

        def is_published() -> bool:
            assert broker.publish(box.id, topic, payload.decode()).code == 0  # again until the centre listens
            return bool(reader.on("FieldDetector/ObjectsInside/&cam-1/yard"))

        with FleetClient(broker, "vms", "tb/v1/central/onvif/#") as reader, centre:
            wait_until(is_published, what="the event")
