"""``edge-agent central travel-times learn``: from the stores of two real agents to the table, over MQTT."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from edge_agent.commands.signature import make_key
from edge_agent.core.clock import SystemClock, read_boot_id
from edge_agent.passages.passage import FOLDER
from edge_central.store import tables
from edge_central.store.database import read_transaction
from tests.edge_central.parts import Centre
from tests.passages.parts import passage, store
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.clips import make_clip
from tests.testbed.command_line import CommandResult, run_command
from tests.testbed.mosquitto import Mosquitto, wait_until
from tests.testbed.synced import COMMAND

PLACE = {"latitude": 20.4463, "longitude": 106.3366}
WINDOWS = ["06:00-10:00", "14:00-20:00"]


def drawn_starts() -> tuple[list[datetime], list[datetime]]:
    """Of vehicles at two cameras yesterday: those that pass the first reach the second a minute later.

    The hours are of the city, which is seven hours ahead of UTC.
    """
    random = np.random.default_rng(3)
    today = (datetime.now(UTC) + timedelta(hours=7)).replace(hour=0, minute=0, second=0, microsecond=0)
    hours = (*random.uniform(6, 9.9, 250), *random.uniform(14, 19.9, 250))
    first = [today - timedelta(days=1) + timedelta(hours=hour - 7) for hour in hours]
    second = [each + timedelta(seconds=4 + random.normal(60, 6)) for each in first]
    return first, second


def gateway(folder: Path, id_: str, broker: Mosquitto, key: Path, starts: list[datetime]) -> AgentProcess:
    folder.mkdir()
    clock = SystemClock()
    rows = store(folder / "state", clock, read_boot_id())
    boot = clock.now() - timedelta(seconds=clock.monotonic())
    more: dict[str, Any] = {"group": "vehicle", "label": None, "colours": (), "crop": None}
    rows.write(
        [
            passage(n, mono := (at - boot).total_seconds(), ended_mono=mono + 4, track=f"t-{n}", **more)
            for n, at in enumerate(starts)
        ],
        synced=True,
    )
    rows.close()
    config = write_config(
        folder,
        cameras=[{"id": "cam-1", "url": str(make_clip(folder / "clip.mp4", seconds=5))}],
        broker_port=broker.port,
        detector="none",
        gateway={"id": id_, "ward": "de-tham", "location": PLACE},
        commands={"search_keys": [str(key)]},
        mqtt={"brokers": [f"mqtt://127.0.0.1:{broker.port}"], "spread_s": 0, "delivery": "confirmed"},
    )
    return AgentProcess(config, "--repeat-files", command=COMMAND)


def travel_times(centre: Centre, *args: str) -> CommandResult:
    return run_command("central", "travel-times", *args, centre.config)


def online(centre: Centre) -> set[str]:
    columns = tables.gateway.c
    with read_transaction(centre.database) as connection:
        born = select(columns.id).where(columns.birth.is_not(None), columns.state == "online")
        return set(connection.scalars(born))


@pytest.fixture
def search_key(tmp_path: Path) -> Path:
    make_key(tmp_path / "search.pem")
    return tmp_path / "search.pem"


def test_two_agents_are_asked_and_their_travel_time_is_listed(tmp_path: Path, search_key: Path) -> None:
    first, second = drawn_starts()
    public = search_key.with_name("search.pub.pem")
    settings: dict[str, Any] = {
        "search": {"key_file": str(search_key)},
        "journeys": {"learn": {"windows": WINDOWS, "days": 2}},  # midnight may come before it asks
    }
    with Mosquitto(tmp_path) as broker, Centre(tmp_path / "centre", broker.port, **settings) as centre:
        wait_until(lambda: (centre.state_dir / "central.db").exists(), what="the database")
        here = gateway(tmp_path / "here", "dt-001", broker, public, first)
        there = gateway(tmp_path / "there", "dt-002", broker, public, second)
        with here, there:
            wait_until(lambda: online(centre) == {"dt-001", "dt-002"}, 60, "both gateways")
            dry = travel_times(centre, "learn", "--dry-run")
            assert "2 gateways are asked for 4 windows, 20 hours together" in dry.stdout
            assert not (tmp_path / "here/state" / FOLDER / "access.jsonl").exists()
            learnt = travel_times(centre, "learn")
            assert learnt.returncode == 0, learnt.stderr
            assert "1000 passages came" in learnt.stdout
            assert online(centre) == {"dt-001", "dt-002"}, "the session of the ingest goes on"
        (found,) = json.loads(travel_times(centre, "list", "--json").stdout)
        assert (found["from_gateway"], found["to_gateway"], found["group"]) == ("dt-001", "dt-002", "vehicle")
        assert found["median_s"] == pytest.approx(60, abs=3)
        assert found["passages"] == 500
        assert "dt-001/cam-1" in travel_times(centre, "list").stdout
        with read_transaction(centre.database) as connection:
            accesses = connection.execute(select(tables.access)).all()
    assert {(each.what, each.gateway, each.ward) for each in accesses} == {
        ("travel-times", "dt-001", "de-tham"),
        ("travel-times", "dt-002", "de-tham"),
    }
    entries = (tmp_path / "there/state" / FOLDER / "access.jsonl").read_text().splitlines()
    assert len(entries) == 4, "one of each window"
    assert json.loads(entries[0])["case"] == accesses[0].case_number
    assert json.loads(entries[0])["asked_by"] == accesses[0].account


def test_without_the_section_nothing_is_asked(tmp_path: Path) -> None:
    centre = Centre(tmp_path / "centre", 1)
    done = travel_times(centre, "learn")
    assert (done.returncode, "journeys.learn is not configured" in done.stderr) == (1, True)
