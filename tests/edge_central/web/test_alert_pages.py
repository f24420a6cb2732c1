"""The list of alarms over HTTP: many rows at once, silences, pages, and what a shift hands over."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from edge_central.console.alarms.queue import read_alarm_bar
from edge_central.console.incident_log import handlings
from edge_central.store.scope import EVERYWHERE
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import OURS, THEIRS, FakeGateway
from tests.edge_central.web.hostile import Message, event
from tests.edge_central.web.house import Browser, House

PAGE_S = 1.0
"""Of processor time, so that a loaded machine does not fail the test."""


def alarms(
    count: int, box: FakeGateway = OURS, *, first: int = 1, cameras: int = 1, rules: int = 1
) -> list[Message]:
    return [
        event(
            *(box, number, {"phase": "start", "event_id": f"a{number}", "rule_id": f"r{number % rules}"}),
            camera=f"cam-{number % cameras}",
        )
        for number in range(first, first + count)
    ]


def names(page: str) -> list[str]:
    """The names of the rows on a page, as its tick boxes send them."""
    return re.findall(r'<input type="checkbox" form="bulk" name="([^"]+)"', page)


def figures(page: str) -> tuple[int, int]:
    """The badge, and how many rows ring by the bar's line."""
    badge = re.search(r'href="/alerts"[^>]*>[^<]* <b class="count">(\d+)</b>', page)
    rings = re.search(r'id="ringing">(\d+) ', page)
    return int(badge[1]) if badge else 0, int(rings[1]) if rings else 0


def ringing(house: House) -> int:
    with house.connections.reading() as connection:
        return read_alarm_bar(connection, EVERYWHERE, house.now_ms()).counts.ringing


@pytest.fixture
def lan(house: House) -> Browser:
    return house.login("lan", Role.OFFICER, "de-tham")


def test_chosen_rows_are_acknowledged_and_closed_together(house: House, lan: Browser) -> None:
    house.take(*alarms(6, cameras=3))
    first, second, third = names(lan.get("/alerts").text)
    done = lan.post("/alerts/bulk", {first: "on", second: "on", "do": "acknowledge", "ward": "de-tham"})
    assert (done.status_code, done.headers["location"]) == (303, "/alerts?ward=de-tham")
    assert ringing(house) == 1
    left = lan.get("/alerts").text
    assert left.count("lan đã nhận xử lý lúc") == 2
    fields = {first: "on", third: "on", "do": "false", "note": "mèo"}
    assert lan.post("/alerts/bulk", fields).status_code == 303
    assert names(lan.get("/alerts").text) == [second]
    with house.connections.reading() as connection:
        found = handlings(connection, EVERYWHERE, [f"event dt-001 a{n}" for n in range(1, 7)])
    assert sorted(str(each.outcome) for each in found.values()) == ["None"] * 2 + ["false"] * 4


@pytest.mark.parametrize(
    ("lang", "own", "waiting"),
    [
        ("vi", "3 báo động do lan, minh nhận xử lý", "1 báo động chưa có người nhận xử lý"),
        ("en", "3 acknowledged, by lan, minh", "1 not acknowledged"),
    ],
)
def test_a_row_names_the_owners_of_its_earlier_alarms(
    house: House, lan: Browser, lang: str, own: str, waiting: str
) -> None:
    house.person("minh", Role.OFFICER, "de-tham")
    house.take(*alarms(3))
    lan.post("/alerts/acknowledge", {"subject": names(lan.get("/alerts").text)[0]})
    lan.post("/alerts/take", {"subject": "event dt-001 a1", "owner": "minh"})
    house.take(*alarms(1, first=4))
    lan.get(f"/language/{lang}")
    for path in ("/", "/alerts", "/handover"):
        page = lan.get(path).text
        assert own in page, path
        assert waiting in page, path


