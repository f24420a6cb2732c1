"""Papers of a site stay longer than its pictures, but only so many of each gateway; on both databases."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from edge_agent.core.delivery import EXAMINATION_EVENT, MAX_MESSAGE_BYTES, REPORT_EVENT
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_central.config import markdown
from edge_central.store import tables
from edge_central.store.papers import MAX_PAPERS
from tests.edge_central.ingest_harness import IngestHarness
from tests.edge_central.parts import JPEG, FakeGateway
from tests.edge_central.test_retention import SETTINGS, Archive, ago_ms

BOX = FakeGateway("dt-001")


@pytest.fixture
def archive(ingest: IngestHarness, tmp_path: Path) -> Archive:
    """Pictures are deleted after 5 days here, papers after 50."""
    return Archive(ingest, tmp_path / "media", replace(SETTINGS, paper_days=50))


def sent(media_id: str, event_id: str, payload: bytes = b"", camera: str = "gateway") -> MessageReceived:
    payload = payload or gzip.compress(media_id.encode())
    digest = hashlib.sha256(payload).hexdigest()
    named = (("event_id", event_id), ("camera", camera), ("sha256", digest))
    return MessageReceived(f"{BOX.up}/media/{media_id}", payload, 1, None, properties=named)


def receive(archive: Archive, days: float, *messages: MessageReceived) -> None:
    archive.ingest.write(*messages, now_ms=ago_ms(days))


def stored(archive: Archive) -> list[str]:
    return sorted(row.media_id for row in archive.rows(tables.media))


def test_pictures_go_and_papers_stay_until_their_own_time(archive: Archive) -> None:
    receive(archive, 51, sent("old", f"{REPORT_EVENT}1"))
    receive(archive, 49, sent("report", f"{REPORT_EVENT}2"), sent("final", f"{EXAMINATION_EVENT}1"))
    receive(archive, 6, sent("picture", "e-1", JPEG, "cam-1"), sent("diagnosis", "diagnostics-1"))
    archive.run()
    assert stored(archive) == ["final", "report"]
    files = [path for path in archive.pictures.rglob("*.*") if path.is_file()]
    assert sorted(gzip.decompress(path.read_bytes()) for path in files) == [b"final", b"report"]
    assert sorted(row.media_id for row in archive.rows(tables.paper)) == ["final", "report"]
    deleted = {(row.what, row.rule, row.rows) for row in archive.rows(tables.deletion)}
    assert deleted == {("media", "media_days: 5", 2), ("paper", "paper_days: 50", 1)}


def test_a_gateway_has_a_number_of_papers_and_its_first_ones_stay(archive: Archive) -> None:
    """One that was taken over can neither fill the disk nor displace the papers from before."""
    receive(archive, 40, sent("signed", f"{REPORT_EVENT}0"))
    flood = [sent(f"more-{number}", f"{REPORT_EVENT}{number}") for number in range(MAX_PAPERS + 9)]
    receive(archive, 30, *flood, sent("final", f"{EXAMINATION_EVENT}1"))
    archive.run()
    assert len(stored(archive)) == MAX_PAPERS + 1
    assert {"signed", "final"} < set(stored(archive))


@pytest.mark.parametrize("what", ["larger than a paper", "of a camera"])
def test_other_files_are_no_papers_whatever_they_are_called(archive: Archive, what: str) -> None:
    large = b"\x1f\x8b" + bytes(MAX_MESSAGE_BYTES) if what == "larger than a paper" else b""
    camera = "cam-1" if what == "of a camera" else "gateway"
    receive(archive, 6, sent("odd", f"{REPORT_EVENT}1", large, camera))
    assert stored(archive) == ["odd"]
    archive.run()
    assert stored(archive) == []


def test_a_paper_on_hold_stays(archive: Archive) -> None:
    receive(archive, 60, sent("report", f"{REPORT_EVENT}1"))
    archive.hold(event_id=f"{REPORT_EVENT}1")
    archive.run()
    assert stored(archive) == ["report"]


def test_papers_of_an_older_centre_stay_too(archive: Archive) -> None:
    receive(archive, 6, sent("report", f"{REPORT_EVENT}1"), sent("picture", "e-1", JPEG, "cam-1"))
    with archive.ingest.store.batch() as batch:
        tables.paper.drop(batch.connection)
        batch.connection.execute(update(tables.meta).where(tables.meta.c.key == "schema").values(value="6"))
    archive.ingest.store.close()
    archive.run()
    assert stored(archive) == ["report"]


def test_the_reference_names_the_number_of_papers() -> None:
    assert f"of each gateway the first {MAX_PAPERS} of each kind" in markdown()
