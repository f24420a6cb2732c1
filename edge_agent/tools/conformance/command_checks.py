"""The client that observes a gateway and sends it commands, and the checks that send commands. None of them
changes a gateway that follows the contract."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.clock import rfc3339
from edge_agent.mqtt.tools.tool_client import REFUSED, ConnectionClosed, SubscribedMessage, ToolClient
from edge_agent.tools.conformance.message_checks import (
    ContractBroken,
    NothingObserved,
    ProbedGateway,
    decoded,
    on_topic,
)
from edge_agent.wire import Command, ConfiguredRules, Reply
from edge_agent.wire.topics import GatewayTopics


class GatewayObserver:
    """Observes a gateway, with a connection to the broker that lasts as long as the ``with`` block.

    Raises MqttError for everything that the broker does not allow.
    """

    def __init__(self, broker: Broker, settings: Mqtt, topics: GatewayTopics, client_id: str) -> None:
        self._topics = topics
        self._client = ToolClient(broker, settings, client_id)
        self._messages: list[SubscribedMessage] = []

    def __enter__(self) -> GatewayObserver:
        self._client.__enter__()
        try:
            self._client.subscribe(self._topics.all_up)
            self._client.require_subscribed()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    @property
    def messages(self) -> list[SubscribedMessage]:
        """Return all messages so far; ``topic`` of each is only the part below ``up/``."""
        for message in self._client.receive_all():
            self._add(message)
        return list(self._messages)

    def wait_until(self, until: Callable[[list[SubscribedMessage]], bool], within_s: float) -> bool:
        """Wait until ``until`` is true for all received messages; it is called again after each message.
        Return False after the timeout or when the connection ends."""
        deadline = time.monotonic() + within_s
        with contextlib.suppress(ConnectionClosed):
            while not until(self._messages):
                message = self._client.receive(deadline - time.monotonic())
                if message is None:
                    return False
                self._add(message)
            return True
        return False

    def send(self, type_: str, payload: bytes) -> int:
        """Publish a command and return the broker's reason code; 0x80 and above: the broker refuses it."""
        return self._client.publish(self._topics.command(type_), payload)

    def _add(self, message: SubscribedMessage) -> None:
        below = message.topic.removeprefix(self._topics.all_up.removesuffix("#"))
        self._messages.append(replace(message, topic=below))


ANSWER_S = 15.0
FINAL = ("succeeded", "failed", "rejected", "expired")
OVERSIZED_BYTES = 400_000


class CommandsNotAllowed(Exception):
    """The broker does not allow this user to send commands."""


@dataclass(frozen=True, slots=True)
class CommandTester:
    observer: GatewayObserver
    gateway: ProbedGateway
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
            raise CommandsNotAllowed(f"the broker refuses it (reason 0x{reason:02x})")

    def run_command(self, document: dict[str, Any], as_type: str | None = None) -> list[Reply]:
        """Send a command and return its new replies. Raises ContractBroken if no final reply comes."""
        topic, before = f"reply/{document['id']}", len(self._replies(document["id"]))
        self.send(as_type or document["type"], msgspec.json.encode(document))

        def is_answered(messages: list[SubscribedMessage]) -> bool:
            replies = [decoded(each, Reply) for each in messages if each.topic == topic]
            return any(each.status in FINAL for each in replies[before:])

        if not self.observer.wait_until(is_answered, self.answer_s):
            raise ContractBroken(f"no last answer to {document['type']} within {self.answer_s:.0f} s")
        return self._replies(document["id"])[before:]

    def _replies(self, id_: str) -> list[Reply]:
        found = on_topic(self.observer.messages, f"reply/{id_}")
        if any(each.retained for each in found):
            raise ContractBroken(f"a reply to {id_} is retained")
        return [decoded(each, Reply) for each in found]


def status(tester: CommandTester) -> str:
    replies = tester.run_command(tester.document("status"))
    if [each.status for each in replies] != ["accepted", "running", "succeeded"]:
        raise ContractBroken(f"status was answered {', '.join(each.status for each in replies)}")
    if replies[-1].gateway != tester.gateway.id:
        raise ContractBroken(f"the reply says gateway {replies[-1].gateway}")
    return replies[-1].text


