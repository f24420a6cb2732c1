"""Neighbours, the question to them, decisions and their deletion, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from edge_central.console.site_names import Names, SiteNames
from edge_central.journeys import candidates, neighbours
from edge_central.journeys import journey as journeys
from edge_central.journeys.asking import NeighbourQuestion, ask_neighbours
from edge_central.journeys.candidates import CandidateList, read_candidates
from edge_central.journeys.journey import (
    JourneyRefused,
    begin_journey,
    decide,
    note_change,
    read_journey,
    undo,
)
from edge_central.journeys.model import Journey, MatchKey, StepStatus, Way
from edge_central.journeys.neighbours import neighbours_of
from edge_central.journeys.travel_times import store_travel_times
from edge_central.retention.deletion_plans import DAY_MS, DeletionTarget, make_plans
from edge_central.retention.operator_records import delete_old
from edge_central.searches.answers import record_answers
from edge_central.searches.model import SearchAuthor, TooManySearches
from edge_central.searches.question import SearchQuestion, parse_question
from edge_central.settings import Database, Retention
from edge_central.store import tables
from edge_central.store.database import DatabaseConnections
from edge_central.store.scope import EVERYWHERE, Scope
from edge_central.trusted_time.clock import Correction
from edge_central.trusted_time.clock_store import shift_times
from tests.edge_central.journeys.test_likelihood import PAIR, match
from tests.edge_central.searches.parts import ADMIN, LAN, NOW_MS, answer, ask, command_of, found_city, passage

FAR_PAIR = replace(PAIR, to_gateway="bx-001", median_s=300.0, low_s=200.0, high_s=400.0)


@pytest.fixture
def connection(connection: Connection) -> Connection:
    found_city(connection)
    return connection


def begun(connection: Connection, author: SearchAuthor = LAN, **more: Any) -> Journey:
    """A journey from passage 412 of dt-001."""
    search = ask(connection, author, gateways=["dt-001"])
    reply = answer("dt-001", command_of(connection, search, "dt-001"), passage(412, **more), total=1)
    record_answers(connection, [reply], NOW_MS)
    journey = begin_journey(connection, author, MatchKey(search, "dt-001", 412), NOW_MS)
    assert journey is not None
    return read(connection, journey, author)


def read(connection: Connection, journey: str, author: SearchAuthor = LAN) -> Journey:
    found = read_journey(connection, author, journey)
    assert found is not None
    return found


def asked(connection: Connection, journey: Journey, author: SearchAuthor = LAN, **more: Any) -> str:
    fields: dict[str, Any] = {"way": Way.FORWARD, "reach_m": 1200.0} | more
    question = NeighbourQuestion(step=journey.steps[0].id, **fields)
    return ask_neighbours(connection, author, journey, journey.steps[0], question, NOW_MS, Names())


def question_of(connection: Connection, search: str) -> SearchQuestion:
    text = connection.scalar(select(tables.search.c.question).where(tables.search.c.id == search))
    return parse_question(str(text).encode())


def found(connection: Connection, journey: Journey, author: SearchAuthor = LAN) -> CandidateList:
    journey = read(connection, journey.id, author)
    return read_candidates(connection, author, Names(), journey, journey.steps[0], Way.FORWARD, NOW_MS)


def found_two(connection: Connection) -> tuple[Journey, str]:
    """A journey with the candidates 1 and 2 at dt-002."""
    journey = begun(connection)
    search = asked(connection, journey)
    rows = [passage(n, start=f"2026-11-27T11:3{3 + n}:00.000Z") for n in (1, 2)]
    record_answers(connection, [answer("dt-002", command_of(connection, search, "dt-002"), *rows)], NOW_MS)
    return read(connection, journey.id), search


# --- neighbours ---


def keys(connection: Connection, **more: Any) -> list[tuple[str, str, bool]]:
    usual = {"scope": EVERYWHERE, "names": Names(), "way": Way.FORWARD, "reach_m": 1200.0}
    arguments: dict[str, Any] = usual | more
    here = replace(match(0), gateway="dt-001")
    return [
        (each.gateway, each.camera, each.is_yours)
        for each in neighbours_of(connection, match=here, now_ms=NOW_MS, **arguments)
    ]


def test_neighbours_are_of_the_site_within_the_reach_or_learnt(connection: Connection) -> None:
    near = [("dt-001", "cam-2", True), ("dt-002", "cam-1", True), ("dt-002", "cam-2", True)]
    assert keys(connection) == near, "bx-001 is 2.2 km away"
    assert keys(connection, reach_m=1000) == near[:1]
    store_travel_times(connection, [FAR_PAIR])
    assert keys(connection)[0] == ("bx-001", "cam-1", True), "learnt ones first; its other camera is too far"
    assert len(keys(connection)) == 4
    assert keys(connection, way=Way.BACKWARD) == near, "nothing is learnt about how they come here"
    own = Scope(frozenset({"de-tham"}))
    assert ("bx-001", "cam-1", False) in keys(connection, scope=own)
    back = replace(FAR_PAIR, from_gateway="bx-001", from_camera="cam-2", to_gateway="dt-001")
    store_travel_times(connection, [back])
    assert keys(connection, way=Way.BACKWARD)[0] == ("bx-001", "cam-2", True)


def test_many_sites_of_others_do_not_displace_the_own_ones(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "MAX_GATEWAYS", 1)
    store_travel_times(connection, [replace(FAR_PAIR, to_gateway="bx-001")])
    own = Scope(frozenset({"bo-xuyen"}))
    assert {(gateway, yours) for gateway, _, yours in keys(connection, scope=own)} == {
        ("bx-001", True), ("dt-001", False)
    }  # fmt: skip


def test_the_sheet_says_where_a_site_is_before_the_gateway(connection: Connection) -> None:
    names = Names(sites={"dt-002": SiteNames(latitude=10.0, longitude=106.34)})
    assert [gateway for gateway, _, _ in keys(connection, names=names)] == ["dt-001"]


def test_a_camera_whose_id_no_question_may_name_is_no_neighbour(connection: Connection) -> None:
    birth = b'{"cameras": [{"id": "cam-1"}, {"id": "a b"}, {"id": "../x"}]}'
    gateway = tables.gateway
    connection.execute(update(gateway).where(gateway.c.id == "dt-001").values(birth=birth))
    assert keys(connection) == []
    with pytest.raises(Exception, match="near enough"):
        asked(connection, begun(connection))


# --- the question ---


def test_one_search_has_a_window_for_each_gateway(connection: Connection) -> None:
    store_travel_times(connection, [PAIR, FAR_PAIR])
    journey = begun(connection, ADMIN)
    question = question_of(connection, asked(connection, journey, ADMIN))
    windows = {each.gateway: (each.from_at, each.to_at) for each in question.windows or ()}
    assert set(windows) == {"dt-001", "dt-002", "bx-001"}
    assert windows["bx-001"] == ("2026-11-27T11:32:07.333Z", "2026-11-27T11:39:17.333Z"), "learnt"
    assert windows["dt-002"][1] > "2026-11-27T11:50", "of its second camera, by the map"
    assert question.cameras == ["dt-001/cam-2"]
    assert sorted(question.gateways or ()) == ["bx-001", "dt-002"]
    assert (question.group, question.colour, question.oldest_first) == ("two-wheeler", None, True)
    back = question_of(connection, asked(connection, journey, ADMIN, way=Way.BACKWARD))
    assert not back.oldest_first, "the newest before a passage are the likeliest"


def test_wards_of_others_are_not_asked(connection: Connection) -> None:
    store_travel_times(connection, [FAR_PAIR])
    journey = begun(connection)
    question = question_of(connection, asked(connection, journey))
    assert question.gateways == ["dt-002"]
    assert [each.gateway for each in found(connection, journey).not_yours] == ["bx-001"]


def test_the_candidates_of_all_gateways_are_read(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 gateways may send 3,000, in the order in which they answer."""
    monkeypatch.setattr(candidates, "MAX_READ", 1)
    journey, _ = found_two(connection)
    assert len(found(connection, journey).candidates) == 2


