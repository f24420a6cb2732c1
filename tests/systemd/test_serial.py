"""The serial of a box: the board's number, or one from the machine id; never one that two boxes share."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_serial import find_serial, make_serial


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        ("10000000a1b2c3d4\0", "box-10000000a1b2c3d4"),  # Raspberry Pi
        ("PF-3X Y1Z9 0042\n", "box-pf3xy1z90042"),
        ("Default string\n", ""),
        ("To be filled by O.E.M.", ""),
        ("System Serial Number", ""),
        ("Type1ProductSerial", ""),
        ("Not Applicable", ""),
        ("None", ""),
        ("0123456789", ""),
        ("1234567890123", ""),
        ("0123456789ABCDEF", ""),
        ("0000000000000000", ""),
        ("1234567", ""),  # too short to be unique
        ("a1" * 17, ""),
    ],
)
def test_only_a_number_that_identifies_the_board_becomes_its_serial(text: str, serial: str) -> None:
    assert make_serial(text) == serial


@pytest.mark.parametrize("place", ["proc/device-tree/serial-number", "sys/class/dmi/id/product_serial"])
def test_the_serial_is_the_board_s_own(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text("PF-2X9K-AB12\n")
    assert find_serial(tmp_path) == "box-pf2x9kab12"


def test_a_board_without_a_number_gets_a_serial_from_the_machine_id(tmp_path: Path) -> None:
    machine = tmp_path / "etc/machine-id"
    machine.parent.mkdir()
    machine.write_text("0123456789abcdef0123456789abcdef\n")
    serial = find_serial(tmp_path)
    assert serial.startswith("box-")
    assert len(serial) == 20
    machine.write_text("\n")
    with pytest.raises(OSError, match="machine-id is empty"):
        find_serial(tmp_path)
