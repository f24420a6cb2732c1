"""The minutes of a handover of a case's data (biên bản giao nhận dữ liệu), to be printed and signed.

The form is that of administrative documents (decree 30/2020/NĐ-CP, annex I and III). What the centre cannot
know, such as the names of those present, is typed on the page or written by hand, and not stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.responses import Response

from edge_central.cases import exports
from edge_central.cases.redactions import is_altered_name
from edge_central.web.auth.accounts import ACTING_ROLES
from edge_central.web.http_errors import BadRequest, NotFound
from edge_central.web.pages.cases import found_case, record_view
from edge_central.web.request_context import MOST_DIGITS, UserRequestContext
from edge_central.web.request_handler import Page


@dataclass(frozen=True, slots=True)
class ListedFile:
    name: str
    sha256: str
    is_altered: bool


def minutes_page(visit: UserRequestContext) -> Response:
    """Return the minutes of the signed export ``export``, or of the newest signed one. If there is no export,
    the table is empty."""
    case = found_case(visit)
    record_view(visit, case)
    signed = [each for each in exports.list_exports(visit.connection, case.id) if each.is_signed]
    wanted = visit.query("export")
    if wanted is not None and (not wanted.isdecimal() or len(wanted) > MOST_DIGITS):
        raise BadRequest("export must be the number of an export")
    chosen = next((each for each in signed if wanted is None or each.id == int(wanted)), None)
    if chosen is None and wanted is not None:
        raise NotFound("there is no such export, or it is not signed yet")
    sums = b"" if chosen is None else exports.read_sums(visit.connection, case.id, chosen.id)
    return visit.render(
        "minutes.html",
        case=case,
        export=chosen,
        files=list(_files(sums)),
        sums_sha256=hashlib.sha256(sums).hexdigest(),
    )


def _files(sums: bytes) -> Iterator[ListedFile]:
    for line in sums.decode("utf-8", "replace").splitlines():
        sha256, _, name = line.partition("  ")
        yield ListedFile(name, sha256, is_altered_name(name))


PAGES = (Page("/cases/{id}/minutes", minutes_page, roles=ACTING_ROLES),)
