"""Box metrics from fake trees of a Pi 4, a Pi 5, a Jetson Orin and a PC, and from this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from edge_agent.config.board import read_board
from edge_agent.host.board.platform import whole_disk
from edge_agent.host.board.sensors import Thermometer, ThrottleSensors, Throttling
from edge_agent.host.health.birth import os_name
from edge_agent.host.health.host_metrics import HostMetrics
from edge_agent.wire import BoxHealth
from tests.host.fakes import JETSON_ORIN, PI_4, PI_5, X86, Board, FakeClock, plant


def never(word: str) -> str | None:
    pytest.fail(f"vcgencmd {word} was started although it is not needed")


@pytest.mark.parametrize(
    ("board", "celsius", "name"),
    [
        (PI_4, 61.3, "Raspberry Pi 4 Model B Rev 1.4"),
        (PI_5, 48.2, "Raspberry Pi 5 Model B Rev 1.0"),
        # tj-thermal is the maximum of all zones; a powered-down zone gives no value
        (JETSON_ORIN, 52.4, "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"),
        # the package sensor is preferred to acpitz, which often is a constant
        (X86, 55.0, "Dell Inc. OptiPlex 3080"),
        ({}, None, "unknown"),
    ],
)
def test_each_board_tells_its_temperature_and_name(
    tmp_path: Path, board: Board, celsius: float | None, name: str
) -> None:
    plant(tmp_path, board)
    assert Thermometer(tmp_path).read_c() == celsius
    assert read_board(tmp_path).name == name


def test_implausible_temperature_is_unknown(tmp_path: Path) -> None:
    plant(tmp_path, {**PI_4, "sys/class/thermal/thermal_zone0/temp": "-274000"})
    assert Thermometer(tmp_path).read_c() is None


def test_sensor_that_vanishes_is_replaced_by_the_next(tmp_path: Path) -> None:
    thermometer = Thermometer(plant(tmp_path, JETSON_ORIN))
    assert thermometer.read_c() == 52.4
    (tmp_path / "sys/class/thermal/thermal_zone8/temp").unlink()
    assert thermometer.read_c() == 50.1


def test_nothing_but_a_sensor_that_decides_stands_in_and_it_steps_back(tmp_path: Path) -> None:
    """The wireless chip of a hot gateway is cool: its temperature must not end the thermal step."""
    zone = "sys/class/thermal/thermal_zone{}/{}"
    plant(tmp_path, {zone.format(0, "type"): "cpu-thermal\n", zone.format(0, "temp"): "86000\n"})
    plant(tmp_path, {zone.format(1, "type"): "wifi-phy\n", zone.format(1, "temp"): "41000\n"})
    thermometer = Thermometer(tmp_path)
    assert thermometer.read_c() == 86.0
    (tmp_path / zone.format(0, "temp")).unlink()
    assert thermometer.read_c() is None
    plant(tmp_path, {zone.format(0, "temp"): "85000\n"})
    assert thermometer.read_c() == 85.0


@pytest.mark.parametrize(
    ("bits", "alarm", "expected"),
    [
        ("0", "0", Throttling(False, False)),
        ("50005", "0", Throttling(True, True)),  # undervoltage and throttled now
        ("50000", "0", Throttling(False, False)),  # happened since the boot, and is over
        ("1", "0", Throttling(False, True)),
        ("8", "0", Throttling(True, False)),  # soft temperature limit
        ("0", "1", Throttling(False, True)),  # undervoltage between two reads: only hwmon reports it
    ],
)
def test_pi_firmware_bits_tell_trouble(tmp_path: Path, bits: str, alarm: str, expected: Throttling) -> None:
    node = "sys/devices/platform/soc/soc:firmware/get_throttled"
    plant(tmp_path, {**PI_4, node: bits, "sys/class/hwmon/hwmon1/in0_lcrit_alarm": alarm})
    assert ThrottleSensors(tmp_path, FakeClock(), never).read() == expected


def test_pi_5_firmware_node_is_found_below_its_own_bus(tmp_path: Path) -> None:
    node = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"
    plant(tmp_path, {**PI_5, node: "4"})
    assert ThrottleSensors(tmp_path, FakeClock(), never).read() == Throttling(True, False)


def test_vcgencmd_is_asked_once_a_minute_where_it_is_the_only_way(tmp_path: Path) -> None:
    asked: list[str] = []
    answers = iter(["0x0", "0x50005"])

    def vcgencmd(word: str) -> str:
        asked.append(word)
        return next(answers)

    clock = FakeClock()
    sensors = ThrottleSensors(plant(tmp_path, PI_5), clock, vcgencmd)
    readings = []
    for _ in range(3):
        readings.append(sensors.read())
        clock.advance(30.0)
    assert asked == ["get_throttled"] * 2
    assert readings == [Throttling(False, False), Throttling(False, False), Throttling(True, True)]


def test_pi_without_vcgencmd_still_knows_its_undervoltage(tmp_path: Path) -> None:
    plant(tmp_path, {**PI_5, "sys/class/hwmon/hwmon2/in0_lcrit_alarm": "1"})
    assert ThrottleSensors(tmp_path, FakeClock(), lambda word: None).read() == Throttling(None, True)


def test_only_the_nodes_that_the_profile_names_are_read(tmp_path: Path) -> None:
    firmware = "sys/devices/platform/soc/soc:firmware/get_throttled"
    alarm = "sys/class/hwmon/hwmon*/in0_lcrit_alarm"
    plant(tmp_path, {**PI_4, firmware: "4", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1"})
    for node, expected in ((firmware, Throttling(True, False)), (alarm, Throttling(None, True))):
        assert ThrottleSensors(tmp_path, FakeClock(), lambda word: None, [node]).read() == expected


@pytest.mark.parametrize(
    ("board", "counter"),
    [
        (JETSON_ORIN, "sys/class/hwmon/hwmon0/oc3_event_cnt"),
        (X86, "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"),
    ],
)
def test_rising_counter_is_throttling(tmp_path: Path, board: Board, counter: str) -> None:
    sensors = ThrottleSensors(plant(tmp_path, board), FakeClock(), never)
    old = sensors.read()
    (tmp_path / counter).write_text("9\n")
    assert [old.throttled, sensors.read().throttled, sensors.read().throttled] == [False, True, False]


@pytest.mark.parametrize(
    ("node", "is_partition", "disk"),
    [
        ("mmcblk0/mmcblk0p2", True, "mmcblk0"),
        ("nvme0n1/nvme0n1p1", True, "nvme0n1"),
        ("sda", False, "sda"),  # a file system on the bare disk
        ("virtual/block/dm-0", False, "dm-0"),  # LUKS or LVM: the disks below are not searched
    ],
)
def test_disk_is_the_card_not_its_partition(tmp_path: Path, node: str, is_partition: bool, disk: str) -> None:
    plant(tmp_path, {f"sys/devices/{node}/{'partition' if is_partition else 'size'}": "2\n"})
    (tmp_path / "sys/dev/block").mkdir(parents=True)
    (tmp_path / "sys/dev/block/179:2").symlink_to(f"../../devices/{node}")
    assert whole_disk(os.makedev(179, 2), tmp_path) == disk
    assert whole_disk(os.makedev(179, 3), tmp_path) is None  # not in the tree
    assert whole_disk(os.makedev(0, 2), tmp_path) is None  # overlay, btrfs, tmpfs


Counters = Callable[[int, int, int], None]
"""Sets the busy and idle ticks and the written sectors that psutil reads."""


@pytest.fixture
def counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counters:
    """A ``/proc`` for psutil; the disk below ``tmp_path`` is called mmcblk0 in it."""
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "proc"))
    device = os.stat(tmp_path).st_dev
    for folder in ("sys/devices/mmcblk0", "sys/dev/block"):
        (tmp_path / folder).mkdir(parents=True)
    node = tmp_path / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
    node.symlink_to("../../devices/mmcblk0")

    def put(busy: int, idle: int, sectors: int) -> None:
        # a tenth of the idle ticks is iowait, a tenth of the busy ones is guest time as well
        stat = f"cpu  {busy} 0 0 {idle - idle // 10} {idle // 10} 0 0 0 {busy // 10} 0\n"
        disks = f" 7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n 179 0 mmcblk0 5 0 40 1 9 0 {sectors} 3 0 1 1\n"
        plant(tmp_path, {"proc/stat": stat, "proc/diskstats": disks})

    put(100, 900, 1000)
    return put


def write_rate(state_dir: Path, kb_s: float) -> float | None:
    """``kb_s``, or None where the test's own folder has no block device."""
    return kb_s if os.major(os.stat(state_dir).st_dev) else None


