"""Describes the machine on which the figures were measured."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import av
import cv2
import msgspec

import edge_agent


class Machine(msgspec.Struct, frozen=True):
    cpu: str
    cores: int
    memory_gb: float
    system: str
    python: str
    av: str
    opencv: str
    motion: str
    ffmpeg: str
    edge_agent: str
    load_before: float
    """Load average of one minute when the bench began: what else ran on the machine."""


def this_machine() -> Machine:
    return Machine(
        cpu=_field("/proc/cpuinfo", "model name") or platform.machine(),
        cores=os.cpu_count() or 1,
        memory_gb=round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1e6, 1),
        system=f"{platform.freedesktop_os_release().get('PRETTY_NAME', 'Linux')}, {platform.machine()}",
        python=platform.python_version(),
        av=av.__version__,
        opencv=cv2.__version__,
        motion=_first_line(["motion", "-h"]),
        ffmpeg=_first_line(["ffmpeg", "-version"]),
        edge_agent=edge_agent.__version__,
        load_before=round(os.getloadavg()[0], 2),
    )


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _first_line(command: list[str]) -> str:
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout
    except OSError:
        return "not installed"
    return said.partition("\n")[0].partition(", Copyright")[0].partition(" Copyright")[0]
