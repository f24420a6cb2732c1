"""Logs in at a camera: with Digest, and with Basic (clear text) only where that is allowed."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Sequence

from edge_agent.capture.failures import CameraFault, Fault
from edge_agent.core.secrets import Credentials

_SCHEME = re.compile(r'"(?:[^"\\]|\\.)*"|\b(Digest|Basic)\s+', re.IGNORECASE)
"""A quoted string, such as a realm with the name of a scheme, or a scheme."""
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_HASHES = {"md5": "md5", "sha-256": "sha256"}


class Authenticator:
    """Answers the challenges (``WWW-Authenticate``) of a connection: Digest (RFC 7616), Basic (RFC 7617)."""

    def __init__(
        self, credentials: Credentials | None, *, allow_basic: bool, before_login: Callable[[], None]
    ) -> None:
        """``allow_basic``: the password may be sent in clear text, because the connection is encrypted or the
        configuration allows it. ``before_login`` is called once, before the credentials are sent."""
        self._credentials = credentials
        self._allow_basic = allow_basic
        self._before_login = before_login
        self._digest: dict[str, str] | None = None
        self._basic = False
        self._accepted = False
        self._count = 0  # of requests with this nonce

    @property
    def has_credentials(self) -> bool:
        return self._credentials is not None

    def accepted(self) -> None:
        """Note an answer other than 401. If the request had a login, the password is right: a later 401 on
        this connection denies what was asked for."""
        self._accepted = self._digest is not None or self._basic

    @property
    def refusal(self) -> Fault:
        """The fault of a login that was refused once more."""
        return Fault.NOT_PERMITTED if self._accepted else Fault.WRONG_LOGIN

    def challenged(self, headers: Sequence[str]) -> None:
        """Store the challenge of a 401 answer. Raises ``CameraFault`` if a repeated request cannot help, and
        what ``before_login`` raises."""
        if self._credentials is None:
            raise CameraFault(Fault.NO_LOGIN)
        is_first = self._digest is None and not self._basic
        self._store_challenge(_offers(headers))
        if is_first:
            self._before_login()

    def _store_challenge(self, offers: Sequence[tuple[str, dict[str, str]]]) -> None:
        digests = [values for scheme, values in offers if scheme == "digest" and _is_supported(values)]
        if digests:
            self._accept(max(digests, key=lambda values: _algorithm(values) == "sha-256"))
        elif not any(scheme == "basic" for scheme, _ in offers):
            raise CameraFault(Fault.UNKNOWN_LOGIN)
        elif not self._allow_basic:
            raise CameraFault(Fault.BASIC_ONLY)
        elif self._basic:
            raise CameraFault(self.refusal)
        else:
            self._basic = True

    def authorization(self, method: str, uri: str) -> str | None:
        """Return the Authorization header's value; None without credentials or before the first challenge."""
        if self._credentials is None:
            return None
        user, password = self._credentials.username, self._credentials.password.reveal()
        if self._digest is not None:
            return self._digest_answer(self._digest, user, password, method, uri)
        if self._basic:
            return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return None

    def _accept(self, challenge: dict[str, str]) -> None:
        stale = challenge.get("stale", "").lower() == "true"
        if self._digest is not None and not stale and challenge.get("nonce") == self._digest.get("nonce"):
            raise CameraFault(self.refusal)
        # Some cameras send a new nonce for each request without ``stale``: accept such a nonce once.
        if self._digest is not None and not stale and self._count == 1:
            raise CameraFault(self.refusal)
        self._digest, self._count = challenge, 0

    def _digest_answer(
        self, challenge: dict[str, str], user: str, password: str, method: str, uri: str
    ) -> str:
        name = _HASHES[_algorithm(challenge)]

        def digest(*parts: str) -> str:
            return hashlib.new(name, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

        realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
        self._count += 1
        secret, request = digest(user, realm, password), digest(method, uri)
        fields = {"username": user, "realm": realm, "nonce": nonce, "uri": uri}
        more = ""
        if "qop" in challenge:
            count, own = f"{self._count:08x}", secrets.token_hex(8)
            fields["response"] = digest(secret, nonce, count, own, "auth", request)
            fields["cnonce"] = own
            more = f", qop=auth, nc={count}"
        else:
            fields["response"] = digest(secret, nonce, request)
        if "opaque" in challenge:
            fields["opaque"] = challenge["opaque"]
        if "algorithm" in challenge:
            more += f", algorithm={challenge['algorithm']}"
        return "Digest " + ", ".join(f'{key}="{_quoted(value)}"' for key, value in fields.items()) + more


def _offers(headers: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Return scheme and parameters of each challenge; a header may contain several challenges."""
    offers: list[tuple[str, dict[str, str]]] = []
    for header in headers:
        schemes = [found for found in _SCHEME.finditer(header) if found[1]]
        ends = [found.start() for found in schemes[1:]] + [len(header)]
        for scheme, end in zip(schemes, ends, strict=False):
            parameters = _PARAMETER.findall(header[scheme.end() : end])
            offers.append(
                (scheme[1].lower(), {key.lower(): quoted or plain for key, quoted, plain in parameters})
            )
    return offers


def _algorithm(challenge: dict[str, str]) -> str:
    return challenge.get("algorithm", "MD5").lower()


def _is_supported(challenge: dict[str, str]) -> bool:
    qop = {value.strip().lower() for value in challenge.get("qop", "auth").split(",")}
    return _algorithm(challenge) in _HASHES and "auth" in qop


def _quoted(value: str) -> str:
    return re.sub(r"[\r\n\0]", "", value)
