"""Reads the claims that the centre retains at the broker, and publishes the answers, retained."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import msgspec

from edge_agent.commands.signature import open_claim
from edge_agent.config.model.settings import Mqtt
from edge_agent.core.errors import MqttError
from edge_agent.mqtt.tools.tool_client import REFUSED, SubscribedMessage, ToolClient, refusal
from edge_agent.wire import CentralClaim, Claim
from edge_agent.wire.topics import CentralTopics, ClaimTopics
from fleet.boxes.answers import AnsweredClaim, Choice, ClaimDecider, verdict_of
from fleet.boxes.checks import CheckedClaim
from fleet.boxes.serials import KnownBox

QUIET_S = 2.0
"""Retained messages follow the subscription at once; after such a pause all have arrived."""
REFUSAL_EXPIRY_S = 180 * 86_400
"""The broker forgets refusals after this time. A confirmation stays: there are no more than boxes."""
MAX_RETAINED = 5_000
"""The centre retains fewer."""
WATCH_S = 3_600.0
CHOICES: Mapping[str, Choice] = {"c": "confirm", "r": "refuse", "l": "later", "": "later"}
"""What a person types -> the choice."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ClaimCounts:
    answered: int
    waiting: int
    """Claims that need a person."""


def answer_claims(
    mqtt: Mqtt,
    decider: ClaimDecider,
    say: Say,
    *,
    watch: bool,
    before_each: Callable[[], None] = lambda: None,
) -> ClaimCounts:
    """Answer all claims at the broker. ``watch``: then answer each new claim, until the connection ends for
    good. ``before_each`` is called before a claim is decided.

    Raises MqttError, OSError and ValueError."""
    topics, broker = CentralTopics(mqtt.root, "central"), mqtt.brokers[0]
    answered = waiting = 0
    name = f"claims-{secrets.token_hex(4)}"
    with ToolClient(broker, mqtt, name, reconnects=watch) as client:
        client.subscribe(topics.all_claims)
        client.require_subscribed()
        for message in _messages(client, decider, say, watch):
            before_each()
            for each in _answers(message, decider, say):
                if each.jws is None:
                    waiting += 1
                    continue
                topic = ClaimTopics(mqtt.root, each.serial).answer
                expires_in_s = None if each.decision == "confirmed" else REFUSAL_EXPIRY_S
                reason = client.publish(topic, each.jws or b"", expires_in_s, retain=True)
                if reason >= REFUSED:
                    raise refusal(broker, "publish answers to claims", reason)
                answered += 1
    return ClaimCounts(answered, waiting)


def _messages(
    client: ToolClient, decider: ClaimDecider, say: Say, watch: bool
) -> Iterator[SubscribedMessage]:
    retained = iter(lambda: client.receive(QUIET_S), None)
    yield from listed_first(islice(retained, MAX_RETAINED), decider.state.boxes or {})
    if watch:
        say("waiting for new claims; Ctrl-C ends")
    while watch:
        message = client.receive(WATCH_S)
        if message is not None:
            yield message


def listed_first(
    messages: Iterable[SubscribedMessage], boxes: Mapping[str, KnownBox]
) -> list[SubscribedMessage]:
    """The claims of listed boxes first: a stolen certificate of a batch can send many others."""

    def is_other(message: SubscribedMessage) -> bool:
        try:
            held = msgspec.json.decode(message.payload, type=CentralClaim)
            claim = open_claim(held.claim.encode("ascii", "replace"))
        except (ValueError, RecursionError):
            return True
        listed = boxes.get(claim.serial)
        return listed is None or listed.key_sha256 not in ("", claim.key_sha256)

    return sorted(messages, key=is_other)


def _answers(message: SubscribedMessage, decider: ClaimDecider, say: Say) -> Iterator[AnsweredClaim]:
    """Yield the answers to a message: to publish, or, without a JWS, to leave to a person."""
    if not message.payload:
        return  # the centre has cleared it
    try:
        held = msgspec.json.decode(message.payload, type=CentralClaim)
        answers = decider.answer(held)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        say(f"{message.topic}: {type(error).__name__}: {str(error)[:200]!r}; it is left alone")
        return
    for each in answers:
        say(each.text)
        yield each


def ask_on_terminal(claim: Claim, checked: CheckedClaim) -> tuple[Choice, str]:
    """Ask at the terminal whether to confirm a claim. Raises MqttError if there is no terminal."""
    if not sys.stdin.isatty():
        raise MqttError("there is no terminal to ask: use --confirm-matching")
    lines = [
        f"{claim.site}: {claim.serial} (board {claim.board}), claimed by {claim.by} at {claim.time}",
        f"  cameras found: {', '.join(each.id for each in claim.cameras if each.address) or 'none'}",
        f"  verdict of the box: {verdict_of(claim)}",
        *(f"  note: {each}" for each in checked.remarks),
        f"  does not fit: {checked.question}" if checked.question else "  site, key and list fit",
    ]
    print("\n".join("".join(c if c.isprintable() else " " for c in line) for line in lines))
    while (choice := CHOICES.get(input("  confirm, refuse or later? [c/r/L] ").strip().lower())) is None:
        print("  type c, r or l; Enter alone means later")
    return choice, (input("  why? ").strip()[:200] or "not said") if choice == "refuse" else ""
