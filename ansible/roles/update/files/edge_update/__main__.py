"""``python3 -m edge_update [SETTINGS]``, run as root by edge-agent-update.service.

Exit codes: 0 nothing to do, or done; 1 something failed, and the box runs what it ran before.
"""

from __future__ import annotations

import fcntl
import os
import sys
import traceback
from pathlib import Path
from threading import Event

from edge_update import request
from edge_update.settings import SETTINGS, Settings, UpdateError
from edge_update.update import Updater


def main() -> int:
    try:
        settings = Settings.read(Path(sys.argv[1]) if len(sys.argv) > 1 else SETTINGS)
    except UpdateError as error:
        print(f"edge-update: {error}", file=sys.stderr)
        return 1
    # What the agent may read: what is told.
    os.umask(0o022)
    settings.state.mkdir(parents=True, exist_ok=True)
    with (settings.state / "lock").open("w") as lock:
        # Somebody may type the command while the service runs.
        fcntl.flock(lock, fcntl.LOCK_EX)
        asked = request.waits(settings.request)
        try:
            good = Updater(settings, lambda told: print(f"edge-update: {told}", flush=True)).run()
        except Exception:  # noqa: BLE001  # whatever it is: the path unit starts this again, and not at once
            traceback.print_exc()
            good = False
        if asked or not good:
            Event().wait(settings.rest_s)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
