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
    REPLACED = "replaced"  # the box claimed another site before this claim was answered


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
    problem: CodedProblem | None  # of the answer
    withdrawal: ClaimWithdrawal | None

    @property
    def why(self) -> str:
        """The reason of the answer, with its code; empty: none."""
        return "" if self.problem is None else ProblemText(self.problem.code, self.problem)

    @property
    def is_undoable(self) -> bool:
        """Whether the claim waits or is in force, so that it can be withdrawn if it is wrong."""
        return self.state in (StoredClaimState.PENDING, StoredClaimState.CONFIRMED)

    @property
    def is_being_withdrawn(self) -> bool:
        """Whether an operator has withdrawn it and the control machine has not answered that yet."""
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
    """Read an answer; None: the message is empty, because the answer was cleared. The signature is not
    verified, which is the box's task; the broker lets only the control machine write to this topic. Raises
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
    """The document of a JWS whose signature was verified before, or does not matter. Raises
    MalformedMessage."""
    try:
        return msgspec.json.decode(payload_of(jws), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(f"not a {kind.__name__}: {error}"[:200]) from None


@dataclass(frozen=True, slots=True)
class BoxList:
    """The boxes that were prepared, from ``boxes.csv``: serial -> fingerprint of its key, empty if not
    listed."""

    keys: Mapping[str, str] = field(default_factory=dict)
    is_there: bool = False  # False: there is no list, and no serial is unknown

    def lists(self, serial: str, key: str) -> bool:
        """Whether a box with this serial and fingerprint of a key was prepared."""
        return self.keys.get(serial) in ("", key)


NO_LIST = BoxList()
