"""Stores the messages on the topics of boxes without a site: claims, and the control machine's answers."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection

from sqlalchemy import Connection

from edge_agent.wire.received.messages import MalformedMessage
from edge_agent.wire.topics import BoxTopic
from edge_central.claims.model import BoxList, read_answer, read_claim
from edge_central.claims.records import MAX_KEYS_OF_SERIAL, record_answer, store_claim

log = logging.getLogger(__name__)

MAX_CLAIMS_OF_BATCH = 50
"""Limit for claims of boxes that are not listed: each claim costs some queries, and a flood of claims must
not delay the events of the gateways."""


class ClaimIntake:
    """The claims and answers of one batch of messages."""

    def __init__(self, connection: Connection, wards: Collection[str], now_ms: int, boxes: BoxList) -> None:
        self._connection = connection
        self._wards = wards
        self._now_ms = now_ms
        self._boxes = boxes
        self._claims = Counter[str]()  # by listed serial; "" counts all other boxes together
        self.answered: list[int] = []
        """Numbers of the claims that were answered."""

    def add(self, topic: BoxTopic, payload: bytes) -> None:
        """Add a message. Raises MalformedMessage."""
        if topic.kind == "claim":
            self._add_claim(topic.serial, payload)
            return
        answer = read_answer(topic.serial, payload)
        if answer is not None:
            numbers = record_answer(self._connection, answer, self._now_ms)
            self.answered += numbers
            if numbers:
                log.info("%s: claim %s is %s", answer.serial, answer.claim_id, answer.decision)

    def _add_claim(self, serial: str, payload: bytes) -> None:
        if serial not in self._boxes.keys:
            self._count("", MAX_CLAIMS_OF_BATCH)  # before the signature is verified
        claim = read_claim(serial, payload)
        if self._boxes.lists(serial, claim.key_sha256):
            self._count(serial, MAX_KEYS_OF_SERIAL)
        elif serial in self._boxes.keys:
            self._count("", MAX_CLAIMS_OF_BATCH)
        if claim.ward not in self._wards:
            raise MalformedMessage("a claim in a ward that is not one of this centre")
        store_claim(self._connection, claim, payload, self._now_ms, self._boxes)
        log.info("%s: claims %s, by %s", serial, claim.site, claim.by)

    def _count(self, whose: str, most: int) -> None:
        self._claims[whose] += 1
        if self._claims[whose] > most:
            raise MalformedMessage("too many claims at once")
