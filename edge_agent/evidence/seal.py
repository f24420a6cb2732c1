"""Encrypts media to the centre's key ("sealing"), so that a stolen gateway shows no people.

A sealed file is one header and one ciphertext. Only the holder of the private key can open it; the gateway
cannot.

    8 bytes   EASEAL1\\n
    16 bytes  first half of the SHA-256 of the recipient's public key: names the key that opens it
    8 bytes   length of the plain content, big endian
    32 bytes  X25519 public key, made for this file only; its private key is not stored
    n + 16    ChaCha20-Poly1305 of the content, with the whole header as associated data

Key: HKDF-SHA256 of the X25519 secret, salt = the file's public key followed by the recipient's, info = the
first eight bytes. It is used once, so the nonce is twelve zeros (RFC 8439, RFC 5869, RFC 7748).

``cryptography`` is imported inside the functions: a gateway that seals nothing saves its memory.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from edge_agent.core.delivery import SEALED_MAGIC as MAGIC
from edge_agent.core.errors import EdgeAgentError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KEY_BYTES = 32
TAG_BYTES = 16
HEADER_BYTES = len(MAGIC) + 16 + 8 + KEY_BYTES
OVERHEAD_BYTES = HEADER_BYTES + TAG_BYTES
_NONCE = bytes(12)


class SealError(EdgeAgentError):
    """The content cannot be sealed or opened."""


class NotSealed(SealError):
    """The file does not begin with ``MAGIC``."""


class WrongKey(SealError):
    """The file is sealed to another key."""


class Truncated(SealError):
    """The end of the file is missing."""


class Altered(SealError):
    """The content or the header was changed after sealing."""


def seal(payload: bytes, recipient: bytes) -> bytes:
    """Return the sealed content. ``recipient`` is an X25519 public key, 32 bytes.

    Raises ``SealError`` for an invalid key.
    """
    return b"".join(seal_parts(payload, recipient))


def seal_parts(payload: bytes, recipient: bytes) -> tuple[bytes, bytes]:
    """Seal as ``seal`` does, but return header and body: joining them needs a clip's memory twice."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    if len(recipient) != KEY_BYTES:
        raise SealError(
            f"an X25519 public key has {KEY_BYTES} bytes, not {len(recipient)}; nothing is sealed"
        )
    file_key = X25519PrivateKey.generate()
    try:
        secret = file_key.exchange(X25519PublicKey.from_public_bytes(recipient))
    except ValueError as error:  # a point of small order, with which the secret would be zero
        raise SealError("the public key to seal to is not usable; nothing is sealed") from error
    ephemeral = file_key.public_key().public_bytes_raw()
    header = MAGIC + key_id(recipient) + len(payload).to_bytes(8, "big") + ephemeral
    return header, _cipher(secret, ephemeral, recipient).encrypt(_NONCE, payload, header)


def unseal(sealed: bytes, private_key_pem: bytes) -> bytes:
    """Return the content of a sealed file. Raises NotSealed, WrongKey, Truncated or Altered."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    key = _load(private_key_pem)
    recipient = key.public_key().public_bytes_raw()
    header, body = _split(sealed)
    named = header[len(MAGIC) : len(MAGIC) + 16]
    if named != key_id(recipient):
        raise WrongKey(f"sealed to the key {named.hex()}, this one is {key_id(recipient).hex()}")
    length = int.from_bytes(header[len(MAGIC) + 16 : len(MAGIC) + 24], "big")
    if len(body) < length + TAG_BYTES:
        raise Truncated(f"cut off: {length + TAG_BYTES - len(body)} bytes are missing at the end")
    if len(body) > length + TAG_BYTES:
        raise Altered(f"altered since it was sealed: {len(body) - length - TAG_BYTES} bytes too many")
    ephemeral = header[-KEY_BYTES:]
    try:
        secret = key.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        return _cipher(secret, ephemeral, recipient).decrypt(_NONCE, body, header)
    except (InvalidTag, ValueError) as error:
        raise Altered("altered since it was sealed: its content is not what it was") from error


def key_id(public: bytes) -> bytes:
    """Return the 16 bytes that name a public key in the header."""
    return hashlib.sha256(public).digest()[:16]


def _split(sealed: bytes) -> tuple[bytes, bytes]:
    if not sealed.startswith(MAGIC[: len(sealed)]) or not sealed:
        raise NotSealed("not a sealed file: it does not begin with EASEAL1")
    if len(sealed) < OVERHEAD_BYTES:
        raise Truncated(f"cut off: {len(sealed)} bytes, a sealed file has at least {OVERHEAD_BYTES}")
    return sealed[:HEADER_BYTES], sealed[HEADER_BYTES:]


def _load(pem: bytes) -> X25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise SealError("the private key is protected by a passphrase; decrypt it first") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SealError("the private key cannot be read: it is not a PEM file of a private key") from error
    if not isinstance(key, X25519PrivateKey):
        raise SealError("the private key is of another kind; sealed files open with an X25519 key")
    return key


def _cipher(secret: bytes, ephemeral: bytes, recipient: bytes) -> ChaCha20Poly1305:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), KEY_BYTES, ephemeral + recipient, MAGIC).derive(secret)
    return ChaCha20Poly1305(derived)
