"""A hold keeps what proves an event: the chain up to the next signed head; on both databases."""

from __future__ import annotations

import base64
import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent import wire
from edge_agent.core.clock import rfc3339_of_ms as at
from edge_agent.evidence.chain.keys import key_id, load_public, to_pem
from edge_agent.evidence.chain.records import read_record
from edge_agent.evidence.chain.verify import GivenKey, VerificationVerdict, verify_events
from edge_central.retention import proofs
from edge_central.retention.deletion_plans import ALWAYS_ALLOWED_ROWS
from edge_central.store import tables
from tests.edge_central.console.gateway import Gateway
from tests.edge_central.ingest_harness import IngestHarness
from tests.edge_central.test_retention import DAY_MS, Archive, ago_ms


class HeldArchive(Archive):
    """Events of a gateway, all of them expired."""

    def __init__(self, ingest: IngestHarness, pictures: Path) -> None:
        super().__init__(ingest, pictures)
        self.at_ms = ago_ms(50)
        self.gateway = Gateway("dt-001", "de-tham", "", 20.4, 106.3, ["cam-1", "cam-2"])

    def view(self, event_id: str, camera: str = "cam-1", count: int = 1) -> str:
        """Store events of a camera's view; return the id of the last one."""
        data = wire.CameraViewData(
            phase="moment", event_id=event_id, state="moved", tamper=True, why="", features={},
            started_at=at(self.at_ms),
        )  # fmt: skip
        return self._store(camera, data, 13, count)

    def head(self, of: Gateway | None = None) -> str:
        """Store a head that signs all events so far, or those that ``of`` has sent."""
        message = copy.copy(of or self.gateway).head(self.at_ms)
        event = msgspec.json.decode(message.payload)
        return self._store("gateway", msgspec.convert(event["data"], wire.ChainHeadData), 9)

    def reboot(self) -> None:
        self.gateway.epoch, self.gateway.sequence = f"{int(self.gateway.epoch, 16) + 1:x}", 0

    def _store(self, camera: str, data: wire.Message, severity: int, count: int = 1) -> str:
        self.at_ms += 1_000
        messages = [self.gateway.event(camera, data, severity, self.at_ms) for _ in range(count)]
        self.ingest.write(*messages, now_ms=self.at_ms)
        return read_record(messages[-1].payload, "").id

    def left(self) -> list[str]:
        return [read_record(row.payload, "").id for row in self._rows()]

    def verdict(self, of: str) -> VerificationVerdict:
        """The verdict on an event from what is stored."""
        birth = msgspec.json.decode(self.gateway.birth(0).payload)
        der = base64.b64decode(birth["evidence_key"])
        keys = {key_id(der): GivenKey(load_public(to_pem(der)), "dt-001")}
        records = [read_record(row.payload, str(row.cursor)) for row in self._rows()]
        return next(each.verdict for each in verify_events(records, keys) if each.what == of)

    def _rows(self) -> list[Any]:
        return sorted(self.rows(tables.event), key=lambda row: row.cursor)


@pytest.fixture
def archive(ingest: IngestHarness, tmp_path: Path) -> HeldArchive:
    return HeldArchive(ingest, tmp_path / "media")


def test_a_held_event_keeps_the_chain_up_to_the_head_that_signs_it(archive: HeldArchive) -> None:
    archive.view("before")
    before = copy.copy(archive.gateway)
    kept = [archive.view("held")]
    kept += [archive.head(before), archive.view("between", "cam-2"), archive.head()]
    archive.view("after")
    archive.head()
    id_ = archive.hold(event_id="held")
    archive.run()
    assert archive.left() == kept
    assert archive.verdict(kept[0]) is VerificationVerdict.GENUINE
    archive.release(id_)
    archive.run()
    assert archive.left() == []


def test_the_chain_is_kept_across_a_reboot(archive: HeldArchive) -> None:
    kept = [archive.view("held"), archive.view("last")]
    archive.reboot()
    kept += [archive.view("first"), archive.head()]
    archive.view("after")
    archive.hold(event_id="held")
    archive.run()
    assert archive.left() == kept
    assert archive.verdict(kept[0]) is VerificationVerdict.GENUINE


def test_without_a_head_a_hold_keeps_no_other_events(
    archive: HeldArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "REACH", 3)
    kept = [archive.view("held")]
    archive.view("after", count=3)
    archive.head()
    archive.hold(event_id="held")
    archive.run()
    assert archive.left() == kept


def test_a_hold_on_a_time_keeps_the_chain_of_all_cameras_for_an_hour_longer(archive: HeldArchive) -> None:
    begin_ms = archive.at_ms
    kept = [archive.view("in-it"), archive.view("other", "cam-2")]
    archive.hold(gateway="dt-001", camera="cam-1", from_ms=begin_ms, to_ms=archive.at_ms)
    archive.at_ms += DAY_MS // 25
    kept.append(archive.head())
    archive.at_ms += DAY_MS // 25
    archive.view("after")
    archive.run()
    assert archive.left() == kept
    assert archive.verdict(kept[0]) is VerificationVerdict.GENUINE


def test_events_of_a_proof_need_no_release(archive: HeldArchive) -> None:
    archive.view("held")
    archive.view("between", count=ALWAYS_ALLOWED_ROWS)
    archive.head()
    archive.hold(event_id="held")
    archive.view("after")
    archive.run()
    assert len(archive.left()) == ALWAYS_ALLOWED_ROWS + 2
    assert archive.ingest.status().deletions_held is None
