"""Makes an image file of a card from a root folder, without a loop device and without mounting.

Two partitions: FAT, from which the board's firmware boots and which any laptop can write, and ext4, the root.
mke2fs and mcopy fill file systems from folders.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from installers.boards import Board
from installers.root import BOOT_LABEL, ROOT_LABEL, boot_files

MIB = 1 << 20
BOOT_MIB = 512
"""Two kernels with their initial RAM disks while one is replaced by the next."""
ROOT_RESERVE_MIB = 400
"""Free space of the root before it has grown to the size of the card, at the first boot."""
ALIGN_MIB = 4
"""The start of the first partition: erase blocks of cards are at most this large."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Start and size of both partitions, in MiB."""

    root_mib: int

    @property
    def root_start(self) -> int:
        return ALIGN_MIB + BOOT_MIB

    @property
    def total_mib(self) -> int:
        # One more at the end, for the second table of a GPT.
        return self.root_start + self.root_mib + 1

    def table(self, board: Board, seed: str) -> str:
        """Return the input of sfdisk. Every boot loader of a Raspberry Pi 4 reads MBR; UEFI wants GPT."""
        identifiers = [uuid.uuid5(uuid.NAMESPACE_URL, f"{seed}/{part}") for part in ("disk", "boot", "root")]
        if board.firmware == "raspberry-pi":
            label, of_boot, of_root = (
                f"dos\nlabel-id: 0x{identifiers[0].hex[:8]}",
                "type=c, bootable",
                "type=83",
            )
        else:
            label = f"gpt\nlabel-id: {identifiers[0]}"
            of_boot, of_root = f"type=uefi, uuid={identifiers[1]}", f"type=linux, uuid={identifiers[2]}"
        return (
            f"label: {label}\n"
            f"start={ALIGN_MIB}MiB, size={BOOT_MIB}MiB, {of_boot}\n"
            f"start={self.root_start}MiB, size={self.root_mib}MiB, {of_root}\n"
        )


def write(board: Board, root: Path, image: Path, seed: str) -> None:
    """Write ``image``. Raises CalledProcessError.

    ``seed``: identifiers of the file systems are derived from it, so that two builds have the same.
    """
    boot, ext4 = image.with_suffix(".fat"), image.with_suffix(".ext4")
    _make_boot(boot_files(root), boot, seed)
    layout = Layout(_used_mib(root) + ROOT_RESERVE_MIB)
    _make_root(root, ext4, layout.root_mib, seed)
    _join(image, layout, layout.table(board, seed), boot, ext4)


def _make_boot(folder: Path, boot: Path, seed: str) -> None:
    boot.unlink(missing_ok=True)
    volume = uuid.uuid5(uuid.NAMESPACE_URL, seed).hex[:8]
    _run("mkfs.vfat", "-F", "32", "-n", BOOT_LABEL, "-i", volume, "--invariant", "-C", boot, BOOT_MIB * 1024)
    files = sorted(folder.iterdir())
    if files:
        _run("mcopy", "-s", "-m", "-Q", "-i", boot, *files, "::/")


def _make_root(root: Path, ext4: Path, size_mib: int, seed: str) -> None:
    ext4.unlink(missing_ok=True)
    identifier = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{seed}/root"))
    options = ("-U", identifier, "-E", f"hash_seed={identifier}", "-L", ROOT_LABEL, "-m", "1")
    # Half of the usual bytes for each inode: virtual environments are many small files.
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-i", 8192, *options, "-d", root, ext4, f"{size_mib}M")


def _join(image: Path, layout: Layout, table: str, boot: Path, ext4: Path) -> None:
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(layout.total_mib * MIB)
    subprocess.run(["sfdisk", "--quiet", str(image)], input=table, text=True, check=True)
    for part, start in ((boot, ALIGN_MIB), (ext4, layout.root_start)):
        _run(
            "dd", f"if={part}", f"of={image}", "bs=1M", f"seek={start}", "conv=notrunc,sparse", "status=none"
        )
        part.unlink()


def _used_mib(root: Path) -> int:
    """Return the size of the files in blocks of 4 KiB, as ext4 stores them, and 5 % for its own tables."""
    used = 0
    for folder, _, names in os.walk(root):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            used += -(-os.lstat(path).st_size // 4096) * 4096
    return used * 105 // 100 // MIB


def _run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
