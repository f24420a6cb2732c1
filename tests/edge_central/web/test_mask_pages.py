"""The page of a camera's masks: what it draws, refuses, says beforehand and hands over to be signed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_central.commands.model import GatewayCommand
from edge_central.store import tables
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import ALL, LANGS, Lang, translate
from edge_central.web.pages.rules.shape_text import points_of, points_text
from tests.edge_central.commands.parts import REASON
from tests.edge_central.commands.parts import store as send
from tests.edge_central.parts import FakeGateway
from tests.edge_central.rehearsals.parts import CAMERA, document, store_rules
from tests.edge_central.web.house import Browser, House
from tests.edge_central.web.test_rule_pages import COMMANDS, RULES, SIGNED, close, event, to_be_signed, words

MASKS = "/sites/dt-001/cameras/cam-1/masks"
CLOCK = [[0.0, 0.0], [0.3, 0.0], [0.3, 0.1]]
WINDOW = [[0.8, 0.0], [1.0, 0.0], [1.0, 0.1]]
CLOCK_TEXT, WINDOW_TEXT = "0 0, 0.3 0, 0.3 0.1", "0.8 0, 1 0, 1 0.1"
EVERYTHING = "0 0, 1 0, 1 1, 0 1"


@pytest.fixture
def city(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        here = FakeGateway("dt-001")
        house.take(here.state("online", "s"), here.heartbeat("s"), here.birth("s"))
        with house.connections.writing() as connection:
            store_rules(connection, payload=document(CAMERA | {"masks": [CLOCK], "privacy_masks": [WINDOW]}))
        house.person("lan", Role.OFFICER, "de-tham")
        house.person("tuong", Role.VIEWER, "de-tham")
        house.person("khanh", Role.OFFICER, "bo-xuyen")
        yield house.start()


def test_a_corner_close_to_the_edge_is_read_as_the_form_has_it() -> None:
    corners = [(0.00004, 0.0), (1.0, 0.123457), (0.1, 1.0)]
    assert points_of(points_text(corners)) == corners


def report(city: House, **more: Any) -> None:
    """The gateway sends other rules and masks."""
    with city.connections.writing() as connection:
        connection.execute(tables.camera_rules.update().values(document=document(CAMERA | more)))


def ask(browser: Browser, masks: str = CLOCK_TEXT, private: str = WINDOW_TEXT, reason: str = "cờ") -> Any:
    return browser.post(MASKS, {"masks": masks, "privacy_masks": private, "reason": reason}, page=MASKS)


def sentence(key: str, lang: str, **values: object) -> str:
    of: Lang = "vi" if lang == "vi" else "en"
    return str(translate(key, of, **values))


@pytest.mark.parametrize("lang", LANGS)
def test_the_masks_are_drawn_and_fill_the_form_beside_the_rules(city: House, lang: str) -> None:
    lan = city.browser("lan", lang=lang)
    assert f'href="{MASKS}"' in lan.get(RULES).text
    page = lan.get(MASKS).text
    assert '<polygon class="mask" points="0.0,0.0 480.0,0.0 480.0,90.0"/>' in page
    assert '<polygon class="private" points="1280.0,0.0 1600.0,0.0 1600.0,90.0"/>' in page
    assert page.count('<polygon class="of-rule"') == 2, "the zones of two rules"
    assert f">{CLOCK_TEXT}</textarea>" in page
    assert f">{WINDOW_TEXT}</textarea>" in page
    assert sentence("masks-counts", lang, ignored=1, private=1) in html.unescape(lan.get(RULES).text)


@pytest.mark.parametrize("lang", LANGS)
def test_changed_masks_become_a_command_to_be_signed_with_both_drawn(city: House, lang: str) -> None:
    lan = city.browser("lan", lang=lang)
    page = ask(lan, f"{CLOCK_TEXT}; 0.2 0.2, 0.4 0.2, 0.4 0.4").text
    assert to_be_signed(page) == {
        "type": "set-rule",
        "camera": "cam-1",
        "config_hash": "ab" * 32,
        "masks": {
            "masks": [CLOCK, [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4]]],
            "privacy_masks": [WINDOW],
        },
    }
    assert page.count('<polygon class="mask"') == 1 + 2, "before and after"
    assert 'id="of-rule"' not in page, "one thing at a time: no forms of other commands beside the signature"
    assert 'id="of-rule"' in lan.get(COMMANDS).text
    for key, values in (
        ("command-says-set-masks", {"camera": "cam-1"}),
        ("masks-before", {}),
        ("masks-after", {}),
        ("masks-effect-counts", {"added": 1, "removed": 0}),
    ):
        assert sentence(key, lang, **values).partition(":")[2] in words(page)
    assert "cờ" in page


@pytest.mark.parametrize("lang", LANGS)
def test_rules_that_will_see_nothing_are_named_before_anybody_signs(city: House, lang: str) -> None:
    lan = city.browser("lan", lang=lang)
    page = words(ask(lan, EVERYTHING).text)
    for rule in ("night", "gate", "crowd"):
        assert sentence("masks-effect-hidden", lang, rule=rule) in page
    assert sentence("masks-effect-share", lang, before=1, after=100) in page
    partly = words(ask(lan, "0.2 0.2, 0.5 0.2, 0.5 0.9, 0.2 0.9").text)
    assert re.search(r"night: (4[7-9]|5[0-3])%", partly), partly
    assert sentence("masks-effect-hidden", lang, rule="night") not in partly


@pytest.mark.parametrize("lang", LANGS)
def test_past_reports_that_would_not_be_made_are_counted_with_their_outcomes(city: House, lang: str) -> None:
    """Three objects stand in the new area, one of them by its feet only; another's head only is in it."""
    boxes = ((0.2, 0.4, 0.3, 0.6), (0.25, 0.5, 0.3, 0.7), (0.1, 0.1, 0.4, 0.55), (0.2, 0.5, 0.3, 0.95))
    city.take(*[event(number, "night", box=box) for number, box in enumerate(boxes, 1)])
    city.take(event(5, "night", box=boxes[0], masked=True), event(6, "night", box=(0.2, 10**30)))
    close(city, {"e1": "real", "e2": "false"})
    lan = city.browser("lan", lang=lang)
    page = words(ask(lan, "0 0.5, 0.5 0.5, 0.5 0.8, 0 0.8").text)
    assert sentence("masks-effect-reports", lang, count=3, real=1, false=1) in page


