"""What the agent's user has left for root. Nothing of it is believed, and no link of his is followed."""

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
    id: str  # of the command that it is for
    manifest: bytes
    signature: bytes


Seen = tuple[int, ...]
"""Of a file: another one in its place differs."""


def waits(path: Path) -> bool:
    """Also where its folder cannot be looked into: systemd can, and starts us for it."""
    try:
        seen(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def seen(path: Path) -> Seen:
    """Raises OSError."""
    found = os.lstat(path)
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def read(path: Path) -> Request:
    """Raises UpdateError; its text repeats nothing of the file."""
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
        raise UpdateError("the request is none") from error
    sizes = len(request.manifest) <= MANIFEST_BYTES and len(signature) == SIGNATURE_BYTES
    if not ID.fullmatch(request.id) or not sizes:
        raise UpdateError("the request is none")
    return request


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A plain file in a folder that somebody else may write, and change at any time.

    Raises UpdateError where it or its folder is anything else, OSError where there is none.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except NotADirectoryError as error:
        raise UpdateError(f"{path.parent} is no folder") from error
    try:
        # Without O_NONBLOCK a pipe in the file's place would hold us for ever.
        handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UpdateError(f"{path} is no plain file") from error
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UpdateError(f"{path} is no plain file")
    with os.fdopen(handle, "rb") as file:
        yield file


def remove(path: Path, done: Seen | None) -> None:
    """Take the request away, and whatever lies in its place; nothing behind a symbolic link is touched.

    ``done``: what it was; the next one may lie there by now, since the agent hears of a verdict before this
    program has cleaned up. None: it could not be looked at. What cannot be removed stays: the server of
    releases is asked all the same.
    """
    try:
        if done is not None and seen(path) != done:
            return
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return  # the agent was restarted, and its run directory with it
    try:
        os.unlink(path.name, dir_fd=folder)
    except IsADirectoryError:
        shutil.rmtree(path.name, ignore_errors=True, dir_fd=folder)
    except OSError:
        return
    finally:
        os.close(folder)
