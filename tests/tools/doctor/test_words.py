"""Every finding has its sentences in both languages, and the guide contains all of them."""

from __future__ import annotations

import ast
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

import edge_agent
from edge_agent.core.languages import Bilingual, Lang, named_in_both
from edge_agent.core.model import Cause
from edge_agent.core.problems.words import PROFILE_TEXTS
from edge_agent.host.health import degraded
from edge_agent.host.local_api.status_words import STATUS
from edge_agent.mqtt.connect_errors import ConnectErrorKind
from edge_agent.tools.doctor.check import CheckLevel, CheckResult, Figure
from edge_agent.tools.doctor.guide import tables
from edge_agent.tools.doctor.run import HOST_CHECKS
from edge_agent.tools.doctor.words import WORDS, said_of, todo_of
from edge_agent.tools.doctor.words.box import BOX
from edge_agent.tools.doctor.words.broker import BROKER
from edge_agent.tools.doctor.words.cameras import CAMERAS
from edge_agent.tools.doctor.words.network import NETWORK
from edge_agent.tools.doctor.words.wording import DISK_KINDS, label_of

PACKAGE = Path(edge_agent.__file__).parent / "tools/doctor"
GUIDE = Path(edge_agent.__file__).parents[1] / "docs" / "guide" / "doctor.md"


def test_what_is_not_good_says_what_to_do() -> None:
    not_good = (CheckLevel.YELLOW, CheckLevel.RED)
    assert not [name for name, words in WORDS.items() if words.level in not_good and not words.en_do]


def test_every_cause_of_a_camera_and_of_a_broker_has_its_words() -> None:
    assert {f"camera-{cause}" for cause in Cause} <= set(WORDS)
    assert {f"broker-{kind}" for kind in ConnectErrorKind} <= set(WORDS)


def test_findings_of_the_code_and_of_the_words_are_the_same() -> None:
    used = {
        node.value
        for path in (*PACKAGE.glob("*.py"), *PACKAGE.glob("checks/*.py"), Path(degraded.__file__))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in WORDS
    }
    made_of_a_word = {f"camera-{cause}" for cause in Cause} | {f"broker-{kind}" for kind in ConnectErrorKind}
    made_of_a_word |= {"codec-hevc", "codec-mjpeg"}
    assert set(WORDS) - made_of_a_word == used - made_of_a_word


def test_a_vietnamese_reader_finds_no_english_names() -> None:
    assert label_of("cam-2/picture", "vi") == "cam-2, chất lượng hình"
    assert label_of("broker-2/rights", "vi") == "máy chủ nhận tin 2, quyền ghi"
    assert not [name for name in (*HOST_CHECKS, "broker") if label_of(name, "vi") == name]


@pytest.mark.parametrize(
    ("lang", "clock", "certificate", "agent"),
    [
        ("en", "2026-11-28 04:05", "2026-12-01", "up 2 h 05 min"),
        ("vi", "28/11/2026 04:05", "01/12/2026", "2 giờ 05 phút"),
    ],
)
def test_dates_and_spans_of_time_are_written_as_in_the_language(
    lang: Lang, clock: str, certificate: str, agent: str
) -> None:
    now, end = datetime(2026, 11, 28, 4, 5, tzinfo=UTC), date(2026, 12, 1)
    expired: dict[str, Figure] = {"file": "client.crt", "end": end}
    assert clock in said_of(CheckResult("clock", "clock-not-set", {"time": now}), lang)
    assert certificate in said_of(CheckResult("certificate", "certificate-expired", expired), lang)
    assert agent in said_of(CheckResult("agent", "agent-running", {"up": timedelta(minutes=125)}), lang)


def test_what_the_agent_and_the_configuration_say_is_in_vietnamese_too() -> None:
    states = named_in_both(STATUS, "view", ["covered", "moved"])
    tampered = CheckResult("cam-1/view", "view-tampered", {"states": states})
    assert said_of(tampered, "vi") == "phần mềm báo: bị che, bị xoay"
    assert said_of(tampered, "en") == "the agent says: covered, moved"
    first = Bilingual("no camera", "không có camera")
    doubt = CheckResult("config", "config-doubtful", {"count": 1, "first": first})
    assert said_of(doubt, "vi").endswith(": không có camera")


def test_clock_and_certificate_ask_a_technician_for_no_command() -> None:
    """A phone at the pole has no terminal."""
    todo = [each.vi_do for name, each in WORDS.items() if name.startswith(("clock-", "certificate-"))]
    assert not [text for text in todo if "chronyc" in text or "pki" in text or "clock" in text]
    assert len(todo) > 8


def test_the_guide_has_every_line() -> None:
    assert tables() in GUIDE.read_text(encoding="utf-8"), "run: python -m edge_agent.tools.doctor.guide"


def test_what_a_profile_says_is_said_in_vietnamese() -> None:
    for path in (Path(edge_agent.__file__).parents[1] / "firmware_profiles").glob("*.yaml"):
        platform = yaml.safe_load(path.read_text())["platform"]
        advice = platform["storage"]["advice"]
        assert WORDS["disk-poor"].todo("vi", {"advice": advice}) == f"nên dùng: {PROFILE_TEXTS[advice]}", (
            path.name
        )
        for kernel in platform["kernel"]:
            assert WORDS["kernel-off"].todo("vi", kernel) == PROFILE_TEXTS[kernel["fix"]], path.name
        kinds = (*platform["storage"]["good"], *platform["storage"]["poor"])
        assert set(kinds) <= set(DISK_KINDS), path.name
    supply: dict[str, Figure] = {
        "has_ma": 3000,
        "minimum_ma": 5000,
        "supply": "5.1 V and 5 A by USB-C (27 W), which the board negotiates",
    }
    assert str(WORDS["supply-small"].todo("vi", supply)).startswith("dùng bộ nguồn USB-C 27 W (5,1 V; 5 A)")


def test_each_finding_has_one_sentence() -> None:
    """The tables are merged, and the later sentence would silently replace the earlier one."""
    assert len(WORDS) == sum(len(table) for table in (BOX, CAMERAS, NETWORK, BROKER))


def test_a_board_with_an_old_boot_loader_is_described() -> None:
    old: dict[str, Figure] = {
        "name": "boot loader",
        "version": "2020-01-01",
        "minimum": "2023-01-11",
        "fix": "sudo rpi-eeprom-update -a, then reboot",
    }
    result = CheckResult("board/firmware", "firmware-old", old)
    assert said_of(result, "en") == "boot loader 2020-01-01 is older than 2023-01-11"
    assert todo_of(result, "vi") == "sudo rpi-eeprom-update -a, rồi khởi động lại thiết bị"
