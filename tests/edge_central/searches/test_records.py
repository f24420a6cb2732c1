"""What the console and the API store and read: scopes, limits, places, pairs, pictures, access log."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, func, select

from edge_central.console.site_names import Names, SiteNames
from edge_central.searches import match_pictures, new_search, records
from edge_central.searches.answers import record_answers
from edge_central.searches.model import (
    AnswerStatus,
    PictureStatus,
    SearchAuthor,
    SearchesUnavailable,
    SearchKeyRecord,
    SearchReader,
    TooManySearches,
)
from edge_central.searches.question import InvalidQuestion
from edge_central.searches.report import month_bounds, searches_between
from edge_central.searches.sheet import ContactSheet, oldest_matches, read_match, read_sheet
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.database import write_record
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.searches.parts import (
    ADMIN,
    HOUR_MS,
    LAN,
    NOW_MS,
    OF_ALL,
    OF_LAN,
    answer,
    ask,
    command_of,
    found_city,
    passage,
    picture_reply,
    question,
)

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def asked_gateways(connection: Connection, search: str, scope: Scope = EVERYWHERE) -> list[str]:
    view = records.read_search(connection, SearchReader(scope, None), search)
    return [] if view is None else [each.gateway for each in view.answers]


def test_a_search_is_on_record_before_anything_is_sent(connection: Connection) -> None:
    search = ask(connection, LAN)
    row = connection.execute(select(tables.access)).one()
    assert (row.what, row.account, row.address, row.search) == ("search", "lan", "::1", search)
    assert (row.purpose, row.case_number, row.gateways) == ("theft of a motorcycle", "7/2026", 2)
    view = records.read_search(connection, OF_LAN, search)
    assert view is not None
    assert (view.asked, view.answered, view.is_open, view.wards) == (2, 0, True, ("de-tham",))
    assert {each.status for each in view.answers} == {AnswerStatus.WAITING}


def test_a_wards_account_reaches_its_ward_only(connection: Connection) -> None:
    assert asked_gateways(connection, ask(connection, LAN)) == ["dt-001", "dt-002"]
    for filters in (
        {"wards": ["bo-xuyen"]},
        {"gateways": ["bx-001"]},
        {"cameras": ["bx-001/cam-1"]},
        {"gateways": ["dt-001"], "second": {"gateway": "bx-001"}},
        {"line": {"gateway": "bx-001", "camera": "cam-1", "from": [0, 0], "to": [1, 1]}},
    ):
        with pytest.raises(InvalidQuestion, match="you may not see it") as refused:
            ask(connection, LAN, **filters)
        assert refused.value.field == list(filters)[-1]
    citywide = ask(connection, ADMIN)
    assert asked_gateways(connection, citywide, LAN.scope) == ["dt-001", "dt-002"]
    record_answers(connection, [answer("bx-001", command_of(connection, citywide, "bx-001"), passage())], 1)
    of_ward = SearchReader(LAN.scope, None)
    assert records.read_matches(connection, of_ward, citywide) == []
    assert len(records.read_matches(connection, OF_ALL, citywide)) == 1
    assert match_pictures.open_picture(connection, LAN, of_ward, citywide, "bx-001", 1, NOW_MS) is None
    other = ask(connection, ADMIN, wards=["bo-xuyen"])
    assert records.read_search(connection, of_ward, other) is None
    assert other not in {each.id for each in records.list_searches(connection, of_ward)}


def test_a_colleague_of_the_ward_reads_nothing_of_a_search(connection: Connection) -> None:
    search, asked = ask(connection, LAN), question()
    command = command_of(connection, search, "dt-001")
    record_answers(connection, [answer("dt-001", command, passage(412))], NOW_MS)
    assert match_pictures.open_picture(connection, LAN, OF_LAN, search, "dt-001", 412, NOW_MS)
    colleague = SearchAuthor("hung", "::1", LAN.scope)
    of_colleague = SearchReader(LAN.scope, "hung")
    assert records.list_searches(connection, of_colleague) == []
    assert records.read_search(connection, of_colleague, search) is None
    assert records.read_matches(connection, of_colleague, search) == []
    assert read_sheet(connection, of_colleague, search, asked) == ContactSheet((), 0, None)
    assert oldest_matches(connection, of_colleague, search) == {}
    assert read_match(connection, of_colleague, search, "dt-001", 412) is None
    opening = (search, "dt-001", 412, NOW_MS)
    assert match_pictures.open_picture(connection, colleague, of_colleague, *opening) is None
    for reader in (OF_LAN, OF_ALL):
        assert [each.id for each in records.list_searches(connection, reader)] == [search]
        assert read_sheet(connection, reader, search, asked).count == 1
        assert read_match(connection, reader, search, "dt-001", 412) is not None


def test_a_page_with_rules_of_its_own_may_show_a_match_to_a_colleague(connection: Connection) -> None:
    """The colleague's access is on record under the own name; without it there is no picture."""
    search = ask(connection, LAN)
    command = command_of(connection, search, "dt-001")
    record_answers(connection, [answer("dt-001", command, passage(412))], NOW_MS)
    colleague, of_ward = SearchAuthor("hung", "::1", LAN.scope), SearchReader(LAN.scope, None)
    where = (search, "dt-001", 412)
    assert match_pictures.read_picture(connection, colleague, of_ward, *where) is None
    assert match_pictures.open_picture(connection, colleague, of_ward, *where, NOW_MS)
    assert match_pictures.read_picture(connection, colleague, of_ward, *where) is not None
    of_colleague = SearchReader(LAN.scope, "hung")
    assert match_pictures.read_picture(connection, colleague, of_colleague, *where) is None
    assert match_pictures.opened_pictures(connection, colleague, of_colleague, search) == []
    accesses = connection.execute(select(tables.access.c.account, tables.access.c.what)).all()
    assert [tuple(row) for row in accesses] == [("lan", "search"), ("hung", "passage")]


