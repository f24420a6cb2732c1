"""Every key of a profile is used: the test records which keys are read while a profile is in use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from edge_agent.config import load
from edge_agent.config.board import BoardIdentity
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.schema_types import Section
from edge_agent.config.model import boards
from edge_agent.config.model.boards import PROFILE
from edge_agent.config.model.settings import Settings
from edge_agent.config.profiles import detected_profile, profile_dir
from edge_agent.control.thermal import ThermalControl
from edge_agent.core.load_limits import WorkloadLimiter
from edge_agent.host.board.boot import BootReason
from edge_agent.host.board.platform import platform_lines
from edge_agent.host.board.sensors import ThrottleSensors
from edge_agent.host.health.birth import make_birth
from edge_agent.host.health.degraded import box_lines, decode_lines
from edge_agent.tools.doctor.checks import box
from edge_agent.tools.doctor.checks.cameras import advised_figures
from edge_agent.wire import BirthDetector, BoxHealth, DetectorHealth
from tests.config.annotations import keys_of as all_keys_of
from tests.config.places import MINIMAL, write
from tests.events.parts import maker
from tests.host.fakes import JETSON_ORIN, PI_5, FakeClock, camera, on_disk, plant
from tests.testbed.gears import EventCollector

ROLE_BASE = Path(__file__).parents[2] / "ansible/roles/base"
OLD_AND_OFF: dict[str, str | bytes] = {
    **PI_5,
    "proc/device-tree/chosen/bootloader/build-timestamp": (1_600_000_000).to_bytes(4),
    "proc/device-tree/chosen/power/max_current": (3000).to_bytes(4),
    "sys/fs/cgroup/cgroup.controllers": "cpu\n",
    "sys/class/watchdog/watchdog0/identity": "Broadcom BCM2835 Watchdog timer\n",
    "sys/class/watchdog/watchdog0/state": "inactive\n",
    "sys/class/thermal/thermal_zone0/temp": "99000\n",
}
"""A Pi 5 that fails every requirement of its profile."""
DETECTOR = BirthDetector(name="street", model_sha256=None, labels=[], delegate=None)
Key = tuple[str, str]


def keys_of(section: Section) -> Iterator[Key]:
    """Section and key of every value that a file may have, without the sections themselves."""
    for each in section.fields:
        kind = each.kind.kind if isinstance(each.kind, ListOf) else each.kind
        if isinstance(kind, Section):
            yield from keys_of(kind)
        else:
            yield section.name, each.key


ALL = sorted(keys_of(PROFILE))
# Section of the file -> the dataclass that it becomes.
CLASSES = {
    "match": boards.BoardMatch, "firmware": boards.Firmware, "a kernel setting": boards.KernelSetting,
    "ladder": boards.ThermalSteps, "thermal": boards.Thermal, "power": boards.Power, "watchdog":
    boards.Watchdog, "storage": boards.StorageRequirements, "capacity": boards.Capacity, "platform":
    boards.Platform, "the profile": boards.Profile,
}  # fmt: skip


def watch(monkeypatch: pytest.MonkeyPatch, cls: type, read: set[tuple[type, str]]) -> None:
    plain: Callable[[object, str], object] = object.__getattribute__

    def noting(self: object, name: str) -> object:
        read.add((cls, name))
        return plain(self, name)

    monkeypatch.setattr(cls, "__getattribute__", noting)


def use(settings: Settings, sysroot: Path) -> None:
    """Use a profile as the agent, its health and the doctor do."""
    profile, clock, collected = settings.profile, FakeClock(), EventCollector()
    list(platform_lines(profile, sysroot))
    heat = ThermalControl(profile.thermal, WorkloadLimiter(), clock, maker(), collected, sysroot)
    for _ in range(200):
        heat.tick()
        clock.advance(1.0)
    ThrottleSensors(sysroot, clock, lambda word: None, profile.alarm_nodes).read()
    detector = DetectorHealth(name="street", queue=0, latency_ms=None)
    list(box_lines(BoxHealth(temperature_c=99.0), detector, profile.thermal))
    list(decode_lines([camera()], settings, clock.monotonic()))
    make_birth(settings, clock, "session", "boot", BootReason.POWER, DETECTOR, {}, sysroot)
    box.check_board(settings, sysroot)
    box.check_board(settings, plant(sysroot.parent / "other", JETSON_ORIN))
    box.check_temperature(profile.thermal, sysroot)
    box.check_power(profile, sysroot, clock)
    box.check_disk(settings, sysroot)
    assert profile.platform is not None
    advised_figures(profile.platform.capacity)


def read_by_role_base() -> set[str]:
    """Keys of the watchdog in tasks and templates."""
    paths = (path for path in ROLE_BASE.rglob("*") if path.suffix in (".yml", ".j2"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return set(re.findall(r"\bbase_watchdog\.(\w+)", text))


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[tuple[type, str]]:
    """Class and attribute of every value that was read."""
    found: set[tuple[type, str]] = set()
    sysroot = plant(tmp_path / "sys", OLD_AND_OFF)
    on_disk(tmp_path, sysroot, "sda", {"removable": "0\n", "queue/rotational": "0\n"})
    path = write(tmp_path, f"state_dir: {tmp_path}\n{MINIMAL}")
    for cls in CLASSES.values():
        watch(monkeypatch, cls, found)
    settings = load(path, board=BoardIdentity("Raspberry Pi 5 Model B Rev 1.0", "aarch64"), no_secrets=True)
    detected_profile(BoardIdentity("", "x86_64", "Dell Inc. OptiPlex"))
    use(settings, sysroot)
    return found | {(boards.Watchdog, name) for name in read_by_role_base()}


IN_CONFIGURATION = "detector"
"""A section whose values become part of the configuration, where the agent cannot distinguish them."""


def test_every_key_of_a_profile_is_read_by_somebody(read: set[tuple[type, str]]) -> None:
    assert len(ALL) > 40
    keys = [(section, key) for section, key in ALL if section != IN_CONFIGURATION]
    assert [(section, key) for section, key in keys if (CLASSES[section], key) not in read] == []


def test_what_was_read_of_the_file_has_a_place(tmp_path: Path) -> None:
    """The classes have no field that a file cannot set, except those that ``profiles.py`` adds."""
    known = {(CLASSES[section], key) for section, key in ALL if section != IN_CONFIGURATION}
    of_classes = {(cls, each.name) for cls in CLASSES.values() for each in fields(cls)}
    sections = set(all_keys_of(PROFILE)) - {key for _, key in ALL}
    assert {name for _, name in of_classes - known} <= {*sections, "name"}


def test_values_of_the_detector_become_those_of_the_configuration(tmp_path: Path) -> None:
    text = (profile_dir() / "jetson-orin-nano.yaml").read_text(encoding="utf-8")
    wanted = yaml.safe_load(text)["detector"]
    settings = load(write(tmp_path, "profile: jetson-orin-nano\n" + MINIMAL), no_secrets=True)
    keys = [key for section, key in ALL if section == IN_CONFIGURATION]
    assert {key: getattr(settings.detector, key) for key in keys} == wanted


def test_the_watch_sees_what_nobody_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[tuple[type, str]] = set()
    watch(monkeypatch, boards.StorageRequirements, seen)
    storage = boards.StorageRequirements(("ssd",), ("sd",), "an SSD")
    assert storage.poor == ("sd",)
    assert seen == {(boards.StorageRequirements, "poor")}
