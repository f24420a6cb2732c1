"""The congestion level on the page of a camera, in the API and in its files."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator

import pytest

from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import WARD, FakeGateway
from tests.edge_central.traffic.parts import DAY, flow, line_counts, moment, object_counts, seeing
from tests.edge_central.web.house import House
from tests.edge_central.web.test_contract import valid
from tests.edge_central.web.test_traffic_pages import CAMERA, rows_of, text_of
from tests.host.fakes import FakeClock

OURS = FakeGateway("dt-001")
DAY_BEFORE = "2026-11-23"


def quarters(begin: int, end: int) -> Iterator[tuple[str, str]]:
    """Begin and end of the quarters of an hour between two hours."""
    clocks = [f"{n // 4:02d}:{n % 4 * 15:02d}" for n in range(begin * 4, end * 4 + 1)]
    yield from itertools.pairwise(clocks)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """At 12:03, after a day of free flow: from eight on it becomes full, slow, and stands from eleven on."""
    clock = FakeClock(moment("23:59", DAY_BEFORE))
    with House(tmp_path_factory.mktemp("house"), clock=clock) as built:
        messages = [
            object_counts(OURS, n, *each, {"car": 9}, flow=flow(1.2), day=DAY_BEFORE)
            for n, each in enumerate(list(quarters(0, 24))[:-1], 1)
        ]
        built.take(*messages, seeing(OURS, "23:59", "00:00", day=DAY_BEFORE))
        clock.wall = moment("12:03", DAY)
        by_hour = {8: flow(3.0, speed=2.0), 9: flow(4.0, speed=1.0), 10: flow(5.0, speed=0.5)}
        by_hour[11] = flow(0.0, standing=6.0, speed=None)
        sequence, today = len(messages), []
        for hour, found in by_hour.items():
            for each in quarters(hour, hour + 1):
                sequence += 1
                new = {} if hour == 11 else {"car": 5}
                today.append(object_counts(OURS, sequence, *each, new, flow=found))
        built.take(
            *today, seeing(OURS, "12:01", "00:00"), line_counts(OURS, 900, "00:00", "10:07", {"car": 1})
        )
        built.person("lan", Role.OFFICER, WARD)
        yield built.start()


@pytest.mark.parametrize(
    ("lang", "free", "busy", "slow", "standing", "speed"),
    [
        ("vi", "thông thoáng 60", "đông 60", "chậm 60", "đứng yên 60", "tốc độ"),
        ("en", "free 60", "busy 60", "slow 60", "standing 60", "speed"),
    ],
)
def test_the_page_of_a_camera_shows_minutes_of_each_level(
    house: House, lang: str, free: str, busy: str, slow: str, standing: str, speed: str
) -> None:
    lan = house.browser("lan", lang=lang)
    page = lan.get(f"{CAMERA}&from={DAY}&to={DAY}&step=hour").text
    rows = rows_of(page)
    assert rows["24/11/2026 07:00"][2] == free, "nothing passed, and there was a picture"
    assert rows["24/11/2026 08:00"][2] == f"{free} {speed} 100%"
    assert rows["24/11/2026 09:00"][2] == f"{busy} {speed} 50%"
    assert rows["24/11/2026 10:00"][2] == f"{slow} {speed} 25%"
    assert rows["24/11/2026 11:00"][2] == standing, "the road is not empty"
    assert "Highway Capacity Manual 2010" in text_of(page)


def test_by_quarter_there_is_one_level_and_without_enough_days_none(house: House) -> None:
    lan = house.browser("lan", lang="en")
    page = lan.get(f"{CAMERA}&from={DAY}&to={DAY}&step=15min").text
    assert rows_of(page)["24/11/2026 10:15"][2] == "slow speed 25%"
    early = lan.get(f"{CAMERA}&from=2026-11-10&to={DAY_BEFORE}&step=day").text
    assert "needs at least 24 hours" in text_of(early), "95 quarters are one too few"
    assert rows_of(early)["23/11/2026"][2] == "not known"


def test_the_api_and_its_files_have_the_level(house: House) -> None:
    client = house.program(house.token("app", WARD))
    params = {"from": DAY, "to": "2026-11-24T12:00:00+07:00", "step": "hour", "gateway": "dt-001"}
    answer = valid(client.get("/api/traffic", params=params), "TrafficAnswer")
    camera, line = answer["series"]
    assert camera["free_flow"] == {"speed": 2.0, "unit": "lengths/s", "quarters": 107}
    levels = [each["congestion"] for each in camera["periods"]]
    assert [each["slow_min"] for each in levels] == [0] * 10 + [60, 0]
    assert (levels[11]["standing_min"], levels[11]["vehicles"], levels[9]["speed_percent"]) == (60, 6.0, 50)
    assert (line["free_flow"], line["periods"][0]["congestion"]) == (None, None)
    del params["gateway"]
    plain = client.get("/api/traffic", params=params).json()["series"][0]
    assert (plain["free_flow"], plain["periods"][0]["congestion"]) == (None, None)
    table = client.get("/api/traffic", params=params | {"gateway": "dt-001", "format": "csv"}).content
    rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    at_eleven = [row for row in rows if row["at"].startswith("2026-11-24T11") and not row["line"]]
    assert {row["standing_min"] for row in at_eleven} == {"60"}
    assert {row["free_min"] for row in rows if row["line"]} == {""}
    features = client.get("/api/traffic", params=params | {"gateway": "dt-001", "format": "geojson"}).json()
    assert features["features"][0]["properties"]["periods"][10]["congestion"]["slow_min"] == 60
