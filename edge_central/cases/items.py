"""Adds items to cases, strikes items out, and copies the pictures of items when they arrive."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, insert, select, update

from edge_central.cases.files import find_case, open_case, record_case_access
from edge_central.cases.model import (
    MAX_CASE_BYTES,
    MAX_FACTS_BYTES,
    MAX_ITEM_PICTURES,
    MAX_ITEMS,
    MAX_WHY,
    AddedItem,
    CaseAuthor,
    CasePictureStatus,
    CaseRefused,
    CaseSummary,
    NewCaseItem,
    PictureReference,
)
from edge_central.searches.model import PictureStatus
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.accesses import AccessKind
from edge_central.store.database import conflict_insert

MAX_AT_ONCE = 25
"""Pictures copied in one transaction of the ingest; few, because an alarm waits for the end of the
transaction."""
_CASE, _ITEM, _PICTURE = tables.case_file.c, tables.case_item.c, tables.case_picture.c


def add_item(
    connection: Connection, author: CaseAuthor, number: str, item: NewCaseItem, now_ms: int
) -> AddedItem:
    """Add a copy to the case with this number, and record it. If there is no such case, open one.

    Pictures that the centre has are copied at once, others when they arrive. An item that the case already
    has is not added again. Raises CaseRefused: the caller must roll the transaction back.
    """
    facts = msgspec.json.encode(item.facts)
    if len(facts) > MAX_FACTS_BYTES or len(item.pictures) > MAX_ITEM_PICTURES:
        raise CaseRefused(problem_text("case-item-large", pictures=MAX_ITEM_PICTURES))
    case = open_case(connection, author, number, item.wards, now_ms)
    row = {
        "case_id": case.id,
        "kind": item.kind.value,
        "source": item.source,
        "at_ms": item.at_ms,
        "wards": " ".join(sorted(item.wards)),
        "gateway": item.gateway,
        "camera": item.camera,
        "search": item.search,
        "facts": facts,
        "added_ms": now_ms,
        "added_by": author.account,
    }
    insertion = conflict_insert(connection, tables.case_item).on_conflict_do_nothing()
    number_of_item = connection.scalar(insertion.returning(_ITEM.id), row)
    if number_of_item is None:
        same = (_ITEM.case_id == case.id, _ITEM.source == item.source, _ITEM.struck_ms.is_(None))
        return AddedItem(case.id, connection.scalar(select(_ITEM.id).where(*same)) or 0, is_new=False)
    _count(connection, case, item.wards, len(facts))
    _add_pictures(connection, case, number_of_item, item)
    more = {"search": item.search} if item.search else {}
    record_case_access(
        connection, AccessKind.CASE_ADD, author, case, now_ms, media_id=str(number_of_item), **more
    )
    return AddedItem(case.id, number_of_item, is_new=True)


def _count(connection: Connection, case: CaseSummary, wards: Iterable[str], size: int) -> None:
    """Count an item in the database, so that the limits hold also when two officers add items at the same
    moment. Raises CaseRefused."""
    within = (_CASE.item_count < MAX_ITEMS, _CASE.bytes + size <= MAX_CASE_BYTES, _CASE.closed_ms.is_(None))
    changed = (
        update(tables.case_file)
        .where(_CASE.id == case.id, *within)
        .values(item_count=_CASE.item_count + 1, bytes=_CASE.bytes + size, changes=_CASE.changes + 1)
    )
    if not connection.execute(changed).rowcount:
        raise CaseRefused(problem_text("case-full", items=MAX_ITEMS, mb=MAX_CASE_BYTES // 1_000_000))
    # The row is locked now, so it includes what another officer has just added.
    current = connection.scalar(select(_CASE.wards).where(_CASE.id == case.id)) or ""
    union = " ".join(sorted({*current.split(), *wards}))
    connection.execute(update(tables.case_file).where(_CASE.id == case.id).values(wards=union))


def _add_pictures(connection: Connection, case: CaseSummary, item: int, new: NewCaseItem) -> None:
    rows = [
        {
            "case_id": case.id,
            "item": item,
            "search": each.search,
            "gateway": each.gateway,
            "passage": each.passage,
            "status": CasePictureStatus.WAITING.value,
            "sealed": False,
        }
        for each in dict.fromkeys(new.pictures)
    ]
    if rows:
        connection.execute(insert(tables.case_picture), rows)
        take_pictures(connection, case.id)


def strike_item(
    connection: Connection, author: CaseAuthor, case_id: int, item: int, why: str, now_ms: int
) -> CaseSummary | None:
    """Strike an item out, with the reason; the item stays in the case. None: there is no such item, or it is
    already struck out. Raises CaseRefused without a reason, and for a closed case."""
    case, why = find_case(connection, author, case_id), " ".join(why.split())
    if case is None:
        return None
    if not 3 <= len(why) <= MAX_WHY:
        raise CaseRefused(problem_text("case-why", most=MAX_WHY))
    if not case.is_open:
        raise CaseRefused(problem_text("case-closed", case=case.number))
    which = (_ITEM.id == item, _ITEM.case_id == case_id, _ITEM.struck_ms.is_(None))
    struck = {"struck_ms": now_ms, "struck_by": author.account, "struck_why": why}
    if not connection.execute(update(tables.case_item).where(*which).values(**struck)).rowcount:
        return None
    note_case_changes(connection, [case_id])
    record_case_access(connection, AccessKind.CASE_STRIKE, author, case, now_ms, media_id=str(item))
    return case


# --- pictures that arrive ---

_ARRIVED = tables.search_picture.c
_SAME = and_(
    _ARRIVED.search == _PICTURE.search,
    _ARRIVED.gateway == _PICTURE.gateway,
    _ARRIVED.passage == _PICTURE.passage,
    _ARRIVED.status == PictureStatus.RECEIVED.value,
)
_WAITS = (_PICTURE.content.is_(None), _PICTURE.status == CasePictureStatus.WAITING.value)


def has_pictures_to_take(connection: Connection) -> bool:
    """Return whether a picture has arrived for which a case waits."""
    query = select(_PICTURE.id).join(tables.search_picture, _SAME).where(*_WAITS).limit(1)
    return connection.scalar(query) is not None


def take_pictures(connection: Connection, case_id: int | None = None) -> int:
    """Copy the pictures that have arrived into the items that wait for them, of one case or of all cases.
    Return how many were copied."""
    names = ("jpeg", "sealed", "path", "received_ms")
    query = (
        select(_PICTURE.id, _PICTURE.case_id, *(_ARRIVED[name].label(f"new_{name}") for name in names))
        .join(tables.search_picture, _SAME)
        .where(*_WAITS)
    )
    if case_id is not None:
        query = query.where(_PICTURE.case_id == case_id)
    rows = connection.execute(query.order_by(_PICTURE.id).limit(MAX_AT_ONCE)).all()
    for row in rows:
        _take(connection, row)
    note_case_changes(connection, sorted({row.case_id for row in rows}))
    return len(rows)


def _take(connection: Connection, row: Any) -> None:
    size = len(row.new_jpeg or b"")
    counted = update(tables.case_file).where(_CASE.id == row.case_id, _CASE.bytes + size <= MAX_CASE_BYTES)
    fits = connection.execute(counted.values(bytes=_CASE.bytes + size)).rowcount > 0
    values: dict[str, Any] = {"status": CasePictureStatus.TOO_LARGE.value}
    if fits:
        values = {
            "status": CasePictureStatus.RECEIVED.value,
            "sha256": hashlib.sha256(row.new_jpeg or b"").hexdigest(),
            "bytes": size,
            "sealed": row.new_sealed,
            "content": row.new_jpeg or b"",
            "path": row.new_path,
            "received_ms": row.new_received_ms,
        }
    connection.execute(update(tables.case_picture).where(_PICTURE.id == row.id).values(**values))


def note_case_changes(connection: Connection, cases: Iterable[int]) -> None:
    """Count a change of these cases, so that open pages of them load again."""
    named = _CASE.id.in_(list(cases))
    connection.execute(update(tables.case_file).where(named).values(changes=_CASE.changes + 1))


def find_picture(connection: Connection, case_id: int, picture: int) -> PictureReference | None:
    """Return the search's picture of which this picture of the case is a copy."""
    which = (_PICTURE.id == picture, _PICTURE.case_id == case_id)
    row = connection.execute(select(tables.case_picture).where(*which)).first()
    return None if row is None else PictureReference(row.search, row.gateway, row.passage)


def record_file_access(
    connection: Connection, author: CaseAuthor, case: CaseSummary, file: int, now_ms: int
) -> None:
    """Record in the access log that a file of the case is opened. The caller must commit before it sends the
    file."""
    record_case_access(connection, AccessKind.CASE_FILE, author, case, now_ms, media_id=str(file))


def read_content(connection: Connection, case_id: int, picture: int) -> bytes | None:
    """Return the bytes of a picture. The caller must have checked that the account may see the case, and
    recorded the access."""
    which = (_PICTURE.id == picture, _PICTURE.case_id == case_id)
    return connection.scalar(select(_PICTURE.content).where(*which))
