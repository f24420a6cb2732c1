"""The webhooks of a console that runs: what they post, to whom, when, and again until it is accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select

from edge_agent.core.errors import ConfigError
from edge_central.config import load
from edge_central.console.alarms.silences import rule_of_row, set_silence
from edge_central.console.incident_log import LogAuthor, acknowledge_all
from edge_central.console.site_names import Names
from edge_central.settings import CentralSettings
from edge_central.store import tables
from edge_central.store.scope import Scope
from edge_central.web.auth.accounts import Role
from edge_central.web.webhooks.due import newest_place, next_step
from edge_central.web.webhooks.notice import WebhookNotice, notice_of
from tests.edge_central import ingest_harness
from tests.edge_central.parts import OURS, THEIRS, WARD, FakeGateway
from tests.edge_central.rehearsals.parts import CAMERA, NIGHT, document, store_rules
from tests.edge_central.traffic.parts import moment
from tests.edge_central.web.hostile import event
from tests.edge_central.web.house import House
from tests.host.fakes import FakeClock
from tests.testbed.mosquitto import wait_until
from tests.testbed.receiver import Receiver

URL = "https://console.example:8443"
XPROTECT = "http://xprotect.example:9090/"
TIME = "2026-11-24T13:42:15.000Z"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


def hook(receiver: Receiver, **keys: Any) -> dict[str, Any]:
    return {"id": "duty", "url": receiver.url, **keys}


def with_names(folder: Path) -> dict[str, Any]:
    sites, wards = folder / "sites.csv", folder / "wards.csv"
    sites.write_text(
        "site,ward,name,camera,camera_name\ndt-001,de-tham,Chợ Đề Thám,cam-1,Cổng sau\n", encoding="utf-8"
    )
    wards.write_text("ward,name\nde-tham,Đề Thám\n", encoding="utf-8")
    return {"sites_file": str(sites), "wards_file": str(wards)}


def alarm(box: FakeGateway, sequence: int, event_id: str, **more: Any) -> tuple[str, bytes]:
    data = {
        "phase": "start",
        "event_id": event_id,
        "why": "person in yard for 1 s",
        "rule_id": "night",
        "label": "person",
        "snapshot": {"media_id": "m-1", "sha256": "0" * 64, "bytes": 1, "box": [0, 0, 1, 1]},
    }
    return event(box, sequence, data, **{"time": TIME, **more})


def settled(house: House) -> None:
    """Wait until each webhook has stored where it begins."""
    assert house.settings.console is not None
    names = {each.id for each in house.settings.console.webhooks}

    def begun() -> bool:
        with house.connections.reading() as connection:
            return set(connection.scalars(select(tables.webhook_place.c.webhook))) == names

    wait_until(begun, 30, "the beginning of each webhook")


def subjects(receiver: Receiver) -> list[str]:
    return [body["subject"] for _, body in receiver.posted]


def test_an_alarm_is_posted_with_names_words_and_links(receiver: Receiver, tmp_path: Path) -> None:
    keys = with_names(tmp_path)
    with House(tmp_path / "house", url=URL, webhooks=[hook(receiver)], **keys) as house:
        house.take(alarm(OURS, 1, "before"))
        house.start()
        settled(house)
        with house.connections.writing() as connection:
            store_rules(connection, payload=document(CAMERA | {"rules": [NIGHT | {"name": "Đêm ở sân"}]}))
        house.take(
            alarm(OURS, 2, "a1"),
            alarm(OURS, 3, "info", severity=9),
            event(OURS, 4, {"phase": "end", "event_id": "a1"}),
            alarm(OURS, 5, "a2", kind="camera-state"),
        )
        receiver.wait_posted(1)
        _, body = receiver.posted[0]
        with house.connections.reading() as connection:
            cursor = connection.scalar(select(tables.event.c.cursor).where(tables.event.c.event_id == "a1"))
            wait_until(lambda: deliveries(house) == [("duty", "event dt-001 a1", 200, 1)], 30, "the log")
        page = house.login("minh", Role.ADMIN).get("/webhooks").text
    assert body["subject"] == "event dt-001 a1"
    assert (body["ward_name"], body["site_name"], body["camera_name"]) == (
        "Đề Thám",
        "Chợ Đề Thám",
        "Cổng sau",
    )
    assert (body["kind"], body["severity"], body["time"]) == ("zone-intrusion", "alarm", TIME)
    assert (body["rule"], body["rule_name"], body["label"]) == ("night", "Đêm ở sân", "person")
    assert body["text"]["vi"].splitlines() == [
        "Báo động: Xâm nhập vùng: người",
        "Chợ Đề Thám · Cổng sau · Phường Đề Thám",
        "Quy tắc: Đêm ở sân",
        "person in yard for 1 s",
        "20:42:15 24/11/2026",
    ]
    assert body["links"] == {"console": f"{URL}/events/{cursor}", "picture": f"{URL}/media/dt-001/m-1"}
    assert set(body) == set(WebhookNotice.__struct_fields__)
    shown = guide_example()
    assert list(shown) == list(body)
    assert shown | {name: body[name] for name in ("id", "received", "links")} == body
    assert shown["id"].rpartition("/")[0] == body["id"].rpartition("/")[0]
    assert list(shown["links"]) == list(body["links"])
    assert "event dt-001 a1" in page
    assert receiver.url not in page, "its path may be secret"


def guide_example() -> dict[str, Any]:
    """Return the notice in the guide: it is the one of this test."""
    text = (Path(__file__).parents[4] / "docs/guide/alerts.md").read_text(encoding="utf-8")
    found = re.search(r"```json\n(\{\"schema\": \"webhook/1\".*?)```", text, re.DOTALL)
    assert found is not None
    example: dict[str, Any] = json.loads(found[1])
    return example


def deliveries(house: House) -> list[tuple[Any, ...]]:
    columns = tables.webhook_delivery.c
    query = select(columns.webhook, columns.subject, columns.status, columns.attempts).order_by(columns.id)
    with house.connections.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_it_is_posted_again_until_it_is_accepted_also_after_a_restart(
    receiver: Receiver, tmp_path: Path
) -> None:
    with House(tmp_path / "house", url=URL, webhooks=[hook(receiver)]).start() as house:
        settled(house)
        receiver.answers = [503, 503, 200, 422, 200]
        house.take(alarm(OURS, 1, "a1"), alarm(OURS, 2, "a2"), alarm(OURS, 3, "a3"))
        wait_until(lambda: len(deliveries(house)) == 3, 60, "all answers")
        house.stop()
        house.take(alarm(OURS, 4, "a4"))
        house.start()
        wait_until(lambda: len(deliveries(house)) == 4, 30, "what came meanwhile")
        found = deliveries(house)
    assert [row[1:] for row in found] == [
        ("event dt-001 a1", 200, 3),
        ("event dt-001 a2", 422, 1),  # rejected: it blocks no other
        ("event dt-001 a3", 200, 1),
        ("event dt-001 a4", 200, 1),
    ]


def test_a_failing_receiver_is_named_at_the_page(receiver: Receiver, tmp_path: Path) -> None:
    with House(tmp_path / "house", url=URL, webhooks=[hook(receiver)]).start() as house:
        settled(house)
        receiver.close()
        browser = house.login("minh", Role.ADMIN)
        house.take(alarm(OURS, 1, "a1"))
        wait_until(lambda: "không gửi được từ" in browser.get("/webhooks").text, 30, "the failure")
        assert house.login("lan", Role.OFFICER, WARD).get("/webhooks").status_code == 403


def test_filters_by_ward_kind_and_severity(receiver: Receiver, tmp_path: Path) -> None:
    hooks = [
        hook(receiver, id="theirs", wards=["bo-xuyen"]),
        hook(receiver, id="kind", kinds=["crowding"], severity="info", alerts=False),
        hook(receiver, id="alerts", kinds=[], severity="warning"),
    ]
    with House(tmp_path / "house", url=URL, webhooks=hooks).start() as house:
        settled(house)
        house.take(
            alarm(OURS, 1, "a1"),
            alarm(OURS, 2, "a2", kind="crowding", severity=9),
            alarm(THEIRS, 1, "a3"),
        )
        with house.connections.writing() as connection:
            connection.execute(insert(tables.alert), alert_row(house.now_ms()))
        wait_until(lambda: len(deliveries(house)) == 3, 30, "three posts")
        found = {(row[0], row[1]) for row in deliveries(house)}
    expected = {("theirs", "event bx-001 a3"), ("kind", "event dt-001 a2"), ("alerts", "alert 1")}
    assert found == expected


def alert_row(now_ms: int, **more: Any) -> dict[str, Any]:
    return ingest_harness.alert_row(now_ms, **{"rule": "box-offline", "text": "offline: will", **more})


# --- what is due, without a console


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[House]:
    """A database without a console."""
    keys = {"id": "duty", "url": "https://relay.example/x", "unacknowledged_s": 300}
    with House(tmp_path / "house", url=URL, webhooks=[keys]) as house:
        house.take(OURS.heartbeat("s"))
        yield house


def due_subject(house: House, after_s: float) -> str | None:
    assert house.settings.console is not None
    (webhook,) = house.settings.console.webhooks
    with house.connections.reading() as connection:
        start = replace(newest_place(connection), cursor=0, alert=0)
        now_ms = house.now_ms() + round(after_s * 1000)
        notice = next_step(connection, webhook, Scope(frozenset({WARD})), start, now_ms).notice
        return None if notice is None else notice.subject


def test_without_a_sheet_a_site_has_the_name_that_its_gateway_reports(quiet: House) -> None:
    quiet.take(OURS.birth("s", name="Chợ\nmới"), alarm(OURS, 1, "a1"))
    assert quiet.settings.console is not None
    (webhook,) = quiet.settings.console.webhooks
    with quiet.connections.reading() as connection:
        start = replace(newest_place(connection), cursor=0, alert=0)
        due = next_step(connection, webhook, Scope(frozenset({WARD})), start, quiet.now_ms() + 400_000).notice
    assert due is not None
    notice = notice_of(due, Names(), URL, ZoneInfo("Asia/Ho_Chi_Minh"), "duty", 0.0)
    assert notice.site_name == "Chợ mới"
    assert "Chợ mới · cam-1 · Ward de-tham" in notice.text.en.splitlines()


def test_an_alarm_that_nobody_acknowledges_is_escalated(quiet: House) -> None:
    quiet.take(alarm(OURS, 1, "a1"), alarm(OURS, 2, "a2"))
    assert due_subject(quiet, 290) is None
    assert due_subject(quiet, 310) == "event dt-001 a1"
    with quiet.connections.writing() as connection:
        acknowledge_all(connection, LogAuthor("lan", quiet.now_ms()), {"event dt-001 a1": WARD})
    assert due_subject(quiet, 310) == "event dt-001 a2"
    with quiet.connections.writing() as connection:
        acknowledge_all(connection, LogAuthor("lan", quiet.now_ms()), {"event dt-001 a2": WARD})
    assert due_subject(quiet, 310) is None


def test_an_escalation_says_for_how_long_nobody_has_acknowledged(receiver: Receiver, tmp_path: Path) -> None:
    clock, hooks = FakeClock(moment("08:00")), [hook(receiver, unacknowledged_s=300)]
    with House(tmp_path / "house", url=URL, clock=clock, webhooks=hooks).start() as house:
        settled(house)
        house.take(alarm(OURS, 1, "a1"), alarm(OURS, 2, "a2"))
        with house.connections.writing() as connection:
            acknowledge_all(connection, LogAuthor("lan", house.now_ms()), {"event dt-001 a1": WARD})
        clock.advance(301)
        receiver.wait_posted(1)
    ((_, body),) = receiver.posted
    assert (body["subject"], body["unacknowledged_s"]) == ("event dt-001 a2", 300)
    assert body["text"]["vi"].startswith("CHƯA CÓ NGƯỜI NHẬN XỬ LÝ sau 5 phút\nBáo động: Xâm nhập vùng")


def test_an_alert_that_ended_in_time_is_not_escalated(quiet: House) -> None:
    now_ms = quiet.now_ms()
    with quiet.connections.writing() as connection:
        rows = [alert_row(now_ms, severity=17, rule=rule) for rule in ("disk", "clock", "tamper")]
        rows[0]["cleared_ms"] = now_ms
        rows[1]["folded"] = True
        for row in rows:
            connection.execute(insert(tables.alert), row)
    assert due_subject(quiet, 290) is None
    assert due_subject(quiet, 310) == "alert 3"


def test_alarms_of_a_flood_are_not_posted_one_by_one(quiet: House) -> None:
    with quiet.connections.writing() as connection:
        flood = alert_row(quiet.now_ms() - 1_000, severity=17, rule="alarm-flood")
        connection.execute(insert(tables.alert), flood)
    quiet.take(*(alarm(OURS, number, f"a{number}") for number in range(1, 120)))
    assert walk(quiet, 310) == ["alert 1"]


def test_alarms_of_a_silenced_rule_are_not_posted(quiet: House) -> None:
    quiet.take(alarm(OURS, 1, "a1"), alarm(OURS, 2, "a2", camera="cam-2"))
    silence_camera(quiet, "cam-1")
    assert walk(quiet, 310) == ["event dt-001 a2"]


def test_many_silenced_alarms_do_not_stop_the_one_after_them(receiver: Receiver, tmp_path: Path) -> None:
    with House(tmp_path / "house", url=URL, webhooks=[hook(receiver)]).start() as house:
        settled(house)
        house.stop()
        house.take(*(alarm(OURS, number, f"a{number}") for number in range(1, 61)))
        silence_camera(house, "cam-1")
        house.take(alarm(OURS, 61, "rings", camera="cam-2"))
        house.start()
        receiver.wait_posted(1)
    assert subjects(receiver) == ["event dt-001 rings"]


def silence_camera(house: House, camera: str) -> None:
    """Silence the rule of this camera's alarms for an hour."""
    scope, now_ms = Scope(frozenset({WARD})), house.now_ms()
    with house.connections.writing() as connection:
        row = connection.scalar(select(tables.alarm_row.c.id).where(tables.alarm_row.c.camera == camera))
        assert row is not None
        rule = rule_of_row(connection, scope, row)
        assert rule is not None
        set_silence(connection, scope, LogAuthor("lan", now_ms), rule, 60, "công trình")


