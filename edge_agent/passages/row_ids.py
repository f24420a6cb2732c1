"""Ids of passages, which no two rows of a gateway ever share: an old search names a passage by its id, also
after the file of the rows was damaged, deleted, restored or emptied."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edge_agent.core.clock import Clock, wall_ms
from edge_agent.core.state_file import read_record, write_record
from edge_agent.wire.searches import FIRST_LASTING_ID

FILE = "row-ids.json"
GAP = FIRST_LASTING_ID
"""Distance of the new first id from the last one if the wall clock is behind. A gateway stores fewer rows
between two openings of its files: four busy cameras have 12 million in a year."""
_EPOCH_MS = round(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000)


class ReservedIds(msgspec.Struct, frozen=True):
    """The content of ``FILE``: the first id of the newest opening."""

    first: int


def reserve_first_id(folder: Path, newest: int, clock: Clock) -> int:
    """Return an id above all earlier ones: the first id of this opening of the files.

    ``newest``: the largest id in the files, or 0. The result is the number of milliseconds since 2020, which
    grows faster than rows come, and is below 2**53 in every year that a date can have. ``FILE`` covers the
    case of a clock that was set back or never set.
    """
    record = read_record(folder / FILE, ReservedIds)
    last, by_clock = 0 if record is None else record.first, wall_ms(clock) - _EPOCH_MS
    first = max(newest + 1, by_clock if by_clock > last else last + GAP)
    write_record(folder / FILE, ReservedIds(first))
    return first
