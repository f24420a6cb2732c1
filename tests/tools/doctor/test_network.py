"""What the doctor says about the modem and about the cameras' clocks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config.model.settings import Camera, UplinkKind
from edge_agent.control.modem import CONTROL_GROUP, SOCKET
from edge_agent.core.clock import SystemClock
from edge_agent.host.health.camera_clock import measure_offset
from edge_agent.tools.doctor.check import CheckLevel, CheckResult
from edge_agent.tools.doctor.checks.network import check_camera_clock, check_modem
from edge_agent.tools.doctor.words import level_of, said_of, todo_of
from edge_agent.wire import ModemHealth
from tests.host.fakes import settings
from tests.testbed.modem_bus import FakeModem, FakeModemManager, bus_daemon
from tests.testbed.onvif_camera import OnvifCamera

HOST = "127.0.9.26"


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a D-Bus daemon, and a file system root that has its socket."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus-daemon is not installed")
    folder = tmp_path_factory.mktemp("bus")
    socket = folder / "root" / SOCKET
    socket.parent.mkdir(parents=True)
    (folder / "root" / CONTROL_GROUP).mkdir(parents=True)
    with bus_daemon(folder) as address:
        socket.symlink_to(folder / "bus.sock")
        yield address, folder / "root"


FINDINGS: list[tuple[dict[str, Any], str, CheckLevel]] = [
    ({}, "modem-good", CheckLevel.GREEN),
    ({"signal_percent": 19}, "modem-weak", CheckLevel.YELLOW),
    ({"registration": 5, "operator": "Unitel"}, "modem-roaming", CheckLevel.YELLOW),
    ({"state": 8}, "modem-not-connected", CheckLevel.YELLOW),
    ({"state": 7, "registration": 2}, "modem-not-registered", CheckLevel.RED),
    ({"state": -1, "failed_reason": 2}, "modem-no-sim", CheckLevel.RED),
    ({"state": 2, "lock": 2}, "modem-pin", CheckLevel.RED),
    ({"state": 2, "lock": 4}, "modem-puk", CheckLevel.RED),
    ({"present": False}, "modem-missing", CheckLevel.RED),
]


@pytest.mark.parametrize(("facts", "finding", "level"), FINDINGS, ids=[each[1] for each in FINDINGS])
def test_each_state_of_the_modem_has_its_line(
    bus: tuple[str, Path], facts: dict[str, Any], finding: str, level: CheckLevel
) -> None:
    manager = FakeModemManager(bus[0], FakeModem(**facts))
    (result,) = check_modem(UplinkKind.SIM, bus[1], None)
    manager.stop()
    assert (result.finding, level_of(result)) == (finding, level)
    assert said_of(result, "vi") != said_of(result, "en")


def test_the_agents_count_is_shown_and_another_uplink_has_no_line(bus: tuple[str, Path]) -> None:
    manager = FakeModemManager(bus[0], FakeModem())
    counted = ModemHealth(sent_bytes=1_000_000, received_bytes=1_203_000_000)
    first, data = check_modem(UplinkKind.SIM, bus[1], counted)
    manager.stop()
    assert said_of(first, "en") == "connected through Viettel, LTE, signal 67 %"
    assert said_of(data, "en").startswith("the modem counts 1,204 MB")
    assert check_modem(UplinkKind.FIBRE, bus[1], None) == []


def test_without_modemmanager_or_bus_nothing_is_judged(bus: tuple[str, Path], tmp_path: Path) -> None:
    for sysroot in (bus[1], tmp_path):
        assert check_modem(UplinkKind.SIM, sysroot, None) == [CheckResult("modem", "modem-unmanaged")]


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    return replace(settings(tmp_path).cameras[0], url=f"rtsp://{HOST}/stream2")


class Now(SystemClock):
    """The simulated camera's time is the test's own, without an offset."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def test_a_camera_whose_clock_does_not_follow_is_named_with_the_command_that_helps(camera: Camera) -> None:
    def checked(offset_s: float, *, synced: bool = True) -> list[CheckResult]:
        with OnvifCamera(HOST, clock_offset_s=offset_s) as simulated:
            measure = partial(measure_offset, port=simulated.port)
            return list(check_camera_clock(camera, Now(), synced=synced, measure=measure))

    (wrong,) = checked(-7 * 3600)
    assert (wrong.check, wrong.finding) == ("cam-1/clock", "camera-clock-off")
    assert "25,2" in said_of(wrong, "en")
    assert todo_of(wrong, "en") == "sudo edge-agent cameras configure cam-1 --ntp"
    assert [result.finding for result in checked(0)] == ["camera-clock-right"]
    assert checked(-7 * 3600, synced=False) == []
    # No ONVIF there: nothing is said.
    assert not check_camera_clock(camera, Now(), synced=True, measure=partial(measure_offset, port=1))
