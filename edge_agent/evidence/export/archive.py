"""Finds events and their proof on this gateway, in the journal and in the outbox. Any process."""

from __future__ import annotations

import contextlib
import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.core.errors import EdgeAgentError
from edge_agent.evidence.chain.journal import journal_files
from edge_agent.evidence.chain.links import epoch_joins
from edge_agent.evidence.chain.records import NoEvent, Record, read_record

_FIRST = b'"sequence":"0000000000000001"'


@dataclass(frozen=True, slots=True)
class MissingItem:
    """An item that the bundle lacks: one line, in English and Vietnamese."""

    en: str
    vi: str


@dataclass(slots=True)
class Selection:
    """The events of one id, with all that proves them."""

    name: str = ""  # the requested id
    requested: list[Record] = field(default_factory=list)  # the requested events, ascending
    payloads: dict[tuple[str, int], bytes] = field(default_factory=dict)  # payloads by epoch and sequence
    heads: list[Record] = field(default_factory=list)  # the next head after each requested event
    correction_payloads: list[bytes] = field(default_factory=list)  # payloads of ``clock-correction`` events
    missing: list[MissingItem] = field(default_factory=list)


@dataclass(slots=True)
class _SearchResult:
    """What one pass over the journal finds."""

    requested: dict[str, Record] = field(default_factory=dict)  # by id, as the heads
    heads: dict[str, Record] = field(default_factory=dict)  # all signed heads
    firsts: list[Record] = field(default_factory=list)  # the first event of each epoch


class EvidenceArchive:
    """Finds events in the journal below ``state_dir`` and in the outbox's payloads, from ``waiting``."""

    def __init__(self, state_dir: Path, waiting: Callable[[], Iterable[bytes]]) -> None:
        self._state_dir = state_dir
        self._waiting = waiting

    def select(self, name: str) -> Selection:
        """Return the events with the id ``name`` and their proof; the selection is empty if there are none.

        ``name`` is a ``data.event_id``, or the id of one event. Raises ``OSError`` when the journal cannot be
        read.
        """
        found = Selection(name)
        result = self._search(name, found)
        found.requested = sorted(
            result.requested.values(), key=lambda record: (record.epoch, record.sequence)
        )
        found.missing += _open_end(found.requested, name)
        wanted: dict[str, set[int]] = {}
        heads, joins = list(result.heads.values()), None
        for record in found.requested:
            proof = _next_head(record.epoch, record.sequence, heads)
            if proof is None:
                joins = self._joins(result.firsts) if joins is None else joins
                proof = _head_of_later_epoch(record, heads, joins)
            if proof is None:
                found.missing.append(
                    MissingItem(
                        f"{record.id}: no signed head on this gateway covers it; export it again when the "
                        "agent has run for a minute; if that does not help, the centre may have one",
                        f"{record.id}: trên thiết bị chưa có chữ ký số nào bảo đảm; hãy trích xuất lại "
                        "sau khi phần mềm đã chạy một phút; nếu vẫn thiếu, trung tâm có thể còn lưu",
                    )
                )
                wanted.setdefault(record.epoch, set()).add(record.sequence)
                continue
            head, numbers = proof
            if head.id not in {other.id for other in found.heads}:
                found.heads.append(head)
            for epoch, sequences in numbers.items():
                wanted.setdefault(epoch, set()).update(sequences)
        self._collect(wanted, found)
        return found

    def _search(self, name: str, found: Selection) -> _SearchResult:
        """Find the events whose ``event_id`` or ``id`` is ``name``, and the heads and epochs of the chain."""
        result = _SearchResult()
        needles = (name.encode(), b".chain-head.v1", b".clock-correction.v1", _FIRST)
        for payload, where in self._lines(None, found):
            if not any(needle in payload for needle in needles):
                continue
            try:
                record = read_record(payload, where)
            except NoEvent:
                continue  # the last line before a power cut may be incomplete
            if name in (record.event_id, record.id):
                result.requested[record.id] = record
            if record.head is not None:
                result.heads[record.id] = record
            if record.sequence == 1:
                result.firsts.append(record)
            if record.kind == "clock-correction":
                found.correction_payloads.append(payload)
        return result

    def _joins(self, firsts: Sequence[Record]) -> list[tuple[Record, Record]]:
        """Return the first event of each epoch, with the event of an older epoch that it names."""
        named = {first.prevhash for first in firsts}
        lasts = []
        for payload, where in self._lines(None, None):
            if hashlib.sha256(payload).hexdigest() in named:
                with contextlib.suppress(NoEvent):
                    lasts.append(read_record(payload, where))
        return epoch_joins([*firsts, *lasts])

    def _collect(self, wanted: dict[str, set[int]], found: Selection) -> None:
        for epoch, sequences in wanted.items():
            for payload, where in self._lines(epoch, None):
                if f'"epoch":"{epoch}"'.encode() not in payload:
                    continue
                try:
                    record = read_record(payload, where)
                except NoEvent:
                    continue
                if record.epoch == epoch and record.sequence in sequences:
                    found.payloads[epoch, record.sequence] = payload
            gone = sorted(number for number in sequences if (epoch, number) not in found.payloads)
            found.missing += [
                MissingItem(
                    f"event {number} of epoch {epoch} is no longer on this gateway",
                    f"sự kiện số {number} (epoch {epoch}): không còn trên thiết bị này",
                )
                for number in gone
            ]

    def _lines(self, epoch: str | None, found: Selection | None) -> Iterator[tuple[bytes, str]]:
        """Yield events of journal and outbox and their place. With ``epoch``, read only its journal files."""
        for path in journal_files(self._state_dir):
            if epoch is not None and not path.name.endswith(f"-{epoch}.jsonl"):
                continue
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    yield line.rstrip(b"\n"), f"{path.name}:{number}"
        try:
            for payload in self._waiting():
                yield payload, "outbox"
        except EdgeAgentError as error:
            if found is not None:
                found.missing.append(
                    MissingItem(
                        f"what waits in the outbox cannot be read: {error}",
                        f"không đọc được hàng chờ gửi (outbox): {error}",
                    )
                )


