"""Why a broker connection failed, in words that tell an operator what to do.

The one place that translates errors of sockets, OpenSSL, paho and the broker into a ``ConnectError``. The
texts go to the log and into the heartbeat; they never hold a secret.
"""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.config.model.settings import Broker
from edge_agent.core.errors import MqttError


class ConnectErrorKind(StrEnum):
    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    FILES = "files"  # our own certificate, key or CA file cannot be used
    UNKNOWN_ISSUER = "unknown_issuer"
    SERVER_EXPIRED = "server_expired"
    SERVER_NOT_YET_VALID = "server_not_yet_valid"
    CLOCK_NOT_SET = "clock_not_set"
    WRONG_NAME = "wrong_name"
    OWN_EXPIRED = "own_expired"
    OWN_REJECTED = "own_rejected"
    OWN_MISSING = "own_missing"
    TLS = "tls"
    NOT_AUTHORISED = "not_authorised"
    BAD_CREDENTIALS = "bad_credentials"
    ID_IN_USE = "id_in_use"
    NO_QOS_1 = "no_qos_1"  # the broker acknowledges nothing, so no delivery would be known
    NO_RETAIN = "no_retain"  # the broker does not accept a retained will
    BUSY = "busy"  # quota, rate, shutting down: later
    PROTOCOL = "protocol"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class ConnectError:
    """A reason, and the sentence that describes it."""

    kind: ConnectErrorKind
    text: str

    @property
    def retry_slowly(self) -> bool:
        """Whether an early retry does harm: two clients with one id disconnect each other for ever."""
        return self.kind is ConnectErrorKind.ID_IN_USE


class CertificateFileError(MqttError):
    """A certificate, key or CA file of the gateway cannot be used; the text names the file."""


_Kind = ConnectErrorKind

# X509_V_ERR_* of OpenSSL, include/openssl/x509_vfy.h.
_NOT_YET_VALID, _EXPIRED, _WRONG_HOST, _WRONG_ADDRESS = 9, 10, 62, 64
_WRONG_NAME = (
    _Kind.WRONG_NAME,
    "the certificate does not name {host}: another server answers, or mqtt.brokers has another name than the "
    "certificate",
)
_UNKNOWN_ISSUER = (
    _Kind.UNKNOWN_ISSUER,
    "the certificate of {host} comes from an issuer we do not know; check mqtt.ca_file",
)
_VERIFICATION = {
    _NOT_YET_VALID: (
        _Kind.SERVER_NOT_YET_VALID,
        "the certificate of {host} is not yet valid; check both clocks",
    ),
    _EXPIRED: (_Kind.SERVER_EXPIRED, "the certificate of {host} has expired; renew it there"),
    _WRONG_HOST: _WRONG_NAME,
    _WRONG_ADDRESS: _WRONG_NAME,
    **dict.fromkeys((2, 18, 19, 20, 21), _UNKNOWN_ISSUER),
}

# TLS alerts that a broker sends about *our* certificate (RFC 8446, 6.2), in OpenSSL's words. With TLS 1.3
# they arrive after our side of the handshake has succeeded, as an error of the first read.
_ALERTS = {
    "alert certificate expired": (_Kind.OWN_EXPIRED, "the broker says our certificate has expired; renew it"),
    "alert certificate required": (
        _Kind.OWN_MISSING,
        "the broker wants a client certificate; set mqtt.cert_file and mqtt.key_file",
    ),
    "alert unknown ca": (
        _Kind.OWN_REJECTED,
        "the broker does not know who issued our certificate (mqtt.cert_file)",
    ),
    "alert certificate revoked": (_Kind.OWN_REJECTED, "the broker says our certificate is revoked"),
    "alert bad certificate": (_Kind.OWN_REJECTED, "the broker does not accept our certificate"),
    "alert certificate unknown": (_Kind.OWN_REJECTED, "the broker does not accept our certificate"),
    "alert access denied": (_Kind.OWN_REJECTED, "the broker denies access to our certificate"),
    "alert handshake failure": (
        _Kind.OWN_MISSING,
        "the broker ended the TLS handshake: it may want a client certificate (mqtt.cert_file), or no cipher "
        "suits both",
    ),
}


def from_exception(error: Exception, broker: Broker, clock_trusted: bool) -> ConnectError:
    """Why opening the connection failed, TLS handshake included."""
    host = broker.host
    match error:
        case CertificateFileError():
            return ConnectError(_Kind.FILES, str(error))
        case ssl.SSLCertVerificationError():
            return _from_verification(error, host, clock_trusted)
        case ConnectionRefusedError():
            return ConnectError(_Kind.REFUSED, f"{host} refuses the connection: nothing listens on that port")
        case ssl.SSLEOFError() | ConnectionError() if broker.tls:
            return ConnectError(
                _Kind.TLS,
                f"{host} hung up during the TLS handshake: it may not accept our certificate "
                "(mqtt.cert_file), or that port does not speak TLS",
            )
        case ssl.SSLError():
            words = re.sub(r" \(_ssl\.c:\d+\)", "", str(error.reason or error)).replace("_", " ").lower()
            return from_tls_text(str(error)) or ConnectError(_Kind.TLS, f"TLS failed: {words}")
        case socket.gaierror():
            return ConnectError(_Kind.DNS, f"the name {host} cannot be resolved: {error.strerror}")
        case TimeoutError():
            return ConnectError(_Kind.TIMEOUT, f"{host} does not answer in time")
        case ConnectionError():
            return ConnectError(_Kind.LOST, f"{host} closed the connection during sign-on")
        case OSError():
            return ConnectError(_Kind.UNREACHABLE, f"{host} is unreachable: {error.strerror or error}")
        case _:
            return ConnectError(_Kind.PROTOCOL, f"connecting failed: {type(error).__name__}: {error}")


