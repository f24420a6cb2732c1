"""Finds events and their proof on this gateway, in the journal and in the outbox. Any process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.core.errors import EdgeAgentError
from edge_agent.evidence.chain.journal import journal_files
from edge_agent.evidence.chain.records import NoEvent, Record, read_record


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
        requested, heads = self._search(name, found)
        found.requested = sorted(requested, key=lambda record: (record.epoch, record.sequence))
        found.missing += _open_end(found.requested, name)
        wanted: dict[str, set[int]] = {}
        for record in found.requested:
            head = _next_head(record, heads)
            if head is None or head.head is None:
                found.missing.append(
                    MissingItem(
                        f"{record.id}: no signed head covers it yet; export it again in a minute",
                        f"{record.id}: chưa có chữ ký số nào bảo đảm; sau một phút hãy trích xuất lại",
                    )
                )
                wanted.setdefault(record.epoch, set()).add(record.sequence)
                continue
            if head.id not in {other.id for other in found.heads}:
                found.heads.append(head)
            wanted.setdefault(record.epoch, set()).update(range(record.sequence, int(head.head.sequence) + 1))
        self._collect(wanted, found)
        return found

    def _search(self, name: str, found: Selection) -> tuple[list[Record], list[Record]]:
        """Return the events whose ``event_id`` or ``id`` is ``name``, and all signed heads of the chain."""
        requested: dict[str, Record] = {}
        heads: dict[str, Record] = {}
        needles = (name.encode(), b".chain-head.v1", b".clock-correction.v1")
        for payload, where in self._lines(None, found):
            if not any(needle in payload for needle in needles):
                continue
            try:
                record = read_record(payload, where)
            except NoEvent:
                continue  # the last line before a power cut may be incomplete
            if name in (record.event_id, record.id):
                requested[record.id] = record
            if record.head is not None:
                heads[record.id] = record
            if record.kind == "clock-correction":
                found.correction_payloads.append(payload)
        return list(requested.values()), list(heads.values())

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


def _next_head(record: Record, heads: list[Record]) -> Record | None:
    """Return the first head that signs this event or a later one."""
    after = [
        (int(head.head.sequence), head.sequence, head)
        for head in heads
        if head.head and head.head.epoch == record.epoch and int(head.head.sequence) >= record.sequence
    ]
    return min(after, key=lambda item: item[:2])[2] if after else None
