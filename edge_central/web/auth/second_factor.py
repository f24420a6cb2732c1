"""The second factor: codes of an authenticator app (TOTP, RFC 6238) and recovery codes.

A code has 6 digits, changes every 30 s and is made with SHA-1: all apps support this. The codes of the 30 s
before and after are accepted too, for a wrong clock. After a code, only codes of later steps are accepted.
Recovery codes have 80 random bits; their SHA-256 is stored, and a used one is deleted.

The server needs the secret to compute codes, so it is encrypted with a key of this server, not hashed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import Connection, delete, func, insert, select, update

from edge_central.store import tables

ISSUER = "edge-agent"
STEP_S = 30
SKEW_STEPS = 1
DIGITS = 6
SECRET_BYTES = 20
"""Length of a secret, as long as the digest of SHA-1 (RFC 4226, section 4)."""
NONCE_BYTES = 12
TIME_BYTES = 8
OFFER_S = 900
"""Time from the display of a new secret until its first code must be typed."""
RECOVERY_CODES = 10
RECOVERY_BYTES = 10


class FactorUsed(StrEnum):
    APP = "app"
    RECOVERY = "recovery"


class SecondFactorUnreadable(Exception):
    """The stored secret was encrypted with another key: an administrator has to reset the second factor."""


class SecondFactors:
    """Encrypts secrets of second factors and checks codes. ``key``: 32 bytes, see ``derived_key``."""

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)

    def offer(self, name: str, secret: bytes, now_ms: int) -> str:
        """Return a sealed secret, which is stored only in a field of the form for its first code."""
        expires = (now_ms + OFFER_S * 1000).to_bytes(TIME_BYTES, "big")
        return base64.urlsafe_b64encode(self._seal(expires + secret, b"offer", name)).decode()

    def offered_secret(self, name: str, offer: str, now_ms: int) -> bytes | None:
        """Return the secret of a valid offer to this account. None: the text is no such offer, or it has
        expired."""
        try:
            text = self._open(base64.urlsafe_b64decode(offer.encode("ascii")), b"offer", name)
        except (ValueError, UnicodeError, InvalidTag):
            return None
        expires_ms = int.from_bytes(text[:TIME_BYTES], "big")
        return text[TIME_BYTES:] if now_ms < expires_ms <= now_ms + OFFER_S * 1000 else None

    def store(self, connection: Connection, name: str, secret: bytes, step: int) -> None:
        """Store the secret. ``step``: time step of the confirming code, which cannot be used again."""
        sealed = self._seal(secret, b"stored", name)
        values = {"second_factor": sealed, "second_factor_step": step}
        connection.execute(update(tables.account).where(tables.account.c.name == name).values(values))

    def accept(self, connection: Connection, name: str, typed: str, now_ms: int) -> FactorUsed | None:
        """Use up a code of the app or a recovery code. None: the code is wrong, or was used before. Raises
        SecondFactorUnreadable."""
        code = "".join(typed.split()).replace("-", "")[:64]
        if len(code) != DIGITS:
            return FactorUsed.RECOVERY if _use_recovery_code(connection, name, code) else None
        columns, sealed = tables.account.c, stored_factor(connection, name)
        step = None if sealed is None else matching_step(self._secret(name, sealed), code, now_ms)
        if step is None:
            return None
        unused = columns.second_factor_step.is_(None) | (columns.second_factor_step < step)
        # One statement, so that only one of two browsers that send the same code at once is accepted.
        used = update(tables.account).where(columns.name == name, unused).values(second_factor_step=step)
        return FactorUsed.APP if connection.execute(used).rowcount else None

    def _secret(self, name: str, sealed: bytes) -> bytes:
        try:
            return self._open(sealed, b"stored", name)
        except (ValueError, InvalidTag) as error:
            raise SecondFactorUnreadable(name) from error

    def _seal(self, text: bytes, purpose: bytes, name: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text, _bound_to(purpose, name))

    def _open(self, sealed: bytes, purpose: bytes, name: str) -> bytes:
        """Decrypt a sealed secret. Raises InvalidTag, ValueError."""
        nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        return self._cipher.decrypt(nonce, text, _bound_to(purpose, name))


def stored_factor(connection: Connection, name: str) -> bytes | None:
    """Return the encrypted secret. None: the account has none, or does not exist."""
    columns = tables.account.c
    return connection.scalar(select(columns.second_factor).where(columns.name == name))


KEY_FILE, KEY_BYTES = "console.key", 32
"""File in the centre's folder with the key from which the other keys are derived; its length."""


def derived_key(key: bytes, purpose: str) -> bytes:
    """Return a key of 32 bytes for one purpose; values made with it are not valid for another purpose."""
    return hmac.digest(key, purpose.encode(), "sha256")


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """Return the secret as a person types it into an app: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def provisioning_uri(secret: bytes, name: str) -> str:
    """Return the ``otpauth:`` address that the apps read."""
    return TOTP(secret, DIGITS, SHA1(), STEP_S).get_provisioning_uri(name, ISSUER)


def matching_step(secret: bytes, code: str, now_ms: int) -> int | None:
    """Return the time step of this code, within the accepted skew. None: the code belongs to no such step."""
    step, hotp = now_ms // (STEP_S * 1000), HOTP(secret, DIGITS, SHA1())
    for each in range(max(0, step - SKEW_STEPS), step + SKEW_STEPS + 1):
        if hmac.compare_digest(hotp.generate(each), code.encode("utf-8", "replace")):
            return each
    return None


def replace_recovery_codes(connection: Connection, name: str) -> list[str]:
    """Store new recovery codes and return them, to be shown once. The former ones are invalid from now on."""
    codes = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    columns = tables.recovery_code.c
    connection.execute(delete(tables.recovery_code).where(columns.account == name))
    rows = [{"sha256": _recovery_digest(name, code), "account": name} for code in codes]
    connection.execute(insert(tables.recovery_code), rows)
    return ["-".join(code[start : start + 4] for start in range(0, len(code), 4)) for code in codes]


def count_recovery_codes(connection: Connection, name: str) -> int:
    wanted = select(func.count()).where(tables.recovery_code.c.account == name)
    return connection.scalar(wanted) or 0


def remove_second_factor(connection: Connection, name: str) -> None:
    """Delete the secret and the recovery codes. No key is needed."""
    nothing = {"second_factor": None, "second_factor_step": None}
    connection.execute(update(tables.account).where(tables.account.c.name == name).values(nothing))
    connection.execute(delete(tables.recovery_code).where(tables.recovery_code.c.account == name))


def _use_recovery_code(connection: Connection, name: str, code: str) -> bool:
    columns = tables.recovery_code.c
    wanted = (columns.account == name, columns.sha256 == _recovery_digest(name, code.upper()))
    return connection.execute(delete(tables.recovery_code).where(*wanted)).rowcount > 0


def _recovery_digest(name: str, code: str) -> str:
    return hashlib.sha256(f"{name}\n{code}".encode("utf-8", "replace")).hexdigest()


def _bound_to(purpose: bytes, name: str) -> bytes:
    """Return the associated data, which prevents that a sealed secret is opened in another account."""
    return purpose + b"\n" + name.encode()
