"""Passwords as scrypt digests, tokens as SHA-256 of what nobody can guess.

``scrypt$<log2 n>$<r>$<p>$<salt>$<digest>``: RFC 7914. The parameters are among those that OWASP's Password
Storage Cheat Sheet names as equal in strength; this one takes 32 MB for each attempt.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata

LOG_N, R, P = 15, 8, 3
SALT_BYTES = 16
DIGEST_BYTES = 32
LEAST_CHARACTERS = 10
MOST_CHARACTERS = 200
TOKEN_BYTES = 32


def hash_password(password: str) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    return f"scrypt${LOG_N}${R}${P}${_base64(salt)}${_base64(_digest(password, salt, LOG_N, R, P))}"


def password_matches(password: str, stored: str | None) -> bool:
    """In the same time where there is no account or no password: who asks learns nothing from it."""
    _, log_n, r, p, salt, digest = (stored or _dummy_digest()).split("$")
    found = _digest(password, base64.b64decode(salt), int(log_n), int(r), int(p))
    return hmac.compare_digest(found, base64.b64decode(digest)) and stored is not None


def password_fault(password: str) -> str | None:
    """None: good enough to be set."""
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        return f"a password has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters, not {len(password)}"
    if len(set(password)) < 5:
        return "a password has at least 5 different characters"
    return None


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_digest(token: str) -> str:
    """What is stored of a token. It has 256 random bits: a slow digest would add nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def _dummy_digest() -> str:
    return f"scrypt${LOG_N}${R}${P}${_base64(bytes(SALT_BYTES))}${_base64(bytes(DIGEST_BYTES))}"


def _digest(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    # Composed letters: a Mac types ế as three characters, a phone as one.
    text = unicodedata.normalize("NFC", password[:MOST_CHARACTERS]).encode("utf-8", "replace")
    n = 1 << log_n
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=DIGEST_BYTES)


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
