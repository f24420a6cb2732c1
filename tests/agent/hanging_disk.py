"""``edge-agent run`` on a disk that hangs while a file exists.

``python -m tests.agent.hanging_disk FILE run CONFIG``
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from edge_agent.cli.main import main
from tests.testbed.faulty_disk import FaultyDisk


def follow(disk: FaultyDisk, wish: Path) -> None:
    while True:
        (disk.hang if wish.exists() else disk.answer)()
        threading.Event().wait(0.05)


if __name__ == "__main__":
    with FaultyDisk().in_place() as faulty:
        threading.Thread(target=follow, args=(faulty, Path(sys.argv.pop(1))), daemon=True).start()
        sys.exit(main())
