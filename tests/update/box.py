"""A gateway with root's real program for updates, below a folder of the test."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.update.agents import installed, wheel
from tests.update.systemd import Systemd
from tests.update.wheel_server import WheelServer

PROGRAM = Path(__file__).parents[2] / "ansible/roles/update/files"


@dataclass
class UpdatingBox:
    folder: Path
    server: WheelServer  # has the key that releases are signed with
    systemd: Systemd

    @property
    def settings(self) -> Path:
        return self.folder / "etc/edge-agent/update.json"

    @property
    def wheels(self) -> Path:
        """The published wheels."""
        return self.folder / "wheelhouse"

    @property
    def releases(self) -> Path:
        return self.folder / "opt/edge-agent"

    @property
    def inbox(self) -> Path:
        return self.folder / "var/lib/edge-agent/update"

    @property
    def request(self) -> Path:
        return self.folder / "run/edge-agent/requests/update"

    @property
    def state(self) -> Path:
        return self.folder / "var/lib/edge-agent-update/state.json"

    def set(self, **changes: object) -> None:
        kept = json.loads(self.settings.read_text()) if self.settings.exists() else {}
        self.settings.write_text(json.dumps(kept | changes))

    def remember(self, text: str) -> None:
        """Write the memory of root's program."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        self.state.write_text(text)

    def set_up(self, url: str = "", ca_file: str = "") -> None:
        for folder in (self.settings.parent, self.releases, self.request.parent, self.inbox):
            folder.mkdir(parents=True)
        (self.folder / "site-id").write_text("dt-001\n")
        self.set(
            public_key=str(self.server.public),
            url=url,
            ca_file=ca_file,
            trial_s=0.2,
            settle_s=1.0,
            releases=str(self.releases),
            state=str(self.state.parent),
            site_id=str(self.folder / "site-id"),
            request=str(self.request),
            inbox=str(self.inbox),
            status_socket=str(self.folder / "status.sock"),
            poll_s=0.03,
            rest_s=0,
        )

    def update(self, timeout_s: float = 60) -> tuple[int, str]:
        """Run it as edge-agent-update.service does; returns exit code and output."""
        done = subprocess.run(
            self._command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=PROGRAM,
            env=self.environment,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def updated(self, code: int, in_force: str) -> str:
        """Run it, with this exit code and this release in force afterwards; returns the output."""
        found, said = self.update()
        assert (found, self.in_force) == (code, in_force), said
        return said

    @contextmanager
    def updating(self) -> Iterator[subprocess.Popen[bytes]]:
        """The same as a running process; killed at the end."""
        with subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, cwd=PROGRAM, env=self.environment
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    @property
    def _command(self) -> list[str]:
        return [sys.executable, "-s", "-B", "-m", "edge_update", str(self.settings)]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"PATH": f"{self.folder}/systemd/bin:{os.environ['PATH']}"}

    @property
    def in_force(self) -> str:
        link = self.releases / "current"
        return os.readlink(link) if link.is_symlink() else ""

    @property
    def reported(self) -> dict[str, Any]:
        return self._kept("told")

    @property
    def now(self) -> dict[str, Any]:
        return self.reported.get("now") or {}

    def judged(self, times: int) -> bool:
        """Whether the open trial has been started this often."""
        return bool(self._kept("trial").get("begun") == times)

    def _kept(self, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.state.parent / f"{name}.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def publish(self, version: str, percent: int = 100, key: Path | None = None) -> None:
        self.server.publish(self.wheels, version, percent, key)

    def have(self, version: str, how: str = "good", *, takes: bool = True) -> None:
        """Publish a release that is already installed: making an environment takes seconds."""
        installed(self.releases, version, how, takes=takes)
        wheel(self.wheels, version, how)
        self.publish(version)

    def mend(self, version: str) -> None:
        """Make an installed release a good one."""
        shutil.rmtree(self.releases / version)
        installed(self.releases, version)

    def run_on(self, version: str) -> None:
        """The release that is in force and running."""
        (self.releases / "current").symlink_to(version)
        self.systemd.start()

    def ask(self, id: str, manifest: str | None = None, signature: bytes | None = None) -> None:
        """Write the agent's request to root: with the manifest published last, or another one."""
        text = manifest or (self.server.served / "manifest.json").read_text()
        signature = signature or (self.server.served / "manifest.json.sig").read_bytes()
        asked = {"id": id, "manifest": text, "signature": base64.b64encode(signature).decode()}
        new = self.request.with_suffix(".new")
        new.write_text(json.dumps(asked))
        new.replace(self.request)

    def deliver(self) -> None:
        """Put the wheels into the agent's cache."""
        for path in (self.server.served / "wheels").iterdir():
            (self.inbox / path.name).write_bytes(path.read_bytes())
