"""The control machine of a test: an inventory of a broker and one site, and playbooks run against them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.boxes import Boxes

ROOT = Path(__file__).resolve().parents[2]
SITE = "dt-001"


@dataclass(frozen=True)
class Played:
    """How a playbook ended. ``text`` is all that it said."""

    code: int
    text: str

    @property
    def changed(self) -> int:
        return sum(int(count) for count in re.findall(r"\bchanged=(\d+)", self.text))


class Provisioning:
    """``broker`` and ``box`` are blank to begin with; everything that is made here lies below ``folder``."""

    def __init__(self, folder: Path, boxes: Boxes, wheelhouse: Path, camera_url: str) -> None:
        self.broker, self.box = boxes.start("broker-1"), boxes.start(SITE)
        self._folder = folder
        self._inventory = folder / "inventory.ini"
        self._inventory.write_text(
            f"[gateways]\n{self.box.inventory_line()}\n[brokers]\n{self.broker.inventory_line()}\n[central]\n"
        )
        self._vars = folder / "vars.json"
        self.vars: dict[str, object] = {
            "pki_ca_passphrase": "only for this test of provisioning",
            "pki_directory": str(folder / "pki"),
            "release_wheelhouse": str(wheelhouse),
            "broker_certificate_names": ["DNS:broker-1", f"IP:{self.broker.address}"],
            "base_admin_keys": [boxes.public_key],
            "edge_agent_ward": "de-tham",
            "edge_agent_site_name": "Lý Thường Kiệt – Lê Quý Đôn",
            "edge_agent_latitude": 20.4463,
            "edge_agent_longitude": 106.3366,
            "edge_agent_board": "generic-x86_64",
            "edge_agent_brokers": [f"mqtts://{self.broker.address}:8883"],
            "edge_agent_cameras": [{"id": "cam-1", "url": camera_url, "username": "viewer"}],
            "edge_agent_camera_passwords": {"cam-1": "s3cret-of-cam-1"},
            "edge_agent_settings": {"mqtt": {"spread_s": 0}, "heartbeat_s": 5},
        }

    def play(self, book: str, *options: str, **more: object) -> Played:
        """Runs a playbook of ``ansible/``; ``more`` are variables of this run."""
        self._vars.write_text(json.dumps(self.vars | more), encoding="utf-8")
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        done = subprocess.run(
            [
                program,
                "-i",
                str(self._inventory),
                "-e",
                f"@{self._vars}",
                str(ROOT / "ansible" / book),
                *options,
            ],
            env=os.environ
            | {
                "ANSIBLE_CONFIG": str(ROOT / "ansible/ansible.cfg"),
                "ANSIBLE_NOCOLOR": "1",
                "HOME": str(self._folder),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Played(done.returncode, done.stdout + done.stderr)

    def play_well(self, book: str, *options: str, **more: object) -> Played:
        played = self.play(book, *options, **more)
        assert played.code == 0, played.text[-6000:]
        return played
