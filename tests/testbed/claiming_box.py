"""A box without a site, for tests of the centre and of the control machine: its key, its request, its
claims."""

from __future__ import annotations

from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from edge_agent.commands.signature import PUBLIC_DER, key_id, sign
from edge_agent.wire import Claim, Command, UnclaimArguments
from tests.testbed.claims import SERIAL, claim


class ClaimingBox:
    def __init__(self, serial: str = SERIAL) -> None:
        self.serial = serial
        self.key = Ed25519PrivateKey.generate()
        self.site_key = ec.generate_private_key(ec.SECP256R1())

    @property
    def key_sha256(self) -> str:
        return key_id(PUBLIC_DER + self.key.public_key().public_bytes_raw())

    def claim(self, **changes: Any) -> Claim:
        pem = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        site = str(changes.get("site", "dt-001"))
        own = {"serial": self.serial, "key_sha256": self.key_sha256, "public_key": pem.decode()}
        return claim(**own | {"csr": self.request(site)} | changes)

    def claims(self, **changes: Any) -> bytes:
        """The signed claim."""
        return sign(msgspec.json.encode(self.claim(**changes)), self.key)

    def request(self, *names: str, extension: x509.ExtensionType | None = None) -> str:
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names]
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
        if extension is not None:
            request = request.add_extension(extension, critical=False)
        return request.sign(self.site_key, SHA256()).public_bytes(Encoding.PEM).decode()


def withdrawal(operator: Ed25519PrivateKey, **changes: Any) -> bytes:
    """The command ``unclaim`` as an operator signs it."""
    args = {"claim_id": "c1", "serial": SERIAL, "why": "the neighbouring pole"}
    made: dict[str, Any] = {
        "id": "unclaim-0123456789abcdef",
        "type": "unclaim",
        "gateway": "dt-001",
        "issued": "2026-11-29T03:00:00.000Z",
        "expires": "2026-11-29T03:10:00.000Z",
    }
    named = {name: changes.pop(name) for name in list(changes) if name in args}
    command = Command(**(made | changes), args=UnclaimArguments(**(args | named)))
    return sign(msgspec.json.encode(command), operator)