def _open_end(requested: Iterable[Record], event_id: str) -> Iterator[MissingItem]:
    phases = {record.phase for record in requested if record.event_id == event_id}
    if phases & {"update", "end"} and "start" not in phases:
        yield MissingItem(
            f"{event_id}: its start: it is no longer on this gateway; the centre may have it",
            f"{event_id}: phần bắt đầu không còn trên thiết bị này; trung tâm có thể còn lưu",
        )
    if phases & {"start", "update"} and "end" not in phases:
        yield MissingItem(
            f"{event_id}: its end, and a clip if there will be one: it goes on, or they are not here",
            f"{event_id}: thiếu phần kết thúc và video (nếu có): sự kiện chưa kết thúc, hoặc các phần này "
            "không còn trên thiết bị",
        )


_Proof = tuple[Record, Mapping[str, range]]
"""A head, and the numbers of the events from the proven one to the one that it signs, by epoch."""


def _next_head(epoch: str, sequence: int, heads: Sequence[Record]) -> _Proof | None:
    """Return the first head that signs this event or a later one of its epoch."""
    after = [
        (int(head.head.sequence), head.sequence, head)
        for head in heads
        if head.head and head.head.epoch == epoch and int(head.head.sequence) >= sequence
    ]
    if not after:
        return None
    signed, _, head = min(after, key=lambda item: item[:2])
    return head, {epoch: range(sequence, signed + 1)}


def _head_of_later_epoch(
    record: Record, heads: Sequence[Record], joins: Sequence[tuple[Record, Record]]
) -> _Proof | None:
    """Return the first head of an epoch that continues from this event or a later one of its epoch.

    After a power cut, no head of its own epoch signs the last events, but the first event of the next one
    names the last of them.
    """
    to_do: deque[tuple[str, int, dict[str, range]]] = deque([(record.epoch, record.sequence, {})])
    seen = {record.epoch}
    while to_do:
        epoch, sequence, numbers = to_do.popleft()
        proof = _next_head(epoch, sequence, heads)
        if proof is not None:
            return proof[0], {**numbers, **proof[1]}
        for first, last in joins:
            if last.epoch == epoch and last.sequence >= sequence and first.epoch not in seen:
                seen.add(first.epoch)
                to_do.append((first.epoch, 1, {**numbers, epoch: range(sequence, last.sequence + 1)}))
    return None
