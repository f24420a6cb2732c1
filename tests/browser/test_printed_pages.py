"""An event, a shift, a site and the reports on paper: one sheet of A4 each, without menus and buttons."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_central.web.auth.accounts import Role
from tests.browser.monitoring_room import Room
from tests.edge_central.console.city import SHOWN
from tests.edge_central.console.served import CityHouse
from tests.testbed.chromium import Chromium, installed

pytestmark = pytest.mark.skipif(
    not installed(), reason="a sheet of paper is what a browser makes of the page"
)

A4_POINTS = (594, 843)
"""The smallest width and the largest height of a sheet, in points."""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with CityHouse(tmp_path_factory.mktemp("city"), events=1_500) as house:
        house.start()
        house.person("minh", Role.ADMIN)
        with Chromium(tmp_path_factory.mktemp("profile"), size=(1366, 768)) as browser:
            yield Room(house, browser)


def an_alarm(room: Room) -> str:
    found = re.search(r'href="(/events/\d+)"', room.house.browser("minh").get("/events?severity=17").text)
    assert found is not None
    return found[1]


def printed(room: Room, path: str) -> bytes:
    """The page as a PDF."""
    room.open(path)
    room.run("document.querySelectorAll('img').forEach((img) => { img.loading = 'eager'; })")
    answer = room.browser.ask("Page.printToPDF", preferCSSPageSize=True)
    return base64.b64decode(answer["data"])


@pytest.mark.parametrize(
    "path", ["event", f"/sites/{SHOWN}", "/handover", "/reports/shift", "/reports/month"]
)
def test_each_is_one_sheet(room: Room, path: str, tmp_path: Path) -> None:
    pdf = printed(room, an_alarm(room) if path == "event" else path)
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1, path
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert all(float(w) >= A4_POINTS[0] and float(h) <= A4_POINTS[1] for w, h in boxes), "A4"


def test_nothing_to_click_is_printed(room: Room) -> None:
    room.open("/reports/shift")
    room.browser.ask("Emulation.setEmulatedMedia", media="print")
    try:
        shown = room.run(
            "[...document.querySelectorAll('body > header, button, form')]"
            ".filter((e) => e.checkVisibility()).length"
        )
    finally:
        room.browser.ask("Emulation.setEmulatedMedia", media="")
    assert shown == 0
