"""Brings the wheels of a release into root's own folder, from the server or from the agent's inbox."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from edge_update import request
from edge_update.manifest import Wheel
from edge_update.settings import UpdateError

BLOCK = 65536


class Source(Protocol):
    def bring(self, wheel: Wheel, part: Path) -> None:
        """Write the wheel, or a further part of it, to ``part``. Raises UpdateError."""
        ...


def gather(wheels: Iterable[Wheel], folder: Path, source: Source) -> None:
    """Bring the missing wheels. Afterwards each file in ``folder`` with the name of a wheel is verified."""
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in wheels:
        path = folder / wheel.name
        if path.is_file() and _digest(path) == wheel.sha256:
            continue
        part = path.with_suffix(".part")
        source.bring(wheel, part)
        if part.stat().st_size < wheel.size:
            raise UpdateError(f"only a part of {wheel.name} arrived; the next run fetches the rest")
        if _digest(part) != wheel.sha256:
            part.unlink()
            raise UpdateError(
                f"{wheel.name} does not have the SHA-256 of the manifest; the next run fetches it again"
            )
        part.replace(path)


def prune(wheels: Iterable[Wheel], folder: Path) -> None:
    """Delete all other wheels."""
    wanted = {wheel.name for wheel in wheels}
    for old in (*folder.glob("*.whl"), *folder.glob("*.part")):
        if old.name not in wanted:
            old.unlink()


class Server:
    """An https server with a folder; an interrupted download is continued."""

    def __init__(self, url: str, ca_file: str) -> None:
        self._url = url.rstrip("/")
        self._tls = ssl.create_default_context(cafile=ca_file or None)

    def bring(self, wheel: Wheel, part: Path) -> None:
        have = part.stat().st_size if part.is_file() else 0
        if have >= wheel.size:
            part.unlink()
            have = 0
        with part.open("ab") as target:
            self.download(f"wheels/{wheel.name}", target, wheel.size - have, have)

    def download(self, name: str, target: IO[bytes], most: int, offset: int = 0) -> None:
        """Download at most ``most`` bytes, from ``offset`` on. Raises UpdateError."""
        asked = urllib.request.Request(f"{self._url}/{name}")
        if offset:
            asked.add_header("Range", f"bytes={offset}-")
        try:
            with urllib.request.urlopen(asked, timeout=60, context=self._tls) as answer:
                if offset and answer.status != 206:  # this server always sends the whole file
                    target.truncate(0)
                    most += offset
                while block := answer.read(BLOCK):
                    most -= len(block)
                    if most < 0:
                        raise UpdateError(f"{name} is longer than allowed; it is not used")
                    target.write(block)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise UpdateError(f"{self._url}/{name}: {error}") from error


class Inbox:
    """The wheels that the agent received. Root verifies its own copy: the agent could change the original."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def bring(self, wheel: Wheel, part: Path) -> None:
        try:
            with request.opened(self._folder / wheel.name) as original:
                _copy(original, part, wheel.size)
        except FileNotFoundError as error:
            raise UpdateError(f"{wheel.name} is not on the gateway") from error
        except OSError as error:
            raise UpdateError(f"{wheel.name} cannot be copied: {error}") from error


def _copy(original: BinaryIO, part: Path, size: int) -> None:
    """Copy at most ``size`` bytes, and one more if the file is longer: then it is not the signed one."""
    with part.open("wb") as target:
        left = size + 1
        while left and (block := original.read(min(BLOCK, left))):
            target.write(block)
            left -= len(block)
        target.flush()
        os.fsync(target.fileno())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
