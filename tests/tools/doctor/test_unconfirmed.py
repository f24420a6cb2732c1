"""A site by a claim that the centre has not confirmed: what nobody at the site can correct is no fault of the
site, and the verdict is neither READY nor NOT READY."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.core.languages import Lang
from edge_agent.host.health.clock_sync import KernelSync
from edge_agent.tools.doctor.check import CheckLevel, CheckResult
from edge_agent.tools.doctor.checks.broker import PLACEHOLDER, without_time_server
from edge_agent.tools.doctor.command import lines
from edge_agent.tools.doctor.verdict import sentence, verdict, verdict_words
from edge_agent.tools.doctor.words.paper import RESULTS
from edge_agent.tools.doctor.words.wording import MARKS
from tests.testbed.agent import write_config
from tests.testbed.mosquitto import Authority, Mosquitto
from tests.tools.doctor.conftest import environment_of, examined
from tests.tools.doctor.test_paper import a_document, an_examination, text_of

GREEN = CheckResult("outbox", "outbox-empty")
UNCONFIRMED = CheckResult("broker", "broker-unconfirmed", {"host": "broker.example"})
OFFLINE = CheckResult("broker", "broker-offline", {"host": "broker.example"})
FAULT = CheckResult("agent", "agent-stopped")
NOTE = CheckResult("outbox", "outbox-waiting", {"depth": 3})


def claimed_config(folder: Path, authority: Authority, address: str) -> Path:
    """A configuration whose certificate is the one that root's part has made."""
    own = Authority(folder, "the box itself").issue("dt-001")
    own.cert.write_bytes(PLACEHOLDER + b"\n" + own.cert.read_bytes())
    files = {"ca_file": authority.cert, "cert_file": own.cert, "key_file": own.key}
    mqtt = {"brokers": [address], **{name: str(path) for name, path in files.items()}}
    return write_config(folder, detector="none", mqtt=mqtt)


def test_a_broker_that_refuses_the_box_s_own_certificate_waits_for_the_centre(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    server = authority.issue("broker", san="IP:127.0.0.1")
    with Mosquitto(tmp_path, certificate=server, ca=authority.cert, mutual=True) as broker:
        config = claimed_config(tmp_path, authority, f"mqtts://127.0.0.1:{broker.port}")
        reported = examined(config, "--lang", "vi")
    line = reported.line("broker")
    assert (line.finding, line.level) == ("broker-unconfirmed", "yellow")
    assert "trung tâm chưa xác nhận" in line.said
    assert "/etc/edge-agent/tls" not in str(line.todo)
    assert reported.red == ["agent"], "no finding about rights or delivery, which cannot be tried"


def test_a_site_without_an_uplink_cannot_have_a_right_clock(tmp_path: Path) -> None:
    unsynced = environment_of(kernel=lambda: KernelSync(False, 0.0))
    config = claimed_config(tmp_path, Authority(tmp_path / "ca"), "mqtts://broker.invalid:8883")
    reported = examined(config, environment=unsynced)
    assert (reported.finding("broker"), reported.finding("clock")) == ("broker-offline", "clock-offline")
    assert reported.red == ["agent"]


def test_a_clock_that_is_not_set_is_no_fault_without_an_uplink(tmp_path: Path) -> None:
    broker = CheckResult("broker", "broker-offline", {"host": "broker.example"})
    unset = CheckResult("clock", "clock-not-set", {"time": datetime(2021, 3, 1, tzinfo=UTC)})
    lowered = without_time_server([unset, broker])
    assert [each.finding for each in lowered] == ["clock-not-set-offline", "broker-offline"]
    assert verdict(an_examination(tmp_path, *lowered)) == "pending"


def test_a_wrong_port_stays_a_fault_and_so_does_the_clock_beside_it(tmp_path: Path) -> None:
    unsynced = environment_of(kernel=lambda: KernelSync(False, 0.0))
    config = claimed_config(tmp_path, Authority(tmp_path / "ca"), "mqtts://127.0.0.1:1")
    reported = examined(config, environment=unsynced)
    assert (reported.finding("broker"), reported.finding("clock")) == ("broker-refused", "clock-unsynced")


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ((GREEN, UNCONFIRMED), "pending"),
        ((GREEN, OFFLINE, NOTE), "pending"),
        ((GREEN, UNCONFIRMED, FAULT), "failed"),
        ((UNCONFIRMED, replace(FAULT, accepted="spare box")), "pending"),
        ((GREEN, NOTE), "passed"),
    ],
)
def test_the_verdict(tmp_path: Path, results: tuple[CheckResult, ...], expected: str) -> None:
    assert verdict(an_examination(tmp_path, *results)) == expected


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        (
            "vi",
            "Điểm dt-001 (Lý Thường Kiệt – Lê Quý Đôn): ĐẠT TẠI ĐIỂM, CHỜ TRUNG TÂM XÁC NHẬN; không có lỗi "
            "tại điểm. Có 2 mục cần lưu ý.",
        ),
        (
            "en",
            "dt-001 (Lý Thường Kiệt – Lê Quý Đôn) is READY AT THE SITE, NOT CONFIRMED BY THE CENTRE YET: no "
            "faults at the site. 2 things could be better.",
        ),
    ],
)
def test_the_sentence_counts_the_notes_that_people_see(tmp_path: Path, lang: Lang, said: str) -> None:
    found = an_examination(tmp_path, GREEN, UNCONFIRMED, NOTE)
    assert sentence(found, lang) == said
    printed, mark = list(lines(found, lang, colour=False)), MARKS[lang][CheckLevel.YELLOW]
    assert [line.startswith(mark) for line in printed].count(True) == 2
    assert [line.startswith(mark) for line in verdict_words(found, lang).lines] == [True, True]
    paper = text_of(a_document(tmp_path, GREEN, UNCONFIRMED, NOTE), lang)
    assert (said in paper, paper.count(f" {RESULTS[lang][CheckLevel.YELLOW]} ")) == (True, 2)
    assert list(lines(found, lang, colour=True))[-1] == f"\x1b[33m{said}\x1b[0m"


def test_accepted_defects_are_named_beside_it(tmp_path: Path) -> None:
    found = an_examination(tmp_path, UNCONFIRMED, replace(FAULT, accepted="spare box"))
    assert "CHỜ TRUNG TÂM XÁC NHẬN; còn 1 lỗi được chấp nhận: phần mềm." in sentence(found, "vi")
    assert "YET: 1 accepted defect: agent." in sentence(found, "en")


def test_the_signed_paper_accepts_nothing_before_the_confirmation(tmp_path: Path) -> None:
    text = text_of(a_document(tmp_path, GREEN, UNCONFIRMED))
    assert "ĐẠT TẠI ĐIỂM, CHỜ TRUNG TÂM XÁC NHẬN" in text
    assert "chỉ khi đó mới đủ điều kiện nghiệm thu" in text
    assert "CHƯA ĐẠT" not in text
    assert "Không đạt" not in text
