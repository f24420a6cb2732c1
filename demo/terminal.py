"""Makes the demo the foreground process of the terminal, so that Ctrl-C ends the demo and make reports no
error."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def foreground() -> Iterator[None]:
    """Be the terminal's foreground process group, as a shell does for its jobs. Without a terminal do
    nothing."""
    try:
        terminal = sys.stdin.fileno()
        before = os.tcgetpgrp(terminal)
    except (OSError, ValueError):
        yield
        return
    # Otherwise this signal stops a background process that changes the foreground group.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    if before != os.getpgrp():
        yield  # started in the background: do not take the terminal
        return
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(terminal, before)
