"""Files that arrive in parts, on SQLite and PostgreSQL: in any order, repeated, hostile, too many, old."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from edge_agent import wire
from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_agent.wire.received.messages import MAX_FILE_BYTES, MIN_PART_BYTES
from edge_agent.wire.topics import CentralTopics
from edge_central.ingest import file_assembly
from edge_central.ingest.file_assembly import EXPIRES_MS, GATEWAY_FILES
from edge_central.ingest.gateway_messages import Confirmations
from edge_central.store import tables
from edge_central.store.database import DatabaseUnavailable
from edge_central.store.media_folder import MediaFolder
from tests.edge_central.ingest_harness import NOW_MS, IngestHarness
from tests.edge_central.parts import FakeGateway

BOX = FakeGateway()
MP4 = b"\0\0\0\x18ftypisom" + random.Random(1).randbytes(5 * MIN_PART_BYTES)


@dataclass(frozen=True)
class SentFile:
    """A file that a fake gateway sends in parts."""

    payload: bytes = MP4
    name: str = "m-1"
    gateway: FakeGateway = BOX
    part_bytes: int = MIN_PART_BYTES
    event_id: str = "e1"

    @property
    def count(self) -> int:
        return -(-len(self.payload) // self.part_bytes)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.payload).hexdigest()

    def part(
        self, number: int, payload: bytes | None = None, properties: Mapping[str, object] | None = None
    ) -> MessageReceived:
        """Part ``number`` from 1; ``properties`` replace those that it should have."""
        begin = (number - 1) * self.part_bytes
        right = {"event_id": self.event_id, "camera": "cam-1", "sha256": self.sha256}
        right |= {"bytes": str(len(self.payload)), "part_bytes": str(self.part_bytes)}
        right |= {"parts": str(self.count), "part": str(number)}
        right |= {key: str(value) for key, value in (properties or {}).items()}
        body = self.payload[begin : begin + self.part_bytes] if payload is None else payload
        topic = f"{self.gateway.up}/part/{self.name}"
        return MessageReceived(topic, body, 1, None, properties=tuple(right.items()))

    def parts(self, numbers: Iterable[int] | None = None) -> list[MessageReceived]:
        return [self.part(number) for number in numbers or range(1, self.count + 1)]


FILE = SentFile()


def stored(ingest: IngestHarness) -> list[tuple[str, str, int, bool]]:
    wanted = [tables.media.c[name] for name in ("media_id", "sha256", "bytes", "sealed")]
    with ingest.store.batch() as batch:
        return [tuple(row) for row in batch.connection.execute(select(*wanted))]


def incomplete(ingest: IngestHarness) -> list[tuple[str, int]]:
    """Files of which parts are missing, and how many parts have arrived."""
    columns = tables.transfer.c
    query = select(columns.media_id, columns.received_parts).order_by(columns.id)
    with ingest.store.batch() as batch:
        return [tuple(row) for row in batch.connection.execute(query)]


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "media" / "_parts").glob("*"))


@pytest.mark.parametrize("order", [[1, 2, 3, 4, 5, 6], [6, 1, 5, 2, 2, 4, 3], [3, 3, 6, 5, 4, 2, 1]])
def test_a_file_is_complete_in_any_order_of_its_parts(
    ingest: IngestHarness, tmp_path: Path, order: list[int]
) -> None:
    for number in order:
        assert stored(ingest) == []
        result = ingest.write(FILE.part(number))
        assert f"m-1.{number}" in result.media["dt-001"]
    assert "m-1" in result.media["dt-001"]
    assert stored(ingest) == [("m-1", FILE.sha256, len(MP4), False)]
    assert (incomplete(ingest), leftovers(tmp_path)) == ([], [])
    (path,) = (tmp_path / "media" / "dt-001").rglob("*.mp4")
    assert path.read_bytes() == MP4


def test_a_whole_file_in_one_batch_and_again_later(ingest: IngestHarness) -> None:
    ingest.write(*FILE.parts())
    again = ingest.write(FILE.part(2))
    assert (again.media["dt-001"], again.rejected) == (["m-1"], 0)
    assert len(stored(ingest)) == 1


def test_a_repeated_part_names_all_that_are_here(ingest: IngestHarness) -> None:
    """A gateway that was restarted begins again with the first part."""
    ingest.write(*FILE.parts([1, 2, 4]))
    again = ingest.write(FILE.part(1))
    assert again.media["dt-001"] == ["m-1.1", "m-1.2", "m-1.4"]


def test_a_part_that_comes_often_in_a_batch_names_all_once(ingest: IngestHarness) -> None:
    ingest.write(*FILE.parts([1, 2, 4]))
    for _ in range(2):
        often = ingest.write(*FILE.parts([1, 1, 2, 1]))
        assert often.media["dt-001"] == ["m-1.1", "m-1.2", "m-1.4", "m-1.1", "m-1.2", "m-1.1"]


def test_a_file_that_is_stored_already_needs_one_part(ingest: IngestHarness) -> None:
    ingest.write(*FILE.parts())
    other = replace(FILE, name="m-2", event_id="e2")
    assert ingest.write(other.part(3)).media["dt-001"] == ["m-2.3", "m-2"]
    assert [row[0] for row in stored(ingest)] == ["m-1", "m-2"]


def test_a_sealed_file_stays_sealed(ingest: IngestHarness, tmp_path: Path) -> None:
    sealed = replace(FILE, payload=SEALED_MAGIC + MP4)
    ingest.write(*sealed.parts())
    assert stored(ingest) == [("m-1", sealed.sha256, len(sealed.payload), True)]
    assert len(list((tmp_path / "media").rglob("*.sealed"))) == 1


def test_the_centre_says_that_it_takes_parts(ingest: IngestHarness) -> None:
    confirmations = Confirmations(CentralTopics("tb/v1", "central"))
    gateway = FakeGateway()
    confirmations.add(ingest.write(gateway.event(1), gateway.heartbeat("s", 1), FILE.part(1)))
    acks = [
        msgspec.json.decode(message.payload, type=wire.Ack)
        for message in confirmations.drain(ingest.store.load())
    ]
    assert [ack.takes_parts for ack in acks] == [True, True]
    assert acks[1].media == ["m-1.1"]


HOSTILE = {
    "no number": {"part": "x"},
    "a negative number": {"part": "-1"},
    "number 0": {"part": 0},
    "a number beyond the last": {"part": 7},
    "a huge number": {"part": "9" * 200},
    "an Arabic digit": {"part": "\u0661"},
    "too large a file": {"bytes": MAX_FILE_BYTES + 1},
    "an empty file": {"bytes": 0},
    "another count": {"parts": 5},
    "parts of one byte": {"part_bytes": 1, "parts": len(MP4)},
    "parts of two megabytes": {"part_bytes": 2_000_000, "parts": 1},
    "no digest": {"sha256": "../../etc/passwd"},
    "no camera": {"camera": "../cam"},
    "no event": {"event_id": ""},
}


@pytest.mark.parametrize("properties", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_part_is_rejected_and_leaves_nothing(
    ingest: IngestHarness, tmp_path: Path, properties: dict[str, object]
) -> None:
    result = ingest.write(FILE.part(1, properties=properties))
    assert (result.rejected, dict(result.media)) == (1, {})
    assert (incomplete(ingest), leftovers(tmp_path)) == ([], [])


@pytest.mark.parametrize("payload", [b"", MP4[: MIN_PART_BYTES - 1], MP4[: MIN_PART_BYTES + 1]])
def test_a_part_of_another_size_than_announced_is_rejected(ingest: IngestHarness, payload: bytes) -> None:
    assert ingest.write(FILE.part(1, payload)).rejected == 1


def test_parts_that_are_not_the_announced_file_are_deleted_and_can_come_again(
    ingest: IngestHarness, tmp_path: Path
) -> None:
    wrong = FILE.part(2, bytes(MIN_PART_BYTES))
    result = ingest.write(FILE.part(1), wrong, *FILE.parts([3, 4, 5, 6]))
    assert (result.rejected, "m-1" in result.media["dt-001"]) == (1, False)
    ingest.write()
    assert (stored(ingest), incomplete(ingest), leftovers(tmp_path)) == ([], [], [])
    ingest.write(*FILE.parts())
    assert len(stored(ingest)) == 1


def test_a_file_of_no_known_type_is_not_stored(ingest: IngestHarness, tmp_path: Path) -> None:
    odd = replace(FILE, payload=b"<script>" + MP4)
    assert ingest.write(*odd.parts()).rejected == 1
    ingest.write()
    assert (stored(ingest), leftovers(tmp_path)) == ([], [])


def test_another_file_of_the_same_id_replaces_the_incomplete_one(ingest: IngestHarness) -> None:
    """A newer agent may cut a file into other parts."""
    ingest.write(*FILE.parts([1, 2]))
    newer = replace(FILE, part_bytes=2 * MIN_PART_BYTES)
    ingest.write(newer.part(1))
    assert incomplete(ingest) == [("m-1", 1)]
    ingest.write(*newer.parts())
    assert len(stored(ingest)) == 1


def test_a_gateway_has_a_few_incomplete_files_and_loses_its_oldest(
    ingest: IngestHarness, tmp_path: Path
) -> None:
    other = replace(FILE, gateway=FakeGateway("dt-002"))
    ingest.write(other.part(1))
    for number in range(GATEWAY_FILES + 2):
        ingest.write(replace(FILE, name=f"f-{number}").part(1), now_ms=NOW_MS + number)
    assert [name for name, _ in incomplete(ingest)] == ["m-1", "f-2", "f-3", "f-4", "f-5"]
    ingest.write()
    assert len(leftovers(tmp_path)) == GATEWAY_FILES + 1


def test_files_of_all_gateways_are_bounded_and_a_refused_one_is_not_sent_further(
    ingest: IngestHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_assembly, "ALL_BYTES", 2 * MIN_PART_BYTES)
    for number in range(3):
        result = ingest.write(replace(FILE, gateway=FakeGateway(f"dt-00{number}")).part(1))
    assert (result.rejected, result.media["dt-002"]) == (1, ["m-1"])
    again = ingest.write(replace(FILE, gateway=FakeGateway("dt-002")).part(2))
    assert (again.rejected, again.media["dt-002"]) == (0, ["m-1"])
    assert len(leftovers(tmp_path)) == 2


def test_announced_bytes_take_no_room_and_a_file_that_grows_beyond_it_is_refused(
    ingest: IngestHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_assembly, "ALL_BYTES", len(MP4) + MIN_PART_BYTES)
    files = [replace(FILE, gateway=FakeGateway(f"dt-00{number}")) for number in range(4)]
    for file in files:
        assert ingest.write(file.part(1)).rejected == 0
    grown = ingest.write(*files[3].parts([2, 3]))
    assert (grown.rejected, grown.media["dt-003"]) == (0, ["m-1.2", "m-1.3"])
    refused = ingest.write(files[3].part(4))
    assert (refused.rejected, refused.media["dt-003"]) == (1, ["m-1"])
    ingest.write()
    assert (len(leftovers(tmp_path)), incomplete(ingest)[-1]) == (3, ("m-1", 0))
    assert ingest.write(*files[0].parts([2, 3, 4])).rejected == 0, "its bytes are free again"


def test_incomplete_files_expire_and_leftovers_go(ingest: IngestHarness, tmp_path: Path) -> None:
    ingest.write(FILE.part(1))
    ingest.write(replace(FILE, name="newer").part(1), now_ms=NOW_MS + 1000)
    (tmp_path / "media" / "_parts" / "4711").write_bytes(b"of a transaction that was rolled back")
    with ingest.store.batch() as batch:
        ingest.writer.expire_parts(batch.connection, NOW_MS + EXPIRES_MS + 500)
    assert [name for name, _ in incomplete(ingest)] == ["newer"]
    ingest.write()
    assert len(leftovers(tmp_path)) == 1


def roll_back(ingest: IngestHarness, *messages: MessageReceived) -> None:
    """Write a batch whose transaction fails before its commit."""
    fleet = ingest.store.load()
    with contextlib.suppress(ZeroDivisionError), ingest.store.batch() as batch:
        ingest.writer.write(messages, fleet, batch, NOW_MS)
        raise ZeroDivisionError


def test_a_batch_that_was_rolled_back_after_the_last_part_is_repeated(ingest: IngestHarness) -> None:
    ingest.write(*FILE.parts([1, 2, 3, 4, 5]))
    roll_back(ingest, FILE.part(6))
    assert stored(ingest) == []
    assert ingest.write(FILE.part(6)).media["dt-001"] == ["m-1.6", "m-1"]
    assert (len(stored(ingest)), incomplete(ingest)) == (1, [])


def test_a_batch_that_was_rolled_back_leaves_the_parts_of_the_file_that_it_discarded(
    ingest: IngestHarness,
) -> None:
    ingest.write(*FILE.parts([1, 2, 3, 4, 5]))
    roll_back(ingest, replace(FILE, part_bytes=2 * MIN_PART_BYTES).part(1))
    assert ingest.write(FILE.part(6)).rejected == 0
    assert len(stored(ingest)) == 1


def test_a_folder_that_cannot_be_read_is_no_missing_file(tmp_path: Path) -> None:
    """exists() raises the error, as for a folder without permission."""
    with pytest.raises(DatabaseUnavailable, match="cannot be read"):
        MediaFolder(tmp_path).stored_head("g" * 300, FILE.sha256, 1)


def test_a_disk_that_cannot_be_written_stops_the_batch(ingest: IngestHarness, tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "_parts").write_bytes(b"not a folder")
    with pytest.raises(DatabaseUnavailable, match="cannot be written"):
        ingest.write(FILE.part(1))
    assert incomplete(ingest) == []
