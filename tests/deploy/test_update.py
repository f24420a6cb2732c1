"""The real agent receives releases through a broker; root's program under systemd keeps them or rolls them
back.

The tests follow one another on one box.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.commands.centre import write_public
from tests.deploy.boxes import Box, Boxes, wait_until
from tests.deploy.control import ROOT, run_playbook
from tests.deploy.network import Network
from tests.deploy.slim import libraries, release
from tests.testbed.mosquitto import Authority, Mosquitto, Subscriber, free_port
from tests.update.wheel_server import WheelServer

WHEELHOUSE = ROOT / f"dist/wheelhouse/cp313-{os.uname().machine}"
pytestmark = pytest.mark.xdist_group("update")
CRASHING = {
    "edge_agent/agent.py": ("import logging\n", "import logging\nimport a_module_that_is_not_there\n")
}
DEAF = {
    "edge_agent/composition.py": (
        "    return Publisher(\n        mqtt,\n",
        "    return Publisher(\n        __import__('dataclasses').replace(mqtt, spread_s=1e9),\n",
    )
}
"""It is in no hurry to connect."""
AS_AGENT = "runuser -u edge-agent --"


@dataclass
class Site:
    box: Box
    folder: Path
    releases: WheelServer
    subscriber: Subscriber
    broker: str
    boxes: Boxes

    @property
    def signature(self) -> str:
        return base64.b64encode((self.releases.served / "manifest.json.sig").read_bytes()).decode()

    def publish(self, version: str, changes: dict[str, tuple[str, str]] | None = None) -> None:
        release(self.folder / "wheelhouse", version, changes)
        self.releases.publish(self.folder / "wheelhouse", version)

    def push(self, wait_s: float = 400) -> subprocess.Popen[str]:
        """Run ``fleet push`` with the release that was published last."""
        command = [sys.executable, "-m", "fleet", "push", "dt-001", str(self.releases.served)]
        options = ["--ward", "de-tham", "--operator", str(self.folder / "operator.key")]
        return subprocess.Popen(
            [*command, *options, "--broker", self.broker, "--wait-s", str(wait_s)],
            cwd=ROOT / "ansible", env=os.environ | {"PYTHONPATH": f"{ROOT}/ansible:{ROOT}"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def pushed(self) -> tuple[int, str]:
        process = self.push()
        said, _ = process.communicate(timeout=500)
        return process.returncode, said

    def in_force(self) -> str:
        return os.readlink(self.box.root / "opt/edge-agent/current")

    def phase(self) -> str:
        """The present phase of root's program."""
        return str((self._published("now")).get("phase", ""))

    def last(self, id_: str) -> str:
        """The outcome of the last answered command."""
        last = self._published("last")
        return str(last["outcome"]) if last.get("id") == id_ else ""

    def _published(self, what: str) -> dict[str, object]:
        path = self.box.root / "var/lib/edge-agent-update/told.json"
        found: dict[str, dict[str, object] | None] = json.loads(path.read_text()) if path.exists() else {}
        return found.get(what) or {}

    def version(self) -> str:
        """The version in the last heartbeat."""
        beats = self.subscriber.on("/up/heartbeat")
        return str(json.loads(beats[-1].payload)["version"]) if beats else ""