# --- decisions ---


def test_a_decision_is_recorded_once_and_can_be_withdrawn(connection: Connection) -> None:
    journey, search = found_two(connection)
    first, key = journey.steps[0].id, MatchKey(search, "dt-002", 1)
    step = decide(connection, LAN, journey, first, key, StepStatus.REJECTED, NOW_MS)
    assert step == decide(connection, LAN, journey, first, key, StepStatus.REJECTED, NOW_MS)
    listed = found(connection, journey)
    assert [each.match.passage for each in listed.rejected] == [1]
    assert [each.match.passage for each in listed.candidates] == [2]
    confirmed = decide(connection, LAN, journey, first, key, StepStatus.CONFIRMED, NOW_MS)
    assert confirmed is not None
    journey = read(connection, journey.id)
    assert [each.match.passage for each in journey.route] == [412, 1]
    with pytest.raises(JourneyRefused):
        decide(connection, LAN, journey, first, key, StepStatus.REJECTED, NOW_MS)
    assert undo(connection, LAN, journey, confirmed, NOW_MS)
    assert not undo(connection, LAN, read(connection, journey.id), confirmed, NOW_MS)
    log = connection.scalars(select(tables.access.c.what).order_by(tables.access.c.id)).all()
    assert log[-3:] == ["journey-rejected", "journey-confirmed", "journey-undone"]


