"""Images for arm64, made by emulation on another machine: `make test-images`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent import __version__
from installers import image, root
from installers.boards import BOARDS, Board
from installers.image import read_keys
from installers.root import boot_files
from tests.deploy.boxes import wait_until
from tests.deploy.control import ROOT
from tests.deploy.machine import ARM64, Machine

pytestmark = pytest.mark.long

WHEELHOUSE = ROOT / "dist/wheelhouse/cp313-aarch64"
AARCH64 = 0xB7
"""e_machine of an ELF file."""
BOOT_S = 1800.0
RASPBERRY_PI_5 = "bcm2712-rpi-5-b.dtb"


@dataclass(frozen=True)
class Made:
    board: Board
    root: Path
    packed: Path
    key: Path

    @property
    def boot(self) -> Path:
        return boot_files(self.root)


@pytest.fixture(scope="module", params=["generic-arm64", "raspberry-pi-4", "raspberry-pi-5"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    if not WHEELHOUSE.is_dir():
        pytest.skip(f"{WHEELHOUSE} is missing: make wheelhouse")
    board, folder = BOARDS[request.param], tmp_path_factory.mktemp(request.param)
    try:
        root.require(board)
    except root.NoImage as reason:
        pytest.skip(str(reason))
    key = folder / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    keys = read_keys(key.with_suffix(".pub"))
    content = root.Content(WHEELHOUSE, __version__, keys, None, None, None, None)
    packed = image.make(board, content, folder, folder)
    yield Made(board, folder / board.name / "root", packed, key)
    shutil.rmtree(folder)


def programs_of_another_machine(folder: Path) -> list[Path]:
    """Return the ELF files that are not for aarch64."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                start = file.read(20)
            if start[:4] == b"\x7fELF" and int.from_bytes(start[18:20], "little") != AARCH64:
                found.append(path)
    return found


def test_nothing_of_the_build_machine_is_in_the_image(made: Made, tmp_path: Path) -> None:
    initial = next(made.root.glob("boot/initrd.img-*")).relative_to(made.root)
    in_root = ["chroot", str(made.root)]
    subprocess.run([*in_root, "unmkinitramfs", f"/{initial}", "/var/tmp/initial"], check=True)
    unpacked = made.root / "var/tmp/initial"
    assert any(unpacked.rglob("*/kmod"))
    # The firmware of a Raspberry Pi's own processor is in /usr/lib/raspi-firmware.
    wrong = [path for path in programs_of_another_machine(made.root) if path.suffix != ".elf"]
    shutil.rmtree(unpacked)
    assert wrong == []
    assert not (made.root / "lib64").is_symlink()
    assert not (made.root / "usr/lib/x86_64-linux-gnu").exists()
    assert not (made.root / "etc/dpkg/dpkg.cfg.d/99mmdebstrap").exists()
    says = subprocess.run([*in_root, "/opt/edge-agent/current/bin/edge-agent", "--version"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert says.stdout.strip() == f"edge-agent {__version__}"


def test_the_file_is_complete(made: Made) -> None:
    subprocess.run(["sha256sum", "-c", f"{made.packed.name}.sha256"], cwd=made.packed.parent, check=True)
    subprocess.run(["xz", "-t", str(made.packed)], check=True)


def test_the_firmware_of_a_raspberry_pi_finds_what_it_starts(made: Made) -> None:
    if made.board.firmware != "raspberry-pi":
        pytest.skip("it boots by UEFI")
    config = (made.boot / "config.txt").read_text()
    for pattern in (r"^kernel=(vmlinuz-\S+)$", r"^initramfs (initrd\.img-\S+)$"):
        named = re.search(pattern, config, re.MULTILINE)
        assert named
        assert (made.boot / named[1]).stat().st_size > 1_000_000
    assert "arm_64bit=1" in config
    tree = RASPBERRY_PI_5 if made.board.name == "raspberry-pi-5" else "bcm2711-rpi-4-b.dtb"
    assert (made.boot / tree).exists()
    assert (made.boot / "start4.elf").exists()
    words = (made.boot / "cmdline.txt").read_text().split()
    assert {f"root=LABEL={root.ROOT_LABEL}", "rootwait", "cgroup_enable=memory"} <= set(words)
    assert [word for word in words if word.startswith("cma=")] == [], "a Raspberry Pi 4 may not start with it"
    consoles = [word for word in words if word.startswith("console=")]
    assert consoles == [f"console={console}" for console in made.board.consoles]


def test_the_image_of_uefi_boards_boots_to_a_login(made: Made, tmp_path: Path) -> None:
    if made.board.firmware != "uefi":
        pytest.skip("qemu has no firmware of a Raspberry Pi")
    if reason := ARM64.missing():
        pytest.skip(reason)
    card = tmp_path / "card.img"
    with card.open("wb") as file:
        subprocess.run(["xz", "-dc", str(made.packed)], stdout=file, check=True)
    size = card.stat().st_size
    os.truncate(card, size + (1 << 30))
    with Machine(ARM64, card, tmp_path, serial="ARM-1234-5678") as machine:
        wait_until(lambda: machine.ssh("fleet", made.key, "true").returncode == 0, BOOT_S, "ssh")
        said = machine.ssh("fleet", made.key, "hostname; findmnt -bno SIZE /; systemctl --failed --no-legend")
    name, own, *failed = said.stdout.splitlines()
    assert name == "edge-arm12345678"
    assert int(own) > size
    assert failed == []
