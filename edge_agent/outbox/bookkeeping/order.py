"""Row ids that carry the order: ``rank`` in the high bits, ``n`` in the low ones.

``n`` counts everything that was ever stored, across epochs, without a gap. Sorting by row id
is therefore "by priority, then oldest first", and one B-tree serves appending, sending and
shedding: an index on priority would cost one more page written for every commit.
"""

from __future__ import annotations

from enum import IntEnum

from edge_agent.core.model import Severity

SHIFT = 48
N_MASK = (1 << SHIFT) - 1
LOSS_KIND = "loss"


class Rank(IntEnum):
    """Order of sending; shedding goes the other way round and never takes ``LOSS``."""

    ALARM = 0
    LOSS = 1
    WARNING = 2
    INFO = 3


SHED_ORDER = (Rank.INFO, Rank.WARNING, Rank.ALARM)
_RANK_OF = {Severity.ALARM: Rank.ALARM, Severity.WARNING: Rank.WARNING, Severity.INFO: Rank.INFO}
_PRIORITY_OF = {
    Rank.ALARM: Severity.ALARM.number,
    Rank.LOSS: Severity.WARNING.number,
    Rank.WARNING: Severity.WARNING.number,
    Rank.INFO: Severity.INFO.number,
}


def rank_for(severity: Severity, kind: str) -> Rank:
    return Rank.LOSS if kind == LOSS_KIND else _RANK_OF[severity]


def rank_of_event(priority: int, kind: str) -> Rank:
    """The inverse of ``priority_of``; ``kind`` is the event's."""
    if kind == LOSS_KIND:
        return Rank.LOSS
    return next(rank for rank in SHED_ORDER if _PRIORITY_OF[rank] == priority)


def row_id(rank: Rank, n: int) -> int:
    return rank << SHIFT | n


def n_of(row: int) -> int:
    return row & N_MASK


def rank_of(row: int) -> Rank:
    return Rank(row >> SHIFT)


def priority_of(row: int) -> int:
    """``Severity.number`` of the event in that row."""
    return _PRIORITY_OF[rank_of(row)]


def rank_range(rank: Rank) -> tuple[int, int]:
    """Smallest and largest row id of that rank."""
    return row_id(rank, 0), row_id(rank, N_MASK)