def _from_verification(error: ssl.SSLCertVerificationError, host: str, clock_trusted: bool) -> ConnectError:
    code = error.verify_code
    if not clock_trusted and code in (_NOT_YET_VALID, _EXPIRED):
        # OpenSSL compares with the system clock. A board without a battery clock boots with a wrong time,
        # and time synchronisation corrects it.
        return ConnectError(
            _Kind.CLOCK_NOT_SET,
            "the clock is not set yet, so the broker's certificate cannot be checked; waiting for time "
            "synchronisation",
        )
    if code in _VERIFICATION:
        kind, text = _VERIFICATION[code]
        return ConnectError(kind, text.format(host=host))
    return ConnectError(_Kind.TLS, f"the certificate of {host} is not accepted: {error.verify_message}")


def from_tls_text(text: str) -> ConnectError | None:
    """Return the error that an OpenSSL error text describes, or None for an unknown text.

    The input is a text because paho reports read errors only as log lines.
    """
    words = text.lower().replace("_", " ")
    for alert, (kind, meaning) in _ALERTS.items():
        if alert in words:
            return ConnectError(kind, meaning)
    if "wrong version number" in words or "record layer failure" in words:
        meaning = "the broker does not speak TLS on this port (mqtts:// needs one that does)"
        return ConnectError(_Kind.TLS, meaning)
    return None


# Reason codes of CONNACK and DISCONNECT, MQTT 5.0, sections 3.2.2.2 and 3.14.2.1.
_REASONS: dict[int, tuple[ConnectErrorKind, str]] = {
    0x81: (_Kind.PROTOCOL, "the broker calls our packet malformed"),
    0x82: (_Kind.PROTOCOL, "the broker reports a protocol error"),
    0x84: (_Kind.PROTOCOL, "the broker does not speak MQTT 5"),
    0x85: (_Kind.PROTOCOL, "the broker does not accept our client id"),
    0x86: (_Kind.BAD_CREDENTIALS, "the broker does not accept our user name or password"),
    0x87: (
        _Kind.NOT_AUTHORISED,
        "the broker does not let us in: wrong user name or password, or no right to connect",
    ),
    0x88: (_Kind.BUSY, "the broker is not available"),
    0x89: (_Kind.BUSY, "the broker is busy"),
    0x8A: (_Kind.NOT_AUTHORISED, "the broker has banned this client"),
    0x8B: (_Kind.BUSY, "the broker is shutting down"),
    0x8C: (_Kind.PROTOCOL, "the broker wants another authentication method"),
    0x8D: (_Kind.LOST, "the broker heard nothing from us for too long"),
    0x8E: (
        _Kind.ID_IN_USE,
        "another client has connected with our client id and the broker dropped us; two gateways with the "
        "same gateway.id? Next attempt at the slowest pace",
    ),
    0x90: (_Kind.PROTOCOL, "the broker refuses a topic name"),
    0x93: (_Kind.BUSY, "the broker says we sent more than it can receive"),
    0x95: (_Kind.PROTOCOL, "the broker refuses a message as too large"),
    0x96: (_Kind.BUSY, "the broker says we send too fast"),
    0x97: (_Kind.BUSY, "a quota at the broker is used up"),
    0x98: (_Kind.LOST, "an administrator closed the connection"),
    0x99: (_Kind.PROTOCOL, "the broker says a payload has the wrong format"),
    0x9A: (_Kind.NO_RETAIN, "the broker does not support retained messages"),
    0x9B: (_Kind.NO_QOS_1, "the broker does not support QoS 1, without which nothing is delivered"),
    0x9C: (_Kind.BUSY, "the broker wants us to use another server"),
    0x9D: (_Kind.BUSY, "the broker has moved"),
    0x9F: (_Kind.BUSY, "the broker limits connects"),
}


def qos_1_unsupported(broker: Broker) -> ConnectError:
    """The error for a CONNACK whose Maximum QoS is 0."""
    return ConnectError(
        _Kind.NO_QOS_1,
        f"{broker.host} takes messages of QoS 0 only: it would acknowledge no event, so none would be known "
        "to be delivered; another broker is needed",
    )


BLAMES_MESSAGE = frozenset({0x81, 0x82, 0x90, 0x93, 0x95, 0x99})
"""DISCONNECT reasons that blame a message: sending it again would end the next connection too."""


def from_reason_code(code: int) -> ConnectError:
    """What the broker's reason code in CONNACK or DISCONNECT means."""
    kind, text = _REASONS.get(code, (_Kind.PROTOCOL, "the broker ended the connection"))
    return ConnectError(kind, f"{text} (reason 0x{code:02x})")
