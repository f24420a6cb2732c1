"""The identity of this box: its serial number, its key, the certificate of its page, and the code that opens
the page."""

from __future__ import annotations

import hashlib
import secrets
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from edge_agent.commands.signature import PUBLIC_DER, key_id, make_key, read_private
from edge_agent.commissioning.messages import CommissioningError
from edge_agent.core.state_file import replace_file
from edge_agent.wire.claims import SERIAL

BOX_NAME = "edge-box.local"
"""A name that every unclaimed box has, because the label of a site cannot name the box that will be mounted
there."""
CODE, CODE_DIGITS = "code", 8
FINGERPRINT_WORDS = 6
"""Number of words for the fingerprint: they show its first 48 bits."""
VALID_FROM, VALID_UNTIL = datetime(2024, 1, 1, tzinfo=UTC), datetime(2054, 1, 1, tzinfo=UTC)
"""Dates of the certificate. They are fixed, because a box may make its certificate with a wrong clock."""

_FIRST = "b d h l m n s t v x th tr ch nh ph kh".split()  # noqa: SIM905
_LAST = "a ai ang ao e em en i inh o oi om u ua ung ui".split()  # noqa: SIM905
WORDS = tuple(first + last for first in _FIRST for last in _LAST)
"""One word for each byte: Vietnamese syllables without diacritics, which a technician can read aloud."""


@dataclass(frozen=True, slots=True)
class BoxIdentity:
    """The identity of a box. ``code`` opens the page; it is printed on the label, and only ``replace_code``
    changes it."""

    serial: str
    key: Ed25519PrivateKey
    certificate: Path
    certificate_key: Path
    fingerprint: str  # SHA-256 of the page's certificate, hex
    code: str

    @property
    def words(self) -> str:
        digest = bytes.fromhex(self.fingerprint)[:FINGERPRINT_WORDS]
        return " ".join(WORDS[byte] for byte in digest)

    @property
    def name(self) -> str:
        """The name of this box on the local network, unlike ``BOX_NAME``, which all boxes have."""
        return box_host(self.serial)

    @property
    def key_sha256(self) -> str:
        return key_id(PUBLIC_DER + self.key.public_key().public_bytes_raw())

    @property
    def public_key(self) -> str:
        public = self.key.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def tls_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.certificate_key)
        return context


def box_host(serial: str) -> str:
    return f"edge-{serial.removeprefix('box-')}.local"


def open_identity(serial_file: Path, state: Path) -> BoxIdentity:
    """Read the box's identity, and make the missing parts of it. Raises CommissioningError and OSError."""
    serial = read_serial(serial_file)
    key_file = state / "box.pem"
    if not key_file.exists():
        (state / "box.pub.pem").unlink(missing_ok=True)  # left by a run that was killed between the two files
        make_key(key_file)
    certificate, certificate_key = state / "page.crt", state / "page.key"
    if not certificate.exists():
        _make_certificate(serial, certificate, certificate_key)
    der = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER)
    fingerprint = hashlib.sha256(der).hexdigest()
    code = _code(state / CODE)
    return BoxIdentity(serial, read_private(key_file), certificate, certificate_key, fingerprint, code)


def read_serial(path: Path) -> str:
    """Read the serial number. Raises CommissioningError and OSError."""
    try:
        serial = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        raise CommissioningError("serial-missing", file=path) from None
    if SERIAL.fullmatch(serial) is None:
        raise CommissioningError("serial-invalid", file=path)
    return serial


def _code(path: Path) -> str:
    if not path.exists():
        replace_code(path.parent)
    return path.read_text(encoding="ascii").strip()


def replace_code(state: Path) -> None:
    """Make a new code. A page that is being served still uses the former one. Raises OSError."""
    replace_file(state / CODE, f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}".encode(), 0o600)


def _make_certificate(serial: str, path: Path, key_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, box_host(serial))])
    names = x509.SubjectAlternativeName([x509.DNSName(each) for each in (box_host(serial), BOX_NAME)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_UNTIL)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    replace_file(key_path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    replace_file(path, made.public_bytes(Encoding.PEM), 0o600)
