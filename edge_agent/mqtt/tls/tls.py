"""The TLS side of a broker connection."""

from __future__ import annotations

import select
import ssl
from pathlib import Path

from edge_agent.config.model.settings import Mqtt
from edge_agent.mqtt.connect_errors import CertificateFileError


def make_context(settings: Mqtt) -> ssl.SSLContext:
    """TLS 1.2 or newer; checks certificate and host name, and presents our certificate when there is one.

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
"""Longest wait for the broker's verdict on our certificate: a round trip, or this when the broker stays
silent."""


class _VerdictSocket(ssl.SSLSocket):
    """Waits for the broker's verdict on our certificate, and closes itself when it is bad: paho would leak
    the socket of a failed handshake."""

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

        With TLS 1.3 our handshake ends before the broker has checked our certificate (RFC 8446, 2). If we had
        sent CONNECT by then, the broker's close would reset the connection and the alert would be lost. A
        broker that accepts the certificate sends its session tickets first; none speaks MQTT first.
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
        raise ConnectionError("closed before the sign-on")


def trust_context(ca_file: Path | None) -> ssl.SSLContext:
    """A client context that trusts ``ca_file``, or the system's store for None.

    Raises CertificateFileError.
    """
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except ssl.SSLError as error:
        raise CertificateFileError(f"mqtt.ca_file {ca_file} holds no certificate") from error
    except OSError as error:
        raise CertificateFileError(f"mqtt.ca_file {ca_file} cannot be read: {error.strerror}") from error


def load_certificate(context: ssl.SSLContext, cert_file: Path, key_file: Path | None) -> None:
    """Raises CertificateFileError for files that cannot be used."""
    try:
        # An encrypted key would make OpenSSL ask on the terminal: answer with an empty password.
        context.load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as error:
        raise CertificateFileError(
            f"mqtt.cert_file {cert_file} and mqtt.key_file {key_file} are no usable pair of certificate and "
            f"unencrypted key: {(error.reason or str(error)).replace('_', ' ').lower()}"
        ) from error
    except OSError as error:
        raise CertificateFileError(
            f"mqtt.cert_file {cert_file} or mqtt.key_file {key_file} cannot be read: {error.strerror}"
        ) from error
