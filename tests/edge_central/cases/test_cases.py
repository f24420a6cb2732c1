"""Cases: who may see and change one, what it keeps, its limits, and that everything is on record."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import Connection, select, update

from edge_central.cases import files, items
from edge_central.cases.facts import passages_of
from edge_central.cases.model import (
    MAX_CASE_BYTES,
    MAX_FACTS_BYTES,
    MAX_ITEM_PICTURES,
    MAX_ITEMS,
    CaseAuthor,
    CasePictureStatus,
    CaseRefused,
    PictureReference,
)
from edge_central.retention.deletion_plans import DAY_MS, make_plans
from edge_central.retention.operator_records import delete_old
from edge_central.searches.passage_holds import ask_hold, read_hold
from edge_central.settings import Retention
from edge_central.store import tables
from edge_central.store.scope import EVERYWHERE, Scope
from edge_central.trusted_time.clock import Correction
from edge_central.trusted_time.clock_store import shift_times
from tests.edge_central.cases.parts import (
    ADMIN,
    HOA,
    LAN,
    NUMBER,
    TUAN,
    accesses,
    added,
    found,
    item_of,
    open_and_receive,
)
from tests.edge_central.parts import JPEG
from tests.edge_central.searches.parts import ADMIN as ASKED_BY
from tests.edge_central.searches.parts import NOW_MS, OF_ALL, WARDS

APART = partial(unicodedata.normalize, "NFD")  # each diacritic a character of its own, as on a Mac
NEXT_MS = NOW_MS + 60_000


def test_the_first_item_opens_the_case_and_is_on_record(connection: Connection) -> None:
    new = added(connection, LAN, "  7/2026\n")
    case = files.read_case(connection, LAN, new.case_id)
    assert case is not None
    assert (case.summary.number, case.summary.owner, case.summary.wards) == (NUMBER, "lan", ("de-tham",))
    (item,) = case.items
    assert (item.id, item.added_by, item.added_ms) == (new.item, "lan", NOW_MS)
    (facts,) = passages_of(item.facts)
    assert (facts.gateway, facts.site, facts.colours) == ("dt-001", "Chợ Bo", {"upper": ["red"]})
    assert accesses(connection) == [("lan", "case-add")]


def test_a_number_is_the_same_case_however_a_keyboard_sends_its_letters(connection: Connection) -> None:
    number = "Vụ trộm 7/2026"
    assert added(connection, case=number).case_id == added(connection, case=APART(number)).case_id
    assert files.find_numbered(connection, LAN, APART(number)) is not None


def test_an_item_is_in_a_case_once(connection: Connection) -> None:
    item = item_of(connection, found(connection))
    first = items.add_item(connection, LAN, NUMBER, item, NOW_MS)
    again = items.add_item(connection, HOA, NUMBER, item, NEXT_MS)
    assert (again.item, again.is_new) == (first.item, False)
    assert items.strike_item(connection, HOA, first.case_id, first.item, "wrong object", NEXT_MS)
    assert items.add_item(connection, HOA, NUMBER, item, NEXT_MS).is_new


@pytest.mark.parametrize(
    ("author", "sees"),
    [
        (LAN, True),  # the owner
        (HOA, True),  # her wards cover those of the case
        (ADMIN, True),
        (TUAN, False),  # of another ward
        (replace(LAN, account="linh", scope=Scope(frozenset())), False),
    ],
    ids=["owner", "covering", "administrator", "other ward", "no ward"],
)
def test_who_sees_a_case(connection: Connection, author: CaseAuthor, sees: bool) -> None:
    new = added(connection)
    assert (files.read_case(connection, author, new.case_id) is not None) == sees
    assert bool(files.list_cases(connection, author)) == sees
    assert (files.find_numbered(connection, author, NUMBER) is not None) == sees
    assert (files.close_case(connection, author, new.case_id, NEXT_MS) is not None) == sees


def test_a_case_with_a_ward_of_others_is_hidden_from_who_covers_only_one(connection: Connection) -> None:
    new = added(connection, HOA)
    assert files.find_case(connection, LAN, new.case_id) is not None
    added(connection, HOA, gateway="bx-001")
    case = files.find_case(connection, HOA, new.case_id)
    assert case is not None
    assert case.wards == ("bo-xuyen", "de-tham")
    assert files.find_case(connection, LAN, new.case_id) is None


def test_nothing_of_a_foreign_ward_or_for_a_foreign_case_is_added(connection: Connection) -> None:
    with pytest.raises(CaseRefused, match="wards that you may not see"):
        added(connection, LAN, gateway="bx-001")
    added(connection, LAN)
    with pytest.raises(CaseRefused, match="belongs to others"):
        added(connection, TUAN, gateway="bx-001")


@pytest.mark.parametrize("number", ["", " \n", "x" * 101])
def test_a_case_has_a_number(connection: Connection, number: str) -> None:
    with pytest.raises(CaseRefused, match="1 to 100 characters"):
        added(connection, LAN, number)


def test_a_struck_item_stays_with_the_reason(connection: Connection) -> None:
    new = added(connection)
    with pytest.raises(CaseRefused, match="give a reason"):
        items.strike_item(connection, LAN, new.case_id, new.item, " ", NEXT_MS)
    assert items.strike_item(connection, TUAN, new.case_id, new.item, "not mine", NEXT_MS) is None
    assert items.strike_item(connection, LAN, new.case_id, new.item, "another bike", NEXT_MS)
    assert items.strike_item(connection, LAN, new.case_id, new.item, "once more", NEXT_MS) is None
    case = files.read_case(connection, LAN, new.case_id)
    assert case is not None
    (item,) = case.items
    assert (item.struck_ms, item.struck_by, item.struck_why) == (NEXT_MS, "lan", "another bike")
    assert accesses(connection)[1:] == [("lan", "case-strike")]


def test_a_closed_case_takes_nothing_until_it_is_reopened(connection: Connection) -> None:
    new = added(connection)
    closed = files.close_case(connection, LAN, new.case_id, NEXT_MS)
    assert closed is not None
    assert (closed.closed_ms, closed.closed_by) == (NEXT_MS, "lan")
    with pytest.raises(CaseRefused, match="is closed"):
        added(connection, number=2)
    with pytest.raises(CaseRefused, match="is closed"):
        items.strike_item(connection, LAN, new.case_id, new.item, "another bike", NEXT_MS)
    assert [each.id for each in files.list_cases(connection, LAN, closed=True)] == [new.case_id]
    assert files.list_cases(connection, LAN, closed=False) == []
    files.reopen_case(connection, ADMIN, new.case_id, NEXT_MS)
    assert added(connection, number=2).is_new
    assert accesses(connection)[1:3] == [("lan", "case-close"), ("minh", "case-reopen")]


def test_an_opened_picture_is_copied_at_once(connection: Connection) -> None:
    search = found(connection)
    open_and_receive(connection, search)
    new = items.add_item(connection, LAN, NUMBER, item_of(connection, search), NOW_MS)
    (picture,) = files.read_pictures(connection, new.case_id)[new.item]
    assert picture.status is CasePictureStatus.RECEIVED
    assert picture.path == ((0.1, 0.5, 0.0), (0.6, 0.5, 4.5))
    assert items.read_content(connection, new.case_id, picture.id) == JPEG


def test_a_picture_that_is_opened_later_is_taken_when_it_arrives(connection: Connection) -> None:
    search = found(connection)
    new = items.add_item(connection, LAN, NUMBER, item_of(connection, search), NOW_MS)
    assert not items.has_pictures_to_take(connection)
    (picture,) = files.read_pictures(connection, new.case_id)[new.item]
    assert picture.status is CasePictureStatus.WAITING
    open_and_receive(connection, search)
    assert items.has_pictures_to_take(connection)
    assert items.take_pictures(connection) == 1
    assert not items.has_pictures_to_take(connection)
    assert items.read_content(connection, new.case_id, picture.id) == JPEG


def test_a_picture_that_does_not_fit_is_named_as_such(connection: Connection) -> None:
    search = found(connection)
    new = items.add_item(connection, LAN, NUMBER, item_of(connection, search), NOW_MS)
    connection.execute(update(tables.case_file).values(bytes=MAX_CASE_BYTES - 10))
    open_and_receive(connection, search)
    items.take_pictures(connection)
    (picture,) = files.read_pictures(connection, new.case_id)[new.item]
    assert (picture.status, picture.bytes) == (CasePictureStatus.TOO_LARGE, None)
    assert not items.has_pictures_to_take(connection)


@pytest.mark.parametrize("values", [{"item_count": MAX_ITEMS}, {"bytes": MAX_CASE_BYTES - 100}])
def test_a_case_has_limits(connection: Connection, values: dict[str, int]) -> None:
    added(connection)
    connection.execute(update(tables.case_file).values(**values))
    with pytest.raises(CaseRefused, match="the case is full"):
        added(connection, number=2)


def test_an_item_has_limits(connection: Connection) -> None:
    item = item_of(connection, found(connection))
    many = tuple(PictureReference("ab", "dt-001", each) for each in range(MAX_ITEM_PICTURES + 1))
    for large in (replace(item, facts={"x": "a" * MAX_FACTS_BYTES}), replace(item, pictures=many)):
        with pytest.raises(CaseRefused, match="too large"):
            items.add_item(connection, LAN, NUMBER, large, NOW_MS)
    assert connection.scalar(select(tables.case_file.c.id)) is None


def test_an_account_has_a_limit_of_open_cases(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_OPEN_CASES", 1)
    new = added(connection)
    with pytest.raises(CaseRefused, match="1 of your cases are open"):
        added(connection, case="8/2026")
    files.close_case(connection, LAN, new.case_id, NEXT_MS)
    assert added(connection, case="8/2026").is_new


def test_a_closed_case_is_deleted_after_its_days_with_all_that_is_in_it(connection: Connection) -> None:
    kept, closed = added(connection, case="8/2026"), added(connection, number=2)
    files.close_case(connection, LAN, closed.case_id, NEXT_MS)
    (plan,) = [each for each in make_plans(Retention(), [], NEXT_MS + DAY_MS, 30, 1) if each.what == "case"]
    assert (plan.rule, plan.before_ms) == ("cases.days: 1", NEXT_MS)
    early = delete_old(connection, plan.what, NEXT_MS, None, 200)
    assert early.gone_ms == []
    batch = delete_old(connection, plan.what, NEXT_MS + 1, None, 200)
    assert batch.gone_ms == [NEXT_MS]
    for table in (tables.case_item, tables.case_picture):
        assert set(connection.scalars(select(table.c.case_id))) == {kept.case_id}
    assert list(connection.scalars(select(tables.case_file.c.id))) == [kept.case_id]
    assert added(connection, HOA).is_new, "the number is free again"


def test_a_correction_of_the_clock_moves_the_times_of_cases_and_holds(connection: Connection) -> None:
    new = added(connection)
    files.close_case(connection, LAN, new.case_id, NEXT_MS)
    search = found(connection, number=2)
    ask_hold(connection, ASKED_BY, OF_ALL, search, "dt-001", 2, 90, NOW_MS)
    shift_times(connection, Correction(-DAY_MS, NOW_MS - 1), WARDS, exclusive_database=True)
    case = files.read_case(connection, LAN, new.case_id)
    assert case is not None
    assert (case.summary.opened_ms, case.summary.closed_ms) == (NOW_MS - DAY_MS, NEXT_MS - DAY_MS)
    assert case.items[0].added_ms == NOW_MS - DAY_MS
    hold = read_hold(connection, EVERYWHERE, "dt-001", 2)
    assert hold is not None
    assert (hold.asked_ms, hold.until_ms) == (NOW_MS - DAY_MS, NOW_MS + 89 * DAY_MS)