@pytest.mark.parametrize(
    ("lang", "says"),
    [
        ("vi", "Đã kết thúc xử lý 2 báo động, cảnh báo. Kết luận: Báo nhầm."),
        ("en", "Alarms and alerts closed: 2. Outcome: False."),
    ],
)
def test_the_list_says_what_was_closed_until_the_next_step(
    house: House, lan: Browser, lang: str, says: str
) -> None:
    house.take(*alarms(6, cameras=3))
    lan.get(f"/language/{lang}")
    first, second, third = names(lan.get("/alerts").text)
    bulk = lan.post("/alerts/bulk", {first: "on", "do": "false", "ward": "de-tham"}).headers["location"]
    assert says in lan.get(bulk).text
    assert "/sites/dt-001/commands?rule=cam-" in lan.get(bulk).text
    closing = {"subject": second, "outcome": "false", "next": bulk}
    assert lan.post("/alerts/close", closing).headers["location"] == bulk
    taken = lan.post("/alerts/acknowledge", {"subject": third, "next": bulk}).headers["location"]
    assert taken == "/alerts?ward=de-tham"
    for odd in ("closed=x&outcome=false", "closed=1&outcome=x", f"closed={'9' * 5000}&outcome=false"):
        assert 'id="done"' not in lan.get(f"/alerts?{odd}").text
    assert 'id="done"' in lan.get(bulk).text, "by which live.js finds it"


@pytest.mark.parametrize(
    ("lang", "says"),
    [
        ("vi", "chưa được ghi nhận: lan đã kết luận là báo động đúng: hãy bấm Xử lý lại trước"),
        ("en", "was not recorded: lan has closed this as real: reopen it first"),
    ],
)
def test_another_outcome_of_a_closed_alarm_is_refused_and_names_who_closed_it(
    house: House, lan: Browser, lang: str, says: str
) -> None:
    house.take(*alarms(2))
    lan.get(f"/language/{lang}")
    first, second = ("event dt-001 a1", "event dt-001 a2")
    real = {"subject": first, "outcome": "real"}
    assert lan.post("/alerts/close", real).status_code == 303
    answer = lan.post("/alerts/close", real | {"outcome": "false"})
    assert answer.status_code == 409
    (said,) = re.findall(r'<p class="error" role="alert">(.*?)</p>', answer.text)
    assert says in re.sub(r"<[^>]+>", "", said)
    assert lan.post("/alerts/close", real).status_code == 303, "it has this outcome"
    bulk = {first: "on", "do": "false"}
    assert lan.post("/alerts/bulk", bulk).status_code == 409
    both = lan.post("/alerts/bulk", bulk | {second: "on"})
    assert both.headers["location"] == "/alerts?closed=1&outcome=false"


@pytest.mark.parametrize(
    ("lang", "gone", "over"),
    [
        ("vi", "mục này không còn, hoặc đã được xử lý xong", "dữ liệu vừa thay đổi"),
        ("en", "the entry no longer exists or is already closed", "the data has just changed"),
    ],
)
def test_a_refused_action_says_that_it_was_not_recorded(
    lan: Browser, lang: str, gone: str, over: str
) -> None:
    lan.get(f"/language/{lang}")
    closing = {"subject": "event dt-001 e9", "outcome": "false"}
    for path, fields, status, why in (
        ("/alerts/close", closing, 404, gone),
        ("/silences/1/end", {}, 409, over),
    ):
        answer = lan.post(path, fields)
        assert answer.status_code == status
        assert '<p class="error" role="alert">' in answer.text
        assert why in answer.text
    assert 'role="alert">' not in lan.get("/nowhere").text


def test_counts_say_whether_they_are_of_rows_or_of_alarms(house: House, lan: Browser) -> None:
    house.take(*alarms(6, cameras=3))
    assert 'id="ringing">3 dòng báo động chưa có người nhận xử lý<' in lan.get("/events").text
    assert "<b>3</b> <small>dòng, 6 báo động</small>" in lan.get("/alerts").text
    lan.get("/language/en")
    assert "<b>3</b> <small>rows, 6 alarms</small>" in lan.get("/").text