def test_places_narrow_each_other(connection: Connection) -> None:
    def places(**filters: Any) -> list[str]:
        return asked_gateways(connection, ask(connection, ADMIN, **filters))

    assert places(wards=["de-tham"]) == ["dt-001", "dt-002"]
    assert places(gateways=["dt-002"], cameras=["bx-001/cam-1"]) == ["bx-001", "dt-002"]
    assert places(circle={"latitude": 20.45, "longitude": 106.34, "radius_m": 1500}) == ["dt-001", "dt-002"]
    assert places(line={"gateway": "dt-001", "camera": "cam-1", "from": [0, 0], "to": [1, 1]}) == ["dt-001"]
    elsewhere = {"gateway": "dt-001", "camera": "cam-1", "from": [0, 0], "to": [1, 1]}
    with pytest.raises(InvalidQuestion, match="in that place"):
        places(line=elsewhere, gateways=["dt-002"])  # it asked every gateway of the account once
    with pytest.raises(InvalidQuestion, match="in that place"):
        places(circle={"latitude": 10.0, "longitude": 106.34, "radius_m": 1500})
    sheet = Names(sites={"bx-001": SiteNames(latitude=10.0, longitude=106.34)})
    asked = question(circle={"latitude": 10.0, "longitude": 106.34, "radius_m": 1500})
    search = new_search.start_search(connection, ADMIN, asked, NOW_MS, sheet)
    assert asked_gateways(connection, search) == ["bx-001"], "the sheet of the fleet counts first"


@pytest.mark.parametrize("gateway", ["bx-001", "no-such", "dt-002"])
def test_a_time_for_a_gateway_that_is_not_asked_is_refused(connection: Connection, gateway: str) -> None:
    window = {"gateway": gateway, "from_at": "2026-11-27T11:10:00Z", "to_at": "2026-11-27T11:20:00Z"}
    with pytest.raises(InvalidQuestion, match="does not ask") as refused:
        ask(connection, LAN, gateways=["dt-001"], windows=[window])
    assert refused.value.field == "windows"
    ask(connection, LAN, gateways=["dt-001"], windows=[window | {"gateway": "dt-001"}])


