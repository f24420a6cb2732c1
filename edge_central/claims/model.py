"""A claim of a box as the centre stores it, and how it is read from the broker. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from edge_agent.commands.signature import is_jws, open_claim, payload_of
from edge_agent.core.problems import CodedProblem, ProblemText
from edge_agent.wire import Claim, ClaimAnswer
from edge_agent.wire.claims import MAX_CLAIM_BYTES
from edge_agent.wire.received.messages import MalformedMessage
from edge_central.store import tables


class StoredClaimState(StrEnum):
    PENDING = "pending"
    CONFIRMED = tables.CLAIM_IN_FORCE
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"  # before this claim was answered, the box claimed another site


@dataclass(frozen=True, slots=True)
class ClaimWithdrawal:
    at_ms: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoredClaim:
    """A row of the table ``claim``."""

    number: int
    claim: Claim
    state: StoredClaimState
    received_ms: int
    answered_ms: int | None
    problem: CodedProblem | None  # the coded problem of the answer
    withdrawal: ClaimWithdrawal | None

    @property
    def why(self) -> str:
        """Return the reason of the answer, with its code; empty: there is none."""
        return "" if self.problem is None else ProblemText(self.problem.code, self.problem)

    @property
    def is_undoable(self) -> bool:
        """Return whether the claim is pending or in force: only then can it be withdrawn."""
        return self.state in (StoredClaimState.PENDING, StoredClaimState.CONFIRMED)

    @property
    def is_being_withdrawn(self) -> bool:
        """Return whether an operator has withdrawn the claim, but the control machine has not answered that
        yet."""
        return self.withdrawal is not None and self.is_undoable


def read_claim(serial: str, payload: bytes) -> Claim:
    """Read the claim of the box in the topic and verify the box's signature. Raises MalformedMessage."""
    if len(payload) > MAX_CLAIM_BYTES or not is_jws(payload):
        raise MalformedMessage("no signed claim")
    try:
        claim = open_claim(payload)
    except ValueError as error:
        raise MalformedMessage(str(error)) from None
    if claim.serial != serial:
        raise MalformedMessage("a claim of another box than that of the topic")
    return claim


def read_answer(serial: str, payload: bytes) -> ClaimAnswer | None:
    """Read an answer. None: the message is empty, because the answer was cleared. The signature is not
    verified: the box does that, and the broker lets only the control machine write to this topic. Raises
    MalformedMessage."""
    if not payload:
        return None
    if len(payload) > MAX_CLAIM_BYTES or not is_jws(payload):
        raise MalformedMessage("no signed answer to a claim")
    answer: ClaimAnswer = decode_jws(payload, ClaimAnswer)
    if answer.serial != serial:
        raise MalformedMessage("an answer to another box than that of the topic")
    return answer


def decode_jws(jws: bytes, kind: type[Any]) -> Any:
    """Return the document of a JWS without a check of its signature: it was verified before, or does not
    matter here. Raises MalformedMessage."""
    try:
        return msgspec.json.decode(payload_of(jws), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(f"not a {kind.__name__}: {error}"[:200]) from None


@dataclass(frozen=True, slots=True)
class BoxList:
    """The prepared boxes of ``boxes.csv``. ``keys``: serial number -> fingerprint of the box's key, empty if
    the file has no valid fingerprint."""

    keys: Mapping[str, str] = field(default_factory=dict)
    is_there: bool = False  # False: there is no list, so no serial counts as unknown

    def lists(self, serial: str, key: str) -> bool:
        """Return whether the list has this serial number, with this fingerprint or with none."""
        return self.keys.get(serial) in ("", key)


NO_LIST = BoxList()
