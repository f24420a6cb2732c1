"""The way out: a simulated fleet and the real centre at three nodes, of which one is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.central.parts import Centre
from tests.rabbitmq.cluster import Cluster
from tests.testbed.mosquitto import wait_until

SITES, WARDS = 30, ("de-tham", "bo-xuyen")
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("rabbit")) as started:
        yield started


def test_the_nodes_are_one_cluster(cluster: Cluster) -> None:
    status = json.loads(cluster.nodes[0].control("cluster_status", "--formatter", "json"))
    assert sorted(status["running_nodes"]) == [node.name for node in cluster.nodes]


def test_a_node_that_is_killed_costs_no_event(cluster: Cluster, tmp_path: Path) -> None:
    mqtt = {"brokers": cluster.urls}
    with Centre(tmp_path / "centre", 0, *WARDS, mqtt=mqtt) as centre:
        wait_until(lambda: _stored(centre) is not None, PATIENCE_S, "the centre's database")
        command = [
            *(sys.executable, "-m", "edge_agent", "simulate", "--json"),
            *(word for url in (*cluster.urls[1:], cluster.urls[0]) for word in ("--broker", url)),
            *("--sites", str(SITES), "--wards", ",".join(WARDS), "--spread-s", "2", "--heartbeat-s", "5"),
            *("--duration-s", "40", "--drain-s", "240", "--time-factor", "5"),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as fleet:
            wait_until(lambda: (_stored(centre) or 0) > 50, PATIENCE_S, "the first events at the centre")
            cluster.nodes[1].kill()  # where all gateways are
            threading.Event().wait(10.0)  # the rest of the cluster works on alone
            before = _stored(centre) or 0
            cluster.nodes[1].start()
            cluster.nodes[1].wait()
            wait_until(lambda: (_stored(centre) or 0) > before + 50, PATIENCE_S, "more events")
            out, error = fleet.communicate(timeout=400)
        assert fleet.returncode == 0, error
        counts: dict[str, Any] = json.loads(out)["counts"]
        status = centre.status()
        assert counts["stored"] == counts["confirmed"] == status.events
        assert (status.missing, status.rejected) == (0, 0)
        assert json.loads(out)["reconnects"] >= SITES


def _stored(centre: Centre) -> int | None:
    return centre.status().events if (centre.state_dir / "central.db").exists() else None
