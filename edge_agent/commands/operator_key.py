"""An operator's private key, on a control machine: made, and read to sign commands."""

from __future__ import annotations

import base64
import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.commands.signature import PRIVATE_DER, PUBLIC_DER, SHORT_ID, key_id
from edge_agent.core.errors import EdgeAgentError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_PRIVATE_PEM = re.compile(r"-----BEGIN PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PRIVATE KEY-----")


class KeyUnusable(EdgeAgentError):
    """Nothing can be signed with it; nothing was sent."""


def read_private(path: Path) -> Ed25519PrivateKey:
    """Raises ``KeyUnusable``, ``OSError``."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    match = _PRIVATE_PEM.search(path.read_text(encoding="ascii", errors="replace"))
    der = base64.b64decode("".join(match[1].split())) if match else b""
    if not der.startswith(PRIVATE_DER) or len(der) != len(PRIVATE_DER) + 32:
        raise KeyUnusable(f"{path} holds no Ed25519 private key without a password; nothing was sent")
    return Ed25519PrivateKey.from_private_bytes(der.removeprefix(PRIVATE_DER))


def make_key(path: Path) -> tuple[Path, str]:
    """A pair of keys, which openssl reads as well: file of the public one, and its id. Raises ``OSError``,
    also for a file that is there already."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public_path = path.with_suffix(".pub.pem")
    if public_path.exists():  # before the private one is there without it
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
