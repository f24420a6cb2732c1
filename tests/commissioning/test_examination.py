"""The examination of a site whose agent a claim has just started."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import pytest

from edge_agent.commissioning import examination
from edge_agent.commissioning.examination import DoctorRun
from edge_agent.host.local_api.status import StatusResult
from tests.commissioning.prepared_box import prepared_box
from tests.commissioning.steps import examined

RUNS, STARTS = StatusResult(failure="it runs"), StatusResult()


@pytest.mark.parametrize(
    ("answers", "start_s"),
    [
        pytest.param([STARTS, STARTS, RUNS], 30.0, id="starts"),
        pytest.param([RUNS], 30.0, id="runs"),
        pytest.param([STARTS], 0.0, id="never runs"),
    ],
)
def test_doctor_waits_for_an_agent_that_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[StatusResult], start_s: float
) -> None:
    box = prepared_box(tmp_path, 8883, ["rtsp://192.0.2.21/2"])
    box.paths.config.write_text(json.dumps(box.site("dt-001", 20.4).configuration))
    left, document = list(answers), tmp_path / "doctor.json"
    document.write_bytes(msgspec.json.encode(examined("vi")))
    monkeypatch.setattr(examination, "ask_status", lambda _: left.pop(0))
    monkeypatch.setattr(examination, "POLL_S", 0.01)
    doctor = (sys.executable, "-c", f"print(open({str(document)!r}).read())")
    run = DoctorRun(box.paths.config, tmp_path, tmp_path / "report.html", doctor, start_s)
    assert run("vi") == examined("vi")
    assert left == []


@pytest.mark.parametrize(("paper", "stores"), [(True, True), (False, False)])
def test_an_examination_after_the_signature_stores_no_report(
    tmp_path: Path, paper: bool, stores: bool
) -> None:
    """The agent sends the newest report: an unsigned one would take the place of the signed one."""
    box, words = prepared_box(tmp_path, 8883, []), tmp_path / "words"
    document = tmp_path / "doctor.json"
    document.write_bytes(msgspec.json.encode(examined("vi")))
    program = f"import sys; open({str(words)!r}, 'w').write(' '.join(sys.argv[1:]))"
    doctor = (sys.executable, "-c", f"{program}; print(open({str(document)!r}).read())")
    DoctorRun(box.paths.config, tmp_path, tmp_path / "report.html", doctor, start_s=0.0)("vi", paper)
    assert ("--report" in words.read_text().split()) is stores
