"""A journey of the console goes from one real agent to its neighbour: asked, found, confirmed."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from edge_agent.commands.signature import make_key
from edge_agent.core.clock import SystemClock, wall_ms
from edge_central.console.site_names import Names
from edge_central.journeys.asking import NeighbourQuestion, ask_neighbours
from edge_central.journeys.candidates import read_candidates
from edge_central.journeys.journey import begin_journey, decide, read_journey
from edge_central.journeys.model import Journey, MatchKey, StepStatus, Way
from edge_central.searches import records
from edge_central.store import tables
from edge_central.store.database import DatabaseConnections
from tests.edge_central.parts import Centre
from tests.edge_central.searches.parts import OF_ALL
from tests.edge_central.test_search_of_an_agent import LAN, Searches, gateway, of_the_last_hour
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, wait_until

LATER_S = 120.0
HERE, NEAR, FAR = (
    {"latitude": latitude, "longitude": 106.34} for latitude in (20.450, 20.452, 20.480)
)  # 222 m apart, and 3 km


def begin(connections: DatabaseConnections, search: str) -> Journey:
    with connections.writing() as connection:
        first = records.read_matches(connection, OF_ALL, search)[0]
        key = MatchKey(search, first.gateway, first.passage)
        journey = begin_journey(connection, LAN, key, wall_ms(SystemClock()))
        found = journey and read_journey(connection, LAN, journey)
    assert found
    return found


def test_a_journey_goes_from_one_agent_to_its_neighbour(tmp_path: Path) -> None:
    public, _ = make_key(tmp_path / "search.pem")
    clip = make_clip(tmp_path / "clip.mp4", seconds=5)
    key_file = {"key_file": str(tmp_path / "search.pem")}
    with (
        Mosquitto(tmp_path, persistent=True) as broker,
        Centre(tmp_path / "centre", broker.port, search=key_file) as centre,
        gateway(tmp_path / "a", "dt-001", broker, clip, public, location=HERE),
        gateway(tmp_path / "b", "dt-002", broker, clip, public, LATER_S, location=NEAR),
        gateway(tmp_path / "c", "dt-003", broker, clip, public, LATER_S, location=FAR),
    ):
        wait_until(lambda: (centre.state_dir / "central.db").exists(), what="the database")
        connections = DatabaseConnections(centre.database)
        searches, everyone = Searches(connections), {"dt-001", "dt-002", "dt-003"}
        wait_until(lambda: searches.online_gateways() == everyone, 60, "the gateways")
        search = searches.start(of_the_last_hour(gateways=["dt-001"]))
        searches.wait_for_answer(search, "dt-001")
        journey = begin(connections, search)
        step, now_ms = journey.steps[0], wall_ms(SystemClock())
        question = NeighbourQuestion(step=step.id, way=Way.FORWARD)
        with connections.writing() as connection:
            asked = ask_neighbours(connection, LAN, journey, step, question, now_ms, Names())
        assert set(searches.statuses(asked)) == {"dt-002"}, "dt-003 is too far away"
        searches.wait_for_answer(asked, "dt-002")
        with connections.writing() as connection:
            journey = read_journey(connection, LAN, journey.id) or journey
            found = read_candidates(connection, LAN, Names(), journey, step, Way.FORWARD, now_ms)
            assert [each.match.gateway for each in found.candidates] == ["dt-002"] * 3
            assert all(100 < each.gap_s < LATER_S for each in found.candidates)
            best = found.candidates[0].match
            key = MatchKey(asked, best.gateway, best.passage)
            decide(connection, LAN, journey, step.id, key, StepStatus.CONFIRMED, now_ms)
            log = connection.scalars(select(tables.access.c.what).order_by(tables.access.c.id)).all()
        assert log == ["search", "journey-begun", "search", "journey-confirmed"]
        connections.close()
