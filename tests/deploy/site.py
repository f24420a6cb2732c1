"""The control machine of a test: an inventory of a broker and one site, and playbooks run against them."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Sequence
from pathlib import Path

from tests.deploy.boxes import Box, Boxes
from tests.deploy.control import ROOT, Play, run_playbook
from tests.testbed.mosquitto import Subscriber

SITE = "dt-001"
WARD = "de-tham"
PASSWORD = "s3cret-of-cam-1"
WATCHER = "watcher"
CONSOLE_PORT = 8443
"""A subscriber of the centre, with a certificate of the same CA."""
CLOCK = {"clock": "the clock of the test's machine"}
"""Accepted: a container has its host's clock, which may not be synchronised."""
ACCEPTED = re.compile(
    rf"{SITE} \(Lý Thường Kiệt – Lê Quý Đôn\) is (READY: no faults|ACCEPTED WITH 1 defect: clock)\."
)
"""The last line of `commission.yml` in English where only ``CLOCK`` may be red."""


class Provisioning:
    """``broker`` and ``box`` are blank at the start; all files of the control machine are below
    ``folder``."""

    def __init__(
        self, folder: Path, boxes: Boxes, wheelhouse: Path, camera_url: str, box: Box | None = None
    ) -> None:
        """``box``: one that runs already, instead of a blank one."""
        self.broker, self.box = boxes.start("broker-1"), box or boxes.start(SITE)
        self.prepared = self.stands = False
        self.wheelhouse = wheelhouse
        self.accepted = ""
        """What `commission.yml` said when the cameras were there."""
        self._folder = folder
        self._inventory = folder / "inventory.ini"
        self._vars = folder / "vars.json"
        self.vars: dict[str, object] = {
            "pki_ca_passphrase": "only for this test of provisioning",
            "pki_directory": str(folder / "pki"),
            "broker_certificate_names": ["DNS:broker-1", f"IP:{self.broker.address}"],
            "base_admin_keys": [boxes.public_key],
            "time_sources": [{"address": "ntp.ward.example"}, {"address": "vn.pool.ntp.org", "kind": "pool"}],
            "servers_base": True,
            "broker_central_users": ["central", WATCHER],
            "central_console": {"listen": f"0.0.0.0:{CONSOLE_PORT}"},
            "central_console_names": [f"IP:{self.broker.address}"],
            "central_console_from": [f"{self.broker.address}/24"],
            "site_reports": str(folder / "reports"),
            "site_accept": CLOCK,
            "edge_agent_ward": WARD,
            "edge_agent_ward_name": "Đề Thám",
            "edge_agent_site_name": "Lý Thường Kiệt – Lê Quý Đôn",
            "edge_agent_latitude": 20.4463,
            "edge_agent_longitude": 106.3366,
            "edge_agent_board": "generic-x86_64",
            "edge_agent_brokers": [f"mqtts://{self.broker.address}:8883"],
            "edge_agent_cameras": [{"id": "cam-1", "url": camera_url, "username": "viewer"}],
            "edge_agent_camera_passwords": {"cam-1": PASSWORD},
            "edge_agent_settings": {
                "mqtt": {"spread_s": 0, "delivery": "confirmed"},
                "heartbeat_s": 5,
                "detector": {"budget_per_s": 2},  # this machine is busy
            },
        }

    def give_cameras(self, urls: Sequence[str], password: str) -> None:
        """Add ``cam-1`` and so on to the inventory."""
        names = {f"cam-{number}": url for number, url in enumerate(urls, 1)}
        cameras = [{"id": name, "url": url, "username": "viewer"} for name, url in names.items()]
        self.vars["edge_agent_cameras"] = cameras
        self.vars["edge_agent_camera_passwords"] = dict.fromkeys(names, password)

    def provision(self) -> None:
        """Provision blank boxes to a site whose camera is not delivered yet; once."""
        if not self.stands:
            self.prepare()
            self.play_well("commission.yml", site_accepts_red=True)
            self.stands = True

    def prepare(self) -> None:
        """Run prepare.yml; once."""
        if not self.prepared:
            self.play_well("servers.yml")
            self.play_well("prepare.yml")
            self.prepared = True

    def play(self, book: str, *options: str, **more: object) -> Play:
        """Run a playbook of ``ansible/``; ``more`` are variables of this run."""
        self._inventory.write_text(
            f"[gateways]\n{self.box.inventory_line(SITE)}\n"
            # The centre has a wheelhouse of its own; here it runs on the broker's machine.
            f"[gateways:vars]\nrelease_wheelhouse={self.wheelhouse}\n"
            f"[brokers]\n{self.broker.inventory_line()}\n[central]\n{self.broker.name}\n"
        )
        self._vars.write_text(json.dumps(self.vars | more), encoding="utf-8")
        return run_playbook(
            ROOT / "ansible" / book, [self._inventory], "-e", f"@{self._vars}", *options, home=self._folder,
            # The counts of its recap; what a technician sees is tested in test_guide.py.
            ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default",
        )  # fmt: skip

    def play_well(self, book: str, *options: str, **more: object) -> Play:
        played = self.play(book, *options, **more)
        assert played.code == 0, played.text[-6000:] + self._of_the_broker()
        return played

    def _of_the_broker(self) -> str:
        """Return the end of the broker's journal, which is in memory and lost with the box."""
        return "\n" + self.broker.ssh("sudo journalctl -u mosquitto -n 60 --no-pager").stdout

    @property
    def report(self) -> str:
        """The commissioning report, as `commission.yml` fetched it last."""
        return Path(str(self.vars["site_reports"]), f"{SITE}.html").read_text(encoding="utf-8")

    def retained(self) -> dict[str, str]:
        """The site's retained data at the broker: ward, state, version."""
        found: dict[str, dict[str, str]] = json.loads(self.broker.run("edge-broker states"))
        return found.get(SITE, {})

    def reports(self, version: str = "") -> bool:
        known = self.retained()
        return known.get("state") == "online" and version in ("", known.get("version"))

    def watch(self, *topics: str) -> Subscriber:
        """Subscribed with a certificate that the role pki makes, over the open port, as the centre is. It is
        looked at each time: the CA may have been changed."""
        folder = "/root/watcher"
        self.play_well("user.yml", user=WATCHER, user_folder=folder)
        kept = self.broker.root / folder[1:]
        tls = ssl.create_default_context(cafile=str(kept / "ca.crt"))
        tls.load_cert_chain(kept / "client.crt", kept / "client.key")
        return Subscriber(8883, *topics, client_id=WATCHER, host=self.broker.address, tls=tls)


def agent_pid(box: Box) -> int:
    return int(box.run("systemctl show -P MainPID edge-agent"))
