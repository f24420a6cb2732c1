"""Images of cards: boards, partitions and content. `make test-deploy` builds and boots one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from installers.boards import BOARDS, Board
from installers.disk import ALIGN_MIB, BOOT_MIB, Layout
from installers.image import read_keys
from installers.roles import CHECKOUT, packages
from installers.root import ROLES, Content, NoImage, play_variables

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
