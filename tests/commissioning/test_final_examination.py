"""The examination that the box makes by itself after the centre has confirmed its site."""

from __future__ import annotations

import io
import json
import shutil
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, cast

import pytest
from msgspec import structs

from edge_agent.cli.arguments import parser
from edge_agent.commissioning import command, examination
from edge_agent.commissioning.examination import MAX_EXAMINATIONS, FinalExamination
from edge_agent.commissioning.messages import CommissioningError
from edge_agent.commissioning.record import ClaimRecord, ClaimStore, CommissioningState, exclusive
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Lang
from edge_agent.core.problems.problem import encode_json
from edge_agent.host.local_api.status import StatusDocument, StatusResult
from edge_agent.wire import Doctor, DoctorLine, DoctorReport
from tests.commissioning.prepared_box import PreparedBox, prepared_box
from tests.commissioning.steps import examined
from tests.host.fakes import FakeClock
from tests.testbed.claims import claim

OUTSTANDING = DoctorLine(
    check="broker", level="yellow", finding="broker-unconfirmed", said="chưa xác nhận", todo=None
)
EXAMINED = "not yet: the site has been examined"
DELIVERED = DoctorLine(check="broker", level="green", finding="broker-good", said="đã nhận", todo=None)


def found(verdict: Literal["passed", "pending", "failed"], *lines: DoctorLine, hour: int = 9) -> Doctor:
    camera = examined("vi").lines[0]
    time = f"2026-12-01T{hour:02}:00:00.000Z"
    made = structs.replace(examined("vi"), lines=[camera, *lines], time=time)
    return structs.replace(made, verdict=verdict, sentence=f"verdict {verdict}")


SIGNED = structs.replace(
    found("pending", OUTSTANDING), report=DoctorReport(number="dt-001.01122026", place="", parties=[])
)


def status(*, connected: bool, uptime_s: float) -> StatusResult:
    """What a running agent says."""
    document = SimpleNamespace(connected=connected, heartbeat=SimpleNamespace(uptime_s=uptime_s))
    return StatusResult(cast(StatusDocument, document))


class ConfirmedBox:
    """A box whose site is confirmed and whose report was signed. ``run`` examines in a new process."""

    def __init__(self, box: PreparedBox, status: StatusResult, monkeypatch: pytest.MonkeyPatch) -> None:
        self.box, self.clock, self.status = box, FakeClock(), status
        self.examinations = 0
        box.paths.config.write_text(json.dumps(box.site("dt-001", 20.4).configuration))
        (box.paths.etc / "site-id").write_text("dt-001\n")
        ClaimStore(box.paths.state).put(ClaimRecord(state=CommissioningState.CONFIRMED, claim=claim()))
        box.paths.confirmed.touch()
        self.reports = box.state_dir / "reports"
        self.reports.mkdir()
        (self.reports / "dt-001-20261201T090000Z.signed.html").write_text("signed")
        (self.reports / "dt-001-20261201T090000Z.signed.json").write_bytes(encode_json(SIGNED))
        # A later report that is not signed, of a technician at the command line.
        (self.reports / "dt-001-20261201T093000Z.json").write_bytes(encode_json(found("passed")))
        monkeypatch.setattr(examination, "ask_status", lambda _: self.status)

    def run(self, result: Doctor | CommissioningError, later: timedelta = timedelta(hours=1)) -> str:
        self.clock.advance(later.total_seconds())

        def examine(lang: Lang, paper: bool) -> Doctor:
            assert (lang, paper) == ("vi", False), "as the signed report, which stays the newest one"
            self.examinations += 1
            if isinstance(result, CommissioningError):
                raise result
            return result

        store = ClaimStore(self.box.paths.state)
        return FinalExamination(self.box.paths, store, self.clock, examine).run()

    @property
    def pages(self) -> list[Path]:
        return sorted(self.reports.glob("*.final.html"))


@pytest.fixture
def confirmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfirmedBox:
    return ConfirmedBox(prepared_box(tmp_path, 8883, []), status(connected=True, uptime_s=600.0), monkeypatch)