def confirmed_one(connection: Connection) -> tuple[Journey, int, MatchKey]:
    """A journey with a confirmed step, the step, and a candidate that was found from it."""
    journey, search = found_two(connection)
    key = MatchKey(search, "dt-002", 1)
    step = decide(connection, LAN, journey, journey.steps[0].id, key, StepStatus.CONFIRMED, NOW_MS)
    assert step is not None
    journey = read(connection, journey.id)
    question = NeighbourQuestion(step=step, way=Way.FORWARD, reach_m=1200.0)
    search = ask_neighbours(connection, LAN, journey, journey.steps[-1], question, NOW_MS, Names())
    row = passage(3, start="2026-11-27T11:36:30.000Z", camera="cam-2")
    record_answers(connection, [answer("dt-001", command_of(connection, search, "dt-001"), row)], NOW_MS)
    return read(connection, journey.id), step, MatchKey(search, "dt-001", 3)


def test_a_step_from_which_a_colleague_has_gone_on_is_not_undone(connection: Connection) -> None:
    """The page was read before the colleague confirmed."""
    before, step, candidate = confirmed_one(connection)
    assert decide(connection, LAN, before, step, candidate, StepStatus.CONFIRMED, NOW_MS) is not None
    with pytest.raises(JourneyRefused):
        undo(connection, LAN, before, step, NOW_MS)
    assert [each.match.passage for each in read(connection, before.id).route] == [412, 1, 3]


def test_nothing_is_confirmed_from_a_step_that_a_colleague_has_undone(connection: Connection) -> None:
    before, step, candidate = confirmed_one(connection)
    assert undo(connection, LAN, before, step, NOW_MS)
    assert decide(connection, LAN, before, step, candidate, StepStatus.CONFIRMED, NOW_MS) is None
    assert [each.match.passage for each in read(connection, before.id).route] == [412]


def test_two_officers_at_once_lose_no_ward(database: Database) -> None:
    """Who sees a journey is decided by its wards."""
    connections = DatabaseConnections(database)
    with connections.writing() as connection:
        found_city(connection)
        journey = begun(connection)

    def change() -> None:
        with connections.writing() as other:
            note_change(other, journey, ["tran-lam"], NOW_MS)

    second = Thread(target=change)
    with connections.writing() as connection:
        note_change(connection, journey, ["bo-xuyen"], NOW_MS)
        second.start()
        second.join(0.5)  # it waits for this transaction
    second.join()
    with connections.reading() as connection:
        wards = connection.scalar(select(tables.journey.c.wards))
    connections.close()
    assert wards == "bo-xuyen de-tham tran-lam"


