"""The pages of cases: from the page of a passage into a case, who sees it, and what is recorded."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, select, update

from edge_central.cases import exports
from edge_central.cases.exports import sign_exports
from edge_central.cases.items import take_pictures
from edge_central.searches.passage_holds import DAY_MS, HoldStatus
from edge_central.store import tables
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import ALL
from tests.edge_central.console.passages import CityGateways, crop, passage
from tests.edge_central.web.house import Browser, House
from tests.edge_central.web.test_search_pages import HERE, begin, city, start_ms, words

__all__ = ["city"]


def found(house: House, browser: Browser, lang: str = "en", **more: Any) -> str:
    """The page of a passage that a search of the browser's account has found."""
    search, gateways = begin(browser, lang), CityGateways(house)
    (command,) = [each for each in gateways.asked(search) if each.gateway == "dt-001"]
    gateways.answer(command, [passage(412, start_ms(), **more)])
    return f"/searches/{search}/passages/dt-001/412"


def added(house: House, browser: Browser) -> tuple[str, str]:
    """The pages of a passage and of the case that it was added to."""
    page = found(house, browser)
    answer = browser.post(f"{page}/case", {}, page=page)
    assert answer.status_code == 303, words(answer.text)
    return page, answer.headers["location"].partition("#")[0]


def send_picture(house: House, browser: Browser, page: str) -> None:
    search, gateways = page.split("/")[2], CityGateways(house)
    browser.post(f"/searches/{search}/pictures", {"passage": "dt-001/412"}, page=page)
    (command,) = gateways.opened(search)
    gateways.send_picture(command, crop("red", 412))
    with house.connections.writing() as connection:
        take_pictures(connection)


def accesses(house: House) -> list[tuple[str, str]]:
    columns = tables.access.c
    query = select(columns.account, columns.what).where(columns.what.like("case%")).order_by(columns.id)
    with house.connections.reading() as connection:
        return [(row.account, row.what) for row in connection.execute(query)]


def test_a_passage_goes_into_the_case_of_its_search_with_its_picture(city: House) -> None:
    lan = city.browser("lan")
    page, case = added(city, lan)
    assert "has not been opened" in lan.get(case).text
    send_picture(city, lan, page)
    shown = lan.get(case).text
    picture = re.search(rf'src="({case}/pictures/\d+)"', shown)
    assert picture is not None
    assert lan.get(picture[1]).content == crop("red", 412)
    text = words(shown)
    for expected in (
        "Case 7/2026",
        "Lý Bôn – Quang Trung",
        "Cổng",
        "may be",
        "red",
        "added by lan",
        "SHA-256",
    ):
        assert expected in text, text
    assert "<polyline" in shown
    assert "7/2026" in words(lan.get("/cases").text)
    assert accesses(city) == [("lan", "case-add"), ("lan", "case-view")], "views within minutes are one"


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_every_state_is_shown_in_both_languages(city: House, lang: str) -> None:
    lan = city.browser("lan")
    page, case = added(city, lan)
    lan.get(f"/language/{lang}")
    number = lan.get(case).text.split('name="item" value="')[1].split('"')[0]
    refused = lan.post(f"{case}/strike", {"item": number, "why": " "}, page=case)
    assert refused.status_code == 409
    assert "500" in words(refused.text)
    assert lan.post(f"{case}/strike", {"item": number, "why": "xe khác"}, page=case).status_code == 303
    assert "xe khác" in words(lan.get(case).text)
    assert lan.post(f"{case}/close", {}, page=case).status_code == 303
    assert ALL["case-reopen"][0 if lang == "vi" else 1] in lan.get(case).text
    assert "7/2026" not in words(lan.get("/cases").text)
    assert "7/2026" in words(lan.get("/cases?closed=1").text)
    closed = lan.post(f"{page}/case", {}, page=page)
    assert closed.status_code == 409
    assert ("đã đóng" if lang == "vi" else "is closed") in words(closed.text)
    assert lan.post(f"{case}/reopen", {}, page=case).status_code == 303
    kinds = [what for _, what in accesses(city)]
    assert kinds == ["case-add", "case-view", "case-strike", "case-close", "case-reopen"]
    assert "7/2026" in words(city.browser("minh").get("/access").text)


