"""Boards made of files, and disks that are full, read-only or closed to this user."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.config import load
from edge_agent.config.board import BoardIdentity
from edge_agent.config.model.settings import Settings
from edge_agent.core.problems import CATALOGUE, ProblemText, problem_text
from edge_agent.host.local_api.status import StatusResult, status_document
from edge_agent.outbox import EventOutbox
from edge_agent.tools.doctor.check import Check, CheckResult, run_checks
from edge_agent.tools.doctor.checks import box
from edge_agent.tools.doctor.checks.box import BULK_BYTES, COMMIT_BYTES, COMMITS, check_disk
from edge_agent.tools.doctor.checks.delivery import check_outbox
from edge_agent.tools.doctor.words import said_of
from edge_agent.wire import EvidenceHealth, OutboxHealth
from tests.host.fakes import PI_4, PI_5, FakeClock, on_disk, plant
from tests.outbox.parts import draft, outbox_in
from tests.testbed import small_disk as mounted
from tests.testbed.agent import write_config
from tests.tools.doctor.conftest import heartbeat_with


@pytest.fixture
def pi(tmp_path: Path) -> Settings:
    """Settings of a Raspberry Pi 4."""
    config = write_config(tmp_path)
    return load(config, board=BoardIdentity(model="Raspberry Pi 4 Model B Rev 1.4", machine="aarch64"))


def findings(results: Iterable[CheckResult]) -> list[str]:
    return [result.finding for result in results]


@pytest.mark.parametrize(
    ("nodes", "finding"),
    [
        ({}, "power-good"),
        ({"sys/devices/platform/soc/soc:firmware/get_throttled": "50001\n"}, "power-undervoltage"),
        ({"sys/devices/platform/soc/soc:firmware/get_throttled": "4\n"}, "power-throttled"),
        ({"sys/devices/platform/soc/soc:firmware/get_throttled": "50000\n"}, "power-was-low"),
    ],
)
def test_the_supply_of_a_pi(pi: Settings, tmp_path: Path, nodes: Mapping[str, str], finding: str) -> None:
    sysroot = plant(tmp_path / "sys", {**PI_4, **nodes})
    assert findings(box.check_power(pi.profile, sysroot, FakeClock())) == [finding]


@pytest.mark.parametrize(
    ("millidegrees", "finding"),
    [(61_341, "temperature-good"), (76_000, "temperature-warm"), (84_000, "temperature-hot")],
)
def test_the_temperature_is_judged_by_the_boards_own_thresholds(
    pi: Settings, tmp_path: Path, millidegrees: int, finding: str
) -> None:
    nodes = {**PI_4, "sys/class/thermal/thermal_zone0/temp": f"{millidegrees}\n"}
    found = box.check_temperature(pi.profile.thermal, plant(tmp_path / "sys", nodes))
    assert findings(found) == [finding]


def test_a_box_that_is_on_the_thermal_ladder_says_so(pi: Settings, tmp_path: Path) -> None:
    sysroot = plant(tmp_path / "sys", PI_4)
    found = box.check_temperature(pi.profile.thermal, sysroot, step=2)
    assert findings(found) == ["temperature-good", "heat-step"]


def test_an_unreadable_supply_is_named(pi: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a sandbox without the device of vcgencmd; other boards do not report it at all."""
    monkeypatch.setenv("PATH", str(tmp_path))
    model = {"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0"}
    sysroot = plant(tmp_path / "sys", model)
    assert findings(box.check_power(pi.profile, sysroot, FakeClock())) == ["power-unread"]


def test_what_a_board_does_not_tell_is_neither_good_nor_bad(pi: Settings, tmp_path: Path) -> None:
    assert findings(box.check_temperature(pi.profile.thermal, tmp_path)) == ["temperature-unknown"]
    assert findings(box.check_power(pi.profile, tmp_path, FakeClock())) == ["power-unknown"]


@pytest.mark.parametrize(
    ("built", "finding"),
    [(1_577_836_800, "firmware-old"), (1_735_689_600, "firmware-good")],  # 2020-01-01, 2025-01-01
)
def test_firmware_is_compared_with_what_the_profile_asks_for(
    pi: Settings, tmp_path: Path, built: int, finding: str
) -> None:
    nodes = {**PI_4, "proc/device-tree/chosen/bootloader/build-timestamp": built.to_bytes(4)}
    found = box.check_board(pi, plant(tmp_path / "sys", nodes))
    assert finding in findings(found)
    assert found[0].finding == "board-known"


