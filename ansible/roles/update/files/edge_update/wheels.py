"""The wheels of a release, in root's own folder: fetched from the server or copied from the agent's inbox."""

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
        """Puts it, or more of it than before, into ``part``. Raises UpdateError."""
        ...


def gather(wheels: Iterable[Wheel], folder: Path, source: Source) -> None:
    """Only what is not there yet. What has a wheel's name in ``folder``, which is root's, is verified."""
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in wheels:
        path = folder / wheel.name
        if path.is_file() and _digest(path) == wheel.sha256:
            continue
        part = path.with_suffix(".part")
        source.bring(wheel, part)
        if part.stat().st_size < wheel.size:
            raise UpdateError(f"{wheel.name} came in part only; the rest is fetched next time")
        if _digest(part) != wheel.sha256:
            part.unlink()
            raise UpdateError(f"{wheel.name} is not what the manifest says; it is fetched again next time")
        part.replace(path)


def prune(wheels: Iterable[Wheel], folder: Path) -> None:
    """Others than these are gone."""
    wanted = {wheel.name for wheel in wheels}
    for old in (*folder.glob("*.whl"), *folder.glob("*.part")):
        if old.name not in wanted:
            old.unlink()


class Server:
    """An https server with a folder; what came in part is gone on with."""

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
        """At most ``most`` bytes from ``offset`` on. Raises UpdateError."""
        asked = urllib.request.Request(f"{self._url}/{name}")
        if offset:
            asked.add_header("Range", f"bytes={offset}-")
        try:
            with urllib.request.urlopen(asked, timeout=60, context=self._tls) as answer:
                if offset and answer.status != 206:  # a server that always begins at the start
                    target.truncate(0)
                    most += offset
                while block := answer.read(BLOCK):
                    most -= len(block)
                    if most < 0:
                        raise UpdateError(f"{name} is longer than it may be")
                    target.write(block)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise UpdateError(f"{self._url}/{name}: {error}") from error


class Inbox:
    """What the agent was sent. Root copies first and verifies its copy: whatever becomes of the original."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def bring(self, wheel: Wheel, part: Path) -> None:
        try:
            with request.opened(self._folder / wheel.name) as original:
                _copy(original, part, wheel.size)
        except FileNotFoundError as error:
            raise UpdateError(f"{wheel.name} is not on the box") from error
        except OSError as error:
            raise UpdateError(f"{wheel.name} cannot be copied: {error}") from error


def _copy(original: BinaryIO, part: Path, size: int) -> None:
    """At most ``size`` bytes, and one more where it is longer: then it is not what was signed."""
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
