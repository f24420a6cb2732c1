"""A private mosquitto on a free loopback port, for as long as the demo runs."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

from demo.processes import start


def find_mosquitto() -> str | None:
    """Path of the broker, also when /usr/sbin is not on the PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Broker:
    """A mosquitto; after ``with`` has begun, ``port`` accepts connections."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = _free_port()
        self._program = program
        self._config = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Broker:
        # Started by root, mosquitto would change to a user of its own, which cancels the signal that ends
        # it with the demo (prctl(2), PR_SET_PDEATHSIG). Started by anybody else it ignores ``user``.
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_queued_messages 100000\nuser root\n"
        )
        # Ctrl-C is for the view, which stops the agent first and the broker last.
        self._process = start([self._program, "-c", str(self._config)], self._log)
        self._wait_until_it_answers()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(5)

    def _wait_until_it_answers(self, patience_s: float = 5.0) -> None:
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"mosquitto did not start: see {self._log}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
