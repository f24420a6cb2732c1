"""The password with which a program logs in as ONVIF defines it.

HTTP Digest and WS-UsernameToken need a password that the server knows, but only the digest of a token is
stored. So the password is derived from that digest with a key of this server: neither the database nor a
backup of it contains it, and it changes with the token.
"""

from __future__ import annotations

import base64
import hmac

from edge_central.web.auth.second_factor import derived_key

PURPOSE = "onvif password"
PASSWORD_BYTES = 20


def onvif_password(console_key: bytes, name: str, token_sha256: str) -> str:
    """Return a password of 32 lower-case letters and digits. ``console_key``: the key in ``console.key``."""
    key = derived_key(console_key, PURPOSE)
    mac = hmac.digest(key, f"{name}\n{token_sha256}".encode(), "sha256")
    return base64.b32encode(mac[:PASSWORD_BYTES]).decode().lower()
