"""Wheels of a release that the box does not have yet, in pieces or from a server, until root has copied them.

Nothing here is believed by root; what is checked here saves the uplink.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from edge_agent.commands.action import CommandFailed, CommandRefused
from edge_agent.commands.transfer.https import download
from edge_agent.commands.transfer.upload import ignore_bytes
from edge_agent.wire import Pieces

WHEEL = re.compile(r"[A-Za-z0-9_.+!-]{1,200}\.whl")
VERSION = re.compile(r"[0-9][A-Za-z0-9.+!-]{0,63}")
KEEP_FREE = 100_000_000
MOST_PIECES = 64
"""8 MB; what is larger comes from a server. The journal of commands keeps a record of each."""
MOST_WHEEL_BYTES = 1 << 32


class ReleaseWheel(Struct, frozen=True):
    """As the manifest lists it."""

    name: str
    sha256: str
    bytes: int


class ReleaseManifest(Struct, frozen=True):
    version: str
    wheels: list[ReleaseWheel]

    @classmethod
    def of(cls, text: str) -> ReleaseManifest:
        """Raises ``Refused``. Whether it is signed is for root to say."""
        try:
            manifest = msgspec.json.decode(text.encode(), type=cls)
        except (msgspec.DecodeError, RecursionError) as error:
            raise CommandRefused(f"the manifest cannot be read: {error}", "bad-arguments") from error
        if not VERSION.fullmatch(manifest.version) or not all(
            WHEEL.fullmatch(wheel.name) and 0 < wheel.bytes <= MOST_WHEEL_BYTES for wheel in manifest.wheels
        ):
            raise CommandRefused(
                "the manifest names a version or a wheel that cannot be one", "bad-arguments"
            )
        return manifest


class WheelCache:
    """``folder`` is the agent's, ``have`` root's wheels. ``received`` is told how many bytes came from a
    server. Not thread-safe."""

    def __init__(self, folder: Path, have: Path, received: Callable[[int], None] = ignore_bytes) -> None:
        self._folder = folder
        self._have = have
        self._received = received

    def missing(self, manifest: ReleaseManifest) -> list[ReleaseWheel]:
        """Wheels that are neither root's already nor here. Reads what has the name: some seconds for all."""
        return [
            wheel
            for wheel in manifest.wheels
            if not any(_matches(folder / wheel.name, wheel) for folder in (self._have, self._folder))
        ]

    def check_free_space(self, wheels: list[ReleaseWheel]) -> None:
        """Raises ``Refused`` where the disk is too full for them."""
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        needed = sum(wheel.bytes for wheel in wheels) + KEEP_FREE
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise CommandRefused(f"the wheels need {needed / 1e6:.0f} MB of disk, {free / 1e6:.0f} are free")

    def clear(self, but: list[ReleaseWheel] | None = None) -> None:
        """All goes, except what came of the wheels ``but``."""
        kept = {wheel.name for wheel in but or ()}
        for path in self._folder.glob("*"):
            if not any(path.name.startswith(name) for name in kept):
                # On the main thread as well; a disk that fails is told by who needs it.
                with contextlib.suppress(OSError):
                    path.unlink()

    # --- in pieces ---

    def pieces_missing(self, wheel: ReleaseWheel, pieces: Pieces) -> list[int]:
        return [
            index
            for index in range(len(pieces.sha256))
            if not self._is_piece(self._piece(wheel, index), _size(wheel, pieces, index))
        ]

    def put(self, wheel: ReleaseWheel, pieces: Pieces, index: int, data: str) -> None:
        """One piece, base64. Raises ``Refused``: it is none of this wheel."""
        try:
            content = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise CommandRefused("the piece is not base64", "bad-arguments") from error
        if index >= len(pieces.sha256) or hashlib.sha256(content).hexdigest() != pieces.sha256[index]:
            raise CommandRefused(
                f"that is not the piece {index} of {wheel.name} that was signed", "bad-arguments"
            )
        path = self._piece(wheel, index)
        new = path.with_name(path.name + ".new")
        new.write_bytes(content)
        new.replace(path)

    def assemble(self, wheel: ReleaseWheel, pieces: Pieces) -> bool:
        """Whether it is whole now; a piece that a power cut has damaged goes, and is asked for again. Raises
        ``Failed``: the pieces are right, and of another wheel than the manifest's."""
        paths = [self._piece(wheel, index) for index in range(len(pieces.sha256))]
        part = self._folder / f"{wheel.name}.part"
        with part.open("wb") as target:
            for path in paths:
                target.write(path.read_bytes())
        whole = _matches(part, wheel)
        if whole:
            part.replace(self._folder / wheel.name)
        gone = [
            path
            for path, sha256 in zip(paths, pieces.sha256, strict=True)
            if whole or hashlib.sha256(path.read_bytes()).hexdigest() != sha256
        ]
        for path in gone:
            path.unlink()
        if not gone:
            raise CommandFailed(f"the pieces that were signed for are not the {wheel.name} of the manifest")
        return whole

    def _piece(self, wheel: ReleaseWheel, index: int) -> Path:
        return self._folder / f"{wheel.name}.{index}"

    @staticmethod
    def _is_piece(path: Path, size: int) -> bool:
        return path.is_file() and path.stat().st_size == size

    # --- from a server ---

    def fetch(self, wheel: ReleaseWheel, url: str, ca_file: str | None, stopping: Callable[[], bool]) -> bool:
        """Goes on where it ended. False: the agent stops. Raises OSError; ``Failed`` for another wheel."""
        url, part = f"{url}/wheels/{wheel.name}", self._folder / f"{wheel.name}.part"
        if not download(url, part, wheel.bytes, ca_file=ca_file, stopping=stopping, received=self._received):
            return False
        if not _matches(part, wheel):
            part.unlink()
            raise CommandFailed(f"{url} is not what the manifest says; nothing was changed")
        part.replace(self._folder / wheel.name)
        return True


def check_pieces(wheels: list[ReleaseWheel], pieces: dict[str, Pieces]) -> None:
    """Raises ``Refused`` unless each missing wheel comes in pieces that add up to it."""
    for wheel in wheels:
        listed = pieces.get(wheel.name)
        if listed is None:
            raise CommandRefused(
                f"the box does not have {wheel.name}, and it is not among the pieces: give a url"
            )
        if len(listed.sha256) != -(-wheel.bytes // listed.bytes):
            raise CommandRefused(f"the pieces do not add up to {wheel.name}", "bad-arguments")
    if sum(len(pieces[wheel.name].sha256) for wheel in wheels) > MOST_PIECES:
        raise CommandRefused(f"that is more than {MOST_PIECES} pieces: give a url")


def _size(wheel: ReleaseWheel, pieces: Pieces, index: int) -> int:
    return min(pieces.bytes, wheel.bytes - index * pieces.bytes)


def _matches(path: Path, wheel: ReleaseWheel) -> bool:
    try:
        if path.stat().st_size != wheel.bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == wheel.sha256
    except OSError:
        return False


def pause(seconds: float, stopping: Callable[[], bool]) -> None:
    """Wait, but not for an agent that stops."""
    for _ in range(int(seconds * 2)):
        if stopping():
            return
        threading.Event().wait(0.5)
