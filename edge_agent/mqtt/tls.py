"""The TLS side of a broker connection."""

from __future__ import annotations

import ssl
from pathlib import Path

from edge_agent.config.settings import Mqtt
from edge_agent.mqtt.causes import FileTrouble


def make_context(settings: Mqtt) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and host name checked, our certificate shown when there is one.

    Made anew for every attempt, so that a renewed certificate is used without a restart. Without
    ``ca_file`` the system's trust store decides. Raises FileTrouble, which names the file.
    """
    context = _trusting(settings.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _ClosingSocket
    if settings.cert_file is not None:
        _show(context, settings.cert_file, settings.key_file)
    return context


class _ClosingSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails: paho forgets the socket then, and would leak it."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except ssl.SSLError as error:
        raise FileTrouble(f"mqtt.ca_file {ca_file} holds no certificate") from error
    except OSError as error:
        raise FileTrouble(f"mqtt.ca_file {ca_file} cannot be read: {error.strerror}") from error


def _show(context: ssl.SSLContext, cert_file: Path, key_file: Path | None) -> None:
    try:
        # An encrypted key would make OpenSSL ask on the terminal: answer with an empty password.
        context.load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as error:
        raise FileTrouble(
            f"mqtt.cert_file {cert_file} and mqtt.key_file {key_file} are no usable pair of certificate and "
            f"unencrypted key: {(error.reason or str(error)).replace('_', ' ').lower()}"
        ) from error
    except OSError as error:
        raise FileTrouble(
            f"mqtt.cert_file {cert_file} or mqtt.key_file {key_file} cannot be read: {error.strerror}"
        ) from error
