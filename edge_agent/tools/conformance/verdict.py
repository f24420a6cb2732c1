"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ConformanceVerdict(StrEnum):
    KEPT = "kept"
    BROKEN = "broken"
    NOT_SEEN = "not seen"  # nothing happened in time that could show it
    NOT_ALLOWED = "not allowed"  # we may not send commands


@dataclass(frozen=True, slots=True)
class ConformanceResult:
    verdict: ConformanceVerdict
    text: str


class ContractBroken(Exception):
    """The contract is broken; says how."""


class NothingObserved(Exception):
    """Nothing could be looked at; says what is missing."""
