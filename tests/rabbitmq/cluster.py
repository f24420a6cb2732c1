"""Three RabbitMQ nodes on this machine, with the configuration of the guide; each can be killed."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.testbed.mosquitto import free_port, wait_until

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
GUIDE = Path(__file__).parents[2] / "docs/guide/rabbitmq.md"
START_S = 180.0


def guide_configuration() -> str:
    """The block in the guide: what is tested is what is written there."""
    found = re.search(r"```ini\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@dataclass
class Node:
    name: str
    folder: Path
    epmd_port: int
    mqtt_port: int = field(default_factory=free_port)
    amqp_port: int = field(default_factory=free_port)
    distribution_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def prepare(self, cookie: str, lines: str) -> None:
        self.folder.mkdir()
        (self.folder / ".erlang.cookie").write_text(cookie)
        (self.folder / ".erlang.cookie").chmod(0o400)
        (self.folder / "rabbitmq.conf").write_text(lines)
        (self.folder / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            # Three nodes share two cores: one scheduler each, and none of them spins while it waits.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def start(self) -> None:
        with (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                [PROGRAMS / "rabbitmq-server"], env=self.environment, stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def wait(self) -> None:
        wait_until(self._ready, START_S, f"the start of {self.name}")

    def kill(self) -> None:
        """The whole node with kill -9: the script, Erlang and its little helpers are one process group."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
            self.process = None

    def control(self, *words: str) -> str:
        done = subprocess.run(
            [PROGRAMS / "rabbitmqctl", "-n", self.name, *words], env=self.environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def log(self) -> str:
        return (self.folder / "out").read_text(errors="replace")

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        return self.log.rpartition("Starting broker")[2].count("completed with") > 0


class Cluster:
    """While the ``with`` lasts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._epmd_port = free_port()
        names = [f"edge{number}@localhost" for number in (1, 2, 3)]
        self.nodes = [Node(name, folder / name.partition("@")[0], self._epmd_port) for name in names]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        epmd = subprocess.Popen(
            ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._stack.callback(epmd.wait, 30)
        self._stack.callback(epmd.kill)
        cookie, text = secrets.token_hex(16), guide_configuration()
        for number, node in enumerate(self.nodes, 1):
            text = text.replace(f"rabbit@broker-{number}", node.name)
        for node in self.nodes:
            listener = f"mqtt.listeners.tcp.lab = 127.0.0.1:{node.mqtt_port}\n"
            # In the lab without certificates; everything else is the guide's.
            amqp = f"listeners.tcp.lab = 127.0.0.1:{node.amqp_port}\n"
            lab = f"{amqp}anonymous_login_user = guest\nanonymous_login_pass = guest\n"
            own = [line for line in text.splitlines() if not re.match(r"(mqtt\.)?(ssl|listeners)", line)]
            node.prepare(cookie, "\n".join([*own, listener + lab]))
            node.start()
            self._stack.callback(node.kill)
        for node in self.nodes:
            node.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def urls(self) -> list[str]:
        return [f"mqtt://127.0.0.1:{node.mqtt_port}" for node in self.nodes]
