"""Logging to stderr: one line per fact, priorities for the journal, no secrets.

Changes of state are logged (a camera was lost, the broker refuses the connection), not frames, heartbeats
or retries. The first failure of a retry is a warning, the others are debug lines.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections import deque
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO
from urllib.parse import quote

import msgspec

from edge_agent.core.clock import rfc3339
from edge_agent.core.printable import printable
from edge_agent.core.secrets import Secret, masked

PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}
"""Priorities of syslog(3), written in front of each line as ``<n>``; see sd-daemon(3)."""

PACKAGES = ("edge_agent", "edge_central")
"""Loggers that use the configured level; all others log from WARNING on."""

QUIET = {
    "libav": logging.CRITICAL,  # libav logs every damaged packet; capture counts and reports these itself
    "paho": logging.WARNING,
}


class Masker:
    """Replaces secrets in text: credentials in URLs always, other values once they are registered.

    The percent-encoded form of a value is replaced as well. Values under four characters are replaced only as
    whole words, since they may occur in any word. Register secrets before threads log.
    """

    def __init__(self) -> None:
        self._values: list[re.Pattern[str]] = []
        self._registered: set[Secret] = set()

    def register(self, secret: Secret) -> None:
        value = secret.reveal()
        if not value or secret in self._registered:
            return
        self._registered.add(secret)
        for form in sorted({value, quote(value, safe="")}, key=len, reverse=True):
            pattern = re.escape(form)
            self._values.append(re.compile(pattern if len(form) > 3 else rf"(?<!\w){pattern}(?!\w)"))

    def mask(self, text: str) -> str:
        for value in self._values:
            text = value.sub("***", text)
        return masked(text)


class TextFormatter(logging.Formatter):
    """Formats a line as ``2026-11-24T13:42:15.123Z WARNING capture.reader: cam-1: …``.

    For the journal, which adds the time, each line (also of a traceback) has a priority in place of the time.
    """

    def __init__(self, masker: Masker, journal: bool) -> None:
        super().__init__("%(message)s")
        self._masker = masker
        self._journal = journal

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Escape only the message, so that a traceback keeps its lines."""
        return printable(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        text = self._masker.mask(super().format(record))
        source = record.name.removeprefix("edge_agent.").replace("edge_central.", "central.", 1)
        if not self._journal:
            return f"{_time(record)} {record.levelname} {source}: {text}"
        return prefixed(f"{source}: {text}", record.levelno)


class JsonFormatter(logging.Formatter):
    """Writes one JSON object per line: ts, level, logger, message, and camera and exception if there is one.

    ``camera`` comes from ``extra={"camera": …}``, or from a message that begins with a known id and a colon.
    """

    def __init__(self, masker: Masker, journal: bool, camera_ids: Collection[str]) -> None:
        super().__init__("%(message)s")
        self._masker = masker
        self._journal = journal
        self._camera_ids = camera_ids

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        line = {
            "ts": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._masker.mask(message),
        }
        head, colon, _ = message.partition(":")
        camera = getattr(record, "camera", None) or (head if colon and head in self._camera_ids else None)
        if camera:
            line["camera"] = str(camera)
        if record.exc_info:
            line["exception"] = self._masker.mask(self.formatException(record.exc_info))
        text = msgspec.json.encode(line).decode()
        return prefixed(text, record.levelno) if self._journal else text


class LogTail(logging.Handler):
    """Keeps the newest lines of the log in memory, because the agent's user cannot read the journal."""

    def __init__(self, length: int = 1500) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=length)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))

    def lines(self) -> list[str]:
        return list(self._lines)


def setup_logging(
    format: Literal["text", "json"] = "text",
    level: str = "info",
    camera_ids: Collection[str] = (),
    stream: TextIO | None = None,
    environ: Mapping[str, str] | None = None,
    tail: LogTail | None = None,
) -> Masker:
    """Log to ``stream`` (default stderr) and to ``tail``. Returns the masker, to register secrets.

    A later call replaces the set-up of an earlier one. ``camera_ids`` may be extended later. Libraries log
    from WARNING on, ``PACKAGES`` from ``level`` on.
    """
    stream = sys.stderr if stream is None else stream
    masker = Masker()
    journal = is_journal(stream, os.environ if environ is None else environ)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        JsonFormatter(masker, journal, camera_ids) if format == "json" else TextFormatter(masker, journal)
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h.formatter, TextFormatter | JsonFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    if tail is not None:
        tail.setFormatter(TextFormatter(masker, journal=False))
        root.addHandler(tail)
    root.setLevel(logging.WARNING)
    for package in PACKAGES:
        logging.getLogger(package).setLevel(level.upper())
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(quiet)
    logging.captureWarnings(True)
    return masker


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Return whether ``stream`` is the pipe that systemd named in JOURNAL_STREAM (device:inode)."""
    named = environ.get("JOURNAL_STREAM")
    if not named:
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{status.st_dev}:{status.st_ino}"


def prefixed(text: str, level: int) -> str:
    """Put the priority before every line, because the journal makes an entry of each line."""
    priority = next((p for limit, p in PRIORITIES.items() if level >= limit), 7)
    return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


def _time(record: logging.LogRecord) -> str:
    return rfc3339(datetime.fromtimestamp(record.created, UTC))