def walk(house: House, after_s: float) -> list[str]:
    """The subjects that are posted one after another, until nothing is due."""
    assert house.settings.console is not None
    (webhook,) = house.settings.console.webhooks
    found = list[str]()
    with house.connections.reading() as connection:
        place = replace(newest_place(connection), cursor=0, alert=0)
        now_ms = house.now_ms() + round(after_s * 1000)
        while True:
            step = next_step(connection, webhook, Scope(frozenset({WARD})), place, now_ms)
            if step.notice is not None:
                found.append(step.notice.subject)
                place = step.notice.place
            elif step.place == place:
                return found
            else:
                place = step.place


def test_more_events_than_are_read_at_once_are_all_posted_in_order(quiet: House) -> None:
    quiet.take(*(alarm(OURS, number, f"a{number}") for number in range(1, 121)))
    with quiet.connections.writing() as connection:
        for number in range(1, 111):
            acknowledge_all(connection, LogAuthor("lan", quiet.now_ms()), {f"event dt-001 a{number}": WARD})
    assert walk(quiet, 310) == [f"event dt-001 a{number}" for number in range(111, 121)]


def test_mistakes_of_the_configuration_are_refused(tmp_path: Path) -> None:
    one = {"id": "duty", "url": "https://relay.example/x"}
    for keys, says in (
        ({"webhooks": [one]}, "webhooks need url"),
        ({"url": URL, "webhooks": [one, one]}, "two webhooks are called duty"),
        ({"url": "console.example", "webhooks": [one]}, "url"),
        ({"url": URL, "webhooks": [{**one, "kinds": ["loiter"]}]}, "loitering"),
        ({"url": URL, "webhooks": [{**one, "url": "http://relay.example/x"}]}, "in clear"),
        ({"url": URL, "webhooks": [{**one, "url": XPROTECT, "milestone": {}}]}, "in clear"),
        ({"url": URL, "webhooks": [{**one, "milestone": {"sources": {"dt-001": {"cam-1": ""}}}}]}, "a name"),
    ):
        with pytest.raises(ConfigError) as refused:
            load_with(tmp_path, keys)
        assert says in " ".join(map(str, refused.value.problems)), keys


def test_xprotect_may_be_reached_in_clear_where_that_is_allowed_and_without_a_token(tmp_path: Path) -> None:
    hook = {"id": "xprotect", "url": XPROTECT, "milestone": {"allow_http": True}}
    console = load_with(tmp_path, {"url": URL, "webhooks": [hook]}).console
    assert console is not None
    assert console.webhooks[0].url == XPROTECT
    (tmp_path / "token").write_text("hunter2")
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(ConfigError) as refused:
        load_with(tmp_path, {"url": URL, "webhooks": [{**hook, "secret_file": "token"}]})
    assert "the token would cross the network in clear" in str(refused.value)


def load_with(folder: Path, console: dict[str, Any]) -> CentralSettings:
    document = {"wards": [WARD], "mqtt": {"brokers": ["mqtt://127.0.0.1:1"]}, "console": console}
    path = folder / "edge-central.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    return load(path)
