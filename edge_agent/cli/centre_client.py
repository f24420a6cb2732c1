"""A client of the centre's API for ``edge-agent search``."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from edge_agent.core.errors import EdgeAgentError, UsageError

TIMEOUT_S = 60.0
MAX_ANSWER_BYTES = 50_000_000
PICTURE_WAIT_S = 30.0
PICTURE_EVERY_S = 0.5


class CentreRefused(EdgeAgentError):
    """The centre refused a request, or cannot be reached."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: a redirect would carry the token to another host."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _address(url: str) -> SplitResult:
    """Parse the URL of the centre. Raises UsageError, whose text does not repeat a password in the URL."""
    try:
        parts = urlsplit(url)
        is_complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bad IPv6 address, or a port that is no number up to 65535
        raise UsageError("--centre: must be https://HOST:PORT") from None
    if "@" in parts.netloc:
        raise UsageError("--centre: must be https://HOST:PORT, without a user: the token file is the login")
    if not is_complete:
        raise UsageError(f"--centre {url}: must be https://HOST:PORT")
    return parts


class CentreClient:
    """A client of the centre's API. Sends its token with each request, only by https or to this machine."""

    def __init__(self, url: str, token: str, ca_file: Path | None) -> None:
        """Raises UsageError for a wrong or unencrypted URL, OSError if ``ca_file`` cannot be read."""
        parts = _address(url)
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise UsageError(f"--centre {url}: the token would cross the network in clear; write https://")
        if not token or any(not 33 <= ord(c) <= 126 for c in token):
            raise UsageError("the token file must hold one token in one line")
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._token = token
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        self._opener: OpenerDirector = build_opener(HTTPSHandler(context=context), _NoRedirects)

    def get(self, path: str, **query: object) -> Any:
        """Request ``path`` and return the answer. Raises CentreRefused."""
        return json.loads(self._send(Request(self._url(path, query)))[1])

    def post(self, path: str, document: object) -> Any:
        """Post ``document`` to ``path`` and return the answer. Raises CentreRefused."""
        body = json.dumps(document).encode()
        request = Request(self._url(path, {}), body, {"Content-Type": "application/json"})
        return json.loads(self._send(request)[1])

    def delete(self, path: str) -> None:
        """Delete what ``path`` names. Raises CentreRefused."""
        self._send(Request(self._url(path, {}), method="DELETE"))

    def matches(self, search: str, wait_s: float, poll_s: float) -> Iterator[Mapping[str, Any]]:
        """Yield matches as they arrive, until no more can arrive, or none has arrived for ``wait_s``. Raises
        CentreRefused."""
        until, after, is_open = time.monotonic() + wait_s, 0, True
        while True:
            left_s = max(0.0, until - time.monotonic())
            page = self.get(f"/api/searches/{search}/matches", after=after, wait=f"{min(poll_s, left_s):.1f}")
            yield from page["matches"]
            if page["matches"]:
                until = time.monotonic() + wait_s
            after = page["next"]
            is_open = page["open"]
            if not page["more"] and not page["matches"] and (not is_open or time.monotonic() >= until):
                return

    def picture(self, search: str, gateway: str, passage: int) -> tuple[bytes | None, bool]:
        """Return the picture and whether it is sealed. None as picture: the gateway has none, or has not sent
        it in time. Raises CentreRefused."""
        self.post(f"/api/searches/{search}/pictures", {"gateway": gateway, "passage": passage})
        until = time.monotonic() + PICTURE_WAIT_S
        url = self._url(f"/api/searches/{search}/pictures/{gateway}/{passage}", {})
        while True:
            try:
                status, body, kind = self._exchange(Request(url))
            except CentreRefused as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return None, False
                raise
            if status == HTTPStatus.OK:
                return body, kind != "image/jpeg"
            if time.monotonic() >= until:
                return None, False
            time.sleep(PICTURE_EVERY_S)

    def _url(self, path: str, query: Mapping[str, object]) -> str:
        return f"{self._base}{path}{'?' + urlencode(query) if query else ''}"

    def _send(self, request: Request) -> tuple[int, bytes]:
        return self._exchange(request)[:2]

    def _exchange(self, request: Request) -> tuple[int, bytes, str]:
        request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return answer.status, answer.read(MAX_ANSWER_BYTES), answer.headers.get_content_type()
        except HTTPError as error:
            with error:
                raise CentreRefused(_refusal(error), error.code) from None
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise CentreRefused(f"{self._base} cannot be reached: {reason}") from error


def _refusal(error: HTTPError) -> str:
    try:
        detail = json.loads(error.read(65_536)).get("detail", "")
    except (ValueError, AttributeError):
        detail = ""
    text = f"the centre refused it ({error.code}): {detail or error.reason}"
    retry = error.headers.get("Retry-After")
    return f"{text}; try again after {retry} s" if retry else text
