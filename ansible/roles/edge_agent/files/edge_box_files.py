"""Files and programs of the box, for root's part of commissioning, which trusts no folder of another user."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import time
from pathlib import Path

ETC = Path("etc/edge-agent")


class Refused(Exception):
    """The request is refused; the text is the reason for the journal. ``code`` names the sentence that the
    page shows (``edge_agent/commissioning/messages.py``), with its values; empty: the page shows the text."""

    def __init__(self, text: str, code: str = "", **values: str) -> None:
        super().__init__(text)
        self.code, self.values = code, values


class Box:
    """The files of this machine, below ``root``."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def path(self, below: Path) -> Path:
        return self.root / below

    @property
    def group(self) -> int:
        """The agent's group, which may read the configuration."""
        return self.path(ETC).stat().st_gid

    @property
    def site(self) -> str | None:
        """The site that this box is configured for."""
        try:
            return self.path(ETC / "site-id").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def run(
        self, *command: str, data: bytes | None = None, timeout: float = 60, code: str = "", **values: str
    ) -> bytes:
        """Run a program and return its output. Raises Refused with its error, for ``code`` as ``reason``."""
        env = {**os.environ, "LC_ALL": "C", "CREDENTIALS_DIRECTORY": str(self.path(ETC))}
        try:
            done = subprocess.run(
                command, input=data, capture_output=True, timeout=timeout, env=env, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Refused(f"{command[0]}: {error}") from error
        if done.returncode:
            text = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise Refused(f"{Path(command[0]).name}: {text[-1500:]}", code, **values, reason=text[-300:])
        return done.stdout


def write(path: Path, text: str, mode: int, group: int | None = None) -> None:
    """Replace a file durably; ``group``: the one that it belongs to."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        if group is not None:
            os.fchown(file.fileno(), -1, group)
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    new.replace(path)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(handle)
    os.close(handle)


def read_plain(path: Path, most: int) -> bytes:
    """Read a plain file in a folder that belongs to another user. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path} is not a plain file")
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(f"{path} is too large")
    return content


def remove_plain(path: Path) -> None:
    """Delete a name in a folder that belongs to another user; the folder itself is no link."""
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.unlink(path.name, dir_fd=folder)
        finally:
            os.close(folder)


def open_folder(opened: contextlib.ExitStack, path: Path | str, within: int | None = None) -> int:
    """Open a folder until ``opened`` is closed; below ``within`` it is no link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | (0 if within is None else os.O_NOFOLLOW)
    handle = os.open(path, flags, dir_fd=within)
    opened.callback(os.close, handle)
    return handle


def own_folder(opened: contextlib.ExitStack, name: str, within: int, group: int) -> int:
    """Open a folder of this program's user that the group may read; make it if it is missing. Raises
    Refused."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o750, dir_fd=within)
        os.chown(name, -1, group, dir_fd=within, follow_symlinks=False)
    handle = open_folder(opened, name, within)
    if os.fstat(handle).st_uid != os.geteuid():
        text = f"the folder {name} of the agent's state belongs to another user"
        raise Refused(text, "folder-foreign", folder=name)
    return handle


def utc() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
