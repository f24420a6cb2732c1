"""The report of a gateway without an uplink at the pole reaches the centre later, once."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent.cli import main as cli
from edge_agent.config.loader import load
from edge_agent.config.model.settings import Settings
from edge_agent.control.commissioning import SETTLED_S, CommissioningReports
from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.evidence.seal import unseal
from tests.events.parts import maker, valid
from tests.evidence.test_seal import pem
from tests.host.fakes import FakeClock
from tests.outbox.parts import outbox_in
from tests.testbed.agent import write_config


class Box:
    """A gateway with an outbox on disk; the uplink works only at the end of each run."""

    def __init__(
        self, folder: Path, snapshots: str = "rules", storage: dict[str, object] | None = None
    ) -> None:
        camera = {"id": "cam-1", "url": "rtsp://127.0.0.1:1/", "report": {"snapshots": snapshots}}
        self.config = write_config(
            folder, cameras=[camera], broker_port=1, detector="none", storage=storage or {}
        )
        self.settings: Settings = load(self.config)
        self.settings.state_dir.mkdir()
        self.clock = FakeClock()

    def runs(self, hours: float) -> list[tuple[dict[str, Any], bytes]]:
        """A run of the agent; returns what is sent at its end: an event and its file."""
        with outbox_in(self.settings.state_dir, clock=self.clock) as outbox:
            reports = CommissioningReports(lambda: self.settings, self.clock, maker(), outbox)
            for _ in range(round(hours * 60)):
                self.clock.advance(60)
                reports.tick()
            events = outbox.pending(10)
            for event in events:
                outbox.delivered(event.sequence, event.epoch)  # the file goes after its event
            media = outbox.pending_media()
            return [(valid(event.payload), media.payload if media else b"") for event in events]

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
