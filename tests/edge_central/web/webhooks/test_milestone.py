"""Analytics events of Milestone XProtect: valid by Milestone's schema, with the right camera and time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_central.console.documents import parse_event
from edge_central.console.events import EventRow
from edge_central.console.site_names import CameraNames, Names, SiteNames
from edge_central.web.auth.accounts import Role
from edge_central.web.webhooks.due import DueNotice, WebhookPlace
from edge_central.web.webhooks.milestone import analytics_event
from edge_central.web.webhooks.notice import notice_of
from edge_central.webhook_settings import MilestoneFormat
from tests.edge_central.parts import OURS
from tests.edge_central.web.hostile import TEXTS, event_data
from tests.edge_central.web.house import House
from tests.edge_central.web.webhooks.test_webhooks import URL, alarm, deliveries, settled, with_names
from tests.edge_central.web.webhooks.xprotect import NAMESPACE, breaches
from tests.testbed.mosquitto import wait_until
from tests.testbed.receiver import Receiver

BOX = [0.25, 0.125, 0.5, 0.75]
HAPPENED_MS, CAME_MS = 1_764_000_000_000, 1_764_000_002_000
SITE = SiteNames("de-tham", "Chợ", cameras={"cam-1": CameraNames("Cổng sau")})
NAMES = Names({"de-tham": "Đề Thám"}, {"dt-001": SITE})
GUID = "5a6e8dc7-3b3f-4a57-a1d4-1d7ff9a1c2b3"


def due_event(data: dict[str, Any] | None = None, *, camera: str = "cam-1", **more: Any) -> DueNotice:
    given_data = {"label": "person", "rule_id": "in-yard", "box": BOX, "why": "person in yard for 1 s"}
    fields = parse_event(json.dumps({"data": given_data if data is None else data}).encode()).data
    row = EventRow(
        *(7, "dt-001", "de-tham", camera, "zone-intrusion", 17, HAPPENED_MS, CAME_MS, "a1", "start", True),
        fields,
    )
    row = replace(row, **more)
    place = WebhookPlace(7, 0)
    return DueNotice(
        *("event dt-001 a1", row.ward, row.gateway, row.camera, row.kind, row.severity, fields.why),
        *(row.time_ms, row.received_ms, place, row),
    )


def document(due: DueNotice, **keys: Any) -> bytes:
    notice = notice_of(due, NAMES, URL, ZoneInfo("Asia/Ho_Chi_Minh"), "xprotect", 0.0)
    return analytics_event(notice, due, MilestoneFormat(**keys))


def text(xml: bytes, path: str) -> str | None:
    """The text of the element at ``path``; None: there is none."""
    return fromstring(xml).findtext("/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/")))


def test_an_alarm_is_a_valid_event_with_camera_rule_and_box() -> None:
    xml = document(due_event(), sources={"dt-001": {"cam-1": "10.1.0.11"}})
    assert breaches(xml) == []
    found = {
        name: text(xml, path)
        for name, path in {
            "message": "EventHeader/Message",
            "time": "EventHeader/Timestamp",
            "name": "EventHeader/Name",
            "tag": "EventHeader/CustomTag",
            "source": "EventHeader/Source/Name",
            "place": "Location",
            "rule": "RuleList/Rule/Name",
            "object": "ObjectList/Object/Type",
        }.items()
    }
    assert found == {
        "message": "zone-intrusion",
        "time": "2025-11-24T16:00:00.000Z",
        "name": "Xâm nhập vùng",
        "tag": "de-tham",
        "source": "10.1.0.11",
        "place": "Chợ, Đề Thám",
        "rule": "in-yard",
        "object": "person",
    }
    box = "ObjectList/Object/BoundingBox"
    sides = [text(xml, f"{box}/{side}") for side in ("Left", "Top", "Right", "Bottom")]
    assert [float(side or "nan") for side in sides] == BOX
    assert f"{URL}/events/7" in (text(xml, "Description") or "")
    notice = json.loads(text(xml, "Vendor/CustomData") or "")
    assert notice["subject"] == "event dt-001 a1"


def test_a_guid_names_the_camera_by_its_identity() -> None:
    xml = document(due_event(), sources={"dt-001": {"cam-1": GUID}})
    assert breaches(xml) == []
    assert text(xml, "EventHeader/Source/FQID/ObjectId") == GUID
    assert text(xml, "EventHeader/Source/Name") is None


def test_a_camera_that_the_table_lacks_has_its_name_in_the_sheet() -> None:
    assert text(document(due_event()), "EventHeader/Source/Name") == "Cổng sau"
    of_gateway = due_event({"why": "hot"}, camera="gateway", kind="thermal")
    assert text(document(of_gateway), "EventHeader/Source/Name") == "Chợ"


def test_an_event_of_a_wrong_clock_has_the_time_of_its_arrival() -> None:
    xml = document(due_event(synced=False, time_ms=0))
    assert text(xml, "EventHeader/Timestamp") == "2025-11-24T16:00:02.000Z"


def test_a_resend_has_the_same_id_and_another_event_another() -> None:
    first, other = document(due_event()), document(replace(due_event(), came_ms=CAME_MS + 1))
    assert text(first, "EventHeader/ID") == text(document(due_event()), "EventHeader/ID")
    assert text(first, "EventHeader/ID") != text(other, "EventHeader/ID")


def test_an_alert_is_a_valid_event_too() -> None:
    alert = replace(due_event(), event=None, kind="box-offline", subject="alert 3", camera="")
    xml = document(alert, lang="en")
    assert breaches(xml) == []
    assert text(xml, "EventHeader/Message") == "box-offline"
    assert text(xml, "EventHeader/Source/Name") == "Chợ"


@settings(max_examples=25, deadline=None)
@given(data=event_data, name=st.sampled_from(TEXTS))
def test_whatever_a_gateway_says_is_a_valid_event(data: dict[str, Any], name: str) -> None:
    due = due_event({**data, "rule_id": name, "box": data.get("box", BOX)})
    assert breaches(document(due)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<Message>zone-intrusion</Message>", b""),
        (b"<Class>Analytics</Class>", b"<Klass>Analytics</Klass>"),
        (b"<ID>", b"<ID>{"),
        (b"<Vendor>", b"<Vendor from='us'>"),
    ],
    ids=["required", "unknown", "form", "attribute"],
)
def test_the_reader_refuses_what_the_schema_refuses(old: bytes, new: bytes) -> None:
    xml = document(due_event())
    assert old in xml
    assert breaches(xml.replace(old, new)) != []


def test_the_console_posts_it_and_shows_what_xprotect_lacks(tmp_path: Path) -> None:
    with Receiver() as receiver:
        receiver.text = "<Warning>Warning: Event message not known</Warning>"
        sources = {"dt-001": {"cam-1": "gate"}}
        hook = {"id": "xprotect", "url": receiver.url, "milestone": {"sources": sources}}
        with House(tmp_path / "house", url=URL, webhooks=[hook], **with_names(tmp_path)).start() as house:
            settled(house)
            house.take(alarm(OURS, 2, "a1"))
            wait_until(lambda: len(deliveries(house)) == 1, 30, "the delivery")
            page = house.login("minh", Role.ADMIN).get("/webhooks").text
        ((headers, body),) = receiver.posted
    assert headers["Content-Type"] == "text/xml; charset=utf-8"
    assert breaches(body.encode()) == []
    assert text(body.encode(), "EventHeader/Source/Name") == "gate"
    assert "XProtect has no analytics event called zone-intrusion" in page
