"""Commands as a centre writes them, and the replies of a gateway."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jsonschema import Draft202012Validator

from edge_agent.commands.signature import sign
from edge_agent.wire.json_schema import schema_of
from tests.testbed.mosquitto import LIFE_SIGN_S, Subscriber, wait_until

GATEWAY = "dt-001"
BASE = f"tb/v1/de-tham/{GATEWAY}"
FINAL = ("succeeded", "failed", "rejected", "expired")

REPLY = Draft202012Validator(schema_of("reply"))

_numbers = itertools.count(1)


def new_id() -> str:
    return f"cmd-{next(_numbers):06}"  # of constant length: hypothesis changes a byte at a random position


def document(type_: str, args: Mapping[str, object] | None = None, **other: object) -> dict[str, Any]:
    """Return a correct document, valid for a minute, with the changes of ``other``."""
    now = datetime.now(UTC)
    return {
        "id": new_id(),
        "type": type_,
        "gateway": GATEWAY,
        "issued": moment(now),
        "expires": moment(now + timedelta(minutes=1)),
        "args": dict(args or {}),
        **other,
    }


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encoded(found: Mapping[str, object]) -> bytes:
    return json.dumps(found).encode()


def signed(found: Mapping[str, object], operator: Ed25519PrivateKey) -> bytes:
    return sign(encoded(found), operator)


def write_public(path: Path, operator: Ed25519PrivateKey) -> Path:
    pem = operator.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pem)
    return path


class Centre:
    """Sends commands over a broker, collects the replies, and checks that each is valid."""

    def __init__(self, subscriber: Subscriber, base: str = BASE) -> None:
        self.subscriber = subscriber
        self._base = base

    def send(self, found: Mapping[str, Any], payload: bytes | None = None) -> str:
        payload = encoded(found) if payload is None else payload
        self.subscriber.publish(f"{self._base}/down/cmd/{found['type']}", payload)
        return str(found["id"])

    def ask(
        self,
        type_: str,
        args: Mapping[str, object] | None = None,
        operator: Ed25519PrivateKey | None = None,
        timeout_s: float = LIFE_SIGN_S,
    ) -> dict[str, Any]:
        """Send a command, signed by ``operator``, and wait for its last reply."""
        asked = document(type_, args)
        payload = None if operator is None else signed(asked, operator)
        return self.answer(self.send(asked, payload), timeout_s)

    def replies(self, id_: str) -> list[dict[str, Any]]:
        found = [json.loads(message.payload) for message in self.subscriber.on(f"/up/reply/{id_}")]
        for reply in found:
            REPLY.validate(reply)
        return found

    def wait_for_gateway(self) -> None:
        """Repeat one command until the agent has subscribed; it is executed once."""
        asked = document("rebirth")

        def is_heard() -> bool:
            self.send(asked)
            return bool(self.replies(asked["id"]))

        wait_until(is_heard, 30.0, "the gateway")
        self.answer(asked["id"])

    def answer(self, id_: str, timeout_s: float = LIFE_SIGN_S) -> dict[str, Any]:
        """Wait for the last reply, and return it."""
        self.subscriber.wait_for(lambda: self._is_answered(id_), timeout_s)
        return self.replies(id_)[-1]

    def _is_answered(self, id_: str) -> bool:
        return any(reply["status"] in FINAL for reply in self.replies(id_))


@contextmanager
def centre_at(port: int) -> Iterator[Centre]:
    with Subscriber(port, "tb/v1/+/+/up/#") as subscriber:
        yield Centre(subscriber)
