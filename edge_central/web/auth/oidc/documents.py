"""The documents that the provider publishes: one with its endpoints, one with the keys that sign its tokens.

Both are cached in memory for an hour. A failed request is repeated only after some seconds: anonymous
browsers must not cause many requests to a provider that is down.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec

from edge_agent import __version__
from edge_agent.core.clock import Clock
from edge_central.alerts.json_post import PostAnswer, PostFailed, exchange, tls_context
from edge_central.config_types import is_encrypted_or_here
from edge_central.oidc_settings import OidcSettings
from edge_central.web.auth.oidc.errors import SignInFailed, SignInFault

TIMEOUT_S = 5.0
DEADLINE_S = 8.0
MOST_BYTES = 262_144
MOST_URL = 2_000
CACHE_S = 3_600.0
FAILED_S = 5.0
RENEW_S = 60.0
"""For a token with an unknown key the console requests the keys again, but not more often than this."""
WELL_KNOWN = "/.well-known/openid-configuration"
"""The address of the discovery document (OpenID Connect Discovery 1.0, section 4)."""
HEADERS = {"Accept": "application/json", "User-Agent": f"edge-central/{__version__}"}

T = TypeVar("T")
Document = TypeVar("Document", bound=msgspec.Struct)


class ProviderMetadata(msgspec.Struct, frozen=True):
    """The members of the discovery document that the console uses."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class ProviderKeys(msgspec.Struct, frozen=True):
    """A JWK Set (RFC 7517)."""

    keys: list[dict[str, Any]]


class ProviderHttp:
    """Sends requests to the provider, within limits. Thread-safe."""

    def __init__(self, settings: OidcSettings) -> None:
        """Raises CentralError if ``ca_file`` holds no certificate."""
        self._context = tls_context(settings.ca_file)

    def get(self, url: str, kind: type[Document]) -> Document:
        """Request a document and decode it. Raises SignInFailed."""
        answer = self.send("GET", url, HEADERS)
        if answer.status != 200:
            raise SignInFailed(SignInFault.PROVIDER_WRONG, f"it answers with status {answer.status}")
        return decoded(answer.text, kind)

    def send(self, method: str, url: str, headers: dict[str, str], body: bytes | None = None) -> PostAnswer:
        """Send a request; redirects are not followed. Raises SignInFailed if there is no answer, if the
        server fails (5xx), or if the answer is too long."""
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection = self._connection(parts)
            answer = exchange(connection, target, body, headers, DEADLINE_S, MOST_BYTES + 1, method)
        except PostFailed as error:
            raise SignInFailed(SignInFault.PROVIDER_AWAY, str(error)) from error
        if answer.status >= 500:
            raise SignInFailed(SignInFault.PROVIDER_AWAY, f"it answers with status {answer.status}")
        if len(answer.text) > MOST_BYTES:
            raise SignInFailed(SignInFault.PROVIDER_WRONG, "its answer is too long")
        return answer

    def _connection(self, parts: SplitResult) -> http.client.HTTPConnection:
        host = parts.hostname or ""
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
        return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_S, context=self._context)


def decoded(text: str, kind: type[Document]) -> Document:
    """Decode a JSON document. Raises SignInFailed."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise SignInFailed(SignInFault.PROVIDER_WRONG, f"its answer is not a {kind.__name__}") from error


class ProviderDocuments:
    """Provides the documents of the provider. Thread-safe; blocks for the requests."""

    def __init__(self, settings: OidcSettings, http: ProviderHttp, clock: Clock) -> None:
        self._issuer = settings.issuer
        self._http = http
        self._metadata = _CachedDocument(clock, self._request_metadata)
        self._keys = _CachedDocument(clock, self._request_keys)

    def metadata(self) -> ProviderMetadata:
        """Return the discovery document. Raises SignInFailed."""
        return self._metadata.get()

    def keys(self, most_age_s: float = CACHE_S) -> list[dict[str, Any]]:
        """Return the keys that may sign ID tokens: RSA and EC. Raises SignInFailed."""
        return self._keys.get(most_age_s)

    def _request_metadata(self) -> ProviderMetadata:
        found = self._http.get(self._issuer.rstrip("/") + WELL_KNOWN, ProviderMetadata)
        if found.issuer != self._issuer:
            raise SignInFailed(SignInFault.PROVIDER_WRONG, "its discovery document names another issuer")
        if not all(
            self._is_endpoint(url)
            for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri)
        ):
            raise SignInFailed(SignInFault.PROVIDER_WRONG, "an endpoint that it publishes is not https")
        return found

    def _is_endpoint(self, url: str) -> bool:
        """Whether the address may be an endpoint. An http address of this machine is refused unless the
        provider is here: a provider elsewhere must not direct requests to local services."""
        same_scheme = urlsplit(self._issuer).scheme == "http" or url.startswith("https:")
        return same_scheme and len(url) <= MOST_URL and is_encrypted_or_here(url)

    def _request_keys(self) -> list[dict[str, Any]]:
        found = self._http.get(self.metadata().jwks_uri, ProviderKeys).keys
        return [key for key in found if key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig"]


class _CachedDocument(Generic[T]):
    """A cached document. Only one thread at a time requests it. Thread-safe."""

    def __init__(self, clock: Clock, request: Callable[[], T]) -> None:
        self._clock = clock
        self._request = request
        self._lock = threading.Lock()  # protects the fields below; others wait for the requesting thread
        self._value: T | None = None
        self._failure: SignInFailed | None = None
        self._at_mono = 0.0

    def get(self, most_age_s: float = CACHE_S) -> T:
        """Return the document if it is not older than this, else request it. Raises SignInFailed."""
        with self._lock:
            age_s = self._clock.monotonic() - self._at_mono
            if self._failure is not None and age_s < FAILED_S:
                raise SignInFailed(self._failure.fault, str(self._failure))
            if self._value is not None and self._failure is None and age_s < most_age_s:
                return self._value
            try:
                value = self._request()
            except SignInFailed as failure:
                self._failure = failure
                raise
            finally:
                self._at_mono = self._clock.monotonic()
            self._value, self._failure = value, None
            return value
