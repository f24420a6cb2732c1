"""The key by which push services recognise this console, and the token that it signs for them (RFC 8292)."""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from edge_agent.core.errors import CentralError
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.state_file import replace_file

TOKEN_S = 12 * 3_600
"""Lifetime of a token. RFC 8292 allows 24 h; the other half allows for a clock that is wrong."""
INTEGER_BYTES = 32
"""Size of each half of an ES256 signature (RFC 7518, 3.4)."""


class VapidKey:
    """A P-256 key. A browser accepts only messages that are signed with the key in its subscription."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private
        point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public = base64url(point)

    def authorization(self, service: str, contact: str, now_ms: int) -> str:
        """Return the header ``Authorization``. ``service``: host of the push service, with the port if it is
        not 443."""
        claims = {"aud": f"https://{service}", "exp": now_ms // 1000 + TOKEN_S, "sub": contact}
        parts = (encode_json({"typ": "JWT", "alg": "ES256"}), encode_json(claims))
        signed = ".".join(base64url(part) for part in parts)
        r, s = decode_dss_signature(self._private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = b"".join(number.to_bytes(INTEGER_BYTES, "big") for number in (r, s))
        return f"vapid t={signed}.{base64url(signature)}, k={self.public}"


def base64url(octets: bytes) -> str:
    """Encode without padding, as RFC 8292 and browsers do."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def read_or_make_key(path: Path) -> VapidKey:
    """Read the key, or make it at the first start with Web Push. Raises CentralError."""
    private: object = None
    try:
        if not path.exists():
            _make(path)
        private = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise CentralError(f"{path} cannot be used: {error.strerror}; nothing was started") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise CentralError(
            f"{path} holds no P-256 key: restore it, or delete it and turn the notifications on again on "
            "each device; nothing was started"
        )
    return VapidKey(private)


def _make(path: Path) -> None:
    """Make the key file. Raises OSError."""
    private = ec.generate_private_key(ec.SECP256R1())
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    replace_file(path, text, 0o600)
