"""A simulated fleet at a real mosquitto with the real centre: the counts of both agree."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import Select, select

from edge_agent.tools.simulate import command
from edge_agent.tools.simulate.condition_ledger import read_ledger
from edge_central.store import tables
from edge_central.store.database import open_engine
from tests.edge_central.parts import Centre
from tests.testbed.command_line import run_command
from tests.testbed.mosquitto import Mosquitto, Subscriber

WARDS = ("de-tham", "bo-xuyen")


@pytest.fixture
def centre(broker: Mosquitto, tmp_path: Path) -> Iterator[Centre]:
    watching = Subscriber(broker.port, "tb/v1/central/state", client_id="watch")
    with watching as watch, Centre(tmp_path / "centre", broker.port, *WARDS) as started:
        watch.wait_for(lambda: any(b'"online"' in each.payload for each in watch.messages))
        yield started


def simulate(broker: str, *options: str, code: int = 0) -> dict[str, Any]:
    """Run it at the URL ``broker``, and return its totals."""
    arguments = ("--broker", broker, "--json", "--spread-s", "0", "--heartbeat-s", "1", *options)
    # Its signal handlers would stay in this process.
    with patch.object(command, "stop_on_signals", Event):
        done = run_command("simulate", *arguments)
    assert done.returncode == code, done.stderr
    return dict(json.loads(done.stdout)) if done.stdout else {"stderr": done.stderr}


def rows_of(centre: Centre, wanted: Select[Any]) -> list[Any]:
    engine = open_engine(centre.database, read_only=True)
    with engine.connect() as connection:
        rows = list(connection.execute(wanted))
    engine.dispose()
    return rows


def stored(centre: Centre) -> list[Any]:
    columns = tables.event.c
    return rows_of(centre, select(columns.gateway, columns.sequence, columns.payload))


def observed(centre: Centre) -> set[str]:
    """The gateways of which the centre has recorded what they did."""
    columns = tables.availability.c
    return {row.gateway for row in rows_of(centre, select(columns.gateway).where(columns.layer == "link"))}


def test_all_that_twenty_sites_store_is_at_the_centre_once(broker: Mosquitto, centre: Centre) -> None:
    options = ("--sites", "20", "--wards", ",".join(WARDS), "--duration-s", "5", "--time-factor", "20")
    with Subscriber(broker.port, "tb/v1/+/+/up/#", client_id="other") as other:
        totals = simulate(broker.url, *options, "--picture-share", "0.05", "--alarms-per-day", "6000")
        births = [json.loads(each.payload) for each in other.on("/up/birth")]
        beats = [json.loads(each.payload) for each in other.on("/up/heartbeat")]
    rows, counts, status = stored(centre), totals["counts"], centre.status()
    assert counts["stored"] == counts["confirmed"] == len(rows) > 100
    assert len({(row.gateway, row.sequence) for row in rows}) == len(rows)
    assert counts["pictures"] == counts["pictures_confirmed"] == status.media > 0
    assert (status.missing, status.rejected, totals["left"]) == (0, 0, 0)
    assert {gateway.state for gateway in status.gateways} == {"stopped"}
    # Every receiver can see that the gateways are simulated.
    assert {birth["profile"] for birth in births} == {"simulated"}
    assert {beat["detector"]["name"] for beat in beats} == {"simulated"}
    assert all(json.loads(row.payload)["bootid"].startswith("simulated-") for row in rows)
    assert len({birth["gateway"] for birth in births}) == len({b["session"] for b in beats}) == 20
    assert_alarms_are_complete([json.loads(row.payload) for row in rows])


def assert_alarms_are_complete(events: list[dict[str, Any]]) -> None:
    """Each has its start with a picture, its end, and its clip."""
    alarms = [each["data"] for each in events if each["severitytext"] == "ERROR"]
    begun = {each["event_id"] for each in alarms if each.get("phase") == "start" and each["snapshot"]}
    ended = {each["event_id"] for each in alarms if each.get("phase") == "end"}
    assert begun == ended == {each["event_id"] for each in alarms if each.get("clip")}
    assert begun
    assert {each["rule_id"] for each in alarms if "rule_id" in each} <= {"yard", "no-stop"}


FAULTS = """\
sites: 12
cameras: 24
wards: [de-tham, bo-xuyen]
duration_s: 7
time_factor: 20
camera_faults_per_day: 200
boot_s: 0.5
faults:
  - {kind: ward-outage, at_s: 1, for_s: 2, ward: de-tham}
  - {kind: power-cut, at_s: 2, for_s: 1, wards: [bo-xuyen]}
  - {kind: rolling-restart, at_s: 5, every_s: 0.1}
