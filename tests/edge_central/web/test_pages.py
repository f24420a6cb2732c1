"""Rules for every page."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge_central.console.fleet import AttentionLevel
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.presence_reports import GatewayReport, PresenceState
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import ALL
from edge_central.web.pages.charts import time_ticks
from edge_central.web.templates import HERE
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.house import House

BOX, SITE, EVENT = FakeGateway("dt-001"), "/sites/dt-001", "/events/1"
TEMPLATE_FILES = sorted((HERE / "templates").glob("*.html"))


def test_pages_write_decimals_with_one_formatter() -> None:
    """``decimal`` of ``templates.py`` knows the comma of Vietnamese. Coordinates are written as maps take
    them."""
    formats = re.compile(r"'%[^'%]*?(\.[1-9]f|g)[^']*'\s*\|\s*format|\|\s*round\([1-9]")
    found = {
        (path.name, match[0])
        for path in TEMPLATE_FILES
        for match in formats.finditer(path.read_text(encoding="utf-8").replace("%.5f", ""))
    }
    assert len(TEMPLATE_FILES) > 40
    assert found == set()


def test_templates_name_only_levels_that_exist() -> None:
    level = re.compile(r"\bl-([a-z]+)\b|\blevel == '(\w+)'|\blevels\.get\('(\w+)'")
    named = {
        (path.name, match[match.lastindex or 0])
        for path in TEMPLATE_FILES
        for match in level.finditer(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 10
    assert {each for each in named if each[1] not in set(AttentionLevel)} == set()


def test_what_is_open_or_played_in_a_live_page_has_an_id() -> None:
    """Only by its id live.js keeps it when the page changes."""
    shown = re.compile(r"<(?:details|video)\b[^>]*>")
    live = [text for path in TEMPLATE_FILES if "data-part" in (text := path.read_text(encoding="utf-8"))]
    tags = [tag for text in live for tag in shown.findall(text)]
    assert len(tags) > 10
    assert [tag for tag in tags if " id=" not in tag] == []


def test_who_looked_has_words_for_each_kind_and_shows_those_of_a_newer_centre(house: House) -> None:
    house.person("minh", Role.ADMIN)
    newer = {"time_ms": 1, "account": "minh", "address": "server", "what": "of-a-newer-centre"}
    house.harness.insert(tables.access, newer)
    with house.connections.writing() as connection:
        for kind in AccessKind:
            record_access(connection, kind, "minh", "server", 2, gateway="dt-001")
    page = house.browser("minh").get("/access?kind=all").text
    assert "of-a-newer-centre" in page
    assert "None" not in page
    assert [kind for kind in AccessKind if f"access-{kind}" not in ALL] == []


def test_times_have_the_offset_of_the_configured_time_zone(tmp_path: Path) -> None:
    with House(tmp_path, timezone="Asia/Tokyo") as house:
        house.start().take(BOX.event(1))
        browser = house.login("lan", Role.OFFICER, "de-tham")
        pages = [browser.get(path).text for path in ("/events?kind=object", "/reports/shift")]
    assert [("(+09:00)" in page, "+07:00" in page) for page in pages] == [(True, False)] * 2


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Asia/Ho_Chi_Minh", "Europe/Berlin"])
def test_a_week_has_its_ticks_at_midnight(zone: str) -> None:
    timezone = ZoneInfo(zone)
    begin = datetime(2026, 10, 22, 5, 30, tzinfo=timezone)  # in Berlin the clocks change on the 25th
    from_ms = round(begin.timestamp() * 1000)
    ticks = time_ticks(from_ms, from_ms + 7 * 86_400_000, timezone)
    times = [datetime.fromtimestamp(tick.value / 1000, timezone) for tick in ticks]
    assert [(each.day, each.hour) for each in times] == [(day, 0) for day in range(23, 30)]


def test_headers_tell_the_browser_to_trust_nothing_else(house: House) -> None:
    for path in ("/login", "/nowhere", "/static/base.css"):
        headers = house.anybody().get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert house.anybody().get("/login").headers["cache-control"] == "no-store"


def shown(house: House, path: str, *, lang: str = "vi") -> str:
    """A page as an officer of de-tham sees it."""
    browser = house.login("lan", Role.OFFICER, "de-tham", lang=lang)
    return browser.get(path).text


def test_words_of_the_wire_that_templates_translate_have_sentences() -> None:
    """``named`` shows a word of a group without sentences as the wire has it, in both languages."""
    calls = (re.findall(r"named\('([a-z-]+)'", file.read_text(encoding="utf-8")) for file in TEMPLATE_FILES)
    groups = {group for found in calls for group in found}
    assert groups > {"kind", "view"}
    assert [each for each in sorted(groups) if not any(key.startswith(f"{each}-") for key in ALL)] == []


@pytest.mark.parametrize(
    ("lang", "says"), [("vi", "Kết nối camera: hình kém"), ("en", "Camera connection: sees badly")]
)
def test_the_state_of_a_camera_is_in_the_readers_language(house: House, lang: str, says: str) -> None:
    house.take(BOX.of_kind("camera-state", 1, state="degraded", cause=None))
    assert says in shown(house, "/events", lang=lang)


@pytest.mark.parametrize(
    ("lang", "reported"),
    [
        ("vi", "thiết bị chưa gửi khóa công khai nên chưa kiểm tra được chữ ký số nào"),
        ("en", "the gateway has published no key: no signature was checked"),
    ],
)
def test_an_event_of_a_gateway_without_a_key_is_marked_in_the_readers_language(
    house: House, lang: str, reported: str
) -> None:
    house.take(BOX.heartbeat("s"), BOX.birth("s"), BOX.event(1))
    page = shown(house, EVENT, lang=lang)
    assert reported in page
    assert "-key" not in page


def test_a_clip_that_begins_after_its_event_is_marked(house: House) -> None:
    """After a start of the gateway the first keyframe comes late."""
    clip = {"media_id": "6ece7c03d7a8d4e428fb", "sha256": "0" * 64, "pre_roll_s": -8.2, "duration_s": 18.0}
    house.take(BOX.heartbeat("s"), BOX.event(1), BOX.evidence(2, event_id="e1", clip=clip))
    page = shown(house, EVENT)
    assert "Có video 18 giây trên thiết bị, bắt đầu 8 giây sau khi sự kiện xảy ra." in page
    assert "-8 giây" not in page


def test_large_pictures_of_an_event_can_be_opened_once_they_have_arrived(house: House) -> None:
    house.take(BOX.heartbeat("s"), BOX.event(1))
    for number, view in enumerate(("object", "scene", "odd"), 2):
        still = {"media_id": f"still-{view}", "sha256": "0" * 64, "view": view}
        house.take(BOX.evidence(number, event_id="e1", clip=None, still=still))
    house.picture(BOX, "still-object")
    house.picture(BOX, "still-odd")
    page = shown(house, EVENT)
    assert 'href="/media/dt-001/still-object">người, phương tiện</a>' in page
    assert "toàn cảnh" not in page
    assert "still-odd" not in page, "a view of a later version"


def test_an_event_of_a_kind_that_only_newer_agents_have_is_kept_and_shown(house: House) -> None:
    """Gateways may be updated before their centre."""
    data = {"phase": "start", "event_id": "n-1", "why": "what it is about", "more": {"of": ["anything"]}}
    stored = house.take(BOX.heartbeat("s"), BOX.of_kind("something-new", 1, **data))
    assert (stored.events["dt-001"], stored.rejected) == (1, 0)
    assert "what it is about" in shown(house, EVENT)
    browser = house.browser("lan")
    for path in ("/", "/events", "/events?kind=something-new", "/sites/dt-001", "/api/v1/events"):
        assert browser.get(path).status_code < 500, path


def test_why_there_is_no_clip_is_said_in_the_readers_words(house: House) -> None:
    missing: dict[str, Any] = {"missing": "the agent ended", "problem": {"code": "clip-agent-ended"}}
    house.take(BOX.heartbeat("s"), BOX.event(1), BOX.evidence(2, event_id="e1", **missing))
    text = '<span title="the agent ended">phần mềm dừng trước khi ghi xong video</span>'
    assert text in shown(house, EVENT)


def test_a_board_that_the_box_does_not_know_is_unknown_in_the_readers_words(house: House) -> None:
    topic, payload = BOX.birth("s")
    house.take(BOX.heartbeat("s"), (topic, payload.replace(b"{", b'{"board": "unknown", ', 1)))
    assert "<dd>unknown</dd>" not in shown(house, SITE)


@pytest.mark.parametrize(
    ("lang", "says"), [("vi", "1 camera mất hình"), ("en", "cameras without a picture: 1")]
)
def test_an_online_site_says_that_a_camera_of_it_has_no_picture(house: House, lang: str, says: str) -> None:
    lost = {"state": "offline", "since": "2026-11-29T03:11:41.000Z"}
    house.take(BOX.heartbeat("s", cameras={"cam-1": lost, "cam-2": {"state": "online"}}), BOX.birth("s"))
    house.tell(GatewayReport(BOX.id, BOX.ward, PresenceState.ONLINE, "heartbeat", house.now_ms()))
    page = shown(house, SITE, lang=lang)
    assert f"<b>{says}</b>" in page
    assert f'{ALL["since"][lang == "en"].lower()} <time datetime="2026-11-29T' in page


def test_a_site_shows_which_model_names_its_objects(house: House) -> None:
    model = b'{"detector": {"name": "street-b", "model_sha256": "9b1e42d0"}, '
    topic, payload = BOX.birth("s")
    house.take(BOX.heartbeat("s"), (topic, payload.replace(b"{", model, 1)))
    assert "<dd>street-b 9b1e42</dd>" in shown(house, SITE)


NUL_PATHS = [
    *("/sites/dt-001%00", "/events?kind=%00", "/media/dt-001/%00", "/wards/%00"),
    *("/api/inventory?ward=%00", "/live?%00"),
]


@pytest.mark.parametrize("path", NUL_PATHS)
def test_an_address_with_a_nul_is_refused_before_a_database_sees_it(house: House, path: str) -> None:
    answer = house.login("minh", Role.ADMIN).get(path)
    assert answer.status_code == 400
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_form_with_a_nul_is_refused(house: House) -> None:
    minh = house.login("minh", Role.ADMIN)
    assert minh.post("/alerts/note", {"subject": "s", "note": "a\0b"}).status_code == 400


@pytest.mark.parametrize("number", ["9223372036854775808", "9" * 40, "-1", "x"])
@pytest.mark.parametrize("path", ["/events/{}/clip", "/handover/{}/take"])
def test_a_number_that_no_database_counts_to_is_nowhere(house: House, path: str, number: str) -> None:
    assert house.login("minh", Role.ADMIN).post(path.format(number)).status_code == 404


def test_no_redirect_leads_to_a_host_that_the_request_names(house: House) -> None:
    answer = house.anybody().get("/language/..%2f", headers={"Host": "evil.example"})
    assert "evil.example" not in answer.headers.get("location", "")
    assert answer.status_code == 404
