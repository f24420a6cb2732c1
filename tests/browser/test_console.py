"""The console in a real Chromium: its speed, layout, keyboard, names, contrast and sound."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.browser.monitoring_room import FAINT, NAMELESS, PHONE, WALL, Room, people
from tests.edge_central.console.city import COVERED, SHOWN
from tests.edge_central.console.served import CityHouse
from tests.edge_central.rehearsals.parts import CAMERA, YARD, store_rules
from tests.testbed.chromium import Chromium, installed

SHOTS = Path(os.environ.get("EDGE_AGENT_SCREENSHOTS") or "/nowhere")
PAGES = {
    "overview": "/",
    "ward": "/wards/quang-trung",
    "site": f"/sites/{SHOWN}",
    "events": "/events",
    "event": "",  # an alarm, found at the start
    "map": "/map",
    "alerts": "/alerts",
    "handover": "/handover",
    "search": "/search?q=tran+phu",
    "access": "/access",
    "users": "/users",
    "account": "/account",
}
MORE = {
    "traffic": "/traffic",
    "report": "/reports/shift",
    "cases": "/cases",
    "silences": "/silences",
    "user": "/users?user=lan",
    "hidden": "/hidden",
    "month": "/reports/month",
    "search-report": "/reports/searches",
    "availability": "/availability",
    "searches": "/searches",
    "commands": f"/sites/{SHOWN}/commands",
}
SIZES = [WALL, (1366, 768), PHONE]
LOAD_MS, PAINT_MS = 2_000, 1_000
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CityHouse]:
    with CityHouse(tmp_path_factory.mktemp("city"), events=1_500) as built:
        built.start()
        people(built)
        yield built


@pytest.fixture(scope="module")
def room(house: CityHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        made = Room(house, browser)
        PAGES["event"] = alarm_page(house)
        yield made


def alarm_page(house: CityHouse) -> str:
    """The page of an alarm that has ended and has a picture."""
    listed = house.browser("minh").get("/events?severity=17").text
    rows = re.findall(r'href="(/events/\d+)".*?"/sites/([\w-]+)"', listed[listed.index("<main") :], re.S)
    return str(next(page for page, site in rows if site == "pk-003"))


def test_the_whole_city_is_on_the_wall_in_two_seconds_and_painted_in_one(room: Room) -> None:
    room.browser.resize(*WALL)
    took, painted = [], []
    for _ in range(6):  # the best counts: other programs use this machine too
        room.open("/")
        room.browser.wait_until(FIRST_PAINT)
        painted.append(room.run(FIRST_PAINT))
        took.append(room.run("performance.getEntriesByType('navigation')[0].loadEventEnd"))
        if painted[-1] < PAINT_MS and took[-1] < LOAD_MS:
            break
    print("overview of 465 sites:", [f"{ms:.0f} ms" for ms in took], [f"{ms:.0f} ms" for ms in painted])
    assert min(took) < LOAD_MS
    assert min(painted) < PAINT_MS
    assert room.run("document.querySelectorAll('.squares rect').length") == 465


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off_and_everything_has_a_name(room: Room, size: tuple[int, int], lang: str) -> None:
    """All pages in one test, so that a failure names everything that has to be mended."""
    room.browser.resize(*size, phone=size == PHONE)
    room.open(f"/language/{lang}?next=/account")
    found = {}
    for name, path in (PAGES | MORE).items():
        room.open(path)
        if problems := list(findings(room, lang)):
            found[name] = problems
    room.open("/language/vi?next=/account")
    assert found == {}
    assert room.browser.complaints == []


def findings(room: Room, lang: str, landmarks: str = "main, header, nav") -> Iterator[str]:
    """What is wrong with the page that is open. ``landmarks``: the elements that it must have."""
    if room.run("document.documentElement.lang") != lang:
        yield "it is in the other language"
    excess = room.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if excess > 0:
        yield f"it can be scrolled sideways by {excess} px"
    yield from (f"without a name: {each}" for each in room.run(NAMELESS))
    for each in landmarks.split(", "):
        if room.run(f"document.querySelector('{each}') === null"):
            yield f"it has no {each}"
    levels = room.run("Array.from(document.querySelectorAll('h1, h2, h3'), (e) => Number(e.tagName[1]))")
    below_title = levels[levels.index(1) :] if levels.count(1) == 1 else [1, 3]
    if any(later - earlier > 1 for earlier, later in pairwise(below_title)):
        yield f"levels of headings: {levels}"
    yield from room.axe_violations()


@pytest.mark.parametrize("size", SIZES)
def test_the_login_page_fits_and_has_names_in_both_languages(
    house: CityHouse, room: Room, size: tuple[int, int]
) -> None:
    cookies = room.browser.ask("Network.getCookies", urls=[house.url])["cookies"]
    room.browser.resize(*size, phone=size == PHONE)
    room.browser.ask("Network.clearBrowserCookies")
    for lang in ("vi", "en"):
        room.open(f"/language/{lang}?next=/login")
        assert room.run("location.pathname") == "/login"
        assert list(findings(room, lang, "main")) == []
    room.browser.ask("Network.clearBrowserCookies")
    for cookie in cookies:
        room.browser.give_cookie(house.url, cookie["name"], cookie["value"])
    room.open("/account")
    assert room.browser.complaints == []


def test_events_have_their_pictures_beside_them(room: Room) -> None:
    room.browser.resize(*WALL)
    for path, where in (("/events", ".rows"), ("/", "#alarms")):
        room.open(path)
        thumbnails = f"Array.from(document.querySelectorAll('{where} .thumb img'))"
        assert room.run(f"{thumbnails}.length"), path
        on_screen = f"{thumbnails}.filter((e) => e.getBoundingClientRect().top < innerHeight)"
        room.browser.wait_until(f"{on_screen}.every((e) => e.complete && e.naturalWidth > 0)")
    assert room.browser.complaints == []


def test_the_scene_of_an_event_lies_on_its_picture(house: CityHouse, room: Room) -> None:
    gateway, configured = house.city.gateways["pk-003"], CAMERA | {"zones": {"yard": YARD | {"name": "Sân"}}}
    rules = {"config_hash": "ab" * 32, "cameras": dict.fromkeys(gateway.cameras, configured)}
    with house.connections.writing() as connection:
        store_rules(connection, gateway.id, gateway.ward, json.dumps(rules).encode())
    room.browser.resize(*WALL)
    room.open(PAGES["event"])
    place = "(e) => document.querySelector(e).getBoundingClientRect().toJSON()"
    over, drawing = room.run(f"['.scene .over', '.scene svg'].map({place})")
    assert (over["width"], over["height"]) == pytest.approx((drawing["width"], drawing["height"]), abs=1)
    assert over["width"] > 400
    for shape in ("polygon", "rect"):
        inside = f"document.querySelector('.scene {shape}:not(.under)').getBoundingClientRect().toJSON()"
        shown = room.run(inside)
        assert over["left"] <= shown["left"] < shown["right"] <= over["right"] + 1, shape
        assert over["top"] <= shown["top"] < shown["bottom"] <= over["bottom"] + 1, shape
    assert "vùng Sân theo cấu hình" in room.run("document.querySelector('.scene figcaption').textContent")
    assert room.browser.complaints == []


def test_on_a_phone_the_password_can_be_changed_and_the_user_can_log_out(room: Room) -> None:
    room.browser.resize(*PHONE, phone=True)
    room.open("/")
    for what in ("header a[href='/account']", "header form[action='/logout'] button"):
        assert room.run(f'document.querySelector("{what}").checkVisibility()'), what


def test_the_words_on_the_map_of_a_phone_can_be_read(room: Room) -> None:
    room.browser.resize(*PHONE, phone=True)
    room.open("/map")
    heights = "Array.from(document.querySelectorAll('.map text'), (e) => e.getBoundingClientRect().height)"
    assert min(room.run(heights)) >= 11  # pixels


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_what_is_written_can_be_read(room: Room, name: str, scheme: str) -> None:
    room.browser.resize(*WALL)
    room.browser.prefer(prefers_color_scheme=scheme)
    room.open(PAGES[name])
    assert room.run(FAINT) == {}


def test_a_screen_reader_hears_what_a_thing_is(room: Room) -> None:
    room.browser.resize(*WALL)
    room.open("/")
    nodes = room.browser.ask("Accessibility.getFullAXTree")["nodes"]
    named = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node.get("ignored") and "role" in node
    }
    names = {name for role, name in named if role == "button"}
    assert any(re.fullmatch(r"Nhận xử lý: Xâm nhập vùng: người, .*, Cổng", name) for name in names), names
    assert ("searchbox", "Tìm kiếm") in named
    assert ("navigation", "Các trang") in named
    assert any(role == "image" and "cần xử lý" in name for role, name in named)
    silent = [each for each in named if each[0] in ("button", "link", "textbox", "searchbox") and not each[1]]
    assert silent == []


def test_the_keyboard_gets_everywhere_and_shows_where_it_is(room: Room) -> None:
    room.browser.resize(*WALL)
    room.open("/")
    room.browser.press("Tab")
    assert room.run("document.activeElement.className") == "skip"
    room.browser.press("Enter")
    room.browser.wait_until("document.activeElement.id === 'main'")
    room.open("/")
    seen = []
    for _ in range(16):
        room.browser.press("Tab")
        what = "document.activeElement"
        named = f"{what}.getAttribute('href') || {what}.id || {what}.name || {what}.textContent"
        seen.append(room.run(named))
        assert room.run(f"getComputedStyle({what}).outlineStyle !== 'none'"), f"{seen[-1]}: invisible focus"
    for stop in ("/events", "/alerts", "/map", "/handover", "q", "bell"):
        assert stop in seen


def test_reduced_motion_is_respected(room: Room) -> None:
    room.browser.prefer(prefers_reduced_motion="reduce")
    room.open("/")
    row = "document.querySelector('.rows li')"
    room.run(f"{row}.classList.add('new')")
    assert room.run(f"getComputedStyle({row}).animationName") == "none"
    room.browser.prefer()


def test_an_alarm_sounds_until_it_is_acknowledged(house: CityHouse, room: Room) -> None:
    room.browser.resize(*WALL)
    room.open("/")
    room.browser.wait_until("document.getElementById('bell').textContent === 'Bấm để bật chuông'")
    assert room.run("document.body.dataset.sounding") == "false", "browsers want a click first"
    room.browser.click("#bell", held_s=0.5)  # longer than the browser takes to allow sound
    room.browser.wait_until("document.body.dataset.sounding === 'true'")
    assert room.run("document.getElementById('bell').getAttribute('aria-pressed')") == "true"
    assert room.run("document.getElementById('bell').title") == "Bấm để tắt chuông"
    ringing = "document.getElementById('alarms').dataset.ringing.split(';').filter(Boolean).length"
    assert room.run(ringing) == 3
    room.run("document.body.dataset.left = 'yes'; location.reload()")
    # Chromium remembers the click over a reload of the same site.
    room.browser.wait_until("!document.body.dataset.left && document.body.dataset.sounding === 'true'")
    room.run("document.querySelector('#alarms button').focus()")
    room.browser.press("Enter")
    room.browser.wait_until(f"{ringing} === 2")
    assert room.run("document.querySelector('#alarms').contains(document.activeElement)"), "the focus is lost"
    # Another user, at another desk.
    lan = house.browser("lan")
    page = lan.get("/alerts").text
    for subject in sorted(set(re.findall(r'name="subject" value="(row [^"]+)"', page))):
        lan.post("/alerts/acknowledge", {"subject": subject}, page="/alerts")
    room.browser.wait_until("document.body.dataset.sounding === 'false'")
    assert room.run(f"{ringing}") == 0
    assert room.browser.complaints == []


def test_language_is_remembered(room: Room) -> None:
    room.open("/alerts")
    room.browser.click(".language")
    room.browser.wait_until("document.documentElement.lang === 'en' && location.pathname === '/alerts'")
    room.open("/")
    assert room.run("document.querySelector('nav a[aria-current]').textContent.trim()") == "Overview"
    room.browser.click(".language")
    room.browser.wait_until("document.documentElement.lang === 'vi'")


@pytest.mark.skipif(not SHOTS.is_dir(), reason="pictures are made only with EDGE_AGENT_SCREENSHOTS")
def test_pictures_for_the_guide(tmp_path: Path) -> None:
    """Of a city of its own, with its alarms as they came."""
    with CityHouse(tmp_path) as fresh:
        fresh.start()
        people(fresh)
        with Chromium(tmp_path / "profile") as browser:
            room = Room(fresh, browser)
            pages = PAGES | {"event": alarm_page(fresh), "covered": f"/sites/{COVERED[0]}"}
            looks = ((WALL, "dark", "wall"), (WALL, "light", "day"), (PHONE, "light", "phone"))
            for name, path in pages.items():
                for size, scheme, label in looks:
                    browser.resize(*size, phone=size == PHONE)
                    browser.prefer(prefers_color_scheme=scheme)
                    room.open(path)
                    browser.screenshot(SHOTS / f"console-{label}-{name}.png")