def test_without_a_key_nothing_is_asked(connection: Connection) -> None:
    write_record(connection, "search-key central", None)
    with pytest.raises(SearchesUnavailable):
        ask(connection)
    assert connection.scalar(select(func.count()).select_from(tables.search)) == 0
    record = SearchKeyRecord(key="ab", wards=["de-tham"])
    write_record(connection, "search-key north", record)
    view = records.read_search(connection, OF_ALL, ask(connection))
    assert view is not None
    assert {each.gateway: each.status for each in view.answers} == {
        "bx-001": AnswerStatus.FAILED,
        "dt-001": AnswerStatus.WAITING,
        "dt-002": AnswerStatus.WAITING,
    }


def test_an_account_that_hammers_is_bounded(connection: Connection) -> None:
    for number in range(new_search.MAX_OPEN):
        ask(connection, LAN, NOW_MS + number)
    with pytest.raises(TooManySearches):
        ask(connection, LAN, NOW_MS + HOUR_MS)
    ask(connection, ADMIN)
    later_ms = NOW_MS + 25 * HOUR_MS
    for number in range(new_search.MAX_OPEN):
        ask(connection, LAN, later_ms + number)
    with pytest.raises(TooManySearches) as refused:
        ask(connection, LAN, later_ms)
    assert refused.value.retry_after_s > 0


def test_pictures_of_an_hour_are_bounded(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match_pictures, "MAX_PICTURES_PER_HOUR", 2)
    search = ask(connection)
    command = command_of(connection, search, "dt-001")
    record_answers(connection, [answer("dt-001", command, *map(passage, range(3)))], NOW_MS)
    for number in range(2):
        match_pictures.open_picture(connection, ADMIN, OF_ALL, search, "dt-001", number, NOW_MS)
    with pytest.raises(TooManySearches):
        match_pictures.open_picture(connection, ADMIN, OF_ALL, search, "dt-001", 2, NOW_MS)


def test_matches_continue_after_a_cursor(connection: Connection) -> None:
    search = ask(connection)
    for gateway in ("dt-001", "bx-001"):
        command = command_of(connection, search, gateway)
        record_answers(connection, [answer(gateway, command, *map(passage, range(3)), total=70)], NOW_MS)
    first = records.read_matches(connection, OF_ALL, search, 0, 4)
    rest = records.read_matches(connection, OF_ALL, search, first[-1].cursor, 4)
    assert [(each.gateway, each.passage) for each in (*first, *rest)] == [
        *(("dt-001", number) for number in range(3)),
        *(("bx-001", number) for number in range(3)),
    ]
    view = records.read_search(connection, OF_ALL, search)
    assert view is not None
    assert (view.answered, view.total, view.newest_cursor) == (2, 140, rest[-1].cursor)
    (line,) = records.list_searches(connection, SearchReader(EVERYWHERE, "minh"))
    assert (line.asked, line.answered, line.open, line.matches) == (3, 2, 1, 6)


def test_pairs_are_of_one_group_and_colour_and_in_time(connection: Connection) -> None:
    search = ask(connection, gateways=["dt-001"], second={"gateway": "bx-001", "within_min": 10})
    first = [
        passage(1),
        passage(2, group="person"),
        passage(3, colours={}),
        passage(4, start="2026-11-27T11:50:00.000Z"),
    ]
    second = [
        passage(11, start="2026-11-27T11:35:00.000Z"),
        passage(12, start="2026-11-27T11:25:00.000Z"),  # before the first
        passage(13, start="2026-11-27T11:41:00.000Z"),  # too late
        passage(14, start="2026-11-27T11:36:00.000Z", colours={"upper": ["blue", "black"]}),
        passage(15, start="2026-11-27T11:36:00.000Z", colours={"lower": ["blue"]}),
    ]
    record_answers(connection, [answer("dt-001", command_of(connection, search, "dt-001"), *first)], NOW_MS)
    assert records.read_matches(connection, OF_ALL, search) == [], "a first alone is no pair"
    command = command_of(connection, search, "bx-001", place=2)
    record_answers(connection, [answer("bx-001", command, *second)], NOW_MS)
    pairs = records.read_matches(connection, OF_ALL, search)
    found = {(each.passage, each.then.passage) for each in pairs if each.then is not None}
    assert found == {(1, 11), (1, 15), (3, 11), (3, 14), (3, 15)}
    again = records.read_matches(connection, OF_ALL, search, 0, 1)
    rest = records.read_matches(connection, OF_ALL, search, again[-1].cursor)
    assert len(again) + len(rest) == len(pairs)


