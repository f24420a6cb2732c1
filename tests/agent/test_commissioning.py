"""The report of a gateway without an uplink at the pole reaches the centre later, once."""

from __future__ import annotations

import errno
import gzip
import hashlib
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent.cli import main as cli
from edge_agent.config.loader import load
from edge_agent.config.model.settings import Settings
from edge_agent.control.commissioning import FINAL, FOLDER, SETTLED_S, SIGNED, CommissioningReports
from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.evidence.seal import unseal
from tests.events.parts import maker, valid
from tests.evidence.test_seal import pem
from tests.host.fakes import FakeClock
from tests.outbox.parts import outbox_in
from tests.testbed.agent import write_config


class Box:
    """A gateway with an outbox on disk; the uplink works only at the end of each run."""

    def __init__(self, folder: Path, snapshots: str = "rules", **more: object) -> None:
        camera = {"id": "cam-1", "url": "rtsp://127.0.0.1:1/", "report": {"snapshots": snapshots}}
        self.config = write_config(folder, cameras=[camera], broker_port=1, detector="none", **more)
        self.settings: Settings = load(self.config)
        self.settings.state_dir.mkdir()
        self.clock = FakeClock()

    def runs(self, hours: float) -> list[tuple[dict[str, Any], bytes]]:
        """A run of the agent; returns what is sent at its end: an event and its file."""
        with outbox_in(self.settings.state_dir, clock=self.clock) as outbox:
            parts = (lambda: self.settings, self.clock, maker(), outbox)
            reports = CommissioningReports(*parts)
            for _ in range(round(hours * 60)):
                self.clock.advance(60)
                reports.tick()
            events = outbox.pending(10)
            for event in events:
                outbox.delivered(event.sequence, event.epoch)  # the file goes after its event
            media = outbox.pending_media()
            return [(valid(event.payload), media.payload if media else b"") for event in events]

    def signs(self, name: str, at: float | None = None) -> list[str]:
        """The technician signs a report; returns the ids of the events that the agent sends then."""
        page = self.settings.state_dir / FOLDER / f"dt-001-{name}{SIGNED}"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"signed {name}")
        if at is not None:
            os.utime(page, (at, at))
        return [event["data"]["event_id"] for event, _ in self.runs(hours=1)]

    def examined(self) -> bytes:
        """The page of the real doctor."""
        page = self.config.with_name("report.html")
        cli.main(["doctor", str(self.config), "--report", str(page), "--accept", "broker=SIM not active"])
        return page.read_bytes()


def test_the_last_report_is_sent_once_over_restarts(tmp_path: Path) -> None:
    box = Box(tmp_path)
    assert box.runs(hours=1) == []
    page = box.examined()
    assert box.runs(hours=SETTLED_S / 3600 - 0.05) == [], "another one may follow"
    ((event, payload),) = box.runs(hours=1)
    assert gzip.decompress(payload) == page
    assert box.runs(hours=1) == [], "it was sent"
    reported = event["data"]
    assert (reported["file"]["content_type"], reported["file"]["command_id"]) == ("application/gzip", None)
    assert reported["event_id"].startswith("report-")


def test_the_page_of_the_final_examination_is_sent_beside_the_report(tmp_path: Path) -> None:
    """Also if both were made before there was an uplink."""
    box = Box(tmp_path)
    page = box.examined()
    final = box.settings.state_dir / FOLDER / f"dt-001-20990101T000000Z{FINAL}"
    final.write_text("what has changed")
    sent = box.runs(hours=1)
    digests = [hashlib.sha256(each).hexdigest()[:20] for each in (page, b"what has changed")]
    ids = [f"report-{digests[0]}", f"examination-{digests[1]}"]
    assert [event["data"]["event_id"] for event, _ in sent] == ids
    assert box.runs(hours=1) == [], "each is sent once"


def test_a_signed_report_is_sent_instead_of_the_older_one_without_a_signature(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.examined()
    assert [event_id[:14] for event_id in box.signs("20260101T000000Z")] == ["report-signed-"]


def test_each_signed_report_is_sent_also_if_its_clock_was_years_behind(tmp_path: Path) -> None:
    """A box without a battery starts in 2021."""
    box = Box(tmp_path)
    (first,) = box.signs("20260101T000000Z")
    (second,) = box.signs("undated-0011aabb", at=datetime(2021, 1, 1, tzinfo=UTC).timestamp())
    box.examined()
    ((later, _),) = box.runs(hours=1)
    assert later["data"]["event_id"].startswith("report-")
    assert not later["data"]["event_id"].startswith("report-signed-")
    assert first != second
    assert box.runs(hours=1) == [], "each is sent once"


def test_a_folder_that_cannot_be_read_is_logged_once_and_read_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    box = Box(tmp_path)

    def fails(folder: Path, pattern: str) -> Iterator[Path]:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(folder))

    with outbox_in(box.settings.state_dir, clock=box.clock) as outbox, monkeypatch.context() as disk:
        reports = CommissioningReports(lambda: box.settings, box.clock, maker(), outbox)
        disk.setattr(Path, "glob", fails)
        reports.tick()
        reports.tick()
    (line,) = [record.getMessage() for record in caplog.records if "cannot be read" in record.getMessage()]
    assert "Input/output error" in line
    assert len(box.signs("20260101T000000Z")) == 1
    monkeypatch.setattr(Path, "exists", lambda page: fails(page, ""))
    assert len(box.signs("20260102T000000Z")) == 1
    monkeypatch.undo()
    assert box.runs(hours=1) == [], "each is sent once"


def test_a_box_that_seals_seals_it(tmp_path: Path) -> None:
    key = X25519PrivateKey.generate()
    public = tmp_path / "centre.pem"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    box = Box(tmp_path, storage={"seal_to": str(public)})
    page = box.examined()
    ((_, payload),) = box.runs(hours=1)
    assert payload.startswith(SEALED_MAGIC)
    assert gzip.decompress(unseal(payload, pem(key))) == page


def test_pictures_that_may_not_leave_the_box_do_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    box = Box(tmp_path, snapshots="none")
    box.examined()
    caplog.set_level(logging.ERROR)
    assert box.runs(hours=2) == []
    (line,) = [record.getMessage() for record in caplog.records if "is not sent" in record.getMessage()]
    assert "cam-1" in line
