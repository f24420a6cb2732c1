"""Searches of passages in a real Chromium: an investigator asks, watches the answers come, opens pictures."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.wire.received.bounds import with_problem
from edge_central.web.auth.accounts import Role
from tests.browser.monitoring_room import AXE, FAINT, FITS_WIDTH, NAMELESS, PHONE, WALL, Room
from tests.edge_central.console.passages import (
    MINUTE_MS,
    CityGateways,
    Command,
    busy_answer,
    colour_of,
    connect,
    crop,
    make_searchable,
    passage,
)
from tests.edge_central.console.plan import WARDS
from tests.edge_central.console.served import CityHouse
from tests.testbed.chromium import installed

SHOTS = Path(os.environ.get("EDGE_AGENT_SCREENSHOTS") or "/nowhere")
DESK = (1366, 768)
HOT = "bx-014"
AWAY = ("bx-015", "bx-016")
FOUND_AT = "bx-010"
"""Its cameras have whole pictures."""

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CityHouse]:
    with CityHouse(tmp_path_factory.mktemp("city"), events=300) as built:
        make_searchable(built, *(ward for ward, *_ in WARDS))
        connect(built, *AWAY)
        built.start()
        built.person("minh", Role.ADMIN)
        built.person("lan", Role.OFFICER, "bo-xuyen")
        yield built


def start(room: Room, case: str) -> str:
    """Fill the form with the keyboard alone, send it, and return the id of the search."""
    room.open("/searches/new")
    for name, text in (("purpose", "trộm xe máy ở Bồ Xuyên"), ("case", case)):
        reach(room, name)
        room.browser.ask("Input.insertText", text=text)
    reach(room, "group")
    type_ahead(room, "xe")
    reach(room, "colour")
    type_ahead(room, "đỏ")
    chosen = "['group', 'colour'].map((name) => document.querySelector('.ask').elements[name].value)"
    assert room.run(chosen) == ["two-wheeler", "red"]
    reach(room, "life")
    room.browser.press("Tab")
    assert room.run("document.activeElement.textContent") == "Gửi yêu cầu tìm"
    room.browser.press("Enter")
    room.browser.wait_until("/^\\/searches\\/[0-9a-f]{16}$/.test(location.pathname)")
    room.browser.wait_until("document.readyState === 'complete'")
    return str(room.run("location.pathname")).removeprefix("/searches/")


def reach(room: Room, name: str) -> None:
    """Press Tab until the field has the focus, which is visible on the way."""
    for _ in range(400):
        if room.run("document.activeElement.name") == name:
            return
        room.browser.press("Tab")
        assert room.run("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
    raise AssertionError(f"the keyboard does not reach {name}")


def type_ahead(room: Room, text: str) -> None:
    for letter in text:
        room.browser.ask("Input.dispatchKeyEvent", type="keyDown", key=letter, text=letter)
        room.browser.ask("Input.dispatchKeyEvent", type="keyUp", key=letter)


def fill_sheet(house: CityHouse, search: str, most: int = 99) -> CityGateways:
    """Gateways answer, at most so many of them; some find much, and one is too hot."""
    gateways = CityGateways(house)
    commands = [each for each in gateways.asked(search) if each.gateway not in AWAY]
    until_ms = house.now_ms() - MINUTE_MS
    for number, command in enumerate(commands[:most]):
        if command.gateway == HOT:
            later = {"code": "search-later", "params": {"why": {"code": "search-waits-heat"}}}
            gateways.reply(
                command, "running", with_problem("it is answered later: the gateway is hot", later)
            )
            continue
        count = (number * 7) % 5 if command.gateway != FOUND_AT else 4
        found = busy_answer(command.gateway, until_ms - 50 * MINUTE_MS, until_ms, count)
        gateways.answer(command, found, total=312 if count == 3 else None)
    return gateways


def send(gateways: CityGateways, command: Command) -> None:
    """The picture that ``busy_answer`` has named."""
    gateways.send_picture(command, crop(colour_of(command.gateway, command.passage), command.passage))


def test_an_investigator_asks_by_keyboard_and_watches_the_answers_come(house: CityHouse, room: Room) -> None:
    room.browser.resize(*DESK)
    search = start(room, "7/2026")
    text = "document.getElementById('answers').innerText"
    assert "0 trên 17 thiết bị đã trả lời" in room.run(text)
    room.browser.wait_until("document.getElementById('live').className.includes('on')")
    gateways = CityGateways(house)
    first = gateways.asked(search)[0]
    gateways.answer(first, [passage(1, house.now_ms() - 9 * MINUTE_MS)])
    began = time.monotonic()
    room.browser.wait_until("document.querySelectorAll('#sheet .tiles > li').length === 1")
    room.browser.wait_until(f"{text}.includes('1 trên 17 thiết bị đã trả lời')")
    print(f"from the answer to the tile: {time.monotonic() - began:.2f} s")
    assert time.monotonic() - began < 8
    # The picture is opened with the keyboard, and comes without a click.
    reach(room, "passage")
    room.browser.press("Enter")
    room.browser.wait_until("document.querySelector('#sheet .crop').innerText.includes('Đang lấy ảnh')")
    (command,) = gateways.opened(search)
    gateways.send_picture(command, crop("red", 1))
    room.browser.wait_until("document.querySelector('#sheet .crop img')?.naturalWidth === 84")
    assert room.browser.complaints == []


def test_what_is_opened_by_hand_stays_open_when_the_page_updates(house: CityHouse, room: Room) -> None:
    room.browser.resize(*DESK)
    search = start(room, "8/2026")
    room.browser.wait_until("document.getElementById('live').className.includes('on')")
    fold = "document.getElementById('state-sent')"
    room.run(f"{fold}.querySelector('summary').focus()")
    assert not room.run(f"{fold}.open")
    room.browser.press("Enter")
    assert room.run(f"{fold}.open")
    fill_sheet(house, search, 5)
    room.browser.wait_until("document.getElementById('answers').innerText.includes('5 trên 17')")
    assert room.run(f"{fold}.open")
    assert room.run("document.activeElement.parentElement.id") == "state-sent"


def test_a_click_on_the_map_chooses_the_centre_of_the_circle(room: Room) -> None:
    room.browser.resize(*DESK)
    room.open("/searches/new")
    room.browser.click(".spot[data-site='bx-003']")
    assert room.run("document.getElementById('near').value") == "bx-003"
    assert room.run("Number(document.querySelector('.near').getAttribute('r'))") > 20
    assert room.run("document.querySelector('.spot.chosen').dataset.site") == "bx-003"
    room.browser.click(".spot[data-site='bx-003']")
    assert room.run("document.getElementById('near').value") == ""


def test_two_clicks_draw_a_line_in_the_picture(room: Room) -> None:
    room.browser.resize(*DESK)
    room.open(f"/searches/new?site={FOUND_AT}&camera=cam-1")
    room.browser.wait_until("document.querySelector('.walk.line img')?.naturalWidth === 640")
    ends = (
        "['line_x1', 'line_y1', 'line_x2', 'line_y2'].map((id) => Number(document.getElementById(id).value))"
    )
    room.browser.click(".walk.line svg")
    assert room.run(ends) == pytest.approx([50, 50, 50, 50], abs=1)
    room.browser.click(".walk.line svg")
    assert room.run("document.querySelector('.walk.line line').getAttribute('visibility')") == "visible"
    assert room.browser.complaints == []


@pytest.fixture(scope="module")
def pages(house: CityHouse, room: Room) -> dict[str, str]:
    """A search that is half answered, and a passage whose picture has come."""
    search = start(room, "9/2026")
    gateways = fill_sheet(house, search)
    near = f"/searches/{search}/passages/{FOUND_AT}/1"
    room.open(near)
    room.browser.click("#passage .crop button")
    room.browser.wait_until("document.querySelector('#passage .crop').innerText.includes('Đang lấy ảnh')")
    for command in gateways.opened(search):
        send(gateways, command)
    return {
        "list": "/searches",
        "form": "/searches/new",
        "again": f"/searches/new?like={search}&site={FOUND_AT}&camera=cam-1",
        "result": f"/searches/{search}",
        "passage": near,
        "closed": f"/searches/{search}/passages/{FOUND_AT}/2",
    }


NAMES = ("list", "form", "again", "result", "passage", "closed")


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("size", [WALL, DESK, PHONE])
def test_each_page_fits_has_names_and_can_be_read(
    room: Room, pages: dict[str, str], size: tuple[int, int], lang: str
) -> None:
    room.browser.resize(*size, phone=size == PHONE)
    room.open(f"/language/{lang}?next=/searches")
    for name in NAMES:
        room.open(pages[name])
        assert room.run("document.documentElement.lang") == lang
        assert room.run(FITS_WIDTH), f"{name}: sideways"
        assert room.run(NAMELESS) == [], name
        assert room.run(FAINT) == {}, name
        assert room.run("document.querySelectorAll('h1').length") == 1
    assert room.browser.complaints == []
    room.open("/language/vi?next=/searches")


def test_the_path_lies_on_the_whole_picture_of_the_camera(room: Room, pages: dict[str, str]) -> None:
    room.browser.resize(*DESK)
    room.open(pages["passage"])
    room.browser.wait_until("document.querySelector('.walk img')?.naturalWidth === 640")
    shape = "(name) => { const r = document.querySelector('.walk ' + name).getBoundingClientRect();"
    shape += " return [r.x, r.y, r.width, r.height].map(Math.round); }"
    picture, drawing = room.run(f"['img', 'svg'].map({shape})")
    assert picture == drawing
    assert room.run("document.querySelectorAll('.walk polyline').length") == 2


@pytest.mark.skipif(
    not AXE.is_file(), reason="EDGE_AGENT_AXE names no axe.min.js of the npm package axe-core"
)
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_axe_finds_nothing(room: Room, pages: dict[str, str], size: tuple[int, int]) -> None:
    room.browser.resize(*size, phone=size == PHONE)
    for name in NAMES:
        room.open(pages[name])
        assert room.axe_violations() == [], name


SHOWN = """
Array.from(document.images).every((e) => e.naturalWidth || e.getBoundingClientRect().top > innerHeight)
"""


@pytest.mark.skipif(not SHOTS.is_dir(), reason="pictures are made only with EDGE_AGENT_SCREENSHOTS")
def test_pictures_for_the_guide(house: CityHouse, room: Room, pages: dict[str, str]) -> None:
    room.open(pages["result"])
    search = pages["result"].removeprefix("/searches/")
    room.browser.click("#sheet .several button")
    room.browser.wait_until("document.getElementById('sheet').innerText.includes('Đang lấy ảnh')")
    gateways = CityGateways(house)
    for command in gateways.opened(search):
        send(gateways, command)
    for size, label in ((WALL, "day"), (PHONE, "phone")):
        room.browser.resize(*size, phone=size == PHONE)
        room.browser.prefer(prefers_color_scheme="light")
        for name in NAMES:
            room.open(pages[name])
            room.browser.wait_until(SHOWN)
            room.browser.screenshot(SHOTS / f"console-{label}-search-{name}.png")
