"""The list of events and the page of one event: pictures, object classes, names, and the scene."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from sqlalchemy import select

from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_central.rehearsals.rule_names import RuleNames
from edge_central.store import tables
from edge_central.store.scope import EVERYWHERE, Scope
from edge_central.web.auth.accounts import Role
from edge_central.web.pages.rules.event_scene import corners
from tests.edge_central.parts import JPEG, FakeGateway
from tests.edge_central.rehearsals.parts import CAMERA, NIGHT, YARD, document, store_rules
from tests.edge_central.web.hostile import event
from tests.edge_central.web.house import Browser, House

BOX, OTHER = FakeGateway("dt-001"), FakeGateway("bx-001", "bo-xuyen")
NAMED: dict[str, Any] = CAMERA | {
    "rules": [NIGHT | {"name": "Đêm ở sân trường"}, *CAMERA["rules"][1:]],
    "zones": {"yard": YARD | {"name": "Sân trường"}},
}
SNAPSHOT = {"media_id": "m-1", "sha256": "0" * 64, "box": [0.25, 0.25, 0.75, 0.75]}
DATA: dict[str, Any] = {
    "phase": "start", "event_id": "e1", "rule_id": "night", "zone": "yard", "label": "person",
    "box": [0.4, 0.4, 0.5, 0.6], "frame": {"width": 1280, "height": 720}, "snapshot": SNAPSHOT,
    "why": "person in yard for 20 s",
}  # fmt: skip
POLYGON = '<polygon points="320.0,180.0 1280.0,180.0 1280.0,810.0 320.0,810.0"/>'


def opened(house: House, *, lang: str = "vi", role: Role = Role.OFFICER) -> Browser:
    house.person("lan", role, "de-tham")
    return house.browser("lan", lang=lang)


def occurred(house: House, *, rules: bool = True, severity: int = 13, **changes: Any) -> None:
    """An event with its snapshot, of a camera whose rules are known."""
    house.take(BOX.heartbeat("s"), BOX.birth("s"), event(BOX, 1, DATA | changes, severity=severity))
    house.picture(BOX, "m-1")
    if rules:
        with house.connections.writing() as connection:
            store_rules(connection, payload=document(NAMED))


def main_of(page: str) -> str:
    return page[page.index("<main") :]


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


# --- the list ---


@pytest.mark.parametrize(
    ("lang", "what", "lasted"),
    [
        ("vi", "Xâm nhập vùng: người", "65 giây, đã rời đi"),
        ("en", "Zone intrusion: person", "65 s, left"),
    ],
)
def test_a_row_has_its_picture_class_names_and_length(
    house: House, lang: str, what: str, lasted: str
) -> None:
    occurred(house)
    end = DATA | {"phase": "end", "end_reason": "left", "snapshot": None}
    house.take(event(BOX, 2, end, severity=13, time="2026-11-24T13:43:20.123Z"))
    browser = opened(house, lang=lang)
    page = main_of(browser.get("/events").text)
    assert page.count("data-cursor=") == 1
    assert 'src="/media/dt-001/m-1?in=list"' in page
    assert what in words(page)
    assert lasted in words(page)
    assert "· Sân trường · Đêm ở sân trường" in words(page)


def test_without_the_rules_of_a_gateway_ids_stand_for_names(house: House) -> None:
    occurred(house, rules=False)
    page = words(main_of(opened(house).get("/events").text))
    assert "· yard" in page
    assert "night" not in page


def test_the_bar_shows_the_picture_and_the_class_of_an_alarm(house: House) -> None:
    house.take(BOX.heartbeat("s"), BOX.birth("s"))
    house.take(event(BOX, 1, DATA, severity=17))
    house.picture(BOX, "m-1")
    page = opened(house).get("/map").text
    bar = page[page.index('id="alarms"') : page.index('id="spoken"')]
    assert 'src="/media/dt-001/m-1?in=list"' in bar
    assert "Xâm nhập vùng: người" in words(bar)


def test_the_names_of_rules_of_another_ward_are_not_read(house: House) -> None:
    house.take(BOX.heartbeat("s"), OTHER.heartbeat("s"))
    with house.connections.writing() as connection:
        store_rules(connection, payload=document(NAMED))
    with house.connections.reading() as connection:
        everywhere, elsewhere = (
            RuleNames(connection, scope) for scope in (EVERYWHERE, Scope(frozenset({"bo-xuyen"})))
        )
        assert everywhere.zone("dt-001", "cam-1", "yard") == "Sân trường"
        assert everywhere.line("dt-001", "cam-1", "gate") == "gate"
        assert everywhere.rule("dt-001", "cam-1", "of-old") == "of-old"
        assert elsewhere.zone("dt-001", "cam-1", "yard") == "yard"


def test_a_viewer_gets_the_newest_list_with_a_button_for_what_comes(house: House) -> None:
    occurred(house)
    browser = opened(house, role=Role.VIEWER)
    for path in ("/events", "/", "/sites/dt-001", "/wards/de-tham"):
        page = main_of(browser.get(path).text)
        assert re.search(r'data-newest>\s*<p class="newer"><button type="button" hidden', page), path
    assert "data-newest" not in browser.get("/events?from=2020-01-01T00:00").text, (
        "an old page does not change"
    )


# --- the page of one event ---


@pytest.mark.parametrize(
    ("lang", "zone", "says"),
    [
        (
            "vi",
            "Màu xanh dương: vùng Sân trường theo cấu hình nhận lúc",
            "Chưa có ảnh toàn cảnh của camera này",
        ),
        (
            "en",
            "Blue: zone Sân trường as in the configuration received",
            "There is no whole picture of this camera",
        ),
    ],
)
def test_the_scene_has_the_zone_the_object_and_the_picture_at_its_place(
    house: House, lang: str, zone: str, says: str
) -> None:
    occurred(house)
    page = main_of(opened(house, lang=lang).get("/events/1").text)
    assert POLYGON in page
    assert '<rect x="640.0" y="360.0" width="160.0" height="180.0"/>' in page
    assert '<image href="/media/dt-001/m-1" x="560.0" y="270.0" width="320.0" height="360.0"' in page
    assert zone in words(page)
    assert says in words(page)
    assert "Sân trường yard" in words(page)
    assert "Đêm ở sân trường night" in words(page)
    assert '<img src="/media/dt-001/m-1" width="640"' in page, "the picture itself stands beside"
    assert "style=" not in page


def test_the_scene_of_a_still_is_the_background(house: House) -> None:
    occurred(house)
    still = {"media_id": "s-1", "sha256": "0" * 64, "view": "scene", "box": [0.5, 0.5, 0.6, 0.7]}
    house.take(BOX.evidence(2, event_id="e1", clip=None, still=still))
    house.picture(BOX, "s-1")
    page = main_of(opened(house).get("/events/1").text)
    assert '<img src="/media/dt-001/s-1" width="1600" height="900"' in page
    assert '<rect x="800.0" y="450.0" width="160.0" height="180.0"/>' in page
    assert "<image" not in page
    assert "Ảnh chụp khi xảy ra sự kiện." in words(page)


def of_camera(event_id: str, media_id: str) -> MessageReceived:
    """A JPEG of the first camera that was sent for an event, or for a command."""
    named = (("event_id", event_id), ("camera", "cam-1"), ("sha256", hashlib.sha256(JPEG).hexdigest()))
    return MessageReceived(f"{BOX.up}/media/{media_id}", JPEG, 1, None, properties=named)


def test_a_picture_that_a_command_requested_is_the_background(house: House) -> None:
    occurred(house)
    browser = opened(house)
    assert "Chưa có ảnh toàn cảnh" in words(browser.get("/events/1").text)
    file = {"media_id": "p-1", "content_type": "image/jpeg", "command_id": "live-pictures-1"}
    house.take(BOX.evidence(2, event_id="live-live-pictures-1-1", clip=None, file=file))
    house.take(of_camera("live-live-pictures-1-1", "p-1"))
    page = browser.get("/events/1").text
    assert '<img src="/media/dt-001/p-1" width="1600"' in page
    assert "Chưa có ảnh toàn cảnh" not in words(page)


def test_a_requested_picture_stays_the_background_when_many_others_came_after_it(house: House) -> None:
    occurred(house)
    browser = opened(house)
    asked = {"type": "snapshot", "camera": "cam-1"}
    browser.post("/sites/dt-001/commands/unsigned", asked, page="/sites/dt-001/commands")
    with house.connections.reading() as connection:
        id_ = connection.scalar(select(tables.request.c.id))
    house.take(of_camera(f"snapshot-{id_}", "p-1"))
    house.take(*(of_camera("e1", f"m-{count}") for count in range(2, 45)))
    assert '<img src="/media/dt-001/p-1" width="1600"' in browser.get("/events/1").text


def test_a_snapshot_of_the_whole_picture_is_the_scene(house: House) -> None:
    occurred(house, snapshot=SNAPSHOT | {"box": DATA["box"]})
    page = main_of(opened(house).get("/events/1").text)
    assert page.count('src="/media/dt-001/m-1"') == 1
    assert "<image" not in page
    assert POLYGON in page


def test_a_line_is_drawn_as_a_line(house: House) -> None:
    occurred(house, zone=None, line="gate", rule_id="gate")
    page = main_of(opened(house).get("/events/1").text)
    assert '<polyline points="160.0,450.0 1440.0,450.0"/>' in page
    assert "vạch ảo gate" in words(page)


def test_a_configuration_that_came_after_the_event_is_said_to_be_newer(house: House) -> None:
    occurred(house)
    browser = opened(house)
    later = "Trung tâm nhận cấu hình này sau khi xảy ra sự kiện"
    assert later in words(browser.get("/events/1").text)
    with house.connections.writing() as connection:
        connection.exec_driver_sql("UPDATE camera_rules SET received_ms = 1")
    assert later not in words(browser.get("/events/1").text)


def test_without_a_box_there_is_no_scene(house: House) -> None:
    occurred(house, box=None)
    page = main_of(opened(house).get("/events/1").text)
    assert 'class="scene"' not in page
    assert '<img src="/media/dt-001/m-1" width="640"' in page


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ([0.1, 0.2, 0.3, 0.4], (0.1, 0.2, 0.3, 0.4)),
        ([-5, 0, 1e308, 1], (0.0, 0.0, 1.0, 1.0)),  # beyond the picture
        ([0.3, 0.2, 0.1, 0.4], None),  # turned round
        ([0.1, 0.2, 0.1, 0.4], None),  # without an area
        ([0.1, 0.2, 0.3], None),
        ([True, False, True, True], None),
        (["0", "0", "1", "1"], None),
        ([None] * 4, None),
        ({"x": 1}, None),
        (None, None),
    ],
)
def test_boxes_of_gateways_are_bounded(written: object, read: object) -> None:
    assert corners(written) == read