def rebirth(tester: CommandTester) -> str:
    before = len(on_topic(tester.observer.messages, "birth"))
    tester.run_command(tester.document("rebirth"))
    if not tester.observer.wait_until(
        lambda messages: len(on_topic(messages, "birth")) > before, tester.answer_s
    ):
        raise ContractBroken("no birth came after rebirth")
    return "a birth came"


def rules(tester: CommandTester) -> str:
    """Check the answer to ``rules``. An older agent may reject it; the centre then shows no rules."""
    last = tester.run_command(tester.document("rules"))[-1]
    if last.status == "rejected" and last.code == "unknown-type":
        raise NothingObserved("this agent does not know the command")
    if last.status != "succeeded":
        raise ContractBroken(f"rules was answered {last.status}: {last.text}")
    try:
        found = msgspec.convert(last.result, ConfiguredRules)
    except msgspec.ValidationError as error:
        raise ContractBroken(f"its result is not valid: {error}") from error
    return f"rules of {len(found.cameras)} cameras"


def repeat(tester: CommandTester) -> str:
    document = tester.document("status")
    first = tester.run_command(document)[-1]
    again = tester.run_command(document)
    if again != [first]:
        raise ContractBroken("a repeated command got another answer than the first time")
    return "the same answer"


def reused(tester: CommandTester) -> str:
    document = tester.document("status")
    tester.run_command(document)
    return _rejected(tester, {**document, "type": "rebirth"}, "id-reused", "rebirth")


def expired(tester: CommandTester) -> str:
    past = datetime.now(UTC) - timedelta(hours=1)
    issued = rfc3339(past - timedelta(hours=1))
    replies = tester.run_command(tester.document("status", issued=issued, expires=rfc3339(past)))
    last = replies[-1]
    if last.status == "succeeded" and not _synced(tester):
        raise NothingObserved("the clock of the gateway is not synchronised, so this cannot be tested")
    if last.status != "expired":
        raise ContractBroken(f"a command of two hours ago was answered {last.status}")
    return last.text


def wrong_gateway(tester: CommandTester) -> str:
    return _rejected(tester, tester.document("status", gateway="another-box"), "wrong-gateway")


def malformed(tester: CommandTester) -> str:
    document = tester.document("status")
    return _rejected(tester, {"id": document["id"], "type": "status"}, "malformed")


def unknown_type(tester: CommandTester) -> str:
    return _rejected(tester, tester.document("make-coffee"), "unknown-type")


def bad_arguments(tester: CommandTester) -> str:
    return _rejected(tester, tester.document("status", args={"colour": "red"}), "bad-arguments")


def unsigned(tester: CommandTester) -> str:
    """Send a configuration that the gateway must refuse: it is unsigned, and invalid, so it does no harm."""
    args = {"version": 1, "config": "version: 1", "sha256": "0" * 64}
    return _rejected(tester, tester.document("set-config", args=args), "unsigned")


def unsigned_search(tester: CommandTester) -> str:
    span = {"from_at": "2026-11-24T12:00:00Z", "to_at": "2026-11-24T13:00:00Z"}
    args = {"purpose": "conformance", "case": "none", **span}
    texts = []
    for type_ in ("search", "passage-times"):
        last = tester.run_command(tester.document(type_, args=args))[-1]
        if last.code == "unknown-type":  # this agent is older than the command
            continue
        if (last.status, last.code) != ("rejected", "unsigned"):
            answer = f"{last.status} ({last.code})"
            raise ContractBroken(f"{type_} was answered {answer}, not rejected (unsigned)")
        texts.append(last.text)
    if not texts:
        raise NothingObserved("this gateway stores no passages")
    return "; ".join(texts)


def noise(tester: CommandTester) -> str:
    """Check that the gateway still answers ``status`` after oversized messages and ones that are no JSON."""
    for payload in (b"\xff\x00 no document", b"[" * 5000, b" " * OVERSIZED_BYTES):
        tester.send("status", payload)
    return status(tester)


def _rejected(tester: CommandTester, document: dict[str, Any], code: str, as_type: str | None = None) -> str:
    last = tester.run_command(document, as_type)[-1]
    if (last.status, last.code) != ("rejected", code):
        raise ContractBroken(f"it was answered {last.status} ({last.code}), not rejected ({code})")
    return last.text


def _synced(tester: CommandTester) -> bool:
    result = tester.run_command(tester.document("status"))[-1].result
    return bool(result["heartbeat"]["clock"]["synced"])
