"""The certificates of the broker connection: their dates and names, and whether a slot of them can work.

OpenSSL reads them in a TLS handshake of the process with itself: ``ssl`` gives a certificate's dates only for
a peer, and the certificate module of ``cryptography`` would cost a running agent 8.5 MB.

The first slot is the files that ``mqtt`` names in the configuration. The next slot is the folder ``next``
beside ``mqtt.cert_file``, with files of the same names; a file that it lacks is used from the first slot.
When the next slot is in force, root moves its files over the first slot one by one; the certificate in use is
the same before, during and after the move. See docs/design/certificates.md.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from edge_agent.config.model.settings import Mqtt
from edge_agent.core.state_file import read_record
from edge_agent.mqtt.connect_errors import CertificateFileError
from edge_agent.mqtt.tls.tls import load_certificate, trust_context

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, include/openssl/x509_vfy.h; ``ssl`` has no name for it."""
EXPIRED, NOT_YET_VALID = 10, 9
"""X509_V_ERR_*, same place."""
HANDSHAKE_TURNS = 4
"""For each side; TLS 1.3 needs two, TLS 1.2 three."""


@dataclass(frozen=True, slots=True)
class CertificateValidity:
    start: datetime
    end: datetime


def own_validity(mqtt: Mqtt) -> CertificateValidity:
    """Validity of the gateway's certificate: the first one in the file, the others are its chain.

    Raises CertificateFileError.
    """
    return _validity(_read_own(mqtt))


def ca_validity(ca_file: Path) -> CertificateValidity:
    """Validity of the CA certificate in the file that expires last: while a CA is being replaced, the file
    holds the old one as well.

    Raises CertificateFileError.
    """
    found = trust_context(ca_file).get_ca_certs()
    if not found:
        raise CertificateFileError(f"mqtt.ca_file {ca_file} holds no certificate of a CA")
    return max((_validity(each) for each in found), key=lambda each: each.end)


def find_fault(slot: Mqtt, other: Mqtt, gateway: str, clock_trusted: bool) -> str | None:
    """Why ``slot`` cannot work, as far as this can be known without a broker; None: no fault found.

    The key must fit the certificate, the name must be the gateway's, the certificate must be valid now, and
    its CA must be the slot's. The CA is checked only if the ``other`` slot passes the same check: a broker
    may ask for client certificates of another CA than its own.
    """
    assert slot.cert_file is not None
    try:
        name = _common_name(_read_own(slot))
        trust_context(slot.ca_file)
    except CertificateFileError as error:
        return str(error)
    if name != gateway:
        return f"{slot.cert_file} is {name}'s and not {gateway}'s"
    strict = slot.ca_file is not None and _refusal(other, False) is None
    return _refusal(slot if strict else _as_own_ca(slot), clock_trusted)


def _refusal(slot: Mqtt, clock_trusted: bool) -> str | None:
    """Why a broker that trusts this CA would refuse the certificate; None: it would accept it."""
    if slot.ca_file is None:
        return None
    flags = ssl.VERIFY_X509_PARTIAL_CHAIN | (0 if clock_trusted else NO_CHECK_TIME)
    try:
        _handshake_in_memory(slot, slot.ca_file, flags)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == EXPIRED:
            return f"{slot.cert_file} has expired"
        if error.verify_code == NOT_YET_VALID:
            return f"{slot.cert_file} is not yet valid"
        return f"{slot.cert_file} does not come from the CA in {slot.ca_file}: {error.verify_message}"
    except (CertificateFileError, OSError) as error:
        return f"{slot.cert_file} cannot be checked: {error}"
    return None


def _read_own(slot: Mqtt) -> dict[str, Any]:
    """The certificate as ``SSLSocket.getpeercert`` returns it, whatever its issuer and age.

    Raises CertificateFileError.
    """
    assert slot.cert_file is not None
    try:
        return _handshake_in_memory(slot, slot.cert_file, ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME)
    except (ssl.SSLError, KeyError) as error:
        raise CertificateFileError(
            f"mqtt.cert_file {slot.cert_file} is no certificate of a client: {error}"
        ) from error


def _handshake_in_memory(slot: Mqtt, anchor: Path, flags: int) -> dict[str, Any]:
    """Present the slot's certificate to a server in memory that trusts ``anchor``.

    Raises CertificateFileError, and SSLError when the server refuses it.
    """
    assert slot.cert_file is not None
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for each in (server, client):
        load_certificate(each, slot.cert_file, slot.key_file)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(anchor)
    server.verify_flags |= ssl.VerifyFlags(flags)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    inside = server.wrap_bio(to_server, to_client, server_side=True)
    outside = client.wrap_bio(to_client, to_server)
    for _ in range(HANDSHAKE_TURNS):
        for side in (outside, inside):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
    found = inside.getpeercert()
    if not found:
        raise ssl.SSLError("the handshake in memory does not end")
    return found


def _as_own_ca(slot: Mqtt) -> Mqtt:
    """``slot`` with its certificate as its own CA: then only dates and purpose are checked."""
    return replace(slot, ca_file=slot.cert_file)


def _common_name(certificate: dict[str, Any]) -> str:
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return names[-1] if names else "nobody"


def _validity(certificate: dict[str, Any]) -> CertificateValidity:
    return CertificateValidity(_time(certificate["notBefore"]), _time(certificate["notAfter"]))


def _time(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


NEXT_FOLDER = "next"
PROVEN_FILE = "certificates.json"
"""In the state directory; root's program reads it too (ansible/roles/pki/files/edge_certificates.py)."""


class ProvenCertificate(Struct, frozen=True):
    """A record on disk. ``proven``: fingerprint of the slot that the broker last accepted."""

    proven: str = ""


def next_slot(first: Mqtt) -> Mqtt | None:
    """``first`` with the files of the next slot; None when there is no next slot or it has the same
    content."""
    if first.cert_file is None:
        return None
    folder = first.cert_file.parent / NEXT_FOLDER

    def of(path: Path | None) -> Path | None:
        beside = None if path is None else folder / path.name
        return beside if beside is not None and os.path.isfile(beside) else path

    found = replace(
        first, ca_file=of(first.ca_file), cert_file=of(first.cert_file), key_file=of(first.key_file)
    )
    return None if found == first or fingerprint(found) == fingerprint(first) else found


def certificate_in_force(first: Mqtt, state_dir: Path) -> Mqtt:
    """The slot that an agent would connect with, for programs that only read it."""
    found, note = next_slot(first), read_record(state_dir / PROVEN_FILE, ProvenCertificate)
    return found if found is not None and note is not None and note.proven == fingerprint(found) else first


def fingerprint(slot: Mqtt) -> str:
    """Identifies the certificate and CA of a slot. The key is not read: either it fits the certificate or it
    cannot be used."""
    digest = hashlib.sha256()
    for path in (slot.cert_file, slot.ca_file):
        try:
            content = b"" if path is None else path.read_bytes()
        except OSError:
            content = b""
        digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()


def file_stamps(first: Mqtt) -> tuple[object, ...]:
    """A value that changes with every change of a file in either slot; takes a few microseconds."""
    return tuple(_stamps(first))


def _stamps(first: Mqtt) -> Iterator[object]:
    for path in (first.ca_file, first.cert_file, first.key_file):
        for each in () if path is None else (path, path.parent / NEXT_FOLDER / path.name):
            try:
                found = os.stat(each)
                yield found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
            except OSError as error:
                yield error.errno
