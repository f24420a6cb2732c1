"""Child processes that end with the demo, however the demo ends."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


def start(command: Sequence[str], log_path: Path) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own, so that Ctrl-C reaches only the demo.

    The kernel sends the child SIGTERM when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG): a
    demo that is killed cannot stop it. Call this on the main thread.
    """
    with log_path.open("wb") as log:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command], stdout=log, stderr=log, start_new_session=True
        )