def test_the_result_is_a_second_document_beside_the_signed_report(confirmed: ConfirmedBox) -> None:
    assert confirmed.run(found("passed", DELIVERED, hour=11)) == "done"
    (page,) = confirmed.pages
    assert page.name == "dt-001-20261201T110000Z.final.html"
    assert json.loads(page.with_suffix(".json").read_text())["verdict"] == "passed"
    text = page.read_text(encoding="utf-8")
    assert "biên bản số dt-001.01122026" in text
    assert "verdict passed" in text
    assert (confirmed.reports / "dt-001-20261201T090000Z.signed.html").read_text() == "signed"
    assert confirmed.run(found("passed", DELIVERED)) == EXAMINED, "it is done once"
    assert confirmed.examinations == 1


@pytest.mark.parametrize("verdict", ["pending", "failed"])
def test_a_site_that_is_not_ready_is_examined_again_an_hour_later(
    confirmed: ConfirmedBox, verdict: Literal["pending", "failed"]
) -> None:
    assert confirmed.run(found(verdict, OUTSTANDING)) == "again"
    assert confirmed.pages == []
    soon = confirmed.run(found("passed", DELIVERED), timedelta(minutes=50))
    assert soon.startswith("not yet: an examination began at "), "logins are limited"
    assert confirmed.run(found("passed", DELIVERED), timedelta(minutes=11)) == "done"


def test_the_last_examination_is_stored_whatever_it_has_found(confirmed: ConfirmedBox) -> None:
    waits = found("pending", OUTSTANDING)
    outcomes = [confirmed.run(waits) for _ in range(MAX_EXAMINATIONS + 1)]
    assert outcomes == ["again"] * (MAX_EXAMINATIONS - 1) + ["done", EXAMINED]
    assert len(confirmed.pages) == 1


def test_an_examination_without_a_result_is_repeated_and_ends(confirmed: ConfirmedBox) -> None:
    broken = CommissioningError("examination-failed", reason="no memory")
    for _ in range(MAX_EXAMINATIONS - 1):
        assert confirmed.run(broken) == "again"
    with pytest.raises(EdgeAgentError, match="no memory"):  # the unit fails: the centre sees that
        confirmed.run(broken)
    assert confirmed.run(found("passed")) == EXAMINED


def test_examinations_that_are_killed_end_too(confirmed: ConfirmedBox) -> None:
    store = ClaimStore(confirmed.box.paths.state)
    store.change(examinations=MAX_EXAMINATIONS)  # counted before it began
    with pytest.raises(EdgeAgentError, match="6 attempts gave none"):
        confirmed.run(found("passed"))
    assert confirmed.run(found("passed")) == EXAMINED
    assert confirmed.examinations == 0


def test_a_technician_who_left_without_an_examination_has_left_no_folder(confirmed: ConfirmedBox) -> None:
    shutil.rmtree(confirmed.reports)
    assert confirmed.run(found("passed", DELIVERED)) == "done"
    assert len(confirmed.pages) == 1


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (StatusResult(), "the agent does not run"),
        (status(connected=False, uptime_s=600.0), "the agent is not connected to the broker"),
        (status(connected=True, uptime_s=60.0), "the agent has run for 60 s, 300 s are needed"),
    ],
    ids=["stopped", "no session", "just started"],
)
def test_an_agent_that_is_not_connected_for_some_minutes_is_not_examined(
    confirmed: ConfirmedBox, now: StatusResult, why: str
) -> None:
    confirmed.status = now
    assert confirmed.run(found("passed")) == f"not yet: {why}"
    assert confirmed.examinations == 0


@pytest.mark.parametrize("state", [CommissioningState.CLAIMED, CommissioningState.WITHDRAWN])
def test_a_site_that_is_not_confirmed_is_not_examined(
    confirmed: ConfirmedBox, state: CommissioningState
) -> None:
    ClaimStore(confirmed.box.paths.state).put(ClaimRecord(state=state, claim=claim()))
    assert confirmed.run(found("passed")) == "not yet: the centre has not confirmed the site"


def test_a_page_that_is_still_served_goes_first(
    confirmed: ConfirmedBox,
) -> None:
    out = io.StringIO()
    words = ["commission", "--examine", "--sysroot", str(confirmed.box.folder)]
    with exclusive(confirmed.box.paths.state):
        assert command.run_commission(parser().parse_args(words), out) == 0
    assert out.getvalue().startswith("final examination: not yet: the page is served")
