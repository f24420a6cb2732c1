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
from edge_agent.core.problems import error_text, problem_text


class ConnectErrorKind(StrEnum):
    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    FILES = "files"  # a certificate, key or CA file of the gateway cannot be used
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
    BUSY = "busy"  # the broker has reached a quota or rate, or shuts down: retry later
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
_VERIFICATION = {
    _NOT_YET_VALID: (_Kind.SERVER_NOT_YET_VALID, "tls-server-not-yet-valid"),
    _EXPIRED: (_Kind.SERVER_EXPIRED, "tls-server-expired"),
    **dict.fromkeys((_WRONG_HOST, _WRONG_ADDRESS), (_Kind.WRONG_NAME, "tls-other-name")),
    **dict.fromkeys((2, 18, 19, 20, 21), (_Kind.UNKNOWN_ISSUER, "tls-unknown-issuer")),
}
"""OpenSSL's verification error -> the kind, and the code of the sentence."""

# TLS alerts of a broker about the gateway's certificate (RFC 8446, 6.2), in OpenSSL's words. With TLS 1.3
# they arrive as an error of the first read, when the gateway's side of the handshake has already succeeded.
_ALERTS = {
    "alert certificate expired": (_Kind.OWN_EXPIRED, problem_text("tls-own-expired")),
    "alert certificate required": (_Kind.OWN_MISSING, problem_text("tls-own-missing")),
    "alert unknown ca": (_Kind.OWN_REJECTED, problem_text("tls-own-unknown-issuer")),
    "alert certificate revoked": (_Kind.OWN_REJECTED, problem_text("tls-own-revoked")),
    "alert bad certificate": (_Kind.OWN_REJECTED, problem_text("tls-own-refused")),
    "alert certificate unknown": (_Kind.OWN_REJECTED, problem_text("tls-own-refused")),
    "alert access denied": (_Kind.OWN_REJECTED, problem_text("tls-own-denied")),
    "alert handshake failure": (_Kind.OWN_MISSING, problem_text("tls-handshake-ended")),
}


def from_exception(error: Exception, broker: Broker, clock_trusted: bool) -> ConnectError:
    """Return why opening the connection failed, TLS handshake included."""
    host = broker.host
    match error:
        case CertificateFileError():
            return ConnectError(_Kind.FILES, error_text(error))
        case ssl.SSLCertVerificationError():
            return _from_verification(error, host, clock_trusted)
        case ConnectionRefusedError():
            return ConnectError(_Kind.REFUSED, problem_text("connect-refused", host=host))
        case ssl.SSLEOFError() | ConnectionError() if broker.tls:
            return ConnectError(_Kind.TLS, problem_text("tls-hung-up", host=host))
        case ssl.SSLError():
            words = re.sub(r" \(_ssl\.c:\d+\)", "", str(error.reason or error)).replace("_", " ").lower()
            failed = ConnectError(_Kind.TLS, problem_text("tls-failed", error=words))
            return from_tls_text(str(error)) or failed
        case socket.gaierror():
            reason = problem_text("connect-no-name", host=host, error=str(error.strerror))
            return ConnectError(_Kind.DNS, reason)
        case TimeoutError():
            return ConnectError(_Kind.TIMEOUT, problem_text("connect-silent", host=host))
        case ConnectionError():
            return ConnectError(_Kind.LOST, problem_text("connect-closed", host=host))
        case OSError():
            reason = problem_text("connect-unreachable", host=host, error=error.strerror or str(error))
            return ConnectError(_Kind.UNREACHABLE, reason)
        case _:
            reason = problem_text("connect-failed", error=f"{type(error).__name__}: {error}")
            return ConnectError(_Kind.PROTOCOL, reason)


