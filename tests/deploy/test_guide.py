"""docs/guide/provisioning.md typed on a fresh box, without anything that the guide does not name."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.deploy.boxes import Box, Boxes, wait_until
from tests.deploy.control import ROOT
from tests.deploy.root import USER

pytestmark = pytest.mark.xdist_group("guide")

GUIDE = ROOT / "docs/guide/provisioning.md"
VAULT_PASSWORD = "typed at the prompt"
IMAGE_PASSWORD = "of-the-image"
VAULT = "pki_ca_passphrase: a long sentence on paper\nedge_agent_camera_passwords: {cam-1: x}\n"
HEADER = "site;ward;name;latitude;longitude;board;ssh_host;camera;camera_url;camera_user\n"
SHEET = HEADER + "dt-001;Đề Thám;Lý Bôn;20,44;106,33;auto;{address};cam-1;rtsp://192.0.2.1/sub;viewer\n"


def typed() -> list[str]:
    """The commands of the guide, up to the box at its pole."""
    text = GUIDE.read_text(encoding="utf-8").partition("## What to look at")[0]
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


AT_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True)
class Typed:
    """The exit code, and the output of the terminal."""

    code: int
    shown: str


@dataclass(frozen=True)
class Desk:
    """A checkout, and a person who types, with an ssh key in an agent."""

    checkout: Path
    environ: dict[str, str]

    @property
    def inventory(self) -> Path:
        return self.checkout / "ansible/inventory"

    def type(self, block: str, **answers: str) -> Typed:
        """Run a command in ``ansible/``, as in the guide. ``answers``: to prompts, by their first word in
        lower case; those for the vault's password are answered."""
        prompts = {**dict.fromkeys(("vault", "new", "confirm"), VAULT_PASSWORD), **answers}
        (first,) = [each for each in typed() if each.startswith("cd ansible\n")]
        begin = "\n".join(line for line in first.splitlines() if line.startswith(("cd ", "export ")))
        words = ["bash", "-e", "-c", f"{begin}\n{block.removeprefix(begin)}"]
        keyboard, terminal = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-c", AT_A_TERMINAL, *words],
            cwd=self.checkout, env=self.environ, start_new_session=True,
            stdin=terminal, stdout=terminal, stderr=terminal,
        ) as process:  # fmt: skip
            os.close(terminal)
            shown, answered = b"", 0
            with contextlib.suppress(
                OSError
            ):  # Linux reports this when the other end of a terminal is closed
                while part := os.read(keyboard, 4096):
                    shown += part
                    last = shown[answered:].decode(errors="replace").rpartition("\n")[2]
                    if last.endswith(": ") and (word := last.split()[0].lower()) in prompts:
                        os.write(keyboard, f"{prompts[word]}\n".encode())
                        answered = len(shown)
            process.wait()  # before the terminal is closed
            os.close(keyboard)
        return Typed(process.returncode, shown.decode(errors="replace"))


@pytest.fixture
def desk(boxes: Boxes, tmp_path: Path) -> Iterator[Desk]:
    checkout, agent = tmp_path / "checkout", tmp_path / "agent"
    checkout.mkdir()
    for path in ROOT.iterdir():
        if path.name != "ansible":
            (checkout / path.name).symlink_to(path)
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "ansible"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    for name in files:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_bytes((ROOT / name).read_bytes())
        (checkout / name).chmod((ROOT / name).stat().st_mode)
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\nprintf "%s" "{VAULT}" > "$1"\n')
    editor.chmod(0o755)
    # ssh keeps sockets below it, whose paths may have 107 characters.
    with (
        TemporaryDirectory(prefix="home-") as home,
        subprocess.Popen(["ssh-agent", "-D", "-a", str(agent)], stdout=subprocess.DEVNULL) as process,
    ):
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environ = kept | {"HOME": home, "EDITOR": str(editor), "SSH_AUTH_SOCK": str(agent)}
        wait_until(agent.exists, 10, "the ssh agent")
        subprocess.run(["ssh-add", "-q", str(boxes.key)], env=environ, check=True)
        yield Desk(checkout, environ | {"ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"})
        process.terminate()