def test_all_that_was_seen_is_acknowledged_and_what_came_since_rings(house: House, lan: Browser) -> None:
    house.take(*alarms(120, cameras=60))
    page = lan.get("/alerts").text
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen is not None
    assert "Nhận xử lý tất cả: 120 báo động, cảnh báo" in page
    house.take(*alarms(1, first=121, cameras=60))
    assert lan.post("/alerts/bulk", {"do": "all", "seen": seen[1]}).status_code == 303
    assert ringing(house) == 1
    assert lan.post("/alerts/bulk", {"do": "all", "seen": "x"}).status_code == 400


def test_the_filters_of_the_page_choose_rows(house: House, lan: Browser) -> None:
    house.take(*alarms(2, cameras=2), event(OURS, 3, {"phase": "start", "event_id": "l1"}, kind="loitering"))
    everything = lan.get("/alerts").text
    for field in ("ward", "kind", "severity", "mine"):
        assert f'name="{field}"' in everything, field
    first = names(everything)[0]
    lan.post("/alerts/acknowledge", {"subject": first})
    counts = {"kind=loitering": 1, "severity=17": 3, "ward=bo-xuyen": 0, "mine=1": 1}
    counts["kind=zone-intrusion&mine=1"] = 1
    assert {query: len(names(lan.get(f"/alerts?{query}").text)) for query in counts} == counts


def test_a_row_shows_the_newest_picture(house: House, lan: Browser) -> None:
    snapshot = {"media_id": "m-1", "sha256": "0" * 64, "bytes": 1, "box": [0, 0, 1, 1]}
    house.take(event(OURS, 1, {"phase": "start", "event_id": "e1", "label": "person", "snapshot": snapshot}))
    house.picture(OURS, "m-1")
    page = lan.get("/alerts").text
    row = page[page.index('id="alarm-list"') :]
    assert '<img src="/media/dt-001/m-1?in=list"' in row
    assert "Xâm nhập vùng: người" in row


@pytest.mark.parametrize(
    "fields", [{}, {"row 99 1": "on"}, {"row x 1": "on"}, {"alert 7": "on"}, {"row 1 1": "off"}]
)
def test_a_form_without_a_row_of_ours_changes_nothing(
    house: House, lan: Browser, fields: dict[str, str]
) -> None:
    house.take(*alarms(1))
    assert lan.post("/alerts/bulk", {**fields, "do": "acknowledge"}).status_code == 404
    assert ringing(house) == 1


def test_rows_of_another_ward_are_neither_seen_nor_changed(house: House, lan: Browser) -> None:
    house.take(*alarms(1), *alarms(1, THEIRS))
    minh = house.login("minh", Role.ADMIN)
    sites = [f"/alerts?site={box.id}" for box in (OURS, THEIRS)]
    assert [lan.get(path).status_code for path in sites] == [200, 404], "the page has the name of the site"
    assert [minh.get(path).status_code for path in sites] == [200, 200]
    (theirs,) = set(names(minh.get("/alerts").text)) - set(names(lan.get("/alerts").text))
    for path, fields in (
        ("/alerts/bulk", {theirs: "on", "do": "acknowledge"}),
        ("/alerts/acknowledge", {"subject": theirs}),
        ("/alerts/close", {"subject": theirs, "outcome": "real"}),
        ("/alerts/note", {"subject": theirs, "note": "x"}),
        ("/alerts/take", {"subject": theirs, "owner": "lan"}),
        ("/alerts/silence", {"subject": theirs, "minutes": "60", "why": "x"}),
    ):
        assert lan.post(path, fields).status_code == 404, path
    seen = re.search(r'name="seen" value="([^"]+)"', minh.get("/alerts").text)
    assert seen is not None
    lan.post("/alerts/bulk", {"do": "all", "seen": seen[1], "ward": "bo-xuyen"})
    assert ringing(house) == 2
    minh.post("/alerts/silence", {"subject": theirs, "minutes": "60", "why": "của minh"})
    assert ringing(house) == 1
    assert "của minh" not in lan.get("/silences").text + lan.get("/alerts").text
    assert lan.post("/silences/1/end").status_code == 409


