"""Starts, freezes and kills the RTSP camera of ``rtsp_server.py``.

    with RtspServer({"/stream": clip}) as server:
        reader.open(server.url("/stream"))
        server.freeze()     # SIGSTOP: accepts connections, sends nothing
        server.kill()       # the stream ends
        server.start()      # the same port again

For the bench: several mounts in one server cost one process; ``server.pid`` is its id.
"""

from __future__ import annotations

import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

SCRIPT = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"
START_TIMEOUT_S = 20.0


class RtspServer:
    """One server process. ``mounts``: path -> file, or several files played one after the other."""

    def __init__(
        self,
        mounts: Mapping[str, Path | Sequence[Path]],
        *,
        audio: Sequence[str] = (),
        drop: Mapping[str, Sequence[int]] | None = None,
        live: bool = False,
        delay_s: Mapping[str, float] | None = None,
        user: str | None = None,
        password: str = "",
        auth: str = "digest",
        address: str = "127.0.0.1",
    ) -> None:
        """``live``: all mounts show one scene, which begins with the server. ``delay_s``: how much later than
        it was captured each picture of a mount is sent. ``address``: of this machine, to listen on."""
        self.port = 0
        self._address = address
        self._process: subprocess.Popen[str] | None = None
        self._arguments: list[str] = ["--address", address]
        for mount, files in mounts.items():
            names = [files] if isinstance(files, Path) else files
            self._arguments += ["--mount", f"{mount}={','.join(str(name) for name in names)}"]
        for mount in audio:
            self._arguments += ["--audio", mount]
        for mount, numbers in (drop or {}).items():
            self._arguments += ["--drop", f"{mount}={','.join(str(n) for n in numbers)}"]
        self._arguments += ["--live"] if live else []
        for mount, seconds in (delay_s or {}).items():
            self._arguments += ["--delay", f"{mount}={seconds}"]
        if user is not None:
            self._arguments += ["--user", user, f"--password={password}", "--auth", auth]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the RTSP server does not run"
        return self._process.pid

    def url(self, mount: str) -> str:
        """Without credentials."""
        return f"rtsp://{self._address}:{self.port}{mount}"

    def start(self) -> None:
        """Start it, on its earlier port if it had one; returns when it listens."""
        command = [SYSTEM_PYTHON, str(SCRIPT), "--port", str(self.port), *self._arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._process = process
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
        line = process.stdout.readline() if ready else ""
        if not line.strip():
            self.kill()
            raise RuntimeError(f"the RTSP server did not start: {' '.join(command)}")
        self.port = int(line)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it; clients see the end of the stream. Does nothing when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the RTSP server does not run"
        self._process.send_signal(number)