WATCHDOG = {
    "sys/class/watchdog/watchdog0/identity": "Broadcom BCM2835 Watchdog timer\n",
    "sys/class/watchdog/watchdog0/state": "active\n",
    "sys/class/watchdog/watchdog0/timeout": "15\n",
}


@pytest.mark.parametrize(
    ("nodes", "finding", "said"),
    [
        (WATCHDOG, "watchdog-armed", "Watchdog timer resets the gateway when it hangs for 15 s"),
        ({**WATCHDOG, "sys/class/watchdog/watchdog0/state": "inactive\n"}, "watchdog-off", "is not armed"),
        (
            {**WATCHDOG, "sys/class/watchdog/watchdog0/identity": "Software Watchdog\n"},
            "watchdog-other",
            "Software Watchdog instead of Broadcom BCM2835 Watchdog timer",
        ),
        ({"sys/class/watchdog/watchdog0/timeout": "15\n"}, "watchdog-unknown", "does not report it"),
        ({}, "watchdog-missing", "no /dev/watchdog0"),
    ],
)
def test_the_hardware_watchdog_is_looked_at(
    pi: Settings, tmp_path: Path, nodes: Mapping[str, str], finding: str, said: str
) -> None:
    found = box.check_board(pi, plant(tmp_path / "sys", {**PI_4, **nodes}))[-1]
    assert (found.check, found.finding) == ("board/watchdog", finding)
    assert said in said_of(found, "en")


def test_a_configuration_for_another_board_is_told(pi: Settings, tmp_path: Path) -> None:
    found = box.check_board(pi, plant(tmp_path / "sys", PI_5))
    assert found[0].finding == "board-other"
    assert "raspberry-pi-5" in said_of(found[0], "en")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted.small_disk(tmp_path / "disk", 256 * 1024) as folder:
        yield folder


def read_only(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


def fill(folder: Path, share: float = 1.0) -> None:
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with (folder / "ballast").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, int(free * share))


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (lambda folder: None, "disk-good"),
        (lambda folder: fill(folder, 0.91), "disk-full"),
        (lambda folder: fill(folder, 0.87), "disk-short"),
        (fill, "disk-no-room"),
        (read_only, "disk-unwritable"),
    ],
)
def test_a_disk(
    pi: Settings, tmp_path: Path, small_disk: Path, spoil: Callable[[Path], object], finding: str
) -> None:
    spoil(small_disk)
    keep_free = 200_000_000 if finding == "disk-short" else 10_000_000
    settings = replace(pi, state_dir=small_disk, storage=replace(pi.storage, keep_free=keep_free))
    assert findings(check_disk(settings, tmp_path)) == [finding]


def test_a_disk_with_clips_that_make_room_for_newer_ones_is_not_short(
    pi: Settings, tmp_path: Path, small_disk: Path
) -> None:
    clip = small_disk / "evidence/media/2026-11-30/080000_17_cam-1_zone-1_clip.mp4"
    clip.parent.mkdir(parents=True)
    clip.touch()
    os.truncate(clip, 180_000_000)  # without blocks, so that only its size counts here
    fill(small_disk, 0.5)
    settings = replace(pi, state_dir=small_disk, storage=replace(pi.storage, keep_free=200_000_000))
    assert findings(check_disk(settings, tmp_path)) == ["disk-good"]
    clip.unlink()
    assert findings(check_disk(settings, tmp_path)) == ["disk-short"]


SHORT = problem_text("evidence-disk-short", free_mb=150, keep_free_mb=200)
USED_UP = problem_text("evidence-used-up", bytes=2_000_000_000)
NO_WRITES = problem_text("journal-failed", why=problem_text("journal-disk-silent"))


@pytest.mark.parametrize(
    ("why", "finding"),
    [
        (SHORT, "evidence-not-stored"),
        (problem_text("two-reasons", first=SHORT, second=NO_WRITES), "evidence-not-stored"),
        (USED_UP, "evidence-degraded"),
        (NO_WRITES, "evidence-degraded"),
    ],
)
def test_a_disk_on_which_the_running_agent_stores_no_evidence_is_a_fault(
    why: ProblemText, finding: str
) -> None:
    degraded = EvidenceHealth(degraded=str(why))
    (result,) = box.check_evidence(heartbeat_with(problem_text("evidence", why=why), evidence=degraded))
    assert result.finding == finding
    assert str(CATALOGUE.say(why.problem, "vi")) in said_of(result, "vi")
    (uncoded,) = box.check_evidence(heartbeat_with(evidence=degraded))
    assert uncoded.finding == "evidence-degraded"
    assert not box.check_evidence(heartbeat_with())
    assert not box.check_evidence(None)


