"""Firmware, kernel settings, supply and disks of a Pi 4, a Pi 5, a Jetson Orin Nano and a PC.

The texts are real: Jetson Linux 36.4.3 and the Orin's model as users have published them,
Debian's and Ubuntu's os-release, the cells of the Raspberry Pi documentation.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config.fields.files import ConfigFiles
from edge_agent.config.fields.schema_types import ReadContext
from edge_agent.config.model.boards import Firmware, Profile
from edge_agent.config.profiles import names, read
from edge_agent.core.clock import SystemClock
from edge_agent.host.board.platform import (
    Disk,
    disk_of,
    firmware_version,
    is_older,
    kernel_has,
    os_supported,
    platform_lines,
    supply_ma,
)
from edge_agent.host.board.sensors import Thermometer
from tests.host.fakes import JETSON_ORIN, PI_4, PI_5, X86, Board, on_disk, plant

BOARDS: list[tuple[str, Board]] = [
    ("raspberry-pi-4", PI_4),
    ("raspberry-pi-5", PI_5),
    ("jetson-orin-nano", JETSON_ORIN),
    ("generic-x86_64", X86),
]
PI_TIMESTAMP = "proc/device-tree/chosen/bootloader/build-timestamp"
CONTROLLERS = "sys/fs/cgroup/cgroup.controllers"


def profile(name: str) -> Profile:
    board = read(name, ReadContext(ConfigFiles(Path(), None), SystemClock()))
    assert board is not None
    return board.profile


def firmware(name: str) -> Firmware:
    platform = profile(name).platform
    assert platform is not None
    return platform.firmware


@pytest.mark.parametrize(
    ("name", "board", "version"),
    [
        ("raspberry-pi-4", PI_4, "2023-01-11"),
        ("raspberry-pi-5", PI_5, "2025-03-10"),
        ("jetson-orin-nano", JETSON_ORIN, "36.4.3"),
        ("generic-x86_64", X86, "2023-09-14"),
        ("generic-arm64", PI_4, None),  # the profile does not name it
        *((name, {}, None) for name in names()),  # where the board has no value, the result is None
        ("raspberry-pi-4", {PI_TIMESTAMP: b"\0\0\0\0"}, None),
        ("jetson-orin-nano", {"etc/nv_tegra_release": "Jetson\n"}, None),
        ("generic-x86_64", {"sys/class/dmi/id/bios_date": "unknown\n"}, None),
    ],
)
def test_each_board_tells_its_firmware(tmp_path: Path, name: str, board: Board, version: str | None) -> None:
    assert firmware_version(firmware(name), plant(tmp_path, board)) == version


def test_the_device_tree_is_found_where_systemd_hides_proc(tmp_path: Path) -> None:
    there = "sys/firmware/devicetree/base"
    plant(tmp_path, {name.replace("proc/device-tree", there): text for name, text in PI_5.items()})
    assert firmware_version(firmware("raspberry-pi-5"), tmp_path) == "2025-03-10"
    assert supply_ma(tmp_path) == 5000


@pytest.mark.parametrize(
    ("version", "minimum", "older"),
    [
        ("2021-02-16", "2022-04-26", True),
        ("2022-04-26", "2022-04-26", False),
        ("36.4.3", "36.3", False),
        ("35.4.1", "36.3", True),
        ("36.10", "36.9", False),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, minimum: str, older: bool) -> None:
    assert is_older(version, minimum) is older


@pytest.mark.parametrize(("name", "board"), BOARDS)
def test_a_board_as_it_should_be_gives_no_line(tmp_path: Path, name: str, board: Board) -> None:
    assert list(platform_lines(profile(name), plant(tmp_path, board))) == []


@pytest.mark.parametrize(
    ("name", "board", "line"),
    [
        (
            "raspberry-pi-4",
            {**PI_4, PI_TIMESTAMP: (1_613_462_400).to_bytes(4)},
            "firmware: boot loader 2021-02-16 is older than 2022-04-26, which raspberry-pi-4 asks for: "
            "sudo rpi-eeprom-update -a, then reboot",
        ),
        (
            "raspberry-pi-5",
            {**PI_5, PI_TIMESTAMP: (1_698_684_310).to_bytes(4)},
            "firmware: boot loader 2023-10-30 is older than 2024-04-20, which raspberry-pi-5 asks for: "
            "sudo rpi-eeprom-update -a, then reboot",
        ),
        (
            "jetson-orin-nano",
            {**JETSON_ORIN, "etc/nv_tegra_release": "# R35 (release), REVISION: 4.1, GCID: 33958178"},
            "firmware: Jetson Linux 35.4.1 is older than 36.3, which jetson-orin-nano asks for: "
            "sudo apt update, then sudo apt dist-upgrade, then reboot",
        ),
        (
            "raspberry-pi-5",
            {**PI_5, CONTROLLERS: "cpuset cpu io pids\n"},
            "kernel: memory limits are off, the unit's MemoryMax= has no effect, and a leak takes "
            "the whole box down: "
            "append cgroup_enable=memory to the one line of /boot/firmware/cmdline.txt, then reboot",
        ),
    ],
)
def test_what_differs_from_the_profile_is_told(tmp_path: Path, name: str, board: Board, line: str) -> None:
    assert list(platform_lines(profile(name), plant(tmp_path, board))) == [line]


@pytest.mark.parametrize("name", names())
def test_a_box_that_tells_nothing_gives_no_line(tmp_path: Path, name: str) -> None:
    assert list(platform_lines(profile(name), tmp_path)) == []
    platform = profile(name).platform
    assert platform is not None
    assert [kernel_has(setting, tmp_path) for setting in platform.kernel] == [None]


WATCHDOG = {
    "sys/class/watchdog/watchdog0/identity": "Broadcom BCM2835 Watchdog timer\n",
    "sys/class/watchdog/watchdog0/state": "active\n",
    "sys/class/watchdog/watchdog0/timeout": "15\n",
}
NOT_ARMED = {"sys/class/watchdog/watchdog0/state": "inactive\n"}


@pytest.mark.parametrize(
    ("name", "nodes", "line"),
    [
        ("raspberry-pi-5", {}, None),
        (
            "raspberry-pi-5",
            NOT_ARMED,
            "watchdog: Broadcom BCM2835 Watchdog timer is not armed, nothing resets",
        ),
        (
            "raspberry-pi-5",
            {"sys/class/watchdog/watchdog0/identity": "Software Watchdog\n"},
            "watchdog: Software Watchdog instead of Broadcom BCM2835 Watchdog timer, which resets the board",
        ),
        ("generic-x86_64", NOT_ARMED, None),  # a PC on which the agent is tried
    ],
)
def test_a_watchdog_that_would_not_reset_the_board_is_told(
    tmp_path: Path, name: str, nodes: dict[str, str], line: str | None
) -> None:
    reported = list(platform_lines(profile(name), plant(tmp_path, {**WATCHDOG, **nodes})))
    assert reported == [] if line is None else (len(reported) == 1 and reported[0].startswith(line))


def test_the_system_is_known_by_id_and_version(tmp_path: Path) -> None:
    pi = profile("raspberry-pi-4")
    assert os_supported(pi, tmp_path) is None
    assert os_supported(pi, plant(tmp_path, PI_4)) is True
    assert os_supported(pi, plant(tmp_path, {"etc/os-release": "ID=debian\nVERSION_ID=11\n"})) is False


def test_only_the_pi_5_says_what_its_supply_gives(tmp_path: Path) -> None:
    assert supply_ma(plant(tmp_path / "5", PI_5)) == 5000
    assert supply_ma(plant(tmp_path / "4", PI_4)) is None


@pytest.mark.parametrize(("name", "board"), BOARDS)
def test_the_nodes_that_a_profile_names_are_on_its_board(tmp_path: Path, name: str, board: Board) -> None:
    """For the Pi 5 with the firmware node, which only Raspberry Pi's own kernel has."""
    plant(tmp_path, board)
    if name == "raspberry-pi-5":
        plant(tmp_path, {"sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "0"})
    here = profile(name)
    assert here.platform is not None
    for pattern in (*here.thermal.throttled, *here.platform.power.undervoltage):
        assert list(tmp_path.glob(pattern)), pattern


def test_the_sensor_that_a_profile_names_first_counts(tmp_path: Path) -> None:
    plant(tmp_path, JETSON_ORIN)
    assert Thermometer(tmp_path, profile("jetson-orin-nano").thermal.sensors).read_c() == 52.4
    assert Thermometer(tmp_path, ("cpu-thermal", "tj-thermal")).read_c() == 50.1
    assert Thermometer(tmp_path, ("no-such-zone",)).read_c() == 52.4


@pytest.mark.parametrize(
    ("disk", "nodes", "kind"),
    [
        ("mmcblk0", {"device/type": "SD\n"}, "sd"),
        ("mmcblk0", {"device/type": "MMC\n"}, "emmc"),
        ("nvme0n1", {"queue/rotational": "0\n"}, "nvme"),
        ("sda", {"removable": "0\n", "queue/rotational": "0\n"}, "ssd"),
        ("sda", {"removable": "0\n", "queue/rotational": "1\n"}, "hdd"),
        ("sda", {"removable": "1\n", "queue/rotational": "1\n"}, "usb"),
        ("vda", {"queue/rotational": "1\n"}, "virtual"),
        ("dm-0", {}, None),
    ],
)
def test_disks_are_told_apart(tmp_path: Path, disk: str, nodes: dict[str, str], kind: str | None) -> None:
    on_disk(tmp_path, tmp_path, disk, nodes)
    assert disk_of(tmp_path, tmp_path) == Disk(disk, kind)


def test_a_folder_in_memory_has_no_disk(tmp_path: Path) -> None:
    assert disk_of(tmp_path, tmp_path / "nothing") is None
