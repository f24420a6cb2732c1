"""The control machine of the tests: a sheet, the inventory made from it, and playbooks run against boxes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.__main__ import main as fleet
from tests.deploy.boxes import Box

ROOT = Path(__file__).parents[2]
PASSPHRASE = "only for the tests of roll-outs"
_HEADER = "site;ward;name;latitude;longitude;board;ssh_host;camera;camera_url\n"


@dataclass(frozen=True)
class Play:
    """The result of a run of ansible-playbook. ``text`` is all its output."""

    code: int
    text: str

    def recap(self, host: str) -> dict[str, int]:
        """``ok``, ``changed``, ``failed`` … of one host."""
        line = re.search(rf"^{host}\s+: (.*)$", self.text, re.MULTILINE)
        assert line, f"no {host} in: {self.text[-3000:]}"
        return {word: int(count) for word, count in re.findall(r"(\w+)=(\d+)", line[1])}

    @property
    def changed(self) -> int:
        """On all hosts."""
        return sum(int(count) for count in re.findall(r"\bchanged=(\d+)", self.text))


def run_playbook(
    book: Path,
    inventories: Sequence[Path],
    *options: str,
    home: Path,
    timeout_s: float | None = None,
    **environment: str,
) -> Play:
    """``home``: the home folder of the run; ``environment`` is added to this process's own."""
    of_ansible = {"ANSIBLE_CONFIG": str(ROOT / "ansible/ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, *(word for each in inventories for word in ("-i", each)), book, *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False,
        env=os.environ | of_ansible | {"HOME": str(home)} | environment,
    )  # fmt: skip
    return Play(done.returncode, done.stdout + done.stderr)


class Control:
    """All its files are below ``folder``, also the CA."""

    def __init__(self, folder: Path, broker: Box, roles: Sequence[Path] = ()) -> None:
        self.folder = folder
        self.inventory = folder / "inventory"
        self.authority = folder / "authority"
        self.wheels = folder / "wheels"
        self._books = _books(folder / "ansible", roles)
        self._groups = self.inventory / "group_vars/all"
        self._groups.mkdir(parents=True)
        name, *variables = re.findall(r"(?:[^\s']|'[^']*')+", broker.inventory_line())
        self._login = [word for word in variables if not word.startswith("ansible_host=")]
        (self.inventory / "servers.ini").write_text(
            f"[brokers]\n{name} ansible_host={broker.address}\n[central]\n"
            f"[all:vars]\n{chr(10).join(self._login)}\n"
            f"pki_ca_passphrase={PASSPHRASE!r}\npki_directory={self.authority}\n"
            f"release_wheelhouse={self.wheels}\n"
            f"broker_certificate_names=['DNS:{name}', 'IP:{broker.address}']\n"
        )

    def write_sheet(self, sites: dict[str, tuple[str, Box]]) -> None:
        """``sites.csv`` with ward and box of each site, then ``fleet build --prune``."""
        rows = [
            f"{site};{ward};Lý Bôn {number};20,44{number};106,33;auto;{box.address};"
            f"cam-1;rtsp://192.168.1.{number}/sub\n"
            for number, (site, (ward, box)) in enumerate(sorted(sites.items()), 1)
        ]
        sheet = self.inventory / "sites.csv"
        sheet.write_text(_HEADER + "".join(rows), encoding="utf-8")
        assert fleet(["build", str(sheet), "--prune"]) == 0

    def set_variables(self, **variables: str) -> None:
        """Set variables of every host, from now on."""
        (self._groups / "own.json").write_text(json.dumps(variables), encoding="utf-8")

    def play(self, book: str | Path, *arguments: str, timeout_s: float = 600) -> Play:
        """Run a playbook of ``ansible/``, or any by its path."""
        inventories = [self.inventory / source for source in ("sites.yml", "servers.ini")]
        how = {"ANSIBLE_ROLES_PATH": str(self._books / "roles")}
        how |= {"ANSIBLE_PIPELINING": "1", "ANSIBLE_FORKS": "4"}
        path = self._books / book
        return run_playbook(path, inventories, *arguments, home=self.folder, timeout_s=timeout_s, **how)

    def play_well(self, book: str | Path, *arguments: str) -> Play:
        """Run a playbook that must succeed."""
        play = self.play(book, *arguments)
        assert play.code == 0, play.text[-6000:]
        return play


def _books(folder: Path, roles: Sequence[Path]) -> Path:
    """A copy of the playbooks, whose ``roles`` beside them are the real ones but for those in ``roles``.

    Ansible searches roles beside the playbook first and follows links, so the playbooks must be copies.
    """
    folder.mkdir()
    for book in (ROOT / "ansible").glob("*.yml"):
        shutil.copy(book, folder)
    shutil.copytree(ROOT / "ansible/tasks", folder / "tasks")
    (folder / "roles").mkdir()
    for place in (*roles, ROOT / "ansible/roles"):
        for role in place.iterdir():
            if not (folder / "roles" / role.name).exists():
                (folder / "roles" / role.name).symlink_to(role)
    return folder