@pytest.mark.parametrize(
    ("name", "nodes", "found"),
    [
        ("mmcblk0", {"device/type": "SD\n"}, ["disk/kind disk-poor"]),
        ("sda", {"removable": "0\n", "queue/rotational": "0\n"}, ["disk/kind disk-lasting"]),
        ("vda", {"queue/rotational": "1\n"}, []),  # the profile says nothing about virtual disks
    ],
)
def test_the_kind_of_disk_is_weighed_by_the_boards_profile(
    pi: Settings, tmp_path: Path, name: str, nodes: Mapping[str, str], found: list[str]
) -> None:
    sysroot = on_disk(tmp_path, tmp_path / "sys", name, nodes)
    results = check_disk(pi, sysroot)[1:]
    assert [f"{result.check} {result.finding}" for result in results] == found


def test_the_disk_test_leaves_nothing_behind_and_writes_little(pi: Settings, small_disk: Path) -> None:
    free = os.statvfs(small_disk).f_bfree
    check_disk(replace(pi, state_dir=small_disk / "not" / "there" / "yet"), small_disk)
    assert list(small_disk.iterdir()) == []
    assert os.statvfs(small_disk).f_bfree == free
    assert COMMITS * COMMIT_BYTES + BULK_BYTES < 4_100_000


def test_what_waits_in_the_outbox_of_a_stopped_agent_is_counted(pi: Settings) -> None:
    assert findings(check_outbox(StatusResult(), pi)) == ["outbox-empty"]
    with outbox_in(pi.state_dir) as outbox:
        assert isinstance(outbox, EventOutbox)
        outbox.append(draft())
        outbox.append(draft())
    (waiting,) = check_outbox(StatusResult(), pi)
    assert (waiting.finding, waiting.figures["depth"]) == ("outbox-waiting", 2)


LARGE = problem_text("outbox-log-large", file="outbox.db", megabytes=80)
SILENT = problem_text("outbox-disk-silent", file="outbox.db")


@pytest.mark.parametrize(
    ("why", "finding"),
    [
        (problem_text("outbox-disk-failed", why="disk I/O error", seconds=30), "outbox-memory"),
        (problem_text("outbox-in-memory", why=SILENT, seconds=30), "outbox-memory"),
        (problem_text("outbox-rewritten", why="outbox.db was removed"), "outbox-noted"),
        (LARGE, "outbox-noted"),
    ],
)
def test_events_are_only_in_memory_if_the_running_agent_says_so(
    pi: Settings, why: ProblemText, finding: str
) -> None:
    outbox = OutboxHealth(depth=0, bytes=0, oldest_s=0.0, sequence=1, epoch="e1", degraded=str(why))
    beat = heartbeat_with(problem_text("outbox", why=why), outbox=outbox)
    (result,) = check_outbox(StatusResult(status_document(pi, beat, {})), pi)
    assert result.finding == finding
    assert str(CATALOGUE.say(why.problem, "vi")) in said_of(result, "vi")


def test_a_damaged_outbox_is_red(pi: Settings) -> None:
    pi.state_dir.mkdir()
    (pi.state_dir / "outbox.db").write_bytes(b"not a database" * 1000)
    assert findings(check_outbox(StatusResult(), pi)) == ["outbox-unreadable"]


def test_a_check_that_hangs_or_breaks_takes_no_other_along() -> None:
    def breaks() -> list[CheckResult]:
        raise RuntimeError("rtsp://user:secret@camera")

    hang = threading.Event()
    checks = [
        Check("hangs", 0.1, lambda: [CheckResult("hangs", "agent-stopped")] if hang.wait() else []),
        Check("breaks", 5, breaks),
        Check("works", 5, lambda: [CheckResult("works", "agent-stopped")]),
    ]
    results = run_checks(checks)
    hang.set()
    assert findings(results) == ["check-timeout", "check-failed", "agent-stopped"]
    assert said_of(results[1], "en") == "could not be checked (RuntimeError)"


def test_one_camera_is_not_called_cameras(tmp_path: Path) -> None:
    gate = {"id": "gate", "url": "rtsp://10.0.0.9/1"}
    (reported,) = box.check_config(load(write_config(tmp_path, cameras=[gate])), None)
    assert said_of(reported, "en").startswith("valid; cameras: 1; configuration ")