def test_events_are_stored_while_an_export_is_made(city: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has one writer at a time: an alarm must not wait for 500 items and 20,000 accesses."""
    make_files, written = exports.make_files, []

    def make_while_another_writes(*facts: Any) -> Any:
        with city.connections.writing():
            written.append(1)
        return make_files(*facts)

    monkeypatch.setattr(exports, "make_files", make_while_another_writes)
    lan = city.browser("lan")
    _, case = added(city, lan)
    answer = lan.post(f"{case}/export", {}, page=case)
    assert (answer.status_code, answer.headers["location"], written) == (303, f"{case}#exports", [1])
    assert accesses(city)[-1] == ("lan", "case-export")


def test_who_may_see_a_case(city: House) -> None:
    city.person("hoa", Role.OFFICER, "de-tham", "bo-xuyen")
    city.person("tuan", Role.OFFICER, "bo-xuyen")
    _, case = added(city, city.browser("lan"))
    for name, status in (("lan", 200), ("hoa", 200), ("minh", 200), ("tuan", 404), ("tuong", 403)):
        browser = city.browser(name)
        assert browser.get(case).status_code == status, name
        listed = browser.get("/cases")
        assert listed.status_code == (403 if name == "tuong" else 200)
        assert (case in listed.text) == (status == 200)
    for path in ("/cases/99", "/cases/abc", f"{case}/pictures/99"):
        assert city.browser("lan").get(path).status_code == 404
    tuan = city.browser("tuan")
    for action in ("strike", "close", "reopen"):
        answer = tuan.post(f"{case}/{action}", {"item": "1", "why": "not mine"}, page="/cases")
        assert answer.status_code == 404


def report_of(sequence: int, track: str) -> tuple[str, bytes]:
    """An event of the time of the passage, about this track."""
    topic, payload = HERE.event(sequence)
    event = json.loads(payload) | {"time": "2026-11-18T14:30:04.000Z"}
    event["data"] |= {"event_id": f"x-{sequence}", "track_id": track}
    return topic, json.dumps(event).encode()


def test_a_colleague_opens_the_picture_in_the_case(city: House) -> None:
    city.person("hoa", Role.OFFICER, "de-tham", "bo-xuyen")
    city.person("tuan", Role.OFFICER, "bo-xuyen")
    page, case = added(city, city.browser("lan"))
    hoa = city.browser("hoa")
    assert hoa.get(page).status_code == 404, "the search is its author's"
    action = re.search(rf'action="({case}/pictures/\d+/open)"', hoa.get(case).text)
    assert action is not None
    assert city.browser("tuan").post(action[1], {}, page="/cases").status_code == 404
    assert hoa.post(action[1], {}, page=case).status_code == 303
    gateways = CityGateways(city)
    (command,) = gateways.opened(page.split("/")[2])
    gateways.send_picture(command, crop("red", 412))
    with city.connections.writing() as connection:
        take_pictures(connection)
        what = select(tables.access.c.account).where(tables.access.c.what == "passage")
        assert list(connection.scalars(what)) == ["hoa"]
    assert "/open" not in hoa.get(case).text


def test_an_export_is_signed_and_downloaded(city: House) -> None:
    lan = city.browser("lan")
    _, case = added(city, lan)
    assert lan.post(f"{case}/export", {}, page=case).status_code == 303
    assert "waits for the signature" in words(lan.get(case).text)
    with city.connections.writing() as connection:
        sign_exports(connection, Ed25519PrivateKey.generate(), ["de-tham"], city.now_ms())
    link = re.search(rf'href="({case}/exports/\d+)"', lan.get(case).text)
    assert link is not None
    answer = lan.get(link[1])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert "case.json" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert ("lan", "case-export") in accesses(city)
    with city.connections.writing() as connection:
        connection.execute(delete(tables.meta).where(tables.meta.c.key.like("search-key%")))
    refused = lan.post(f"{case}/export", {}, page=case)
    assert refused.status_code == 409
    assert "no centre of the wards" in words(refused.text)


ODD: dict[str, Any] = {
    "label": "<script>alert(1)</script>", "rules": ["<b>" + "x" * 60] * 16, "for_s": 1e7, "speed": 1e6,
    "colours": {"neck": ["beige", "black"]}, "entry": "above", "light": "noon", "clock": "lost",
    "group": "boat", "direction_deg": 360, "size": [0.0, 1.0], "start": "2026-11-18T14:30:00.000Z",
}  # fmt: skip


@pytest.mark.parametrize("facts", [None, b"{}", b"[]", b'{"passages": [1]}', b"\xff", b"[" * 10_000])
def test_odd_passages_and_facts_leave_the_pages_as_they_were(city: House, facts: bytes | None) -> None:
    lan = city.browser("lan")
    page = found(city, lan, **ODD)
    case = lan.post(f"{page}/case", {}, page=page).headers["location"].partition("#")[0]
    if facts is not None:
        with city.connections.writing() as connection:
            connection.execute(update(tables.case_item).values(facts=facts))
    for lang in ("vi", "en"):
        lan.get(f"/language/{lang}")
        for path in (page, case, "/cases"):
            answer = lan.get(path)
            assert answer.status_code == 200, path
            assert "<script>alert" not in answer.text
            assert "case-item" in answer.text or path != case
    exported = lan.post(f"{case}/export", {}, page=case)
    assert exported.status_code == 303
    with city.connections.reading() as connection:
        files = connection.scalar(select(tables.case_export.c.files))
    assert "<script>alert" not in json.loads(zlib.decompress(files or b""))["texts"]["index.html"]


def hold_row(house: House) -> Any:
    with house.connections.reading() as connection:
        return connection.execute(select(tables.passage_hold)).one()


def test_a_hold_is_asked_for_and_its_state_is_shown(city: House) -> None:
    lan = city.browser("lan")
    page, case = added(city, lan)
    for wrong in ("0000900000000", "91", "٩٠"):
        assert lan.post(f"{page}/hold", {"days": wrong}, page=page).status_code == 400
    assert lan.post(f"{page}/hold", {"days": "90"}, page=page).status_code == 303
    row = hold_row(city)
    assert (row.asked_by, row.case_number, row.until_ms - row.asked_ms) == ("lan", "7/2026", 90 * DAY_MS)
    assert "has not answered yet" in words(lan.get(page).text)
    for status, shown in (
        (HoldStatus.KEPT, "Held at the gateway until"),
        (HoldStatus.MISSING, "has deleted this passage"),
        (HoldStatus.REFUSED, "refused to hold"),
        (HoldStatus.EXPIRED, "not back within 7 days"),
    ):
        with city.connections.writing() as connection:
            connection.execute(update(tables.passage_hold).values(status=status.value))
        assert shown in words(lan.get(page).text)
        assert shown in words(lan.get(case).text), "the case lists it"
    city.browser("minh")
    with city.connections.writing() as connection:
        connection.execute(update(tables.passage_hold).values(status="kept", asked_by="minh"))
    refused = lan.post(f"{page}/hold", {"days": ""}, page=page)
    assert refused.status_code == 409
    assert "only the officer who alone asked" in words(refused.text)
    assert lan.post(f"{page}/hold", {"days": "7"}, page=page).status_code == 400


def test_the_whole_picture_is_in_the_event_of_the_object_or_on_the_recorder(city: House) -> None:
    lan = city.browser("lan")
    page = found(city, lan, rules=["gate"], track="cam-1-k3-7")
    assert "on the recorder: channel 1-01 (camera Cổng), at 18/11/2026 21:30:00" in words(lan.get(page).text)
    city.take(report_of(1, "cam-1-k3-7"), report_of(2, "cam-1-k3-8"))
    shown = lan.get(page).text
    assert "These events of the same object" in shown
    assert len(re.findall(r'href="/events/\d+"', shown[shown.index('id="whole"') :])) == 1
