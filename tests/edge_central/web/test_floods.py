"""Two hundred forged alarms of one gateway hide and silence no alarm of another one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.event import listen

from edge_central.console.alarms.model import QueueCounts, QueueFilter, QueueItem
from edge_central.console.alarms.queue import foremost_alarms, read_alarm_bar, read_queue
from edge_central.console.incident_log import LogAuthor, acknowledge_all
from edge_central.store import tables
from edge_central.store.open_alarms import MANY_CAMERAS, MAX_GATEWAY_ROWS
from edge_central.store.scope import EVERYWHERE
from edge_central.web.auth.accounts import Role
from tests.edge_central.ingest_harness import alert_row
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.hostile import Message, event
from tests.edge_central.web.house import House
from tests.edge_central.web.test_hostile import Ingested, ingested, ringing_keys
from tests.host.fakes import FakeClock

HONEST, ODD = FakeGateway("dt-001"), FakeGateway("dt-666")


def forged(count: int, first: int = 1) -> list[Message]:
    """Alarms, each of a camera of its own."""
    return [
        event(ODD, n, {"phase": "start", "event_id": f"f{n}"}, camera=f"c-{n}")
        for n in range(first, first + count)
    ]


def items(house: House, gateway: str = "") -> tuple[QueueItem, ...]:
    with house.connections.reading() as connection:
        wanted = QueueFilter(gateway=gateway)
        return read_queue(connection, EVERYWHERE, house.now_ms(), wanted, size=1_000).items


def counts(house: House) -> QueueCounts:
    with house.connections.reading() as connection:
        return read_alarm_bar(connection, EVERYWHERE, house.now_ms()).counts


def test_201_forged_alarms_leave_the_honest_one_on_the_list_and_the_bell() -> None:
    with ingested() as (house, browser):  # with an alarm of HONEST before them
        house.ingest([*forged(300), event(HONEST, 2, {"phase": "start", "event_id": "later"})])
        home, page = browser.get("/").text, browser.get("/alerts").text
        honest = items(house, HONEST.id)[0]
        odd = [item for item in items(house, ODD.id) if item.is_row]
        assert honest.count == 2
        assert honest.key in ringing_keys(home), "it rings"
        assert f'data-subject="{honest.key}"' in page, "it is listed on the first page"
        assert re.search(r"Quá nhiều báo động", page), "an alert says so"
        assert not {item.key for item in odd} & set(ringing_keys(home)), "and rings for all of them"
        assert len(odd) == MAX_GATEWAY_ROWS + 1
        assert sum(item.count for item in odd) == 300, "none is lost"
        assert odd[-1].camera == MANY_CAMERAS


def test_acknowledged_alarms_make_room_for_others(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        house.take(*forged(20), event(HONEST, 1, {"phase": "moment", "event_id": "h"}))
        before = counts(house)
        with house.connections.reading() as connection:
            foremost = foremost_alarms(connection, EVERYWHERE, house.now_ms(), 3)
        with house.connections.writing() as connection:
            for number in range(1, 6):
                subject = f"event {ODD.id} f{number}"
                acknowledge_all(connection, LogAuthor("lan", 1), {subject: ODD.ward})
        after, first = counts(house), items(house)[0]
    assert (before.open, before.ringing) == (21, 21)
    assert {each.gateway for each in foremost[:2]} == {ODD.id, HONEST.id}, "one of each first"
    assert (after.open, after.ringing, first.camera) == (21, 16, "c-6")


def test_alerts_of_one_gateway_leave_room_for_the_others(tmp_path: Path) -> None:
    rows = [("dt-666", f"c{n}", 13, 1_000 + n) for n in range(400)]
    rows += [("dt-001", "", 13, 9_000), ("", "", 17, 9_001)]
    with House(tmp_path) as house:
        with house.connections.writing() as connection:
            for gateway, camera, severity, opened_ms in rows:
                row = alert_row(opened_ms, gateway=gateway, camera=camera, severity=severity)
                connection.execute(insert(tables.alert), row)
        found, counted = items(house), counts(house)
    assert (counted.others, counted.ringing, len(found)) == (401, 1, 402)
    assert found[0].gateway == "", "an alarm comes before other alerts"
    assert [each.gateway for each in found].count("dt-001") == 1


def test_a_flood_is_over_when_it_is_over_and_what_rang_in_it_stays_quiet(tmp_path: Path) -> None:
    clock = FakeClock()
    with Ingested(tmp_path, clock) as house:
        house.ingest(forged(30))
        assert counts(house).ringing == 30, "a busy hour is no flood"
        clock.advance(1.0)
        house.ingest(forged(1, first=31))
        # Alarms that sounded before the flood go on, those of the flood do not sound.
        flooded = [item.kind for item in items(house) if item.rings]
        assert flooded == ["zone-intrusion"] * 30 + ["alarm-flood"]
        for number in (32, 33):  # healthy, and for long enough
            clock.advance(700.0)
            house.ingest(forged(1, first=number))
        after = counts(house)
        assert "alarm-flood" not in {each.kind for each in items(house)}
        assert (after.open, after.ringing) == (33, 30), "what came in it stays quiet"
        clock.advance(1.0)
        house.ingest(forged(1, first=34))
        assert counts(house).ringing == 31, "a later one sounds"


@pytest.mark.parametrize("role", [Role.OFFICER, Role.VIEWER])
def test_of_one_site_its_own_page_lists_more(tmp_path: Path, role: Role) -> None:
    with House(tmp_path) as house:
        house.take(*forged(12), ODD.heartbeat("s"))
        house.person("lan", role, ODD.ward)
        page = house.start().browser("lan").get(f"/sites/{ODD.id}").text
    main = page[page.index("<main") :]
    assert main.count('class="what"') >= 12


def test_the_bar_reads_rows_of_alarms_only_whatever_else_is_stored(tmp_path: Path) -> None:
    with House(tmp_path) as house, house.connections.reading() as connection:
        asked: list[tuple[str, tuple[object, ...]]] = []
        listen(connection, "before_cursor_execute", lambda *values: asked.append(values[2:4]))
        read_alarm_bar(connection, EVERYWHERE, 0)
        ((query, values),) = asked[:1]
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values).all()
    plan = [step.detail for step in steps]
    assert not [step for step in plan if re.search(r"\b(event|open_alarm)\b", step)]
    assert not [step for step in plan if re.fullmatch(r"SCAN (alert|handling|silence)", step)]
