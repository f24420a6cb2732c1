"""What a green verdict means: each condition of docs/guide/doctor.md, "What green means", and that nothing
unproven is green."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.config import load
from edge_agent.core.clock import SystemClock
from edge_agent.host.health.clock_sync import ClockState, KernelSync
from edge_agent.tools.doctor.check import CheckLevel
from edge_agent.tools.doctor.checks import box
from edge_agent.tools.doctor.words import WORDS, said_of
from tests.testbed.agent import write_config
from tests.tools.doctor.conftest import StrictCamera, Told, camera, environment_of, examined

GUIDE = Path(__file__).parents[3] / "docs/guide/doctor.md"

CONDITIONS = (
    "agent-",
    "broker-",
    "rights-",
    "session-",
    "delivery-",
    "detector-",
    "clock-",
    "camera-",
    "still-",
)
"""Beginnings of the findings that decide whether a site is green."""
NEITHER_GREEN_NOR_RED = {
    "agent-closed": "delivery-not-asked is red beside it",
    "broker-spare": "another broker is good, and the conditions were tested there",
    "broker-unconfirmed": "the verdict is pending",
    "broker-offline": "the verdict is pending",
    "clock-offline": "the verdict is pending",
    "clock-not-set-offline": "the verdict is pending",
    "broker-clock_not_set": "clock-not-set is red beside it",
    "rights-unread": "delivery-no-agent is red beside it",
    "rights-not-tried": "delivery-not-asked is red beside it",
    "detector-slow": "it sees the labels, later",
    "detector-other": "it sees the labels, on another processor",
    "detector-none": "the configuration asks for no labels",
    "still-busy": "the running agent reads the main stream",
    "camera-clock-off": "of the clock in the picture; events have the time of the gateway",
}


def test_no_condition_of_green_is_passed_without_proof() -> None:
    proven = (CheckLevel.GREEN, CheckLevel.RED)
    unproven = {
        finding
        for finding, words in WORDS.items()
        if finding.startswith(CONDITIONS) and words.level not in proven
    }
    assert unproven == NEITHER_GREEN_NOR_RED.keys()


@dataclass(frozen=True)
class Situation:
    check: str
    finding: str
    vietnamese: str
    to_do: str


SITUATIONS = {
    "a dead camera": Situation("dead", "camera-refused", "camera từ chối kết nối", "kiểm tra cổng"),
    "a silent camera": Situation("silent", "camera-stalled", "không có dữ liệu", "khởi động lại camera"),
    "a wrong password": Situation("locked", "camera-unauthorized", "sai tên đăng nhập hoặc mật khẩu", "sửa"),
    "no uplink": Situation("broker", "broker-dns", "DNS không tìm được", "kiểm tra đường truyền"),
    "a wrong clock": Situation("clock", "clock-unsynced", "chưa được đồng bộ", "kiểm tra đường truyền"),
    "a full card": Situation("disk", "disk-no-room", "đã hết chỗ trống", "thay bằng thẻ nhớ"),
}


@pytest.fixture(scope="module")
def unlucky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """One run at a site where everything is wrong at once."""
    folder = tmp_path_factory.mktemp("unlucky")
    password = folder / "cam.pass"
    password.write_text("wrong")
    password.chmod(0o600)
    unsynced = environment_of(kernel=lambda: KernelSync(False, 0.0))
    with (
        pytest.MonkeyPatch.context() as patch,
        socket.create_server(("127.0.0.1", 0)) as silent,
        StrictCamera() as strict,
    ):
        patch.setattr(box, "MIN_FREE_BYTES", 1 << 60)  # a card of an exabyte would have room
        config = write_config(
            folder,
            cameras=[
                {"id": "dead", "url": "rtsp://127.0.0.1:1/stream"},
                {"id": "silent", "url": f"rtsp://127.0.0.1:{silent.getsockname()[1]}/stream"},
                camera("locked", strict.url, str(password)),
            ],
            detector="none",
            mqtt={"brokers": ["mqtts://broker.invalid"]},
        )
        yield examined(config, "--lang", "vi", environment=unsynced)


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_misfortune_ends_in_its_own_words(unlucky: Told, name: str) -> None:
    expected = SITUATIONS[name]
    line = unlucky.line(expected.check)
    assert (line.finding, line.level) == (expected.finding, "red")
    assert expected.vietnamese in line.said
    assert expected.to_do in str(line.todo)
    summary = unlucky.doctor.summary or []
    (told,) = [text for text in summary if text.startswith((f"LỖI {line.check}:", f"LỖI {line.check} ("))]
    assert f"{line.said} -> {line.todo}" in told, "the words of the playbook and of the phone"


def test_the_verdict_names_all_of_them_in_one_sentence(unlucky: Told) -> None:
    assert (unlucky.code, unlucky.doctor.verdict) == (1, "failed")
    named = "CHƯA ĐẠT, còn 7 lỗi phải sửa: đồng hồ; ổ đĩa; phần mềm; dead; silent; locked; máy chủ nhận tin."
    assert named in unlucky.doctor.sentence
    assert unlucky.doctor.sentences is not None
    assert "NOT READY: 7 faults to correct: clock; disk; agent; dead; silent; locked; broker." in (
        unlucky.doctor.sentences.en
    )


@pytest.mark.parametrize(
    ("state", "finding"),
    [
        (ClockState(True, "chrony", True, 12.0), "clock-synced"),
        (ClockState(True, "kernel", True, None), "clock-synced"),
        (ClockState(True, "chrony", True, -1500.0), "clock-off"),
        (ClockState(False, None, True), "clock-unsynced"),
        (ClockState(False, None, False), "clock-not-set"),
    ],
)
def test_a_clock_is_right_only_if_it_is_synchronised_and_not_off(
    tmp_path: Path, state: ClockState, finding: str
) -> None:
    settings = load(write_config(tmp_path))
    (result,) = box.check_clock(state, SystemClock(), settings)
    assert result.finding == finding
    if finding == "clock-synced":
        name = "nhân Linux" if state.source == "kernel" else "chrony"
        assert said_of(result, "vi") == f"đúng giờ, đồng bộ bằng {name}"


def test_the_guide_names_every_condition() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    table = text.partition("## What green means")[2].partition("\n## ")[0]
    assert [name for name in CONDITIONS if f"`{name}" not in table] == []
