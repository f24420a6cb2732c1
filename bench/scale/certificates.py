"""Makes certificates for a simulated fleet, valid for two days: ``python -m bench.scale.certificates
FOLDER``.

Makes a CA, one certificate for each gateway of the scenario, and those of a broker on 127.0.0.1,
``central`` and ``fleet-operator``. For labs only: the keys are stored unencrypted in one folder.
"""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from edge_agent.tools.simulate.scenario import load, make_sites

LIVES = timedelta(days=2)
SERVERS = ("broker", "central", "fleet-operator")


class Issuer:
    """Signs with ``ca.crt`` and ``ca.key``; makes them if they are missing."""

    def __init__(self, certificate: Path, key: Path, lives: timedelta = LIVES) -> None:
        """``lives``: how long the certificates that are issued are valid."""
        self._lives = lives
        if not certificate.exists():
            _make_ca(certificate, key)
        self._ca = x509.load_pem_x509_certificate(certificate.read_bytes())
        loaded = load_pem_private_key(key.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self._key = loaded

    def issue(self, folder: Path, name: str) -> None:
        """Make ``NAME.crt`` and ``NAME.key``; those of ``broker`` are for 127.0.0.1 and localhost."""
        own = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self._ca.subject)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + self._lives)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        if name == "broker":
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signed = builder.sign(self._key, SHA256())
        (folder / f"{name}.crt").write_bytes(signed.public_bytes(Encoding.PEM))
        _write_key(folder / f"{name}.key", own)

    def issue_all(self, folder: Path, names: Iterable[str]) -> None:
        for name in names:
            self.issue(folder, name)


def _make_ca(certificate: Path, key: Path) -> None:
    own, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    signed = (
        x509.CertificateBuilder()
        .subject_name(_name("lab CA"))
        .issuer_name(_name("lab CA"))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIVES)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(own, SHA256())
    )
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    _write_key(key, own)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenario", type=Path)
    parser.add_argument("--sites", type=int)
    parser.add_argument("--prefix")
    args = parser.parse_args()
    changes = {key: value for key in ("sites", "prefix") if (value := getattr(args, key)) is not None}
    if args.sites is not None:
        changes["cameras"] = args.sites
    names = [site.id for site in make_sites(load(args.scenario, changes))]
    args.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    Issuer(args.folder / "ca.crt", args.folder / "ca.key").issue_all(args.folder, (*SERVERS, *names))
    print(f"{args.folder}: {len(names)} gateways, {', '.join(SERVERS)}; good for {LIVES.days} days")
    return 0


if __name__ == "__main__":
    sys.exit(main())
