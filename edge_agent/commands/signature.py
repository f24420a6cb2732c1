"""Signatures of commands: a compact JWS (RFC 7515) with EdDSA on Ed25519 (RFC 8037).

Operators sign commands, and the centre its searches. One algorithm and a key named by its id are accepted, no
unknown header. There is no JOSE library: a choice of algorithms is the usual weakness of JWS (RFC 8725, 3.1),
and little code is needed without one. Functions import ``cryptography`` when they need it.

The functions at the end are for control machines: they make and read an operator's private key, and sign.
"""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edge_agent.commands.action import SEARCH_TYPES, CommandRefused
from edge_agent.commands.document import decode_without_duplicates
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.problems import problem_text
from edge_agent.wire import Claim

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


log = logging.getLogger(__name__)

MAX_JWS_BYTES = 4 * 256_000 // 3 + 1024
"""Largest JWS: base64 of the largest document, header and signature."""
MAX_KEYS = 32
PUBLIC_DER = bytes.fromhex("302a300506032b6570032100")
"""DER prefix of the 32 bytes of a public key; RFC 8410, section 4."""
PRIVATE_DER = bytes.fromhex("302e020100300506032b657004220420")
"""DER prefix of the 32 bytes of a private key, in PKCS #8; RFC 8410, section 7."""
SHORT_ID = 16

_PARTS = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PUBLIC KEY-----")
_HEADER_FIELDS = {"alg", "kid", "typ"}


def key_id(der: bytes) -> str:
    """Return the SHA-256 of the public key (DER), hex."""
    return hashlib.sha256(der).hexdigest()


def is_jws(payload: bytes) -> bool:
    """Return whether the payload looks like a compact JWS rather than a bare document."""
    return payload[:1] not in (b"{", b"", b" ", b"\n", b"\r", b"\t") and payload.count(b".") == 2


def payload_of(jws: bytes) -> bytes:
    """Return the document without verifying the signature, for replies only; empty if it is unreadable."""
    part = jws.split(b".")[1]
    try:
        return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except ValueError:
        return b""


class OperatorKeyring:
    """The public keys that may sign commands: operators' keys sign everything, search keys only searches.
    The files are read for each signature, so added and removed keys take effect at once."""

    def __init__(self, operator_keys: Sequence[Path], search_keys: Sequence[Path] = ()) -> None:
        """``operator_keys``, ``search_keys``: files, and folders of files ``*.pem``."""
        self._operator_keys = operator_keys
        self._search_keys = search_keys

    def keys(self, type_: str = "") -> dict[str, bytes]:
        """Return the 32 bytes of each key that may sign a command of this type, by id; without a type, the
        operators' keys. A key that is in both lists is a search key. A file that cannot be read is logged and
        left out."""
        searchers = _read_keys(self._search_keys)
        operators = {id_: raw for id_, raw in _read_keys(self._operator_keys).items() if id_ not in searchers}
        return operators | searchers if type_ in SEARCH_TYPES else operators

    def may_sign(self, signed_by: str | None, type_: str) -> bool:
        """Return whether the key is still configured and may sign commands of this type."""
        return signed_by in self.keys(type_)

    def is_search_key(self, signed_by: str | None) -> bool:
        return signed_by in _read_keys(self._search_keys)

    def open(self, jws: bytes, type_: str = "") -> tuple[bytes, str]:
        """Return the signed document and the id of the key. Raises CommandRefused unless the key may sign a
        command of this type; without a type, only operators' keys may."""
        document, kid, _ = _split(jws)
        by, public = self._key(kid, type_)
        verify(jws, public)
        return document, by

    def _key(self, kid: str, type_: str) -> tuple[str, bytes]:
        keys = self.keys(type_)
        for id_, raw in keys.items():
            if kid in (id_, id_[:SHORT_ID]):
                return id_, raw
        if any(kid in (id_, id_[:SHORT_ID]) for id_ in _read_keys(self._search_keys)):
            raise CommandRefused(problem_text("command-search-key", key=kid), "unknown-key")
        if not keys:
            raise CommandRefused(problem_text("command-no-keys"))
        raise CommandRefused(problem_text("command-unknown-key", key=kid), "unknown-key")


def read_unverified(jws: bytes) -> tuple[bytes, str]:
    """Return the document of a JWS and the id of the key that it names, without verifying the signature.
    Raises CommandRefused if the JWS has another form than gateways accept."""
    document, kid, _ = _split(jws)
    return document, kid


