"""The errors that a page raises to refuse a request, and the response to each.

HttpError
  BadRequest      400: the request is not valid
  NotLoggedIn     401, or for a browser a redirect to the login page
  Forbidden       403: the role does not allow it, or the form is of another site
    SetupNeeded   403, or for a browser a redirect: the user first has to choose a password or set up a second
                  factor
  NotFound        404: also for what exists but belongs to another ward
  Conflict        409
  TooLarge        413
  BadRange        416: the file has no such range
  TooMany         429, with the seconds to wait
  Unavailable     503, with the seconds to wait
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from edge_agent.core.problems.problem import encode_json, problem_of
from edge_central.web.i18n import ALL, Lang
from edge_central.web.templates import Templates


class HttpError(Exception):
    """A refusal of a request. ``code`` never changes, for programs; ``text`` is English, for people."""

    status = 400
    code = "bad-request"

    def __init__(self, text: str = "", *, retry_after_s: int | None = None) -> None:
        super().__init__(text or self.code)
        self.text = text
        self.retry_after_s = retry_after_s


class BadRequest(HttpError):
    pass


class NotLoggedIn(HttpError):
    status, code = 401, "not-logged-in"


class Forbidden(HttpError):
    status, code = 403, "forbidden"


class SetupNeeded(Forbidden):
    """The user has to do something before anything else. ``page``: path of the page on which to do it."""

    def __init__(self, page: str) -> None:
        super().__init__("choose a password, or set up a second factor, at the console first")
        self.page = page


class NotFound(HttpError):
    status, code = 404, "not-found"


class Conflict(HttpError):
    status, code = 409, "conflict"


class TooLarge(HttpError):
    status, code = 413, "too-large"


class BadRange(HttpError):
    status, code = 416, "range-not-satisfiable"


class TooMany(HttpError):
    status, code = 429, "too-many"


class Unavailable(HttpError):
    status, code = 503, "unavailable"


PROBLEM = "application/problem+json"
PROBLEM_TYPE = "urn:edge-agent:problem:"


def error_response(request: Request, refusal: HttpError, templates: Templates, lang: Lang) -> Response:
    """Return a problem document (RFC 9457) for a program, or a page for a person."""
    if request.url.path.startswith("/api/"):
        document = {
            "type": f"{PROBLEM_TYPE}{refusal.code}",
            "title": HTTPStatus(refusal.status).phrase,
            "status": refusal.status,
            "code": refusal.code,
            "detail": refusal.text,
        }
        response = Response(encode_json(document), refusal.status, media_type=PROBLEM)
    else:
        status = refusal.status if f"error-{refusal.status}" in ALL else 400
        why = refusal.text if problem_of(refusal.text) else None  # a sentence in both languages
        context = {"account": None, "status": status, "posted": request.method == "POST", "why": why}
        text = templates.render("error.html", lang, context)
        response = HTMLResponse(text, refusal.status)
    if refusal.retry_after_s is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_s)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
