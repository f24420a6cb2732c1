"""The checks that send commands; none of them changes anything on a box that keeps the contract."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from edge_agent.core.clock import rfc3339
from edge_agent.mqtt.tools.observing import REFUSED, Heard, Observer
from edge_agent.tools.conformance.heard import Gateway, decoded, on
from edge_agent.tools.conformance.verdict import Broken, NotSeen
from edge_agent.wire import Command, Reply

ANSWER_S = 15.0
FINAL = ("succeeded", "failed", "rejected", "expired")
OVERSIZED_BYTES = 400_000


class NotAllowed(Exception):
    """The broker does not let us send commands."""


@dataclass(frozen=True, slots=True)
class Asker:
    observer: Observer
    gateway: Gateway
    answer_s: float = ANSWER_S

    def document(self, type_: str, **other: Any) -> dict[str, Any]:
        now = datetime.now(UTC)
        right = Command[dict[str, Any]](
            id=f"conformance-{secrets.token_hex(5)}",
            type=type_,
            gateway=self.gateway.id,
            issued=rfc3339(now),
            expires=rfc3339(now + timedelta(minutes=2)),
            args={},
        )
        return {**msgspec.to_builtins(right), **other}

    def send(self, type_: str, payload: bytes) -> None:
        if (reason := self.observer.send(type_, payload)) >= REFUSED:
            raise NotAllowed(f"the broker refuses it (reason 0x{reason:02x})")

    def ask(self, document: dict[str, Any], as_type: str | None = None) -> list[Reply]:
        """Its new replies, up to the last one. Raises Broken when that does not come."""
        topic, before = f"reply/{document['id']}", len(self._replies(document["id"]))
        self.send(as_type or document["type"], msgspec.json.encode(document))

        def is_answered(heard: list[Heard]) -> bool:
            replies = [decoded(each, Reply) for each in heard if each.topic == topic]
            return any(each.status in FINAL for each in replies[before:])

        if not self.observer.wait(is_answered, self.answer_s):
            raise Broken(f"no last answer to {document['type']} within {self.answer_s:.0f} s")
        return self._replies(document["id"])[before:]

    def _replies(self, id_: str) -> list[Reply]:
        found = on(self.observer.heard, f"reply/{id_}")
        if any(each.retained for each in found):
            raise Broken(f"a reply to {id_} is retained")
        return [decoded(each, Reply) for each in found]


def status(asker: Asker) -> str:
    replies = asker.ask(asker.document("status"))
    if [each.status for each in replies] != ["accepted", "running", "succeeded"]:
        raise Broken(f"status was answered {', '.join(each.status for each in replies)}")
    if replies[-1].gateway != asker.gateway.id:
        raise Broken(f"the reply says gateway {replies[-1].gateway}")
    return replies[-1].text


def rebirth(asker: Asker) -> str:
    before = len(on(asker.observer.heard, "birth"))
    asker.ask(asker.document("rebirth"))
    if not asker.observer.wait(lambda heard: len(on(heard, "birth")) > before, asker.answer_s):
        raise Broken("no birth came after rebirth")
    return "a birth came"


def repeat(asker: Asker) -> str:
    document = asker.document("status")
    first = asker.ask(document)[-1]
    again = asker.ask(document)
    if again != [first]:
        raise Broken("a repeated command got another answer than the first time")
    return "the same answer"


def reused(asker: Asker) -> str:
    document = asker.document("status")
    asker.ask(document)
    return _rejected(asker, {**document, "type": "rebirth"}, "id-reused", "rebirth")


def expired(asker: Asker) -> str:
    past = datetime.now(UTC) - timedelta(hours=1)
    issued = rfc3339(past - timedelta(hours=1))
    replies = asker.ask(asker.document("status", issued=issued, expires=rfc3339(past)))
    last = replies[-1]
    if last.status == "succeeded" and not _synced(asker):
        raise NotSeen("the clock of the box is not synchronised: it cannot tell")
    if last.status != "expired":
        raise Broken(f"a command of two hours ago was answered {last.status}")
    return last.text


def wrong_gateway(asker: Asker) -> str:
    return _rejected(asker, asker.document("status", gateway="another-box"), "wrong-gateway")


def malformed(asker: Asker) -> str:
    document = asker.document("status")
    return _rejected(asker, {"id": document["id"], "type": "status"}, "malformed")


def unknown_type(asker: Asker) -> str:
    return _rejected(asker, asker.document("make-coffee"), "unknown-type")


def bad_arguments(asker: Asker) -> str:
    return _rejected(asker, asker.document("status", args={"colour": "red"}), "bad-arguments")


def unsigned(asker: Asker) -> str:
    """Of a configuration that could not be taken either."""
    args = {"version": 1, "config": "version: 1", "sha256": "0" * 64}
    return _rejected(asker, asker.document("set-config", args=args), "unsigned")


def noise(asker: Asker) -> str:
    """What is no document, and what is far too large, is survived."""
    for payload in (b"\xff\x00 no document", b"[" * 5000, b" " * OVERSIZED_BYTES):
        asker.send("status", payload)
    return status(asker)


def _rejected(asker: Asker, document: dict[str, Any], code: str, as_type: str | None = None) -> str:
    last = asker.ask(document, as_type)[-1]
    if (last.status, last.code) != ("rejected", code):
        raise Broken(f"it was answered {last.status} ({last.code}), not rejected ({code})")
    return last.text


def _synced(asker: Asker) -> bool:
    result = asker.ask(asker.document("status"))[-1].result
    return bool(result["heartbeat"]["clock"]["synced"])
