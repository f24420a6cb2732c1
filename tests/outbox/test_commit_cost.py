"""What the outbox remembers so that a commit costs less equals what it would read again."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from edge_agent.core.model import Severity
from edge_agent.outbox.backlog import SendCursors
from edge_agent.outbox.numbering import Rank, priority_of, rank_range, row_id
from edge_agent.outbox.sqlite.transaction import StoreCounters


def test_a_transaction_changes_a_copy_of_all_counters() -> None:
    counters = StoreCounters()
    for number, each in enumerate(fields(StoreCounters), 1):
        setattr(counters, each.name, number)
    copied = counters.copy()
    assert copied == replace(counters)
    copied.n += 1
    assert counters.n == 1


def test_the_stored_cursors_follow_every_sent_event() -> None:
    cursors = SendCursors()
    assert cursors.text == "0 0 0 0"
    cursors.mark_sent(row_id(Rank.INFO, 3))
    assert cursors.text == "0 0 0 3"
    cursors.mark_sent(row_id(Rank.ALARM, 5))
    assert cursors.text == "5 0 0 3"


def test_the_stored_cursors_are_those_of_the_run_that_has_begun() -> None:
    cursors = SendCursors()
    assert cursors.text == "0 0 0 0"
    found = {rank: rank_range(rank)[0] for rank in Rank} | {Rank.WARNING: row_id(Rank.WARNING, 9)}
    cursors.begin(found, "0 0 7 0")
    assert cursors.text == "0 0 7 0"


@pytest.mark.parametrize(
    ("rank", "severity"),
    [
        (Rank.ALARM, Severity.ALARM),
        (Rank.LOSS, Severity.WARNING),
        (Rank.WARNING, Severity.WARNING),
        (Rank.INFO, Severity.INFO),
    ],
)
def test_the_priority_of_a_row_is_that_of_its_rank(rank: Rank, severity: Severity) -> None:
    assert priority_of(row_id(rank, 2**40)) == severity.number
