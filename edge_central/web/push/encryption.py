"""Encrypts a message for one browser: RFC 8291, in the content coding ``aes128gcm`` of RFC 8188.

The message is one record. The push service sees its length and its receiver, but nothing of its content.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

POINT_BYTES, AUTH_BYTES = 65, 16
RECORD_BYTES = 4_096
"""The size that every push service accepts (RFC 8030, 7.2)."""
MOST_BYTES = RECORD_BYTES - (16 + 4 + 1 + POINT_BYTES) - 16 - 1
"""Limit of a message: a record without its header (salt, record size, length, key), tag and delimiter."""
_LAST_RECORD = b"\x02"


@dataclass(frozen=True, slots=True)
class ReceiverKeys:
    """The keys that a browser sends with its subscription."""

    public: bytes  # P-256, uncompressed point
    auth: bytes

    def __post_init__(self) -> None:
        """Check the keys. Raises ValueError if they have another form, or the point is not on the curve."""
        if len(self.auth) != AUTH_BYTES or len(self.public) != POINT_BYTES:
            raise ValueError("these are not the keys of a subscription")
        self.point()

    def point(self) -> ec.EllipticCurvePublicKey:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.public)


def encrypt(
    message: bytes,
    keys: ReceiverKeys,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """Return the body for the push service. ``sender`` and ``salt`` are new for each message, unless a test
    gives them. Raises ValueError for a message of more than MOST_BYTES."""
    if len(message) > MOST_BYTES:
        raise ValueError(f"a message has at most {MOST_BYTES} bytes, not {len(message)}")
    sender, salt = sender or ec.generate_private_key(ec.SECP256R1()), salt or os.urandom(16)
    own = sender.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = sender.exchange(ec.ECDH(), keys.point())
    secret = _derived(keys.auth, shared, b"WebPush: info\0" + keys.public + own, 32)
    key = _derived(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(salt, secret, b"Content-Encoding: nonce\0", 12)
    head = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(own)]) + own
    return head + AESGCM(key).encrypt(nonce, message + _LAST_RECORD, None)


def _derived(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)
