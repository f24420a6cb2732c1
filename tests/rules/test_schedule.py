"""When a rule is armed: nights, holidays, and a clock that is not set."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.config.model.settings import OnHolidays, Schedule, WhenUnsynced
from edge_agent.host.health.clock_sync import ClockSync, KernelSync
from edge_agent.rules.schedule import Arming
from tests.outbox.parts import HandClock

SITE = ZoneInfo("Asia/Ho_Chi_Minh")
EVERY_DAY, WEEKEND = frozenset(range(7)), frozenset({5, 6})
TET = frozenset({date(2027, 2, 5), date(2027, 2, 6), date(2027, 2, 7)})  # Friday to Sunday


def local(moment: str) -> datetime:
    """A local time on the gateway, which runs in UTC."""
    return datetime.fromisoformat(moment).replace(tzinfo=SITE).astimezone(UTC)


def night(days: frozenset[int], holidays: OnHolidays) -> Arming:
    return Arming(Schedule(days, time(22), time(5), holidays), SITE, TET)


@pytest.mark.parametrize(
    ("days", "holidays", "moment", "armed"),
    [
        # The night from Thursday 4 February into Tet belongs to Thursday, an ordinary day.
        (EVERY_DAY, OnHolidays.OFF, "2027-02-04T23:00", True),
        (EVERY_DAY, OnHolidays.OFF, "2027-02-05T04:59", True),
        (EVERY_DAY, OnHolidays.OFF, "2027-02-05T22:00", False),
        (EVERY_DAY, OnHolidays.OFF, "2027-02-08T04:59", False),  # begun on Tet's last day
        (EVERY_DAY, OnHolidays.OFF, "2027-02-08T22:00", True),
        (WEEKEND, OnHolidays.ALSO, "2027-02-05T04:00", False),  # begun on Thursday, no holiday yet
        (WEEKEND, OnHolidays.ALSO, "2027-02-05T22:00", True),  # Friday, a holiday
        (WEEKEND, OnHolidays.ALSO, "2027-02-06T04:00", True),
        (WEEKEND, OnHolidays.ALSO, "2027-02-12T22:00", False),  # Friday a week later
        (WEEKEND, OnHolidays.ONLY, "2027-02-05T22:00", False),  # a holiday, but no weekend
        (WEEKEND, OnHolidays.ONLY, "2027-02-06T22:00", True),
        (WEEKEND, OnHolidays.ONLY, "2027-02-13T22:00", False),  # a weekend, but no holiday
        (WEEKEND, OnHolidays.USUAL, "2027-02-05T22:00", False),
        (WEEKEND, OnHolidays.USUAL, "2027-02-06T22:00", True),
    ],
)
def test_a_night_into_or_out_of_a_holiday_belongs_to_the_day_it_begins_on(
    days: frozenset[int], holidays: OnHolidays, moment: str, armed: bool
) -> None:
    assert night(days, holidays).armed(local(moment)) == armed


minutes = st.integers(0, 24 * 60 - 1).map(lambda n: time(n // 60, n % 60))
weekdays = st.sets(st.integers(0, 6), min_size=1).map(frozenset)
schedules = st.builds(Schedule, weekdays, minutes, minutes, st.sampled_from(OnHolidays))
days = st.dates(date(2026, 12, 25), date(2027, 3, 10))
holidays = st.sets(days, max_size=20).map(frozenset)
moments = st.datetimes(datetime(2027, 1, 1), datetime(2027, 3, 1))


def is_begun_on(schedule: Schedule, day: date, free: frozenset[date]) -> bool:
    usual, holiday = day.weekday() in schedule.days, day in free
    ways = {"usual": usual, "off": usual and not holiday, "also": usual or holiday}
    return (ways | {"only": usual and holiday})[schedule.holidays.value]


@given(schedules, holidays, moments)
def test_armed_is_whoever_lies_between_begin_and_end_of_a_day_that_counts(
    schedule: Schedule, free: frozenset[date], moment: datetime
) -> None:
    """Computed in another way: by periods, without a special case for midnight."""
    begin, end = (timedelta(hours=t.hour, minutes=t.minute) for t in (schedule.begin, schedule.end))
    lasts = (end - begin) % timedelta(days=1) or timedelta(days=1)
    spans = [
        (start, start + lasts)
        for day in (moment.date() - timedelta(days=1), moment.date())
        if is_begun_on(schedule, day, free)
        for start in [datetime.combine(day, time()) + begin]
    ]
    expected = any(start <= moment < stop for start, stop in spans)
    at = moment.replace(tzinfo=SITE).astimezone(UTC)
    assert Arming(schedule, SITE, free).armed(at) == expected


@given(schedules, moments)
def test_the_zone_of_the_box_does_not_matter(schedule: Schedule, moment: datetime) -> None:
    arming = Arming(schedule, SITE, TET)
    at = moment.replace(tzinfo=SITE)
    answers = {arming.armed(at.astimezone(ZoneInfo(zone))) for zone in ("UTC", "Europe/Berlin", "Asia/Tokyo")}
    assert answers == {arming.armed(at)}


@given(schedules, moments)
def test_without_holidays_on_the_list_three_of_the_ways_are_one_and_the_fourth_never_is(
    schedule: Schedule, moment: datetime
) -> None:
    armed = {
        way: Arming(Schedule(schedule.days, schedule.begin, schedule.end, way), SITE, frozenset()).armed(
            moment.replace(tzinfo=SITE)
        )
        for way in OnHolidays
    }
    assert armed[OnHolidays.USUAL] == armed[OnHolidays.OFF] == armed[OnHolidays.ALSO]
    assert not armed[OnHolidays.ONLY]


@pytest.mark.parametrize(
    ("unsynced", "armed"),
    [(WhenUnsynced.ARMED, True), (WhenUnsynced.OFF, False), (WhenUnsynced.CLOCK, False)],
)
def test_a_clock_that_a_power_cut_left_behind_is_believed_from_its_first_synchronisation_on(
    tmp_path: Path, unsynced: WhenUnsynced, armed: bool
) -> None:
    """It is 23:00, and the Pi's clock starts at noon, the time of its last shutdown."""
    clock, kernel = HandClock(wall=local("2027-02-10T12:00")), [KernelSync(False, 0.0)]
    sync = ClockSync(tmp_path / "clock.json", clock, "boot-1", tmp_path, lambda: kernel[0])
    schedule = Schedule(EVERY_DAY, time(22), time(5), unsynced=unsynced)
    arming = Arming(schedule, SITE, TET, clock_known=lambda: sync.has_been_synced)
    assert arming.armed(clock.now()) == armed
    clock.wall, kernel[0] = local("2027-02-10T23:00"), KernelSync(True, 0.0)
    sync.update()
    sync.confirm_correction()
    assert arming.armed(clock.now())
    kernel[0] = KernelSync(False, 0.0)  # the uplink is away for a day
    sync.update()
    assert not arming.armed(local("2027-02-11T12:00")), "an agent that was right once goes on with its clock"
    restarted = ClockSync(tmp_path / "clock.json", clock, "boot-1", tmp_path, lambda: kernel[0])
    assert restarted.has_been_synced
    rebooted = ClockSync(tmp_path / "clock.json", clock, "boot-2", tmp_path, lambda: kernel[0])
    assert not rebooted.has_been_synced


@pytest.mark.parametrize("hour", range(0, 24, 4))
def test_a_box_that_does_not_know_the_time_rather_alarms_too_often(hour: int) -> None:
    arming = night(EVERY_DAY, OnHolidays.OFF)
    assert arming.armed(datetime(1970, 1, 1, hour, tzinfo=UTC))
    set_clock = datetime(2027, 2, 10, hour, tzinfo=SITE)
    assert arming.armed(set_clock) == (hour in (0, 4)), "a set clock is believed"
