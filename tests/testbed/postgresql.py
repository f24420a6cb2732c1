"""A real PostgreSQL on a Unix socket in a folder of its own, run by a user other than root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.testbed.mosquitto import wait_until
from tests.testbed.shared_folder import make_or_copy

PORT = 5432
"""Only the name of the socket."""
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # a test's tables are gone before it would look at them
    "checkpoint_timeout": "1d",
}


def programs() -> Path | None:
    """Debian's folder of the newest installed version; None: not installed, or no user can run it."""
    if os.geteuid() == 0 and _servant() is None:
        return None
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else None


def _servant() -> str | None:
    """The user who runs the server: PostgreSQL refuses to run as root, and Debian's package creates a
    user."""
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None


def _in_memory() -> str | None:
    """A folder in memory: a database is 300 files. None: there is none with enough room."""
    shm = Path("/dev/shm")
    return str(shm) if shm.is_dir() and shutil.disk_usage(shm).free > 1_000_000_000 else None


class PostgreSQL:
    """One server with an empty database ``edge``."""

    def __init__(self) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        self._user = _servant() if os.geteuid() == 0 else None
        # A short path: a socket's path has at most 107 characters, and pytest's folders are closed to others.
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_in_memory()))
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        initdb = "initdb", "-D", "data", "-A", "trust", "-U", "edge", "-E", "UTF8", "--locale=C", "--no-sync"
        make_or_copy(self._folder / "data", "postgresql", lambda: self._run(*initdb))
        self.start()
        self._run("createdb", "-h", str(self._folder), "-U", "edge", "edge")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        return self.url_of("edge")

    def url_of(self, name: str) -> str:
        return f"postgresql://edge@/{name}?host={self._folder}"

    def create(self, name: str) -> str:
        """Create another empty database; returns its URL."""
        self._run("createdb", "-h", str(self._folder), "-U", "edge", name)
        return self.url_of(name)

    def drop(self, name: str) -> None:
        self._run("dropdb", "--force", "-h", str(self._folder), "-U", "edge", name)

    def waiting(self) -> bool:
        """Whether a connection waits for an advisory lock."""
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return self._run("psql", "-h", str(self._folder), "-U", "edge", "-Atc", query, "edge").strip() != "0"

    def start(self) -> None:
        socket = self._folder / f".s.PGSQL.{PORT}"
        options = [f"--{name}={value}" for name, value in OPTIONS.items()]
        options.append(f"--unix_socket_directories={self._folder}")
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", "-p", str(PORT), *options],
                cwd=self._folder, user=self._user, stdout=log, stderr=log,
            )  # fmt: skip
        ready = [str(self._programs / "pg_isready"), "-q", "-h", str(self._folder)]
        wait_until(
            lambda: socket.exists() and subprocess.run(ready, check=False).returncode == 0,
            what=f"PostgreSQL; {(self._folder / 'log').read_text()}",
        )

    def stop(self) -> None:
        """Stop the server and end its connections at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(20)
            self._process = None

    def _run(self, program: str, *words: str) -> str:
        done = subprocess.run(
            [self._programs / program, *words],
            cwd=self._folder, user=self._user, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout
