"""Officers, and a search with a match and its picture."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, select, update

from edge_central.cases import exports
from edge_central.cases.facts import as_facts, facts_of_match
from edge_central.cases.items import add_item
from edge_central.cases.model import AddedItem, CaseAuthor, CaseItemKind, NewCaseItem, PictureReference
from edge_central.searches.answers import record_answers
from edge_central.searches.match_pictures import open_picture
from edge_central.searches.sheet import read_match
from edge_central.store import tables
from edge_central.store.case_folder import CaseFolder
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.parts import JPEG
from tests.edge_central.searches import parts
from tests.edge_central.searches.parts import NOW_MS, answer, ask, command_of, passage, picture_reply

LAN = CaseAuthor("lan", "::1", Scope(frozenset({"de-tham"})))
HOA = CaseAuthor("hoa", "::1", Scope(frozenset({"de-tham", "bo-xuyen"})))
TUAN = CaseAuthor("tuan", "::1", Scope(frozenset({"bo-xuyen"})))
ADMIN = CaseAuthor("minh", "::1", EVERYWHERE, is_admin=True)
NUMBER = "7/2026"


def found(connection: Connection, gateway: str = "dt-001", number: int = 1, **changes: Any) -> str:
    """A search that has found a passage."""
    search = ask(connection)
    reply = answer(gateway, command_of(connection, search, gateway), passage(number, **changes), total=1)
    record_answers(connection, [reply], NOW_MS)
    return search


def item_of(connection: Connection, search: str, gateway: str = "dt-001", number: int = 1) -> NewCaseItem:
    match = read_match(connection, parts.OF_ALL, search, gateway, number)
    assert match is not None
    return NewCaseItem(
        kind=CaseItemKind.PASSAGE,
        source=f"passage {gateway}/{number}",
        at_ms=match.start_ms,
        wards=frozenset({match.ward}),
        facts=as_facts(facts_of_match(match, "Chợ Bo", "Cổng 1")),
        gateway=gateway,
        camera=match.camera,
        search=search,
        pictures=(PictureReference(search, gateway, number),),
    )


def added(
    connection: Connection,
    author: CaseAuthor = LAN,
    case: str = NUMBER,
    gateway: str = "dt-001",
    number: int = 1,
    now_ms: int = NOW_MS,
) -> AddedItem:
    """A passage of a new search in a case; its picture has not been opened."""
    item = item_of(connection, found(connection, gateway, number), gateway, number)
    return add_item(connection, author, case, item, now_ms)


def open_and_receive(
    connection: Connection, search: str, gateway: str = "dt-001", number: int = 1, jpeg: bytes = JPEG
) -> None:
    """An administrator opens the picture, and the gateway sends it."""
    assert open_picture(connection, parts.ADMIN, parts.OF_ALL, search, gateway, number, NOW_MS) is not None
    columns = tables.search_picture.c
    command = connection.scalar(select(columns.command).where(columns.search == search))
    connection.execute(update(tables.search_picture).values(sends=1))
    path = {str(number): [[0.1, 0.5, 0.0], [0.6, 0.5, 4.5]]}
    record_answers(connection, [picture_reply(gateway, str(command), number, jpeg, paths=path)], NOW_MS)


NO_FILES = CaseFolder(Path("/nonexistent"))
"""Of cases without clips."""


def ask_export(
    connection: Connection,
    author: CaseAuthor,
    case_id: int,
    wards: Collection[str],
    now_ms: int,
    folder: CaseFolder = NO_FILES,
    *,
    redacted: bool = False,
) -> int | None:
    """As the page asks for one, in one transaction."""
    ward = exports.record_export(connection, author, case_id, wards, now_ms)
    if ward is None:
        return None
    asked = (connection, folder, author, case_id, ward, now_ms)
    row = exports.read_export(*asked, redacted=redacted)
    return None if row is None else exports.store_export(connection, folder, row)


def read_zip(
    connection: Connection, author: CaseAuthor, case_id: int, export: int, folder: CaseFolder | None = None
) -> bytes | None:
    """The bytes of a signed export."""
    with TemporaryDirectory() as temporary:
        of_cases = folder or CaseFolder(Path(temporary))
        zipped = exports.open_zip(connection, author, case_id, export, of_cases)
        if zipped is None:
            return None
        with zipped:
            return zipped.read()


def accesses(connection: Connection, case: str = NUMBER) -> list[tuple[str, str]]:
    """Account and kind of the accesses to a case, without searches and their pictures."""
    columns = tables.access.c
    query = select(columns.account, columns.what).where(columns.case_number == case).order_by(columns.id)
    rows = connection.execute(query.where(columns.what.not_in(("search", "passage"))))
    return [(row.account, row.what) for row in rows]
