"""The public keys given with ``--key``, each with the gateway that it is known to belong to."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from edge_agent.core.errors import EvidenceError
from edge_agent.evidence.chain.keys import KeyProblem, key_id, load_public, public_der, to_pem
from edge_agent.evidence.chain.records import split_topic
from edge_agent.evidence.chain.verify import GivenKey, Keys

MAX_KEY_FILE_BYTES = 64_000_000  # of a file of keys: the births of thousands of gateways

_OWNER = re.compile(r"([a-z0-9-]{1,63})=")
_BIRTH_TOPIC = re.compile(rb"(?:.*/)?([a-z0-9-]{1,63})/up/birth")


class _Birth(msgspec.Struct):
    gateway: str
    evidence_key: str | None = None


def load_keys(names: Sequence[str]) -> Keys:
    """Each ``[GATEWAY=]PUBLIC.pem``, or a file of births behind their topics. Raises ``EvidenceError``."""
    keys: dict[str, GivenKey] = {}
    for name in names:
        owner = _OWNER.match(name)
        path = Path(name[owner.end() :] if owner else name)
        content = _read(path)
        try:
            for pem, gateway in _keys_in(content, owner[1] if owner else None):
                public = load_public(pem)
                keys[key_id(public_der(public))] = GivenKey(public, gateway)
        except (KeyProblem, binascii.Error, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise EvidenceError(f"{path}: {error}") from error
    return keys


def _keys_in(content: bytes, owner: str | None) -> list[tuple[bytes, str | None]]:
    """PEM and gateway. Raises ``KeyProblem`` when there is none: that would be taken for no ``--key``."""
    if b"/up/birth " not in content:
        return [(content, owner)]
    found = [(pem, gateway) for pem, gateway in _of_births(content) if owner in (None, gateway)]
    if not found:
        raise KeyProblem(f"no birth in it names a key{f' of {owner}' if owner else ''}")
    return [*found]


def _of_births(content: bytes) -> Iterator[tuple[bytes, str]]:
    """Each key as PEM, and the gateway on whose topic it came: no other can publish there, but what a birth
    says of itself, any gateway can write."""
    for line in content.splitlines():
        topic, payload = split_topic(line)
        if (match := _BIRTH_TOPIC.fullmatch(topic)) is None:
            continue
        told, gateway = msgspec.json.decode(payload, type=_Birth), match[1].decode()
        if told.gateway != gateway:
            raise KeyProblem(f"the birth on the topic of {gateway} says that it is of {told.gateway[:63]!r}")
        if told.evidence_key is not None:
            yield to_pem(base64.b64decode(told.evidence_key, validate=True)), gateway


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_FILE_BYTES + 1)
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_KEY_FILE_BYTES:
        raise EvidenceError(f"{path} is larger than any file of keys")
    return content
