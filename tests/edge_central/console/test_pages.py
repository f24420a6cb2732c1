"""The pages over HTTP, over the invented city."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from edge_central.store import tables
from edge_central.web.app import PAGES
from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import Role
from tests.edge_central.console.city import COVERED, CUT, OFFLINE, SHOWN
from tests.edge_central.console.served import CityHouse
from tests.edge_central.web.house import Browser

INLINE = re.compile(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|javascript:|https?://(?!127)")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CityHouse]:
    with (
        pytest.MonkeyPatch.context() as patch,
        CityHouse(tmp_path_factory.mktemp("served"), events=600) as house,
    ):
        patch.setattr(accounts, "LOG_N", 8)  # a login takes a fifth of a second otherwise
        house.start()
        house.person("minh", Role.ADMIN)
        house.person("lan", Role.OFFICER, "quang-trung", "phu-khanh")
        house.person("hoa", Role.VIEWER, "ky-ba")
        yield house


@pytest.fixture(scope="module")
def minh(served: CityHouse) -> Browser:
    """Logged in once; no test changes her session."""
    return served.browser("minh")


@pytest.fixture(scope="module")
def reader(served: CityHouse) -> Browser:
    """Of a language that the tests choose."""
    return served.browser("minh")


def main_of(html: str) -> str:
    return html[html.index("<main") : html.index("</main>")]


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", main_of(html)).split())


def alarm_of(browser: Browser, gateway: str) -> str:
    """The page of one alarm of a gateway."""
    rows = re.findall(r'href="(/events/\d+)".*?href="/sites/([\w-]+)"', alarms_listed(browser), re.S)
    return str(next(page for page, site in rows if site == gateway))


def alarms_listed(browser: Browser) -> str:
    return main_of(browser.get("/events?severity=17").text)


def alarm_pages(browser: Browser) -> list[str]:
    return re.findall(r'href="(/events/\d+)"', alarms_listed(browser))


PLAIN = [page.path for page in PAGES if page.method == "GET" and not re.match(r"/api/|.*{", page.path)]
FILLED = (
    *("/map?ward=ky-ba", "/availability?ward=ky-ba", "/availability/summary/ky-ba", "/wards/de-tham"),
    *("/search?q=de+tham", f"/sites/{SHOWN}", f"/sites/{SHOWN}?days=7", f"/sites/{OFFLINE}"),
    *(f"/sites/{COVERED[0]}", "/sites/hd-052", f"/traffic?gateway={SHOWN}&camera=cam-1"),
    *("/events?ward=ky-ba&kind=camera-view&from=2026-01-01T00:00", f"/events?site={SHOWN}&camera=cam-1"),
)


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("path", [*PLAIN, *FILLED])
def test_every_page_exists_in_both_languages_without_inline_script(
    reader: Browser, path: str, lang: str
) -> None:
    reader.get(f"/language/{lang}")
    answer = reader.get(path)
    assert answer.status_code == 200
    assert not INLINE.search(answer.text)
    if answer.headers["content-type"].startswith("text/html"):
        assert f'<html lang="{lang}"' in answer.text
        assert answer.text.count("<h1") == 1


def test_the_overview_names_the_problems(minh: Browser) -> None:
    words = text_of(minh.get("/").text)
    assert "Mất điện hoặc mất mạng ở Đề Thám" in words
    assert "11 trên 21 điểm" in words
    assert "Bồ Xuyên: 6 điểm vừa khởi động" in words
    assert re.search(r"Mưa hoặc sương mù ở Kỳ Bá: \d+ trên 137 camera", words)
    assert "450 trên 465" in words


def test_a_ward_never_sees_another_one(served: CityHouse) -> None:
    hoa = served.browser("hoa")
    pages = ["/", "/events", "/alerts", "/map", "/handover", "/search?q=quang+trung"]
    shown = " ".join(text_of(hoa.get(path).text) for path in pages)
    assert "Kỳ Bá" in shown
    for foreign in ("Phú Khánh", "Đề Thám", "qt-0", "pk-0"):
        assert foreign not in shown, foreign
    foreign_event = alarm_pages(served.browser("minh"))[0]
    for path in ("/wards/quang-trung", "/sites/qt-014", "/map?ward=quang-trung", foreign_event):
        assert hoa.get(path).status_code == 404, path


def test_an_event_page_has_picture_channel_verdict_and_clip(served: CityHouse, minh: Browser) -> None:
    page = alarm_of(minh, "pk-003")
    answer = minh.get(page)
    words = text_of(answer.text)
    channel = f"Kênh {served.city.gateways['pk-003'].channels['cam-2']}"
    for expected in (channel, "Nguyên vẹn", "Có video 50 giây trên thiết bị", "Lấy video về", "Kết thúc"):
        assert expected in words, expected
    picture = re.search(r'<img src="(/media/pk-003/[0-9a-f]+)"', answer.text)
    assert picture is not None
    assert minh.get(picture[1]).content.startswith(b"\xff\xd8")
    assert "pk-003" in minh.get("/access").text, "the access log names the reader"


def test_times_are_in_the_configured_time_zone(minh: Browser) -> None:
    times = re.findall(r'datetime="([^"]+)"', minh.get("/events").text)
    assert times
    assert all(each.endswith("+07:00") for each in times)


def test_a_typed_time_is_in_the_configured_time_zone(served: CityHouse, minh: Browser) -> None:
    first = minh.get("/events")
    newest = re.findall(r'datetime="([^"]+)\+07:00"', first.text)[0]
    found = minh.get("/events", params={"from": newest[:16]}).text
    assert newest in found


@pytest.mark.parametrize(
    "path", ["/events?severity=99", "/events?after=x", "/events?from=yesterday", "/events?from=99:99"]
)
def test_fields_that_no_form_sends_are_refused(minh: Browser, path: str) -> None:
    assert minh.get(path).status_code == 400


@pytest.mark.parametrize(
    "path", ["/events/0", "/events/abc", "/events/" + "9" * 30, "/sites/nowhere", "/wards/no"]
)
def test_missing_things_are_not_found(minh: Browser, path: str) -> None:
    assert minh.get(path).status_code == 404


def test_a_single_search_result_opens_its_page(minh: Browser) -> None:
    answer = minh.get("/search?q=tl-007")
    hits = re.findall(r'href="(/sites/tl-007)"', answer.text)
    assert answer.status_code in (200, 303)
    assert hits or answer.headers["location"] == "/sites/tl-007"


def test_a_cut_site_is_not_called_broken(minh: Browser) -> None:
    assert "Mất liên lạc (cả phường)" in text_of(minh.get(f"/sites/{CUT[0]}").text)


# --- acting ---


def subject_on(browser: Browser, page: str) -> str:
    found = re.search(r'name="subject" value="([^"]+)"', main_of(browser.get(page).text))
    assert found is not None
    return found[1]


def test_an_officer_acknowledges_and_closes_and_the_log_shows_it(served: CityHouse) -> None:
    lan = served.browser("lan")
    page = alarm_of(lan, "qt-014")
    subject = subject_on(lan, page)
    done = lan.post("/alerts/acknowledge", {"subject": subject, "next": page}, page=page)
    assert (done.status_code, done.headers["location"]) == (303, page)
    assert subject not in re.findall(r'data-ringing="([^"]*)"', lan.get("/").text)[0]
    lan.post("/alerts/note", {"subject": subject, "note": "gọi bảo vệ", "next": page}, page=page)
    assert "lan ghi chú: gọi bảo vệ" in text_of(lan.get(page).text)
    lan.post("/alerts/take", {"subject": subject, "owner": "minh", "next": page}, page=page)
    closing = {"subject": subject, "outcome": "false", "note": "mèo", "next": page}
    lan.post("/alerts/close", closing, page=page)
    words = text_of(lan.get(page).text)
    assert "Kết luận: Báo nhầm" in words
    steps = "lan nhận xử lý .* lan chuyển cho: minh .* lan kết luận: Báo nhầm .* ghi chú: mèo"
    assert re.search(steps, words)
    lan.post("/alerts/reopen", {"subject": subject, "next": page}, page=page)
    assert "Kết luận:" not in text_of(lan.get(page).text)


def test_an_alert_of_a_gateway_is_handled_the_same_way(served: CityHouse) -> None:
    lan = served.browser("lan")
    assert "Camera mất hình" in text_of(lan.get("/alerts").text)
    (number,) = (row.id for row in served.harness.rows(tables.alert) if row.gateway == "pk-015")
    lan.post("/alerts/close", {"subject": f"alert {number}", "outcome": "handled"}, page="/alerts")
    assert "pk-015" not in lan.get("/alerts").text


def test_a_viewer_may_only_read(served: CityHouse) -> None:
    hoa = served.browser("hoa")
    assert "Nhận xử lý" not in hoa.get("/alerts").text
    for path in ("/alerts/acknowledge", "/alerts/close", "/handover/leave", "/events/1/clip"):
        assert hoa.post(path, {"subject": "alert 1"}).status_code == 403, path


def test_an_alarm_is_assigned_only_to_an_officer_of_its_ward(served: CityHouse) -> None:
    """Assigned to a user without rights in the ward, the alarm would be silent with no officer in charge."""
    served.person("ba", Role.OFFICER, "ky-ba")
    served.person("nam", Role.VIEWER, "quang-trung")
    served.person("mai", Role.OFFICER, "quang-trung")
    lan = served.browser("lan")
    page = alarm_of(lan, "qt-014")
    owners = re.findall(r'name="owner".*?</select>', lan.get(page).text)[0]
    offered = re.findall(r"<option>([^<]+)</option>", owners)
    assert {"lan", "minh", "mai"} <= set(offered)
    assert not {"ba", "nam", "hoa"} & set(offered)
    fields = {"subject": subject_on(lan, page), "next": page}
    for stranger in ("ba", "nam", "nobody", "Mai", ""):
        assert lan.post("/alerts/take", {**fields, "owner": stranger}, page=page).status_code == 400
    assert lan.post("/alerts/take", {**fields, "owner": "mai"}, page=page).status_code == 303
    assert "Người xử lý: mai" in text_of(lan.get(page).text)


def test_a_shift_is_handed_over_and_accepted(served: CityHouse) -> None:
    lan, minh = served.browser("lan"), served.browser("minh")
    lan.post("/handover/leave", {"note": "camera cổng bị che,\nđã gọi thợ"}, page="/handover")
    waiting = minh.get("/handover").text
    assert "đã gọi thợ" in waiting
    take = re.search(r'action="(/handover/\d+/take)"', waiting)
    assert take is not None
    assert minh.post(take[1], page="/handover").status_code == 303
    assert lan.post(take[1], page="/handover").status_code == 409, "it is taken"
    assert re.search(r"minh nhận lúc \d\d/\d\d/\d{4}", text_of(lan.get("/handover").text))


def test_a_clip_is_requested_once(served: CityHouse) -> None:
    lan = served.browser("lan")
    page = alarm_of(lan, "pk-003")
    for _ in range(2):
        assert lan.post(f"{page}/clip", page=page).status_code == 303
    (row,) = served.harness.rows(tables.request)
    asked = row.gateway, row.ward, row.type, row.status, row.asked_by
    assert asked == ("pk-003", "phu-khanh", "clip", "asked", "lan")
    words = text_of(lan.get(page).text)
    assert "Đã yêu cầu lan lúc" in words
    assert "Lấy video về" not in words


def test_the_fleet_is_listed_in_pages_the_broken_first(minh: Browser) -> None:
    first = main_of(minh.get("/fleet").text)
    last = main_of(minh.get("/fleet?page=5").text)
    assert (first.count("<tr class="), last.count("<tr class=")) == (100, 65)
    places = [f"/sites/{OFFLINE}", '<tr class="l-check"', '<tr class="l-away"']
    assert sorted(places, key=first.index) == places
    assert '<tr class="l-action"' not in last
    assert 'rel="next"' in first
    assert 'rel="next"' not in last
