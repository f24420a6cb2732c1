"""The papers of a site among the media of its gateway: reports of its commissioning, and later examinations.

They are stored longer than pictures (``retention.paper_days``). A gateway can call any file a paper, so only
the first ones of each kind count; the others are deleted like pictures. So an attacker who takes over a
gateway later can neither fill the disk nor displace the papers that were there before.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, func, insert, not_, or_, select

from edge_agent.core.delivery import EXAMINATION_EVENT, MAX_MESSAGE_BYTES, REPORT_EVENT, SIGNED_REPORT_EVENT
from edge_central.store import tables

GATEWAY = "gateway"
"""Stands in place of a camera if a medium or an event is about the gateway itself."""
PAPERS = {"signed": SIGNED_REPORT_EVENT, "report": REPORT_EVENT, "examination": EXAMINATION_EVENT}
"""Kind of paper -> how the ids of its events begin. The first beginning that fits decides."""
MAX_PAPERS = 50
"""Most papers of one kind and gateway. A site gets a few in its life: one for each commissioning."""


def paper_of(event_id: str | None, camera: str) -> str:
    """Return which of ``PAPERS`` an event with this id is about; empty: none."""
    of_box = (event_id or "") if camera == GATEWAY else ""
    return next((kind for kind, prefix in PAPERS.items() if of_box.startswith(prefix)), "")


def add_paper(connection: Connection, media: dict[str, Any]) -> None:
    """List a new row of ``media`` as a paper, if it is one and its gateway may have one more.

    Only files that fit into one message can be papers: gateways send larger files in parts.
    """
    kind = paper_of(media["event_id"], media["camera"])
    if not kind or media["bytes"] > MAX_MESSAGE_BYTES:
        return
    columns = tables.paper.c
    of_kind = (columns.gateway == media["gateway"]) & (columns.kind == kind)
    if (connection.scalar(select(func.count()).where(of_kind)) or 0) < MAX_PAPERS:
        row = {"gateway": media["gateway"], "media_id": media["media_id"], "kind": kind}
        connection.execute(insert(tables.paper), row)


def is_paper(kind: str) -> ColumnElement[bool]:
    """Return the SQL condition for rows of ``media`` that their gateway calls a paper of this kind."""
    prefixes = list(PAPERS.values())[: list(PAPERS).index(kind) + 1]
    *others, own = (tables.media.c.event_id.startswith(prefix) for prefix in prefixes)
    return and_(tables.media.c.camera == GATEWAY, own, not_(or_(false(), *others)))


def is_listed() -> ColumnElement[bool]:
    """Return the SQL condition for rows of ``media`` that are stored for ``paper_days``."""
    paper, media = tables.paper.c, tables.media.c
    # Not ``tuple_(…).in_(…)``: for its NOT, SQLite reads all papers for each row of ``media``.
    same = and_(paper.gateway == media.gateway, paper.media_id == media.media_id)
    return select(paper.kind).where(same).exists()


def list_stored_papers(connection: Connection) -> None:
    """List the papers in the database of an older centre, which had no such list."""
    named = or_(*(is_paper(kind) for kind in PAPERS))
    for row in connection.execute(
        select(tables.media).where(named).order_by(tables.media.c.received_ms)
    ).all():
        add_paper(connection, dict(row._mapping))
