"""A journey in a real Chromium: candidates come while the officer watches, are judged, and become a route."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import insert

from edge_central.journeys.travel_times import TravelTime, store_travel_times
from edge_central.searches.matches import ReceivedPassage
from edge_central.store import tables
from edge_central.web.auth.accounts import Role
from tests.browser.monitoring_room import FAINT, FITS_WIDTH, NAMELESS, PHONE, WALL, Room
from tests.edge_central.console.passages import (
    MINUTE_MS,
    CityGateways,
    connect,
    crop,
    make_searchable,
    passage,
)
from tests.edge_central.console.plan import WARDS
from tests.edge_central.console.served import CityHouse
from tests.testbed.chromium import installed

SHOTS = Path(os.environ.get("EDGE_AGENT_SCREENSHOTS") or "/nowhere")
SCREEN = (1366, 768)
FIRST, NEXT = "bx-010", "bx-003"
LEARNT = TravelTime(FIRST, "cam-1", NEXT, "cam-1", "two-wheeler", 48.0, 35.0, 70.0, 0.5, 400, 9.0, 1)

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CityHouse]:
    with CityHouse(tmp_path_factory.mktemp("city"), events=100) as built:
        make_searchable(built, *(ward for ward, *_ in WARDS))
        connect(built)
        with built.connections.writing() as connection:
            store_travel_times(connection, [LEARNT])
        built.start()
        built.person("lan", Role.OFFICER, "bo-xuyen")
        yield built


def answer(gateways: CityGateways, search: str, rows: dict[str, list[dict[str, object]]]) -> None:
    for command in gateways.asked(search):
        gateways.answer(command, rows.get(command.gateway, []))


def submitted(room: Room, click: str, path: str) -> str:
    """Click, and return the path of the page that follows."""
    room.browser.wait_until("document.getElementById('live').className.includes('on')")
    room.run("document.body.dataset.left = 'yes'")
    room.browser.click(click)
    room.browser.wait_until(
        f"document.readyState === 'complete' && !document.body.dataset.left && {path}.test(location.pathname)"
    )
    return str(room.run("location.pathname"))


@pytest.fixture(scope="module")
def pages(house: CityHouse, room: Room) -> dict[str, str]:
    """A journey with two confirmed passages, one rejected and a further candidate."""
    room.browser.resize(*SCREEN)
    gateways, at_ms = CityGateways(house), house.now_ms() - 20 * MINUTE_MS
    question = {
        "purpose": "trộm xe máy ở Bồ Xuyên", "case": "7/2026", "from": "2020-01-01T00:00",
        "to": "2020-01-02T00:00", "radius": "500", "within": "10", "life": "24", f"site.{FIRST}": "1",
    }  # fmt: skip
    browser = house.browser("lan")
    search = browser.post("/searches", question, page="/searches/new").headers["location"].split("/")[-1]
    store_match(house, search, at_ms)
    room.open(f"/searches/{search}/passages/{FIRST}/1")
    journey = submitted(room, "form.begin button", "/^\\/journeys\\/[0-9a-f]{16}$/")
    step = submitted(room, "table.route a.button", "/\\/steps\\/\\d+$/")
    submitted(room, "#way-forward ~ form button", "/\\/steps\\/\\d+$/")
    asked = str(room.run("document.getElementById('candidates-forward').dataset.search"))
    room.browser.wait_until("document.getElementById('live').className.includes('on')")
    end_ms = at_ms + 9_400
    white = {"colours": {"upper": ["white"], "lower": ["black"]}}
    rows = [passage(2, end_ms + 48_000), passage(3, end_ms + 52_000, **white)]
    rows += [passage(4, end_ms + 95_000, colours={"upper": ["red"]}), passage(5, end_ms + 30_000, **white)]
    answer(gateways, asked, {NEXT: rows})
    tiles = "document.querySelectorAll('#candidates-forward .candidates > li').length"
    room.browser.wait_until(f"{tiles} === 4")
    room.browser.click("#candidates-forward .candidates > li:first-child .crop button")
    room.browser.wait_until(
        "document.querySelector('#candidates-forward .crop').innerText.includes('Đang lấy ảnh')"
    )
    (command,) = gateways.opened(asked)
    gateways.send_picture(command, crop("red", 2))
    room.browser.wait_until("document.querySelector('#candidates-forward .crop img')?.naturalWidth === 84")
    room.browser.click(".candidates > li:first-child .decide button[value=confirmed]")
    room.browser.wait_until("document.querySelector('.candidates > li.decided a.button')")
    room.browser.click(".candidates > li:nth-child(3) .decide button[value=rejected]")
    room.browser.wait_until(f"{tiles} === 3 && document.getElementById('rejected-forward')")
    assert room.browser.complaints == []
    begin = f"/searches/{search}/passages/{FIRST}/1"
    return {"list": "/journeys", "journey": journey, "step": step, "begin": begin}


def store_match(house: CityHouse, search: str, at_ms: int) -> None:
    """The passage that the officer follows; of another time than the form asked, to need no clock."""
    found = msgspec.convert(passage(1, at_ms), ReceivedPassage)
    row = {
        "search": search, "place": 1, "gateway": FIRST, "ward": "bo-xuyen", "camera": "cam-1", "passage": 1,
        "start_ms": at_ms, "document": msgspec.json.encode(found),
    }  # fmt: skip
    with house.connections.writing() as connection:
        connection.execute(insert(tables.search_match), row)


def test_the_best_candidate_is_first_and_the_route_is_drawn(room: Room, pages: dict[str, str]) -> None:
    room.browser.resize(*SCREEN)
    room.open(pages["step"])
    assert "sau đó 48 giây; thường mất từ 35 giây đến 70 giây" in room.run(
        "document.querySelector('.candidates .reasons').innerText"
    )
    assert "lan xác nhận" in room.run("document.querySelector('.candidates > li').innerText")
    room.open(pages["journey"])
    assert room.run("document.querySelectorAll('.route svg .stop').length") == 2
    line = "document.querySelector('.route polyline').getTotalLength()"
    assert room.run(line) > 20
    assert room.run("document.querySelectorAll('table.route tbody tr').length") == 2


def test_the_page_says_why_an_undo_is_refused(room: Room, pages: dict[str, str]) -> None:
    room.browser.resize(*SCREEN)
    room.open(pages["journey"])
    undo = 'table.route form[action$="/undo"]'
    # The first passage cannot be undone, so its row has no button.
    room.run(f"document.querySelector('{undo}').action = '{pages['step']}/undo'")
    room.browser.click(f"{undo} button")
    room.browser.wait_until("document.querySelector('main > [role=alert]')?.innerText.includes('hoàn tác')")
    assert room.run("document.querySelectorAll('table.route tbody tr').length") == 2
    room.browser.complaints.clear()  # Chromium logs the status 409


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("size", [WALL, SCREEN, PHONE])
def test_each_page_of_a_journey_fits_has_names_and_can_be_read(
    room: Room, pages: dict[str, str], size: tuple[int, int], lang: str
) -> None:
    room.browser.resize(*size, phone=size == PHONE)
    room.open(f"/language/{lang}?next=/journeys")
    for name, path in pages.items():
        room.open(path)
        assert room.run(FITS_WIDTH), f"{name}: sideways"
        assert room.run(NAMELESS) == [], name
        assert room.run(FAINT) == {}, name
        assert room.axe_violations() == [], name
        assert room.run("document.querySelectorAll('h1').length") == 1
    assert room.browser.complaints == []
    room.open("/language/vi?next=/journeys")


@pytest.mark.skipif(not SHOTS.is_dir(), reason="pictures are made only with EDGE_AGENT_SCREENSHOTS")
def test_pictures_of_journeys(room: Room, pages: dict[str, str]) -> None:
    for size, label in (((1366, 1400), "day"), (PHONE, "phone")):
        room.browser.resize(*size, phone=size == PHONE)
        for name, path in pages.items():
            room.open(path)
            room.browser.screenshot(SHOTS / f"console-{label}-journey-{name}.png")
