"""Issues the enrolment certificate of a batch of boxes: it may only send claims and read the answers.

All boxes of a batch have the same certificate and key. So it is valid for a limited time, and can be revoked
without touching a gateway that has its site.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fleet.certificates import Authority

PREFIX = "enrol-"
"""Of the certificate's name; no site may have an id that starts with it."""
_BATCH = re.compile(r"[a-z0-9]([a-z0-9-]{0,54}[a-z0-9])?")


def enrolment_name(batch: str) -> str:
    """The name in the certificate of a batch. Raises ValueError."""
    if not _BATCH.fullmatch(batch):
        raise ValueError(f"'{batch}' cannot be a batch: only a-z, 0-9 and - inside, such as 2026-11")
    return f"{PREFIX}{batch}"


def issue_enrolment(authority: Authority, batch: str, folder: Path, days: int) -> tuple[Path, Path]:
    """Write a new key and its certificate below ``folder``; return both paths, the certificate first.

    Raises ValueError, also if the batch has a certificate already: the broker's log could not distinguish two
    keys of one name."""
    name = enrolment_name(batch)
    if authority.issued(name).exists():
        raise ValueError(f"{authority.issued(name)} exists: choose another batch, or revoke this one first")
    authority.unlocked()
    folder.mkdir(parents=True, exist_ok=True)
    certificate_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
    key = ec.generate_private_key(ec.SECP256R1())
    # The key first: the CA must not record a certificate whose key could not be written.
    with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    pem = authority.issue(name, key.public_key(), days, datetime.now(UTC).replace(microsecond=0))
    certificate_file.write_bytes(pem)
    return certificate_file, key_file


def revoke_enrolment(authority: Authority, batch: str) -> int:
    """Revoke the batch's certificates and return how many there were. Raises ValueError."""
    name = enrolment_name(batch)
    count = authority.revoke(name, datetime.now(UTC).replace(microsecond=0))
    if not count:
        raise ValueError(
            f"{authority.issued(name)} does not exist: this CA has issued nothing for this batch"
        )
    return count
