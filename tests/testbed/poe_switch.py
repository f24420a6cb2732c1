"""A switch with PoE: a real SNMP agent (net-snmp's ``snmpd``) whose ports are files.

    with PoeSwitch(folder) as switch:
        ...
        assert switch.power(5) == [1, 2, 1]

``pethPsePortAdminEnable`` (RFC 3621) of group 1 is served by this module as snmpd's ``pass_persist`` program.
Each value that is set is a line in the port's file.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

BASE = ".1.3.6.1.2.1.105.1.1.1.3.1"
PORTS = 8
COMMUNITY, USER, PASSPHRASE, PRIVACY = "poe-writer", "agent", "a long passphrase", "another one, longer"


def is_installed() -> bool:
    return shutil.which("snmpset") is not None and _snmpd() is not None


class PoeSwitch:
    def __init__(self, folder: Path, host: str = "127.0.9.41") -> None:
        self.host = host
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
            self.port = int(probe.getsockname()[1])
        for port in range(1, PORTS + 1):
            self._file(port).write_text("1\n")

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def power(self, port: int) -> list[int]:
        """Each state of the port, in order: 1 on, 2 off."""
        return [int(line) for line in self._file(port).read_text().split()]

    def set_by_hand(self, port: int, state: int) -> None:
        with self._file(port).open("a") as file:
            file.write(f"{state}\n")

    def _file(self, port: int) -> Path:
        return self._folder / f"port-{port}"

    def __enter__(self) -> Self:
        configuration = self._folder / "snmpd.conf"
        configuration.write_text(
            f"agentAddress udp:{self.address}\nrwcommunity {COMMUNITY} 127.0.0.0/8\n"
            f'createUser {USER} SHA "{PASSPHRASE}" AES "{PRIVACY}"\nrwuser {USER} authPriv\n'
            f"pass_persist {BASE} {sys.executable} {__file__} {self._folder}\n"
        )
        environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(self._folder / "persistent"), "MIBS": ""}
        program = _snmpd()
        assert program is not None
        self._process = subprocess.Popen(
            [program, "-f", "-C", "-c", str(configuration), "-Lf", str(self._folder / "log"), "-I", "-smux"],
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        self._wait()
        return self

    def _wait(self) -> None:
        """Wait until the agent has bound its port."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind((self.host, self.port))
                except OSError:
                    return
            time.sleep(0.02)
        raise AssertionError((self._folder / "log").read_text())

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


def _snmpd() -> str | None:
    return shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _serve(folder: Path) -> None:
    """Answer snmpd on standard input and output: man snmpd.conf, pass_persist."""

    def say(*lines: str) -> None:
        print(*lines, sep="\n", flush=True)

    def line() -> str:
        return sys.stdin.readline().strip()

    while command := line():
        if command == "PING":
            say("PONG")
        elif command in ("get", "getnext"):
            file = folder / f"port-{line().rpartition('.')[2]}"
            if command == "get" and file.exists():
                oid = f"{BASE}.{file.name.removeprefix('port-')}"
                say(oid, "integer", file.read_text().split()[-1])
            else:
                say("NONE")
        elif command == "set":
            file, value = folder / f"port-{line().rpartition('.')[2]}", line().rpartition(" ")[2]
            if not file.exists():
                say("not-writable")
                continue
            with file.open("a") as history:
                history.write(f"{value}\n")
            say("DONE")


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
