"""The authorization code flow by Authlib, and the checks of the ID token by Authlib and joserfc.

No other module imports these libraries; ``provider.py`` imports this one if the console has ``oidc``.

Sources: OpenID Connect Core 1.0, section 3.1; OAuth 2.0 Security Best Current Practice (RFC 9700).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import msgspec
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, import_key

from edge_central.oidc_settings import OidcSettings
from edge_central.web.auth.oidc.documents import (
    HEADERS,
    RENEW_S,
    ProviderDocuments,
    ProviderHttp,
    ProviderMetadata,
    decoded,
)
from edge_central.web.auth.oidc.errors import SignInFailed, SignInFault
from edge_central.web.auth.oidc.pending import PendingSignIn
from edge_central.web.auth.oidc.person import SKEW_S
from edge_central.web.auth.sessions import SIGN_IN_S

ALGORITHMS = ("RS256", "PS256", "ES256")
"""The only accepted algorithms, whatever a token or the provider says. ``none`` is never accepted, nor a
symmetric algorithm, so that nothing can be signed with the client secret."""
MOST_TOKEN = 65_536


class TokenResponse(msgspec.Struct, frozen=True):
    """The members of the token response that the console uses."""

    id_token: str
    access_token: str = ""


class TokenError(msgspec.Struct, frozen=True):
    """An error in the token response (RFC 6749, section 5.2)."""

    error: str = ""


class CodeFlow:
    """Runs the authorization code flow. Thread-safe; blocks for the requests."""

    def __init__(
        self, settings: OidcSettings, redirect_uri: str, documents: ProviderDocuments, http: ProviderHttp
    ) -> None:
        self._settings = settings
        self._redirect_uri = redirect_uri
        self._documents = documents
        self._http = http

    def authorization_url(self, pending: PendingSignIn, *, again: bool) -> str:
        """Return the address to which the browser goes to sign in. ``again``: the provider asks the user to
        log in even if there is a session, and reports the time of the login (OpenID Connect Core 1.0, section
        3.1.2.1). Raises SignInFailed."""
        metadata = self._documents.metadata()
        more = {"acr_values": " ".join(self._settings.acr)} if self._settings.acr else {}
        more |= {"prompt": "login"} if again or self._settings.prompt_login else {}
        more |= {"max_age": str(SIGN_IN_S)} if again else {}
        url, _ = self._client(metadata).create_authorization_url(
            metadata.authorization_endpoint,
            state=pending.state,
            nonce=pending.nonce,
            code_verifier=pending.verifier,
            **more,
        )
        return str(url)

    def claims(self, code: str, pending: PendingSignIn, now_s: int) -> Mapping[str, Any]:
        """Redeem the code, and return the verified claims of the ID token. Raises SignInFailed."""
        metadata = self._documents.metadata()
        posted: Mapping[str, Any] = self._client(metadata).fetch_token(
            metadata.token_endpoint,
            grant_type="authorization_code",
            code=code,
            code_verifier=pending.verifier,
        )
        try:
            return self._verified(str(posted["id_token"]), str(posted["access_token"]), pending.nonce, now_s)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
            # The text of a JoseError names a claim or a header, not its value.
            reason = str(error) if isinstance(error, JoseError) else type(error).__name__
            raise SignInFailed(SignInFault.PROVIDER_WRONG, f"its ID token is not valid: {reason}") from error

    def _client(self, metadata: ProviderMetadata) -> Any:
        methods = metadata.token_endpoint_auth_methods_supported
        basic = "client_secret_basic" in methods or "client_secret_post" not in methods
        return OAuth2Client(
            _BoundedSession(self._http),
            client_id=self._settings.client_id,
            client_secret=self._settings.client_secret.reveal(),
            token_endpoint_auth_method="client_secret_basic" if basic else "client_secret_post",
            scope=" ".join(("openid", *self._settings.scopes)),
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
        )

    def _verified(self, id_token: str, access_token: str, nonce: str, now_s: int) -> Mapping[str, Any]:
        """Return the ID token's claims. Raises SignInFailed, JoseError; for odd values other errors too."""
        if len(id_token) > MOST_TOKEN:
            raise SignInFailed(SignInFault.PROVIDER_WRONG, "its ID token is too long")
        try:
            token = self._decoded(id_token, self._documents.keys())
        except InvalidKeyIdError:  # the provider has new keys
            token = self._decoded(id_token, self._documents.keys(RENEW_S))
        options = {
            "iss": {"essential": True, "value": self._settings.issuer},
            "aud": {"essential": True, "value": self._settings.client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "iat": {"essential": True},
        }
        expected = {"nonce": nonce, "client_id": self._settings.client_id, "access_token": access_token}
        claims = CodeIDToken(token.claims, token.header, options, expected)
        claims.validate(now=now_s, leeway=SKEW_S)
        return dict(token.claims)

    def _decoded(self, id_token: str, keys: list[dict[str, Any]]) -> jwt.Token:
        return jwt.decode(id_token, _key_set(keys), algorithms=list(ALGORITHMS))


def _key_set(keys: list[dict[str, Any]]) -> KeySet:
    """Return the keys that the library can read. Other keys, such as those of another curve, are skipped."""
    readable = []
    for key in keys:
        with suppress(JoseError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError):
            readable.append(import_key(key))
    return KeySet(readable)


class _BoundedSession:
    """Sends the requests of Authlib, with limits on them."""

    def __init__(self, http: ProviderHttp) -> None:
        self._http = http

    def post(self, url: str, *, data: Mapping[str, str], auth: Any, **_: object) -> _BoundedResponse:
        """Send the token request. Raises SignInFailed."""
        headers = HEADERS | {"Content-Type": "application/x-www-form-urlencoded"}
        url, headers, body = auth.prepare("POST", url, headers, urlencode(data))
        answer = self._http.send("POST", url, headers, body.encode())
        if answer.status == 200:
            return _BoundedResponse(decoded(answer.text, TokenResponse))
        error = decoded(answer.text, TokenError).error[:64]
        # A code can be redeemed once, within some minutes.
        fault = SignInFault.OUTDATED if error == "invalid_grant" else SignInFault.PROVIDER_WRONG
        raise SignInFailed(fault, f"it does not redeem the code: {error!r}")


class _BoundedResponse:
    """A token response that has only checked members."""

    status_code = 200

    def __init__(self, checked: TokenResponse) -> None:
        self._checked = checked

    def raise_for_status(self) -> None:
        """Do nothing, because only responses with status 200 are made."""

    def json(self) -> dict[str, Any]:
        return {"id_token": self._checked.id_token, "access_token": self._checked.access_token}
