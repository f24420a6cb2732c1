"""Opens, lists, reads and closes cases: functions of a connection, for the console, the API and the command.

An account sees its own cases, and cases of which it may see all wards; administrators see all cases. For a
case that the account may not see, the functions answer as if it did not exist.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from edge_central.cases.model import (
    MAX_NUMBER,
    MAX_OPEN_CASES,
    AttachmentKind,
    CaseAttachment,
    CaseAuthor,
    CaseItem,
    CaseItemKind,
    CasePicture,
    CasePictureStatus,
    CaseRefused,
    CaseSummary,
    CaseView,
)
from edge_central.searches.question import one_spelling
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.database import conflict_insert

MAX_LISTED = 200
_CASE = tables.case_file.c


def normalised_number(text: str) -> str:
    """Return a case number as searches store it. Raises CaseRefused."""
    number = one_spelling(text)
    if not 1 <= len(number) <= MAX_NUMBER:
        raise CaseRefused(problem_text("case-number", most=MAX_NUMBER))
    return number


def open_case(
    connection: Connection, author: CaseAuthor, number: str, wards: Iterable[str], now_ms: int
) -> CaseSummary:
    """Return the open case with this number; if there is none, open one for the account. Raises CaseRefused
    for another account's case, a closed case, too many open cases, and wards that neither the account may see
    nor the case has."""
    number, wards = normalised_number(number), sorted(set(wards))
    found = _by_number(connection, number)
    shared = found.wards if found is not None and may_see(author, found) else ()
    if not wards or not all(author.scope.admits(ward) or ward in shared for ward in wards):
        raise CaseRefused(problem_text("case-not-yours", case=number))
    if found is None:
        _check_open_cases(connection, author.account)
        row = {
            "number": number,
            "owner": author.account,
            "wards": " ".join(wards),
            "opened_ms": now_ms,
            "item_count": 0,
            "bytes": 0,
            "changes": 0,
        }
        # Another officer may open the same number at the same time.
        connection.execute(conflict_insert(connection, tables.case_file).on_conflict_do_nothing(), row)
        found = _by_number(connection, number)
    if found is None or not may_see(author, found):
        raise CaseRefused(problem_text("case-not-yours", case=number))
    if not found.is_open:
        raise CaseRefused(problem_text("case-closed", case=number))
    return found


def _check_open_cases(connection: Connection, account: str) -> None:
    query = select(func.count()).select_from(tables.case_file)
    count = connection.scalar(query.where(_CASE.owner == account, _CASE.closed_ms.is_(None))) or 0
    if count >= MAX_OPEN_CASES:
        raise CaseRefused(problem_text("case-too-many", cases=count))


def may_see(author: CaseAuthor, case: CaseSummary) -> bool:
    covered = bool(case.wards) and all(author.scope.admits(ward) for ward in case.wards)
    return author.is_admin or case.owner == author.account or covered


def find_case(connection: Connection, author: CaseAuthor, case_id: int) -> CaseSummary | None:
    """Return the case; None: there is none that the account may see."""
    row = connection.execute(select(tables.case_file).where(_CASE.id == case_id)).first()
    found = None if row is None else _summary(row)
    return found if found is not None and may_see(author, found) else None


def find_numbered(connection: Connection, author: CaseAuthor, number: str) -> CaseSummary | None:
    """Return the case with this number. None: there is none that the account may see."""
    found = _by_number(connection, one_spelling(number))
    return found if found is not None and may_see(author, found) else None


def list_cases(
    connection: Connection, author: CaseAuthor, *, closed: bool | None = None, most: int = MAX_LISTED
) -> list[CaseSummary]:
    """Return the cases that the account may see, the newest first. ``closed``: only closed (True) or only
    open (False) cases."""
    query = select(tables.case_file).order_by(_CASE.opened_ms.desc(), _CASE.id.desc())
    if closed is not None:
        query = query.where(_CASE.closed_ms.is_not(None) if closed else _CASE.closed_ms.is_(None))
    found = []
    for row in connection.execute(query):
        case = _summary(row)
        if may_see(author, case):
            found.append(case)
        if len(found) == most:
            break
    return found


def read_case(connection: Connection, author: CaseAuthor, case_id: int) -> CaseView | None:
    """Return a case with its items by time. None: there is none that the account may see."""
    summary = find_case(connection, author, case_id)
    if summary is None:
        return None
    columns = tables.case_item.c
    query = select(tables.case_item).where(columns.case_id == case_id).order_by(columns.at_ms, columns.id)
    pictures, attachments = read_pictures(connection, case_id), read_attachments(connection, case_id)
    rows = connection.execute(query)
    return CaseView(summary, tuple(_item(row, pictures, attachments) for row in rows))


def read_pictures(connection: Connection, case_id: int) -> dict[int, list[CasePicture]]:
    """Return the pictures of a case by item, without their bytes."""
    columns = tables.case_picture.c
    names = ("id", "item", "gateway", "passage", "status", "sha256", "bytes", "sealed", "path")
    query = select(*(columns[name] for name in names)).where(columns.case_id == case_id)
    found = defaultdict[int, list[CasePicture]](list)
    for row in connection.execute(query.order_by(columns.item, columns.id)):
        found[row.item].append(_picture(row))
    return found


def read_attachments(connection: Connection, case_id: int) -> dict[int, list[CaseAttachment]]:
    """Return the files of a case by item."""
    columns = tables.case_attachment.c
    found = defaultdict[int, list[CaseAttachment]](list)
    query = select(tables.case_attachment).where(columns.case_id == case_id)
    for row in connection.execute(query.order_by(columns.item, columns.id)):
        values = {**row._mapping, "kind": AttachmentKind(row.kind)}
        del values["case_id"]
        found[row.item].append(CaseAttachment(**values))
    return found


def record_view(connection: Connection, author: CaseAuthor, case: CaseSummary, now_ms: int) -> None:
    """Record in the access log that the account views the case. The caller must commit before it shows
    anything."""
    record_case_access(connection, AccessKind.CASE_VIEW, author, case, now_ms)


def record_case_access(
    connection: Connection, what: AccessKind, author: CaseAuthor, case: CaseSummary, now_ms: int, **more: str
) -> None:
    of_case = {"case_number": case.number, **more}
    record_access(connection, what, author.account, author.address, now_ms, **of_case)


def close_case(connection: Connection, author: CaseAuthor, case_id: int, now_ms: int) -> CaseSummary | None:
    """Close an open case, which is deleted ``cases.days`` later. None: the account sees no such case."""
    return _set_closed(connection, author, case_id, now_ms, closed=True)


def reopen_case(connection: Connection, author: CaseAuthor, case_id: int, now_ms: int) -> CaseSummary | None:
    return _set_closed(connection, author, case_id, now_ms, closed=False)


def _set_closed(
    connection: Connection, author: CaseAuthor, case_id: int, now_ms: int, *, closed: bool
) -> CaseSummary | None:
    case = find_case(connection, author, case_id)
    if case is None:
        return None
    is_other = _CASE.closed_ms.is_(None) if closed else _CASE.closed_ms.is_not(None)
    values = (
        {"closed_ms": now_ms, "closed_by": author.account}
        if closed
        else {"closed_ms": None, "closed_by": None}
    )
    changed = update(tables.case_file).where(_CASE.id == case_id, is_other)
    if connection.execute(changed.values(**values, changes=_CASE.changes + 1)).rowcount:
        what = AccessKind.CASE_CLOSE if closed else AccessKind.CASE_REOPEN
        record_case_access(connection, what, author, case, now_ms)
    return find_case(connection, author, case_id)


def _by_number(connection: Connection, number: str) -> CaseSummary | None:
    row = connection.execute(select(tables.case_file).where(_CASE.number == number)).first()
    return None if row is None else _summary(row)


def _summary(row: Any) -> CaseSummary:
    return CaseSummary(**{**row._mapping, "wards": tuple(row.wards.split())})


def _item(
    row: Any, pictures: dict[int, list[CasePicture]], attachments: dict[int, list[CaseAttachment]]
) -> CaseItem:
    values = dict(row._mapping)
    del values["case_id"]
    values |= {"kind": CaseItemKind(row.kind), "wards": tuple(row.wards.split())}
    of_item = (tuple(pictures.get(row.id, ())), tuple(attachments.get(row.id, ())))
    return CaseItem(**values, pictures=of_item[0], attachments=of_item[1])


def _picture(row: Any) -> CasePicture:
    points: Sequence[Any] = [] if row.path is None else json.loads(row.path)
    path = tuple((x, y, seconds) for x, y, seconds in points)
    return CasePicture(**{**row._mapping, "status": CasePictureStatus(row.status), "path": path})