@pytest.mark.parametrize("lang", LANGS)
def test_a_removed_area_is_said_and_what_it_reveals(city: House, lang: str) -> None:
    lan = city.browser("lan", lang=lang)
    page = ask(lan, "", "").text
    assert to_be_signed(page)["masks"] == {"masks": [], "privacy_masks": []}
    for key in ("masks-effect-reveals", "masks-effect-clips"):
        assert sentence(key, lang) in words(page)
    assert sentence("masks-effect-counts", lang, added=0, removed=2) in words(page)
    report(city)
    page = words(ask(lan, "", WINDOW_TEXT).text)
    for key in ("masks-effect-no-clips", "masks-effect-earlier"):
        assert sentence(key, lang) in page
    assert sentence("masks-effect-share", lang, before=0, after=0) not in page, "nothing of that kind changes"


@pytest.mark.parametrize("lang", LANGS)
def test_mistakes_are_said_with_the_number_of_the_area_and_nothing_is_prepared(
    city: House, lang: str
) -> None:
    lan = city.browser("lan", lang=lang)
    answer = ask(lan, f"{CLOCK_TEXT}; 0.1 0.1, 0.9 0.9, 0.9 0.1, 0.1 0.9; 0.1 0.1, 2 0", reason=" ")
    assert answer.status_code == 400
    page, name = words(answer.text), sentence("masks-ignored", lang)
    crossing = "cạnh 1–2 cắt cạnh 3–4" if lang == "vi" else "its edge 1–2 meets its edge 3–4"
    assert f"{name} 2:" in page
    assert crossing in page
    assert sentence("masks-error-points", lang, field=name, number=3) in page
    assert sentence("command-error-reason", lang) in page
    assert "0.9 0.9, 0.9 0.1, 0.1 0.9; 0.1 0.1, 2 0</textarea>" in answer.text, "what was typed stays"
    many = ask(lan, "; ".join([CLOCK_TEXT] * 33)).text
    assert sentence("masks-error-many", lang, field=name, most=32) in words(many)
    assert sentence("masks-error-same", lang) in words(ask(lan).text)
    assert SIGNED.search(answer.text + many) is None


def test_masks_that_the_page_cannot_draw_are_not_lost_by_a_change(city: House) -> None:
    report(city, masks=[CLOCK, [[n / 100, 0.5 * (n % 2)] for n in range(70)]])
    lan = city.browser("lan")
    assert ALL["masks-unreadable"][0] in words(lan.get(MASKS).text)
    answer = ask(lan, "")
    assert (answer.status_code, SIGNED.search(answer.text)) == (400, None)


