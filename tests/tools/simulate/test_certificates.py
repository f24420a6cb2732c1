"""A simulated fleet at a broker as the role ``broker`` configures it: one certificate each, the ACL, the
centre."""

from __future__ import annotations

from pathlib import Path

from tests.edge_central.parts import Centre
from tests.fleet.broker_side import OPERATOR, FleetBroker
from tests.testbed.mosquitto import wait_until
from tests.tools.simulate.test_run import simulate

SITES = {"sim-001": "de-tham", "sim-002": "de-tham", "sim-003": "bo-xuyen", "sim-004": "bo-xuyen"}


def test_certificates_acl_and_centre_let_a_simulated_fleet_through(tmp_path: Path) -> None:
    with FleetBroker(tmp_path, SITES) as broker:
        folder = tmp_path / "certificates"
        folder.mkdir()
        (folder / "ca.crt").write_bytes(broker.ca.read_bytes())
        for name in (*SITES, "central", OPERATOR):
            made = broker.issue(name)
            (folder / f"{name}.crt").write_bytes(made.cert.read_bytes())
            (folder / f"{name}.key").write_bytes(made.key.read_bytes())
        tls = {
            "brokers": [f"mqtts://127.0.0.1:{broker.port}"],
            "ca_file": str(folder / "ca.crt"),
            "cert_file": str(folder / "central.crt"),
            "key_file": str(folder / "central.key"),
        }
        with Centre(tmp_path / "centre", broker.port, "de-tham", "bo-xuyen", mqtt=tls) as centre:
            wait_until(lambda: "as central" in broker.log, what="the centre")
            totals = simulate(
                tls["brokers"][0],
                *("--certificates", str(folder), "--ca-file", str(folder / "ca.crt")),
                *("--cert-file", str(folder / f"{OPERATOR}.crt")),
                *("--key-file", str(folder / f"{OPERATOR}.key")),
                *("--sites", "4", "--wards", "de-tham,bo-xuyen", "--duration-s", "2", "--time-factor", "100"),
            )
            assert totals["counts"]["confirmed"] == centre.status().events > 0
            assert totals["refused"] == 0
