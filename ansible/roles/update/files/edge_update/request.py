"""Reads the request that the agent's user left for root. It is not trusted: symbolic links are not
followed."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge_update.manifest import MANIFEST_BYTES, SIGNATURE_BYTES
from edge_update.settings import UpdateError

ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Request:
    id: str  # of the command
    manifest: bytes
    signature: bytes


FileIdentity = tuple[int, ...]
"""Differs if another file has replaced it."""


def waits(path: Path) -> bool:
    """Return whether there is a request; also True if its folder cannot be read, because systemd can."""
    try:
        identity(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def identity(path: Path) -> FileIdentity:
    """Raises OSError."""
    found = os.lstat(path)
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def read(path: Path) -> Request:
    """Return the request. Raises UpdateError, whose text contains nothing of the file."""
    try:
        with opened(path) as file:
            text = file.read(2 * MANIFEST_BYTES + 1)
    except (OSError, UpdateError) as error:
        raise UpdateError(f"the request cannot be read: {error}") from error
    try:
        raw = json.loads(text)
        signature = base64.b64decode(raw["signature"], validate=True)
        request = Request(str(raw["id"]), str(raw["manifest"]).encode(), signature)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UpdateError("the request is not valid; it is removed") from error
    sizes = len(request.manifest) <= MANIFEST_BYTES and len(signature) == SIGNATURE_BYTES
    if not ID.fullmatch(request.id) or not sizes:
        raise UpdateError("the request is not valid; it is removed")
    return request


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a plain file in a folder that another user may change at any time.

    Raises UpdateError if the file or its folder is of another kind, OSError if there is none.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except NotADirectoryError as error:
        raise UpdateError(f"{path.parent} is not a folder") from error
    try:
        # Without O_NONBLOCK a pipe in place of the file would block this program for ever.
        handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UpdateError(f"{path} is not a plain file") from error
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UpdateError(f"{path} is not a plain file")
    with os.fdopen(handle, "rb") as file:
        yield file


def remove(path: Path, done: FileIdentity | None) -> None:
    """Delete the request, or any other entry with its name; symbolic links are not followed.

    ``done``: the identity of the processed request. A newer one may be there, because the agent learns the
    verdict before this program cleans up; it stays. None: the request could not be examined. An entry that
    cannot be deleted stays and does not stop the query of the server of releases.
    """
    try:
        if done is not None and identity(path) != done:
            return
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return  # the run directory was deleted with a restart of the agent
    try:
        os.unlink(path.name, dir_fd=folder)
    except IsADirectoryError:
        shutil.rmtree(path.name, ignore_errors=True, dir_fd=folder)
    except OSError:
        return
    finally:
        os.close(folder)
