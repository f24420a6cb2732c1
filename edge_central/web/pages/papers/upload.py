"""``POST /cases/{id}/files``: receives a file from outside, such as the clip of a citizen's phone.

The body is the file itself; ``static/upload.js`` sends it, with the officer's remarks in a header. The
account is checked before the body is read, and the body goes to the disk piece by piece.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from functools import partial
from typing import IO, Annotated

import msgspec
from msgspec import Meta
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from edge_agent.core.clock import wall_ms
from edge_central.cases.attachments import (
    HEAD_BYTES,
    NewAttachment,
    OutsideFile,
    add_outside_file,
    check_fits,
    checked_words,
    type_of,
)
from edge_central.cases.files import find_case
from edge_central.cases.model import (
    MAX_FILE_BYTES,
    AddedItem,
    AttachmentKind,
    CaseAuthor,
    CaseRefused,
    CaseSummary,
)
from edge_central.sentences import problem_text
from edge_central.store.case_folder import CHUNK_BYTES, CaseFolder
from edge_central.store.database import DatabaseRejected, DatabaseUnavailable
from edge_central.web.auth.accounts import ACTING_ROLES, ADMIN_ROLES
from edge_central.web.auth.sessions import csrf_matches
from edge_central.web.http_errors import BadRequest, Forbidden, HttpError, NotFound, TooLarge, Unavailable
from edge_central.web.live.hub import LiveHub
from edge_central.web.request_context import MOST_DIGITS
from edge_central.web.request_handler import RETRY_AFTER_S, RequestHandler, check_origin
from edge_central.web.templates import line_text

UPLOAD = "/cases/{id}/files"
MOST_UPLOADS = 3
"""Maximum number of uploads at the same time, of all accounts together."""
WITHIN_S = 900.0
MOST_HEADER = 8_000
_Text = Annotated[str, Meta(max_length=500)]


class SaidOfFile(msgspec.Struct, frozen=True):
    """What the officer says about the file: the header ``X-File``, JSON in base64."""

    name: _Text
    brought_by: _Text
    note: _Text = ""


def upload_endpoint(front: RequestHandler, _: LiveHub) -> Callable[[Request], Awaitable[Response]]:
    """Make the endpoint."""
    uploads = asyncio.Semaphore(MOST_UPLOADS)

    async def upload(request: Request) -> Response:
        try:
            author = await _author(front, request)
            said = _said(request)
            case = await front.run_in_thread(partial(_open_case, front, author, request))
            if uploads.locked():
                raise Unavailable("too many files are being uploaded at once", retry_after_s=RETRY_AFTER_S)
            async with uploads:
                return await _receive(front, request, case, said)
        except CaseRefused as refusal:
            return PlainTextResponse(line_text(refusal.text, front.lang(request)), 409)
        except HttpError as refusal:
            return front.error_response(request, refusal)

    return upload


async def _author(front: RequestHandler, request: Request) -> CaseAuthor:
    """Authenticate the officer. Raises HttpError."""
    check_origin(request)
    known = await front.authenticate_async(request, ACTING_ROLES)
    token = request.headers.get("x-csrf-token")
    if known.session is None or not csrf_matches(token, known.secret):
        raise Forbidden("this form belongs to another session: load the page again")
    account = known.account
    address = request.client.host if request.client else ""
    return CaseAuthor(account.name, address, account.scope, account.role in ADMIN_ROLES)


def _said(request: Request) -> OutsideFile:
    """Return what the officer says about the file. Raises BadRequest, TooLarge, CaseRefused."""
    if int(request.headers.get("content-length", "0")[:MOST_DIGITS] or 0) > MAX_FILE_BYTES:
        raise TooLarge(f"a file has at most {MAX_FILE_BYTES} bytes")
    header = request.headers.get("x-file", "")
    try:
        if len(header) > MOST_HEADER:
            raise ValueError
        said = msgspec.json.decode(base64.b64decode(header, validate=True), type=SaidOfFile)
    except (ValueError, UnicodeError, msgspec.DecodeError):
        raise BadRequest("X-File must be JSON in base64 with name, brought_by and note") from None
    if "\0" in said.name + said.brought_by + said.note:
        raise BadRequest("a text must not contain the character NUL")
    return checked_words(OutsideFile(said.name, said.brought_by, said.note))


def _open_case(front: RequestHandler, author: CaseAuthor, request: Request) -> CaseSummary:
    """Return the open case in the path. Raises NotFound, CaseRefused."""
    text = str(request.path_params["id"])
    if not text.isdecimal() or len(text) > MOST_DIGITS:
        raise NotFound
    with front.reading(request) as connection:
        case = find_case(connection, author, int(text))
    if case is None:
        raise NotFound("there is no such case, or you may not see it")
    if not case.is_open:
        raise CaseRefused(problem_text("case-closed", case=case.number))
    return case


async def _receive(front: RequestHandler, request: Request, case: CaseSummary, said: OutsideFile) -> Response:
    """Receive and store the file. Raises HttpError, CaseRefused."""
    folder = CaseFolder(front.services.settings.media_dir)
    try:
        with await front.run_in_thread(folder.temporary) as file:
            await _read_body(front, request, file)
            author = await _author(front, request)  # again: the account may have been disabled meanwhile
            added = await front.run_in_thread(partial(_store, front, author, case, said, folder, file))
    except (DatabaseUnavailable, DatabaseRejected, OSError) as error:
        raise Unavailable("the file cannot be stored", retry_after_s=RETRY_AFTER_S) from error
    return JSONResponse({"item": added.item, "is_new": added.is_new}, 201 if added.is_new else 200)


async def _read_body(front: RequestHandler, request: Request, file: IO[bytes]) -> None:
    """Write the body to ``file``. Raises HttpError, OSError."""
    size, waiting = 0, bytearray()
    try:
        async with asyncio.timeout(WITHIN_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_FILE_BYTES:
                    raise TooLarge(f"a file has at most {MAX_FILE_BYTES} bytes")
                waiting += chunk
                if len(waiting) >= CHUNK_BYTES:
                    await front.run_in_thread(partial(file.write, bytes(waiting)))
                    waiting.clear()
    except TimeoutError:
        raise BadRequest(f"the file did not come within {WITHIN_S:.0f} s") from None
    except ClientDisconnect:
        raise BadRequest("the upload ended before the file was complete") from None
    if not size:
        raise BadRequest("the file is empty")
    await front.run_in_thread(partial(file.write, bytes(waiting)))


def _store(
    front: RequestHandler,
    author: CaseAuthor,
    case: CaseSummary,
    said: OutsideFile,
    folder: CaseFolder,
    file: IO[bytes],
) -> AddedItem:
    """Add the file to the case. Raises CaseRefused, DatabaseUnavailable, DatabaseRejected, OSError."""
    check_fits(folder, case.id, file.seek(0, 2))
    file.seek(0)
    content_type = type_of(file.read(HEAD_BYTES))
    sha256, size = folder.add(case.id, file)
    attachment = NewAttachment(AttachmentKind.OUTSIDE, said.name, content_type, sha256, size)
    with front.services.connections.writing() as connection:
        now_ms = wall_ms(front.services.clock)
        return add_outside_file(connection, author, case, said, attachment, now_ms)
