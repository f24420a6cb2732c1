"""The page of commands: its buttons, what is shown before it is signed, and who may send what."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from edge_agent.commands.signature import sign
from edge_agent.wire.received.messages import ReplyMessage
from edge_central.commands.model import GatewayCommand
from edge_central.store import tables
from edge_central.store.batch import Batch
from edge_central.web.auth.accounts import Role
from tests.edge_central.commands.parts import MASK, OPERATOR, signed_as_browser
from tests.edge_central.parts import FakeGateway
from tests.edge_central.rehearsals.parts import CAMERA, NIGHT, document, store_rules
from tests.edge_central.web import hostile
from tests.edge_central.web.house import Browser, House

HERE, THERE = FakeGateway("dt-001"), FakeGateway("bx-001", "bo-xuyen")
PAGE = "/sites/dt-001/commands"
UNSIGNED = f"{PAGE}/unsigned"
MUTE = {"type": "mask", "rule": "cam-1/night", "for_s": "7200", "reason": "lễ hội ở chợ"}
DOCUMENT = re.compile(r'<pre id="document">(.*?)</pre>', re.S)


@pytest.fixture
def city(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path, recorder_url="https://nvr.example/live?channel={channel}") as house:
        for gateway in (HERE, THERE):
            house.take(gateway.state("online", "s"), gateway.heartbeat("s"), gateway.birth("s"))
        with house.connections.writing() as connection:
            store_rules(connection)
        house.person("minh", Role.ADMIN)
        house.person("lan", Role.OFFICER, "de-tham")
        house.person("tuong", Role.VIEWER, "de-tham")
        yield house.start()


def stored(house: House) -> list[Any]:
    with house.connections.reading() as connection:
        return list(connection.execute(select(tables.request).order_by(tables.request.c.asked_ms)))


def shown_document(browser: Browser, **changes: str) -> str:
    """The text that the page shows to be signed."""
    page = browser.get(PAGE, params=MUTE | changes)
    found = DOCUMENT.search(page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


@pytest.mark.parametrize(
    ("lang", "type_", "expected"),
    [
        ("vi", "mask", "<dt>Tạm không báo động đến khoảng</dt>"),
        ("vi", "disarm", "<dt>Tạm tắt đến khoảng</dt>"),
        ("en", "mask", "<dt>Muted until about</dt>"),
        ("en", "arm", "<dt>Armed until about</dt>"),
    ],
)
def test_the_end_of_a_mute_and_of_its_command_have_different_words(
    city: House, lang: str, type_: str, expected: str
) -> None:
    lan = city.browser("lan", lang=lang)
    page = lan.get(PAGE, params=MUTE | {"type": type_}).text
    assert expected in page
    valid = (
        "Thiết bị chỉ nhận lệnh này trước" if lang == "vi" else "The gateway takes this command only before"
    )
    assert f"<dt>{valid}</dt>" in page


def test_a_button_stores_a_command_without_a_signature(city: House) -> None:
    lan = city.browser("lan")
    for type_, camera in (("status", ""), ("snapshot", "cam-1"), ("clip", "cam-1")):
        answer = lan.post(UNSIGNED, {"type": type_, "camera": camera, "next": "/sites/dt-001"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sites/dt-001")
    assert [(each.type, each.camera, each.signed, each.asked_by) for each in stored(city)] == [
        ("status", None, None, "lan"),
        ("snapshot", "cam-1", None, "lan"),
        ("clip", "cam-1", None, "lan"),
    ]
    for path in (PAGE, "/sites/dt-001"):
        assert lan.get(path).text.count("Đã yêu cầu") == 3, "each is in the log of the page"
    assert 'action="/sites/dt-001/commands/unsigned"' in lan.get("/sites/dt-001").text


def test_others_see_who_asked_for_live_pictures(city: House) -> None:
    """The newest picture of the camera is on the page of its site for everybody."""
    city.browser("lan").post(UNSIGNED, {"type": "live-pictures", "camera": "cam-1"})
    city.picture(HERE, "m-1")
    minh = city.browser("minh", lang="en")
    page = minh.get("/sites/dt-001").text
    assert "Live pictures, asked for by lan" in page
    assert '<img src="/media/dt-001/m-1"' in page
    (row,) = stored(city)
    with city.connections.writing() as connection:
        Batch(connection).record_replies([ReplyMessage("de-tham", "dt-001", row.id, "succeeded", "60")], 5)
    assert "asked for by lan" not in minh.get("/sites/dt-001").text


@pytest.mark.parametrize("type_", ["mask", "storm-mode", "reboot", "", "arm"])
def test_no_button_sends_anything_else_without_a_signature(city: House, type_: str) -> None:
    answer = city.browser("lan").post(UNSIGNED, {"type": type_, "camera": "cam-1"})
    assert (answer.status_code, stored(city)) == (400, [])


def test_the_page_says_in_words_and_verbatim_what_is_signed(city: House) -> None:
    lan = city.browser("lan")
    assert "/static/command.js" not in lan.get(PAGE).text, "nothing is to be signed: no script for it"
    page = lan.get(PAGE, params=MUTE).text
    assert "tạm không báo động theo quy tắc night trong 2 giờ" in html.unescape(page)
    assert "/static/command.js" in page
    signed = json.loads(shown_document(lan))
    assert (signed["type"], signed["gateway"]) == ("mask", "dt-001")
    assert signed["args"] == {"camera": "cam-1", "rule": "night", "for_s": 7200}
    assert "100 giây" in html.unescape(lan.get(PAGE, params=MUTE | {"for_s": "100"}).text), "not rounded"
    lan.get("/language/en")
    assert "mute the rule night for 2 h" in lan.get(PAGE, params=MUTE).text
    assert stored(city) == []


def test_a_rule_is_called_by_its_name_beside_its_id(city: House) -> None:
    named = CAMERA | {"rules": [NIGHT | {"name": "Chợ đêm"}]}
    with city.connections.writing() as connection:
        connection.execute(tables.camera_rules.update().values(document=document(named)))
    page = city.browser("lan").get(PAGE, params=MUTE).text
    assert "theo quy tắc Chợ đêm trong" in page
    assert "Chợ đêm <small>night</small>" in page


@pytest.mark.parametrize(
    ("lang", "muted", "was_muted"),
    [
        ("vi", "Đang tạm không báo động đến", "quy tắc đang tạm không báo động"),
        ("en", "Muted until", "was muted"),
    ],
)
def test_a_mute_in_force_is_shown_where_its_rule_is(
    city: House, lang: str, muted: str, was_muted: str
) -> None:
    lan = city.browser("lan", lang=lang)
    data = {"phase": "start", "event_id": "e1", "rule_id": "night", "masked": True}
    city.take(hostile.event(HERE, 1, data, severity=9))
    pages = (PAGE, "/sites/dt-001/cameras/cam-1/rules", "/events/1")
    assert all(muted not in lan.get(page).text for page in pages)
    signed = signed_as_browser(GatewayCommand("mask", {**MASK.args, "rule": "night"}), city.now_ms())
    lan.post(PAGE, {"signed": signed.decode(), "reason": "lễ hội"})
    (row,) = stored(city)
    with city.connections.writing() as connection:
        reply = ReplyMessage("de-tham", "dt-001", row.id, "succeeded", "")
        Batch(connection).record_replies([reply], city.now_ms())
    for page in pages:
        text = lan.get(page).text
        assert text.count(muted) == 1, page
        assert "(lan: lễ hội)" in text, page
        assert 'name="rule" value="cam-1/night"><input type="hidden" name="for_s" value="0">' in text, page
    page = lan.get("/events/1").text
    assert was_muted in page
    assert "?rule=cam-1/night#of-rule" not in page, "it is muted already"
    ended = lan.get(PAGE, params={"type": "mask", "rule": "cam-1/night", "for_s": "0", "reason": "xong"})
    assert json.loads(html.unescape(DOCUMENT.search(ended.text)[1]))["args"]["for_s"] == 0  # type: ignore[index]


def test_a_signed_command_is_stored_with_author_and_reason(city: House) -> None:
    lan = city.browser("lan")
    jws = sign(shown_document(lan).encode(), OPERATOR)
    answer = lan.post(PAGE, {"signed": jws.decode(), "reason": "lễ hội"})
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    (row,) = stored(city)
    assert (bytes(row.signed), row.asked_by, row.reason, row.status) == (jws, "lan", "lễ hội", "asked")
    assert "lễ hội" in lan.get(PAGE).text
    assert "gửi lệnh" in city.browser("minh").get("/access?kind=commands").text


def test_the_same_command_twice_is_stored_once(city: House) -> None:
    lan = city.browser("lan")
    form = {"signed": sign(shown_document(lan).encode(), OPERATOR).decode(), "reason": "lễ hội"}
    assert [lan.post(PAGE, form).status_code for _ in range(2)] == [303, 409]
    assert city.browser("minh").post(PAGE, form).status_code == 409, "whoever sends it"
    assert len(stored(city)) == 1


@pytest.mark.parametrize(
    ("signed", "reason", "words"),
    [
        ("", "x", "Không đọc được lệnh đã ký"),
        ("a.b.c", "x", "Không đọc được lệnh đã ký"),
        (None, "", "Hãy ghi lý do"),
        ("old", "x", "Lệnh đã hết hạn"),
        ("other", "x", "không phải do trang này soạn"),
    ],
)
def test_a_wrong_submission_is_refused_in_words(
    city: House, signed: str | None, reason: str, words: str
) -> None:
    now_ms = city.now_ms()
    made = {
        None: signed_as_browser(MASK, now_ms).decode(),
        "old": signed_as_browser(MASK, now_ms - 3_600_000).decode(),
        "other": signed_as_browser(MASK, now_ms, gateway="bx-001").decode(),
    }
    answer = city.browser("lan").post(PAGE, {"signed": made.get(signed, signed or ""), "reason": reason})
    assert answer.status_code == 400
    assert words in html.unescape(answer.text)
    assert stored(city) == []


def test_a_wrong_form_says_what_is_wrong(city: House) -> None:
    page = city.browser("lan").get(PAGE, params=MUTE | {"reason": ""})
    assert page.status_code == 200
    assert "Hãy ghi lý do" in page.text
    assert DOCUMENT.search(page.text) is None


def test_who_may_send_to_which_site(city: House) -> None:
    lan, tuong = city.browser("lan"), city.browser("tuong")
    jws = signed_as_browser(MASK, city.now_ms(), gateway="bx-001").decode()
    for path, form in (
        ("/sites/bx-001/commands", {"signed": jws, "reason": "x"}),
        ("/sites/bx-001/commands/unsigned", {"type": "status"}),
    ):
        assert lan.post(path, form).status_code == 404
    assert lan.get("/sites/bx-001/commands").status_code == 404
    assert tuong.get(PAGE).status_code == 403
    assert tuong.post(UNSIGNED, {"type": "status"}).status_code == 403
    assert "commands" not in tuong.get("/sites/dt-001").text
    assert lan.client.post(UNSIGNED, data={"type": "status"}).status_code == 403, "no form of ours"
    assert stored(city) == []


def test_a_hostile_reply_is_shown_as_text(city: House) -> None:
    lan = city.browser("lan")
    lan.post(UNSIGNED, {"type": "status"})
    (row,) = stored(city)
    attack = "<script>alert(1)</script>" + "x" * 5_000
    with city.connections.writing() as connection:
        Batch(connection).record_replies([ReplyMessage("de-tham", "dt-001", row.id, "failed", attack)], 5)
    for path in (PAGE, "/sites/dt-001"):
        page = lan.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert" in page.text


def test_a_row_that_cannot_be_shown_keeps_the_others(city: House) -> None:
    lan = city.browser("lan")
    lan.post(UNSIGNED, {"type": "status"})
    lan.post(UNSIGNED, {"type": "snapshot", "camera": "cam-1"})
    with city.connections.writing() as connection:
        first = tables.request.c.type == "status"
        connection.execute(tables.request.update().where(first).values(type="of tomorrow", args="[]"))
    page = lan.get(PAGE)
    assert page.status_code == 200
    assert "Không hiển thị được" in page.text
    assert "chụp ảnh" in page.text


def test_the_channel_leads_to_the_recorder(tmp_path: Path) -> None:
    sheet = tmp_path / "sites.csv"
    sheet.write_text(
        'site,ward,name,camera,camera_name,recorder_channel\ndt-001,de-tham,A,cam-1,Cổng,"9-43 ""<&x"\n',
        encoding="utf-8",
    )
    url = "https://nvr.example/{gateway}?channel={channel}"
    with House(tmp_path / "house", recorder_url=url, sites_file=str(sheet)) as house:
        house.take(HERE.state("online", "s"), HERE.heartbeat("s"), HERE.birth("s"))
        house.person("lan", Role.OFFICER, "de-tham")
        page = house.start().browser("lan").get("/sites/dt-001").text
    assert 'href="https://nvr.example/dt-001?channel=9-43%20%22%3C%26x"' in page
    assert 'rel="noopener noreferrer"' in page
