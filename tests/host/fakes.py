"""A clock that tests move by hand, boards made of files, and settings of a small site."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.config.model.boards import Profile, Thermal
from edge_agent.config.model.settings import (
    Analyse,
    Camera,
    ClipPolicy,
    Delivery,
    Detector,
    Gateway,
    GearChoice,
    Mqtt,
    Outbox,
    Report,
    Settings,
    SnapshotPolicy,
)
from edge_agent.core.model import CameraState, CameraStatus, Cause
from tests.outbox.parts import HandClock

TODAY = datetime(2026, 11, 24, 5, 3, 0, tzinfo=UTC)  # 12:03 in Thái Bình


class FakeClock(HandClock):
    """Monotonic time and wall time, moved apart by ``jump``."""

    def __init__(self, now: datetime = TODAY, mono: float = 1000.0) -> None:
        super().__init__(mono, now)

    def jump(self, now: datetime) -> None:
        """Set the wall clock; monotonic time stays."""
        self.wall = now


def plant(sysroot: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write a tree of kernel nodes below ``sysroot``."""
    for name, content in files.items():
        path = sysroot / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return sysroot


def on_disk(folder: Path, sysroot: Path, name: str, nodes: Mapping[str, str]) -> Path:
    """Kernel nodes that place ``folder`` on the disk ``name``; ``nodes`` are those of that disk."""
    plant(sysroot, {f"sys/devices/{name}/size": "2\n"})
    plant(sysroot, {f"sys/class/block/{name}/{node}": text for node, text in nodes.items()})
    device = folder.stat().st_dev
    number = sysroot / "sys/dev/block" / f"{os.major(device)}:{os.minor(device)}"
    number.parent.mkdir(parents=True)
    number.symlink_to(f"../../devices/{name}")
    return sysroot


Board = Mapping[str, str | bytes]
"""Kernel nodes by their path."""
CONTROLLERS = "cpuset cpu io memory hugetlb pids rdma misc\n"
"""Content of /sys/fs/cgroup/cgroup.controllers on Debian 13."""
PI_4: dict[str, str | bytes] = {
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/device-tree/chosen/bootloader/build-timestamp": (1_673_437_264).to_bytes(4),  # 2023-01-11
    "sys/fs/cgroup/cgroup.controllers": CONTROLLERS,
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "61341\n",
    "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
    "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\n',
}
PI_5: dict[str, str | bytes] = {
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "proc/device-tree/chosen/bootloader/build-timestamp": (1_741_626_637).to_bytes(4),  # 2025-03-10
    "proc/device-tree/chosen/power/max_current": (5000).to_bytes(4),
    "sys/fs/cgroup/cgroup.controllers": CONTROLLERS,
    "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n',
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "48200\n",
    "sys/class/hwmon/hwmon2/name": "rpi_volt\n",
    "sys/class/hwmon/hwmon2/in0_lcrit_alarm": "0\n",
}
JETSON_ORIN: dict[str, str | bytes] = {
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0",
    "etc/nv_tegra_release": (
        "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, "
        "DATE: Wed Jan  8 01:49:37 UTC 2025\n# KERNEL_VARIANT: oot\nTARGET_USERSPACE_LIB_DIR=nvidia\n"
    ),
    "sys/fs/cgroup/cgroup.controllers": CONTROLLERS,
    "etc/os-release": 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nVERSION_ID="22.04"\nID=ubuntu\nID_LIKE=debian\n',
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "50093\n",
    "sys/class/thermal/thermal_zone1/type": "gpu-thermal\n",
    "sys/class/thermal/thermal_zone1/temp": "\n",  # powered down: reading gives an error or nothing
    "sys/class/thermal/thermal_zone8/type": "tj-thermal\n",
    "sys/class/thermal/thermal_zone8/temp": "52437\n",
    "sys/class/hwmon/hwmon0/name": "soctherm_oc\n",
    "sys/class/hwmon/hwmon0/oc1_event_cnt": "0\n",
    "sys/class/hwmon/hwmon0/oc3_event_cnt": "2\n",
}
X86: dict[str, str | bytes] = {
    "sys/class/dmi/id/sys_vendor": "Dell Inc.\n",
    "sys/class/dmi/id/product_name": "OptiPlex 3080\n",
    "sys/class/dmi/id/bios_date": "09/14/2023\n",
    "sys/fs/cgroup/cgroup.controllers": CONTROLLERS,
    "etc/os-release": "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID='12'\nID=debian\n",
    "sys/class/thermal/thermal_zone0/type": "acpitz\n",
    "sys/class/thermal/thermal_zone0/temp": "27800\n",
    "sys/class/hwmon/hwmon3/name": "coretemp\n",
    "sys/class/hwmon/hwmon3/temp1_input": "55000\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "7\n",
}


def settings(state_dir: Path) -> Settings:
    camera = Camera(
        id="cam-1",
        url="rtsp://10.0.0.11/stream2",
        analyse=Analyse(5.0, 640, GearChoice.FULL, 20.0),
        report=Report(False, 60.0, SnapshotPolicy.RULES, ClipPolicy.NONE),
        watch_view=False,
    )
    return Settings(
        gateway=Gateway("dt-001", "de-tham", "Lý Thường Kiệt", ZoneInfo("Asia/Ho_Chi_Minh")),
        profile=Profile("raspberry-pi-4", "Raspberry Pi 4", Thermal(80.0, 85.0, (), (), None)),
        state_dir=state_dir,
        heartbeat_s=30.0,
        mqtt=Mqtt((), "tb/v1", None, None, None, None, Delivery.BROKER, 0.0),
        outbox=Outbox(1_000_000),
        detector=Detector(labels=("person",), threads=1, budget_ms_per_s=500.0),
        cameras=(camera, replace(camera, id="cam-2")),
        config_hash="0f" * 32,
    )


def camera(
    camera_id: str = "cam-1",
    state: CameraState = CameraState.ONLINE,
    cause: Cause | None = None,
    since_mono: float = 1000.0,
    detail: str = "",
) -> CameraStatus:
    """Status of a camera with 640x360 at 10 fps."""
    return CameraStatus(
        camera_id, state, cause, TODAY, since_mono, detail, "h264", 640, 360,
        packet_fps=10.0, decoded_fps=10.0, analysed_fps=5.0, bitrate_kbps=512.3, last_frame_age_s=0.1,
    )  # fmt: skip
