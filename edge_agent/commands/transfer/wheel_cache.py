"""Keeps the wheels of a release, from pieces or a server, until root's program has copied them.

Root's program checks everything again; the checks here only save traffic.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from edge_agent.commands.action import CommandFailed, CommandRefused, unchanged
from edge_agent.commands.transfer.https import download, ignore_bytes, sha256_of
from edge_agent.core.problems import problem_text
from edge_agent.wire import Pieces

WHEEL = re.compile(r"[A-Za-z0-9_.+!-]{1,200}\.whl")
VERSION = re.compile(r"[0-9][A-Za-z0-9.+!-]{0,63}")
KEEP_FREE = 100_000_000
MAX_PIECES = 64
"""Limit of pieces (8 MB): larger wheels come from a server. The journal records a command for each piece."""
MAX_WHEEL_BYTES = 1 << 32


class ReleaseWheel(Struct, frozen=True):
    """A wheel as the manifest lists it."""

    name: str
    sha256: str
    bytes: int


class ReleaseManifest(Struct, frozen=True):
    version: str
    wheels: list[ReleaseWheel]

    @classmethod
    def of(cls, text: str) -> ReleaseManifest:
        """Parse a manifest; root's program verifies its signature. Raises CommandRefused."""
        try:
            manifest = msgspec.json.decode(text.encode(), type=cls)
        except (msgspec.DecodeError, RecursionError) as error:
            unreadable = problem_text("update-manifest-unreadable", error=str(error))
            raise CommandRefused(unreadable, "bad-arguments") from error
        if not VERSION.fullmatch(manifest.version) or not all(
            WHEEL.fullmatch(wheel.name) and 0 < wheel.bytes <= MAX_WHEEL_BYTES for wheel in manifest.wheels
        ):
            raise CommandRefused(problem_text("update-manifest-names"), "bad-arguments")
        return manifest


class WheelCache:
    """Keeps wheels in ``folder``. ``have``: folder of the wheels of root's program. Not thread-safe.

    ``received`` is called with the number of bytes that came from a server."""

    def __init__(self, folder: Path, have: Path, received: Callable[[int], None] = ignore_bytes) -> None:
        self._folder = folder
        self._have = have
        self._received = received

    def missing(self, manifest: ReleaseManifest) -> list[ReleaseWheel]:
        """Return the wheels in neither folder. Hashing the files takes some seconds for all wheels."""
        return [
            wheel
            for wheel in manifest.wheels
            if not any(_matches(folder / wheel.name, wheel) for folder in (self._have, self._folder))
        ]

    def check_free_space(self, wheels: list[ReleaseWheel]) -> None:
        """Raise CommandRefused if the disk is too full for the wheels."""
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        needed = sum(wheel.bytes for wheel in wheels) + KEEP_FREE
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            sizes = {"needed_mb": round(needed / 1e6), "free_mb": round(free / 1e6)}
            raise CommandRefused(problem_text("disk-too-full", **sizes))

    def clear(self, but: list[ReleaseWheel] | None = None) -> None:
        """Delete all files except those of the wheels in ``but``."""
        kept = {wheel.name for wheel in but or ()}
        for path in self._folder.glob("*"):
            if not any(path.name.startswith(name) for name in kept):
                # If the disk fails, the operation that needs the space reports it.
                with contextlib.suppress(OSError):
                    path.unlink()

    # --- in pieces ---

    def pieces_missing(self, wheel: ReleaseWheel, pieces: Pieces) -> list[int]:
        missing = []
        for index in range(len(pieces.sha256)):
            path = self._piece(wheel, index)
            size = min(pieces.bytes, wheel.bytes - index * pieces.bytes)
            if not path.is_file() or path.stat().st_size != size:
                missing.append(index)
        return missing

    def put(self, wheel: ReleaseWheel, pieces: Pieces, index: int, data: str) -> None:
        """Store one piece (base64). Raises CommandRefused if the signed ``update`` does not list it."""
        try:
            content = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise CommandRefused(problem_text("update-piece-no-base64"), "bad-arguments") from error
        if index >= len(pieces.sha256) or hashlib.sha256(content).hexdigest() != pieces.sha256[index]:
            other = problem_text("update-piece-not-signed", index=index, wheel=wheel.name)
            raise CommandRefused(other, "bad-arguments")
        path = self._piece(wheel, index)
        new = path.with_name(path.name + ".new")
        new.write_bytes(content)
        new.replace(path)

    def assemble(self, wheel: ReleaseWheel, pieces: Pieces) -> bool:
        """Join the pieces. False: a damaged piece was deleted, and must be sent again.

        Raises CommandFailed when the pieces are right but the wheel is not the manifest's."""
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
            raise CommandFailed(problem_text("update-pieces-other-wheel", wheel=wheel.name))
        return whole

    def _piece(self, wheel: ReleaseWheel, index: int) -> Path:
        return self._folder / f"{wheel.name}.{index}"

    # --- from a server ---

    def fetch(self, wheel: ReleaseWheel, url: str, ca_file: str | None, stopping: Callable[[], bool]) -> bool:
        """Download a wheel, or resume its download. False: the agent stops.

        Raises OSError, and CommandFailed if the wheel is not the manifest's."""
        url, part = f"{url}/wheels/{wheel.name}", self._folder / f"{wheel.name}.part"
        if not download(url, part, wheel.bytes, ca_file=ca_file, stopping=stopping, received=self._received):
            return False
        if not _matches(part, wheel):
            part.unlink()
            raise CommandFailed(unchanged(problem_text("download-not-signed", file=url)))
        part.replace(self._folder / wheel.name)
        return True


def check_pieces(wheels: list[ReleaseWheel], pieces: dict[str, Pieces]) -> None:
    """Raise CommandRefused unless the pieces of each missing wheel add up to the wheel."""
    for wheel in wheels:
        listed = pieces.get(wheel.name)
        if listed is None:
            raise CommandRefused(problem_text("update-no-pieces", wheel=wheel.name))
        if len(listed.sha256) != -(-wheel.bytes // listed.bytes):
            raise CommandRefused(problem_text("update-pieces-sum", wheel=wheel.name), "bad-arguments")
    if sum(len(pieces[wheel.name].sha256) for wheel in wheels) > MAX_PIECES:
        raise CommandRefused(problem_text("update-too-many-pieces", limit=MAX_PIECES))


def _matches(path: Path, wheel: ReleaseWheel) -> bool:
    try:
        has_size = path.stat().st_size == wheel.bytes
    except OSError:
        return False
    return has_size and sha256_of(path) == wheel.sha256
