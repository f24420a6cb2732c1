"""The numbers of one epoch: which are stored, which are missing, which may be confirmed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_central.store.fleet_state import EventStream, GapReason, SequenceGap

NOW_MS = 5


def stream(*sequences: int) -> EventStream:
    made = EventStream(1, "dt-001", "a")
    for sequence in sequences:
        made.add(sequence, NOW_MS)
    return made


def missing(made: EventStream, why: GapReason = GapReason.MISSING) -> list[tuple[int, int]]:
    return [(gap.first, gap.last) for gap in made.gaps if gap.why is why]


def test_announced_numbers_are_counted_once_and_explain_their_gap() -> None:
    made = stream(1, 10)
    assert (made.mark_announced(2, 5, NOW_MS), made.upto) == (4, 5)
    assert (missing(made), missing(made, GapReason.ANNOUNCED)) == ([(6, 9)], [(2, 5)])
    assert (made.mark_announced(4, 9, NOW_MS), made.upto) == (4, 10)


def test_an_announced_loss_that_arrives_anyway_is_stored() -> None:
    made = stream(1, 4)
    made.mark_announced(2, 3, NOW_MS)
    assert not made.has(3)
    made.add(3, NOW_MS)
    assert made.has(3)
    assert missing(made, GapReason.ANNOUNCED) == [(2, 2)]
    assert made.late == 1


def test_stored_events_stay_stored_when_the_gateway_announces_their_loss() -> None:
    made = stream(1, 2, 3, 5)
    assert made.mark_announced(1, 5, NOW_MS) == 1
    assert [made.has(number) for number in range(1, 6)] == [True, True, True, False, True]


numbers = st.integers(1, 40)
steps = st.lists(
    st.one_of(numbers.map(lambda n: (n,)), st.tuples(numbers, numbers).map(lambda p: (min(p), max(p)))),
    max_size=60,
)


@given(steps)
def test_a_stream_agrees_with_a_set_and_writes_its_state(taken: list[tuple[int, ...]]) -> None:
    made, stored, lost = stream(), set[int](), set[int]()
    rows: dict[int, SequenceGap] = {}
    highest = 0
    for step in taken:
        if len(step) == 1:
            (number,) = step
            assert made.has(number) == (number in stored)
            if not made.has(number):
                made.add(number, NOW_MS)
            stored.add(number)
        else:
            made.mark_announced(step[0], step[1], NOW_MS)
            lost |= set(range(step[0], step[1] + 1))
        highest = max(highest, step[-1])
        for first in made.removed:
            rows.pop(first, None)
        rows.update(made.changed)
        made.clear_changes()
    expected = next((n - 1 for n in range(1, highest + 1) if n not in stored | lost), highest)
    assert made.upto == expected
    unexplained = {n for first, last in missing(made) for n in range(first, last + 1)}
    assert unexplained == set(range(1, highest + 1)) - stored - lost
    assert sorted(rows.values(), key=lambda gap: gap.first) == made.gaps
