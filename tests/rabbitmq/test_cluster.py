"""The way out: a simulated fleet and the real centre at three nodes, of which one is killed."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.core.errors import CentralError
from tests.edge_central.parts import Centre
from tests.rabbitmq.cluster import GUIDE, Cluster, Node
from tests.testbed.mosquitto import wait_until

SITES, WARDS = 30, ("de-tham", "bo-xuyen")
PATIENCE_S = 120.0
PASSWORD = "of-the-lab-alone"
READER = "police-de-tham"
"""User of the guide, and the name of its queue."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("rabbit")) as started:
        yield started


def test_the_nodes_are_one_cluster(cluster: Cluster) -> None:
    status = json.loads(cluster.nodes[0].control("cluster_status", "--formatter", "json"))
    assert sorted(status["running_nodes"]) == [node.name for node in cluster.nodes]


def give_rights(node: Node, user: str) -> None:
    """Run the commands of the guide for this user, whose password is ``PASSWORD``."""
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    for line in (each for each in lines if each.startswith("rabbitmqctl")):
        words = shlex.split(line.partition("  #")[0].replace("$(openssl rand -hex 32)", PASSWORD))
        if user in words:
            node.control(*words[1:])


def broker(node: Node) -> tuple[str, ...]:
    """Options of mosquitto's clients."""
    return "-h", "127.0.0.1", "-p", str(node.mqtt_port), "-V", "5"


def test_the_rights_of_the_guide_keep_a_gateway_to_its_own_topics(cluster: Cluster) -> None:
    node = cluster.nodes[0]
    give_rights(node, "dt-001")

    def client(program: str, *words: str) -> subprocess.CompletedProcess[str]:
        me = ("-u", "dt-001", "-P", PASSWORD, "-i", "dt-001")
        command = [program, *broker(node), *me, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    own, other = "tb/v1/de-tham/dt-001", "tb/v1/de-tham/dt-002"
    for topic, may in (
        (f"{own}/up/state", True),
        (f"{other}/up/state", False),
        (f"{own}/down/config", False),
    ):
        answer = client("mosquitto_pub", "-q", "1", "-t", topic, "-m", "x", "-d")
        assert ("Not authorized" not in answer.stderr and answer.returncode == 0) is may, answer
    for topic, may in ((f"{own}/down/cmd/+", True), (f"{other}/down/cmd/+", False), ("tb/v1/#", False)):
        answer = client("mosquitto_sub", "-q", "1", "-t", topic, "-E", "-W", "20")
        assert ("denied" not in answer.stderr and answer.returncode == 0) is may, answer


def event(number: int, ward: str) -> dict[str, Any]:
    about = {"source": f"/tb/{ward}-1", "subject": "cam-1", "type": "vn.thaibinh.edge.object.v1"}
    return {"time": "2026-11-28T00:00:00.000Z", "id": str(number), "data": {"number": number}} | about


def publish(node: Node, ward: str, number: int) -> None:
    topic = f"tb/v1/{ward}/{ward}-1/up/event/info"
    text = json.dumps(event(number, ward))
    words = ("-q", "1", "-t", topic, "-m", text)
    subprocess.run(["mosquitto_pub", *broker(node), *words], check=True, timeout=60)


def test_the_amqp_reader_of_the_guide_misses_no_event_of_its_ward(cluster: Cluster, tmp_path: Path) -> None:
    node = cluster.nodes[0]
    give_rights(node, READER)
    (tmp_path / "password").write_text(PASSWORD)
    out = tmp_path / "out"

    @contextlib.contextmanager
    def reading(ward: str = "de-tham") -> Iterator[subprocess.Popen[str]]:
        words = (f"127.0.0.1:{node.amqp_port}", ward, READER, str(tmp_path / "password"))
        with out.open("a") as printed, subprocess.Popen(
            [sys.executable, str(GUIDE.parent / "amqp_reader.py"), *words],
            stdout=printed, stderr=subprocess.PIPE, text=True,
        ) as reader:  # fmt: skip
            try:
                yield reader
            finally:
                reader.kill()

    with reading() as reader:
        assert reader.stderr is not None
        assert reader.stderr.readline() == f"reads {READER}\n"
        publish(node, "bo-xuyen", 1)
        publish(node, "de-tham", 2)
        wait_until(lambda: "'number': 2" in out.read_text(), what="the event")
    publish(node, "de-tham", 3)  # while the reader is away
    with reading():
        wait_until(lambda: "'number': 3" in out.read_text(), what="the event that waited")
    assert len(out.read_text().splitlines()) == 2, "nothing of another ward, and nothing twice"
    with reading("bo-xuyen") as other:
        _, error = other.communicate(timeout=60)
    assert "ACCESS_REFUSED" in error


def test_a_kill_costs_no_event(cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mqtt = {"brokers": cluster.urls}
    with Centre(tmp_path / "centre", 0, *WARDS, mqtt=mqtt) as centre:
        wait_until(lambda: _connected(centre), PATIENCE_S, "the centre")
        command = [
            *(sys.executable, "-m", "edge_agent", "simulate", "--json"),
            *(word for url in (*cluster.urls[1:], cluster.urls[0]) for word in ("--broker", url)),
            *("--sites", str(SITES), "--wards", ",".join(WARDS), "--spread-s", "2", "--heartbeat-s", "5"),
            *("--duration-s", "40", "--drain-s", "240", "--time-factor", "5"),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as fleet:
            wait_until(lambda: _online(centre) == SITES, PATIENCE_S, "all gateways")
            wait_until(lambda: centre.status().events > 50, PATIENCE_S, "the first events at the centre")
            cluster.nodes[1].kill()  # where all gateways are
            threading.Event().wait(10.0)  # the rest of the cluster works on alone
            before = centre.status().events
            cluster.nodes[1].start()
            cluster.nodes[1].wait()
            wait_until(lambda: centre.status().events > before + 50, PATIENCE_S, "more events")
            out, error = fleet.communicate(timeout=400)
        assert fleet.returncode == 0, error + out
        totals: dict[str, Any] = json.loads(out)
        counts = totals["counts"]
        with capsys.disabled():
            stored, again = counts["stored"], counts["again"]
            print(f"\n{stored} events, {again} sent again, {totals['reconnects']} reconnects")
        status = centre.status()
        assert counts["stored"] == counts["confirmed"] == status.events
        assert (status.missing, status.rejected) == (0, 0)
        assert totals["reconnects"] >= SITES


def _online(centre: Centre) -> int:
    return sum(gateway.state == "online" for gateway in centre.status().gateways)


def _connected(centre: Centre) -> bool:
    with contextlib.suppress(CentralError):  # no database yet
        running = centre.status().running
        return running is not None and running.connected
    return False
