"""How long the certificates of the broker connection are valid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge_agent.mqtt.causes import FileTrouble


@dataclass(frozen=True, slots=True)
class Validity:
    start: datetime
    end: datetime


def own_validity(cert_file: Path) -> Validity:
    """Of the gateway's certificate, the first one in the file: what follows is its chain. Raises
    FileTrouble."""
    return _read(cert_file)[0]


def ca_validity(ca_file: Path) -> Validity:
    """Of the CA in the file that ends last: while a CA is exchanged, the file has the old one as well. Raises
    FileTrouble."""
    return max(_read(ca_file), key=lambda each: each.end)


def _read(path: Path) -> list[Validity]:
    """At least one."""
    from cryptography import x509  # 8.5 MB that a running agent need not have

    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise FileTrouble(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        raise FileTrouble(f"{path} holds no certificate") from error
    return [Validity(each.not_valid_before_utc, each.not_valid_after_utc) for each in found]
