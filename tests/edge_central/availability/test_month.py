"""A month with outages: the centre's report is exact to a minute a day against the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.tools.simulate.condition_ledger import read_ledger
from edge_central.availability.day_sums import AvailabilitySums
from edge_central.availability.model import Condition, TimeSpan
from edge_central.availability.report import read_availability
from edge_central.availability.summed_report import read_summed_availability
from edge_central.availability.timeline import ConditionTotals
from edge_central.settings import Database
from edge_central.store.scope import EVERYWHERE
from tests.edge_central.availability.truth import Seconds, true_seconds
from tests.edge_central.availability.world import (
    BEGIN_MS,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    WARDS,
    SimulatedBox,
    SimulatedWorld,
)

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
SLOT_MS = 4 * HOUR_MS
VIEWS = ("covered", "dark", "defocused", "visibility-degraded", "frozen", "overexposed")
CENTRE_EVERY_DAYS = 5


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SimulatedWorld]:
    built = SimulatedWorld(database, tmp_path)
    yield built
    built.close()


def plan_day(world: SimulatedWorld, box: SimulatedBox, day_ms: int) -> None:
    """Faults in four slots of four hours, of all kinds; some overlap."""
    rng = world.rng
    for slot in rng.sample(range(5), 4):
        from_ms = day_ms + slot * SLOT_MS + rng.randrange(10 * MINUTE_MS, 60 * MINUTE_MS)
        to_ms = from_ms + rng.randrange(MINUTE_MS * 3, MINUTE_MS * 120)
        inside = from_ms + (to_ms - from_ms) // 3, to_ms - (to_ms - from_ms) // 3
        around = from_ms - 2 * MINUTE_MS, to_ms + 6 * MINUTE_MS
        camera = rng.choice(box.cameras)
        match rng.randrange(8):
            case 0:
                world.network_outage(box, from_ms, to_ms)
            case 1:
                world.power_cut(box, from_ms, to_ms)
            case 2:
                world.maintenance(box, from_ms, to_ms)
            case 3 | 4:
                world.camera_outage(box, camera, from_ms, to_ms)
            case 5:
                world.view(box, camera, rng.choice(VIEWS), from_ms, to_ms)
            case 6:  # reported after the network is back
                world.network_outage(box, from_ms, to_ms)
                world.camera_outage(box, camera, *inside)
            case _:  # the camera is lost before the power, and back after it
                world.power_cut(box, from_ms, to_ms)
                world.camera_outage(box, camera, *around)


def play(world: SimulatedWorld, days: int) -> dict[str, tuple[str, ...]]:
    world.add_box("dt-001", "de-tham", ("cam-1", "cam-2"))
    world.add_box("bx-001", "bo-xuyen", ("cam-1",))
    for day in range(days):
        day_ms = BEGIN_MS + day * DAY_MS
        for box in world.boxes:
            plan_day(world, box, day_ms)
        if day % CENTRE_EVERY_DAYS == 3:  # nothing else happens in the last four hours of a day
            world.centre_away(day_ms + 22 * HOUR_MS, day_ms + 22 * HOUR_MS + 20 * MINUTE_MS)
        elif day % CENTRE_EVERY_DAYS == 1:  # the centre is away while a network outage lasts
            box, from_ms = world.boxes[0], day_ms + 21 * HOUR_MS
            world.network_outage(box, from_ms, from_ms + HOUR_MS)
            world.centre_away(from_ms + 10 * MINUTE_MS, from_ms + 15 * MINUTE_MS)
    sums = AvailabilitySums(WARDS, ZONE, lambda: world.clock.now_ms)
    for day in range(1, days + 1):  # each day has its sums before the late events of the next ones arrive
        world.run_until(BEGIN_MS + day * DAY_MS + (day < days) * 10 * MINUTE_MS)
        with world.centre.store.batch() as batch:
            sums.work(batch.connection)
    return {box.fake.id: box.cameras for box in world.boxes}


def reported_seconds(totals: ConditionTotals) -> Seconds:
    seconds = Seconds(float)
    for condition, duration_ms in totals.by_condition.items():
        seconds[condition.value] += duration_ms / 1000
    for view, duration_ms in totals.by_quality.items():
        seconds[f"quality {view}"] += duration_ms / 1000
    return seconds


def differences(world: SimulatedWorld, cameras: dict[str, tuple[str, ...]], day: TimeSpan) -> Iterator[str]:
    truth = true_seconds(read_ledger(world.path), cameras, day.from_ms, day.to_ms)
    report = world.centre.store.query(lambda each: read_availability(each, EVERYWHERE, day))
    reported = {
        (site.gateway, camera.camera): reported_seconds(camera.totals)
        for site in report.sites
        for camera in site.cameras
    }
    assert reported.keys() == truth.keys()
    for key, true in truth.items():
        for condition in true.keys() | reported[key].keys():
            difference = reported[key][condition] - true[condition]
            if abs(difference) > 60:
                yield f"{key} {condition}: {difference:+.0f} s"


@pytest.mark.parametrize(
    ("database", "days"),
    [
        ("sqlite", 8),
        pytest.param("sqlite", 30, marks=pytest.mark.long),
        pytest.param("postgresql", 30, marks=pytest.mark.long),
    ],
    indirect=["database"],
)
def test_each_day_is_exact_to_a_minute(world: SimulatedWorld, days: int) -> None:
    cameras = play(world, days)
    wrong = []
    for day in range(days):
        from_ms = BEGIN_MS + day * DAY_MS
        span = TimeSpan(from_ms, from_ms + DAY_MS)
        wrong += [f"day {day + 1}: {each}" for each in differences(world, cameras, span)]
    assert wrong == []
    whole = TimeSpan(BEGIN_MS, BEGIN_MS + days * DAY_MS)
    report = world.centre.store.query(lambda each: read_availability(each, EVERYWHERE, whole))
    summed = world.centre.store.query(
        lambda each: read_summed_availability(each, EVERYWHERE, whole, ZONE, whole.to_ms)
    )
    assert summed.totals == report.totals
    assert [site.totals for site in summed.sites] == [site.totals for site in report.sites]
    causes = {each.span.condition for each in report.outages}
    assert causes >= {Condition.POWER, Condition.NETWORK, Condition.MAINTENANCE, Condition.CAMERA}
    assert Condition.TAMPER in causes
    assert sum(report.totals.by_quality.values()) > 0, "without poor pictures the test would show less"
