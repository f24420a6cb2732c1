"""Takes the terminal for itself, so that Ctrl-C ends the demo and not make around it with an error."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def foreground() -> Iterator[None]:
    """Be the terminal's foreground process group, as a shell makes its jobs; nothing without a terminal."""
    try:
        terminal = sys.stdin.fileno()
        before = os.tcgetpgrp(terminal)
    except (OSError, ValueError):
        yield
        return
    # A background process that changes the foreground group is stopped by this signal otherwise.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    if before != os.getpgrp():
        yield  # started in the background: leave the terminal to whoever has it
        return
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(terminal, before)
