"""The TLS contexts of the broker connection, and its certificates: dates, names, and whether they can work.

OpenSSL reads the certificates in a TLS handshake of the process with itself: ``ssl`` gives a certificate's
dates only for a peer, and the certificate module of ``cryptography`` would cost a running agent 8.5 MB.
"""

from __future__ import annotations

import select
import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_agent.config.model.settings import Mqtt
from edge_agent.core.problems import error_text, problem_text
from edge_agent.mqtt.connect_errors import CertificateFileError


def make_context(settings: Mqtt) -> ssl.SSLContext:
    """Return a TLS client context, 1.2 or newer, that checks the broker's certificate and host name.

    A new context is made for every attempt, so that a renewed certificate is used without a restart. Without
    ``ca_file`` the system's trust store decides. Raises CertificateFileError, which names the file.
    """
    context = trust_context(settings.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _VerdictSocket
    if settings.cert_file is not None:
        load_certificate(context, settings.cert_file, settings.key_file)
    return context


VERDICT_TIMEOUT_S = 2.0
"""Longest wait for the broker's verdict on the gateway's certificate; a silent broker costs this time."""


class _VerdictSocket(ssl.SSLSocket):
    """Waits for the broker's verdict on the client certificate, and closes itself if the broker refuses:
    paho would leak the socket of a failed handshake."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
            if self.version() == "TLSv1.3":
                self._wait_for_verdict()
        except OSError:
            self.close()
            raise

    def _wait_for_verdict(self) -> None:
        """Raise the SSLError of the broker's alert, if the broker sends one.

        With TLS 1.3 the client's handshake ends before the broker has checked its certificate (RFC 8446, 2).
        If the client sent CONNECT at once, the broker's close would reset the connection and the alert would
        be lost. A broker that accepts the certificate sends session tickets, and never MQTT before CONNECT.
        """
        if not select.select([self], [], [], VERDICT_TIMEOUT_S)[0]:
            return
        timeout_s = self.gettimeout()
        self.setblocking(False)
        try:
            self.recv(1)
        except ssl.SSLWantReadError:
            self.settimeout(timeout_s)
            return
        raise ConnectionError("the broker closed the connection before the sign-on")


def trust_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a client context that trusts ``ca_file``, or the system's store if ``ca_file`` is None. Raises
    CertificateFileError."""
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except ssl.SSLError as error:
        raise CertificateFileError(problem_text("ca-file-empty", file=str(ca_file))) from error
    except OSError as error:
        reason = problem_text("ca-file-unreadable", file=str(ca_file), error=str(error.strerror))
        raise CertificateFileError(reason) from error


def load_certificate(context: ssl.SSLContext, cert_file: Path, key_file: Path | None) -> None:
    """Load a certificate and its key into ``context``. Raises CertificateFileError if they cannot be used."""
    files = {"file": str(cert_file), "key_file": str(key_file)}
    try:
        # An encrypted key would make OpenSSL ask on the terminal: answer with an empty password.
        context.load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as error:
        words = (error.reason or str(error)).replace("_", " ").lower()
        raise CertificateFileError(problem_text("key-pair-unusable", **files, error=words)) from error
    except OSError as error:
        reason = problem_text("key-pair-unreadable", **files, error=str(error.strerror))
        raise CertificateFileError(reason) from error


NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, include/openssl/x509_vfy.h; ``ssl`` has no name for it."""
EXPIRED, NOT_YET_VALID = 10, 9  # X509_V_ERR_* of the same header file
HANDSHAKE_TURNS = 4  # for each side; TLS 1.3 needs two, TLS 1.2 three


@dataclass(frozen=True, slots=True)
class CertificateValidity:
    start: datetime
    end: datetime


def own_validity(mqtt: Mqtt) -> CertificateValidity:
    """Return the validity of the gateway's certificate: the first one in the file, the others are its chain.

    Raises CertificateFileError.
    """
    return _validity(_read_own(mqtt))


def ca_validity(ca_file: Path) -> CertificateValidity:
    """Return the validity of the CA certificate that expires last: while a CA is being replaced, the file
    holds the old certificate as well. Raises CertificateFileError."""
    found = trust_context(ca_file).get_ca_certs()
    if not found:
        raise CertificateFileError(problem_text("ca-file-no-ca", file=str(ca_file)))
    return max((_validity(each) for each in found), key=lambda each: each.end)


def find_fault(slot: Mqtt, other: Mqtt, gateway: str, clock_trusted: bool) -> str | None:
    """Return why ``slot`` cannot work, as far as this is known without a broker; None: no fault found.

    The key must fit the certificate, the name must be the gateway's, the certificate must be valid now, and
    its CA must be the slot's. The CA is checked only if the ``other`` slot passes the same check: a broker
    may ask for client certificates of another CA than its own.
    """
    assert slot.cert_file is not None
    try:
        name = _common_name(_read_own(slot))
        trust_context(slot.ca_file)
    except CertificateFileError as error:
        return error_text(error)
    if name != gateway:
        names = {"name": name, "gateway": gateway}
        return problem_text("certificate-of-other", file=str(slot.cert_file), **names)
    strict = slot.ca_file is not None and _refusal(other, False) is None
    # With the certificate as its own CA only dates and purpose are checked.
    return _refusal(slot if strict else replace(slot, ca_file=slot.cert_file), clock_trusted)


def _refusal(slot: Mqtt, clock_trusted: bool) -> str | None:
    """Return why a broker that trusts the slot's CA would refuse its certificate; None: it would not."""
    if slot.ca_file is None:
        return None
    flags = ssl.VERIFY_X509_PARTIAL_CHAIN | (0 if clock_trusted else NO_CHECK_TIME)
    file = str(slot.cert_file)
    try:
        _handshake_in_memory(slot, slot.ca_file, flags)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == EXPIRED:
            return problem_text("certificate-file-expired", file=file)
        if error.verify_code == NOT_YET_VALID:
            return problem_text("certificate-file-not-yet-valid", file=file)
        of_ca = {"ca_file": str(slot.ca_file), "error": error.verify_message}
        return problem_text("certificate-of-other-ca", file=file, **of_ca)
    except (CertificateFileError, OSError) as error:
        return problem_text("certificate-unchecked", file=file, error=error_text(error))
    return None


def _read_own(slot: Mqtt) -> dict[str, Any]:
    """Return the certificate as ``SSLSocket.getpeercert`` does, whatever its issuer and age.

    Raises CertificateFileError.
    """
    assert slot.cert_file is not None
    try:
        return _handshake_in_memory(slot, slot.cert_file, ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME)
    except (OSError, KeyError) as error:  # OSError: SSLError, or root has just moved the file
        reason = problem_text("certificate-not-client", file=str(slot.cert_file), error=str(error))
        raise CertificateFileError(reason) from error


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
        raise ssl.SSLError("the TLS handshake of the check does not end")
    return found


def _common_name(certificate: dict[str, Any]) -> str:
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return names[-1] if names else "no name"


def _validity(certificate: dict[str, Any]) -> CertificateValidity:
    return CertificateValidity(_time(certificate["notBefore"]), _time(certificate["notAfter"]))


def _time(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)
