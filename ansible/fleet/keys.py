"""Reads keys and certificates, and says what a file is instead, never in the words of a library."""

from __future__ import annotations

import getpass
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

MAX_BYTES = 1_000_000
"""A larger file is neither a key nor a list of certificates."""
MAKE_ONE = "make one with `openssl genpkey -algorithm ed25519 -out FILE`"
_KINDS = ((RSAPrivateKey, "an RSA key"), (EllipticCurvePrivateKey, "a key of an elliptic curve"))
_OTHERS = (
    (b"OPENSSH PRIVATE KEY-----", "a key of ssh"),
    (b"PUBLIC KEY-----", "a public key"),
    (b"CERTIFICATE REQUEST-----", "a request for a certificate"),
    (b"CERTIFICATE-----", "a certificate"),
    (b"PRIVATE KEY-----", "a private key"),
)


def ask_passphrase(of: str) -> str:
    """Ask at the terminal. Raises ValueError without one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(f"Passphrase of {of}: ")
        except (EOFError, getpass.GetPassWarning):
            raise ValueError(f"{of} has a passphrase, and there is no terminal to ask for it") from None


def read_ed25519_key(path: Path) -> Ed25519PrivateKey:
    """Read the private key with which boxes accept signatures; asks for its passphrase. Raises OSError and
    ValueError."""
    key = read_private_key(path)
    if isinstance(key, Ed25519PrivateKey):
        return key
    kind = next((name for type_, name in _KINDS if isinstance(key, type_)), "a key of another kind")
    raise ValueError(f"{path} is {kind}, and boxes accept Ed25519 only: {MAKE_ONE}")


def read_private_key(path: Path, ask: Callable[[str], str] = ask_passphrase) -> PrivateKeyTypes:
    """Read a private key of any kind, in PEM. Raises OSError and ValueError."""
    pem = _content(path)
    if b"PRIVATE KEY-----" not in pem or b"OPENSSH" in pem:
        raise _other_file(path, pem, "a private key")
    phrase = ask(str(path)).encode() if b"ENCRYPTED" in pem else None
    try:
        return load_pem_private_key(pem, phrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        reason = "is damaged" if phrase is None else "cannot be opened with that passphrase"
        raise ValueError(f"{path} {reason}: nothing was signed") from None


def read_certificate(path: Path) -> x509.Certificate:
    """The first certificate of the file. Raises OSError and ValueError."""
    return read_certificates(path)[0]


def read_certificates(path: Path) -> Sequence[x509.Certificate]:
    """Raises OSError and ValueError."""
    pem = _content(path)
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        if b"BEGIN CERTIFICATE-----" in pem:
            raise ValueError(f"{path} is damaged: its certificate cannot be read") from None
        raise _other_file(path, pem, "a certificate") from None


def check_login(cert_file: Path, key_file: Path | None) -> None:
    """Check that a client certificate and its key can be used. Raises OSError and ValueError."""
    certificate, key_path = read_certificate(cert_file), key_file or cert_file

    def refuse(of: str) -> str:
        raise ValueError(f"{of} has a passphrase, which a login at the broker cannot ask for")

    if read_private_key(key_path, refuse).public_key() != certificate.public_key():
        raise ValueError(f"{key_path} is not the key of the certificate {cert_file}")


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES)


def _other_file(path: Path, content: bytes, wanted: str) -> ValueError:
    found = next((f"{text} and " for mark, text in _OTHERS if mark in content), "")
    return ValueError(f"{path} is {found}not {wanted} in PEM: name another file")
