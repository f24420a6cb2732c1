"""Rules and rehearsals in a real Chromium: the pages fit, have names, and can be read; the zone lies on the
picture."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.wire.received.messages import ReplyMessage
from edge_central.rehearsals.answers import record_replies
from edge_central.searches.model import SearchAuthor
from edge_central.store.scope import Scope
from edge_central.web.auth.accounts import Role
from tests.browser.monitoring_room import FAINT, FITS_WIDTH, NAMELESS, PHONE, WALL, Room
from tests.edge_central.console.passages import CityGateways, crop, make_searchable
from tests.edge_central.console.plan import WARDS
from tests.edge_central.console.served import CityHouse
from tests.edge_central.rehearsals.parts import (
    CAMERA,
    YARD,
    document,
    example,
    rehearse,
    result,
    store_rules,
)
from tests.testbed.chromium import installed

SHOTS = Path(os.environ.get("EDGE_AGENT_SCREENSHOTS") or "/nowhere")
DESK = (1366, 768)
SITE = "bx-010"
"""Its cameras have whole pictures."""
RULES = f"/sites/{SITE}/cameras/cam-1/rules"

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CityHouse]:
    with CityHouse(tmp_path_factory.mktemp("city"), events=300) as built:
        make_searchable(built, *(ward for ward, *_ in WARDS))
        with built.connections.writing() as connection:
            yard = {"yard": YARD | {"exclude": [[[0.3, 0.3], [0.4, 0.3], [0.4, 0.5]]]}}
            masks = [[[0.0, 0.0], [0.3, 0.0], [0.3, 0.1]]]
            store_rules(connection, SITE, "bo-xuyen", document(CAMERA | {"zones": yard, "masks": masks}))
        built.start()
        built.person("minh", Role.ADMIN)
        built.person("lan", Role.OFFICER, "bo-xuyen")
        yield built


@pytest.fixture(scope="module")
def pages(house: CityHouse, room: Room) -> dict[str, str]:
    """A rehearsal with an answer, and the pictures of two of its examples."""
    by_hour = [9, 4, 2, 0, 1, 0, 0, 3, 5, 2, 0, 0, 1, 0, 2, 3, 4, 9, 12, 17, 21, 30, 26, 14]
    counted = {
        "reports": sum(by_hour),
        "by_hour": by_hour,
        "by_day": {f"2026-11-{n}": n for n in range(14, 28)},
    }
    drafted = {"reports": 60, "by_hour": [n // 3 for n in by_hour], "by_day": {"2026-11-20": 60}}
    shown = [example(n, picture=n != 4, by=("both", "in-force")[n % 2]) for n in range(1, 7)]
    answer = result(in_force=counted, draft=drafted, live=161, both=58, examples=shown)
    author = SearchAuthor("lan", "::1", Scope(frozenset({"bo-xuyen"})))
    with house.connections.writing() as connection:
        id_ = rehearse(connection, author, house.now_ms(), gateway=SITE)
        told = ReplyMessage(
            "bo-xuyen", SITE, f"rehearse-{id_}", "succeeded", "done", "ok", result=json.dumps(answer).encode()
        )
        record_replies(connection, [told], house.now_ms())
    room.browser.resize(*DESK)
    room.open(f"/rehearsals/{id_}")
    room.browser.click(".tiles > li:nth-child(1) .crop button")
    room.browser.wait_until("document.querySelector('.tiles .crop').innerText.includes('Đang lấy ảnh')")
    gateways = CityGateways(house)
    for command in gateways.opened(id_):
        gateways.send_picture(command, crop("red", command.passage))
    return {
        "rules": RULES,
        "proposals": f"{RULES}?proposals=night",
        "form": f"{RULES}/night/rehearse",
        "line-form": f"{RULES}/gate/rehearse",
        "result": f"/rehearsals/{id_}",
    }


NAMES = ("rules", "proposals", "form", "line-form", "result")


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
        assert room.axe_violations() == [], name
        assert room.run("document.querySelectorAll('h1').length") == 1
    assert room.browser.complaints == []
    room.open("/language/vi?next=/searches")


def test_the_zone_lies_on_the_whole_picture_of_the_camera(room: Room, pages: dict[str, str]) -> None:
    room.browser.resize(*DESK)
    room.open(pages["form"])
    room.browser.wait_until("document.querySelector('.walk img')?.naturalWidth === 640")
    shape = "(name) => { const r = document.querySelector('.walk ' + name).getBoundingClientRect();"
    shape += " return [r.x, r.y, r.width, r.height].map(Math.round); }"
    picture, drawing = room.run(f"['img', 'svg'].map({shape})")
    assert picture == drawing
    assert room.run("document.querySelectorAll('.walk polygon:not(.mask)').length") == 3, "one is excluded"
    assert room.run("document.querySelectorAll('.walk polygon.mask').length") == 1


POINTS = "document.getElementById('points').value.split(', ').map((each) => each.split(' ').map(Number))"
OTHERS = """
Array.from(
    document.querySelectorAll('.walk polygon.excluded, .walk polygon.mask'), (e) => e.getAttribute('points'))
