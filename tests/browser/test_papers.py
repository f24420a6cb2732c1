"""The papers of a case in a real Chromium: an officer brings a file, checks a copy, prints the minutes."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.monitoring_room import FAINT, FITS_WIDTH, NAMELESS, PHONE, Room
from tests.edge_central.web.house import House
from tests.edge_central.web.test_paper_pages import added, download, make_copies
from tests.edge_central.web.test_search_pages import city
from tests.testbed.chromium import Chromium, installed

__all__ = ["city"]

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")


@pytest.fixture
def room(city: House, tmp_path: Path) -> Iterator[Room]:
    with Chromium(tmp_path / "chromium") as browser:
        yield Room(city, browser, "lan")


def test_an_officer_brings_a_file(room: Room, tmp_path: Path) -> None:
    case = added(room.house, room.house.browser("lan"))
    file = tmp_path / "điện thoại <b>.html"
    file.write_bytes(b"<script>alert(1)</script>" * 100_000)
    room.open(case)
    room.browser.choose_file("#upload [type=file]", file)
    room.run("document.querySelector('[name=brought_by]').value = 'bà Hoa'")
    room.run("document.body.dataset.left = 'yes'")
    room.browser.click("#upload button")
    room.browser.wait_until(
        "document.body.dataset.left === undefined && document.body.innerText.includes('điện thoại <b>.html')"
    )
    assert "bà Hoa" in room.run("document.querySelector('#item-2').innerText")


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_the_pages_fit_and_can_be_read(room: Room, lang: str) -> None:
    lan = room.house.browser("lan")
    case = added(room.house, lan)
    lan.post(f"{case}/redacted", {}, page=f"{case}/redacted")
    make_copies(room.house)
    lan.post(f"{case}/export", {}, page=case)
    download(room.house, lan, case)
    room.open(f"/language/{lang}")
    for path in (case, f"{case}/redacted", f"{case}/minutes", "/events/1"):
        for size, phone in (((1366, 768), False), (PHONE, True)):
            room.browser.resize(*size, phone=phone)
            room.open(path)
            assert room.run(FITS_WIDTH), (path, size)
            assert room.run(NAMELESS) == [], path
            assert room.run(FAINT) == {}, path
            assert room.axe_violations() == [], path


def test_the_minutes_are_printed_without_the_console(room: Room) -> None:
    lan = room.house.browser("lan")
    case = added(room.house, lan)
    lan.post(f"{case}/export", {}, page=case)
    download(room.house, lan, case)
    room.open(f"{case}/minutes")
    pdf = base64.b64decode(room.browser.ask("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert len(re.findall(rb"/Type\s*/Page[^s]", pdf)) <= 2
    (width, height) = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)[0]
    assert (round(float(width)), round(float(height))) == (595, 842), "A4"
