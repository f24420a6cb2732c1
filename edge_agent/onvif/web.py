"""HTTP to one camera: bounded in size and time, no redirects, and every login counted before it is sent."""

from __future__ import annotations

import threading
import time
import unicodedata
from dataclasses import dataclass

import httpx

from edge_agent.core.camera_logins import CameraLogin, LoginJournal
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.problems import problem_text
from edge_agent.core.secrets import Credentials

MAX_BYTES = 1_000_000
TIMEOUT_S = 5.0
WHOLE_TIMEOUT_S = 15.0
"""Limit for a whole request, because a camera that sends a byte now and then could delay it for ever."""

# Control, format (bidirectional overrides among them), surrogate, private use, unassigned, line and paragraph
# separators: what moves a cursor, reorders a line or ends it.
_UNFIT = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
MAX_CHARACTERS = 60


class NoAnswer(CameraSetupError):
    """The address does not answer, or does not speak HTTP."""


class LoginRefused(CameraSetupError):
    """The camera refuses these credentials; this run does not try them again."""


@dataclass(frozen=True, slots=True)
class CameraResponse:
    status: int
    body: bytes
    challenge: str  # WWW-Authenticate; empty when there is none

    @property
    def asks_for_digest(self) -> bool:
        return self.status == 401 and "digest" in self.challenge.lower()

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")


def clean(text: str, most: int = MAX_CHARACTERS) -> str:
    """Return one line of at most ``most`` printable characters; other characters become spaces."""
    printable = "".join(" " if unicodedata.category(c) in _UNFIT else c for c in text[: most * 4])
    return " ".join(printable.split())[:most].rstrip()


class CameraHttpClient:
    """A connection to one camera. A request takes up to ``WHOLE_TIMEOUT_S``. Use ``with``, or ``close``."""

    def __init__(self, host: str, journal: LoginJournal, timeout_s: float = TIMEOUT_S) -> None:
        self.host = host
        self.silent = False  # did not answer the last request: another would take its timeout again
        self._timeout_s = timeout_s
        self._transport = _CountingTransport(host, journal)
        self._client = httpx.Client(
            transport=self._transport,
            timeout=timeout_s,
            # A proxy of the environment would see the digest, and .netrc could add another password.
            trust_env=False,
            headers={"User-Agent": "edge-agent", "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> CameraHttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        content: str | bytes | None = None,
        content_type: str | None = None,
        login: Credentials | None = None,
        in_content: Credentials | None = None,
    ) -> CameraResponse:
        """Send a request. With ``login`` it uses HTTP digest if the camera asks for it; a password is never
        sent in clear. ``in_content``: the credentials of the WS-Security token in ``content``.

        A 401 without ``login`` is an answer. Raises ``NoAnswer``, ``LoginsUsedUp``, ``LoginRefused``.
        """
        auth = None if login is None else httpx.DigestAuth(login.username, login.password.reveal())
        headers = {} if content_type is None else {"Content-Type": content_type}
        self.silent = True
        self._transport.credentials = login or in_content
        try:
            response = self._client.request(method, url, content=content, headers=headers, auth=auth)
        except httpx.TimeoutException as error:
            raise NoAnswer(problem_text("web-silent", host=self.host, seconds=self._timeout_s)) from error
        except httpx.InvalidURL as error:
            raise NoAnswer(problem_text("web-bad-address", host=self.host)) from error
        except httpx.ProtocolError as error:
            raise NoAnswer(problem_text("web-no-http", host=self.host)) from error
        except httpx.HTTPError as error:
            raise NoAnswer(problem_text("web-no-connection", host=self.host)) from error
        self.silent = False
        challenge = response.headers.get("WWW-Authenticate", "")
        answer = CameraResponse(response.status_code, response.content, challenge)
        if login is not None and answer.status in (401, 403):
            tried = {"user": repr(login.username), "status": answer.status}
            raise LoginRefused(problem_text("web-login-refused", host=self.host, **tried))
        return answer


class _CountingTransport(httpx.BaseTransport):
    """All requests to a camera pass here, so that no login is sent uncounted."""

    def __init__(self, host: str, journal: LoginJournal) -> None:
        self.credentials: Credentials | None = None  # those of the next request
        self._host = host
        self._journal = journal
        self._logins: dict[tuple[Credentials, str], CameraLogin] = {}
        # Cameras sign their own certificates. Only digests are sent over the connection, never a password.
        self._inner = httpx.HTTPTransport(verify=False, retries=0, trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != self._host:
            raise httpx.UnsupportedProtocol(f"{request.url.host} is not {self._host}", request=request)
        form = _login_form(request)
        if form is None:
            return self._sent(request)
        login = self._login(form)
        login.begin()
        response = self._sent(request)
        if _refuses(response):
            login.refused()
        elif response.status_code == 401:  # no refusal: the nonce had expired
            login.cancel()
        else:
            login.accepted()
        return response

    def _login(self, form: str) -> CameraLogin:
        if self.credentials is None:
            raise ValueError("a request has credentials that its sender did not name")
        key = (self.credentials, form)
        if key not in self._logins:
            self._logins[key] = self._journal.login(self._host, self.credentials, form)
        return self._logins[key]

    def close(self) -> None:
        self._inner.close()

    def _sent(self, request: httpx.Request) -> httpx.Response:
        """Send the request and read its body, of at most ``MAX_BYTES``."""
        ends_mono = time.monotonic() + WHOLE_TIMEOUT_S
        # A read timeout starts again with each byte: only closing the connection ends a slow answer.
        guard = threading.Timer(WHOLE_TIMEOUT_S, self._inner.close)
        guard.daemon = True
        guard.start()
        try:
            response = self._inner.handle_request(request)
            body = bytearray()
            try:
                assert isinstance(response.stream, httpx.SyncByteStream)
                for chunk in response.stream:
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise NoAnswer(problem_text("web-answer-too-long", host=self._host, bytes=MAX_BYTES))
                    if time.monotonic() > ends_mono:
                        raise httpx.ReadTimeout("the answer has no end", request=request)
            finally:
                response.close()
        finally:
            guard.cancel()
        # The request asks for identity encoding. A compressed answer stays compressed, also a zip bomb.
        headers = [
            (k, v)
            for k, v in response.headers.multi_items()
            if k not in ("content-encoding", "transfer-encoding")
        ]
        return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=request)


def _login_form(request: httpx.Request) -> str | None:
    """Return how the request sends credentials; None when it has none."""
    shown = request.headers.get("Authorization", "")
    folder = request.url.path.split("/")[1]
    if shown:
        return f"{shown.split()[0].lower()} /{folder}"
    return f"wss /{folder}" if b"UsernameToken" in request.read() else None


def _refuses(response: httpx.Response) -> bool:
    if response.status_code == 401:
        return "stale=true" not in response.headers.get("WWW-Authenticate", "").lower().replace('"', "")
    if response.status_code == 403:
        return True
    body = response.content.lower()
    return b"notauthorized" in body or b"not authorized" in body or b"failedauthentication" in body
