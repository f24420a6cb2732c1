"""Console, API, ``central status``, metrics and ``edge-agent gateways``: the same states, counts, since."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from edge_central.presence.presence import PresenceThresholds
from edge_central.settings import Database
from edge_central.store.presence_reports import PRESENT, PresenceState
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import translate
from tests.edge_central.parts import Centre, FakeGateway, FakeGateways
from tests.edge_central.prepared import configured
from tests.edge_central.test_metrics import scraped
from tests.edge_central.web.house import House
from tests.testbed.command_line import run_command
from tests.testbed.mosquitto import Mosquitto, free_port, wait_until

ONLINE, BOOTING, UNSTABLE, OFFLINE, STOPPED = (FakeGateway(f"dt-00{number}") for number in range(1, 6))
CUT = tuple(FakeGateway(f"bx-00{number}", "bo-xuyen") for number in range(1, 5))
STATES = {
    ONLINE.id: "online",
    BOOTING.id: "booting",
    UNSTABLE.id: "unstable",
    OFFLINE.id: "offline",
    STOPPED.id: "stopped",
    **{each.id: "cut" for each in CUT},
}
LABELS = {translate(f"standing-{state}", "en"): str(state) for state in PresenceState}

Answer = Mapping[str, tuple[str, int]]
"""Gateway -> state, and since when in seconds since 1970."""


class FiveViews:
    """A centre at a broker, and everything that shows the presence of its gateways."""

    def __init__(self, folder: Path, broker: Mosquitto, house: House, url: str) -> None:
        self.metrics_port = free_port()
        self.broker = broker
        metrics = {"listen": f"127.0.0.1:{self.metrics_port}"}
        self.centre = Centre(folder, broker.port, "de-tham", "bo-xuyen", database=url, metrics=metrics)
        self.centre.thresholds = PresenceThresholds(hold_s=3.0, outage_hold_s=0.5, grace_s=0.0, falls=2)
        self.browser = house.login("minh", Role.ADMIN)
        self.browser.get("/language/en")
        self.program = house.program(house.token("app", "de-tham", "bo-xuyen"))

    def console(self) -> Answer:
        found = {}
        for gateway in STATES:
            page = self.browser.get(f"/sites/{gateway}").text
            shown = re.search(r'class="standing.*?<b>(.*?)</b>.*?<time datetime="(.*?)"', page)
            assert shown is not None, page
            found[gateway] = LABELS[shown[1]], seconds(shown[2])
        return found

    def api(self) -> Answer:
        document = self.program.get("/api/inventory").json()
        return {each["id"]: (each["state"], seconds(each["since"])) for each in document["gateways"]}

    def status(self) -> Answer:
        found = self.centre.status().gateways
        return {each.gateway: (str(each.presence), seconds(each.presence_since or "")) for each in found}

    def fleet(self) -> Answer:
        rows = json.loads(self._fleet("--json"))
        return {row["gateway"]: (row["state"], seconds(row["since"])) for row in rows}

    def metrics(self) -> Answer:
        found = self._samples("edge_gateway_state_since_time_seconds")
        return {each.labels["gateway"]: (each.labels["state"], int(each.value)) for each in found}

    def counts(self) -> list[Counter[str]]:
        """Gateways by state, as metrics, ``central status`` and ``fleet`` count them."""
        metrics = Counter[str]()
        for each in self._samples("edge_ward_gateways"):
            metrics[each.labels["state"]] += int(each.value)
        status = run("central", "status", str(self.centre.config))
        line = next(each for each in status.splitlines() if each.startswith("gateways"))
        return [+metrics, counted(line), counted(self._fleet("--once").splitlines()[-1])]

    def sites_online(self) -> int:
        found = re.search(r"<dt>Sites online</dt><dd><b>(\d+)</b>", self.browser.get("/").text)
        assert found is not None
        return int(found[1])

    def _fleet(self, *options: str) -> str:
        broker = f"mqtt://127.0.0.1:{self.broker.port}"
        return run("fleet", "--broker", broker, "--listen-s", "2", *options)

    def _samples(self, name: str) -> list[Sample]:
        families = text_string_to_metric_families(scraped(self.metrics_port))
        return [each for family in families for each in family.samples if each.name == name]


def run(*words: str) -> str:
    done = run_command(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def seconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp())


def counted(line: str) -> Counter[str]:
    """The counts of a line such as ``9 gateways: 2 online, 7 cut``."""
    return Counter({word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)(?=,|$)", line)})


@pytest.fixture
def views(broker: Mosquitto, database: Database, tmp_path: Path) -> Iterator[FiveViews]:
    url = configured(database)
    with House(tmp_path, database=url).start() as house:
        made = FiveViews(tmp_path, broker, house, url)
        with made.centre:
            yield made


def say(gateways: FakeGateways, state: str, session: str, *of: FakeGateway) -> None:
    """Publish the state of these gateways as agents and brokers do: retained."""
    for gateway in of:
        gateways.publish(*gateway.state(state, session), retain=True)


def wait_states(gateways: FakeGateways, states: Mapping[str, str]) -> None:
    everything = (ONLINE, BOOTING, UNSTABLE, OFFLINE, STOPPED, *CUT)
    gateways.wait_for(
        lambda: {each.id: gateways.presence(each) for each in everything if each.id in states} == states
    )


def into_every_state(gateways: FakeGateways) -> None:
    say(gateways, "online", "s-1", ONLINE, BOOTING, UNSTABLE, OFFLINE, STOPPED, *CUT)
    gateways.publish(*BOOTING.heartbeat("s-1", box={"uptime_s": 20.0}))
    wait_states(gateways, dict.fromkeys(STATES, "online") | {BOOTING.id: "booting"})
    say(gateways, "offline", "s-1", UNSTABLE, OFFLINE)
    say(gateways, "stopped", "s-1", STOPPED)
    wait_states(gateways, {UNSTABLE.id: "offline", OFFLINE.id: "offline"})
    say(gateways, "online", "s-2", UNSTABLE)
    wait_states(gateways, {UNSTABLE.id: "online"})
    say(gateways, "offline", "s-2", UNSTABLE)
    say(gateways, "offline", "s-1", *CUT)
    wait_states(gateways, {UNSTABLE.id: "unstable"})
    say(gateways, "online", "s-3", UNSTABLE)
    wait_states(gateways, STATES)


def same_everywhere(views: FiveViews) -> Answer:
    """Check that all five agree on states and since, and return what they say."""
    answers: dict[str, Callable[[], Answer]] = {
        "console": views.console, "API": views.api, "status": views.status, "fleet": views.fleet
    }  # fmt: skip
    wait_until(lambda: views.status() == views.metrics(), what="what is published in the database")
    expected = views.metrics()
    for name, ask in answers.items():
        assert ask() == expected, name
    return expected


def check_counts(views: FiveViews, answer: Answer) -> None:
    states = Counter(state for state, _ in answer.values())
    assert views.counts() == [states] * 3
    assert views.sites_online() == sum(states[state] for state in PRESENT)


def test_all_five_give_the_same_states_counts_and_since(views: FiveViews, broker: Mosquitto) -> None:
    with FakeGateways(broker) as gateways:
        gateways.wait_state("online")
        into_every_state(gateways)
        wait_until(lambda: {id: state for id, (state, _) in views.metrics().items()} == STATES)
        during = same_everywhere(views)
        assert {gateway: state for gateway, (state, _) in during.items()} == STATES
        check_counts(views, during)

        views.centre.stop()
        gateways.wait_state("stopped")
        views.centre.start()
        gateways.wait_state("online")
        wait_until(lambda: len(views.metrics()) == len(STATES))
        assert same_everywhere(views) == during, "a restart of the centre changes nothing"

        say(gateways, "stopped", "s-1", ONLINE)
        wait_states(gateways, {ONLINE.id: "stopped"})
        say(gateways, "online", "s-2", ONLINE)
        wait_states(gateways, {ONLINE.id: "online"})
        assert same_everywhere(views) == during, "a restart of an agent changes no since either"

        say(gateways, "online", "s-2", *CUT)
        wait_states(gateways, {each.id: "online" for each in CUT})
        wait_until(lambda: views.centre.status().outages == [])
        after = same_everywhere(views)
        assert {after[each.id][0] for each in CUT} == {"online"}
        check_counts(views, after)
