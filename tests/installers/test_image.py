"""Images of cards: boards, partitions and content. `make test-deploy` builds and boots one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from installers import disk, image, native, root
from installers.__main__ import main
from installers.boards import BOARDS, MIRROR, Board
from installers.disk import ALIGN_MIB, BOOT_MIB, Layout
from installers.image import read_keys
from installers.roles import CHECKOUT, packages
from installers.root import ROLES, Content, NoImage, play_variables
from tests.testbed.claims import site_bundle

boards = pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH5J an@example"


def content(tmp_path: Path) -> Content:
    return Content(tmp_path, "1.2.0", (KEY,), None, None, None, None)


@boards
def test_each_board_has_a_profile_and_a_kernel(board: Board) -> None:
    assert (CHECKOUT / "firmware_profiles" / f"{board.name}.yaml").exists()
    assert f"linux-image-{board.architecture}" in board.packages


def test_the_roles_say_which_packages_an_image_has() -> None:
    found = packages(*ROLES)
    assert {"nftables", "openssh-server", "chrony", "python3-venv", "openssl", "man-db"} <= found
    assert [name for name in found if "{" in name] == []


@boards
def test_partitions_follow_one_another_and_fit(board: Board) -> None:
    layout = Layout(root_mib=1500)
    parts = re.findall(r"^start=(\d+)MiB, size=(\d+)MiB", layout.table(board, "x"), re.MULTILINE)
    assert parts == [(str(ALIGN_MIB), str(BOOT_MIB)), (str(ALIGN_MIB + BOOT_MIB), "1500")]
    assert layout.total_mib > ALIGN_MIB + BOOT_MIB + 1500
    assert layout.table(board, "x").startswith(
        "label: dos" if board.firmware == "raspberry-pi" else "label: gpt"
    )


def test_only_the_raspberry_pi_5_has_a_kernel_of_backports() -> None:
    assert [name for name, board in BOARDS.items() if "backports" in " ".join(board.source_lines())] == [
        "raspberry-pi-5"
    ]


def test_all_packages_come_from_the_chosen_mirror(capsys: pytest.CaptureFixture[str]) -> None:
    lines = BOARDS["raspberry-pi-5"].source_lines("https://mirror.example/debian")
    assert [line.split()[1:3] for line in lines] == [
        ["https://mirror.example/debian", "trixie"],
        ["https://mirror.example/debian", "trixie-updates"],
        ["https://mirror.example/debian-security", "trixie-security"],
        ["https://mirror.example/debian", "trixie-backports"],
    ]
    for mirror in ("", "mirror.example", "http://h/debian trixie", "file:///debian", "http://h/\ndeb"):
        with pytest.raises(SystemExit, match="2"):
            main(["image", "--board", "raspberry-pi-4", "--ssh-keys", "keys", "--mirror", mirror])
        assert f"is not a mirror, such as {MIRROR}" in capsys.readouterr().err


def test_the_playbook_knows_the_board_and_the_keys(tmp_path: Path) -> None:
    given = play_variables(BOARDS["raspberry-pi-4"], content(tmp_path))
    assert given["edge_agent_board"] == "raspberry-pi-4"
    assert given["base_admin_keys"] == [KEY]
    assert given["image_boot_folder"] == "/boot/firmware"
    assert "update_public_key" not in given


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", "-----BEGIN OPENSSH PRIVATE KEY-----\n", f"{KEY}\npassword\n"],
    ids=["empty", "only a comment", "a private key", "something else"],
)
def test_a_file_without_public_keys_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(NoImage, match="public ssh keys"):
        read_keys(file)
    with pytest.raises(NoImage, match="SSH_KEYS"):
        read_keys(tmp_path / "missing")


def test_public_keys_are_read_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# people\n{KEY}\n\nsk-ssh-ed25519@openssh.com AAAA x\n")
    assert read_keys(file) == (KEY, "sk-ssh-ed25519@openssh.com AAAA x")


def test_other_users_of_the_build_machine_cannot_read_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may contain the key of an enrolment certificate."""
    monkeypatch.setattr(root, "make", lambda board, content, folder: folder.mkdir())
    monkeypatch.setattr(disk, "write", lambda board, folder, card, seed: card.write_bytes(b"card"))
    monkeypatch.setattr(image, "manifest", lambda board, content, folder: "{}")
    made = image.make(BOARDS["generic-arm64"], content(tmp_path), tmp_path / "cache", tmp_path / "out")
    assert made.stat().st_mode & 0o777 == 0o600
    assert list((tmp_path / "cache").rglob("*.img")) == []