def test_a_journey_is_bounded(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    journey, search = found_two(connection)
    monkeypatch.setattr(journeys, "MAX_STEPS", 1)
    first, key = journey.steps[0].id, MatchKey(search, "dt-002", 1)
    with pytest.raises(JourneyRefused):
        decide(connection, LAN, journey, first, key, StepStatus.CONFIRMED, NOW_MS)
    monkeypatch.setattr(journeys, "MAX_PER_HOUR", 1)
    with pytest.raises(TooManySearches):
        begin_journey(connection, LAN, key, NOW_MS)


def test_who_sees_a_journey(connection: Connection) -> None:
    journey = begun(connection)
    others = {
        "minh": (EVERYWHERE, True),
        "son": (Scope(frozenset({"de-tham"})), True),
        "hoa": (Scope(frozenset({"bo-xuyen"})), False),
        "lan": (Scope(frozenset()), True),  # the author
    }
    for name, (scope, sees) in others.items():
        author = SearchAuthor(name, "::1", scope)
        assert (read_journey(connection, author, journey.id) is not None) is sees, name
        assert bool(journeys.list_journeys(connection, author)) is sees, name


# --- deletion ---


def test_a_journey_is_deleted_after_its_last_change_unless_its_case_is_open(connection: Connection) -> None:
    (plan,) = [
        each for each in make_plans(Retention(), [], NOW_MS, 12) if each.what is DeletionTarget.JOURNEY
    ]
    assert plan.rule == "search.days: 12"
    journey, search = found_two(connection)
    key = MatchKey(search, "dt-002", 1)
    decide(connection, LAN, journey, journey.steps[0].id, key, StepStatus.CONFIRMED, NOW_MS + 5)
    case = {"number": "7/2026", "owner": "lan", "wards": "de-tham", "opened_ms": 1}
    connection.execute(insert(tables.case_file), case | {"item_count": 0, "bytes": 0, "changes": 0})

    def deleted(before_ms: int) -> tuple[int, int]:
        batch = delete_old(connection, DeletionTarget.JOURNEY, before_ms, None, 200)
        return len(batch.gone_ms), batch.on_hold

    assert deleted(NOW_MS + 5) == (0, 0), "it changed"
    assert deleted(NOW_MS + 6) == (0, 1), "its case is open"
    connection.execute(update(tables.case_file).values(closed_ms=2))
    assert deleted(NOW_MS + 6) == (1, 0)
    for table in (tables.journey, tables.journey_step, tables.journey_search):
        assert connection.execute(select(table)).all() == []


def test_a_correction_of_the_clock_moves_the_times_of_journeys(connection: Connection) -> None:
    journey, search = found_two(connection)
    key = MatchKey(search, "dt-002", 1)
    decide(connection, LAN, journey, journey.steps[0].id, key, StepStatus.CONFIRMED, NOW_MS + 5)
    correction = Correction(-DAY_MS, NOW_MS - 1)
    shift_times(connection, correction, ["bo-xuyen"], exclusive_database=False)
    assert read(connection, journey.id).made_ms == NOW_MS, "of another centre"
    shift_times(connection, correction, ["de-tham"], exclusive_database=False)
    moved = read(connection, journey.id)
    assert (moved.made_ms, moved.changed_ms) == (NOW_MS - DAY_MS, NOW_MS + 5 - DAY_MS)
    assert [each.decided_ms for each in moved.steps] == [NOW_MS - DAY_MS, NOW_MS + 5 - DAY_MS]
    assert [each.asked_ms for each in moved.searches] == [NOW_MS - DAY_MS]
