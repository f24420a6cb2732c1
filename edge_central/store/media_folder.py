"""Stores pictures, clips and bundles as files, named by their own digest: no text from the wire becomes a
path.

``media/<gateway>/<first two digits>/<sha256>.jpg``, or ``.mp4``, ``.gz``, and ``.sealed`` for a file that
only the centre's key opens. A file is complete and durable before its row is committed. A file without a row
is harmless: a later attempt finds it by its name.
"""

from __future__ import annotations

import os
from pathlib import Path

from edge_agent.core.delivery import content_type_of
from edge_agent.core.state_file import sync_folder
from edge_agent.wire.received.messages import MediaMessage
from edge_central.store.database import DatabaseUnavailable

PLAIN_SUFFIXES = {"image/jpeg": ".jpg", "video/mp4": ".mp4", "application/gzip": ".gz"}


class MediaFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, gateway: str, sha256: str, sealed: bool) -> Path:
        """Path of a stored file; if there is none, the path that a picture would have. The caller must
        have checked ``gateway`` (an id) and ``sha256`` (64 hex digits)."""
        suffixes = (".sealed",) if sealed else PLAIN_SUFFIXES.values()
        paths = [self._folder / gateway / sha256[:2] / f"{sha256}{suffix}" for suffix in suffixes]
        return next((path for path in paths if path.exists()), paths[0])

    def store(self, media: MediaMessage) -> None:
        """Write the file and return when it is durable. Raises DatabaseUnavailable."""
        suffix = ".sealed" if media.sealed else PLAIN_SUFFIXES[content_type_of(media.payload)]
        path = self._folder / media.gateway / media.sha256[:2] / f"{media.sha256}{suffix}"
        try:
            if _has(path, len(media.payload)):
                return
            _make_folders(path.parent)
            self._write(path, media.payload)
        except OSError as error:
            raise DatabaseUnavailable(
                f"nothing is stored: the picture {path.name} cannot be written: {error.strerror or error}"
            ) from error

    def remove(self, gateway: str, sha256: str, sealed: bool) -> None:
        """Delete the file if it exists. Raises DatabaseUnavailable."""
        path = self.path(gateway, sha256, sealed)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise DatabaseUnavailable(
                f"the picture {path.name} cannot be deleted: {error.strerror}"
            ) from error

    def _write(self, path: Path, payload: bytes) -> None:
        temporary = path.with_suffix(".new")
        try:
            with temporary.open("wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def _has(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except FileNotFoundError:
        return False


def _make_folders(folder: Path) -> None:
    """Create the missing folders durably: the entry of a new folder is synced in its parent."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o750, exist_ok=True)
        sync_folder(each.parent)
