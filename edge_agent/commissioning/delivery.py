"""Sends the claim and fetches the answer, in short sessions with the certificate of the box's batch.

All boxes of a batch have one certificate, and of two sessions with one name the broker ends the older. So a
session lasts only while there is something to send or to fetch, and boxes connect at random times.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_agent.commands.action import CommandRefused
from edge_agent.commands.signature import read_public, verify
from edge_agent.commissioning.messages import CommissioningError, words
from edge_agent.commissioning.paths import CommissioningPaths
from edge_agent.commissioning.record import ClaimRecord
from edge_agent.config.fields.schema_types import InvalidValue
from edge_agent.config.model.addresses import BrokerAddress
from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.errors import MqttError
from edge_agent.core.languages import Bilingual
from edge_agent.core.problems import CATALOGUE, error_text, problem_of
from edge_agent.mqtt.connect_errors import ConnectErrorKind
from edge_agent.mqtt.publisher.window import NO_SUBSCRIBER
from edge_agent.mqtt.tools.tool_client import REFUSED, ConnectionClosed, ConnectRefused, ToolClient
from edge_agent.wire import ClaimAnswer, SiteBundle
from edge_agent.wire.topics import ClaimTopics

ANSWER_S = 20.0
"""Longest wait of a session for the answer. It is short, because the control machine may be off for days."""

RETAINED_S = 5.0
"""Longest wait for a retained answer, which follows the subscription at once."""


class ClaimDelivery:
    """Runs the sessions of one box at the brokers of the bundle."""

    def __init__(self, bundle: SiteBundle, paths: CommissioningPaths, serial: str) -> None:
        self._bundle, self._paths, self._serial = bundle, paths, serial
        self._topics = ClaimTopics(bundle.topic_root, serial)

    def session(
        self, record: ClaimRecord, delivered: Callable[[], None], clock_trusted: bool
    ) -> tuple[ClaimAnswer | None, Bilingual | None]:
        """Send the claim unless the broker has it, and wait up to ``ANSWER_S`` for the answer.

        Returns the answer, or None and why there is none. If another box of the batch has ended the session,
        both are None: this is no failure, and the next session continues. Blocks for up to a minute.
        ``delivered`` is called when the broker has the claim."""
        if not (self._paths.enrolment / "client.crt").exists():
            return None, words("no-enrolment")
        reason, sent = Bilingual("", ""), record.delivered

        def note_delivered() -> None:
            nonlocal sent
            sent = True
            delivered()

        for broker in self._brokers():
            try:
                return self._session(broker, record, note_delivered), None
            except ConnectionClosed as error:
                if error.connect_error.kind is ConnectErrorKind.ID_IN_USE:
                    return None, None
                reason = _in_both(error)
            except MqttError as error:
                reason = _in_both(error)
        if not clock_trusted:
            return None, words("uplink-clock")
        return None, words("answer-none" if sent else "uplink-none", reason=reason)

    def _session(
        self, broker: Broker, record: ClaimRecord, delivered: Callable[[], None]
    ) -> ClaimAnswer | None:
        with ToolClient(broker, self._mqtt(broker), self._serial) as client:
            client.subscribe(self._topics.answer)
            client.require_subscribed()
            if not record.delivered:
                reason = client.publish(self._topics.claim, record.jws.encode())
                if reason >= REFUSED:
                    raise MqttError(f"{broker.host} does not take the claim (0x{reason:02x})")
                if reason != NO_SUBSCRIBER:  # otherwise no centre has subscribed yet: the claim is sent again
                    delivered()
            end_mono = time.monotonic() + ANSWER_S
            while (left_s := end_mono - time.monotonic()) > 0:
                message = client.receive(left_s)
                if message is not None and message.payload:
                    answer = self._opened(message.payload, record)
                    if answer is not None:
                        return answer
            return None

    def withdrawal(self) -> ClaimAnswer | None:
        """Return the signed answer ``withdrawn`` that waits for this box; None: there is none. Raises
        MqttError when no broker lets the box read its answers."""
        failed: MqttError | None = None
        for broker in self._brokers():
            try:
                return self._waiting_withdrawal(broker)
            except MqttError as error:
                failed = error
        raise failed or MqttError("the bundle names no broker")

    def _waiting_withdrawal(self, broker: Broker) -> ClaimAnswer | None:
        with ToolClient(broker, self._mqtt(broker), self._serial) as client:
            client.subscribe(self._topics.answer)
            client.require_subscribed()
            message = client.receive(RETAINED_S)
        if message is None or not message.payload:
            return None
        try:
            answer = open_answer(message.payload, self._bundle)
        except CommissioningError:
            return None
        is_mine = answer.serial == self._serial and answer.decision == "withdrawn"
        return answer if is_mine else None

    def _opened(self, payload: bytes, record: ClaimRecord) -> ClaimAnswer | None:
        """Return the answer to this claim. None: it answers an earlier claim, or no key of the bundle has
        signed it."""
        try:
            answer = open_answer(payload, self._bundle)
        except CommissioningError:
            return None
        claim = record.claim
        fits = claim is not None and answer.claim_id == claim.claim_id and answer.serial == self._serial
        return answer if fits else None

    def _brokers(self) -> list[Broker]:
        found = []
        for text in self._bundle.brokers:
            try:
                found.append(BrokerAddress().read_text(text))
            except InvalidValue:
                continue
        return found

    def _mqtt(self, broker: Broker) -> Mqtt:
        ca_file = self._paths.state / "ca.crt"
        _write_ca(ca_file, self._bundle.ca)
        folder = self._paths.enrolment
        return Mqtt(
            brokers=(broker,),
            root=self._bundle.topic_root,
            ca_file=ca_file,
            cert_file=folder / "client.crt",
            key_file=folder / "client.key",
        )


def _in_both(error: MqttError) -> Bilingual:
    if isinstance(error, ConnectRefused | ConnectionClosed):
        problem = problem_of(error.connect_error.text)
    else:
        problem = problem_of(error_text(error))
    vietnamese = problem and CATALOGUE.say(problem, "vi")
    return Bilingual(str(error), vietnamese or str(words("broker-silent").vi))


def open_answer(payload: bytes, bundle: SiteBundle) -> ClaimAnswer:
    """Return the answer in a JWS that a key of the bundle has signed. Raises CommissioningError."""
    for pem in bundle.answer_keys:
        try:
            return msgspec.json.decode(verify(payload, read_public(pem)), type=ClaimAnswer)
        except (CommandRefused, ValueError, RecursionError):
            continue
    raise CommissioningError("answer-invalid")


def _write_ca(path: Path, pem: str) -> None:
    try:
        if path.exists() and path.read_text(encoding="ascii") == pem:
            return
        path.write_text(pem, encoding="ascii")
    except (OSError, ValueError) as error:
        raise MqttError(f"{path} cannot be written: {error}") from error
