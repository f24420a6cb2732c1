"""Holidays: the resulting dates, and when a warning says that new ones are needed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.config import load
from tests.config.places import MINIMAL, PC, settings_of, with_camera, write
from tests.host.fakes import FakeClock

_TET = '"2027-02-05..2027-02-11"'


def _holidays(directory: Path, written: str) -> list[str]:
    text = MINIMAL.replace("ward: de-tham", f"ward: de-tham, holidays: {written}")
    return sorted(day.isoformat() for day in settings_of(directory, text).gateway.holidays)


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("[]", []),
        ("[2027-01-01]", ["2027-01-01"]),  # the same date to all YAML readers, so it needs no quotes
        ('["2027-04-30..2027-05-01"]', ["2027-04-30", "2027-05-01"]),
        ("[2028-02-28..2028-03-01]", ["2028-02-28", "2028-02-29", "2028-03-01"]),
        ("[2027-09-02..2027-09-02, 2027-09-02]", ["2027-09-02"]),
        ("[2027-12-31..2028-01-01]", ["2027-12-31", "2028-01-01"]),
    ],
)
def test_dates_and_spans(tmp_path: Path, written: str, days: list[str]) -> None:
    assert _holidays(tmp_path, written) == days


def test_a_drop_in_brings_the_dates_of_all_boxes(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    write(tmp_path, f"gateway: {{holidays: [{_TET}]}}\n", "conf.d/holidays.yaml")
    assert len(load(path, board=PC).gateway.holidays) == 7


def _with_rule(schedule: str) -> str:
    return (
        "url: rtsp://h/s\nzones: {yard: {polygon: [[0, 0], [1, 0], [1, 1]]}}\n"
        f"rules: [{{id: r, kind: loitering, zone: yard, schedule: {{{schedule}}}}}]"
    )


def _warnings(directory: Path, holidays: str, schedule: str, at: str) -> list[str]:
    """Warnings for a site in Vietnam, as ``line:column: text``."""
    text = with_camera(_with_rule(schedule)).replace("de-tham}", f"de-tham{holidays}}}")
    warnings = load(write(directory, text), board=PC, clock=FakeClock(datetime.fromisoformat(at))).warnings
    return [each.partition("agent.yaml:")[2].replace("warning: ", "") for each in warnings]


_FOLLOWS = "the schedule of rule cam-1/r follows it. Tet and its days off move: add the new dates"
_OF_2026 = ", holidays: [2026-01-01, 2026-02-14..2026-02-22, 2026-09-01..2026-09-02]"
_TO_CHRISTMAS = _OF_2026.replace("]", ", 2026-12-25]")
_TO_NEW_YEAR = _OF_2026.replace("]", ", 2027-01-01]")


@pytest.mark.parametrize(
    ("holidays", "at", "lack"),
    [
        ("", "2026-03-01", "1:10: gateway.holidays is empty"),
        (", holidays: []", "2026-03-01", "1:48: gateway.holidays is empty"),
        (_OF_2026, "2026-03-01", None),
        (_OF_2026, "2026-09-02T12:00", None),  # its last day is today
        (_OF_2026, "2026-09-02T16:59", None),  # 23:59 in Vietnam
        (_OF_2026, "2026-09-02T17:01", "1:48: gateway.holidays has run out: its last day was 2026-09-02"),
        (_OF_2026, "2027-01-01", "1:48: gateway.holidays has run out: its last day was 2026-09-02"),
        (_TO_CHRISTMAS, "2026-11-30T16:00", None),
        (_TO_CHRISTMAS, "2026-12-02", "1:48: gateway.holidays has no day of 2027 yet"),
        (_TO_NEW_YEAR, "2026-10-01", None),
        (_TO_NEW_YEAR, "2026-12-31", None),
        (_OF_2026, "1970-01-01", None),  # without a clock the date is unknown
    ],
)
def test_a_list_that_runs_out_is_doubtful(tmp_path: Path, holidays: str, at: str, lack: str | None) -> None:
    moment = f"{at}+00:00" if "T" in at else f"{at}T00:00+00:00"
    expected = [f"{lack}; {_FOLLOWS}"] if lack else []
    assert _warnings(tmp_path, holidays, "holidays: off", moment) == expected


@pytest.mark.parametrize("schedule", ["", "holidays: usual", "days: [sun]"])
def test_a_list_that_no_rule_follows_may_be_as_old_as_it_likes(tmp_path: Path, schedule: str) -> None:
    assert _warnings(tmp_path, _OF_2026, schedule, "2030-01-01T00:00+00:00") == []


def test_many_rules_that_follow_it_are_one_warning(tmp_path: Path) -> None:
    rule = "{{id: {}, kind: loitering, zone: yard, schedule: {{holidays: off}}}}"
    rules = ", ".join(rule.format(id_) for id_ in ("a", "b", "c"))
    zones = "zones: {yard: {polygon: [[0, 0], [1, 0], [1, 1]]}}"
    text = with_camera(f"url: rtsp://h/s\n{zones}\nrules: [{rules}]")
    (warning,) = load(write(tmp_path, text), board=PC).warnings
    assert "the schedule of rule cam-1/a and 2 more follows it" in warning


@pytest.mark.parametrize(
    ("days", "armed"),
    [("days: [mon-sun], ", True), ("days: [sat], ", True), ("days: [sun], ", False), ("", True)],
)
def test_a_rule_that_no_holiday_arms_is_doubtful(tmp_path: Path, days: str, armed: bool) -> None:
    holidays = ", holidays: [2026-09-06, 2027-01-01..2027-01-02]"  # a Sunday that is over; Friday, Saturday
    warnings = _warnings(tmp_path, holidays, f"{days}holidays: only", "2026-10-01T00:00+00:00")
    text = "rule 'r' is never armed: none of its days is one of gateway.holidays from 2026-10-01 on"
    assert warnings == ([] if armed else [f"7:60: {text}"])


def test_a_full_list_is_the_longest_that_is_taken(tmp_path: Path) -> None:
    first = date(2027, 1, 1)
    spans = [f"{first + timedelta(100 * i)}..{first + timedelta(100 * i + 99)}" for i in range(4)]
    assert len(_holidays(tmp_path, f"[{', '.join(spans)}]")) == 400
