"""The cookies of the console. With https their names begin with ``__Host-``: the browser then takes them from
this host only, for all of it, and never sends them in clear."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

LANG_S = 400 * 86_400
"""As long as browsers keep one (RFC 6265bis)."""
DEVICE_S = 180 * 86_400
LOGIN_S = 3_600


@dataclass(frozen=True, slots=True)
class Cookie:
    name: str
    age_s: int | None = None  # None: until the browser ends
    script: bool = False  # whether scripts of the page may read it


SESSION_COOKIE = Cookie("session")
LOGIN_COOKIE = Cookie("login", LOGIN_S)
"""What the form of the login page is bound to, before there is a session."""
DEVICE_COOKIE = Cookie("device", DEVICE_S)
"""Somebody has logged in from this browser before (throttle.py)."""
LANGUAGE_COOKIE = Cookie("lang", LANG_S)


@dataclass(frozen=True, slots=True)
class Cookies:
    secure: bool

    def get(self, request: Request, cookie: Cookie) -> str | None:
        return request.cookies.get(self._name(cookie)) or None

    def set(self, response: Response, cookie: Cookie, value: str) -> None:
        response.set_cookie(
            self._name(cookie),
            value,
            max_age=cookie.age_s,
            secure=self.secure,
            httponly=not cookie.script,
            samesite="lax",  # strict would ask whoever comes by a link in a message to log in again
        )

    def clear(self, response: Response, cookie: Cookie) -> None:
        response.delete_cookie(
            self._name(cookie), secure=self.secure, httponly=not cookie.script, samesite="lax"
        )

    def _name(self, cookie: Cookie) -> str:
        return f"__Host-{cookie.name}" if self.secure else cookie.name
