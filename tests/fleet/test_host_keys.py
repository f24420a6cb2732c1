"""``fleet host-key``: a machine's key is recorded only after it was compared, and another one is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleet.__main__ import main
from fleet.host_keys import HostKey, recorded

SHEET = (
    "site;ward;name;latitude;longitude;board;ssh_host;ssh_port;camera;camera_url\n"
    "dt-001;Đề Thám;Lý Bôn;20,44;106,33;auto;10.0.0.1;2222;cam-1;rtsp://192.0.2.1/sub\n"
    "dt-002;Đề Thám;Lê Lợi;20,45;106,34;auto;;;cam-1;rtsp://192.0.2.2/sub\n"
)


class Machine:
    """``ssh-keyscan`` answers with its keys; ``fingerprint`` is what its own screen shows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.asked = folder / "asked"
        self.make_keys()

    def make_keys(self) -> None:
        for kind in ("ed25519", "ecdsa"):
            (self._folder / kind).unlink(missing_ok=True)
            make = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(self._folder / kind)]
            subprocess.run(make, check=True)
        show = ["ssh-keygen", "-lf", str(self._folder / "ed25519.pub")]
        shown = subprocess.run(show, capture_output=True, text=True, check=True)
        self.fingerprint = shown.stdout.split()[1]
        self.says("ecdsa", "ed25519")

    def says(self, *kinds: str) -> None:
        keys = [(self._folder / f"{kind}.pub").read_text().split()[:2] for kind in kinds]
        lines = [" ".join(["10.0.0.1", *key]) for key in keys]
        scan = self._folder / "ssh-keyscan"
        text = "".join(f"echo '{line}'\n" for line in lines)
        scan.write_text(f'#!/bin/sh\necho "$@" > {self.asked}\necho "# 10.0.0.1:22 SSH-2.0" >&2\n{text}')
        scan.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    folder = tmp_path / "bin"
    folder.mkdir()
    made = Machine(folder)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return made


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "inventory/sites.csv"
    path.parent.mkdir()
    path.write_text(SHEET, encoding="utf-8")
    return path


def host_key(sheet: Path, name: str, *options: str) -> int:
    return main(["host-key", name, "--csv", str(sheet), *options])


def answers(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("builtins.input", lambda _: answer)


@pytest.mark.parametrize("paste", [False, True])
def test_a_key_that_a_person_compared_is_recorded_under_the_sites_id(
    machine: Machine,
    sheet: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    paste: bool,
) -> None:
    answers(monkeypatch, machine.fingerprint if paste else "yes")
    assert host_key(sheet, "dt-001") == 0
    assert machine.fingerprint in capsys.readouterr().out
    found = subprocess.run(
        ["ssh-keygen", "-lF", "dt-001", "-f", str(sheet.with_name("known_hosts"))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert machine.fingerprint in found.stdout
    assert "-p 2222" in machine.asked.read_text()
    assert machine.asked.read_text().endswith("-- 10.0.0.1\n")


@pytest.mark.parametrize("answer", ["", "no", "y", "SHA256:something"])
def test_without_a_clear_yes_nothing_is_recorded(
    machine: Machine, sheet: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    answers(monkeypatch, answer)
    assert host_key(sheet, "dt-001") == 1
    assert not sheet.with_name("known_hosts").exists()


def test_a_fingerprint_from_a_label_is_compared_without_a_question(machine: Machine, sheet: Path) -> None:
    assert host_key(sheet, "dt-001", "--fingerprint", f"SHA256:{'A' * 43}") == 1
    assert not sheet.with_name("known_hosts").exists()
    assert host_key(sheet, "dt-001", "--fingerprint", machine.fingerprint) == 0


def test_another_key_is_refused_until_somebody_says_that_the_hardware_is_new(
    machine: Machine, sheet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert host_key(sheet, "dt-001", "--fingerprint", machine.fingerprint) == 0
    assert host_key(sheet, "dt-001", "--fingerprint", machine.fingerprint) == 0
    assert "already" in capsys.readouterr().out
    machine.make_keys()
    assert host_key(sheet, "dt-001", "--fingerprint", machine.fingerprint) == 1
    assert "--replace" in capsys.readouterr().err
    assert host_key(sheet, "dt-001", "--fingerprint", machine.fingerprint, "--replace") == 0
    (key,) = recorded(sheet.with_name("known_hosts"), "dt-001")
    assert key.fingerprint == machine.fingerprint


def test_keys_of_other_machines_and_comments_stay(machine: Machine, sheet: Path) -> None:
    known = sheet.with_name("known_hosts")
    assert host_key(sheet, "broker.example", "--port", "2200", "--fingerprint", machine.fingerprint) == 0
    known.write_text("# of the office\n" + known.read_text())
    assert host_key(sheet, "dt-001", "--fingerprint", machine.fingerprint) == 0
    lines = known.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["#", "[broker.example]:2200", "dt-001"]


def test_a_machine_that_does_not_answer_and_a_site_without_an_address(
    machine: Machine, sheet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.says()
    assert host_key(sheet, "dt-001") == 1
    assert "no ssh server answers at 10.0.0.1, port 2222" in capsys.readouterr().err
    assert host_key(sheet, "dt-002") == 1
    assert "dt-002 has no ssh_host" in capsys.readouterr().err


def test_only_the_key_that_was_compared_is_recorded(machine: Machine, sheet: Path) -> None:
    assert host_key(sheet, "dt-001", "--fingerprint", machine.fingerprint) == 0
    assert [key.kind for key in recorded(sheet.with_name("known_hosts"), "dt-001")] == ["ssh-ed25519"]


def test_a_key_that_is_no_base64_is_an_error() -> None:
    with pytest.raises(ValueError, match="is not a key"):
        _ = HostKey("ssh-ed25519", "AAAA\x1b[2J").fingerprint