"""


def test_outages_cuts_and_restarts_lose_nothing(broker: Mosquitto, centre: Centre, tmp_path: Path) -> None:
    scenario = tmp_path / "faults.yaml"
    scenario.write_text(FAULTS)
    with Subscriber(broker.port, "tb/v1/+/+/up/state", client_id="other") as other:
        totals = simulate(broker.url, str(scenario), "--ledger", str(tmp_path / "ledger"))
        reported: dict[str, Counter[str]] = {ward: Counter() for ward in WARDS}
        for each in other.messages:
            reported[each.topic.split("/")[2]][json.loads(each.payload)["state"]] += 1
    counts = totals["counts"]
    assert counts["stored"] == counts["confirmed"] == len(stored(centre)) > 50
    assert centre.status().missing == 0
    # Six gateways a ward: the will after a cut, the stop of a restart, the stop at the end.
    assert reported["bo-xuyen"] == {"offline": 6, "stopped": 12, "online": 18}
    # An unplugged connection is noticed at the next attempt only: a gateway that is offline when it is
    # restarted publishes nothing.
    assert reported["de-tham"]["offline"] == 6
    assert reported["de-tham"]["online"] == reported["de-tham"].total() / 2
    assert totals["reconnects"] == sum(reported[ward]["online"] for ward in WARDS) - 12
    changes = Counter(entry.change.value for entry in read_ledger(tmp_path / "ledger"))
    # Six gateways without power, six without network; twelve restarts, and twelve stops at the end.
    assert (changes["power-off"], changes["cable-out"], changes["cable-in"], changes["stop"]) == (6, 6, 6, 24)
    assert changes["start"] == 12 + 6 + 12
    assert changes["connected"] == sum(reported[ward]["online"] for ward in WARDS)
    assert changes["camera-offline"] == changes["camera-online"] > 0
    assert observed(centre) == {f"sim-{number:03}" for number in range(1, 13)}


def test_without_a_centre_nothing_is_confirmed_and_the_exit_code_says_so(broker: Mosquitto) -> None:
    options = ("--sites", "3", "--duration-s", "1", "--drain-s", "1", "--time-factor", "300")
    with Subscriber(broker.port, "tb/v1/#"):
        totals = simulate(broker.url, *options, code=1)
    assert totals["counts"]["confirmed"] == 0
    assert totals["left"] == totals["counts"]["stored"] > 0
    assert len(totals["left_at"]) == 3


def test_on_the_brokers_word_no_centre_is_needed(broker: Mosquitto) -> None:
    options = ("--sites", "3", "--duration-s", "1", "--time-factor", "300", "--delivery", "broker")
    with Subscriber(broker.port, "tb/v1/+/+/up/event/+") as other:
        totals = simulate(broker.url, *options)
        other.wait_for(lambda: len(other.messages) >= totals["counts"]["stored"])
    assert totals["counts"]["confirmed"] == len(other.messages) > 0


def test_what_is_left_goes_out_in_the_next_run(broker: Mosquitto, tmp_path: Path) -> None:
    kept = ("--outbox-dir", str(tmp_path / "outboxes"), "--wards", ",".join(WARDS))
    options = ("--sites", "3", "--time-factor", "60", *kept)
    with Subscriber(broker.port, "tb/v1/#"):
        first = simulate(broker.url, *options, "--duration-s", "1", "--drain-s", "0.5", code=1)
    with Centre(tmp_path / "centre", broker.port, *WARDS) as centre:
        second = simulate(broker.url, *options, "--duration-s", "0")
        assert second["left"] == 0
        assert len(stored(centre)) == first["counts"]["stored"] > 0


@pytest.mark.parametrize(
    ("topic", "document", "words"),
    [
        ("birth", {"profile": "raspberry-pi-4"}, "real gateways have reported under these ids (sim-002"),
        ("state", {"state": "offline"}, "real gateways have reported under these ids (sim-002"),
        ("both", {"profile": "simulated", "state": "online"}, "another simulation runs here"),
    ],
)
def test_it_refuses_where_these_ids_are_taken(
    broker: Mosquitto, topic: str, document: dict[str, str], words: str
) -> None:
    with Subscriber(broker.port, "tb/v1/+/+/up/#", client_id="real") as real:
        for name in ("birth", "state") if topic == "both" else (topic,):
            real.publish(f"tb/v1/de-tham/sim-002/up/{name}", json.dumps(document).encode(), retain=True)
        heard = len(real.messages)
        reported = simulate(broker.url, "--sites", "3", "--wards", "de-tham", "--duration-s", "1", code=1)
        assert words in reported["stderr"]
        assert "nothing was sent" in reported["stderr"]
        real.publish("tb/v1/de-tham/none/up/heartbeat", b"mark")
        real.wait_for(lambda: real.messages[-1].payload == b"mark")
        assert len(real.messages) == heard + 1
