"""Collects the mistakes in a sheet: where each one is and what to do. One run reports all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

MAX_LINE = 400
"""Longest message, in characters: a cell or an option may have any length."""
_OS_ERRORS: tuple[tuple[type[OSError], str], ...] = (
    (FileNotFoundError, "does not exist: correct the path"),
    (IsADirectoryError, "is a folder: name a file"),
    (NotADirectoryError, "does not exist, because a part of the path is a file: correct the path"),
    (FileExistsError, "exists already: choose another path"),
    (PermissionError, "cannot be opened: get the right to it, or name another path"),
)


class WrongUsage(ValueError):
    """An option is wrong; nothing was done. Exit code 2."""


def one_line(text: str, limit: int = MAX_LINE) -> str:
    """The text as one line: without control characters, and without its middle if it is longer than
    ``limit``."""
    if len(text) > limit:
        text = f"{text[: limit * 2 // 3]} ... {text[-limit // 3 :]}"
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def os_error_text(error: OSError) -> str:
    """What happened to which file."""
    where = "" if error.filename is None else os.fsdecode(error.filename)
    reason = next((text for kind, text in _OS_ERRORS if isinstance(error, kind)), None)
    if where and reason:
        return f"{where} {reason}"
    return ": ".join(filter(None, [where, error.strerror or str(error)]))


def read_text(path: Path) -> str:
    """The content of a text file. Raises OSError, and ValueError for another file."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text in UTF-8: save it as one, or name another file") from None


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    line: int  # 1 is the sheet's first line
    text: str
    remedy: str
    stops: bool = True  # False: a warning


@dataclass(slots=True)
class Problems:
    """Mistakes in one file."""

    path: Path
    found: list[Problem] = field(default_factory=list)

    def error(self, line: int, text: str, remedy: str) -> None:
        self.found.append(Problem(line, text, remedy))

    def warn(self, line: int, text: str, remedy: str) -> None:
        self.found.append(Problem(line, text, remedy, stops=False))

    @property
    def errors(self) -> int:
        return sum(problem.stops for problem in self.found)

    def lines(self) -> list[str]:
        """``file:line: what is wrong: what to do``, by line."""
        return [
            one_line(f"{self.path}:{p.line}: {'' if p.stops else 'warning: '}{p.text}: {p.remedy}")
            for p in sorted(self.found)
        ]
