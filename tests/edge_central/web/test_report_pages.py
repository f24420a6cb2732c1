"""The reports of a shift and a month, and what is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_central.console.incident_log import LogAuthor, hand_over
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.presence_reports import GatewayReport, PresenceState
from edge_central.store.scope import EVERYWHERE
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import OURS, THEIRS, FakeGateway
from tests.edge_central.rehearsals.parts import CAMERA, NIGHT, document, store_rules
from tests.edge_central.traffic.parts import moment
from tests.edge_central.web.hostile import event
from tests.edge_central.web.house import Browser, House
from tests.edge_central.web.test_traffic_pages import text_of
from tests.host.fakes import FakeClock

DOWN = {"cam-1": {"state": "offline", "cause": "stalled"}, "cam-2": {"state": "online"}}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(moment("08:00"))


@pytest.fixture
def house(tmp_path: Path, clock: FakeClock) -> Iterator[House]:
    with House(tmp_path, clock=clock) as built:
        built.take(OURS.heartbeat("s", cameras=DOWN), THEIRS.heartbeat("s", cameras=DOWN))
        for box in (OURS, THEIRS):
            built.tell(GatewayReport(box.id, box.ward, PresenceState.ONLINE, "heartbeat", built.now_ms()))
        yield built.start()


@pytest.fixture
def lan(house: House) -> Browser:
    return house.login("lan", Role.OFFICER, "de-tham")


def alarm(box: FakeGateway, number: int) -> tuple[str, bytes]:
    return event(box, number, {"phase": "start", "event_id": f"a{number}", "rule_id": "yard-night"})


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        (
            "vi",
            (
                "Báo cáo ca trực",
                "Báo động đã phát 2",
                "Đã nhận xử lý 1 40 giây 40 giây",
                "Mất hình",
                "yard-night",
            ),
        ),
        (
            "en",
            ("Shift report", "Alarms that rang 2", "Acknowledged 1 40 s 40 s", "No picture", "yard-night"),
        ),
    ],
)
def test_a_shift_report_says_what_rang_who_took_it_and_what_is_down(
    house: House, lan: Browser, clock: FakeClock, lang: str, expected: tuple[str, ...]
) -> None:
    house.take(alarm(OURS, 1), alarm(OURS, 2), alarm(THEIRS, 1))
    clock.wall = moment("08:00:40")
    lan.post("/alerts/acknowledge", {"subject": "event dt-001 a1"})
    lan.get(f"/language/{lang}")
    page = lan.get("/reports/shift").text
    words = text_of(page)
    for each in (*expected, "lan: 1"):
        assert each in words, words
    assert "bx-001" not in page, "another ward"
    assert "(1)" in words, "one camera of his ward is down"
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize(("lang", "notice"), [("vi", "Tháng này chưa hết"), ("en", "This month is not over")])
def test_a_month_that_is_not_over_says_so(lan: Browser, lang: str, notice: str) -> None:
    lan.get(f"/language/{lang}")
    assert notice in text_of(lan.get("/reports/month").text)
    assert notice not in text_of(lan.get("/reports/month?month=2026-10").text)
    assert notice not in text_of(lan.get("/reports/shift").text)


@pytest.mark.parametrize(
    ("lang", "words"), [("vi", "bridge (phần mềm khác): 1"), ("en", "bridge (a program): 1")]
)
def test_a_program_that_acknowledges_is_marked(house: House, lan: Browser, lang: str, words: str) -> None:
    house.take(alarm(OURS, 1))
    program = house.program(house.token("bridge", "de-tham", role=Role.API_OFFICER))
    step = {"step": "acknowledged", "subject": "event dt-001 a1"}
    assert program.post("/api/incidents/steps", json=step).status_code == 201
    lan.get(f"/language/{lang}")
    assert words in text_of(lan.get("/reports/month").text)


def test_a_rule_has_its_name_in_the_report(house: House, lan: Browser, clock: FakeClock) -> None:
    named = CAMERA | {"rules": [NIGHT | {"id": "yard-night", "name": "Đêm ở sân"}]}
    with house.connections.writing() as connection:
        store_rules(connection, payload=document(named))
    house.take(alarm(OURS, 1))
    clock.wall = moment("08:01")
    words = text_of(lan.get("/reports/shift").text)
    assert "Xâm nhập vùng Đêm ở sân" in words
    assert "yard-night" not in words


def test_searches_and_rehearsals_of_a_month_are_reported_to_administrators(
    house: House, lan: Browser
) -> None:
    minh = house.login("minh", Role.ADMIN)
    with house.connections.writing() as connection:
        for kind, case in ((AccessKind.SEARCH, "7/2026"), (AccessKind.REHEARSAL, "8/2026")):
            record_access(connection, kind, "lan", "::1", house.now_ms(), case_number=case, gateways=3)
    for lang in ("vi", "en"):
        minh.get(f"/language/{lang}")
        for path in ("/access", "/searches"):
            assert 'href="/reports/searches"' in minh.get(path).text, path
        page = minh.get("/reports/searches").text
        title = (
            "Tìm kiếm và chạy thử, tháng 11/2026" if lang == "vi" else "Searches and rehearsals of 11/2026"
        )
        assert title in text_of(page)
        assert "lan 1 1 6 0 7/2026, 8/2026" in text_of(page)
        assert "7/2026" not in minh.get("/reports/searches?month=2026-10").text
        assert 'href="/reports/searches"' not in lan.get("/searches").text
        assert lan.get("/reports/searches").status_code == 403


def test_a_shift_begins_with_the_last_handover(house: House, lan: Browser, clock: FakeClock) -> None:
    house.take(alarm(OURS, 1))
    clock.wall = moment("09:00")
    lan.post("/handover/leave", {"note": "mưa"}, page="/handover")
    clock.wall = moment("10:00")
    house.take(alarm(OURS, 2))
    words = text_of(lan.get("/reports/shift").text)
    assert "Từ 24/11/2026 09:00:00 đến 24/11/2026 10:00:00" in words
    assert "Báo động đã phát 1" not in words, "the end of a shift is not included: nor is 10:00:00 itself"
    clock.wall = moment("10:01")
    assert "Báo động đã phát 1" in text_of(lan.get("/reports/shift").text)
    asked = lan.get("/reports/shift?from=2026-11-24T07:00&to=2026-11-24T10:01").text
    assert "Báo động đã phát 2" in text_of(asked)


def test_a_shift_of_the_centre_does_not_begin_with_the_handover_of_a_ward(
    house: House, lan: Browser, clock: FakeClock
) -> None:
    centre = house.login("minh", Role.ADMIN)
    for time, reader in (("08:10", centre), ("08:20", lan), ("08:30", centre), ("08:40", lan)):
        clock.wall = moment(time)
        reader.post("/handover/leave", {"note": ""}, page="/handover")
    clock.wall = moment("09:00")
    for path, begin, end in (
        ("/reports/shift", "08:30:00", "09:00:00"),
        ("/reports/shift?handover=3", "08:10:00", "08:30:00"),
        ("/reports/shift?handover=4", "08:20:00", "08:40:00"),
    ):
        words = text_of(centre.get(path).text)
        assert f"Từ 24/11/2026 {begin} đến 24/11/2026 {end}" in words, path


def test_who_hands_over_prints_the_shift_that_ended(house: House, lan: Browser, clock: FakeClock) -> None:
    house.take(alarm(OURS, 1), alarm(THEIRS, 1))
    clock.wall = moment("08:30:20")
    lan.post("/handover/leave", {"note": ""}, page="/handover")
    clock.wall = moment("08:30:40")
    house.person("hoa", Role.ADMIN)
    link = 'href="/reports/shift?handover=1"'
    for reader, page in ((lan, "/handover"), (lan, "/reports/shift"), (house.browser("hoa"), "/handover")):
        assert link in reader.get(page).text
        words = text_of(reader.get("/reports/shift?handover=1").text)
        assert "Từ 23/11/2026 20:30:20 đến 24/11/2026 08:30:20" in words
        assert "Báo động đã phát 1" in words, "of the ward of the shift"
    assert "In báo cáo ca này" in text_of(lan.get("/handover").text)
    for reader, number in (
        (house.login("an", Role.OFFICER, "bo-xuyen"), "1"),
        (lan, "2"),
        (lan, "x"),
        (lan, "9" * 30),
    ):
        assert reader.get(f"/reports/shift?handover={number}").status_code == 404


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_a_shift_that_ends_before_it_begins_is_said_in_the_form(lan: Browser, lang: str) -> None:
    lan.get(f"/language/{lang}")
    answer = lan.get("/reports/shift?from=2026-11-24T10:11&to=2026-11-24T10:11")
    words = "Giờ kết thúc phải sau giờ bắt đầu." if lang == "vi" else "The end has to be after the begin."
    assert f'<p class="error" role="alert">{words}</p>' in answer.text
    assert answer.text.count('value="2026-11-24T10:11"') == 2, "the form has what was typed"
    long = lan.get("/reports/shift?from=2026-01-01T00:00&to=2026-11-24T09:00").text
    assert ("Một ca dài tối đa 7 ngày." if lang == "vi" else "A shift has at most 7 days.") in long


def test_the_times_of_a_new_shift_can_be_sent_as_they_are(
    house: House, lan: Browser, clock: FakeClock
) -> None:
    clock.wall = moment("08:30:20")
    lan.post("/handover/leave", {"note": ""}, page="/handover")
    clock.wall = moment("08:30:45")
    form = lan.get("/reports/shift").text
    begin, end = re.findall(r'type="datetime-local" name="(?:from|to)" value="([^"]+)"', form)
    assert lan.get(f"/reports/shift?from={begin}&to={end}").status_code == 200


def test_a_month_begins_at_midnight_of_the_place(house: House, clock: FakeClock) -> None:
    clock.wall = moment("00:00:01", "2026-12-01")  # still November in UTC
    house.take(alarm(OURS, 1))
    clock.advance(1.0)
    lan = house.login("lan", Role.OFFICER, "de-tham")
    words = text_of(lan.get("/reports/month").text)
    assert "Báo cáo tháng 12/2026" in words
    assert "Báo động đã phát 1" in words
    assert "Báo động đã phát 0" in text_of(lan.get("/reports/month?month=2026-11").text)


@pytest.mark.parametrize(
    "path",
    [
        "/reports/shift?from=x",
        "/reports/shift?from=2026-11-24T10:00&to=2026-11-24T09:00",
        "/reports/shift?from=2026-01-01T00:00&to=2026-11-24T09:00",
        "/reports/shift?to=0001-01-01T00:00",
        "/reports/month?month=2026-13",
        "/reports/month?month=9999-01",
        "/reports/month?month=11",
    ],
)
def test_times_that_make_no_sense_are_refused(lan: Browser, path: str) -> None:
    assert lan.get(path).status_code == 400


def test_printed_pages_have_no_menu_and_no_forms(lan: Browser) -> None:
    found = re.search(r'href="(/static/console\.css[^"]*)"', lan.get("/reports/shift").text)
    assert found is not None
    css = lan.get(found[1]).text
    assert "@page { size: A4" in css
    printed = css[css.index("@page") :]
    assert "main form" in printed
    assert re.search(r"body > header[^}]*display: none", css)


def test_handovers_of_a_past_month_and_shift_are_listed(house: House, lan: Browser, clock: FakeClock) -> None:
    lan.post("/handover/leave", {"note": ""}, page="/handover")
    with house.connections.writing() as connection:
        for number in range(101):
            clock.wall = moment("09:00", "2026-12-02")
            hand_over(connection, LogAuthor("minh", house.now_ms() + number), EVERYWHERE, "", [])
    hoa = house.login("hoa", Role.ADMIN)
    for path in ("month?month=2026-11", "shift?from=2026-11-24T07:30&to=2026-11-24T09:00"):
        words = text_of(hoa.get(f"/reports/{path}").text)
        assert "lan giao lúc" in words, words
        assert "minh giao lúc" not in words
    for lang, more in (("en", "and 89 more"), ("vi", "và 89 dòng nữa")):
        hoa.get(f"/language/{lang}")
        assert more in text_of(hoa.get("/reports/month?month=2026-12").text)
    lan = house.browser("lan")
    assert "Từ 24/11/2026 08:00:00" in text_of(lan.get("/reports/shift?to=2026-11-24T09:00").text)