def test_bundle_and_enrolment_certificate_go_to_the_boot_partition(tmp_path: Path) -> None:
    for name in ("sites.json", "sites.json.sig", "enrol-2026-11.crt", "enrol-2026-11.key"):
        (tmp_path / name).touch()
    files = replace(content(tmp_path), bundle=tmp_path, enrolment=tmp_path).boot_files()
    assert [Path(file).name for file in files] == [
        "sites.json", "sites.json.sig", "enrol-2026-11.crt", "enrol-2026-11.key",
    ]  # fmt: skip
    (tmp_path / "enrol-2026-12.key").touch()
    with pytest.raises(NoImage, match=r"one enrol-\*\.key, and has 2"):
        replace(content(tmp_path), enrolment=tmp_path).boot_files()


def test_programs_of_the_build_machine_work_in_a_root_of_arm64_with_the_same_debian() -> None:
    trixie = {"ID": "debian", "VERSION_CODENAME": "trixie"}
    arm64, x86_64 = BOARDS["raspberry-pi-4"], BOARDS["generic-x86_64"]
    assert native.usable(arm64, "x86_64", trixie)
    assert not native.usable(x86_64, "x86_64", trixie), "nothing is emulated"
    assert not native.usable(arm64, "aarch64", trixie), "nothing is emulated"
    assert not native.usable(arm64, "x86_64", {**trixie, "VERSION_CODENAME": "bookworm"}), "another Perl"


def test_no_program_of_the_build_machine_says_which_architecture_it_has() -> None:
    listed = re.search(r'programs="([^"]+)"', native.SCRIPT.read_text())
    programs = set(listed[1].split()) if listed else set()
    assert {"dpkg-deb", "sed", "tar"} <= programs
    assert not programs & {
        "uname",
        "arch",
        "dpkg",
        "dpkg-query",
        "apt-get",
        "python3",
        "ldconfig",
        "systemctl",
    }


@dataclass(frozen=True)
class SignedBundle:
    folder: Path
    release_key: Path


@pytest.fixture
def signed(tmp_path: Path) -> SignedBundle:
    key, bundle = Ed25519PrivateKey.generate(), msgspec.json.encode(site_bundle())
    (tmp_path / "sites.json").write_bytes(bundle)
    (tmp_path / "sites.json.sig").write_bytes(key.sign(bundle))
    public = tmp_path / "release.pem"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return SignedBundle(tmp_path, public)


def test_what_an_image_cannot_use_is_refused_before_it_is_made(signed: SignedBundle, tmp_path: Path) -> None:
    good = replace(content(tmp_path), bundle=signed.folder, release_key=signed.release_key)
    good.check()
    with pytest.raises(NoImage, match="BUNDLE needs RELEASE_KEY"):
        replace(good, release_key=None).check()
    with pytest.raises(NoImage, match="SETTINGS: there is no file"):
        replace(good, settings=tmp_path / "missing").check()
    with pytest.raises(NoImage, match="RELEASE_KEY: there is no file"):
        replace(good, release_key=tmp_path / "missing").check()
    with (signed.folder / "sites.json").open("a") as file:
        file.write(" ")
    with pytest.raises(NoImage, match="bundle-unsigned"):
        good.check()
