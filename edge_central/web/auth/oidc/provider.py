"""The configured provider: sends a browser to it, and finds out which user came back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edge_agent.core.clock import Clock, wall_ms
from edge_agent.core.errors import CentralError
from edge_central.oidc_settings import OidcSettings
from edge_central.web.auth.oidc.documents import ProviderDocuments, ProviderHttp
from edge_central.web.auth.oidc.errors import SignInFailed, SignInFault
from edge_central.web.auth.oidc.pending import PendingSignIn, PendingSignIns
from edge_central.web.auth.oidc.person import ProviderPerson, read_person

if TYPE_CHECKING:
    from edge_central.web.auth.oidc.code_flow import CodeFlow

CALLBACK = "/login/oidc/callback"
MOST_CODE = 4_096


class OidcProvider:
    """Runs sign-ins through the provider. Thread-safe; the methods block for requests to the provider."""

    def __init__(self, settings: OidcSettings, url: str, pending: PendingSignIns, clock: Clock) -> None:
        """``url``: address of the console as users type it. Raises CentralError if Authlib is not installed,
        or if ``ca_file`` holds no certificate."""
        self.pending = pending
        self._settings = settings
        self._clock = clock
        http = ProviderHttp(settings)
        self._documents = ProviderDocuments(settings, http, clock)
        self._flow = _code_flow(settings, url.rstrip("/") + CALLBACK, self._documents, http)

    def begin(self, path: str, *, again: bool) -> tuple[str, PendingSignIn]:
        """Begin a sign-in that leads to ``path``; return the provider's address, and the pending sign-in for
        the cookie. ``again``: the user has to log in even in a session. Raises SignInFailed."""
        pending = self.pending.new(path, wall_ms(self._clock))
        return self._flow.authorization_url(pending, again=again), pending

    def finish(self, answer: Mapping[str, str], pending: PendingSignIn) -> ProviderPerson:
        """Complete the sign-in. ``answer``: the query that the provider gave the browser. Raises
        SignInFailed."""
        if not pending.is_state(answer.get("state")):
            raise SignInFailed(SignInFault.OUTDATED, "the state is not that of this browser")
        self._check_issuer(answer.get("iss"))
        code = answer.get("code", "")
        if "error" in answer or not 0 < len(code) <= MOST_CODE:
            raise SignInFailed(SignInFault.REFUSED, f"the answer is {answer.get('error', '')[:64]!r}")
        claims = self._flow.claims(code, pending, wall_ms(self._clock) // 1000)
        return read_person(claims, self._settings, pending.begun_ms // 1000)

    def _check_issuer(self, issuer: str | None) -> None:
        """Refuse an answer of another provider: it must not be redeemed at this one (RFC 9207)."""
        needed = self._documents.metadata().authorization_response_iss_parameter_supported
        if issuer != self._settings.issuer and (needed or issuer is not None):
            raise SignInFailed(SignInFault.PROVIDER_WRONG, "the answer is of another issuer")


def _code_flow(
    settings: OidcSettings, redirect_uri: str, documents: ProviderDocuments, http: ProviderHttp
) -> CodeFlow:
    """Make the code flow. Its libraries are imported here: a console without ``oidc`` never loads them."""
    try:
        from edge_central.web.auth.oidc.code_flow import CodeFlow
    except ImportError as error:
        raise CentralError(
            f"console.oidc needs Authlib ({error.name} is missing): install edge-agent[central] again"
        ) from error
    return CodeFlow(settings, redirect_uri, documents, http)
