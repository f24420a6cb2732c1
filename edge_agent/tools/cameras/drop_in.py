"""Writes chosen cameras to a drop-in of the configuration, and their passwords to separate files.

Every value is a JSON string, which YAML reads unchanged: a camera's own name for itself cannot end a line,
start a comment or become a key.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent.core.errors import os_reason
from edge_agent.core.secrets import Credentials
from edge_agent.tools.cameras.discovered import MAIN, SUB, DiscoveredCamera
from edge_agent.tools.cameras.messages import setup_error

CREDENTIALS = "credentials"
_NUMBERED = re.compile(r"cam-[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class DropInEntry:
    """One camera of the drop-in."""

    id: str
    found: DiscoveredCamera


def select(found: Sequence[DiscoveredCamera], words: str) -> list[DiscoveredCamera]:
    """Select by ``all``, or numbers in the list and addresses. Raises ``CameraSetupError`` for others."""
    if words.strip() == "all":
        return list(found)
    picked: list[DiscoveredCamera] = []
    for word in filter(None, (word.strip() for word in words.split(","))):
        camera = next((each for n, each in enumerate(found, 1) if word in (str(n), each.host)), None)
        if camera is None:
            raise setup_error("not-in-list", word=word)
        if camera not in picked:
            picked.append(camera)
    return picked


def assign_ids(
    cameras: Sequence[DiscoveredCamera], taken: set[str], earlier: dict[str, str]
) -> list[DropInEntry]:
    """Assign ids ``cam-1``, …; a host in ``earlier``, the old drop-in, keeps its id.

    New numbers are above the greatest of ``taken``: what is stored of a removed camera must not become
    another's.
    """
    entries = []
    number = max(
        (int(id_[4:]) for id_ in taken | set(earlier.values()) if _NUMBERED.fullmatch(id_)), default=0
    )
    for camera in cameras:
        id_ = earlier.get(camera.host)
        if id_ is None:
            number += 1
            id_ = f"cam-{number}"
        entries.append(DropInEntry(id_, camera))
    return entries


def as_yaml(entries: Sequence[DropInEntry], username: str | None, at: str) -> str:
    lines = [
        f"# Cameras found by `edge-agent cameras discover`, {at}.",
        "# url is the sub-stream, which is analysed; main_url is where clips and stills come from.",
        "cameras:",
    ]
    for entry in entries:
        lines += _camera(entry, username)
    return "\n".join(lines) + "\n"


def _camera(entry: DropInEntry, username: str | None) -> list[str]:
    found = entry.found
    main, sub = found.stream(MAIN), found.stream(SUB)
    analysed = sub or main
    assert analysed is not None  # a chosen camera has a stream
    lines = [
        f"  - id: {_quoted(entry.id)}  # {found.vendor}, {found.model or 'model unknown'}, {found.state}"
    ]
    if not analysed.reported:
        lines.append("    # Not reported by the camera: the vendor's template, to be tried.")
    lines.append(f"    url: {_quoted(analysed.url)}")
    if username is not None:
        lines.append(f"    username: {_quoted(username)}")
        lines.append(f"    password_file: {_quoted(f'{CREDENTIALS}/{entry.id}')}")
    if (port := _web_port(found.base)) is not None:
        lines.append(f"    http_port: {port}")
    if main is not None and sub is not None:
        lines.append(f"    clip: {{main_url: {_quoted(main.url)}}}")
    return lines


def _web_port(base: str) -> int | None:
    """Return the port of the camera's web page if it is another one than 80."""
    try:
        parts = urlsplit(base)
        return parts.port if parts.scheme == "http" and parts.port != 80 else None
    except ValueError:  # what a camera announces may be no URL
        return None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def write(
    path: Path,
    entries: Sequence[DropInEntry],
    login: Credentials | None,
    *,
    config: Path,
    at: str,
    force: bool,
    check: Callable[[], None],
) -> list[Path]:
    """Write the drop-in, and the password files beside ``config``; return the paths.

    ``check`` reads the configuration with the drop-in and raises if it is not valid; then all files are
    restored. Existing files are replaced only with ``force``. Raises ``CameraSetupError``.
    """
    mode = config.stat().st_mode & 0o777 if config.exists() else 0o640
    content = {path: (as_yaml(entries, login.username if login else None, at), mode)}
    if login is not None:
        folder = config.parent / CREDENTIALS
        secret = f"{login.password.reveal()}\n"
        content |= {folder / entry.id: (secret, 0o600) for entry in entries}
    before = {target: _bytes_of(target) for target in content}
    there = [str(target) for target, old in before.items() if old is not None]
    if there and not force:
        raise setup_error("exists", files=", ".join(there))
    try:
        for target, (text, mode) in content.items():
            _put(target, text.encode(), mode, like=config)
        check()
    except BaseException:
        for target, old in before.items():
            _restore(target, old, content[target][1], like=config)
        raise
    return list(content)


def _put(path: Path, data: bytes, mode: int, like: Path) -> None:
    """Write the file atomically; it has its final permissions as soon as it exists at ``path``."""
    try:
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700 if path.parent.name == CREDENTIALS else 0o755)
        new = path.with_name(f".{path.name}.new")
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with open(handle, "wb") as file:
            os.fchmod(handle, mode)
            if mode != 0o600 and os.geteuid() == 0 and like.exists():
                # So that the agent can read it, as it can read ``like``.
                os.fchown(handle, -1, like.stat().st_gid)
            file.write(data)
            file.flush()
            os.fsync(handle)
        os.replace(new, path)
    except OSError as error:
        raise setup_error("cannot-write", path=str(path), reason=os_reason(error)) from error


def _restore(path: Path, old: bytes | None, mode: int, like: Path) -> None:
    if old is None:
        path.unlink(missing_ok=True)
    else:
        _put(path, old, mode, like)


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise setup_error("cannot-read", path=str(path), reason=os_reason(error)) from error
