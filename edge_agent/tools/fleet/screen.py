"""A terminal that shows a picture of lines again and again: plain ANSI, no curses."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Sequence
from typing import TextIO

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
COLOURS = {"offline": "31", "silent": "31", "trouble": "33", "unknown": "35", "stopped": "36"}
"""Red, yellow, magenta, cyan."""
KEYS = {
    b"q": "quit",
    b"\x03": "quit",
    b"j": "down",
    b"\x1b[B": "down",
    b"k": "up",
    b"\x1b[A": "up",
    b" ": "page",
    b"\x1b[6~": "page",
    b"b": "back",
    b"\x1b[5~": "back",
    b"g": "top",
}


class TerminalScreen:
    """While the ``with`` lasts the terminal is ours; afterwards it is as it was."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout
        self._saved_mode: list[object] | None = None
        self._colours = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> TerminalScreen:
        if sys.stdin.isatty():
            self._saved_mode = termios.tcgetattr(sys.stdin.fileno())
            tty.setcbreak(sys.stdin.fileno())
        self._stdout.write(ENTER)
        self._stdout.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._stdout.write(LEAVE)
        self._stdout.flush()
        if self._saved_mode is not None:
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._saved_mode)  # type: ignore[arg-type]

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows, as they are now."""
        try:
            size = os.get_terminal_size(self._stdout.fileno())
        except OSError:
            return 80, 24
        return max(20, size.columns), max(5, size.lines)

    def show(self, lines: Sequence[str], standings: Sequence[str]) -> None:
        """``standings``: of each line, for its colour; empty: none."""
        shown = [
            f"{self._coloured(line, standing)}{CLEAR_LINE}"
            for line, standing in zip(lines, standings, strict=True)
        ]
        self._stdout.write(HOME + "\n".join(shown) + CLEAR_BELOW)
        self._stdout.flush()

    def key(self, timeout_s: float) -> str | None:
        """What somebody pressed, as a word of ``KEYS``; None: nothing that means anything."""
        if not sys.stdin.isatty():
            select.select([], [], [], timeout_s)
            return None
        ready, _, _ = select.select([sys.stdin], [], [], timeout_s)
        return KEYS.get(os.read(sys.stdin.fileno(), 16)) if ready else None

    def _coloured(self, line: str, standing: str) -> str:
        colour = COLOURS.get(standing)
        return f"\x1b[{colour}m{line}\x1b[0m" if self._colours and colour else line
