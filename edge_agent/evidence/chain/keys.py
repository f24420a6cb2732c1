"""The gateway's Ed25519 key, which signs the heads of its chain of events.

``<state_dir>/keys/evidence.pem`` is the private key. Beside it are the public keys of all private keys that
this gateway ever had, named by their ids. With them, heads of an older key can still be checked; if there are
only public keys, the private key was lost.

A key is never overwritten; one that cannot be parsed is renamed. ``cryptography`` is imported inside the
functions, so that commands that neither sign nor check start faster.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.problems import problem_text
from edge_agent.core.state_file import sync_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

log = logging.getLogger(__name__)

FOLDER = "keys"
PRIVATE = "evidence.pem"
PRIVATE_DER = bytes.fromhex("302e020100300506032b657004220420")
"""Prefix of the 32 bytes of a private key in PKCS #8; RFC 8410, section 7. Encoded and decoded here, because
``cryptography``'s module for it costs a running agent 3.4 MB."""
PUBLIC_DER = bytes.fromhex("302a300506032b6570032100")
"""Prefix of the 32 bytes of a public key; RFC 8410, section 4."""
JOURNAL = Path("evidence", "journal")
"""Folder of the journal below ``state_dir``; if it exists, this gateway had a key before."""


class KeyProblem(EdgeAgentError):
    """A key is missing or invalid."""


class SigningKey:
    """A private key. ``notice`` says why the key is new or not on the disk; None if neither is the case."""

    def __init__(self, private: Ed25519PrivateKey, notice: str | None = None) -> None:
        self._private = private
        self.notice = notice
        self.der = public_der(private.public_key())
        self.id = key_id(self.der)

    @property
    def public_base64(self) -> str:
        """The public key as in the birth message: DER in base64."""
        return base64.b64encode(self.der).decode()

    def sign(self, text: bytes) -> bytes:
        return self._private.sign(text)


def load_or_make(state_dir: Path) -> SigningKey:
    """Return the gateway's key; create it if there is none.

    If it cannot be written to the disk, it is only in memory and has a notice.
    """
    folder = state_dir / FOLDER
    key = _load_or_make(folder, folder / PRIVATE, state_dir / JOURNAL)
    path, pem = folder / f"evidence-{key.id[:16]}.pub.pem", to_pem(key.der)
    try:
        if not path.exists() or path.read_bytes() != pem:
            path.unlink(missing_ok=True)
            _write(path, pem, 0o644)
    except OSError as error:
        log.warning("evidence: the public key cannot be written beside the private one: %s", error)
    return key


def load_private(state_dir: Path) -> SigningKey:
    """Return the existing key, for a program beside the agent. Raises ``KeyProblem`` if there is none."""
    path = state_dir / FOLDER / PRIVATE
    try:
        return SigningKey(_parse(path.read_bytes()))
    except OSError as error:
        raise KeyProblem(f"{path} cannot be read: {error.strerror or error}") from error


def _load_or_make(folder: Path, path: Path, journal: Path) -> SigningKey:
    try:
        return SigningKey(_parse(path.read_bytes()))
    except FileNotFoundError:
        reason = problem_text("evidence-key-gone", file=str(path)) if _had_one(folder, journal) else None
    except KeyProblem as error:
        reason = problem_text("evidence-key-unusable", file=str(path), error=str(error))
        _quarantine(path)
    except OSError as error:
        # The file may be good but not readable now: do not overwrite it.
        unread = {"file": str(path), "error": str(error.strerror)}
        return _in_memory(problem_text("evidence-key-unreadable", **unread))
    return _make(folder, reason)


def _had_one(folder: Path, journal: Path) -> bool:
    try:
        return any(folder.glob("evidence-*.pub.pem")) or any(journal.glob("*"))
    except OSError:  # the folder is there, but cannot be read
        return True


def public_keys(state_dir: Path) -> dict[str, bytes]:
    """Return the PEM of each key this gateway ever had, by key id; skip damaged keys. Raises ``OSError``."""
    found = {}
    for path in sorted((state_dir / FOLDER).glob("evidence-*.pub.pem")):
        pem = path.read_bytes()
        with contextlib.suppress(KeyProblem):
            found[key_id(public_der(load_public(pem)))] = pem
    return found


def load_public(pem: bytes) -> Ed25519PublicKey:
    """Parse a public key. Raises ``KeyProblem``."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyProblem("this is not a PEM file of a public key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyProblem("this public key is of another kind; heads are signed with Ed25519")
    return key


def public_der(key: Ed25519PublicKey) -> bytes:
    return PUBLIC_DER + key.public_bytes_raw()


def key_id(der: bytes) -> str:
    """Return the id of a public key: the SHA-256 of its DER form, in hex."""
    return hashlib.sha256(der).hexdigest()


def to_pem(der: bytes) -> bytes:
    """Return a public key as PEM, for openssl."""
    return _pem(der, b"PUBLIC KEY")


def _pem(der: bytes, what: bytes) -> bytes:
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (what, base64.b64encode(der), what)


# --- creating and parsing private keys ---


def _parse(pem: bytes) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    der = _own_form(pem)
    return _parse_any(pem) if der is None else Ed25519PrivateKey.from_private_bytes(der[len(PRIVATE_DER) :])


def _own_form(pem: bytes) -> bytes | None:
    """Return the private key in DER from a PEM file as ``_make`` writes it; None for any other file."""
    lines = pem.split()
    with contextlib.suppress(ValueError):
        der = base64.b64decode(lines[3] if len(lines) == 7 else b"", validate=True)
        is_private = der.startswith(PRIVATE_DER) and len(der) == len(PRIVATE_DER) + 32
        if is_private and pem == _pem(der, b"PRIVATE KEY"):
            return der
    return None


def _parse_any(pem: bytes) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyProblem("this is not a PEM file of a private key without a passphrase") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyProblem("this private key is of another kind; heads are signed with Ed25519")
    return key


def _make(folder: Path, reason: str | None) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    notice = reason and problem_text("evidence-key-new", why=reason)
    key = SigningKey(private, notice)
    pem = _pem(PRIVATE_DER + private.private_bytes_raw(), b"PRIVATE KEY")
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        _write(folder / PRIVATE, pem, 0o600)
    except OSError as error:
        unwritten = {"file": str(folder / PRIVATE), "error": str(error.strerror)}
        return _in_memory(problem_text("evidence-key-unwritable", **unwritten), private)
    if notice is None:
        log.info("evidence: made the key %s, %s", key.id[:16], folder / PRIVATE)
    else:
        log.error("evidence: %s (%s)", notice, key.id[:16])
    return key


def _in_memory(reason: str, private: Ed25519PrivateKey | None = None) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    notice = problem_text("evidence-key-in-memory", why=reason)
    log.error("evidence: %s", notice)
    return SigningKey(private or Ed25519PrivateKey.generate(), notice)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a new file durably, as a whole or not at all. Raises ``OSError``, also if the file exists."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            os.write(file, content)
            os.fsync(file)
        finally:
            os.close(file)
        os.link(temporary, path)  # unlike a rename, a link never replaces a file
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _quarantine(path: Path) -> None:
    try:
        path.rename(path.with_name(f"{path.name}.unusable-{secrets.token_hex(4)}"))
    except OSError as error:
        log.warning("evidence: %s cannot be set aside (%s)", path, error.strerror)
