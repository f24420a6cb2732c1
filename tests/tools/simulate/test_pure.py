"""The fleet, its day and its delivery counts, without a broker."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edge_agent.core.clock import SystemClock
from edge_agent.core.command_line.parser import CommandParser
from edge_agent.core.delivery import Stamp
from edge_agent.core.errors import ConfigError
from edge_agent.tools.broker_arguments import add_root_argument
from edge_agent.tools.broker_commands import CHANGES
from edge_agent.tools.simulate.delivery_ledger import DeliveryCounts, DeliveryLedger, bucket_of, percentile_s
from edge_agent.tools.simulate.event_generator import SimulatedDay, picture
from edge_agent.tools.simulate.scenario import (
    PowerOutage,
    RollingRestart,
    Scenario,
    WardOutage,
    load,
    make_sites,
    split_sites,
)
from edge_agent.tools.simulate.totals import UNHEARD, SimulationTotals, progress, table


def test_the_city_has_its_sites_and_cameras_and_the_same_ones_each_time() -> None:
    sites = make_sites(Scenario())
    assert len({site.id for site in sites}) == 465
    assert sum(len(site.cameras) for site in sites) == 1194
    assert {len(site.cameras) for site in sites} <= set(range(1, 9))
    assert {site.ward for site in sites} == set(Scenario().wards)
    assert sites == make_sites(Scenario())
    assert sites != make_sites(Scenario(seed=2))


def test_processes_share_the_city_and_no_ward_is_in_one_alone() -> None:
    sites = make_sites(Scenario())
    parts = split_sites(sites, 100)
    assert sorted(site.id for part in parts for site in part) == [site.id for site in sites]
    assert max(map(len, parts)) <= 100
    assert all({site.ward for site in part} == set(Scenario().wards) for part in parts)


def test_a_day_says_what_a_day_has_to_say_however_fast_it_goes_by() -> None:
    for factor in (1.0, 600.0):
        day, lasts_s = SimulatedDay(6.0, factor), 86_400.0 / factor
        steps = 2_000
        reported = sum(day.per_s(lasts_s * step / steps, 8_500) for step in range(steps)) * lasts_s / steps
        assert reported == pytest.approx(8_500, rel=0.01)


def test_nights_are_quiet() -> None:
    day = SimulatedDay(0.0, 1.0)
    assert day.weight(3 * 3600) < 0.2
    assert day.weight(17 * 3600) > 1.5
    assert day.hour(25 * 3600) == pytest.approx(1.0)


def test_latencies_are_counted_within_a_fifth() -> None:
    for seconds in (0.0005, 0.0131, 0.97, 3.3, 1000.0):
        latency = [0] * 100
        latency[bucket_of(seconds)] += 1
        found = percentile_s(latency, 1.0)
        assert found is not None
        assert seconds <= found <= max(0.001, seconds * 1.2)
    assert percentile_s([0] * 100, 0.5) is None


def test_an_answer_may_be_faster_than_the_one_who_asks_and_counts_once() -> None:
    ledger = DeliveryLedger(SystemClock())
    ledger.delivered(1, "e")
    for sequence in (1, 2, 3):
        ledger.stored(Stamp(sequence, "e"), 0.0, picture=False)
    ledger.confirmed("e", 2, [3])
    ledger.confirmed("e", 3, [])
    ledger.confirmed("e", 4, [])
    ledger.stored(Stamp(4, "e"), 0.0, picture=False)
    ledger.stored(Stamp(5, "e"), 0.0, picture=False)
    assert (ledger.counts.stored, ledger.counts.confirmed) == (5, 4)


def test_pictures_are_jpegs_of_the_size_and_each_is_another_one() -> None:
    import cv2
    import numpy as np

    dice = random.Random(1)
    one, two = picture(200_000, dice), picture(200_000, dice)
    assert one != two
    assert abs(len(one) - 200_000) < 100
    decoded = cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert decoded is not None
    assert decoded.shape == (16, 16)


FILE = """\
sites: 10
cameras: 20
wards: [de-tham, bo-xuyen]
begins_at: "22:30"
time_factor: 60
faults:
  - {kind: ward-outage, at_s: 5, for_s: 10, ward: de-tham}
  - {kind: power-cut, at_s: 20, for_s: 5}
  - {kind: rolling-restart, at_s: 30, every_s: 0.5}
"""


def test_a_file_is_read_and_the_command_line_wins(tmp_path: Path) -> None:
    file = tmp_path / "day.yaml"
    file.write_text(FILE)
    found = load(file, {"sites": 15, "delivery": "broker"})
    assert (found.sites, found.cameras, found.begins_at_h, found.delivery) == (15, 20, 22.5, "broker")
    outage = WardOutage(at_s=5, for_s=10, ward="de-tham")
    assert found.faults == (outage, PowerOutage(at_s=20, for_s=5), RollingRestart(at_s=30, every_s=0.5))
    assert load(None, {}) == Scenario()


def test_sites_alone_have_as_many_cameras_as_in_the_city(tmp_path: Path) -> None:
    file = tmp_path / "day.yaml"
    file.write_text("sites: 31\n")
    assert load(file, {}).cameras == 80
    assert load(file, {"sites": 93}).cameras == 239
    assert load(None, {"sites": 465}).cameras == 1194


@pytest.mark.parametrize("sites", ["0", "-4", "many", "[1]", "99999999999999999999999"])
def test_sites_that_cannot_be_are_the_only_mistake(tmp_path: Path, sites: str) -> None:
    file = tmp_path / "day.yaml"
    file.write_text(f"sites: {sites}\n")
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert "sites" in str(caught.value)
    assert "cameras" not in str(caught.value)


def test_a_prefix_leaves_room_for_the_number_of_a_site() -> None:
    assert len(make_sites(load(None, {"prefix": "a" * 59, "sites": 2}))[0].id) == 63
    with pytest.raises(ConfigError, match="59 are the most"):
        load(None, {"prefix": "a" * 60, "sites": 2})


@pytest.mark.parametrize("root", ["a/#", "+", "$SYS", "", "tb//v1", "a b", "x" * 65])
def test_a_root_that_is_none_is_a_wrong_argument(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = CommandParser()
    add_root_argument(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--root", root])
    assert ended.value.code == 2
    assert "levels such as tb/v1" in capsys.readouterr().err


def test_every_mistake_is_named_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "day.yaml"
    file.write_text(FILE.replace("ward: de-tham", "ward: tien-phong").replace("time_factor", "time_facter"))
    with pytest.raises(ConfigError) as caught:
        load(file, {"cameras": 1000})
    reported = str(caught.value)
    assert "time_facter" in reported
    assert "did you mean 'time_factor'" in reported
    assert "tien-phong is none of wards" in reported
    assert "1000 cameras on 10 sites" in reported
    assert "day.yaml:5:1" in reported


def test_it_says_when_nobody_confirms_also_where_the_broker_has_no_subscriber() -> None:
    unheard = SimulationTotals(counts=DeliveryCounts(stored=6, sent=4))
    assert UNHEARD in progress(11.0, unheard)
    assert UNHEARD in "\n".join(table(unheard, 4.0))
    heard = SimulationTotals(counts=DeliveryCounts(stored=6, sent=4, at_broker=4, confirmed=1))
    assert UNHEARD not in progress(11.0, heard)


def test_the_help_names_the_defaults_of_the_scenario() -> None:
    named = {name.replace("-", "_"): float(default) for name, _, _, default in CHANGES if default.isdigit()}
    assert len(named) >= 8
    assert named == {name: getattr(Scenario(), name) for name in named}