def _from_verification(error: ssl.SSLCertVerificationError, host: str, clock_trusted: bool) -> ConnectError:
    code = error.verify_code
    if not clock_trusted and code in (_NOT_YET_VALID, _EXPIRED):
        # OpenSSL compares with the system clock. A board without a battery clock boots with a wrong time,
        # and time synchronisation corrects it.
        return ConnectError(_Kind.CLOCK_NOT_SET, problem_text("tls-clock-not-set"))
    if code in _VERIFICATION:
        kind, meaning = _VERIFICATION[code]
        return ConnectError(kind, problem_text(meaning, host=host))
    reason = problem_text("tls-server-refused", host=host, error=error.verify_message)
    return ConnectError(_Kind.TLS, reason)


def from_tls_text(text: str) -> ConnectError | None:
    """Return the error that an OpenSSL error text describes, or None for an unknown text.

    The input is a text because paho reports read errors only as log lines.
    """
    words = text.lower().replace("_", " ")
    for alert, (kind, meaning) in _ALERTS.items():
        if alert in words:
            return ConnectError(kind, meaning)
    if "wrong version number" in words or "record layer failure" in words:
        return ConnectError(_Kind.TLS, problem_text("tls-not-spoken"))
    return None


# Reason codes of CONNACK and DISCONNECT, MQTT 5.0, sections 3.2.2.2 and 3.14.2.1.
_REASONS: dict[int, tuple[ConnectErrorKind, str]] = {
    0x81: (_Kind.PROTOCOL, "mqtt-malformed"),
    0x82: (_Kind.PROTOCOL, "mqtt-protocol-error"),
    0x84: (_Kind.PROTOCOL, "mqtt-not-5"),
    0x85: (_Kind.PROTOCOL, "mqtt-client-id"),
    0x86: (_Kind.BAD_CREDENTIALS, "mqtt-login-wrong"),
    0x87: (_Kind.NOT_AUTHORISED, "mqtt-not-let-in"),
    0x88: (_Kind.BUSY, "mqtt-unavailable"),
    0x89: (_Kind.BUSY, "mqtt-busy"),
    0x8A: (_Kind.NOT_AUTHORISED, "mqtt-banned"),
    0x8B: (_Kind.BUSY, "mqtt-shutting-down"),
    0x8C: (_Kind.PROTOCOL, "mqtt-other-login"),
    0x8D: (_Kind.LOST, "mqtt-heard-nothing"),
    0x8E: (_Kind.ID_IN_USE, "mqtt-id-in-use"),
    0x90: (_Kind.PROTOCOL, "mqtt-topic-refused"),
    0x93: (_Kind.BUSY, "mqtt-too-many"),
    0x95: (_Kind.PROTOCOL, "mqtt-too-large"),
    0x96: (_Kind.BUSY, "mqtt-too-fast"),
    0x97: (_Kind.BUSY, "mqtt-quota"),
    0x98: (_Kind.LOST, "mqtt-closed-by-hand"),
    0x99: (_Kind.PROTOCOL, "mqtt-payload"),
    0x9A: (_Kind.NO_RETAIN, "mqtt-no-retain"),
    0x9B: (_Kind.NO_QOS_1, "mqtt-no-qos-1"),
    0x9C: (_Kind.BUSY, "mqtt-other-server"),
    0x9D: (_Kind.BUSY, "mqtt-moved"),
    0x9F: (_Kind.BUSY, "mqtt-connect-rate"),
}
"""Reason code -> the kind, and the code of the sentence."""


def qos_1_unsupported(broker: Broker) -> ConnectError:
    """Return the error for a CONNACK with Maximum QoS 0."""
    return ConnectError(_Kind.NO_QOS_1, problem_text("mqtt-only-qos-0", host=broker.host))


BLAMES_MESSAGE = frozenset({0x81, 0x82, 0x90, 0x93, 0x95, 0x99})
"""DISCONNECT reasons that blame a message: sending it again would end the next connection too."""


def from_reason_code(code: int) -> ConnectError:
    """Return what the broker's reason code in CONNACK or DISCONNECT means."""
    kind, meaning = _REASONS.get(code, (_Kind.PROTOCOL, "mqtt-ended"))
    return ConnectError(kind, problem_text("mqtt-reason", why=problem_text(meaning), reason=f"0x{code:02x}"))