def fingerprint(box: Box) -> str:
    """What the box itself shows of its ssh key."""
    return box.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]


def well(done: Typed) -> None:
    assert done.code == 0, done.shown[-6000:]


EXAMPLE_KEY = "ssh-ed25519 AAAA... somebody@example"


def test_the_provisioning_guide_works_as_typed_on_a_fresh_box(boxes: Boxes, desk: Desk) -> None:
    box: Box = boxes.start("dt-001")
    made, build, vault, prepare, commission = typed()
    assert made.startswith("make deploy"), "the wheelhouse is there already"
    (desk.inventory / "sites.csv").write_text(SHEET.format(address=box.address), encoding="utf-8")
    well(desk.type(build))
    gateways = desk.inventory / "group_vars/gateways.yml"
    gateways.write_text(gateways.read_text().replace(EXAMPLE_KEY, boxes.public_key))
    well(desk.type(vault))
    well(desk.type(prepare.replace("image_user=pi", f"image_user={USER}"), **{"is": fingerprint(box)}))
    assert "dt-001 ssh-" in (desk.inventory / "known_hosts").read_text()
    verdict = desk.type(commission)
    assert "CHƯA ĐẠT" in verdict.shown, "there is no broker and no camera"
    assert "PLAY" not in verdict.shown, "Ansible's own output is in the log"
    assert re.search(r"^Nhật ký đầy đủ: \S+/logs/commission-\S+\.log\r?$", verdict.shown, re.MULTILINE)
    assert verdict.shown.rstrip().splitlines()[-1].startswith("Điểm dt-001 (Lý Bôn): CHƯA ĐẠT, còn")
    assert box.run("systemctl is-active edge-agent") == "active"


def test_a_machine_with_another_host_key_is_refused(boxes: Boxes, desk: Desk) -> None:
    box = boxes.start("dt-002")
    sheet = SHEET.format(address=box.address).replace("dt-001", "dt-002")
    (desk.inventory / "sites.csv").write_text(sheet, encoding="utf-8")
    ping = f"ansible dt-002 -m ansible.builtin.ping -e ansible_user={USER}"
    known = f"python3 -m fleet host-key dt-002 --fingerprint {fingerprint(box)}"
    well(desk.type(f"python3 -m fleet build inventory/sites.csv\n{known}\n{ping}"))
    box.run("rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh")
    # Not over the connection that Ansible keeps open for the next minute.
    refused = desk.type(f"ANSIBLE_SSH_ARGS='-o ControlPath=none' {ping}")
    assert refused.code != 0
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.shown


def test_the_first_command_works_on_a_card_with_passwords_only(boxes: Boxes, desk: Desk) -> None:
    box = boxes.start("dt-003")
    sheet = SHEET.format(address=box.address).replace("dt-001", "dt-003")
    (desk.inventory / "sites.csv").write_text(sheet, encoding="utf-8")
    example = (desk.inventory / "group_vars/gateways.example.yml").read_text()
    gateways = desk.inventory / "group_vars/gateways.yml"
    gateways.write_text(example.replace(EXAMPLE_KEY, boxes.public_key))
    shown = fingerprint(box)
    box.run(
        f"echo {USER}:{IMAGE_PASSWORD} | chpasswd; rm /home/{USER}/.ssh/authorized_keys; "
        f"echo {USER} ALL=ALL > /etc/sudoers.d/90-image"
    )
    login = f"ansible-playbook prepare.yml --tags login -l dt-003 -e image_user={USER} -k -K"
    strange = desk.type(f"python3 -m fleet build inventory/sites.csv\n{login}", ssh=IMAGE_PASSWORD, become="")
    assert "python3 -m fleet host-key dt-003" in strange.shown
    well(desk.type(f"python3 -m fleet host-key dt-003 --fingerprint {shown}"))
    well(desk.type(login, ssh=IMAGE_PASSWORD, become=""))
    box.user = "fleet"
    assert box.run("whoami") == "root"
    well(desk.type("ansible-playbook prepare.yml --tags login -l dt-003"))