@pytest.fixture(scope="module")
def site(boxes: Boxes, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A box with the units, root's program by its role, and no release yet."""
    if not WHEELHOUSE.is_dir():
        pytest.skip(f"there is no {WHEELHOUSE}: make wheelhouse-here")
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    with (
        Mosquitto(folder, f"listener {port} {network.address(1)}") as broker,
        Subscriber(broker.port, "tb/v1/#") as subscriber,
        WheelServer(folder / "releases", Authority(folder)) as releases,
    ):
        box = boxes.create("dt-001")
        libraries(WHEELHOUSE, box.root)
        write_operator(folder / "operator.key", box.root / "etc/edge-agent/operators/one.pem")
        settings = {
            "gateway": {"id": "dt-001", "ward": "de-tham"},
            "heartbeat_s": 5,
            "mqtt": {"brokers": [f"mqtt://{network.address(1)}:{port}"], "spread_s": 0},
            "detector": {"model": "none"},
            "commands": {"operator_keys": ["/etc/edge-agent/operators"]},
            "cameras": [],
        }
        (box.root / "etc/edge-agent/edge-agent.yaml").write_text(json.dumps(settings))
        put_units(box.root)
        boxes.boot(box)
        box.run("systemd-sysusers && systemd-tmpfiles --create && systemctl enable edge-agent")
        play_update(folder, box, releases.public)
        yield Site(box, folder, releases, subscriber, f"mqtt://127.0.0.1:{broker.port}", boxes)


def write_operator(private: Path, public: Path) -> None:
    key = Ed25519PrivateKey.generate()
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write_public(public, key)


def put_units(root: Path) -> None:
    """Install the units, as role edge_agent does."""
    for name, place in (
        ("edge-agent.sysusers", "usr/lib/sysusers.d/edge-agent.conf"),
        ("edge-agent.tmpfiles", "usr/lib/tmpfiles.d/edge-agent.conf"),
        ("edge-agent.service", "etc/systemd/system/edge-agent.service"),
    ):
        shutil.copy(ROOT / "systemd" / name, root / place)
    (root / "opt/edge-agent").mkdir()
    # With the low priority of a gateway it would take minutes beside other tests.
    quick = root / "etc/systemd/system/edge-agent-update.service.d/quick.conf"
    quick.parent.mkdir()
    quick.write_text("[Service]\nNice=0\nCPUWeight=100\nIOSchedulingClass=best-effort\n")


def play_update(folder: Path, box: Box, key: Path) -> None:
    inventory = folder / "inventory.ini"
    inventory.write_text(f"[gateways]\n{box.inventory_line()}\n")
    variables = {"update_public_key": str(key), "update_trial_s": 3, "update_settle_s": 20}
    book, options = ROOT / "ansible/update.yml", ("-e", json.dumps(variables))
    done = run_playbook(book, [inventory], *options, home=folder, ANSIBLE_PIPELINING="1")
    assert done.code == 0, done.text[-6000:]


def test_the_first_release_is_installed_from_the_inbox(site: Site) -> None:
    site.publish("0.1.0")
    manifest = (site.releases.served / "manifest.json").read_text()
    asked = {"id": "first", "manifest": manifest, "signature": site.signature}
    inbox = site.box.root / "var/lib/edge-agent/update"
    site.box.run(f"{AS_AGENT} mkdir -m 750 /var/lib/edge-agent/update")
    for wheel in (site.releases.served / "wheels").iterdir():
        shutil.copy(wheel, inbox)
    (site.box.root / "root/update").write_text(json.dumps(asked))
    site.box.run(
        "chown -R edge-agent: /var/lib/edge-agent/update"
        " && install -d -o edge-agent -g edge-agent -m 750 /run/edge-agent"
        " && install -d -o edge-agent -g edge-agent -m 770 /run/edge-agent/requests"
        " && install -o edge-agent -g edge-agent -m 640 /root/update /run/edge-agent/requests/update"
    )
    wait_until(lambda: site.last("first") == "in-force", 180, "the first release")
    assert site.in_force() == "0.1.0"
    site.subscriber.wait_for(lambda: site.version() == "0.1.0", 60)


def test_a_good_release_stays(site: Site) -> None:
    site.publish("0.2.0")
    code, said = site.pushed()
    assert code == 0, said
    assert "0 are missing" in said
    assert said.splitlines()[-1] == "succeeded: 0.2.0 is in force and connected; before it was 0.1.0"
    assert site.in_force() == "0.2.0"
    site.subscriber.wait_for(lambda: site.version() == "0.2.0", 60)
    site.box.run("test ! -e /run/edge-agent/requests/update")
    assert site.box.run("ls -A /var/lib/edge-agent/update") == ""


def test_a_release_that_crashes_at_import_goes_back(site: Site) -> None:
    site.publish("0.3.0", CRASHING)
    code, said = site.pushed()
    assert code == 1, said
    assert "failed: 0.3.0 failed its trial: crashing: it ended" in said
    assert site.in_force() == "0.2.0"


def test_a_deaf_release_goes_back_although_the_power_fails_in_the_middle(site: Site) -> None:
    site.publish("0.4.0", DEAF)
    process = site.push()
    wait_until(lambda: site.phase() == "trial" or process.poll() is not None, 400, "the trial")
    assert process.poll() is None, process.communicate()[0] + site.box.run("journalctl -n 60 --no-pager")
    assert site.in_force() == "0.4.0"
    site.box.pull_the_plug()
    site.boxes.boot(site.box)
    said, _ = process.communicate(timeout=500)
    assert process.returncode == 1, said
    assert "failed: 0.4.0 failed its trial: unhealthy: no broker for 2" in said
    assert site.in_force() == "0.2.0"
    # The verdict is bad, so the unit has failed, which the box also reports until the next update.
    assert "edge-agent-update.service" in site.box.run("systemctl list-units --failed --no-legend")
