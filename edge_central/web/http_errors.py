"""What a page raises when the answer is no; ``request_handler.py`` makes a page of it, or for ``/api`` a
problem document (RFC 9457).

Refusal
  BadRequest      400, what was asked makes no sense
  NotLoggedIn     401, or the way to the login page
  Forbidden       403, the role does not allow it, or the form is not ours
  NotFound        404: also what exists and belongs to another ward
  Conflict        409
  TooLarge        413
  TooMany         429, with the seconds to wait
  Unavailable     503, with the seconds to wait

A refusal as an answer: a page for people, a problem document (RFC 9457) for programs.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from edge_central.web.i18n import ALL, Lang
from edge_central.web.templates import Templates


class HttpError(Exception):
    """``code`` never changes, programs may decide by it; ``text`` is for people, English."""

    status = 400
    code = "bad-request"

    def __init__(self, text: str = "", *, retry_after_s: int | None = None, **more: object) -> None:
        super().__init__(text or self.code)
        self.text = text
        self.retry_after_s = retry_after_s
        self.more = more  # further members of the problem document


class BadRequest(HttpError):
    pass


class NotLoggedIn(HttpError):
    status, code = 401, "not-logged-in"


class Forbidden(HttpError):
    status, code = 403, "forbidden"


class NotFound(HttpError):
    status, code = 404, "not-found"


class Conflict(HttpError):
    status, code = 409, "conflict"


class TooLarge(HttpError):
    status, code = 413, "too-large"


class TooMany(HttpError):
    status, code = 429, "too-many"


class Unavailable(HttpError):
    status, code = 503, "unavailable"


PROBLEM = "application/problem+json"
PROBLEM_TYPE = "urn:edge-agent:problem:"


def error_response(request: Request, refusal: HttpError, templates: Templates, lang: Lang) -> Response:
    path = request.url.path
    response = (
        problem_response(refusal) if path.startswith("/api/") else page_response(refusal, templates, lang)
    )
    if refusal.retry_after_s is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_s)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def problem_response(refusal: HttpError) -> Response:
    document = {
        "type": f"{PROBLEM_TYPE}{refusal.code}",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.text,
        **refusal.more,
    }
    return Response(msgspec.json.encode(document), refusal.status, media_type=PROBLEM)


def page_response(refusal: HttpError, templates: Templates, lang: Lang) -> Response:
    status = refusal.status if f"error-{refusal.status}" in ALL else 400
    text = templates.render("error.html", lang, {"account": None, "status": status})
    return HTMLResponse(text, refusal.status)