@pytest.mark.parametrize(("lang", "until"), [("vi", "Tạm tắt chuông đến"), ("en", "silenced until")])
def test_a_silence_is_shown_with_author_and_reason_and_ended_by_a_colleague(
    house: House, lan: Browser, lang: str, until: str
) -> None:
    house.take(*alarms(2))
    hoa = house.login("hoa", Role.OFFICER, "de-tham")
    mai = house.login("mai", Role.VIEWER, "de-tham")
    (row,) = names(lan.get("/alerts").text)
    for fields in ({"minutes": "60", "why": " "}, {"minutes": "61", "why": "x"}):
        assert lan.post("/alerts/silence", {"subject": row, **fields}).status_code == 400
    assert mai.post("/alerts/silence", {"subject": row, "minutes": "60", "why": "x"}).status_code == 403
    why = "cây che <ống kính>"
    assert lan.post("/alerts/silence", {"subject": row, "minutes": "240", "why": why}).status_code == 303
    for browser in (hoa, mai):
        browser.get(f"/language/{lang}")
        page = browser.get("/alerts").text
        assert (ringing(house), figures(page)[0]) == (0, 1), "it is still open, and counted"
        assert until in page
        assert "lan: cây che &lt;ống kính&gt;" in page
    assert mai.post("/silences/1/end").status_code == 403
    assert hoa.post("/silences/1/end").status_code == 303
    assert hoa.post("/silences/1/end").status_code == 409, "it is over"
    assert ringing(house) == 1
    page = hoa.get("/silences").text
    assert "hoa" in page[page.index("<main") :]


def test_badge_list_bar_and_handover_agree_with_5000_open_alarms(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        boxes = [FakeGateway(f"dt-{number:03d}") for number in range(50)]
        for box in boxes:
            house.take(*alarms(100, box, cameras=10, rules=2))
        house.person("minh", Role.ADMIN)
        house.start()
        browser = house.browser("minh")
        began = time.process_time()
        page = browser.get("/alerts").text
        assert time.process_time() - began < PAGE_S
        reached = names(page)
        while following := re.search(r'<a href="([^"]+)" rel="next">', page):
            page = browser.get(following[1].replace("&amp;", "&")).text
            reached += names(page)
        rows = len(set(reached))
        assert rows == len(reached) == len(boxes) * 10
        assert figures(browser.get("/").text) == (rows, rows)
        assert f"<b>{rows}</b>" in browser.get("/handover").text
        browser.post("/handover/leave", {"note": ""}, page="/handover")
        assert f"{rows} dòng chưa xử lý xong" in browser.get("/handover").text


def test_who_takes_over_the_shift_owns_every_acknowledged_alarm(house: House, lan: Browser) -> None:
    house.take(*alarms(4, cameras=2))
    first, _ = names(lan.get("/alerts").text)
    lan.post("/alerts/acknowledge", {"subject": first})
    lan.post("/handover/leave", {"note": ""}, page="/handover")
    hoa = house.login("hoa", Role.OFFICER, "de-tham")
    assert hoa.post("/handover/1/take", page="/handover").status_code == 303
    with house.connections.reading() as connection:
        found = handlings(connection, EVERYWHERE, [f"event dt-001 a{n}" for n in range(1, 5)])
    assert [each.owner for each in found.values()] == ["hoa", "hoa"]
    assert ringing(house) == 1


@pytest.mark.parametrize(
    "path", ["/alerts?after=x", "/alerts?severity=1", "/alerts?after=0.1.0.99999999999999999999"]
)
def test_addresses_that_no_page_names_are_refused(house: House, lan: Browser, path: str) -> None:
    assert lan.get(path).status_code == 400