def test_a_picture_is_shown_to_those_whose_access_is_on_record(connection: Connection) -> None:
    search = ask(connection)
    record_answers(
        connection, [answer("dt-001", command_of(connection, search, "dt-001"), passage(412))], NOW_MS
    )
    where = (search, "dt-001", 412)
    assert match_pictures.open_picture(connection, ADMIN, OF_ALL, *where, NOW_MS) is PictureStatus.ASKED
    row = connection.execute(select(tables.access).where(tables.access.c.what == "passage")).one()
    assert (row.account, row.gateway, row.camera, row.media_id) == ("minh", "dt-001", "cam-1", "412")
    assert (row.purpose, row.case_number, row.search) == ("theft of a motorcycle", "7/2026", search)
    command = str(connection.scalar(select(tables.search_picture.c.command)))
    path = {"412": [[0.1, 0.5, 0.0], [0.9, 0.5, 3.0], [7, 0.5, 3.0]]}
    record_answers(connection, [picture_reply("dt-001", command, 412, paths=path)], NOW_MS)
    found = match_pictures.read_picture(connection, ADMIN, OF_ALL, *where)
    assert found is not None
    assert (found.status, found.camera, found.sealed) == (PictureStatus.RECEIVED, "cam-1", False)
    assert found.path == ((0.1, 0.5, 0.0), (0.9, 0.5, 3.0)), "a point outside of the picture is dropped"
    assert found.jpeg is not None
    other = SearchAuthor("hoang", "::1", EVERYWHERE)
    assert match_pictures.read_picture(connection, other, OF_ALL, *where) is None, "she has not opened it"
    assert match_pictures.opened_pictures(connection, other, OF_ALL, search) == []
    assert match_pictures.open_picture(connection, other, OF_ALL, *where, NOW_MS) is PictureStatus.RECEIVED
    assert match_pictures.read_picture(connection, other, OF_ALL, *where) is not None
    (opened,) = match_pictures.opened_pictures(connection, other, OF_ALL, search)
    assert (opened.passage, opened.jpeg) == (412, None)


def test_the_report_counts_by_user(connection: Connection) -> None:
    search = ask(connection, LAN)
    ask(connection, LAN, case="8/2026")
    ask(connection, ADMIN, NOW_MS - 40 * 24 * HOUR_MS)
    command = command_of(connection, search, "dt-001")
    record_answers(connection, [answer("dt-001", command, passage(1))], NOW_MS)
    for _ in range(2):
        match_pictures.open_picture(connection, LAN, OF_LAN, search, "dt-001", 1, NOW_MS)
    record_access(connection, AccessKind.REHEARSAL, "lan", "::1", NOW_MS, search="r1", gateways=1)
    (of_lan,) = searches_between(connection, *month_bounds("2026-11", ZONE))
    assert (of_lan.account, of_lan.searches, of_lan.cases) == ("lan", 2, ("7/2026", "8/2026"))
    assert (of_lan.gateways_asked, of_lan.pictures_opened, of_lan.rehearsals) == (5, 1, 1)
    first_ms, last_ms = month_bounds("2026-12", ZONE)
    assert (last_ms - first_ms) == 31 * 24 * HOUR_MS
    with pytest.raises(ValueError, match="unconverted"):
        month_bounds("2026-13", ZONE)


def test_a_removed_gateway_is_not_asked(connection: Connection) -> None:
    row = {"id": "dt-009", "ward": "de-tham", "first_ms": 1, "last_ms": 1, "heartbeat_ms": 1}
    connection.execute(tables.gateway.insert(), row)
    found_city(connection)
    assert "dt-009" not in asked_gateways(connection, ask(connection))
