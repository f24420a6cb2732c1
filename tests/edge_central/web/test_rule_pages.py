"""The pages of a camera's rules: what they say, the form of a rehearsal, its result, and who sees what."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from edge_agent.core.clock import rfc3339
from edge_central.commands.model import GatewayCommand
from edge_central.rehearsals.answers import record_replies
from edge_central.store import tables
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import ALL, LANGS
from tests.edge_central.commands.parts import REASON
from tests.edge_central.commands.parts import store as send
from tests.edge_central.console.passages import make_searchable
from tests.edge_central.parts import JPEG, FakeGateway
from tests.edge_central.rehearsals.parts import CAMERA, NIGHT, YARD, document, example, result, store_rules
from tests.edge_central.searches.parts import picture_reply, reply
from tests.edge_central.web import hostile
from tests.edge_central.web.house import WARDS, Browser, House

HERE, THERE = FakeGateway("dt-001"), FakeGateway("bx-001", "bo-xuyen")
RULES = "/sites/dt-001/cameras/cam-1/rules"
FORM = f"{RULES}/night/rehearse"


@pytest.fixture
def city(tmp_path: Path) -> Iterator[House]:
    """Two wards with a gateway each; the centre knows their rules and has a search key."""
    with House(tmp_path) as house:
        for gateway in (HERE, THERE):
            house.take(gateway.state("online", "s"), gateway.heartbeat("s"), gateway.birth("s"))
        make_searchable(house, *WARDS)
        with house.connections.writing() as connection:
            store_rules(connection)
            store_rules(connection, "bx-001", "bo-xuyen")
        house.person("minh", Role.ADMIN)
        house.person("lan", Role.OFFICER, "de-tham")
        house.person("hoa", Role.OFFICER, "de-tham")
        house.person("tuong", Role.VIEWER, "de-tham")
        yield house.start()


def filled(**more: str) -> dict[str, str]:
    """The form of the rule ``night`` as its page fills it, with purpose and case."""
    week = {f"day.{day}": "1" for day in ("mon", "tue", "wed", "thu", "fri")}
    usual = {
        "begin": "22:00", "end": "05:00", "seconds": "20", "label.person": "1", "label.motorcycle": "1",
        "points": "0.2 0.2, 0.8 0.2, 0.8 0.9, 0.2 0.9", "span": "14", "examples": "1",
        "purpose": "báo nhầm ở chợ", "case": "8/2026",
    }  # fmt: skip
    return week | usual | more


def begin(browser: Browser, **more: str) -> str:
    answer = browser.post(FORM, filled(**more), page=FORM)
    assert answer.status_code == 303, words(answer.text)
    return str(answer.headers["location"].removeprefix("/rehearsals/"))


def draft(house: House) -> dict[str, Any]:
    """What the newest rehearsal asks."""
    with house.connections.reading() as connection:
        found = connection.scalars(select(tables.rehearsal.c.draft)).all()[-1]
    return dict(json.loads(found))


def answer_with(house: House, id_: str, found: dict[str, Any]) -> None:
    with house.connections.writing() as connection:
        record_replies(connection, [reply("dt-001", f"rehearse-{id_}", result=found)], house.now_ms())


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page[page.index("<main") :]).split())


def event(
    number: int,
    rule: str,
    phase: str = "start",
    box: tuple[float, ...] = (0.4, 0.4, 0.5, 0.6),
    score: float = 0.8,
    **more: Any,
) -> tuple[str, bytes]:
    """A report of an hour ago."""
    at = rfc3339(datetime.now(UTC) - timedelta(hours=1))
    data = {"phase": phase, "event_id": f"e{number}", "rule_id": rule, "box": box, "label": "person"}
    return hostile.event(
        HERE, number, data | more | {"inside_s": 30.0, "score": score}, kind="loitering", severity=13, time=at
    )


# --- the rules ---


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_each_rule_is_said_in_words_and_drawn(city: House, lang: str) -> None:
    browser = city.browser("lan", lang=lang)
    assert f'href="{RULES}"' in browser.get("/sites/dt-001").text
    page = browser.get(RULES).text
    says = words(page)
    if lang == "en":
        assert "Reports person, motorcycle that stay in zone yard for at least 20 s" in says
        assert "Armed from 22:00 to 05:00, on Monday–Friday." in says
        assert "Reports when at least 6 (person, bicycle, motorcycle) are in zone yard at once" in says
    else:
        assert "Báo khi có người, xe máy ở lại vùng yard từ 20 giây trở lên" in says
        assert "Bật từ 22:00 đến 05:00, các ngày thứ Hai–thứ Sáu." in says
    assert '<polygon points="320.0,180.0 1280.0,180.0 1280.0,810.0 320.0,810.0"/>' in page
    assert '<polyline points="160.0,450.0 1440.0,450.0"/>' in page


def test_masks_of_the_camera_are_drawn_and_odd_ones_left_out(city: House) -> None:
    mask, odd = [[0, 0], [0.25, 0], [0.25, 0.5]], [[[0, 0], [2, 0], [0, 1]], [[0, 0]], "x", None, 5]
    for more, drawn in (
        ({"masks": [mask, *odd], "privacy_masks": [mask]}, 2),
        ({"masks": "x", "privacy_masks": {"a": 1}}, 0),
    ):
        with city.connections.writing() as connection:
            connection.execute(tables.camera_rules.update().values(document=document(CAMERA | more)))
        page = city.browser("lan").get(RULES).text
        assert page.count('<polygon class="mask" points="0.0,0.0 400.0,0.0 400.0,450.0"/>') == 3 * drawn
        assert ("2 phần hình bị che" in page) == (drawn == 2)


def test_reports_are_counted_by_outcome_without_those_of_a_muted_rule(city: House) -> None:
    city.take(
        *[event(number, "night") for number in range(1, 6)], event(6, "other"), event(7, "night", "end")
    )
    city.take(event(8, "night", masked=True))
    browser = city.browser("lan")
    close(city, {"e1": "real", "e2": "false", "e3": "false"})
    browser.get("/language/en")
    page = browser.get(RULES).text
    row = re.search(r"Last 30 days</th>((?:<td>\d+</td>)+)", page)
    assert row is not None
    assert re.findall(r"\d+", row[1]) == ["5", "1", "2", "0", "2"]


def close(house: House, outcomes: dict[str, str]) -> None:
    """Close events, as the duty officer does."""
    with house.connections.writing() as connection:
        for event_id, outcome in outcomes.items():
            row = {"subject": f"event dt-001 {event_id}", "ward": "de-tham", "outcome": outcome}
            connection.execute(tables.handling.insert(), row | {"closed_ms": house.now_ms()})


def test_a_camera_without_rules_and_a_centre_that_knows_none(city: House) -> None:
    browser = city.browser("lan", lang="en")
    assert "This camera has no rules." not in words(browser.get(RULES).text)
    with city.connections.writing() as connection:
        connection.execute(tables.camera_rules.update().values(document=document({})))
    assert "This camera has no rules." in words(browser.get(RULES).text)
    with city.connections.writing() as connection:
        connection.execute(tables.camera_rules.delete())
    assert "has not received the rules" in words(browser.get(RULES).text)
    assert browser.get(FORM).status_code == 404


def test_officers_and_administrators_of_the_ward_see_it(city: House) -> None:
    lan, tuong, minh = city.browser("lan"), city.browser("tuong"), city.browser("minh")
    for path in (RULES, FORM):
        assert (lan.get(path).status_code, tuong.get(path).status_code) == (200, 403)
        elsewhere = path.replace("dt-001", "bx-001")
        assert (lan.get(elsewhere).status_code, minh.get(elsewhere).status_code) == (404, 200)
    assert lan.get(RULES.replace("cam-1", "cam-9")).status_code == 404
    assert lan.get(FORM.replace("night", "day")).status_code == 404
    assert tuong.post(FORM, filled()).status_code == 403
    assert lan.post(FORM.replace("dt-001", "bx-001"), filled()).status_code == 404
    assert RULES not in tuong.get("/sites/dt-001").text


# --- the form ---


def test_an_unchanged_form_rehearses_the_rule_as_it_is(city: House) -> None:
    begin(city.browser("lan"))
    assert draft(city) == {"rule": NIGHT, "zones": {}, "lines": {}}


def test_each_field_changes_its_key_and_no_other(city: House) -> None:
    lan = city.browser("lan")
    begin(lan, seconds="60")
    assert draft(city)["rule"] == NIGHT | {"min_duration_s": 60}
    begin(lan, begin="", end="")
    assert draft(city)["rule"] == NIGHT | {
        "schedule": {"days": ["mon", "tue", "wed", "thu", "fri"], "holidays": "off"}
    }
    begin(lan, **{"day.sat": "1", "day.sun": "1"})
    assert draft(city)["rule"] == NIGHT | {"schedule": {"from": "22:00", "to": "05:00", "holidays": "off"}}
    begin(lan, **{"label.motorcycle": ""})
    assert draft(city)["rule"] == NIGHT | {"labels": ["person"]}
    begin(lan, score="0.65")
    assert draft(city)["rule"] == NIGHT | {"min_score": 0.65}
    begin(lan, excluded="0.3 0.3, 0.4 0.3, 0.4 0.4; 0.5 0.5, 0.6 0.5, 0.6 0.6")
    parts = [[[0.3, 0.3], [0.4, 0.3], [0.4, 0.4]], [[0.5, 0.5], [0.6, 0.5], [0.6, 0.6]]]
    assert draft(city)["zones"] == {"night-new": YARD | {"exclude": parts}}
    begin(lan, points="0.2 0.2; 0.5 0.2\n0.5 0.9")
    assert draft(city) == {
        "rule": NIGHT | {"zone": "night-new"},
        "zones": {"night-new": {"polygon": [[0.2, 0.2], [0.5, 0.2], [0.5, 0.9]]}},
        "lines": {},
    }


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_all_mistakes_are_said_at_once_and_nothing_is_stored(city: House, lang: str) -> None:
    lan = city.browser("lan", lang=lang)
    wrong = filled(begin="25:00", seconds="-1", score="2", points="0.1 0.1, 0.9 0.9, 0.9 0.1, 0.1 0.9")
    wrong |= dict.fromkeys(
        ("label.person", "label.motorcycle", *(key for key in wrong if key.startswith("day."))), ""
    )
    answer = lan.post(FORM, wrong, page=FORM)
    assert answer.status_code == 400
    for key in ("time", "days", "labels", "points"):
        assert ALL[f"rehearsal-error-{key}"][0 if lang == "vi" else 1] in answer.text
    assert 'id="seconds-error"' in answer.text
    assert 'id="score-error"' in answer.text
    excluded = lan.post(FORM, filled(excluded="0.1 0.1, 0.2"), page=FORM)
    assert ALL["rehearsal-error-excluded"][0 if lang == "vi" else 1] in excluded.text
    assert 'value="25:00"' in answer.text, "what was typed stays"
    assert lan.post(FORM, filled(span="9999"), page=FORM).status_code == 400
    assert lan.post(FORM, filled(purpose=""), page=FORM).status_code == 400
    with city.connections.reading() as connection:
        assert connection.execute(select(tables.rehearsal)).all() == []


@pytest.mark.parametrize(
    "points", ["1", "0.1 0.1", "a b", "0.1 0.1, 0.2 2", "0 0 " * 500, "0.1 0.1, 0.9 0.9", "....  1"]
)
def test_odd_points_are_refused(city: House, points: str) -> None:
    assert city.browser("lan").post(FORM, filled(points=points), page=FORM).status_code == 400


def test_without_a_search_key_the_form_says_so(city: House) -> None:
    with city.connections.writing() as connection:
        connection.execute(tables.meta.delete().where(tables.meta.c.key.like("search-key%")))
    lan = city.browser("lan", lang="en")
    assert "This centre has no search key" in words(lan.get(FORM).text)
    assert lan.post(FORM, filled(), page=FORM).status_code == 503


# --- the result ---


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_the_result_says_how_often_at_which_hours_and_that_nothing_is_armed(city: House, lang: str) -> None:
    lan = city.browser("lan", lang=lang)
    id_ = begin(lan, seconds="60")
    page = lan.get(f"/rehearsals/{id_}").text
    assert ALL["rehearsal-state-waiting"][0 if lang == "vi" else 1] in page
    answer_with(city, id_, result())
    page = lan.get(f"/rehearsals/{id_}").text
    index = 0 if lang == "vi" else 1
    for key in ("rehearsal-state-answered", "rehearsal-accuracy-approximate", "rehearsal-arms-nothing"):
        assert ALL[key][index] in page.replace("&#39;", "'")
    for text in (
        "<td>14</td>",
        "<td>41</td>",
        "<td>39</td>",
        '<rect class="draft"',
        '<rect class="in-force"',
    ):
        assert text in page
    copied = re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    assert copied is not None
    assert yaml.safe_load(copied[1].replace("&#34;", '"')) == {"rules": [NIGHT | {"min_duration_s": 60}]}
    assert f'href="{FORM}?like={id_}"' in page
    again = lan.get(f"{FORM}?like={id_}").text
    assert 'name="seconds" value="60"' in again
    assert 'value="8/2026"' in again
    assert f'href="/rehearsals/{id_}"' in lan.get(RULES).text
    assert lan.get(f"/searches/{id_}").headers["location"] == f"/rehearsals/{id_}"
    assert id_ not in lan.get("/searches").text


COMMANDS = "/sites/dt-001/commands"
SIGNED = re.compile(r'<pre id="document">(.*?)</pre>', re.DOTALL)


def to_be_signed(page: str) -> dict[str, Any]:
    """Type and arguments of the document that the page shows."""
    found = SIGNED.search(page)
    assert found is not None, words(page)
    read = json.loads(html.unescape(found[1]))
    return {"type": read["type"], **read["args"]}


def test_a_rehearsed_draft_becomes_a_command_to_be_signed(city: House) -> None:
    lan = city.browser("lan")
    id_ = begin(lan, points="0.1 0.1, 0.5 0.1, 0.5 0.5", seconds="60")
    asked = {"type": "set-rule", "rehearsal": id_, "reason": "báo nhầm"}
    assert "chưa có kết quả" in words(lan.get(COMMANDS, params=asked).text)
    answer_with(city, id_, result())
    (link,) = re.findall(
        r'href="(/sites/dt-001/commands[^"]*set-rule[^"]*)"', lan.get(f"/rehearsals/{id_}").text
    )
    page = lan.get(html.unescape(link)).text
    corners = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]
    assert to_be_signed(page) == {
        "type": "set-rule",
        "camera": "cam-1",
        "config_hash": "ab" * 32,
        "rule": NIGHT | {"min_duration_s": 60, "zone": "night-new"},
        "zones": {"night-new": {"polygon": corners}},
        "lines": {},
    }
    assert "áp dụng bản nháp của quy tắc night" in words(page)
    assert "<polygon" in page, "the new zone is drawn"
    assert "Hãy ghi lý do" in words(lan.get(COMMANDS, params=asked | {"reason": " "}).text)
    hoa = city.browser("hoa")
    assert "Không có lần chạy thử này" in words(hoa.get(COMMANDS, params=asked).text), "of another officer"
    other = city.browser("minh").get("/sites/bx-001/commands", params=asked)
    assert "Không có lần chạy thử này" in words(other.text), "of another gateway"


def test_a_new_rule_is_drafted_with_a_zone_of_its_own(city: House) -> None:
    lan = city.browser("lan")
    asked = {"kind": "zone-intrusion", "name": "Cổng  trường Đêm"}
    form = lan.post(RULES, asked, page=RULES).headers["location"]
    assert form.startswith(f"{RULES}/cong-truong-dem/rehearse?")
    page = lan.get(form).text
    assert "<polygon" in page
    assert 'name="kind" value="zone-intrusion"' in page
    corners = "0.1 0.1, 0.5 0.1, 0.5 0.5"
    sent = filled(**asked, points=corners, seconds="3", begin="", end="")
    for day in ("sat", "sun"):
        sent |= {f"day.{day}": "1"}
    answer = lan.post(form.partition("?")[0], sent, page=form)
    assert answer.status_code == 303, words(answer.text)
    rule, zones = draft(city)["rule"], draft(city)["zones"]
    assert (rule["id"], rule["name"], rule["zone"]) == (
        "cong-truong-dem",
        "Cổng trường Đêm",
        "cong-truong-dem",
    )
    corners_of_zone = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]
    assert zones == {"cong-truong-dem": {"polygon": corners_of_zone, "name": "Cổng trường Đêm"}}
    assert "schedule" not in rule


def test_the_id_of_a_new_rule_is_free(city: House) -> None:
    lan = city.browser("lan")
    for name, id_ in (("Night", "night-2"), ("gate", "gate-2"), ("!!", "rule"), ("x" * 200, "x" * 30)):
        form = lan.post(RULES, {"kind": "line-crossing", "name": name}, page=RULES).headers["location"]
        assert form.startswith(f"{RULES}/{id_}/rehearse?"), form
    for wrong in ({"kind": "wrong-way", "name": "x"}, {"kind": "loitering", "name": "  "}, {}):
        assert lan.post(RULES, wrong, page=RULES).status_code == 400
    assert lan.get(f"{RULES}/nothing/rehearse?kind=odd&name=x").status_code == 404
    assert lan.get(f"{RULES}/nothing/rehearse").status_code == 404
    assert lan.get(f"{RULES}/a%0Ab/rehearse?kind=loitering&name=x").status_code == 404, "a line of its own"


def test_a_zone_that_is_drawn_again_keeps_its_name(city: House) -> None:
    yard = CAMERA["zones"]["yard"] | {"name": "Sân chợ"}
    with city.connections.writing() as connection:
        named = document(CAMERA | {"zones": {"yard": yard}})
        connection.execute(tables.camera_rules.update().values(document=named))
    begin(city.browser("lan"), points="0.1 0.1, 0.5 0.1, 0.5 0.5")
    assert draft(city)["zones"]["night-new"]["name"] == "Sân chợ"


def test_two_rules_of_one_zone_each_get_a_zone_of_their_own(city: House) -> None:
    """A gateway refuses another shape of a zone that another rule uses, and the form cannot name it."""
    lan, crowd = city.browser("lan"), f"{RULES}/crowd/rehearse"
    begin(lan, points="0.1 0.1, 0.5 0.1, 0.5 0.5")
    first = set(draft(city)["zones"])
    ticks = {f"day.{day}": "1" for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    form = filled(points="0.1 0.1, 0.4 0.1, 0.4 0.4", begin="", end="", count="6", **ticks)
    assert lan.post(crowd, form, page=crowd).status_code == 303
    assert first.isdisjoint(draft(city)["zones"])


def test_no_rule_is_set_by_rules_that_are_not_current(city: House) -> None:
    lan = city.browser("lan")
    id_ = begin(lan)
    answer_with(city, id_, result())
    with city.connections.writing() as connection:
        connection.execute(tables.camera_rules.update().values(next_ms=1))
    page = lan.get(COMMANDS, params={"type": "set-rule", "rehearsal": id_, "reason": "x"}).text
    assert "chưa có quy tắc hiện hành" in words(page)
    assert SIGNED.search(page) is None


def test_a_changed_rule_says_so_and_can_be_taken_back(city: House) -> None:
    lan = city.browser("lan")
    assert "Đã đổi bằng lệnh" not in lan.get(RULES).text
    with city.connections.writing() as connection:
        changed = document(CAMERA | {"changed": ["night", 7, {}]})
        connection.execute(tables.camera_rules.update().values(document=changed))
    assert lan.get(RULES).text.count("Đã đổi bằng lệnh") == 1
    asked = {"type": "set-rule", "camera": "cam-1", "reset": "night", "reason": "hết lễ hội"}
    page = lan.get(COMMANDS, params=asked).text
    hash_ = "ab" * 32
    wanted = {"type": "set-rule", "camera": "cam-1", "reset": "night", "config_hash": hash_}
    assert to_be_signed(page) == wanted
    assert "khôi phục quy tắc night theo cấu hình" in words(page)
    for wrong in ({"reset": ""}, {"reset": "a b"}, {"camera": "cam-9"}):
        assert SIGNED.search(lan.get(COMMANDS, params=asked | wrong).text) is None


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_where_no_picture_was_taken_a_button_stands_in_its_place(city: House, lang: str) -> None:
    lan, of = city.browser("lan"), 0 if lang == "vi" else 1
    lan.get(f"/language/{lang}")
    new = f"{RULES}/cong/rehearse?kind=loitering&name=C%E1%BB%95ng"
    for path in (f"{RULES}/night/rehearse", new):
        page = lan.get(path).text
        frame = page[page.index('<div class="over">') : page.index("</figure>")]
        assert ALL["picture-not-yet"][of] in frame
        assert f'name="next" value="{html.escape(path)}"' in frame
        assert 'name="type" value="snapshot"><input type="hidden" name="camera" value="cam-1"' in frame
    asked = {"type": "snapshot", "camera": "cam-1", "next": new}
    assert lan.post(f"{COMMANDS}/unsigned", asked, page=new).headers["location"] == new
    page = lan.get(new).text
    assert ALL["picture-is-asked"][of] in page
    assert ALL["picture-not-yet"][of] not in page
    assert f'class="button" href="{html.escape(new)}"' in page


def test_the_page_says_who_last_changed_a_rule_when_and_why(city: House) -> None:
    lan = city.browser("lan")
    off = GatewayCommand(
        "set-rule",
        {"camera": "cam-1", "rule": NIGHT | {"enabled": False}, "config_hash": "ab" * 32},
    )
    with city.connections.writing() as connection:
        first, second = (send(connection, off, city.now_ms() - ago_ms) for ago_ms in (60_000, 1_000))
        update = tables.request.update().values(status="succeeded").where(tables.request.c.id == first)
        connection.execute(update)
    for lang in ("vi", "en"):
        lan.get(f"/language/{lang}")
        page = lan.get(RULES).text
        assert f"{REASON}." in words(page)
        assert ("tắt hẳn quy tắc night" if lang == "vi" else "switch the rule night off for good") in words(
            page
        )
        assert second not in page, "the gateway has not carried it out"
        log = lan.get(f"{COMMANDS}?command={first}").text
        assert f'href="{COMMANDS}?command={first}#log"' in page
        assert (log.count(f"<small>{REASON}"), ALL["commands-log-all"][LANGS.index(lang)] in log) == (1, True)
        assert lan.get(COMMANDS).text.count(f"<small>{REASON}") == 2


def test_a_change_from_elsewhere_leads_to_the_events(city: House) -> None:
    lan = city.browser("lan")
    with city.connections.writing() as connection:
        changed = document(CAMERA | {"changed": ["night"]})
        connection.execute(tables.camera_rules.update().values(document=changed))
    assert 'href="/events?site=dt-001&amp;camera=cam-1&amp;kind=rule-change"' in lan.get(RULES).text


def test_a_rule_that_the_configuration_lacks_is_removed(city: House) -> None:
    lan = city.browser("lan")
    with city.connections.writing() as connection:
        added = document(CAMERA | {"changed": ["night"], "added": ["night", 7, {}]})
        connection.execute(tables.camera_rules.update().values(document=added))
    for lang in ("vi", "en"):
        lan.get(f"/language/{lang}")
        page = lan.get(RULES).text
        assert ALL["rule-remove"][LANGS.index(lang)] in page
        assert ALL["rule-reset"][LANGS.index(lang)] not in page
        asked = {"type": "set-rule", "camera": "cam-1", "reset": "night", "reason": "hết lễ hội"}
        to_sign = words(lan.get(COMMANDS, params=asked).text)
        assert ("bỏ quy tắc" if lang == "vi" else "remove the rule") in to_sign


def test_a_picture_of_an_example_is_opened_with_a_record(city: House) -> None:
    lan = city.browser("lan")
    id_ = begin(lan)
    hour_ago = rfc3339(datetime.now(UTC) - timedelta(hours=1))
    examples = [example(7, time=hour_ago), example(8, time=hour_ago, picture=False)]
    answer_with(city, id_, result(examples=examples))
    picture = f"/searches/{id_}/pictures/dt-001/7"
    page = lan.get(f"/rehearsals/{id_}").text
    assert picture not in page
    assert page.count(f'action="/searches/{id_}/pictures"') == 1, "one example has a picture"
    assert lan.get(picture).status_code == 404
    opened = lan.post(f"/searches/{id_}/pictures", {"passage": "dt-001/7", "next": f"/rehearsals/{id_}"})
    assert opened.headers["location"] == f"/rehearsals/{id_}"
    with city.connections.writing() as connection:
        command = connection.scalar(select(tables.search_picture.c.command))
        record_replies(connection, [picture_reply("dt-001", str(command), 7)], city.now_ms())
    assert picture in lan.get(f"/rehearsals/{id_}").text
    assert lan.get(picture).content == JPEG
    columns = tables.access.c
    query = select(columns.what, columns.account).where(columns.search == id_).order_by(columns.id)
    with city.connections.reading() as connection:
        assert connection.execute(query).all() == [("rehearsal", "lan"), ("passage", "lan")]
    assert lan.get("/access").status_code == 403
    assert id_ in city.browser("minh").get("/access?kind=searches").text


def test_another_officer_does_not_see_it_and_an_administrator_does(city: House) -> None:
    id_ = begin(city.browser("lan"))
    hoa, minh = city.browser("hoa"), city.browser("minh")
    assert (hoa.get(f"/rehearsals/{id_}").status_code, minh.get(f"/rehearsals/{id_}").status_code) == (
        404,
        200,
    )
    assert hoa.get(f"{FORM}?like={id_}").status_code == 404
    assert f"/rehearsals/{id_}" not in hoa.get(RULES).text


def test_a_rehearsal_that_is_withdrawn_stores_no_result(city: House) -> None:
    lan = city.browser("lan", lang="en")
    id_ = begin(lan)
    page = f"/rehearsals/{id_}"
    assert f'action="/searches/{id_}/withdraw"' in lan.get(page).text
    assert lan.post(f"/searches/{id_}/withdraw", page=page).status_code == 303
    answer_with(city, id_, result())
    text = lan.get(page).text
    assert "It was withdrawn." in text
    assert "<td>41</td>" not in text
    assert f'action="/searches/{id_}/withdraw"' not in text


# --- proposals ---


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_outcomes_become_proposals_that_fill_the_form(city: House, lang: str) -> None:
    """Fourteen false alarms at the left edge, nine real ones elsewhere."""
    left, right = (0.2, 0.4, 0.26, 0.6), (0.6, 0.4, 0.7, 0.6)
    city.take(*[event(n, "night", box=left if n <= 14 else right) for n in range(1, 24)])
    close(city, {f"e{n}": "false" if n <= 14 else "real" for n in range(1, 24)})
    lan = city.browser("lan", lang=lang)
    page = lan.get(f"{RULES}?proposals=night").text
    assert ALL["proposals-of"][0 if lang == "vi" else 1].format(real=9, false=14) in page
    assert f'href="{FORM}?proposal=area"' in page
    form = lan.get(f"{FORM}?proposal=area").text
    points = re.search(r"<textarea[^>]*>([^<]*)</textarea>", form)
    assert points is not None
    left_most = min(float(each.split()[0]) for each in points[1].split(", "))
    assert 0.23 < left_most <= 0.65
    begin(lan, points=points[1])
    assert draft(city)["rule"]["zone"] == "night-new"
    assert lan.get(f"{FORM}?proposal=labels").status_code == 404
    assert lan.get(f"{RULES}?proposals=gate").status_code == 200
    assert lan.get(f"{RULES}?proposals=none").status_code == 404
    assert CAMERA["rules"][0] == NIGHT


def test_uncertain_false_alarms_in_the_middle_propose_a_score_and_a_mask(city: House) -> None:
    """Sixteen at a statue, and real ones on all sides of it; drafts of both pass through the form."""
    around = [(0.28, 0.3), (0.7, 0.32), (0.3, 0.8), (0.68, 0.78)]
    feet = [(0.5, 0.55)] * 16 + [around[n % 4] for n in range(28)]
    city.take(
        *[
            event(n, "night", box=(x - 0.02, y - 0.2, x + 0.02, y), score=0.55 if n <= 16 else 0.8)
            for n, (x, y) in enumerate(feet, 1)
        ]
    )
    close(city, {f"e{n}": "false" if n <= 16 else "real" for n in range(1, len(feet) + 1)})
    lan = city.browser("lan", lang="en")
    says = words(lan.get(f"{RULES}?proposals=night").text)
    assert "Report only objects with a score of at least 68%" in says
    assert "Exclude from the zone what lies in x = 0.50 to 0.55, y = 0.55 to 0.60" in says
    score = re.search(r'name="score"[^>]*value="([^"]*)"', lan.get(f"{FORM}?proposal=score").text)
    masked = lan.get(f"{FORM}?proposal=mask").text
    excluded = re.search(r'name="excluded"[^>]*>([^<]*)<', masked)
    assert '<polygon class="excluded" points="800.0,495.0' in masked, "the proposal is drawn"
    assert score is not None
    assert excluded is not None
    id_ = begin(lan, score=score[1], excluded=excluded[1])
    corners = [[0.5, 0.55], [0.55, 0.55], [0.55, 0.6], [0.5, 0.6]]
    assert draft(city) == {
        "rule": NIGHT | {"zone": "night-new", "min_score": 0.68},
        "zones": {"night-new": YARD | {"exclude": [corners]}},
        "lines": {},
    }
    page = lan.get(f"/rehearsals/{id_}").text
    assert '<polygon class="excluded" points="800.0,495.0 880.0,495.0 880.0,540.0 800.0,540.0"/>' in page
    assert "Only objects with a score of at least 68% count." in page
    assert "Excluded parts of the zone: 1." in page
