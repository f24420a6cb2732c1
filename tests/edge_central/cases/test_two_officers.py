"""Two officers work on one case at the same time, each in transactions of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import select

from edge_central.cases import files, items
from edge_central.cases.model import CaseAuthor, NewCaseItem
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.database import DatabaseConnections
from tests.edge_central.cases.parts import ADMIN, HOA, LAN, NUMBER, found, item_of
from tests.edge_central.searches.parts import NOW_MS, found_city

ITEMS = 8


def test_both_open_the_same_case_and_nothing_is_lost_or_doubled(database: Database) -> None:
    connections, together = DatabaseConnections(database), Barrier(2)
    with connections.writing() as connection:
        found_city(connection)
        offered = [item_of(connection, found(connection, number=n), number=n) for n in range(1, ITEMS + 1)]

    def add(author: CaseAuthor, some: list[NewCaseItem]) -> list[bool]:
        new = []
        for item in some:
            together.wait(30)
            with connections.writing() as connection:
                new.append(items.add_item(connection, author, NUMBER, item, NOW_MS).is_new)
        return new

    with ThreadPoolExecutor(2) as threads:
        # The second half is offered by both, in the same order.
        by_lan = threads.submit(add, LAN, offered[: ITEMS // 2] + offered[ITEMS // 2 :])
        by_hoa = threads.submit(add, HOA, offered[ITEMS // 2 :] + offered[ITEMS // 2 :])
        new = by_lan.result(60) + by_hoa.result(60)
    with connections.reading() as connection:
        (case,) = files.list_cases(connection, ADMIN)
        view = files.read_case(connection, ADMIN, case.id)
        facts = connection.scalars(select(tables.case_item.c.facts)).all()
    connections.close()
    assert view is not None
    assert sorted(item.source for item in view.items) == [f"passage dt-001/{n}" for n in range(1, ITEMS + 1)]
    assert (sum(new), case.item_count, case.bytes) == (ITEMS, ITEMS, sum(map(len, facts)))
