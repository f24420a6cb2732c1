"""Boards: each shipped file is valid, and ``auto`` picks the right one."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest

from edge_agent.clock import SystemClock
from edge_agent.config import load
from edge_agent.config.files import Files
from edge_agent.config.profiles import Board, names, profile_dir, read, read_board
from edge_agent.config.spec import Reading
from tests.config.places import MINIMAL, write

PI4 = "Raspberry Pi 4 Model B Rev 1.4"


def test_every_shipped_profile_is_valid(tmp_path: Path) -> None:
    assert {"generic-x86_64", "generic-aarch64", "raspberry-pi-4"} <= set(names())
    for name in names():
        reading = Reading(Files(tmp_path, None), SystemClock())
        board = read(name, reading)
        assert reading.problems == []
        assert board is not None
        assert board.profile.thermal.warn_c < board.profile.thermal.critical_c


def test_every_value_of_a_profile_says_where_it_comes_from() -> None:
    """As a comment in its line, or in the lines right above it."""
    for path in profile_dir().glob("*.yaml"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if line.startswith("  ") and line.strip()[0] not in "#-":
                assert "#" in line or lines[number - 1].strip().startswith("#"), f"{path.name}:{number + 1}"


def test_every_profile_is_installed_with_the_package() -> None:
    """setup.cfg's package_data matches each file of firmware_profiles/ through the link in the package."""
    top = Path(__file__).parents[2]
    setup = ConfigParser()
    setup.read(top / "setup.cfg", encoding="utf-8")
    patterns = setup["options.package_data"]["edge_agent"].split()
    package = profile_dir().parent
    packed = {path.resolve() for pattern in patterns for path in package.glob(pattern)}
    assert set((top / "firmware_profiles").glob("*.yaml")) <= packed


@pytest.mark.parametrize(
    ("board", "profile", "budget"),
    [
        (Board("", "x86_64"), "generic-x86_64", 10.0),
        (Board(PI4, "aarch64"), "raspberry-pi-4", 5.0),
        (Board("Raspberry Pi 400 Rev 1.0", "aarch64"), "raspberry-pi-4", 5.0),
        (Board("", "aarch64"), "generic-aarch64", 5.0),
    ],
)
def test_auto_recognises_the_board(tmp_path: Path, board: Board, profile: str, budget: float) -> None:
    settings = load(write(tmp_path, MINIMAL), board=board)
    assert settings.profile.name == profile
    assert settings.detector.budget_per_s == budget
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("board", "profile"),
    [
        (Board("NVIDIA Jetson Orin Nano", "aarch64"), "generic-aarch64"),
        (Board("", "riscv64"), "generic-x86_64"),
    ],
)
def test_an_unknown_board_runs_on_generic_values_and_says_so(
    tmp_path: Path, board: Board, profile: str
) -> None:
    path = write(tmp_path, "profile: auto\n" + MINIMAL)
    settings = load(path, board=board)
    assert settings.profile.name == profile
    (warning,) = settings.warnings
    assert warning.startswith(f"{path}:1:10: warning: profile auto knows no ")
    assert warning.endswith(f"running with the values of {profile}")


def test_a_profile_by_name_wins_over_the_board(tmp_path: Path) -> None:
    settings = load(write(tmp_path, MINIMAL + "profile: raspberry-pi-4\n"), board=Board("", "x86_64"))
    assert settings.profile.name == "raspberry-pi-4"
    assert settings.profile.thermal.critical_c == 80.0


def test_the_board_is_read_from_the_device_tree(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(PI4.encode() + b"\0")
    assert read_board(model).model == PI4
    assert read_board(tmp_path / "none").model == ""