def test_rates_are_means_since_the_read_before(tmp_path: Path, counters: Counters) -> None:
    clock = FakeClock()
    box = HostMetrics(tmp_path, clock, tmp_path, "power", never)
    clock.advance(10.0)
    counters(300, 1500, 1200)
    with ThreadPoolExecutor(1) as another:
        health = another.submit(box.read).result()  # the same whatever thread asks
    assert health.cpu_percent == 25.0
    assert health.disk_write_kb_s == write_rate(tmp_path, 10.2)  # 200 sectors of 512 bytes in 10 s
    assert health.boot_reason == "power"


def test_disk_counter_that_starts_again_gives_no_negative_rate(tmp_path: Path, counters: Counters) -> None:
    clock = FakeClock()
    box = HostMetrics(tmp_path, clock, tmp_path, None, never)
    clock.advance(10.0)
    counters(200, 1000, 200)
    assert box.read().disk_write_kb_s == write_rate(tmp_path, 10.2)


def test_two_readers_within_a_second_share_one_window(tmp_path: Path, counters: Counters) -> None:
    clock = FakeClock()
    box = HostMetrics(tmp_path, clock, tmp_path, None, never)
    clock.advance(30.0)
    counters(50, 1500, 1000)
    first = box.read()
    clock.advance(0.5)
    assert box.read() is first