def verify(jws: bytes, public: bytes) -> bytes:
    """Return the document of a JWS that the key signed. ``public``: the 32 bytes of ``read_public``. Raises
    CommandRefused, also when the header names another key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    document, kid, signature = _split(jws)
    own = key_id(PUBLIC_DER + public)
    if kid not in (own, own[:SHORT_ID]):
        raise CommandRefused(problem_text("command-unknown-key", key=kid), "unknown-key")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, jws.rpartition(b".")[0])
    except InvalidSignature:
        raise CommandRefused(problem_text("command-bad-signature", key=kid), "bad-signature") from None
    return document


def open_claim(jws: bytes) -> Claim:
    """Return the claim of a box. It is verified with the key that the claim itself contains, so a changed
    claim would have to be signed with another key. Raises ValueError."""
    try:
        claim = msgspec.json.decode(read_unverified(jws)[0], type=Claim)
        raw = read_public(claim.public_key)
        verify(jws, raw)
    except (CommandRefused, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is not a claim signed by its box: {error}"[:300]) from None
    if key_id(PUBLIC_DER + raw) != claim.key_sha256:
        raise ValueError("its fingerprint is not that of its key")
    return claim


def _split(jws: bytes) -> tuple[bytes, str, bytes]:
    """Return the document, the id of the key in the header, and the signature. Raises CommandRefused."""
    if len(jws) > MAX_JWS_BYTES:
        reason = problem_text("command-too-large", bytes=len(jws), limit=MAX_JWS_BYTES)
        raise CommandRefused(reason, "oversized")
    match = _PARTS.fullmatch(jws)
    if match is None:
        raise CommandRefused(problem_text("command-no-jws"), "malformed")
    try:
        header, document, signature = (_base64(part) for part in match.groups())
    except ValueError:
        raise CommandRefused(problem_text("command-no-base64"), "malformed") from None
    return document, _kid(header), signature


def _read_keys(places: Sequence[Path]) -> dict[str, bytes]:
    """Return the keys by id, of at most ``MAX_KEYS`` files."""
    folders = [sorted(place.glob("*.pem")) if place.is_dir() else [place] for place in places]
    found: dict[str, bytes] = {}
    for path in [path for paths in folders for path in paths][:MAX_KEYS]:
        try:
            raw = read_public(path.read_text(encoding="ascii", errors="replace"))
        except OSError as error:
            log.warning("commands: the key %s cannot be read: %s", path, error.strerror)
        except ValueError as error:
            log.warning("commands: the key %s is not used: %s", path, error)
        else:
            found[key_id(PUBLIC_DER + raw)] = raw
    return found


def _kid(header: bytes) -> str:
    """Return the id of the key that the header names. Raises CommandRefused."""
    try:
        found: Any = decode_without_duplicates(header)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise CommandRefused(problem_text("command-header-no-json"), "malformed") from None
    if not isinstance(found, dict) or found.get("alg") != "EdDSA":
        raise CommandRefused(problem_text("command-other-algorithm"), "bad-signature")
    if unknown := found.keys() - _HEADER_FIELDS:
        names = ", ".join(sorted(unknown))[:100]
        raise CommandRefused(problem_text("command-header-unknown", names=names), "bad-signature")
    kid = found.get("kid")
    if not isinstance(kid, str) or re.fullmatch(r"[0-9a-f]{16}([0-9a-f]{48})?", kid) is None:
        raise CommandRefused(problem_text("command-header-no-key"), "bad-signature")
    return kid


def read_public(pem: str) -> bytes:
    """Return the Ed25519 key, 32 bytes. Raises ``ValueError`` that says what the file contains instead."""
    if "PRIVATE KEY-----" in pem:
        raise ValueError("it holds a private key, which has no place on a gateway")
    match = _PEM.search(pem)
    if match is None:
        raise ValueError("it holds no public key in PEM")
    try:
        der = base64.b64decode("".join(match[1].split()), validate=True)
    except binascii.Error:
        raise ValueError("its public key is damaged") from None
    if not der.startswith(PUBLIC_DER) or len(der) != len(PUBLIC_DER) + 32:
        raise ValueError("its key is not Ed25519")
    return der.removeprefix(PUBLIC_DER)


def sign(document: bytes, private: Ed25519PrivateKey) -> bytes:
    """Return the compact JWS of a document."""
    kid = key_id(PUBLIC_DER + private.public_key().public_bytes_raw())
    header = msgspec.json.encode({"alg": "EdDSA", "kid": kid})
    signed = b".".join(map(_base64url, (header, document)))
    return signed + b"." + _base64url(private.sign(signed))


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _base64(part: bytes) -> bytes:
    """Decode base64url. Raises ``ValueError``, also for a non-canonical encoding of the bytes."""
    try:
        data = base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    if _base64url(data) != part:
        raise ValueError("it is not in canonical form")
    return data


_PRIVATE_PEM = re.compile(r"-----BEGIN PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PRIVATE KEY-----")


class KeyUnusable(EdgeAgentError):
    """The private key cannot be used. Nothing was sent."""


def read_private(path: Path) -> Ed25519PrivateKey:
    """Read a private key without a password. Raises ``KeyUnusable``, ``OSError``."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    match = _PRIVATE_PEM.search(path.read_text(encoding="ascii", errors="replace"))
    try:
        der = base64.b64decode("".join(match[1].split())) if match else b""
    except binascii.Error:
        der = b""
    if not der.startswith(PRIVATE_DER) or len(der) != len(PRIVATE_DER) + 32:
        raise KeyUnusable(f"{path} holds no Ed25519 private key without a password; nothing was sent")
    return Ed25519PrivateKey.from_private_bytes(der.removeprefix(PRIVATE_DER))


def make_key(path: Path) -> tuple[Path, str]:
    """Write a new pair of keys, in a format that openssl reads as well.

    Returns the file of the public key, and its id. Raises ``OSError``, also when one of the files exists."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public_path = path.with_suffix(".pub.pem")
    if public_path.exists():  # checked first, so that no private key is left without its public one
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(public_path))
    private = Ed25519PrivateKey.generate()
    der = PUBLIC_DER + private.public_key().public_bytes_raw()
    _write(path, "PRIVATE KEY", PRIVATE_DER + private.private_bytes_raw(), 0o600)
    _write(public_path, "PUBLIC KEY", der, 0o644)
    return public_path, key_id(der)[:SHORT_ID]


def _write(path: Path, what: str, der: bytes, mode: int) -> None:
    body = base64.b64encode(der).decode()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="ascii") as file:
        file.write(f"-----BEGIN {what}-----\n{body}\n-----END {what}-----\n")
