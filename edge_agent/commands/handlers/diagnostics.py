"""The bundle of ``diagnostics``: state, health, configuration and log in one small file without secrets."""

from __future__ import annotations

import io
import re
import tarfile
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from edge_agent.core.secrets import masked

MAX_BYTES = 1_500_000
"""Largest compressed bundle: the broker accepts 2 MiB, and a SIM card is paid by the byte."""
MAX_CONFIG_BYTES = 262_144
HISTORY_EVERY_S = 300.0
HISTORY_LENGTH = 288  # a day; about 150 kB compressed

_PASSWORD = re.compile(
    r"""(?P<key>\b(?:password|passwd|pass|pwd|token|secret)["']?[ \t]*:)[ \t]*"""
    r"""(?:[|>][^\n]*(?:\n[ \t]+[^\n]*)*|"[^"\n]*"?|'[^'\n]*'?|[^,}\n]+)""",
    re.IGNORECASE,
)
"""Matches a key of YAML or JSON that names a password, with its value, also a value of several lines."""

_COMMENT = re.compile(r"(^|[ \t])#[^\n]*", re.MULTILINE)
"""Matches a comment, and also text in quotes that looks like a comment."""

Parts = Mapping[str, Callable[[], bytes]]  # functions that make the files, by file name


class HealthHistory:
    """Keeps the last day's heartbeats, one every five minutes, in memory, so that no SD card wears out."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._heartbeats: deque[bytes] = deque(maxlen=HISTORY_LENGTH)
        self._next_mono = 0.0

    def add(self, heartbeat: bytes) -> None:
        now = self._now()
        if now >= self._next_mono:
            self._next_mono = now + HISTORY_EVERY_S
            self._heartbeats.append(zlib.compress(heartbeat))

    def lines(self) -> bytes:
        return b"".join(zlib.decompress(heartbeat) + b"\n" for heartbeat in list(self._heartbeats))


def bundle(parts: Parts, log: Sequence[str], max_bytes: int = MAX_BYTES) -> bytes:
    """Return a gzipped tar of at most ``max_bytes``.

    The oldest lines of the log are dropped until it fits. A part that fails is left out, and ``missing.txt``
    says why."""
    made: dict[str, bytes] = {}
    missing: list[str] = []
    for name, make in parts.items():
        try:
            made[name] = make()
        except Exception as error:  # noqa: BLE001 - a part may fail: diagnostics are for gateways that are broken
            missing.append(f"{name}: {type(error).__name__}: {error}")
    if missing:
        made["missing.txt"] = masked("\n".join(missing)).encode()
    lines = list(log)
    while True:
        packed = _packed({**made, "log.txt": "\n".join(lines).encode()})
        if len(packed) <= max_bytes or not lines:
            return packed
        lines = lines[len(lines) // 2 + 1 :]


def configuration_text(*files: Path) -> bytes:
    """Return the files without passwords and comments, otherwise unchanged.

    Passwords are removed from URLs, and also from keys where the agent refuses them, because a developer
    needs to see a refused file. Comments are removed because people note passwords there."""
    return "".join(_config_files(files)).encode()


def _config_files(files: Sequence[Path]) -> Iterator[str]:
    for file in files:
        try:
            with file.open(encoding="utf-8", errors="replace") as opened:
                text = masked(_COMMENT.sub(r"\1# ...", opened.read(MAX_CONFIG_BYTES)))
                yield f"# --- {file}\n{_PASSWORD.sub(_without_value, text)}\n"
        except OSError as error:
            yield f"# --- {file}: {error.strerror}\n"


def _without_value(found: re.Match[str]) -> str:
    return f"{found['key']} ***"


def list_files(folder: Path) -> bytes:
    """List the files below ``folder`` with their size and modification time."""
    lines = []
    for path in sorted(folder.rglob("*"))[:2000]:
        try:
            found = path.lstat()
        except OSError:
            continue
        lines.append(f"{found.st_size:>12} {int(found.st_mtime)} {path.relative_to(folder)}")
    return "\n".join(lines).encode()


def _packed(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=6) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"diagnostics/{name}")
            info.size, info.mtime, info.mode = len(content), int(time.time()), 0o600
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()
