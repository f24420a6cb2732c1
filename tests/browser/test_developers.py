"""The page to try the API, in a real Chromium: it fits, has names, and its buttons send what they say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge_central.web.auth.accounts import Role
from tests.browser.monitoring_room import FAINT, FITS_WIDTH, NAMELESS, PHONE, WALL, Room
from tests.edge_central.console.served import CityHouse
from tests.testbed.chromium import Chromium, installed

OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with CityHouse(tmp_path_factory.mktemp("city"), events=300) as house:
        house.start()
        house.person("minh", Role.ADMIN)
        with Chromium(tmp_path_factory.mktemp("profile")) as browser:
            yield Room(house, browser)


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("size", [WALL, (1366, 768), PHONE])
@pytest.mark.parametrize("path", ["/developers", "/webhooks"])
def test_it_fits_has_names_and_can_be_read(room: Room, path: str, size: tuple[int, int], lang: str) -> None:
    room.browser.resize(*size, phone=size == PHONE)
    room.open(f"/language/{lang}?next={path}")
    room.open(path)
    room.run(OPEN_ALL)
    assert room.run("document.documentElement.lang") == lang
    assert room.run(FITS_WIDTH), "sideways"
    assert room.run(NAMELESS) == []
    assert room.run(FAINT) == {}
    assert room.axe_violations() == []
    assert room.browser.complaints == []


def test_a_request_is_sent_and_its_response_is_shown(room: Room) -> None:
    room.browser.resize(*WALL)
    room.open("/developers")
    room.run("document.getElementById('listEvents').open = true")
    room.run("document.getElementById('listEvents-limit').value = '2'")
    room.run("document.getElementById('listEvents-severity').value = 'alarm'")
    room.browser.click("#listEvents button")
    room.browser.wait_until("document.querySelector('#listEvents .status').textContent.endsWith(': 200')")
    assert "/api/events?limit=2&severity=alarm" in room.run(
        "document.querySelector('#listEvents .status').textContent"
    )
    found = room.run("JSON.parse(document.querySelector('#listEvents .answer').textContent).events")
    assert [each["severitynumber"] for each in found] == [17, 17]
    room.run("document.getElementById('listEvents-kind').value = 'nothing'")
    room.browser.click("#listEvents button")
    room.browser.wait_until("document.querySelector('#listEvents .status').textContent.endsWith(': 400')")
    assert "there is no kind" in room.run("document.querySelector('#listEvents .answer').textContent")


def test_an_alarm_is_acknowledged_from_the_page(room: Room) -> None:
    client = room.house.program(room.house.token("app", "quang-trung", "phu-khanh", "le-hong-phong"))
    incidents = client.get("/api/incidents").json()["incidents"]
    subject = next(each["subject"] for each in incidents if each["acknowledged_at"] is None)
    room.open("/developers")
    room.run("document.getElementById('recordIncidentStep').open = true")
    body = f'{{"step": "acknowledged", "subject": "{subject}"}}'
    room.run(f"document.getElementById('recordIncidentStep-body').value = {body!r}")
    room.browser.click("#recordIncidentStep button")
    status = "document.querySelector('#recordIncidentStep .status').textContent"
    room.browser.wait_until(f"{status}.endsWith(': 201')")
    steps = client.get("/api/incidents/steps").json()["events"]
    assert (subject, "acknowledged", "minh") in [
        (each["subject"], each["data"]["step"], each["data"]["by"]) for each in steps
    ]
