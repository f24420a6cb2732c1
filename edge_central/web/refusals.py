"""What a page raises when the answer is no; ``front.py`` makes a page of it, or for ``/api`` a problem
document (RFC 9457).

Refusal
  BadRequest      400, what was asked makes no sense
  NotLoggedIn     401, or the way to the login page
  Forbidden       403, the role does not allow it, or the form is not ours
  NotFound        404: also what exists and belongs to another ward
  Conflict        409
  TooLarge        413
  TooMany         429, with the seconds to wait
  Unavailable     503, with the seconds to wait
"""

from __future__ import annotations


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
