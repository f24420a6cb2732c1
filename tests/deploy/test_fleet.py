"""A broker and three boxes: an update that fails halfway, certificates, a box that is lost.

The tests follow one another, as the life of a fleet does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.boxes import Box, Boxes, wait_until
from tests.deploy.control import Control
from tests.deploy.handshake import handshake
from tests.deploy.network import Network
from tests.deploy.stand_in import wheelhouse
from tests.testbed.mosquitto import Authority
from tests.update.wheel_server import WheelServer

pytestmark = pytest.mark.xdist_group("fleet")

DE_THAM = "Đề Thám"
STAND_IN = Path(__file__).parent / "stand_in.yml"
SITES = ("dt-001", "dt-002", "dt-003")


@dataclass
class Fleet:
    control: Control
    broker: Box
    boxes: dict[str, Box]

    def states(self) -> dict[str, dict[str, str]]:
        """The retained data of each gateway at the broker."""
        found: dict[str, dict[str, str]] = json.loads(self.broker.run("edge-broker states"))
        return found

    def versions(self) -> dict[str, str]:
        """The versions of the online gateways."""
        return {name: at["version"] for name, at in self.states().items() if at.get("state") == "online"}

    def in_force(self, site: str) -> str:
        return self.boxes[site].run("readlink /opt/edge-agent/current")


@pytest.fixture(scope="module")
def fleet(boxes: Boxes, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    broker = boxes.start("broker-1")
    sites = {name: boxes.start(name) for name in SITES}
    folder = tmp_path_factory.mktemp("control")
    control = Control(folder, broker, roles=[Path(__file__).parent / "stand_in_roles"])
    control.write_sheet({name: (DE_THAM, box) for name, box in sites.items()})
    wheelhouse(control.wheels, "0.1.0")
    wheelhouse(control.wheels, "0.2.0", bad_on=("dt-002",))
    wheelhouse(control.wheels, "0.3.0")
    return Fleet(control, broker, sites)


def test_the_broker_is_provisioned_and_the_second_run_changes_nothing(fleet: Fleet) -> None:
    fleet.control.play_well("servers.yml")
    again = fleet.control.play_well("servers.yml", "--diff")
    assert again.recap("broker-1")["changed"] == 0, again.text
    listening = fleet.broker.run("ss -tlnH")
    assert "0.0.0.0:8883" in listening
    assert "127.0.0.1:8884" in listening
    assert ":1883" not in listening, "nothing without TLS"


def test_boxes_get_certificates_and_report_over_mutual_tls(fleet: Fleet) -> None:
    fleet.control.play_well(STAND_IN)
    wait_until(lambda: set(fleet.versions()) == set(SITES), 30, "three boxes online")
    again = fleet.control.play_well(STAND_IN)
    assert [again.recap(site)["changed"] for site in SITES] == [0, 0, 0], again.text
    keys = fleet.boxes["dt-001"].run("stat -c '%U:%G %a' /etc/edge-agent/tls/client.key")
    assert keys == "root:edge-agent 640"
    assert not list(fleet.control.authority.rglob("client.key")), "a box's key never leaves it"


def test_a_certificate_is_renewed_for_the_same_key_before_it_ends(fleet: Fleet) -> None:
    box, tls = fleet.boxes["dt-002"], "/etc/edge-agent/tls"
    newest = f"cat {tls}/next/client.crt {tls}/client.crt 2>/dev/null"  # of the next slot, if there is one
    facts = f"sha256sum < {tls}/client.key; {newest} | openssl x509 -noout -serial"
    key, serial = box.run(facts).splitlines()
    early = ("-l", "dt-002", "-e", '{"pki_days": 800, "pki_renew_days": 740}')
    fleet.control.play_well(STAND_IN, *early)
    assert box.run(facts).splitlines()[0] == key
    assert box.run(facts).splitlines()[1] != serial
    assert handshake(box, fleet.broker, tls) == "let in"


def test_a_release_that_cannot_be_installed_leaves_nothing_of_it(fleet: Fleet) -> None:
    wheelhouse(fleet.control.wheels, "0.1.5", needs="a-wheel-that-is-missing")
    play = fleet.control.play("rollout.yml", "-e", "version=0.1.5")
    assert play.code != 0
    assert "dt-001: 0.1.5 cannot be installed, and nothing of it is left" in play.text
    assert "a-wheel-that-is-missing" in play.text, "and why"
    assert set(fleet.boxes["dt-001"].run("ls /opt/edge-agent").split()) == {"current", "wheels", "0.1.0"}
    assert fleet.versions() == dict.fromkeys(SITES, "0.1.0")


def test_a_bad_release_stops_at_the_box_it_breaks_and_that_box_comes_back(fleet: Fleet) -> None:
    fleet.boxes["dt-003"].run("systemctl stop edge-agent")
    wait_until(lambda: "dt-003" not in fleet.versions(), 30, "dt-003 offline")
    play = fleet.control.play(
        "rollout.yml", "-e", "version=0.2.0", "-e", "rollout_timeout_s=60 rollout_stay_s=5"
    )
    assert play.code != 0
    assert "dt-002: " in play.text
    assert "It is back on 0.1.0 and reports." in play.text
    assert fleet.in_force("dt-001") == "0.2.0"
    assert fleet.in_force("dt-002") == "0.1.0"
    assert fleet.in_force("dt-003") == "0.1.0", "a box that was offline before is left alone"
    mark = "offline:" if "offline:" in play.text else '"offline"'
    offline = play.text.split(mark, 1)[1]
    assert "dt-003" in offline[:60], "and listed"
    assert fleet.versions() == {"dt-001": "0.2.0", "dt-002": "0.1.0"}


def test_the_next_good_release_goes_everywhere(fleet: Fleet) -> None:
    fleet.boxes["dt-003"].run("systemctl start edge-agent")
    wait_until(lambda: "dt-003" in fleet.versions(), 30, "dt-003 online")
    fleet.control.play_well("rollout.yml", "-e", "version=0.3.0 rollout_stay_s=5", "-l", "ward_de_tham")
    assert fleet.versions() == dict.fromkeys(SITES, "0.3.0")
    kept = set(fleet.boxes["dt-001"].run("ls /opt/edge-agent").split())
    assert kept == {"current", "wheels", "0.2.0", "0.3.0"}, "the one before stays, older ones go"
    left = fleet.boxes["dt-001"].run("cd /opt/edge-agent/wheels && ls edge_agent-*").split()
    wheels = {name.split("-")[1] for name in left}
    assert wheels == {"0.2.0", "0.3.0"}, "and their wheels with them"


def test_a_decommissioned_box_is_out_and_leaves_nothing(fleet: Fleet) -> None:
    early = fleet.control.play("decommission.yml", "-e", "site=dt-002")
    assert early.code != 0
    assert "take its rows out of sites.csv" in early.text
    fleet.control.write_sheet({site: (DE_THAM, fleet.boxes[site]) for site in ("dt-001", "dt-003")})
    fleet.control.play_well("decommission.yml", "-e", "site=dt-002")
    assert handshake(fleet.boxes["dt-002"], fleet.broker, "/etc/edge-agent/tls") == "refused"
    revoked = sorted(path.name for path in (fleet.control.authority / "revoked").iterdir())
    assert len(revoked) == 2, f"the renewed one and the one before it, not {revoked}"
    assert set(fleet.states()) == {"dt-001", "dt-003"}
    assert set(fleet.versions()) == {"dt-001", "dt-003"}, "nobody else was cut off for good"
    assert "dt-002" not in fleet.broker.run("cat /etc/mosquitto/edge/acl")


def test_a_box_that_no_ssh_reaches_pulls_a_signed_release_and_leaves_a_bad_one(
    fleet: Fleet, network: Network, tmp_path: Path
) -> None:
    box, authority = fleet.boxes["dt-003"], Authority(tmp_path)
    with WheelServer(tmp_path / "server", authority, network.address(1)) as server:
        (box.root / "etc/edge-agent/releases-ca.crt").write_bytes(authority.cert.read_bytes())
        variables = {
            "update_url": server.url,
            "update_public_key": str(server.public),
            "update_ca_file": "/etc/edge-agent/releases-ca.crt",
            "update_trial_s": 3,
            "update_settle_s": 20,
        }
        fleet.control.play_well("update.yml", "-l", "dt-003", "-e", json.dumps(variables))
        assert "edge-agent-update.timer" in box.run("systemctl list-timers --all")
        server.publish(wheelhouse(fleet.control.wheels, "0.4.0"), "0.4.0")
        box.run("systemctl start edge-agent-update.service", 120)
        assert fleet.in_force("dt-003") == "0.4.0"
        assert fleet.versions()["dt-003"] == "0.4.0"

        server.publish(wheelhouse(fleet.control.wheels, "0.5.0", bad_on=("dt-003",)), "0.5.0")
        assert box.ssh("sudo systemctl start edge-agent-update.service", 120).returncode != 0
        journal = box.run("journalctl -u edge-agent-update.service")
        assert "0.5.0 failed its trial: crashing: it ended" in journal
        assert fleet.in_force("dt-003") == "0.4.0"
        wait_until(lambda: fleet.versions().get("dt-003") == "0.4.0", 30, "the box on its old release")


def test_certificates_may_come_from_another_ca(fleet: Fleet, tmp_path: Path) -> None:
    authority, own = Authority(tmp_path, "another CA"), tmp_path / "own"
    own.mkdir()
    names = f"DNS:broker-1,IP:{fleet.broker.address},IP:127.0.0.1"
    made = {name: authority.issue(name, san=names) for name in ("broker-1", "dt-003", "fleet-operator")}
    for name, issued in made.items():
        (own / f"{name}.crt").write_bytes(issued.cert.read_bytes())
        (own / f"{name}.key").write_bytes(issued.key.read_bytes())
    authority.write_crl(own / "crl.pem")
    fleet.control.set_variables(
        pki_source="own",
        pki_own_ca=str(authority.cert),
        pki_own_crl=str(own / "crl.pem"),
        pki_own_certificate=f"{own}/{{{{ inventory_hostname }}}}.crt",
        pki_own_key=f"{own}/{{{{ inventory_hostname }}}}.key",
        broker_operator_own_certificate=f"{own}/fleet-operator.crt",
        broker_operator_own_key=f"{own}/fleet-operator.key",
    )
    fleet.control.play_well("servers.yml")
    box = fleet.boxes["dt-003"]
    shaken = handshake(box, fleet.broker, "/etc/edge-agent/tls")
    assert shaken != "let in", "the CA before is nobody's any more"
    fleet.control.play_well(STAND_IN, "-l", "dt-003")
    box.run("systemctl restart edge-agent")
    wait_until(lambda: "dt-003" in fleet.versions(), 30, "dt-003 online with its own certificate")
    # It stays in the next slot: the stand-in does not note that the broker accepted it.
    assert "another CA" in box.run("openssl x509 -in /etc/edge-agent/tls/next/client.crt -noout -issuer")

    made["dt-003"].cert.replace(own / "dt-001.crt")
    (own / "dt-003.key").rename(own / "dt-001.key")
    wrong = fleet.control.play(STAND_IN, "-l", "dt-001")
    assert wrong.code != 0
    assert "is for dt-003" in wrong.text, "nobody gets another one's certificate by accident"
