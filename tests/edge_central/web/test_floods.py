"""Two hundred forged alarms of one gateway hide and silence no alarm of another one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.event import listen

from edge_central.console.alarm_queue import AlarmQueue, read_alarm_queue
from edge_central.console.incident_log import LogAuthor, acknowledge, read_alarms
from edge_central.store import tables
from edge_central.store.scope import EVERYWHERE
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.hostile import Message, event
from tests.edge_central.web.house import House
from tests.edge_central.web.test_hostile import Ingested, ingested
from tests.host.fakes import FakeClock

HONEST, ODD = FakeGateway("dt-001"), FakeGateway("dt-666")


def forged(count: int, first: int = 1) -> list[Message]:
    return [event(ODD, first + n, {"phase": "start", "event_id": f"f{first + n}"}) for n in range(count)]


def seen(house: House) -> AlarmQueue:
    with house.connections.reading() as connection:
        return read_alarm_queue(connection, EVERYWHERE, house.now_ms())


def test_201_forged_alarms_leave_the_honest_one_on_the_list_and_the_bell() -> None:
    with ingested() as (house, browser):  # with an alarm of HONEST before them
        house.ingest([*forged(201), event(HONEST, 2, {"phase": "start", "event_id": "later"})])
        home, page = browser.get("/").text, browser.get("/alerts").text
        for subject in ("event dt-001 h", "event dt-001 later"):
            assert subject in ringing(home), "it rings"
            assert f'data-subject="{subject}"' in page, "it is listed"
        assert "và 196 mục nữa của dt-666" in page
        assert re.search(r"Quá nhiều báo động", page), "an alert says so"
        assert sum(each.startswith("event dt-666") for each in ringing(home)) == 0, (
            "and rings for all of them"
        )


def ringing(page: str) -> list[str]:
    found = re.search(r'data-ringing="([^"]*)"', page)
    assert found is not None
    return found[1].split(";")


def test_counts_are_of_the_database_and_acknowledged_ones_make_room(
    tmp_path: Path,
) -> None:
    with House(tmp_path) as house:
        house.take(*forged(20), event(HONEST, 1, {"phase": "moment", "event_id": "h"}))
        before = seen(house)
        with house.connections.writing() as connection:
            for number in range(1, 6):
                subject = f"event {ODD.id} f{number}"
                acknowledge(connection, LogAuthor("lan", 1), subject, ODD.ward)
        after = seen(house)
    assert (before.alarms.open, before.alarms.ringing, len(before.items)) == (21, 21, 6)
    assert [each.gateway for each in before.foremost[:2]] == [ODD.id, HONEST.id], "one of each first"
    assert (after.alarms.open, after.alarms.ringing) == (21, 16)
    assert {each.subject.split()[-1] for each in after.ringing} == {"h", "f6", "f7", "f8", "f9", "f10"}
    assert after.alarms.more[0].count == 15


def test_alerts_of_one_gateway_leave_room_for_the_others(tmp_path: Path) -> None:
    rows = [("dt-666", f"c{n}", 13, 1_000 + n) for n in range(400)]
    rows += [("dt-001", "", 13, 9_000), ("", "", 17, 9_001)]
    with House(tmp_path) as house:
        with house.connections.writing() as connection:
            for gateway, camera, severity, opened_ms in rows:
                row = {
                    "ward": "de-tham", "gateway": gateway, "camera": camera, "rule": "x", "text": "",
                    "severity": severity, "since_ms": opened_ms, "opened_ms": opened_ms, "folded": False,
                }  # fmt: skip
                connection.execute(insert(tables.alert), row)
        found = seen(house)
    assert [each.gateway for each in found.others.items].count("dt-001") == 1
    assert (found.others.open, found.others.more[0].count, found.alarms.ringing) == (401, 395, 1)


def test_a_flood_is_over_when_it_is_over_and_what_rang_in_it_stays_quiet(tmp_path: Path) -> None:
    clock = FakeClock()
    with Ingested(tmp_path, clock) as house:
        house.ingest(forged(30))
        assert seen(house).alarms.ringing == 30, "a busy hour is no flood"
        clock.advance(1.0)
        house.ingest(forged(1, first=31))
        flooded = seen(house)
        # Alarms that sounded before the flood go on, those of the flood do not sound.
        assert [each.kind for each in flooded.ringing] == ["zone-intrusion"] * 5 + ["alarm-flood"]
        for number in (32, 33):  # healthy, and for long enough
            clock.advance(700.0)
            house.ingest(forged(1, first=number))
        after = seen(house)
    assert "alarm-flood" not in {each.kind for each in after.items}
    assert (after.alarms.open, after.alarms.ringing) == (33, 30), "what came in it stays quiet"


@pytest.mark.parametrize("role", [Role.OFFICER, Role.VIEWER])
def test_of_one_site_its_own_page_lists_more(tmp_path: Path, role: Role) -> None:
    with House(tmp_path) as house:
        house.take(*forged(12), ODD.heartbeat("s"))
        house.person("lan", role, ODD.ward)
        page = house.start().browser("lan").get(f"/sites/{ODD.id}").text
    main = page[page.index("<main") :]
    assert main.count('class="what"') >= 12


def test_the_list_of_alarms_reads_alarms_only_whatever_else_is_stored(tmp_path: Path) -> None:
    """With 400,000 events it took 0.6 s of every page when it read other events of each gateway too."""
    with House(tmp_path) as house, house.connections.reading() as connection:
        asked: list[tuple[str, tuple[object, ...]]] = []
        listen(connection, "before_cursor_execute", lambda *values: asked.append(values[2:4]))
        read_alarms(connection, EVERYWHERE, 0)
        ((query, values),) = asked[:1]
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values).all()
    plan = " ".join(step.detail for step in steps)
    assert "mine USING COVERING INDEX event_alarm" in plan
    assert "event USING INDEX event_alarm" in plan
    assert "SCAN alert" not in plan
