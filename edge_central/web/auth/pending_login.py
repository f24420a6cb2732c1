"""The step between password and code: a proof that this browser has sent the right password.

The proof is in a field of the form for the code; the server stores nothing. It is valid for a few minutes, in
the browser that sent the password, and until the password changes.
"""

from __future__ import annotations

import hashlib
import hmac

PENDING_S = 300


class PendingLogins:
    """Makes and verifies the proofs. ``key``: 32 bytes, known to this server only."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def new(self, name: str, browser: str, password: str, now_ms: int) -> str:
        """Return a new proof. ``browser``: the value of its login cookie. ``password``: the stored digest."""
        expires_ms = now_ms + PENDING_S * 1000
        return f"{expires_ms}.{self._mac(name, browser, password, expires_ms)}"

    def is_valid(self, proof: str, name: str, browser: str, password: str | None, now_ms: int) -> bool:
        expires, _, mac = proof.partition(".")
        if password is None or not (expires.isascii() and expires.isdecimal() and len(expires) < 18):
            return False
        expires_ms = int(expires)
        expected = self._mac(name, browser, password, expires_ms)
        in_time = now_ms < expires_ms <= now_ms + PENDING_S * 1000
        return hmac.compare_digest(mac.encode("utf-8", "replace"), expected.encode()) and in_time

    def _mac(self, name: str, browser: str, password: str, expires_ms: int) -> str:
        text = "\n".join((str(expires_ms), password, browser, name))
        return hmac.new(self._key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
