"""What the centre stores of outages: cause, begin and end, over restarts and with late events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from edge_central.availability.camera_tracker import MAX_CAMERAS
from edge_central.availability.intervals import write_change
from edge_central.availability.model import (
    OFF,
    ON,
    STORED_DAYS,
    Condition,
    Layer,
    PointChange,
    SeriesKey,
    TimeSpan,
)
from edge_central.availability.recorder import AvailabilityRecorder
from edge_central.availability.report import counted_period, read_availability
from edge_central.store import tables
from edge_central.store.scope import EVERYWHERE, Scope
from edge_central.trusted_time.clock import Correction
from edge_central.trusted_time.clock_store import shift_times
from tests.edge_central.availability.world import (
    BEGIN_MS,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SimulatedBox,
    SimulatedWorld,
)

LIMIT = "edge_central.availability.recorder.MAX_CHANGES_A_DAY"
CAMERAS = ("cam-1", "cam-2")
FROM_MS, TO_MS = BEGIN_MS + HOUR_MS, BEGIN_MS + 2 * HOUR_MS
END_MS = BEGIN_MS + 4 * HOUR_MS


@pytest.fixture
def box(small_world: SimulatedWorld) -> SimulatedBox:
    return small_world.add_box("dt-001", "de-tham", CAMERAS)


def outages(world: SimulatedWorld, until_ms: int = END_MS) -> list[tuple[str, Condition, int, int]]:
    """Camera, cause, begin and end in minutes since the begin of the test."""
    period = TimeSpan(BEGIN_MS, until_ms)
    report = world.centre.store.query(lambda each: read_availability(each, EVERYWHERE, period))
    found = []
    for outage in sorted(report.outages, key=lambda each: each.span.from_ms):
        span = outage.span
        begin, end = (round((at_ms - BEGIN_MS) / MINUTE_MS) for at_ms in (span.from_ms, span.to_ms))
        found.append((outage.camera, span.condition, begin, end))
    return found


def usable_minutes(world: SimulatedWorld, until_ms: int = END_MS) -> int:
    period = TimeSpan(BEGIN_MS, until_ms)
    report = world.centre.store.query(lambda each: read_availability(each, EVERYWHERE, period))
    return report.totals.minutes(Condition.USABLE)


Fault = Callable[[SimulatedWorld, SimulatedBox], None]


def crash(world: SimulatedWorld, box: SimulatedBox) -> None:
    """The agent ends without a word, and starts again an hour later: the kernel runs on."""
    world.at(FROM_MS, box, lambda: world.lose_connection(box, FROM_MS, box.lose_power))
    world.at(TO_MS, box, box.start)
    world.at(TO_MS, box, box.connect)


def boot_as(reason: str) -> Fault:
    def fault(world: SimulatedWorld, box: SimulatedBox) -> None:
        world.at(FROM_MS, box, lambda: world.lose_connection(box, FROM_MS, box.lose_power))
        world.at(TO_MS, box, lambda: box.boot(reason))
        world.at(TO_MS, box, box.connect)

    return fault


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (lambda world, box: world.network_outage(box, FROM_MS, TO_MS - MINUTE_MS), Condition.NETWORK),
        (lambda world, box: world.power_cut(box, FROM_MS, TO_MS - MINUTE_MS), Condition.POWER),
        (lambda world, box: world.maintenance(box, FROM_MS, TO_MS), Condition.MAINTENANCE),
        (crash, Condition.GATEWAY),
        (boot_as("power"), Condition.POWER),
        (boot_as("unknown"), Condition.POWER),
        (boot_as("watchdog"), Condition.GATEWAY),
        (boot_as("panic"), Condition.GATEWAY),
        (boot_as("command"), Condition.MAINTENANCE),
    ],
)
def test_an_outage_has_the_cause_that_the_next_heartbeat_shows(
    small_world: SimulatedWorld, box: SimulatedBox, fault: Fault, cause: Condition
) -> None:
    fault(small_world, box)
    small_world.run_until(END_MS)
    (found,) = outages(small_world)
    assert found[:2] == ("", cause)
    assert (abs(found[2] - 60) <= 1, abs(found[3] - 120) <= 1) == (True, True), found


def test_an_outage_that_lasts_has_no_cause_yet(small_world: SimulatedWorld, box: SimulatedBox) -> None:
    small_world.power_cut(box, FROM_MS, END_MS + HOUR_MS)
    small_world.run_until(END_MS)
    assert outages(small_world) == [("", Condition.ABSENT, 60, 240)]
    small_world.run_until(END_MS + 2 * HOUR_MS)
    assert outages(small_world) == [("", Condition.POWER, 60, 240)], "its boot says it afterwards"


def test_a_silent_gateway_is_away_even_if_the_broker_never_says_so(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.at(FROM_MS, box, box.pull_cable)
    small_world.run_until(END_MS)
    assert outages(small_world) == [("", Condition.ABSENT, 60, 240)]


def test_a_heartbeat_that_its_own_will_has_overtaken_brings_nobody_back(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.run_until(FROM_MS)
    session, late = box.session, box.heartbeat()
    box.pull_cable()
    small_world.centre.receive(box.fake.state("offline", session))
    small_world.clock.now_ms += 500
    small_world.centre.receive(late)
    small_world.centre.commit()
    assert outages(small_world, FROM_MS + MINUTE_MS) == [("", Condition.ABSENT, 60, 61)]


def test_an_event_from_the_outbox_shows_how_long_only_the_network_was_out(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.at(FROM_MS, box, box.pull_cable)
    small_world.at(FROM_MS + 30 * MINUTE_MS, box, lambda: box.lose_camera("cam-1"))
    small_world.at(FROM_MS + 30 * MINUTE_MS, box, box.lose_power)
    small_world.at(TO_MS, box, box.plug_in)
    small_world.at(TO_MS, box, box.boot)
    small_world.at(TO_MS, box, box.connect)
    small_world.at(TO_MS + MINUTE_MS, box, lambda: box.restore_camera("cam-1"))
    small_world.run_until(END_MS)
    found = outages(small_world)
    assert found[:2] == [("", Condition.NETWORK, 60, 90), ("", Condition.POWER, 90, 120)]


def test_a_camera_outage_during_a_network_outage_is_one_of_the_camera(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.network_outage(box, FROM_MS, TO_MS)
    small_world.camera_outage(box, "cam-2", FROM_MS + 10 * MINUTE_MS, FROM_MS + 20 * MINUTE_MS)
    small_world.run_until(END_MS)
    assert ("cam-2", Condition.CAMERA, 70, 80) in outages(small_world)


# --- the centre itself ---


def test_while_the_centre_is_away_a_session_that_goes_on_was_connected(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.centre_away(FROM_MS, TO_MS)
    small_world.run_until(END_MS)
    assert outages(small_world) == []
    assert usable_minutes(small_world) >= 2 * 240 - 2


def test_a_power_cut_while_the_centre_is_away_is_unknown_and_no_outage(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.centre_away(FROM_MS, TO_MS)
    small_world.power_cut(box, FROM_MS + 20 * MINUTE_MS, FROM_MS + 40 * MINUTE_MS)
    small_world.run_until(END_MS)
    (found,) = outages(small_world)
    assert found[:3] == ("", Condition.UNKNOWN, 60)
    assert found[3] in (100, 101), "from its start on it is known that it ran"


def test_an_event_says_that_a_gateway_ran_while_the_centre_was_away(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.centre_away(FROM_MS, TO_MS)
    small_world.at(FROM_MS + 19 * MINUTE_MS, box, lambda: box.begin_view("cam-1", "dark"))
    small_world.power_cut(box, FROM_MS + 20 * MINUTE_MS, FROM_MS + 40 * MINUTE_MS)
    small_world.run_until(END_MS)
    (found,) = outages(small_world)
    assert found[:3] == ("", Condition.UNKNOWN, 79)


def test_a_gateway_that_does_not_come_back_with_the_centre_is_unknown_and_then_away(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.centre_away(FROM_MS, TO_MS)
    small_world.at(FROM_MS + 20 * MINUTE_MS, box, box.pull_cable)
    small_world.run_until(END_MS)
    first, second = outages(small_world)
    assert first[:3] == ("", Condition.UNKNOWN, 60)
    assert second[1:] == (Condition.ABSENT, first[3], 240)
    assert first[3] in (121, 122), "until the gateways had time to reconnect"


def test_an_outage_goes_on_over_a_restart_of_the_centre(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.power_cut(box, FROM_MS, TO_MS)
    small_world.centre_away(FROM_MS + 20 * MINUTE_MS, FROM_MS + 30 * MINUTE_MS)
    small_world.run_until(END_MS)
    (found,) = outages(small_world)
    assert found[:3] == ("", Condition.POWER, 60)


def test_a_pause_of_the_ingest_is_an_absence_of_the_centre(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.run_until(FROM_MS)
    small_world.clock.now_ms += HOUR_MS
    box.session = ""  # it connects again as soon as it can
    box.connect()
    small_world.run_until(END_MS)
    assert outages(small_world) == []


def test_while_the_centre_does_not_run_nothing_is_counted(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.run_until(FROM_MS)
    period, later_ms = TimeSpan(BEGIN_MS, END_MS), FROM_MS + HOUR_MS
    counted = small_world.centre.store.query(lambda each: counted_period(each, "central", period, later_ms))
    assert counted == TimeSpan(BEGIN_MS, FROM_MS)
    soon_ms = FROM_MS + MINUTE_MS // 2
    counted = small_world.centre.store.query(lambda each: counted_period(each, "central", period, soon_ms))
    assert counted == TimeSpan(BEGIN_MS, soon_ms)


# --- cameras ---


def test_two_heartbeats_replace_an_event_that_was_lost(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    def forget(action: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            send, box.send = box.send, lambda *_: None
            action()
            box.send = send

        return run

    small_world.at(FROM_MS, box, forget(lambda: box.lose_camera("cam-1")))
    small_world.at(TO_MS, box, forget(lambda: box.restore_camera("cam-1")))
    small_world.run_until(END_MS)
    (found,) = outages(small_world)
    assert found[:3] == ("cam-1", Condition.CAMERA, 60)
    assert found[3] in (120, 121)


def test_events_that_arrive_in_another_order_make_the_same_intervals(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.network_outage(box, FROM_MS - MINUTE_MS, TO_MS + MINUTE_MS)
    small_world.camera_outage(box, "cam-1", FROM_MS, TO_MS)
    small_world.at(TO_MS + 1, box, lambda: box.outbox.reverse())
    small_world.run_until(END_MS)
    assert ("cam-1", Condition.CAMERA, 60, 120) in outages(small_world)


def test_a_camera_that_is_no_longer_configured_is_not_counted(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    def remove() -> None:
        box.cameras = ("cam-1",)

    small_world.at(FROM_MS, box, remove)
    small_world.run_until(END_MS)
    period = TimeSpan(BEGIN_MS, END_MS)
    report = small_world.centre.store.query(lambda each: read_availability(each, EVERYWHERE, period))
    minutes = {each.camera: round(each.totals.counted_ms / MINUTE_MS) for each in report.sites[0].cameras}
    assert minutes["cam-1"] >= 239
    assert minutes["cam-2"] in (60, 61, 62)


def test_a_gateway_that_was_removed_is_not_counted(small_world: SimulatedWorld, box: SimulatedBox) -> None:
    cleared = f"{box.fake.up}/state", b""
    small_world.at(FROM_MS, box, box.stop)
    small_world.at(FROM_MS + MINUTE_MS, box, lambda: small_world.centre.receive(cleared))
    small_world.run_until(END_MS)
    assert outages(small_world) == [("", Condition.MAINTENANCE, 60, 61)]
    assert usable_minutes(small_world) <= 2 * 60


def test_times_of_a_clock_that_is_not_synchronised_are_not_used(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.run_until(FROM_MS)
    data = {"state": "offline", "cause": "stalled", "since_at": "2026-10-31T17:01:00.000Z"}
    topic, payload = box.fake.of_kind("camera-state", 1, "cam-1", "2026-10-31T17:01:00.000Z", **data)
    small_world.centre.receive((topic, payload.replace(b'"synced"', b'"unsynced"')))
    small_world.centre.commit()
    assert outages(small_world, FROM_MS) == []
    small_world.centre.receive(
        replace(box.fake).of_kind("camera-state", 2, "cam-1", "2026-10-31T17:01:00.000Z", **data)
    )
    small_world.centre.commit()
    assert len(outages(small_world, FROM_MS)) == 1, "otherwise the test would show nothing"


# --- bounds ---


def rows(world: SimulatedWorld) -> int:
    count = select(func.count()).select_from(tables.availability)
    return world.centre.store.query(lambda each: each.scalar(count) or 0)


def test_a_gateway_cannot_invent_cameras_without_end(small_world: SimulatedWorld, box: SimulatedBox) -> None:
    for start in range(0, 300, 50):
        box.cameras = tuple(f"cam-{number}" for number in range(start, start + 50))
        small_world.run_until(small_world.clock.now_ms + 5 * MINUTE_MS)
    columns = tables.availability.c
    count = select(func.count(columns.camera.distinct())).where(columns.gateway == "dt-001")
    assert small_world.centre.store.query(lambda each: each.scalar(count) or 0) <= MAX_CAMERAS + 1


def test_a_gateway_cannot_begin_sessions_without_end(
    small_world: SimulatedWorld, box: SimulatedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 20
    monkeypatch.setattr(LIMIT, limit)
    small_world.run_until(BEGIN_MS + MINUTE_MS)
    for number in range(2 * limit):
        small_world.clock.now_ms += 1_000
        box.session = f"s-{number}"
        small_world.centre.receive(box.heartbeat())
    small_world.centre.commit()
    assert limit / 2 < rows(small_world) - len(CAMERAS) <= limit, "of its connection"


def test_cameras_do_not_use_up_the_changes_of_the_connection(
    small_world: SimulatedWorld, box: SimulatedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LIMIT, 6)
    for minute in range(10, 50, 10):
        begin_ms = BEGIN_MS + minute * MINUTE_MS
        small_world.camera_outage(box, "cam-1", begin_ms, begin_ms + 5 * MINUTE_MS)
    small_world.network_outage(box, FROM_MS, TO_MS)
    small_world.run_until(END_MS)
    assert [found[:3] for found in outages(small_world) if not found[0]] == [("", Condition.NETWORK, 60)]


def test_after_a_day_with_too_many_changes_the_rows_follow_the_gateway_again(
    small_world: SimulatedWorld, box: SimulatedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LIMIT, 2)
    small_world.network_outage(box, FROM_MS, TO_MS)
    midnight_ms = BEGIN_MS + 7 * HOUR_MS  # in UTC
    columns = tables.availability.c
    query = select(columns.state).where(columns.layer == "link", columns.to_ms.is_(None))
    small_world.run_until(midnight_ms - MINUTE_MS)
    assert small_world.centre.store.query(lambda each: each.scalar(query)) == "absent", (
        "its return is left out"
    )
    small_world.run_until(midnight_ms + 10 * MINUTE_MS)
    assert small_world.centre.store.query(lambda each: each.scalar(query)) == "connected"


def test_changes_of_a_transaction_that_failed_do_not_count(
    small_world: SimulatedWorld, box: SimulatedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LIMIT, 6)
    small_world.run_until(BEGIN_MS + 10 * MINUTE_MS)
    session = box.session
    for number in range(10):
        box.session = f"s-{number}"
        small_world.centre.receive(box.heartbeat())
        small_world.centre.fail()
    box.session = session
    small_world.network_outage(box, FROM_MS, TO_MS)
    small_world.run_until(END_MS)
    assert [found[:3] for found in outages(small_world)] == [("", Condition.NETWORK, 60)]


def test_a_change_does_not_read_the_earlier_intervals_of_its_series(small_world: SimulatedWorld) -> None:
    def steps_of_change(number: int) -> int:
        """Steps of SQLite, in tens, that the change after so many others takes."""
        steps: list[None] = []
        key = SeriesKey("dt-001", f"cam-{number}", Layer.PICTURE)
        with small_world.centre.store.batch() as batch:
            driver: Any = batch.connection.connection.driver_connection
            for each in range(number + 1):
                if each == number:
                    driver.set_progress_handler(lambda: steps.append(None), 10)
                at_ms = BEGIN_MS + each * MINUTE_MS
                write_change(batch.connection, PointChange(key, at_ms, ON if each % 2 else OFF))
            driver.set_progress_handler(None, 0)
        return len(steps)

    few = steps_of_change(20)
    assert few > 0
    assert steps_of_change(500) < 2 * few


def test_intervals_are_deleted_after_thirteen_months(small_world: SimulatedWorld, box: SimulatedBox) -> None:
    small_world.power_cut(box, FROM_MS, TO_MS)
    small_world.run_until(END_MS)
    before = rows(small_world)
    for later_ms, expected in (
        (round((STORED_DAYS - 1) * DAY_MS), 0),
        (round((STORED_DAYS + 1) * DAY_MS), 2),
    ):
        with small_world.centre.store.batch() as batch:
            AvailabilityRecorder.delete_old(batch.connection, BEGIN_MS + later_ms)
        assert before - rows(small_world) == expected


def test_a_corrected_clock_moves_the_intervals_of_gateways(
    small_world: SimulatedWorld, box: SimulatedBox
) -> None:
    small_world.power_cut(box, FROM_MS, TO_MS)
    small_world.run_until(END_MS)
    small_world.centre.recorder.reset()
    with small_world.centre.store.batch() as batch:
        shift_times(
            batch.connection, Correction(HOUR_MS, FROM_MS - MINUTE_MS), ["de-tham"], exclusive_database=True
        )
    (found,) = outages(small_world)
    assert found[:3] == ("", Condition.POWER, 120)
    assert found[3] in (180, 181)


@pytest.mark.parametrize("by_ms", [HOUR_MS, -HOUR_MS])
def test_a_corrected_clock_invents_no_absence_and_no_power_cut(
    small_world: SimulatedWorld, box: SimulatedBox, by_ms: int
) -> None:
    small_world.run_until(FROM_MS)
    centre, correction = small_world.centre, Correction(by_ms, 0)
    with centre.store.batch() as batch:
        shift_times(batch.connection, correction, ["de-tham"], exclusive_database=True)
    centre.recorder.apply_correction(correction)
    small_world.clock.now_ms += by_ms
    centre.connected_ms, box.booted_ms, box.started_ms = (
        each + by_ms for each in (BEGIN_MS, box.booted_ms, box.started_ms)
    )
    box.next_beat_ms += by_ms
    now_ms = small_world.clock.now_ms
    small_world.network_outage(box, now_ms + 1_000, now_ms + 30 * MINUTE_MS)  # before its next heartbeat
    small_world.run_until(now_ms + HOUR_MS)
    columns = tables.availability.c
    query = select(columns.gateway, columns.state).where(columns.layer.in_(("link", "centre")))
    found = centre.store.query(lambda each: [tuple(row) for row in each.execute(query.order_by(columns.id))])
    assert found == [("dt-001", "connected"), ("dt-001", "network"), ("dt-001", "connected")]


def test_another_ward_is_not_in_the_report(small_world: SimulatedWorld, box: SimulatedBox) -> None:
    small_world.add_box("bx-001", "bo-xuyen", ("cam-1",))
    small_world.run_until(FROM_MS)
    period, scope = TimeSpan(BEGIN_MS, FROM_MS), Scope(frozenset({"bo-xuyen"}))
    report = small_world.centre.store.query(lambda each: read_availability(each, scope, period))
    assert [site.gateway for site in report.sites] == ["bx-001"]
