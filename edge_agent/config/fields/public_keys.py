"""Field types for public keys in PEM files."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.fields import tree
from edge_agent.config.fields.field_types import text_of
from edge_agent.config.fields.files import FileRefused
from edge_agent.config.fields.schema_types import InvalidValue, ReadContext, ScalarType
from edge_agent.config.texts.messages import message

MAX_KEY_BYTES = 16384
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END \1-----")
# SubjectPublicKeyInfo of RFC 8410: the bytes before the 32 bytes of the key.
_X25519 = bytes.fromhex("302a300506032b656e032100")
_ED25519 = bytes.fromhex("302a300506032b6570032100")
_KEY_BYTES = 32
_HOW = message("make-sealing-key")


@dataclass(frozen=True)
class OperatorKeys(ScalarType):
    """A file with an Ed25519 public key, or a folder of them. The value is the path, because keys change."""

    def describe(self) -> str:
        return message("operator-keys")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> Path:
        name = text_of(scalar, self.describe())
        path = reading.files.resolve(name)
        if not reading.files.required:
            return path
        try:
            names = sorted(map(str, path.glob("*.pem"))) if path.is_dir() else [name]
            for each in names:
                _refuse_no_operator(reading.files.contents(each, MAX_KEY_BYTES), Path(each))
        except (FileRefused, OSError, ValueError) as error:
            raise InvalidValue(error.args[0]) from error
        if not names:
            reading.warn(scalar.place, message("no-operator", path=path))
        return path


def _refuse_no_operator(data: bytes, path: Path) -> None:
    text = data.decode("ascii", "replace")
    if "PRIVATE KEY-----" in text:
        raise InvalidValue(message("key-signs", path=path))
    match = _PEM.search(text)
    der = base64.b64decode("".join(match[2].split()), validate=True) if match else b""
    if not der.startswith(_ED25519) or len(der) != len(_ED25519) + _KEY_BYTES:
        raise InvalidValue(message("no-operator-key", path=path))


@dataclass(frozen=True)
class SealingKey(ScalarType):
    """A file with an X25519 public key. The value is its 32 bytes; None where files need not exist."""

    def describe(self) -> str:
        return message("sealing-key")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> bytes | None:
        name = text_of(scalar, self.describe())
        if not reading.files.required:
            return None
        try:
            data = reading.files.contents(name, MAX_KEY_BYTES)
        except FileRefused as error:
            raise InvalidValue(error.args[0]) from error
        return _x25519_of(data, reading.files.resolve(name))


def _x25519_of(data: bytes, path: Path) -> bytes:
    """Return the key in PEM text. Raises InvalidValue, which says what the file contains instead."""
    text = data.decode("ascii", "replace")
    # First, look for a private key: the gateway must not have one, not even beside a public key.
    if "PRIVATE KEY-----" in text:
        raise InvalidValue(message("key-opens", path=path))
    match = _PEM.search(text)
    if match is None:
        raise InvalidValue(message("no-pem", path=path, how=_HOW))
    if match[1] != "PUBLIC KEY":
        raise InvalidValue(message("other-pem", path=path, found=match[1], how=_HOW))
    try:
        der = base64.b64decode("".join(match[2].split()), validate=True)
    except binascii.Error:
        raise InvalidValue(message("pem-damaged", path=path)) from None
    return _key_in(der, path)


def _key_in(der: bytes, path: Path) -> bytes:
    key = der.removeprefix(_X25519)
    if len(key) == _KEY_BYTES and der.startswith(_X25519):
        return key
    if der.startswith(_ED25519):
        raise InvalidValue(message("key-cannot-seal", path=path, how=_HOW))
    if der.startswith(_X25519):
        raise InvalidValue(message("key-damaged", path=path, bytes=_KEY_BYTES, found=len(key)))
    raise InvalidValue(message("key-other-kind", path=path, how=_HOW))