def test_no_masks_are_changed_by_rules_that_are_not_current(city: House) -> None:
    with city.connections.writing() as connection:
        connection.execute(tables.camera_rules.update().values(next_ms=1))
    answer = ask(city.browser("lan"), "")
    assert answer.status_code == 400
    assert ALL["command-error-rules"][0] in words(answer.text)


@pytest.mark.parametrize("lang", LANGS)
def test_changed_masks_say_so_and_by_whom_and_can_be_taken_back(city: House, lang: str) -> None:
    lan = city.browser("lan", lang=lang)
    assert 'name="reset_masks"' not in lan.get(RULES).text
    report(city, masks=[], configured_masks={"masks": [CLOCK], "privacy_masks": [WINDOW]})
    counts = sentence("masks-counts", lang, ignored=1, private=1)
    page = lan.get(RULES).text
    assert sentence("masks-changed", lang, counts=counts) in words(page)
    assert "/events?site=dt-001&amp;camera=cam-1&amp;kind=rule-change" in page, "from elsewhere"
    set_masks = {"camera": "cam-1", "masks": {"masks": [], "privacy_masks": []}, "config_hash": "ab" * 32}
    with city.connections.writing() as connection:
        id_ = send(connection, GatewayCommand("set-rule", set_masks), city.now_ms())
    for status, is_shown in (("sent", False), ("running", True), ("failed", False), ("succeeded", True)):
        with city.connections.writing() as connection:
            connection.execute(tables.request.update().values(status=status))
        page = lan.get(RULES).text
        assert (f"command={id_}#log" in page) == is_shown, status
    assert sentence("command-says-set-masks", lang, camera="cam-1").partition(":")[2] in words(page)
    asked = {"type": "set-rule", "camera": "cam-1", "reset_masks": "1", "reason": "hết lễ hội"}
    page = lan.get(COMMANDS, params=asked).text
    wanted = {"type": "set-rule", "camera": "cam-1", "reset_masks": True, "config_hash": "ab" * 32}
    assert to_be_signed(page) == wanted
    assert sentence("command-says-reset-masks", lang, camera="cam-1").partition(":")[2] in words(page)
    assert page.count('<polygon class="mask"') == 1, "none now, that of the configuration afterwards"


@pytest.mark.parametrize("lang", LANGS)
def test_the_event_of_changed_masks_says_who_sent_the_command_and_why(city: House, lang: str) -> None:
    lan, tuong = city.browser("lan"), city.browser("tuong")
    masks: dict[str, Any] = {"masks": [], "privacy_masks": []}
    changed = GatewayCommand("set-rule", {"camera": "cam-1", "masks": masks, "config_hash": "ab" * 32})
    with city.connections.writing() as connection:
        id_ = send(connection, changed, city.now_ms())
    here = FakeGateway("dt-001")
    data = {"rule_id": None, "what": "set", "signed_by": None, "why": "masks were changed"}
    for number, command in enumerate((id_, "sent-elsewhere", None), 1):
        city.take(here.of_kind("rule-change", number, **data, command_id=command))
    link = f'href="/sites/dt-001/commands?command={id_}#log"'
    for browser in (lan, tuong):
        browser.get(f"/language/{lang}")
        ours, elsewhere, without = (browser.get(f"/events/{cursor}").text for cursor in (1, 2, 3))
        sent = sentence("event-command-of", lang, who="lan", time="TIME", why=REASON).split("TIME")
        assert all(part in words(ours) for part in sent)
        assert (link in ours) == (browser is lan), "a viewer may not open the commands"
        assert sentence("rule-change-elsewhere", lang) in words(elsewhere)
        assert sentence("rule-change-elsewhere", lang) not in words(ours) + words(without)


def test_only_officers_of_the_ward_may_change_masks(city: House) -> None:
    lan, tuong, khanh = (city.browser(who) for who in ("lan", "tuong", "khanh"))
    assert [each.get(MASKS).status_code for each in (lan, tuong, khanh)] == [200, 403, 404]
    form = {"masks": "", "privacy_masks": "", "reason": "x"}
    assert (tuong.post(MASKS, form).status_code, khanh.post(MASKS, form).status_code) == (403, 404)
    assert lan.get(MASKS.replace("cam-1", "cam-9")).status_code == 404
    with city.connections.writing() as connection:
        connection.execute(tables.camera_rules.delete())
    assert lan.get(MASKS).status_code == 404
