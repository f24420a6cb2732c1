"""Makes an image of a card: root, disk image, compressed file, its SHA-256, and a manifest."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

from installers import disk, root
from installers.boards import SUITE, Board
from installers.root import Content, NoImage, report

KEY_TYPES = ("ssh-", "ecdsa-", "sk-")


def read_keys(file: Path) -> tuple[str, ...]:
    """Return the public ssh keys of a file, one a line, as in authorized_keys. Raises NoImage."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NoImage(f"SSH_KEYS: {error}: name a file with public ssh keys, one a line") from error
    keys = tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    if not keys or not all(key.startswith(KEY_TYPES) for key in keys):
        raise NoImage(f"SSH_KEYS: {file} must have public ssh keys ('ssh-ed25519 AAAA...'), one a line")
    return keys


def make(board: Board, content: Content, cache: Path, out: Path) -> Path:
    """Make ``edge-agent-<version>-<board>.img.xz`` in ``out``, and return its path.

    ``cache``: a folder for the root, which stays there. Raises NoImage or CalledProcessError.
    """
    name = f"edge-agent-{content.release}-{board.name}"
    work = cache / board.name
    work.mkdir(parents=True, exist_ok=True)
    root.make(board, content, work / "root")
    before = os.umask(0o077)  # the key of the enrolment certificate may be in the image
    try:
        image = work / f"{name}.img"
        report("file systems of the card")
        disk.write(board, work / "root", image, seed=name)
        report("compression")
        packed = _pack(image, out / f"{name}.img.xz")
    finally:
        os.umask(before)
    (out / f"{name}.json").write_text(manifest(board, content, work / "root") + "\n", encoding="utf-8")
    return packed


def _pack(image: Path, packed: Path) -> Path:
    """Compress the image into the file ``packed``, and write its SHA-256 beside it."""
    packed.parent.mkdir(parents=True, exist_ok=True)
    packed.unlink(missing_ok=True)
    # -0: a tenth larger than -1 in half the time; the wheels in it are compressed already.
    with packed.open("wb") as file:
        subprocess.run(["xz", "-0", "-T0", "--stdout", str(image)], stdout=file, check=True)
    image.unlink()
    with packed.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    packed.with_name(f"{packed.name}.sha256").write_text(f"{digest}  {packed.name}\n")
    return packed


def manifest(board: Board, content: Content, folder: Path) -> str:
    """Return the content of the image as JSON: release, board, versions of Debian packages and wheels."""
    # dpkg-query of this machine reads the database of another architecture, too.
    command = ["dpkg-query", f"--admindir={folder}/var/lib/dpkg", "-W", "-f", "${Package} ${Version}\n"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.dumps(
        {
            "release": content.release,
            "board": board.name,
            "architecture": board.architecture,
            "suite": SUITE,
            "ssh_keys": len(content.ssh_keys),
            "bundle": content.bundle is not None,
            "enrolment": content.enrolment is not None,
            "packages": dict(line.split(" ", 1) for line in listed.splitlines()),
            "wheels": sorted(wheel.name for wheel in content.wheelhouse.glob("*.whl")),
        },
        indent=2,
    )


def give_to_caller(folder: Path) -> None:
    """Give a folder to the user who called sudo: what is in dist/ belongs to the person who builds it."""
    user, group = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if user and group:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, int(user), int(group), follow_symlinks=False)
