"""The broker of a lab: as the role ``broker`` configures it, with a CA and certificates that are made now."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.scale.certificates import Issuer
from demo.lab.children import Children
from demo.lab.sheet import REAL_SITES
from edge_agent.tools.simulate.scenario import SimulatedSite
from tests.fleet.broker_side import OPERATOR, FleetBroker
from tests.testbed.mosquitto import binary

LIFE = timedelta(days=90)
"""Of the certificates: gateways warn of one that ends within weeks."""
CENTRE, REQUESTS, ONVIF, ONVIF_READER = "central", "central-console", "central-onvif", "vms"
"""Users of the broker, as in production: the centre, the commands of its console, its ONVIF events, and a
program that reads these."""
WARD_READER, READ_WARD = "ward-de-tham", "de-tham"
"""A user that may read what the gateways of one ward send, and that ward."""


class LabBroker:
    """Mosquitto with TLS, a certificate for each client, and the ACL of the fleet. ``certificates``: a folder
    with ``ca.crt`` and ``NAME.crt`` and ``NAME.key`` of all clients and of the console."""

    def __init__(self, folder: Path, simulated: Sequence[SimulatedSite]) -> None:
        wards = {site.id: site.ward for site in REAL_SITES} | {site.id: site.ward for site in simulated}
        ends = datetime.now(UTC) + LIFE
        valid = (f"{ends - LIFE - timedelta(days=1):%Y%m%d%H%M%SZ}", f"{ends:%Y%m%d%H%M%SZ}")
        users = {"broker_onvif_users": [ONVIF], "broker_onvif_readers": [{"name": ONVIF_READER}]}
        readers = [{"name": WARD_READER, "ward": READ_WARD}]
        self._fleet = FleetBroker(folder, wards, readers, users=users, valid=valid)
        self.port = self._fleet.port
        self.certificates = folder / "certificates"
        self.certificates.mkdir(mode=0o700)
        self.ca = self.certificates / "ca.crt"
        self.ca.write_bytes(self._fleet.ca.read_bytes())
        issuer = Issuer(self._fleet.ca, self._fleet.ca.with_name("ca.key"), LIFE)
        clients = (CENTRE, REQUESTS, ONVIF, ONVIF_READER, WARD_READER, OPERATOR)
        issuer.issue_all(self.certificates, (*clients, *wards))
        console = self._fleet.issue("console", san="IP:127.0.0.1,DNS:localhost")
        for source, name in ((console.cert, "console.crt"), (console.key, "console.key")):
            target = self.certificates / name
            target.touch(mode=0o600)
            target.write_bytes(source.read_bytes())

    @property
    def url(self) -> str:
        return f"mqtts://127.0.0.1:{self.port}"

    def files(self, name: str) -> dict[str, str]:
        """Certificate and key of a client, as in its configuration."""
        return {
            "cert_file": str(self.certificates / f"{name}.crt"),
            "key_file": str(self.certificates / f"{name}.key"),
        }

    def mqtt(self, name: str) -> dict[str, object]:
        """The section ``mqtt`` of a client's configuration."""
        return {"brokers": [self.url], "ca_file": str(self.ca), "spread_s": 0, **self.files(name)}

    def options(self, name: str) -> list[str]:
        """Options of the commands of ``edge-agent`` that connect as this client."""
        files = self.files(name)
        tls = ["--ca-file", str(self.ca), "--cert-file", files["cert_file"], "--key-file", files["key_file"]]
        return ["--broker", self.url, *tls]

    def reading(self, name: str, topics: str) -> list[str]:
        """The command with which a client reads topics."""
        files = self.files(name)
        tls = ["--cafile", str(self.ca), "--cert", files["cert_file"], "--key", files["key_file"]]
        return ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.port), *tls, "-v", "-t", f"'{topics}'"]

    def subscriber(self) -> list[str]:
        """The command with which the guide's program prints the events of READ_WARD."""
        files = self.files(WARD_READER)
        program = ["docs/guide/subscriber.py", f"127.0.0.1:{self.port}", READ_WARD]
        return [sys.executable, *program, str(self.ca), files["cert_file"], files["key_file"]]

    def start(self, children: Children) -> None:
        children.start("broker", [binary(), "-c", str(self._fleet.configuration)])
        log = children.log("broker")
        children.wait_until(lambda: "running" in log.read_text(errors="replace"), "the broker")
