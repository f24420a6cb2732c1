"""The real centre does all its work with the few rights that the role's ACL gives its users."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from edge_agent.commands.signature import make_key
from edge_central.console.incident_log import LogAuthor
from edge_central.console.requests import request_clip
from edge_central.searches.model import SearchAuthor
from edge_central.searches.new_search import start_search
from edge_central.store.database import DatabaseConnections
from edge_central.store.scope import EVERYWHERE
from tests.edge_central.parts import Centre, FakeGateway
from tests.edge_central.searches.parts import found_city, question
from tests.fleet.broker_side import FleetBroker
from tests.fleet.test_acl import listening
from tests.testbed.mosquitto import wait_until


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
        with listening(broker, box.id, tmp_path, f"tb/v1/{box.ward}/{box.id}/down/#") as down, centre:
            connections = DatabaseConnections(centre.database)
            now_ms = round(time.time() * 1000)
            with connections.writing() as connection:
                assert request_clip(connection, LogAuthor("lan", now_ms), box.id, box.ward, "zone-1")
                found_city(connection)
                author = SearchAuthor("lan", "::1", EVERYWHERE)
                start_search(connection, author, question(gateways=[box.id]), now_ms)
            wait_until(lambda: "/down/cmd/clip" in down.read_text(), what="the clip's command")
            wait_until(lambda: "/down/cmd/search" in down.read_text(), what="the search")
            topic, payload = box.event(1)
            # On the port where a client may choose its id, so that the other client stays connected.
            more = ("-i", "teller", "-q", "1", "-t", topic, "-m", payload.decode())
            assert broker.run("mosquitto_pub", box.id, *more, port=broker.operator_port).code == 0
            wait_until(lambda: "/down/ack" in down.read_text(), what="the confirmation")
            assert centre.numbers(box) == [1]
            connections.close()
