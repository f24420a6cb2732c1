"""Releases side by side, each in its own virtual environment; a symlink names the one in force."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from edge_update.manifest import VERSION, Manifest
from edge_update.memory import sync_folder
from edge_update.programs import run
from edge_update.settings import UpdateError

UNPACKED = 4
"""Disk space for each byte of a wheel: wheels unpack to 3.1 times their size, plus byte code and pip."""
KEEP_FREE = 100_000_000  # for the outbox
CHECK_UNIT = "edge-agent-check.service"
ANSWER_BYTES = 65536


class Releases:
    def __init__(self, folder: Path, answer: Path) -> None:
        """``answer``: the file that CHECK_UNIT writes, in a folder of root."""
        self._folder = folder
        self._answer = answer
        self.wheels = folder / "wheels"

    def in_force(self) -> str:
        """Return the version in force; empty if there is none."""
        try:
            return Path(os.readlink(self._folder / "current")).name
        except OSError:
            return ""

    def switch(self, version: str) -> None:
        """Put a release in force in one step, so that ``current`` always exists."""
        self._link("current", version)
        sync_folder(self._folder)

    def _link(self, name: str, version: str) -> None:
        new = self._folder / f".{name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(version)
        new.replace(self._folder / name)

    def complete(self, version: str) -> bool:
        return (self._folder / version / ".complete").exists()

    def runs(self, version: str) -> bool:
        """Return whether the release exists and can be put in force."""
        return bool(version) and os.access(self._agent(version), os.X_OK)

    def install(self, manifest: Manifest) -> None:
        """Install from root's own wheels. Raises UpdateError; a partly installed release is deleted."""
        place = self._folder / manifest.version
        if self.complete(manifest.version):
            return
        shutil.rmtree(place, ignore_errors=True)
        try:
            self._build(manifest, place)
            os.sync()  # after a power cut the stamp must not exist without the release
            (place / ".complete").touch()
        except (UpdateError, OSError):
            shutil.rmtree(place, ignore_errors=True)
            raise

    def require_space(self, manifest: Manifest) -> None:
        """Raise UpdateError if the disk has no space for the wheels and their content."""
        needed = UNPACKED * sum(wheel.size for wheel in manifest.wheels) + KEEP_FREE
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise UpdateError(
                f"{manifest.version} needs {needed / 1e6:.0f} MB of disk, {free / 1e6:.0f} are free"
            )

    def _build(self, manifest: Manifest, place: Path) -> None:
        version = manifest.version
        # Each wheel by its name: the folder may hold newer ones that this manifest does not list.
        links = [f"--find-links={self.wheels / wheel.name}" for wheel in manifest.wheels]
        pip = [str(place / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--no-index"]
        for command in (
            [self._python(), "-m", "venv", str(place)],
            [*pip, "--no-cache-dir", *links, f"edge-agent[cameras]=={version}"],
        ):
            done = run(command, timeout_s=1800)
            if done.returncode:
                raise UpdateError(f"{version} cannot be installed: {done.stderr.strip()[-500:]}")

    def _python(self) -> str:
        """Return the interpreter of the release in force: the system's own may have another version."""
        python = os.path.realpath(self._folder / "current/bin/python3")
        return python if os.access(python, os.X_OK) else sys.executable

    def check(self, version: str) -> None:
        """Ask the release for its version and let it check the configuration, as the agent's user.

        Raises UpdateError. The version is not marked as failed, because the gateway's own configuration can
        be corrected.
        """
        self._answer.unlink(missing_ok=True)
        self._link("candidate", version)
        done = run(["systemctl", "start", CHECK_UNIT], timeout_s=300)
        answer, _, complaint = self._read_answer().partition("\n")
        if answer != f"edge-agent {version}":
            raise UpdateError(
                f"the release installed as {version} reports another version: {answer or done.stderr.strip()}"
            )
        if done.returncode:
            raise UpdateError(f"{version} refuses this gateway's configuration: {complaint.strip()[-500:]}")

    def _read_answer(self) -> str:
        """Read the first bytes of the answer: a faulty release may write any amount."""
        try:
            with self._answer.open("rb") as file:
                return file.read(ANSWER_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def prune(self, *kept: str) -> None:
        for place in self._folder.iterdir():
            if VERSION.fullmatch(place.name) and place.name not in kept:
                with suppress(OSError):
                    (place / ".complete").unlink()  # first: a power cut may leave half of the release
                    sync_folder(place)
                shutil.rmtree(place, ignore_errors=True)

    def _agent(self, version: str) -> str:
        return str(self._folder / version / "bin/edge-agent")
