"""The wall screen in a real Chromium: 21 wards without scrolling, a dark ward first and loudest, the bell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent import wire
from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_agent.wire.topics import CentralTopics
from edge_central.ingest.batch_writer import BatchWriter
from edge_central.store.media_folder import MediaFolder
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceState
from edge_central.web.auth.accounts import Role
from tests.browser.monitoring_room import FAINT, FITS_WIDTH, NAMELESS, PHONE, WALL, Room
from tests.edge_central.console.city_events import CityEvent, messages_of
from tests.edge_central.console.gateway import Gateway
from tests.edge_central.console.plan import crossing
from tests.edge_central.web.house import House
from tests.testbed.chromium import Chromium, installed

SHOTS = Path(os.environ.get("EDGE_AGENT_SCREENSHOTS") or "/nowhere")
NAMES = (
    "Đề Thám", "Bồ Xuyên", "Lê Hồng Phong", "Trần Lãm", "Kỳ Bá", "Quang Trung", "Phú Khánh", "Tiền Phong",
    "Trần Hưng Đạo", "Hoàng Diệu", "Vũ Chính", "Vũ Phúc", "Vũ Đông", "Vũ Lạc", "Đông Hòa", "Đông Thọ",
    "Đông Mỹ", "Phú Xuân", "Tân Bình", "Vũ Thư", "Kiến Xương",
)  # fmt: skip
WARDS = {f"ward-{number:02d}": name for number, name in enumerate(NAMES, 1)}
DARK, RINGING, MANY, RAIN = "ward-09", ("ward-03", "ward-12", "ward-20"), "ward-05", ("ward-15", "ward-16")
SITES = 22
MINUTE_MS = 60_000
FITS = """
({
    page: document.documentElement.scrollHeight <= innerHeight
        && document.documentElement.scrollWidth <= document.documentElement.clientWidth,
    cards: Array.from(document.querySelectorAll(".cards > li"))
        .filter((e) => e.scrollHeight > e.clientHeight + 1 || e.getBoundingClientRect().bottom > innerHeight)
        .map((e) => e.dataset.of + " " + e.scrollHeight + " > " + e.clientHeight),
    count: document.querySelectorAll(".cards > li").length,
})
"""
PROMINENCE = """
Array.from(document.querySelectorAll(".cards > li"), (e) => {
    const channels = getComputedStyle(e).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number);
    return {
        ward: e.dataset.of,
        saturation: Math.max(...channels) - Math.min(...channels),
        letters: parseFloat(getComputedStyle(e.querySelector("h2")).fontSize),
        frame: parseFloat(getComputedStyle(e).borderTopWidth),
    };
})
"""

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")


class WallHouse(House):
    """A console over 21 wards with 22 sites each, on a bad evening."""

    def __init__(self, folder: Path) -> None:
        wards = folder / "wards.csv"
        wards.write_text("ward;name\n" + "".join(f"{id};{name}\n" for id, name in WARDS.items()), "utf-8")
        super().__init__(folder, wards_file=str(wards))
        topics = CentralTopics("tb/v1", "central")
        self.harness.writer = BatchWriter(
            topics, list(WARDS), MediaFolder(self.settings.media_dir), self.settings.history
        )
        self.gateways = [
            Gateway(
                f"s{ward[-2:]}-{index:03d}",
                ward,
                crossing(index * 7 + number),
                20.44,
                106.33,
                ["cam-1", "cam-2"],
            )
            for number, ward in enumerate(WARDS)
            for index in range(1, SITES + 1)
        ]
        now_ms = self.now_ms()
        self.take(*(each.birth(now_ms) for each in self.gateways))
        self.take(*(self._heartbeat(each, now_ms) for each in self.gateways))
        self.tell(*(_report(each, now_ms) for each in self.gateways))
        self.cut(DARK, now_ms - 23 * MINUTE_MS)
        self.take(*(message for ward in RINGING for message in self._alarm(ward, now_ms)))

    def cut(self, ward: str, since_ms: int) -> None:
        """All sites of a ward lose their power."""
        own = [each.id for each in self.gateways if each.ward == ward]
        cut = [
            GatewayReport(each, ward, PresenceState.CUT, "went offline together with its ward", since_ms)
            for each in own
        ]
        self.tell(*cut, OutageReport(ward, tuple(own), len(own), since_ms))

    def _heartbeat(self, gateway: Gateway, now_ms: int) -> MessageReceived:
        first = gateway.id.endswith(("-004", "-005"))
        faulty = gateway.ward == MANY or (first and gateway.ward > "ward-10")
        view = ["visibility-degraded"] if gateway.ward in RAIN else []
        online: dict[str, Any] = {
            "state": "online", "cause": None, "since": rfc3339_of_ms(now_ms), "codec": "h264", "width": 640,
            "height": 360, "packet_fps": 10.0, "decoded_fps": 10.0, "analysed_fps": 5.0,
            "bitrate_kbps": 512.0, "last_frame_age_s": 0.1, "view": view,
        }  # fmt: skip
        down = online | {
            "state": "offline", "cause": "unauthorized", "since": rfc3339_of_ms(now_ms - 340 * MINUTE_MS)
        }  # fmt: skip
        cameras = {
            "cam-1": wire.CameraHealth(**(down if faulty else online)),
            "cam-2": wire.CameraHealth(**online),
        }
        return gateway.heartbeat(now_ms - 9_000, cameras, booted_ms=now_ms - 9 * 86_400_000)

    def _alarm(self, ward: str, now_ms: int) -> Iterator[MessageReceived]:
        gateway = next(each for each in self.gateways if each.ward == ward)
        event = CityEvent(now_ms - 2 * MINUTE_MS, gateway, "cam-1", "zone-intrusion", 17, open=True)
        return (message for _, message in messages_of(event))


def _report(gateway: Gateway, now_ms: int) -> GatewayReport:
    if gateway.id.endswith(("-002", "-003")) and gateway.ward in (MANY, "ward-01"):
        return GatewayReport(
            gateway.id, gateway.ward, PresenceState.OFFLINE, "no heartbeat for 99 s", now_ms - 47 * MINUTE_MS
        )
    return GatewayReport(gateway.id, gateway.ward, PresenceState.ONLINE, "heartbeat", now_ms - 86_400_000)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WallHouse]:
    with WallHouse(tmp_path_factory.mktemp("wall")) as built:
        built.start()
        built.person("tuong", Role.VIEWER, *WARDS)
        yield built


@pytest.fixture(scope="module")
def room(house: WallHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        browser.resize(*WALL)
        yield Room(house, browser, "tuong")


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_21_wards_fit_and_can_be_read(room: Room, lang: str, scheme: str) -> None:
    room.browser.resize(*WALL)
    room.browser.prefer(prefers_color_scheme=scheme)
    room.open(f"/language/{lang}?next=/wall")
    room.browser.wait_until(f"location.pathname === '/wall' && document.documentElement.lang === '{lang}'")
    if SHOTS.is_dir():
        room.browser.screenshot(SHOTS / f"console-wall-{lang}-{scheme}.png")
    assert room.run(FITS) == {"page": True, "cards": [], "count": 21}
    assert room.run(FAINT) == {}
    assert room.run(NAMELESS) == []
    assert room.axe_violations() == []
    assert room.browser.complaints == []


def test_a_dark_ward_is_first_and_most_prominent(room: Room) -> None:
    room.browser.resize(*WALL)
    for scheme in ("light", "dark"):
        room.browser.prefer(prefers_color_scheme=scheme)
        room.open("/wall")
        dark, *others = room.run(PROMINENCE)
        assert dark["ward"] == DARK
        for measure in ("saturation", "letters", "frame"):
            assert dark[measure] > 1.3 * max(each[measure] for each in others), measure
        assert {each["ward"] for each in others[:3]} == set(RINGING), "then the wards whose alarms ring"


def test_on_smaller_screens_the_page_scrolls_down_only(room: Room) -> None:
    for size in ((1366, 768), PHONE):
        room.browser.resize(*size, phone=size == PHONE)
        room.open("/wall")
        assert room.run(FITS_WIDTH), size
    room.browser.resize(*WALL)


def test_a_ward_that_goes_dark_comes_first_without_a_reload_and_city_wide_lines_merge(
    house: WallHouse, room: Room
) -> None:
    room.browser.resize(*WALL)
    room.open("/language/vi?next=/wall")
    room.browser.wait_until("document.getElementById('live')?.className.includes('on')")
    lines = "Array.from(document.querySelectorAll('.situation li'), (e) => e.textContent.trim())"
    cut, rain = room.run(lines)
    assert re.search(r"Mất điện hoặc mất mạng ở Trần Hưng Đạo từ .*: 22 trên 22 điểm", cut)
    assert rain == "Mưa hoặc sương mù ở Đông Hòa, Đông Thọ: 84 trên 84 camera có hình kém"
    room.run("document.body.dataset.same = 'yes'")
    for ward in ("ward-01", "ward-02", "ward-04", "ward-06"):
        house.cut(ward, house.now_ms() - 22 * MINUTE_MS)
    room.browser.wait_until("document.querySelectorAll('.cards > .rank-dark').length === 5")
    assert room.run("document.body.dataset.same") == "yes"
    assert room.run(
        "Array.from(document.querySelectorAll('.cards > li'), (e) => e.className).slice(0, 5)"
    ) == (["rank-dark"] * 5)
    cut, _ = room.run(lines)
    assert re.search(r"ở .*, .*, .*, .* và 1 phường nữa từ .*: 110 trên 110 điểm", cut), "one line"
    assert room.run(FITS) == {"page": True, "cards": [], "count": 21}
    row = "<ul><li><b>Chợ</b> <span>mất liên lạc</span></li></ul>"  # as a ward of one site has it
    room.run(f"document.querySelector('.rank-dark').insertAdjacentHTML('beforeend', '{row}')")
    assert room.run(FAINT) == {}


SOUNDS = "document.body.dataset.sounding === 'true'"


def test_with_the_flag_for_kiosks_the_bell_sounds_without_a_click_and_survives_a_reload(
    house: WallHouse, tmp_path: Path
) -> None:
    with Chromium(tmp_path, flags=("--autoplay-policy=no-user-gesture-required",)) as browser:
        browser.resize(*WALL)
        room = Room(house, browser, "tuong")
        room.open("/wall")
        browser.wait_until(SOUNDS)
        browser.ask("Page.reload")
        browser.wait_until("document.readyState === 'complete' && " + SOUNDS)
        browser.click("#bell")
        browser.wait_until("document.body.dataset.sounding === 'false'")
        browser.ask("Page.reload")
        browser.wait_until("document.getElementById('bell')?.getAttribute('aria-pressed') === 'false'")
        assert room.run("document.body.dataset.sounding") == "false", "switched off stays switched off"


WATCHED_STREAMS = """
window.streams = [];
window.EventSource = class extends EventSource {
    constructor(url) { super(url); window.streams.push(this); }
};
"""


def test_the_bell_goes_on_when_the_server_ends_the_stream(house: WallHouse, room: Room) -> None:
    """The page is not loaded again: after that the browser would want another click."""
    room.browser.resize(*WALL)
    added = room.browser.ask("Page.addScriptToEvaluateOnNewDocument", source=WATCHED_STREAMS)
    room.open("/wall")
    room.browser.wait_until("document.getElementById('live').className.includes('on')")
    room.browser.click("#bell")
    room.browser.wait_until(SOUNDS)
    room.run("document.body.dataset.same = 'yes'")
    room.run("streams[0].close(), streams[0].onerror()")
    room.browser.wait_until("streams.length === 2 && streams[1].readyState === EventSource.OPEN")
    room.browser.wait_until("document.getElementById('live').className.includes('on')")
    assert room.run("document.body.dataset.same") == "yes"
    assert room.run(SOUNDS)
    room.browser.ask("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])


SILENT = """
for (const name of ["setTimeout", "setInterval"]) {
    const real = window[name];
    window[name] = (run, wait) => real(run, wait / 20);
}
const ask = window.fetch, now = performance.now.bind(performance);
window.late = 0;
performance.now = () => now() + window.late;
"""
"""Faster timers, a clock of the page that can be moved on, and the real ``fetch`` as ``ask``."""
DEAD = "window.fetch = () => Promise.reject(new Error('dead')); null"
LIVE = "document.getElementById('live')"


def test_a_connection_without_a_sign_is_lost_and_made_again(house: WallHouse, room: Room) -> None:
    source = WATCHED_STREAMS + SILENT
    added = room.browser.ask("Page.addScriptToEvaluateOnNewDocument", source=source)
    room.open_live("/wall")
    room.run(DEAD)
    room.run("window.late = 26000")
    room.browser.wait_until(f"{LIVE}.textContent === 'Mất kết nối, đang thử lại'")
    assert room.run("streams.length === 1 && streams[0].readyState === EventSource.CLOSED")
    room.run("window.fetch = ask; null")
    room.browser.wait_until(f"{LIVE}.className.includes('on') && streams.length === 2")
    # The stream is there, but the page is not.
    room.run(DEAD)
    room.run("document.dispatchEvent(new Event('console:refresh')) && null")
    room.browser.wait_until(f"{LIVE}.className.includes('lost')")
    room.run("window.fetch = ask; null")
    room.browser.wait_until(f"{LIVE}.className.includes('on') && {LIVE}.textContent === 'Trực tiếp'")
    assert room.run("streams.length") == 2
    room.browser.ask("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])
