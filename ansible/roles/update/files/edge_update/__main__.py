"""``python3 -m edge_update [SETTINGS]``, run as root by edge-agent-update.service.

Exit codes: 0 nothing to do, or done; 1 failed, and the gateway runs the same release as before.
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
    # The agent reads told.json.
    os.umask(0o022)
    settings.state.mkdir(parents=True, exist_ok=True)
    with (settings.state / "lock").open("w") as lock:
        # An administrator may start the command while the service runs.
        fcntl.flock(lock, fcntl.LOCK_EX)
        requested = request.waits(settings.request)
        try:
            good = Updater(settings, lambda text: print(f"edge-update: {text}", flush=True)).run()
        # After any error the path unit starts this program again, so it must wait first.
        except Exception:  # noqa: BLE001
            traceback.print_exc()
            good = False
        if requested or not good:
            Event().wait(settings.rest_s)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
