"""The facts that the console needs when the user comes back from the provider.

They are in an encrypted cookie of the browser that began the sign-in, for ten minutes, not on the server.
"""

from __future__ import annotations

import base64
import hmac
import secrets

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from edge_central.web.auth.sessions import SIGN_IN_S

NONCE_BYTES = 12
RANDOM_BYTES = 32
MOST_PATH = 1_000


class PendingSignIn(msgspec.Struct, frozen=True):
    state: str
    """The provider returns it with the user: it binds the answer to this browser (RFC 6749, 10.12)."""
    nonce: str
    """The provider returns it in the ID token: it binds the token to this sign-in."""
    verifier: str
    """Proves to the provider that the server that began the sign-in redeems its code: PKCE (RFC 7636)."""
    next: str
    """The page that the user wanted, a path of this server."""
    begun_ms: int

    def is_state(self, state: str | None) -> bool:
        return hmac.compare_digest(self.state.encode(), (state or "").encode("utf-8", "replace"))


class PendingSignIns:
    """Stores unfinished sign-ins in an encrypted cookie. ``key``: 32 bytes, known to this server only."""

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)

    def new(self, path: str, now_ms: int) -> PendingSignIn:
        state, nonce, verifier = (secrets.token_urlsafe(RANDOM_BYTES) for _ in range(3))
        return PendingSignIn(state, nonce, verifier, path if len(path) <= MOST_PATH else "/", now_ms)

    def seal(self, pending: PendingSignIn) -> str:
        """Return the value of the cookie."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, msgspec.json.encode(pending), None)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, cookie: str | None, now_ms: int) -> PendingSignIn | None:
        """Return the pending sign-in in the cookie. None: there is no cookie, another server made it, or it
        is too old."""
        try:
            sealed = base64.urlsafe_b64decode((cookie or "").encode("ascii") + b"==")
            text = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
            pending = msgspec.json.decode(text, type=PendingSignIn)
        except (ValueError, UnicodeError, InvalidTag, msgspec.DecodeError):
            return None
        return pending if 0 <= now_ms - pending.begun_ms < SIGN_IN_S * 1000 else None