"""
CORNERS = "document.querySelectorAll('.walk circle[tabindex][data-shape=\"0\"]').length"
PARTS = "document.getElementById('excluded').value.split('; ').map((each) => each.split(', '))"


def test_a_corner_of_the_zone_is_moved_in_the_picture(room: Room, pages: dict[str, str]) -> None:
    room.browser.resize(*DESK)
    room.open(pages["form"])
    before, others = room.run(POINTS), room.run(OTHERS)
    assert room.run(CORNERS) == len(before)
    room.browser.drag('.walk circle[tabindex][data-corner="0"]', ".walk svg", (0.25, 0.5))
    assert room.run(POINTS) == [pytest.approx([0.25, 0.5], abs=0.005), *before[1:]]
    zone = "document.querySelector('.walk polygon:not(.mask)').getAttribute('points')"
    drawn = room.run(f"{zone}.split(' ').length")
    assert drawn == len(before)
    assert room.run(OTHERS) == others, "the excluded part and the mask stay where they are"


def test_corners_are_added_removed_and_moved_by_keys(room: Room, pages: dict[str, str]) -> None:
    room.browser.resize(*DESK)
    room.open(pages["form"])
    before = room.run(POINTS)
    room.browser.drag('.walk circle.between[data-corner="1"]', ".walk svg", (0.4, 0.3))
    assert room.run(POINTS)[1] == pytest.approx([0.4, 0.3], abs=0.005)
    assert room.run("document.activeElement.dataset.corner") == "1"
    room.browser.press("ArrowRight")
    assert room.run(POINTS)[1] == pytest.approx([0.41, 0.3], abs=0.005)
    room.browser.press("Delete")
    assert room.run(POINTS) == before
    assert room.browser.complaints == []


def test_parts_that_the_zone_excludes_are_drawn_too(room: Room, pages: dict[str, str]) -> None:
    room.browser.resize(*DESK)
    room.open(pages["form"])
    zone, parts = room.run(POINTS), room.run(PARTS)
    room.browser.drag('.walk circle[tabindex][data-shape="1"][data-corner="0"]', ".walk svg", (0.32, 0.35))
    moved = [float(number) for number in room.run(PARTS)[0][0].split()]
    assert moved == pytest.approx([0.32, 0.35], abs=0.005)
    room.browser.click("#excluded-add")
    added = room.run(PARTS)
    assert [len(each) for each in added] == [len(parts[0]), 4]
    assert room.run("document.querySelectorAll('.walk polygon.excluded').length") == 2
    assert room.run("document.activeElement.dataset.shape") == "2"
    for _ in range(2):  # a square without two corners is nothing
        room.browser.press("Delete")
    assert room.run(PARTS) == added[:1]
    assert room.run(POINTS) == zone
    assert room.browser.complaints == []


def test_a_line_keeps_its_two_ends(room: Room, pages: dict[str, str]) -> None:
    room.open(pages["line-form"])
    room.run("document.querySelector('.walk circle[tabindex]').focus()")
    room.browser.press("Delete")
    assert room.run(CORNERS) == 2 == len(room.run(POINTS))
    assert room.run("document.getElementById('excluded-add')") is None
    assert room.run("document.querySelectorAll('.walk circle.between').length") == 0


SHOWN = """
Array.from(document.images).every((e) => e.naturalWidth || e.getBoundingClientRect().top > innerHeight)
"""


@pytest.mark.skipif(not SHOTS.is_dir(), reason="pictures are made only with EDGE_AGENT_SCREENSHOTS")
def test_pictures_for_the_guide(room: Room, pages: dict[str, str]) -> None:
    for size, label in ((DESK, "day"), (PHONE, "phone")):
        room.browser.resize(*size, phone=size == PHONE)
        room.browser.prefer(prefers_color_scheme="light")
        for name in NAMES:
            room.open(pages[name])
            room.browser.wait_until(SHOWN)
            room.browser.screenshot(SHOTS / f"console-{label}-rules-{name}.png")
