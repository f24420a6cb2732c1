"""The incident log: ringing alarms, acknowledgements, outcomes, and handovers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection

from edge_central.console.alarms.model import QueueItem
from edge_central.console.alarms.queue import read_queue
from edge_central.console.incident_log import (
    IncidentOutcome,
    LogAuthor,
    acknowledge_all,
    assign_all,
    close_all,
    hand_over,
    handlings,
    handovers,
    note_all,
    reopen,
    steps,
    take_over,
    why_closed,
)
from edge_central.store.database import open_engine
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.console.city import City
from tests.edge_central.prepared import make_sqlite

QUANG_TRUNG = Scope(frozenset({"quang-trung"}))


def by(city: City, who: str = "lan", later_s: int = 0) -> LogAuthor:
    return LogAuthor(who, city.now_ms + later_s * 1000)


def alarms(
    connection: Connection, city: City, scope: Scope = EVERYWHERE, later_ms: int = 0
) -> list[QueueItem]:
    """The rows of alarms in the list; in this city each has one alarm."""
    items = read_queue(connection, scope, city.now_ms + later_ms).alarms
    return [item for item in items if item.is_row]


def newest(connection: Connection, city: City) -> QueueItem:
    return alarms(connection, city)[0]


def of(*alarms: QueueItem) -> dict[str, str]:
    """The wards of alarms by their subjects."""
    return {each.handling.subject: each.ward for each in alarms}


def row_of(connection: Connection, city: City, alarm: QueueItem) -> QueueItem:
    """The row of the same camera and rule as it is now."""
    same = (alarm.gateway, alarm.camera, alarm.kind)
    return next(each for each in alarms(connection, city) if (each.gateway, each.camera, each.kind) == same)


def test_unacknowledged_alarms_ring(city: City, writing: Connection) -> None:
    found = alarms(writing, city)
    assert [each.gateway for each in found[:3]] == ["lp-012", "pk-003", "qt-014"], "the oldest first"
    assert all(each.rings and each.handling.rings for each in found)
    phases = {each.event.phase for each in found if each.event is not None}
    assert phases == {"start"}, "an end and its evidence have the severity too"


def test_a_ward_has_only_its_own_alarms(city: City, writing: Connection) -> None:
    assert {each.ward for each in alarms(writing, city, QUANG_TRUNG)} == {"quang-trung"}


def test_only_an_acknowledged_alarm_leaves_the_queue_by_age(city: City, writing: Connection) -> None:
    first, *others = alarms(writing, city)
    acknowledge_all(writing, by(city), of(first))
    late = alarms(writing, city, later_ms=9 * 86_400_000)
    assert [each.key for each in late] == [each.key for each in others]


def test_the_first_acknowledgement_silences_an_alarm_for_everyone_and_names_its_owner(
    city: City, writing: Connection
) -> None:
    alarm = newest(writing, city)
    assert acknowledge_all(writing, by(city), of(alarm))
    assert not acknowledge_all(writing, by(city, "minh", 5), of(alarm))
    now = row_of(writing, city, alarm).handling
    assert (now.rings, now.is_open, now.owner, now.acknowledged_by) == (False, True, "lan", "lan")
    assert [step.who for step in steps(writing, alarm.handling.subject)] == ["lan"]


@pytest.mark.parametrize("outcome", list(IncidentOutcome))
def test_an_outcome_closes_an_alarm_and_its_history_has_author_time_and_text(
    city: City, writing: Connection, outcome: IncidentOutcome
) -> None:
    alarm = newest(writing, city)
    subject = alarm.handling.subject
    acknowledge_all(writing, by(city), of(alarm))
    assign_all(writing, by(city, "lan", 10), of(alarm), "minh")
    close_all(writing, by(city, "minh", 60), of(alarm), outcome, " bảo vệ đã tới\0 ")
    assert newest(writing, city).gateway != alarm.gateway
    now = handlings(writing, EVERYWHERE, [subject])[subject]
    assert (now.outcome, now.closed_ms) == (outcome, city.now_ms + 60_000)
    assert [(step.who, step.what, step.words) for step in steps(writing, subject)] == [
        ("lan", "acknowledged", ""),
        ("lan", "owner", "minh"),
        ("minh", "outcome", outcome.value),
        ("minh", "note", "bảo vệ đã tới"),
    ]


def test_an_alarm_that_was_handed_to_an_officer_stays_with_that_officer(
    city: City, writing: Connection
) -> None:
    alarm = newest(writing, city)
    assign_all(writing, by(city), of(alarm), "minh")
    assert acknowledge_all(writing, by(city, "hoa", 5), of(alarm))
    now = row_of(writing, city, alarm).handling
    assert (now.owner, now.acknowledged_by) == ("minh", "hoa")


def test_a_closed_alarm_keeps_its_outcome_until_it_is_reopened(city: City, writing: Connection) -> None:
    first, second = alarms(writing, city)[:2]
    subject = first.handling.subject
    assert why_closed(writing, subject) == ""
    assert close_all(writing, by(city), of(first), IncidentOutcome.REAL, "") == 1
    assert close_all(writing, by(city, "minh", 5), of(first, second), IncidentOutcome.FALSE, "a cat") == 1
    assert close_all(writing, by(city, "hoa", 9), of(first), IncidentOutcome.REAL, "a thief") == 1
    now = handlings(writing, EVERYWHERE, of(first, second))
    assert [now[each].outcome for each in of(first, second)] == [IncidentOutcome.REAL, IncidentOutcome.FALSE]
    assert now[subject].closed_ms == city.now_ms
    assert why_closed(writing, subject) == "lan has closed this as real: reopen it first"
    reopen(writing, by(city, "minh", 10), subject, first.ward)
    assert close_all(writing, by(city, "minh", 11), of(first), IncidentOutcome.FALSE, "") == 1
    assert [(step.who, step.what, step.words) for step in steps(writing, subject)] == [
        ("lan", "acknowledged", ""),
        ("lan", "outcome", "real"),
        ("hoa", "note", "a thief"),
        ("minh", "reopened", ""),
        ("minh", "outcome", "false"),
    ]


def test_a_reopened_alarm_is_in_the_queue_again_and_does_not_ring(city: City, writing: Connection) -> None:
    alarm = newest(writing, city)
    close_all(writing, by(city), of(alarm), IncidentOutcome.FALSE, "")
    reopen(writing, by(city), alarm.handling.subject, alarm.ward)
    now = row_of(writing, city, alarm)
    assert now.event == alarm.event
    assert (now.handling.is_open, now.handling.rings) == (True, False)


def test_a_note_alone_silences_nothing(city: City, writing: Connection) -> None:
    alarm = newest(writing, city)
    note_all(writing, by(city), of(alarm), "gọi bảo vệ")
    assert newest(writing, city).handling.rings
    note_all(writing, by(city), of(alarm), "  ")
    assert len(steps(writing, alarm.handling.subject)) == 1


def test_handlings_of_other_wards_are_not_visible(city: City, writing: Connection) -> None:
    alarm = newest(writing, city)
    acknowledge_all(writing, by(city), of(alarm))
    assert handlings(writing, Scope(frozenset({"ky-ba"})), [alarm.handling.subject]) == {}


def test_the_officer_who_takes_over_owns_the_open_alarms(city: City, writing: Connection) -> None:
    first, second = alarms(writing, city)[:2]
    acknowledge_all(writing, by(city), of(first, second))
    close_all(writing, by(city), of(second), IncidentOutcome.REAL, "")
    subjects = [first.handling.subject, second.handling.subject]
    number = hand_over(writing, by(city), EVERYWHERE, "mưa ở Kỳ Bá", subjects)
    assert take_over(writing, by(city, "minh", 300), EVERYWHERE, number)
    assert not take_over(writing, by(city, "hoa", 301), EVERYWHERE, number), "it is taken"
    handover = handovers(writing, EVERYWHERE)[0]
    assert (handover.left_by, handover.note, handover.taken_by) == ("lan", "mưa ở Kỳ Bá", "minh")
    now = handlings(writing, EVERYWHERE, subjects)
    assert [now[each].owner for each in subjects] == ["minh", "lan"]


def test_a_ward_takes_over_only_what_is_its_own(city: City, writing: Connection) -> None:
    city_wide = hand_over(writing, by(city), EVERYWHERE, "", [])
    own = hand_over(writing, by(city), QUANG_TRUNG, "", [])
    assert not take_over(writing, by(city, "minh"), QUANG_TRUNG, city_wide)
    assert [each.id for each in handovers(writing, QUANG_TRUNG)] == [own]
    assert [each.id for each in handovers(writing, EVERYWHERE)] == [own, city_wide]


def test_of_two_simultaneous_acknowledgements_one_counts(tmp_path: Path) -> None:
    engine = open_engine(make_sqlite(tmp_path / "central.db"))
    start = threading.Barrier(4)

    def press(who: str) -> bool:
        start.wait(30)
        with engine.begin() as connection:
            return bool(acknowledge_all(connection, LogAuthor(who, 1), {"event dt-001 e1": "de-tham"}))

    with ThreadPoolExecutor(4) as pool:
        did = list(pool.map(press, ("lan", "minh", "hoa", "mai")))
    engine.dispose()
    assert sorted(did) == [False, False, False, True]
