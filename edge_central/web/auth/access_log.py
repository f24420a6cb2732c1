"""The access log: who opened which snapshot or clip. A row is stored before the file is sent."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Connection, delete, func, insert, select
from starlette.responses import Response

from edge_central.store import tables
from edge_central.web.auth.accounts import ADMIN_ROLES
from edge_central.web.http_errors import BadRequest
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page

PAGE_SIZE = 100
DAY_MS = 86_400_000


class AccessKind(StrEnum):
    SNAPSHOT = "snapshot"
    CLIP = "clip"
    FILE = "file"  # a bundle, or what only the centre's key opens
    LOGIN = "login"


def record_access(
    connection: Connection,
    what: AccessKind,
    account: str,
    address: str,
    now_ms: int,
    *,
    ward: str | None = None,
    gateway: str | None = None,
    camera: str | None = None,
    media_id: str | None = None,
    event_id: str | None = None,
) -> None:
    """Add a row. The caller commits it before the file is sent."""
    connection.execute(
        insert(tables.access).values(
            time_ms=now_ms,
            account=account,
            address=address,
            what=what.value,
            ward=ward,
            gateway=gateway,
            camera=camera,
            media_id=media_id,
            event_id=event_id,
        )
    )


def delete_old_accesses(connection: Connection, days: float, now_ms: int) -> int:
    """Delete expired rows, and record the deletion as retention does."""
    columns = tables.access.c
    over = columns.time_ms < now_ms - round(days * DAY_MS)
    first_ms, last_ms = connection.execute(
        select(func.min(columns.time_ms), func.max(columns.time_ms)).where(over)
    ).one()
    count = connection.execute(delete(tables.access).where(over)).rowcount
    if count:
        connection.execute(
            insert(tables.deletion).values(
                begun_ms=now_ms,
                ended_ms=now_ms,
                what="access",
                kind="",
                rule=f"access_days: {days:g}",
                rows=count,
                first_ms=first_ms,
                last_ms=last_ms,
                held=0,
            )
        )
    return count


def access_page(visit: UserRequestContext) -> Response:
    """Rows of all accounts, newest first; only admins may see them."""
    columns = tables.access.c
    wanted = select(tables.access).order_by(columns.id.desc()).limit(PAGE_SIZE + 1)
    before, account = visit.query("before"), visit.query("account")
    if before is not None:
        if not before.isdecimal() or len(before) > 18:
            raise BadRequest("before is the id of a line")
        wanted = wanted.where(columns.id < int(before))
    if account is not None:
        wanted = wanted.where(columns.account == account)
    lines = visit.connection.execute(wanted).all()
    more = len(lines) > PAGE_SIZE
    return visit.render("access.html", lines=lines[:PAGE_SIZE], more=more, who=account)


PAGES = (Page("/access", access_page, roles=ADMIN_ROLES),)
