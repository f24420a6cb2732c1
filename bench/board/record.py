"""What was measured on one board: ``firmware_profiles/measured/<profile>.json``."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import msgspec
import psutil

import edge_agent
from edge_agent.config.board import read_board
from edge_agent.host.board.platform import os_release

QUIET_LOAD = 0.3
"""Highest load average of one minute, for each core, at which figures count."""
PACKAGES = ("av", "opencv-python-headless", "numpy", "ai-edge-litert")


class DecodeCost(msgspec.Struct, frozen=True):
    """Decoding a drawn stream on one thread."""

    codec: str
    width: int
    height: int
    cpu_ms: float  # of one picture


class InferenceCost(msgspec.Struct, frozen=True):
    """One inference of the shipped model."""

    threads: int
    wall_ms: float
    cpu_ms: float


class JpegCost(msgspec.Struct, frozen=True):
    """Encoding one picture at quality 80."""

    width: int
    height: int
    cpu_ms: float


class DiskCost(msgspec.Struct, frozen=True):
    kind: str | None  # a word of the profile's ``storage``; None: not known
    sync_ms: float  # a write of 4 kB with fsync, the median
    write_mb_s: float


class HeatTest(msgspec.Struct, frozen=True):
    """All cores decode and infer for some time."""

    minutes: float
    idle_c: float | None  # None: no sensor
    highest_c: float | None
    throttled: bool | None  # by heat; None: the board does not report it
    throttled_c: float | None  # temperature when it was first reported


class BoardMachine(msgspec.Struct, frozen=True):
    """The board and what ran on it."""

    name: str  # with the revision, as the firmware reports it
    machine: str
    cores: int
    memory_mb: int
    system: str
    kernel: str
    versions: dict[str, str]
    load_before: float  # load average of one minute


class BoardRecord(msgspec.Struct, frozen=True):
    profile: str
    date: str  # 2026-11-29
    measured: bool
    emulated: bool
    representative: bool
    """Whether the figures may become values of the profile: not emulated, and no other work beside them."""
    board: BoardMachine
    decode: list[DecodeCost]
    inference: list[InferenceCost]
    jpeg: list[JpegCost]
    disk: DiskCost
    heat: HeatTest | None = None  # None: not tried


def this_board(sysroot: Path = Path("/")) -> BoardMachine:
    board = read_board(sysroot)
    return BoardMachine(
        name=board.name,
        machine=board.machine,
        cores=os.cpu_count() or 1,
        memory_mb=round(psutil.virtual_memory().total / 1e6),
        system=os_release(sysroot).get("PRETTY_NAME", "Linux"),
        kernel=platform.release(),
        versions={
            "edge-agent": edge_agent.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
        load_before=round(os.getloadavg()[0], 2),
    )


def is_quiet(board: BoardMachine) -> bool:
    return board.load_before <= QUIET_LOAD * board.cores


def write_record(folder: Path, record: BoardRecord) -> Path:
    """Write the record of the profile below ``folder``, and return its path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record.profile}{'-emulated' if record.emulated else ''}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    return path


def read_record(path: Path) -> BoardRecord:
    """Raises OSError, and msgspec.DecodeError for another kind of file."""
    return msgspec.json.decode(path.read_bytes(), type=BoardRecord, strict=True)
