"""``passage-times``: reads the times of stored passages for the centre. ``search.py`` checks who may read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from edge_agent.core.clock import rfc3339
from edge_agent.passages.passage import TimeQuality
from edge_agent.passages.reader import PassageReader, StoredPassage
from edge_agent.wire.passage_times import (
    CameraPassageTimes,
    PassageTimeRow,
    PassageTimes,
    pack_rows,
)


def read_times(
    reader: PassageReader,
    from_at: datetime,
    to_at: datetime,
    cameras: Collection[str] | None,
    group: str | None,
    max_rows: int,
) -> PassageTimes:
    """Return the first ``max_rows`` passages of these cameras and this group that began between the times.

    Raises ``PassageReadError``.
    """
    found, unsynced, more_at = list[StoredPassage](), 0, None
    for passage in reader.in_order(None, from_at, to_at):
        if cameras is not None and passage.camera not in cameras:
            continue
        if group is not None and passage.group != group:
            continue
        if passage.clock is TimeQuality.UNSYNCED:
            unsynced += 1
        elif len(found) < max_rows:
            found.append(passage)
        else:
            more_at = passage.started_at
            break
    if more_at is not None:
        found, more_at = _whole_moments(found, more_at)
    return PassageTimes(
        cameras=list(_by_camera(found, from_at)),
        unsynced=unsynced,
        continues_at=None if more_at is None else rfc3339(more_at),
    )


def _whole_moments(found: list[StoredPassage], more_at: datetime) -> tuple[list[StoredPassage], datetime]:
    """Return the passages before ``more_at``, and the time at which the next answer begins. That moment's
    passages are left to the next answer, so that none is lost. If all began in that moment, return them; the
    next answer begins a millisecond later: it may lose passages, but would otherwise be the same for ever."""
    whole = [each for each in found if each.started_at < more_at]
    return (whole, more_at) if whole else (found, more_at + timedelta(milliseconds=1))


def _by_camera(found: Iterable[StoredPassage], from_at: datetime) -> Iterator[CameraPassageTimes]:
    rows = defaultdict[str, list[PassageTimeRow]](list)
    for each in found:
        rows[each.camera].append(_row(each, from_at))
    for camera, own in sorted(rows.items()):
        yield CameraPassageTimes(camera=camera, passages=len(own), rows=pack_rows(own))


def _row(passage: StoredPassage, from_at: datetime) -> PassageTimeRow:
    detail = passage.detail
    return PassageTimeRow(
        start_s=(passage.started_at - from_at).total_seconds(),
        duration_s=passage.duration_s,
        group=passage.group,
        colour=next((share.colour for part in detail.colours for share in part.colours), None),
        entry=detail.entry.value,
        exit=detail.exit.value,
    )