def test_board_values_come_from_the_tree_of_the_board(tmp_path: Path) -> None:
    health = HostMetrics(tmp_path, FakeClock(), plant(tmp_path, PI_4), None, never).read()
    assert (health.temperature_c, health.throttled, health.undervoltage) == (61.3, False, False)


def wait_for_a_tick(clock: FakeClock) -> None:
    """Without a new tick of the CPU counters since the last read the percentage is unknown."""
    counted, until = psutil.cpu_times(), time.monotonic() + 10.0
    while psutil.cpu_times() == counted:
        assert time.monotonic() < until, "the CPU counters stand still"
    clock.advance(30.0)


def read_after_a_tick(box: HostMetrics, clock: FakeClock) -> BoxHealth:
    wait_for_a_tick(clock)
    return box.read()


def reported(health: BoxHealth) -> set[str]:
    return {name for name in health.__struct_fields__ if getattr(health, name) is not None}


def test_this_machine_tells_what_every_linux_tells(tmp_path: Path) -> None:
    clock = FakeClock()
    health = read_after_a_tick(HostMetrics(tmp_path, clock), clock)
    bounds = {
        "cpu_percent": (0, 100),
        "load_1": (0, 1000),
        "memory_percent": (0.1, 99.9),
        "agent_rss_mb": (5, 2000),
        "disk_free_mb": (1, 1e9),
        "disk_percent": (0, 100),
        "uptime_s": (time.monotonic() - 1, 3e8),  # time asleep counts; not a wall time
    }
    for name, (lowest, highest) in bounds.items():
        assert lowest <= getattr(health, name) <= highest, name
    assert (health.disk_write_kb_s is not None) == (whole_disk(os.stat(tmp_path).st_dev) is not None)


@pytest.mark.parametrize(
    ("call", "error", "unknown"),
    [
        ("cpu_times", FileNotFoundError(), {"cpu_percent"}),
        ("cpu_times", TypeError("missing 3 required arguments"), {"cpu_percent"}),  # a short line
        ("getloadavg", OSError(), {"load_1"}),
        ("virtual_memory", KeyError("MemTotal:"), {"memory_percent"}),
        ("Process", psutil.NoSuchProcess(1), {"agent_rss_mb"}),
        ("disk_usage", PermissionError(), {"disk_free_mb", "disk_percent"}),
        ("disk_io_counters", NotImplementedError(), {"disk_write_kb_s"}),
        ("disk_io_counters", ValueError("not sure how to interpret line"), {"disk_write_kb_s"}),
    ],
)
def test_value_that_cannot_be_read_takes_no_other_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: Exception, unknown: set[str]
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    clock = FakeClock()
    box = HostMetrics(tmp_path, clock)
    known = reported(read_after_a_tick(box, clock))
    wait_for_a_tick(clock)
    monkeypatch.setattr(psutil, call, fail)
    assert reported(box.read()) == known - unknown


def test_hidden_proc_costs_cpu_memory_and_rss_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    known = reported(read_after_a_tick(HostMetrics(tmp_path, clock), clock))
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "hidden"))
    box = HostMetrics(tmp_path, clock)
    clock.advance(30.0)
    # stricter than systemd's ProcSubset=pid, which leaves the agent's own folder: rss stays there
    assert reported(box.read()) == known - {"cpu_percent", "memory_percent", "agent_rss_mb"}


def test_state_dir_that_is_missing_is_unknown_and_no_error(tmp_path: Path) -> None:
    clock = FakeClock()
    health = read_after_a_tick(HostMetrics(tmp_path / "missing", clock, tmp_path, None, never), clock)
    assert reported(health) == {"cpu_percent", "load_1", "memory_percent", "agent_rss_mb", "uptime_s"}


def test_os_name_is_what_the_distribution_calls_itself(tmp_path: Path) -> None:
    assert os_name(plant(tmp_path, PI_4)) == "Debian GNU/Linux 13 (trixie)"
