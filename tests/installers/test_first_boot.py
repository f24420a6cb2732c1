"""The program of an image's first boot: name, serial, and files from the boot partition."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "ansible/roles/image/files/edge_first_boot.py"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program on a machine of its own."""
    spec = importlib.util.spec_from_file_location("edge_first_boot", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "hostname").write_text("edge-agent\n")
    (etc / "hosts").write_text("127.0.0.1 localhost\n127.0.1.1 edge-agent\n")
    monkeypatch.setattr(module, "ETC", etc)
    monkeypatch.setattr(module, "ISSUE", tmp_path / "run/issue.d/edge-agent.issue")
    monkeypatch.setattr(module, "KEY_ISSUE", tmp_path / "run/issue.d/edge-agent-ssh-key.issue")
    monkeypatch.setattr(module, "find_serial", lambda: "box-pc12345678")
    monkeypatch.setattr(module.socket, "sethostname", lambda name: None)
    (tmp_path / "run").mkdir()
    return module


def test_the_serial_stays_the_same(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert program.read_serial() == "box-pc12345678"
    monkeypatch.setattr(program, "find_serial", lambda: "box-another1")
    assert program.read_serial() == "box-pc12345678"


def test_the_machine_is_named_once(program: ModuleType) -> None:
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


def test_a_file_is_deleted_on_the_card_when_its_new_name_is_on_the_disk(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = tmp_path / "card"
    card.mkdir()
    (card / "enrol-x.key").write_text("key")
    synced: list[tuple[list[str], bool]] = []

    def fsync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_dir():
            synced.append(([file.name for file in path.iterdir()], (card / "enrol-x.key").exists()))

    monkeypatch.setattr(program.os, "fsync", fsync)
    program.take_files(card, program.ETC)
    assert synced == [(["client.key"], True)]


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


def test_keys_are_made_without_the_boot_partition(program: ModuleType, tmp_path: Path) -> None:
    unit = (PROGRAM.parents[1] / "templates/edge-first-boot.service.j2").read_text()
    assert "\nWantsMountsFor=" in unit
    assert "\nRequires" not in unit, "without host keys no person could log in"
    program.take_files(tmp_path / "missing/edge-agent", tmp_path / "etc")
