"""The pages of availability in a real Chromium: layout, names, contrast, and paper."""

from __future__ import annotations

import base64
import os
import random
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import cast
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from edge_central.availability.intervals import write_change
from edge_central.availability.model import Layer, RangeChange, SeriesKey
from edge_central.web.auth.accounts import Role
from edge_central.web.pages.availability.reports import ON_SUMMARY
from tests.browser.monitoring_room import FAINT, FITS_WIDTH, NAMELESS, PHONE, WALL, Room
from tests.edge_central.console.served import CityHouse
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.house import House
from tests.testbed.chromium import Chromium, installed

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
BEGIN_MS, END_MS = (round(datetime(2026, month, 1, tzinfo=ZONE).timestamp() * 1000) for month in (10, 11))
HOUR_MS = 3_600_000
CAMERAS = ("cam-1", "cam-2", "cam-3")
SHOTS = Path(os.environ.get("EDGE_AGENT_SCREENSHOTS") or "/nowhere")
A4_INCHES = {"paperWidth": 8.27, "paperHeight": 11.69}
PAGES = {
    "city": "/availability?month=2026-10",
    "ward": "/availability?month=2026-10&ward=de-tham",
    "summary": "/availability/summary/de-tham?month=2026-10",
    "site": "/sites/dt-001?days=30",
}

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("house")
    sheet = folder / "sites.csv"
    sheet.write_text(long_names(), encoding="utf-8")
    with (
        House(folder, sites_file=str(sheet), availability_target_percent=98.5) as house,
        Chromium(tmp_path_factory.mktemp("profile")) as browser,
    ):
        fill(house)
        house.person("minh", Role.ADMIN)
        house.start()
        yield Room(cast("CityHouse", house), browser)


def long_names() -> str:
    """The sheet of the fleet: the longest names that a city would write, in some lines of a table."""
    site, camera = "Ngã tư đường Lê Quý Đôn và đường Trần Hưng Đạo", "Camera nhìn về phía cầu Thái Bình"
    rows = [
        f"dt-{number:03},de-tham,{site} {number},{each},{camera} số {each[-1]}"
        for number in range(1, 22)
        for each in CAMERAS
    ]
    return "\n".join(["site,ward,name,camera,camera_name", *rows, ""])


def fill(house: House) -> None:
    """A ward of 21 sites with three cameras, each with outages of all kinds."""
    rng, boxes = random.Random(1), [FakeGateway(f"dt-{number:03}") for number in range(1, 22)]
    seen = {camera: {"state": "online", "packet_fps": 10.0} for camera in CAMERAS}
    house.take(*(box.heartbeat("s", cameras=seen) for box in boxes))
    with house.connections.writing() as connection:

        def put(key: SeriesKey, from_ms: int, to_ms: int | None, state: str, detail: str = "") -> None:
            write_change(connection, RangeChange(key, from_ms, to_ms, state, detail))

        for box in boxes:
            link = SeriesKey(box.id, "", Layer.LINK)
            put(link, BEGIN_MS, None, "connected")
            for state in ("network", "power", "maintenance", "unknown", "gateway"):
                at_ms = BEGIN_MS + rng.randrange(700) * HOUR_MS
                put(link, at_ms, at_ms + rng.randrange(1, 9 * HOUR_MS), state)
            for camera in CAMERAS:
                picture = SeriesKey(box.id, camera, Layer.PICTURE)
                put(picture, BEGIN_MS, None, "online")
                at_ms = BEGIN_MS + rng.randrange(700) * HOUR_MS
                put(picture, at_ms, at_ms + rng.randrange(1, 30 * HOUR_MS), "offline", "unreachable")
                put(SeriesKey(box.id, camera, Layer.DARK), at_ms - 9 * HOUR_MS, at_ms, "on")
                put(SeriesKey(box.id, camera, Layer.COVERED), at_ms + HOUR_MS, at_ms + 40 * HOUR_MS, "on")


@pytest.mark.parametrize("size", [WALL, (1366, 768), PHONE])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_off_and_everything_has_a_name(room: Room, name: str, size: tuple[int, int]) -> None:
    room.browser.resize(*size, phone=size == PHONE)
    lang = "en" if size == (1366, 768) else "vi"
    room.open(f"/language/{lang}?next={quote(PAGES[name], safe='/')}")
    assert room.run("document.documentElement.lang") == lang
    if SHOTS.is_dir():
        room.browser.screenshot(SHOTS / f"availability-{name}-{size[0]}.png")
    assert room.run(FITS_WIDTH), "it can be scrolled sideways"
    assert room.run(NAMELESS) == []
    assert room.run(FAINT) == {}
    assert room.axe_violations() == []
    assert room.browser.complaints == []


def printed(room: Room, path: str) -> bytes:
    room.open(path)
    pdf = room.browser.ask("Page.printToPDF", preferCSSPageSize=True, **A4_INCHES)["data"]
    return base64.b64decode(pdf)


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_the_summary_of_a_ward_is_one_sheet_of_a4(room: Room, lang: str) -> None:
    room.browser.resize(*WALL)
    room.open(f"/language/{lang}")
    pdf = printed(room, PAGES["summary"])
    if SHOTS.is_dir():
        (SHOTS / f"summary-{lang}.pdf").write_bytes(pdf)
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    assert room.run("document.querySelectorAll('.sheet tbody tr').length") == 2 * ON_SUMMARY
    words = str(room.run("document.body.innerText"))
    left_out = {"vi": r"Không in \d+ lần gián đoạn ngắn hơn", "en": r"\d+ shorter outages are left out"}
    assert re.search(left_out[lang], words)
    if SHOTS.is_dir():
        room.browser.resize(703, 1031)
        room.browser.ask("Emulation.setEmulatedMedia", media="print")
        room.browser.screenshot(SHOTS / f"summary-{lang}.png")
        room.browser.ask("Emulation.setEmulatedMedia", media="")


def test_long_names_on_the_summary_are_printed_in_full(room: Room) -> None:
    room.open("/language/vi")
    room.open(PAGES["summary"])
    room.browser.resize(703, 1031)  # A4 at 96 dpi, without the margins
    room.browser.ask("Emulation.setEmulatedMedia", media="print")
    try:
        cut = "(e) => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1"
        cells = "Array.from(document.querySelectorAll('.sheet .two-lines, .sheet th, .sheet dd'))"
        assert room.run(f"{cells}.length") > 3 * ON_SUMMARY
        assert room.run(f"{cells}.filter({cut}).map((e) => e.innerText)") == []
    finally:
        room.browser.ask("Emulation.setEmulatedMedia", media="")


def test_the_report_of_a_ward_is_a_few_sheets_and_nothing_of_it_is_cut_off(room: Room) -> None:
    room.browser.resize(1032, 726)  # A4 across at 96 dpi, without the margins
    pdf = printed(room, PAGES["ward"])
    if SHOTS.is_dir():
        (SHOTS / "ward.pdf").write_bytes(pdf)
    assert 1 < len(re.findall(rb"/Type /Page\b", pdf)) < 18
    room.browser.ask("Emulation.setEmulatedMedia", media="print")
    try:
        assert room.run(
            "Array.from(document.querySelectorAll('.scroll')).every((e) => e.scrollWidth <= innerWidth)"
        )
    finally:
        room.browser.ask("Emulation.setEmulatedMedia", media="")
