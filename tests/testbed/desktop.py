"""A desktop that shows notifications, without a screen: a D-Bus of its own and ``desktop_script.py`` on it.

with Desktop() as desktop:
    ...                              # a browser that is started here shows its notifications to the desktop
    shown = desktop.wait_shown()     # title and body
    desktop.click(shown)
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

from tests.testbed.rtsp import SYSTEM_PYTHON

SCRIPT = Path(__file__).with_name("desktop_script.py")
PATIENCE_S = 20.0
ADDRESS = "DBUS_SESSION_BUS_ADDRESS"


def installed() -> bool:
    if shutil.which("dbus-daemon") is None:
        return False
    return subprocess.run([SYSTEM_PYTHON, "-c", "import gi"], check=False).returncode == 0


class Desktop:
    def __enter__(self) -> Self:
        self._before = os.environ.get(ADDRESS)
        self._bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE, text=True
        )
        assert self._bus.stdout is not None
        os.environ[ADDRESS] = self._bus.stdout.readline().strip()
        self._service = subprocess.Popen(
            [SYSTEM_PYTHON, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._next() == {"ready": True}
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._service, self._bus):
            process.terminate()
            process.wait(PATIENCE_S)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        if self._before is None:
            del os.environ[ADDRESS]
        else:
            os.environ[ADDRESS] = self._before

    def wait_shown(self) -> dict[str, Any]:
        """The next notification."""
        return self._next()

    def click(self, shown: dict[str, Any]) -> None:
        assert self._service.stdin is not None
        self._service.stdin.write(f"{shown['number']}\n")
        self._service.stdin.flush()

    def _next(self) -> dict[str, Any]:
        assert self._service.stdout is not None
        ready, _, _ = select.select([self._service.stdout], [], [], PATIENCE_S)
        assert ready, f"no notification within {PATIENCE_S:g} s"
        found: dict[str, Any] = json.loads(self._service.stdout.readline())
        return found
