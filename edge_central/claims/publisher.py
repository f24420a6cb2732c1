"""Publishes the open claims for the control machine, retained at the broker, and measures them for the
alerts."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any

from sqlalchemy import Connection

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.core.problems.problem import encode_json
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire import CentralClaim
from edge_agent.wire.topics import CentralTopics
from edge_central.claims.boxes_file import BoxesFile
from edge_central.claims.misfits import JudgedClaim, judge_claims
from edge_central.claims.model import StoredClaimState
from edge_central.claims.records import open_claims, read_claims, replaced_claims, reporting_gateways
from edge_central.console.site_names import FleetSheet
from edge_central.measures import Measure, Measurement
from edge_central.sentences import problem_text
from edge_central.store.scope import Scope

log = logging.getLogger(__name__)

MAX_NAMED = 3
"""An alert names the misfits of at most this many claims; the page lists all claims."""

WardMeasurements = dict[Measure, dict[str, Measurement]]


class ClaimPublisher:
    """Publishes open claims and clears closed ones. Not thread-safe. ``sheet`` and ``boxes`` are needed to
    judge the claims."""

    def __init__(
        self, topics: CentralTopics, wards: Collection[str], sheet: FleetSheet, boxes: BoxesFile
    ) -> None:
        self._topics = topics
        self._scope = Scope(frozenset(wards))
        self._wards = sorted(wards)
        self._sheet = sheet
        self._boxes = boxes
        self._session = ""
        self._published: dict[int, bytes] = {}  # claim number -> payload published in this session
        self._answered: set[int] = set()  # numbers of claims to clear at the broker

    def record_answers(self, numbers: Iterable[int]) -> None:
        """Note that the claims of these numbers were answered."""
        self._answered.update(numbers)

    def publish(self, connection: Connection, session: str, publish: Callable[[MqttMessage], None]) -> None:
        """Publish what has changed since the last call; in a new broker session publish all open claims."""
        if session != self._session:
            # What a box replaced since the last session is still retained at the broker; what it replaced
            # while no centre ran, or just before a restart, too.
            self._answered |= self._published.keys()
            if not self._session:
                self._answered.update(replaced_claims(connection, self._wards))
            self._session, self._published = session, {}
        found = {row.id: _payload(row) for row in open_claims(connection, self._wards, self._boxes.boxes())}
        for number in sorted((self._answered | self._published.keys()) - found.keys()):
            publish(MqttMessage(self._topics.claim(number), b"", retain=True))
            self._published.pop(number, None)
        self._answered.clear()
        for number, payload in found.items():
            if self._published.get(number) != payload:
                publish(MqttMessage(self._topics.claim(number), payload, retain=True))
                self._published[number] = payload

    def measurements(self, connection: Connection, now_ms: int) -> WardMeasurements:
        """Return what the alerts measure about the claims of each ward."""
        boxes = self._boxes.boxes()
        claims = read_claims(connection, self._scope, boxes)
        active = reporting_gateways(connection, self._scope) if claims else []
        judged = judge_claims(claims, self._sheet.names(), boxes, active)
        by_ward = defaultdict[str, list[JudgedClaim]](list)
        for each in judged:
            by_ward[each.stored.claim.ward].append(each)
        return {
            Measure.CLAIM_PENDING_S: {ward: _pending(by_ward[ward], now_ms) for ward in self._wards},
            Measure.CLAIM_WRONG: {ward: _wrong(by_ward[ward]) for ward in self._wards},
        }


def _payload(row: Any) -> bytes:
    withdrawal = None if row.withdrawal is None else bytes(row.withdrawal).decode("ascii")
    claim = bytes(row.jws).decode("ascii")
    return encode_json(
        CentralClaim(claim=claim, received=rfc3339_of_ms(row.received_ms), withdrawal=withdrawal)
    )


def _pending(judged: list[JudgedClaim], now_ms: int) -> Measurement:
    pending = [each.stored for each in judged if each.stored.state is StoredClaimState.PENDING]
    if not pending:
        return Measurement(0.0, "no claim waits")
    oldest = min(pending, key=lambda each: each.received_ms)
    seconds = max(0.0, (now_ms - oldest.received_ms) / 1000)
    figures = {"claims": len(pending), "site": oldest.claim.site, "minutes": round(seconds / 60)}
    return Measurement(seconds, problem_text("claims-waiting", **figures))


def _wrong(judged: list[JudgedClaim]) -> Measurement:
    wrong = [each for each in judged if each.is_wrong]
    if not wrong:
        return Measurement(0.0, "all claims fit")
    lines = [
        problem_text(
            "claim-misfit", site=each.stored.claim.site, serial=each.stored.claim.serial, why=each.misfits[0]
        )
        for each in wrong[:MAX_NAMED]
    ]
    text = problem_text("claims-wrong", claims=len(wrong), lines=lines)
    return Measurement(float(len(wrong)), text)
