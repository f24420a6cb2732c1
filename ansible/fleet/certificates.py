"""Renews certificates of gateways without ssh, for the same key; they fetch them from a server.

A certificate is public and its key never leaves the gateway, so renewing needs only the former certificate.
The state of the CA is that of the role ``pki``: ``issued/``, ``superseded/``, ``also-trusted/``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fleet.keys import read_certificate, read_private_key
from fleet.signing import sign

ClientKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey
REVOCATION_LIST_DAYS = 7300
"""As ``pki_ca_days`` of the role ``pki``."""


@dataclass(frozen=True, slots=True)
class Outcome:
    renewed: tuple[str, ...]
    left: tuple[str, ...]  # still valid long enough
    unknown: tuple[str, ...]  # never had one, or it was revoked


@dataclass(frozen=True, slots=True)
class Lives:
    """Lifetimes in days."""

    days: int = 730
    renew_days: int = 240


class Authority:
    """The CA in ``folder``. ``passphrase`` is called when the key is first needed. Raises OSError and
    ValueError."""

    def __init__(self, folder: Path, passphrase: Callable[[], str]) -> None:
        if not (folder / "ca.crt").is_file():
            raise ValueError(
                f"{folder} has no CA (there is no ca.crt): give the folder that pki_directory names; "
                "`ansible-playbook servers.yml` makes the CA there"
            )
        self.folder = folder
        self.certificate = read_certificate(folder / "ca.crt")
        self._passphrase = passphrase
        self._key: EllipticCurvePrivateKey | None = None

    def issued(self, site: str) -> Path:
        return self.folder / "issued" / f"{site}.crt"

    def bundle(self) -> str:
        """The CAs that gateways trust: this one, and those of a change in progress. Raises ValueError."""
        trusted = [self.folder / "ca.crt", *sorted((self.folder / "also-trusted").glob("*.crt"))]
        names = {read_certificate(path).subject for path in trusted}
        if len(names) < len(trusted):
            raise ValueError(
                f"{self.folder}: two trusted CAs have the same name: a broker would use the "
                "revocation list of the wrong one and refuse all gateways; nothing was changed"
            )
        return "".join(path.read_text(encoding="ascii", errors="replace") for path in trusted)

    def is_due(self, old: x509.Certificate, lives: Lives, now: datetime) -> bool:
        if old.not_valid_after_utc - now < timedelta(days=lives.renew_days):
            return True
        try:
            old.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return True  # signed by the former CA
        return False

    def renew(self, site: str, old: x509.Certificate, lives: Lives, now: datetime) -> None:
        """Renew for the same name and key; the former certificate is stored, so that it can be revoked."""
        own_key = old.public_key()
        if not isinstance(own_key, ClientKey):
            raise ValueError(f"{self.issued(site)}: its key is of a kind that gateways do not have")
        self.issue(site, own_key, lives.days, now)

    def issue(self, name: str, key: ClientKey, days: int, now: datetime) -> bytes:
        """Sign a client certificate for this name and key and record it in ``issued/``. Returns PEM.

        The certificate has only the extensions that are listed here. A former one of the name is stored in
        ``superseded/``, so that it can be revoked."""
        ca_key = self.unlocked()
        issuer = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(min(now + timedelta(days=days), self.certificate.not_valid_after_utc))
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False
            )
            .sign(ca_key, SHA256())
        )
        if self.issued(name).is_file():
            old = read_certificate(self.issued(name))
            kept = self.folder / "superseded" / f"{name}_{old.serial_number}.crt"
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes(self.issued(name).read_bytes())
        pem = made.public_bytes(Encoding.PEM)
        _write(self.issued(name), pem)
        return pem

    def revoke(self, name: str, now: datetime) -> int:
        """Revoke all certificates of this name and return how many there were; ``crl.pem`` lists them. The
        files are those of the role ``pki``, tasks/revoke.yml."""
        found = [self.issued(name), *(self.folder / "superseded").glob(f"{name}_*.crt")]
        valid = {path: read_certificate(path) for path in found if path.is_file()}
        (self.folder / "revoked").mkdir(exist_ok=True)
        for path, certificate in valid.items():
            path.replace(self.folder / "revoked" / f"{name}_{certificate.serial_number}.crt")
        self._write_revocation_list(now)
        return len(valid)

    def _write_revocation_list(self, now: datetime) -> None:
        """Write ``crl.pem``, valid for as long as in the role ``pki``: after a list has expired OpenSSL
        refuses all clients."""
        path = self.folder / "crl.pem"
        try:
            before = x509.load_pem_x509_crl(path.read_bytes()) if path.is_file() else ()
        except ValueError:
            raise ValueError(f"{path} is damaged: take it from the backup of the CA") from None
        dates = {entry.serial_number: entry.revocation_date_utc for entry in before}
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now)
            .next_update(now + timedelta(days=REVOCATION_LIST_DAYS))
        )
        for each in sorted((self.folder / "revoked").glob("*.crt")):
            number = read_certificate(each).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(number)
            made = made.add_revoked_certificate(entry.revocation_date(dates.get(number, now)).build())
        _write(path, made.sign(self.unlocked(), SHA256()).public_bytes(Encoding.PEM))

    def unlocked(self) -> EllipticCurvePrivateKey:
        """The CA's key. Raises OSError and ValueError."""
        if self._key is None:
            key = read_private_key(self.folder / "ca.key", lambda _: self._passphrase())
            if not isinstance(key, EllipticCurvePrivateKey):
                raise ValueError(f"{self.folder / 'ca.key'} is not a key of an elliptic curve")
            self._key = key
        return self._key


def publish_certificates(
    authority: Authority, sites: Sequence[str], folder: Path, signing_key: Path, lives: Lives
) -> Outcome:
    """Renew the certificates that are due, and write all of them below ``folder``. Raises OSError and
    ValueError."""
    now, bundle = datetime.now(UTC).replace(microsecond=0), authority.bundle()
    renewed, left, unknown = [], [], []
    for site in sites:
        if not authority.issued(site).is_file():
            unknown.append(site)
            continue
        old = read_certificate(authority.issued(site))
        if authority.is_due(old, lives, now):
            authority.renew(site, old, lives, now)
            renewed.append(site)
        else:
            left.append(site)
    served = folder / "certificates"
    served.mkdir(parents=True, exist_ok=True)
    _serve(authority, [*renewed, *left], served)
    _list_authorities(bundle, served, signing_key)
    return Outcome(tuple(renewed), tuple(left), tuple(unknown))


def _serve(authority: Authority, sites: Iterable[str], served: Path) -> None:
    wanted = {f"{site}.crt": authority.issued(site).read_bytes() for site in sites}
    for name, pem in wanted.items():
        _write(served / name, pem)
    for path in served.glob("*.crt"):
        if path.name not in wanted:
            path.unlink()


def _list_authorities(bundle: str, served: Path, signing_key: Path) -> None:
    """Write the signed list of CAs: gateways do not trust the server. Gateways refuse an old list by its
    serial, which only grows."""
    path = served / "authorities.json"
    if path.is_file() and _listed(path) == bundle:
        return
    sign(path, json.dumps({"serial": int(time.time()), "ca": bundle}) + "\n", signing_key)


def _listed(path: Path) -> str:
    """The CAs of the list that is served; empty for a damaged one, which is then written again."""
    try:
        return str(json.loads(path.read_bytes())["ca"])
    except (ValueError, KeyError, TypeError):
        return ""


def _write(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # or a power cut leaves an empty certificate
    new.replace(path)
