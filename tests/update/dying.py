"""Runs the root side again and again, and kills it before its n-th step. Reads n, answers exit codes.

A step is what changes the disk or starts a program: Python says so to an audit hook. The hook cannot be taken
away again, so each run is a child of its own.
"""

from __future__ import annotations

import os
import signal
import sys

from edge_update.__main__ import main

STEPS = {"os.rename", "os.remove", "os.rmdir", "os.symlink", "os.mkdir", "subprocess.Popen", "shutil.rmtree"}


def run(step: int) -> int:
    """Never returns in the child; in the parent: 0 or 1, or -9."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    seen = 0

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal seen
        if event in STEPS or (event == "open" and isinstance(args[2], int) and args[2] & os.O_CREAT):
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    os._exit(main())


if __name__ == "__main__":
    for line in sys.stdin:
        print("exit", run(int(line)), flush=True)
