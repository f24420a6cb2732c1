"""Box metrics from fake trees of a Pi 4, a Pi 5, a Jetson Orin and a PC, and from this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge_agent.clock import SystemClock
from edge_agent.device.birth import board_name, os_name
from edge_agent.device.box import BoxMetrics
from edge_agent.device.sensors import Thermometer, ThrottleSensors, Throttling
from tests.device.fakes import JETSON_ORIN, PI_4, PI_5, X86, FakeClock, plant


def never(word: str) -> str | None:
    pytest.fail(f"vcgencmd {word} was started although it is not needed")


@pytest.mark.parametrize(
    ("board", "celsius", "name"),
    [
        (PI_4, 61.3, "Raspberry Pi 4 Model B Rev 1.4"),
        (PI_5, 48.2, "Raspberry Pi 5 Model B Rev 1.0"),
        # tj-thermal is the maximum of all zones; a powered-down zone answers nothing
        (JETSON_ORIN, 52.4, "NVIDIA Jetson Orin Nano Developer Kit"),
        # the package sensor wins over acpitz, which often is a constant
        (X86, 55.0, "Dell Inc. OptiPlex 3080"),
        ({}, None, "unknown"),
    ],
)
def test_each_board_tells_its_temperature_and_name(
    tmp_path: Path, board: Mapping[str, str | bytes], celsius: float | None, name: str
) -> None:
    plant(tmp_path, board)
    assert Thermometer(tmp_path).read_c() == celsius
    assert board_name(tmp_path) == name


def test_implausible_temperature_is_unknown(tmp_path: Path) -> None:
    plant(tmp_path, {**PI_4, "sys/class/thermal/thermal_zone0/temp": "-274000"})
    assert Thermometer(tmp_path).read_c() is None


def test_sensor_that_vanishes_is_replaced_by_the_next(tmp_path: Path) -> None:
    thermometer = Thermometer(plant(tmp_path, JETSON_ORIN))
    assert thermometer.read_c() == 52.4
    (tmp_path / "sys/class/thermal/thermal_zone8/temp").unlink()
    assert thermometer.read_c() == 50.1


@pytest.mark.parametrize(
    ("bits", "alarm", "expected"),
    [
        ("0", "0", Throttling(False, False)),
        ("50005", "0", Throttling(True, True)),  # undervoltage and throttled now
        ("50000", "0", Throttling(False, False)),  # it happened since boot, and is over
        ("1", "0", Throttling(False, True)),
        ("8", "0", Throttling(True, False)),  # soft temperature limit
        ("0", "1", Throttling(False, True)),  # a sag between two looks: only hwmon remembers it
    ],
)
def test_pi_firmware_bits_tell_throttling_and_undervoltage(
    tmp_path: Path, bits: str, alarm: str, expected: Throttling
) -> None:
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


@pytest.mark.parametrize(
    ("board", "counter"),
    [
        (JETSON_ORIN, "sys/class/hwmon/hwmon0/oc3_event_cnt"),
        (X86, "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"),
    ],
)
def test_rising_event_counter_means_throttled(
    tmp_path: Path, board: Mapping[str, str | bytes], counter: str
) -> None:
    sensors = ThrottleSensors(plant(tmp_path, board), FakeClock(), never)
    old = sensors.read()
    (tmp_path / counter).write_text("9\n")
    assert [old.throttled, sensors.read().throttled, sensors.read().throttled] == [False, True, False]


def counters(tmp_path: Path, busy: int, idle: int, sectors: int) -> Mapping[str, str | bytes]:
    device = os.stat(tmp_path).st_dev
    row = f"{os.major(device):4} {os.minor(device):7} mmcblk0 5 0 40 1 9 0 {sectors} 3 0 1 1\n"
    return {
        "proc/stat": f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 1 1 1\n",
        "proc/diskstats": row,
        "proc/loadavg": "0.42 0.30 0.20 1/123 4567\n",
        "proc/uptime": "123.45 400.00\n",
        "proc/meminfo": "MemTotal: 4000000 kB\nMemFree: 100 kB\nMemAvailable: 3000000 kB\n",
        "proc/self/statm": "50000 20000 100 1 0 1 0\n",
    }


def test_rates_are_means_since_the_read_before(tmp_path: Path) -> None:
    clock = FakeClock()
    plant(tmp_path, counters(tmp_path, busy=100, idle=900, sectors=1000))
    box = BoxMetrics(tmp_path, clock, tmp_path, "power", never)
    clock.advance(10.0)
    plant(tmp_path, counters(tmp_path, busy=300, idle=1500, sectors=1200))
    health = box.read()
    assert health.cpu_percent == 25.0
    assert health.load_1 == 0.42
    assert health.memory_percent == 25.0
    assert health.agent_rss_mb == round(20000 * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    assert health.uptime_s == 123.45
    assert health.boot_reason == "power"
    if os.major(os.stat(tmp_path).st_dev):  # no block device below a tmpfs
        assert health.disk_write_kb_s == 10.2  # 200 sectors of 512 bytes in 10 s


def test_disk_is_the_whole_card_and_not_the_partition(tmp_path: Path) -> None:
    device = os.stat(tmp_path).st_dev
    if not os.major(device):
        pytest.skip("the test's own folder has no block device")
    clock = FakeClock()
    plant(
        tmp_path,
        {
            "sys/devices/mmcblk0/dev": "179:0\n",
            "sys/devices/mmcblk0/mmcblk0p2/partition": "2\n",
            "proc/diskstats": " 179 0 mmcblk0 5 0 40 1 9 0 0 3 0 1 1\n",
        },
    )
    (tmp_path / "sys/dev/block").mkdir(parents=True)
    name = f"{os.major(device)}:{os.minor(device)}"
    (tmp_path / "sys/dev/block" / name).symlink_to("../../devices/mmcblk0/mmcblk0p2")
    box = BoxMetrics(tmp_path, clock, tmp_path, None, never)
    clock.advance(1.0)
    plant(tmp_path, {"proc/diskstats": " 179 0 mmcblk0 5 0 40 1 9 0 20 3 0 1 1\n"})
    assert box.read().disk_write_kb_s == 10.2


def test_two_readers_within_a_second_share_one_window(tmp_path: Path) -> None:
    clock = FakeClock()
    plant(tmp_path, counters(tmp_path, busy=0, idle=100, sectors=0))
    box = BoxMetrics(tmp_path, clock, tmp_path, None, never)
    clock.advance(30.0)
    plant(tmp_path, counters(tmp_path, busy=50, idle=150, sectors=0))
    first = box.read()
    clock.advance(0.5)
    assert box.read() is first


def test_unknown_is_none_and_never_an_error(tmp_path: Path) -> None:
    health = BoxMetrics(tmp_path / "missing", FakeClock(), tmp_path, None, never).read()
    assert all(getattr(health, name) is None for name in health.__struct_fields__)


def test_this_machine_tells_what_every_linux_tells(tmp_path: Path) -> None:
    health = BoxMetrics(tmp_path, SystemClock()).read()
    assert health.uptime_s is not None
    assert health.uptime_s > 0
    assert health.agent_rss_mb is not None
    assert 5 < health.agent_rss_mb < 1000
    assert health.memory_percent is not None
    assert 0 < health.memory_percent < 100
    assert health.disk_free_mb is not None


def test_os_name_is_what_the_distribution_calls_itself(tmp_path: Path) -> None:
    assert os_name(plant(tmp_path, PI_4)) == "Debian GNU/Linux 13 (trixie)"
