"""The program of an image's first boot: name, serial, and files from the boot partition."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "ansible/roles/image/files/edge_first_boot.py"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program on a machine of its own, without a number of the board."""
    spec = importlib.util.spec_from_file_location("edge_first_boot", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "hostname").write_text("edge-agent\n")
    (etc / "hosts").write_text("127.0.0.1 localhost\n127.0.1.1 edge-agent\n")
    (etc / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(module, "ETC", etc)
    monkeypatch.setattr(module, "ISSUE", tmp_path / "run/issue.d/edge-agent.issue")
    monkeypatch.setattr(module, "KEY_ISSUE", tmp_path / "run/issue.d/edge-agent-ssh-key.issue")
    monkeypatch.setattr(module, "DEVICE_TREE_SERIAL", tmp_path / "serial-number")
    monkeypatch.setattr(module, "DMI_SERIAL", tmp_path / "product_serial")
    monkeypatch.setattr(module.socket, "sethostname", lambda name: None)
    (tmp_path / "run").mkdir()
    return module


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        ("10000000a1b2c3d4\0", "box-10000000a1b2c3d4"),  # Raspberry Pi
        ("PF-3X Y1Z9 0042\n", "box-pf3xy1z90042"),
        ("Default string\n", ""),
        ("To be filled by O.E.M.", ""),
        ("0000000000000000", ""),
        ("1234567", ""),  # too short to be unique
        ("a1" * 17, ""),
    ],
)
def test_the_serial_is_the_boards_number_if_it_has_one(program: ModuleType, text: str, serial: str) -> None:
    assert program.make_serial(text) == serial


def test_a_board_without_a_number_gets_a_serial_from_the_machine_id(program: ModuleType) -> None:
    serial = program.read_serial()
    assert serial.startswith("box-")
    assert len(serial) == 20
    (program.ETC / "machine-id").write_text("fedcba9876543210fedcba9876543210\n")
    assert program.read_serial() == serial, "it stays the same"


def test_the_machine_is_named_once(program: ModuleType) -> None:
    program.DMI_SERIAL.write_text("PC-1234-5678\n")
    program.name_machine()
    assert (program.ETC / "hostname").read_text() == "edge-pc12345678\n"
    assert "127.0.1.1 edge-pc12345678\n" in (program.ETC / "hosts").read_text()
    assert program.ISSUE.read_text().startswith("box-pc12345678 ")
    (program.ETC / "hostname").write_text("gate-1\n")
    program.name_machine()
    assert (program.ETC / "hostname").read_text() == "gate-1\n", "a name that a person gave stays"


def test_the_console_shows_the_fingerprint_of_the_ssh_key(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program.subprocess, "run", lambda words, check: None)
    monkeypatch.setattr(program, "_output", lambda *words: "256 SHA256:6xK2 root@edge-agent (ED25519)")
    program.make_host_keys()
    assert program.KEY_ISSUE.read_text() == "ssh key  SHA256:6xK2\n"


def test_files_are_moved_from_the_boot_partition(program: ModuleType, tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    for name in ("sites.json", "sites.json.sig", "enrol-2026-11.crt", "enrol-2026-11.key", "README.txt"):
        (card / name).write_text(name)
    program.take_files(card, program.ETC)
    assert [file.name for file in card.iterdir()] == ["README.txt"]
    folder = program.ETC / "edge-agent/enrolment"
    assert (folder / "client.key").read_text() == "enrol-2026-11.key"
    assert (folder / "client.key").stat().st_mode & 0o777 == 0o640
    assert {file.name for file in folder.iterdir()} == {
        "sites.json",
        "sites.json.sig",
        "client.crt",
        "client.key",
    }


def test_an_empty_huge_or_linked_file_stays_on_the_card(program: ModuleType, tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    (card / "sites.json").touch()
    with (card / "sites.json.sig").open("wb") as file:
        file.truncate(program.MAX_BYTES + 1)
    (tmp_path / "shadow").write_text("root")
    (card / "enrol-x.key").symlink_to(tmp_path / "shadow")
    program.take_files(card, program.ETC)
    assert len(list(card.iterdir())) == 3
    assert not (program.ETC / "edge-agent").exists()


def test_a_step_that_fails_does_not_prevent_the_next(
    program: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    called: list[str] = []

    def fail() -> None:
        raise OSError("no space left")

    monkeypatch.setattr(program, "grow_root", fail)
    monkeypatch.setattr(program, "make_host_keys", lambda: called.append("keys"))
    assert program.main(["edge_first_boot.py", str(tmp_path)]) == 1
    assert called == ["keys"]
    assert (program.ETC / "hostname").read_text() != "edge-agent\n"
    assert "no space left" in capsys.readouterr().err
