"""Root's program for the network, in a root of its own: what it writes, activates, refuses and gives back."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import edge_network
from edge_agent.host.system.network_settings import (
    AddressSettings,
    CameraNetworkSettings,
    NetworkAnswer,
    NetworkSettings,
    RootNetwork,
    SimSettings,
)
from edge_network import ANSWER, MODEM_ONLY, NETWORKS, PROFILES, REQUEST, Network, answer_request
from edge_network_settings import Refused, lan_profile, sim_card, sim_profile, static_address

LAN = {"address": "10.0.0.9/24", "gateway": "10.0.0.1", "dns": ["10.0.0.1"]}
CARD = {"apn": "v-internet"}


class Root:
    """A gateway's files; its programs write down that they ran, and fail where a test says so."""

    def __init__(self, folder: Path, *, interfaces: tuple[str, ...] = ("eth0",), active: str) -> None:
        self.folder, self.ran = folder, folder / "ran"
        for name in interfaces:
            (folder / f"sys/class/net/{name}/device").mkdir(parents=True)
            (folder / f"sys/class/net/{name}/type").write_text("1\n")
        (folder / "sys/class/net/lo").mkdir(parents=True)
        (folder / "sys/class/net/lo/type").write_text("772\n")
        (folder / "usr/bin").mkdir(parents=True)
        self.program("systemctl", f'test "$3" = {active}')
        for name in ("nmcli", "networkctl", "mmcli"):
            self.program(name, "")
        self.network = Network(folder, modem_wait_s=0)

    def program(self, name: str, script: str) -> None:
        path = self.folder / "usr/bin" / name
        log = "" if name == "systemctl" else f'echo "{name} $*" >> {self.ran}\n'
        path.write_text(f"#!/bin/sh\n{log}{script}\n")
        path.chmod(0o755)

    def default_route(self, interface: str) -> None:
        path = self.folder / "proc/net/route"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Iface\tDestination\n{interface}\t00000000\t0100000A\n")

    def apply(self, *, wait: bool = False, **settings: Any) -> str:
        return self.network.apply(settings, wait=wait)

    def commands(self) -> list[str]:
        """What ran since the last call."""
        found = self.ran.read_text().splitlines() if self.ran.exists() else []
        self.ran.unlink(missing_ok=True)
        return found

    def profile(self, name: str) -> str:
        return (self.folder / PROFILES / f"{name}.nmconnection").read_text()

    def ask(self, request: Any) -> dict[str, str]:
        path = self.folder / REQUEST
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(request if isinstance(request, str) else json.dumps(request))
        answer_request(self.network)
        assert not path.exists()
        answer: dict[str, str] = json.loads((self.folder / ANSWER).read_text())
        return answer


@pytest.fixture
def manager(tmp_path: Path) -> Root:
    return Root(tmp_path, active="NetworkManager")


@pytest.fixture
def networkd(tmp_path: Path) -> Root:
    return Root(tmp_path, active="systemd-networkd")


def test_a_static_address_is_beside_dhcp_whose_route_is_preferred(manager: Root) -> None:
    assert manager.apply(lan=LAN) == "eth0"
    text = manager.profile("edge-lan-eth0")
    for line in ("method=auto", "address1=10.0.0.9/24", "route1=0.0.0.0/0,10.0.0.1,600", "dns=10.0.0.1;"):
        assert line in text.splitlines()
    assert manager.commands() == ["nmcli connection reload", "nmcli --wait 0 connection up edge-lan-eth0"]
    assert manager.apply(lan=LAN) == ""
    assert manager.commands() == [], "the second run changes nothing"


def test_systemd_networkd_gets_the_same_address(networkd: Root) -> None:
    assert networkd.apply(lan=LAN, cameras={"address": "10.9.1.1/24"}) == "eth0"
    path = networkd.folder / NETWORKS / "05-edge-eth0.network"
    assert path.read_text().split("\n\n") == [
        "[Match]\nName=eth0",
        "[Network]\nDHCP=yes\nLinkLocalAddressing=yes\nDNS=10.0.0.1",
        "[Address]\nAddress=10.0.0.9/24\nDuplicateAddressDetection=ipv4",
        "[Address]\nAddress=10.9.1.1/24\nDuplicateAddressDetection=ipv4",
        "[Route]\nGateway=10.0.0.1\nMetric=600",
        "[DHCPv4]\nRouteMetric=100\n",
    ]
    assert networkd.commands() == ["networkctl reload", "networkctl reconfigure eth0"]
    assert networkd.apply(lan=None, cameras=None) == "eth0"
    assert not path.exists()
    assert networkd.commands() == ["networkctl reload", "networkctl reconfigure eth0"]


def test_systemd_networkd_prefers_the_address_to_the_file_of_netplan(networkd: Root) -> None:
    netplan = networkd.folder / "run/systemd/network/10-netplan-eth0.network"
    netplan.parent.mkdir(parents=True)
    netplan.write_text("[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\n")
    folder = networkd.folder / NETWORKS
    networkd.apply(lan=LAN)
    (folder / "05-edge-eth0.network").rename(folder / "20-edge-eth0.network")  # of a former release
    networkd.commands()
    assert networkd.apply(lan=LAN) == "eth0"
    assert networkd.commands() == ["networkctl reload", "networkctl reconfigure eth0"]
    (ours,) = folder.iterdir()
    assert "Address=10.0.0.9/24" in ours.read_text()
    assert min(ours.name, netplan.name) == ours.name, "networkd uses the first that matches"
    assert networkd.apply(lan=LAN) == ""


def test_the_cameras_network_has_its_own_interface_without_a_route(tmp_path: Path) -> None:
    root = Root(tmp_path, interfaces=("eth0", "eth1"), active="NetworkManager")
    cameras = {"address": "10.9.1.1/24", "interface": "eth1"}
    assert root.apply(lan=LAN | {"interface": "eth0"}, cameras=cameras)
    text = root.profile("edge-lan-eth1").splitlines()
    assert {"method=manual", "never-default=true", "address1=10.9.1.1/24"} <= set(text)
    root.commands()
    assert root.apply(lan=None) == "eth0", "what is left out stays"
    assert root.commands() == ["nmcli connection reload", "nmcli --wait 30 device connect eth0"]
    assert root.profile("edge-lan-eth1")


@pytest.mark.parametrize(
    ("active", "written"),
    [
        ("NetworkManager", {"method=auto", "route-metric=2000", "address1=10.9.1.1/24"}),
        ("systemd-networkd", {"DHCP=yes", "RouteMetric=2000", "Address=10.9.1.1/24"}),
    ],
)
def test_an_address_for_cameras_on_the_uplinks_port_leaves_dhcp_on(
    tmp_path: Path, active: str, written: set[str]
) -> None:
    root = Root(tmp_path, active=active)
    root.default_route("eth0")
    assert root.apply(cameras={"address": "10.9.1.1/24"}) == "eth0"
    (path,) = [path for path in (tmp_path / "etc").rglob("*eth0*") if path.is_file()]
    assert written <= set(path.read_text().splitlines())
    root.default_route("wwan0")  # the cable is out
    assert root.apply(cameras={"address": "10.9.1.1/24"}) == ""
    root.apply(lan=LAN)
    root.apply(lan=None)
    assert written <= set(path.read_text().splitlines())


def test_without_a_name_the_interface_with_the_default_route_is_meant(tmp_path: Path) -> None:
    root = Root(tmp_path, interfaces=("eth0", "eth1"), active="NetworkManager")
    with pytest.raises(Refused, match="there is eth0, eth1"):
        root.apply(lan=LAN)
    root.default_route("eth1")
    assert root.apply(lan=LAN) == "eth1"


def test_where_another_program_manages_ethernet_nothing_is_written(manager: Root) -> None:
    (manager.folder / MODEM_ONLY).parent.mkdir(parents=True)
    (manager.folder / MODEM_ONLY).touch()  # role base installed NetworkManager for the modem only
    with pytest.raises(Refused, match="/etc/network/interfaces"):
        manager.apply(lan=LAN)
    assert not (manager.folder / PROFILES).exists()


WRONG = [
    ({"lan": {"address": "10.0.0.9"}}, "with its network"),
    ({"lan": {"address": "10.0.0.0/24"}}, "not the address of a machine"),
    ({"lan": {"address": "10.0.0.9/24", "gateway": "10.0.1.1"}}, "another address of 10.0.0.0/24"),
    ({"lan": {"address": "10.0.0.9/24", "gateway": "10.0.0.9"}}, "another address"),
    ({"lan": {"address": "10.0.0.9/24", "dns": ["dns.example"]}}, "dns.example"),
    ({"lan": {"address": "10.0.0.9/24", "dns": [8]}}, "'8'"),
    ({"lan": {"address": "10.0.0.9/24", "interface": "eth0\nx=1"}}, "an interface such as eth0"),
    ({"lan": {"address": "10.0.0.9/24", "interface": "eth7"}}, "there is eth0"),
    ({"lan": {"address": ["10.0.0.9/24"]}}, "is a text"),
    ({"lan": "10.0.0.9/24"}, "it has the settings"),
    ({"cameras": {"address": "10.9.1.1/24", "gateway": "10.9.1.2"}}, "has none"),
    ({"sim": {"apn": "v internet"}}, "access point name"),
    ({"sim": {"apn": "v-internet\n[802-1x]"}}, "access point name"),
    ({"sim": {"apn": "v-internet", "password": "a\nb"}}, "control characters"),
    ({"sim": {"apn": "v-internet", "pin": "12"}}, "4 to 8 digits"),
    ({"sim": {"apn": "v-internet", "modem": "../x"}}, "control port"),
    ({"sim": {"apn": "v-internet", "rc": "x"}}, "it has the settings"),
    ({"wifi": {}}, "sim, lan and cameras"),
]


@pytest.mark.parametrize(("settings", "reason"), WRONG, ids=lambda each: str(each)[:50])
def test_wrong_settings_are_refused_and_nothing_is_written(
    manager: Root, settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        manager.apply(**settings)
    assert not (manager.folder / "etc").exists()
    assert manager.commands() == []


def test_the_sim_card_is_written_and_its_secrets_are_for_root_only(manager: Root) -> None:
    card = CARD | {"username": " edge", "password": r"a\b;c", "pin": "0123", "modem": "cdc-wdm0"}
    assert manager.apply(sim=card) == "the SIM card"
    assert manager.commands() == ["mmcli -m any -J", "nmcli connection reload"]
    text = manager.profile("edge-uplink").splitlines()
    wanted = {r"username=\sedge", r"password=a\\b;c", "pin=0123", "interface-name=cdc-wdm0", "apn=v-internet"}
    assert wanted <= set(text)
    assert (manager.folder / PROFILES / "edge-uplink.nmconnection").stat().st_mode & 0o777 == 0o600
    assert manager.apply(sim=card) == ""
    assert manager.apply(sim=None) == "the SIM card"
    assert not list((manager.folder / PROFILES).iterdir())


@pytest.mark.skipif(shutil.which("nmcli") is None, reason="network-manager is not installed")
def test_networkmanager_itself_reads_what_is_written() -> None:
    def read(text: str) -> str:
        done = subprocess.run(
            ["nmcli", "--offline", "connection", "modify", "connection.zone", "x"],
            input=text.encode(),
            capture_output=True,
            check=True,
            timeout=20,
        )
        return done.stdout.decode()

    card = read(sim_profile(sim_card(CARD | {"username": " edge", "password": r"a\b;c", "pin": "0123"})))
    assert {r"username=\sedge", r"password=a\\b;c", "pin=0123"} <= set(card.splitlines())
    second = static_address({"address": "10.9.1.1/24"}, "x")
    lan = set(read(lan_profile("eth0", static_address(LAN, "lan"), second, keeps_dhcp=True)).splitlines())
    assert {"address1=10.0.0.9/24", "address2=10.9.1.1/24", "dns=10.0.0.1;"} <= lan
    assert "route1=0.0.0.0/0,10.0.0.1,600" in lan
    assert "route-metric=2000" in read(lan_profile("eth0", None, second, keeps_dhcp=True)).splitlines()


def test_a_request_is_answered_with_its_id_and_the_card_is_connected(manager: Root) -> None:
    answer = manager.ask({"id": "ab12", "sim": CARD})
    assert answer == {"id": "ab12", "outcome": "done", "detail": "the SIM card", "code": "", "names": ""}
    assert manager.commands() == ["nmcli connection reload", "nmcli --wait 60 connection up edge-uplink"]


def modem(required: str, attempts: int) -> str:
    """A script that answers as mmcli does."""
    said = {"unlock-required": required, "unlock-retries": [f"sim-pin ({attempts})", "sim-puk (10)"]}
    return f"echo '{json.dumps({'modem': {'generic': said}})}'"


NO_CONNECTION = 'case "$*" in *up*) echo "Error: no"; exit 4;; esac'


def test_a_pin_that_fails_is_taken_back_and_the_last_attempt_is_never_used(manager: Root) -> None:
    manager.apply(sim=CARD)
    before = manager.profile("edge-uplink")
    manager.program("nmcli", NO_CONNECTION)
    answer = manager.ask({"id": "1", "sim": CARD | {"pin": "0000"}})
    assert (answer["outcome"], answer["code"]) == ("refused", "pin-wrong")
    assert answer["detail"].endswith("nmcli ended with 4: Error: no")
    assert manager.profile("edge-uplink") == before
    manager.program("mmcli", modem("sim-pin", 1))
    answer = manager.ask({"id": "2", "sim": CARD | {"pin": "0001"}})
    assert (answer["outcome"], answer["code"]) == ("refused", "pin-last")
    assert "one more PIN only" in answer["detail"]
    with pytest.raises(Refused, match="one more PIN only"):  # the vault's, by Ansible
        manager.apply(sim=CARD | {"pin": "0001"})
    assert manager.profile("edge-uplink") == before


def test_a_wrong_pin_of_the_vault_is_tried_once_and_taken_back(manager: Root) -> None:
    manager.program("nmcli", NO_CONNECTION)
    manager.program("mmcli", modem("sim-pin", 3))
    with pytest.raises(Refused, match="does not accept the PIN"):
        manager.apply(sim=CARD | {"pin": "0000"})
    assert not (manager.folder / PROFILES / "edge-uplink.nmconnection").exists()
    assert manager.commands()[-1] == "nmcli connection reload", "NetworkManager has forgotten it"


def test_a_right_pin_stays_where_there_is_no_reception(manager: Root) -> None:
    manager.program("mmcli", modem("sim-pin", 3))
    accepted = modem("--", 3).replace("'", "'\\''")
    path = manager.folder / "usr/bin/mmcli"
    manager.program(
        "nmcli", f"""case "$*" in *up*) printf '#!/bin/sh\n{accepted}\n' > {path}; exit 4;; esac"""
    )
    assert manager.apply(sim=CARD | {"pin": "0000"}) == "the SIM card"
    assert "pin=0000" in manager.profile("edge-uplink")
    manager.commands()
    assert manager.apply(sim=CARD | {"pin": "0000"}) == "", "it is not tried again"
    assert manager.commands() == []
    answer = manager.ask({"id": "1", "sim": CARD | {"pin": "0000"}})
    assert (answer["outcome"], answer["code"]) == ("failed", "sim-offline")
    assert "pin=0000" in manager.profile("edge-uplink")


@pytest.mark.parametrize("active", ["NetworkManager", "systemd-networkd"])
def test_what_could_not_be_activated_is_activated_by_the_next_run(tmp_path: Path, active: str) -> None:
    root = Root(tmp_path, active=active)
    for name in ("nmcli", "networkctl"):
        root.program(name, "exit 1")
    with pytest.raises(subprocess.CalledProcessError):
        root.apply(lan=LAN)
    for name in ("nmcli", "networkctl"):
        root.program(name, "")
    root.commands()
    assert root.apply(lan=LAN) == "eth0"
    (again,) = root.commands()[1:]
    assert again in ("nmcli --wait 0 connection up edge-lan-eth0", "networkctl reconfigure eth0")
    assert root.apply(lan=LAN) == ""


def test_without_reception_an_access_point_is_kept(manager: Root) -> None:
    manager.program("nmcli", 'case "$*" in *up*) echo "Error: no network"; exit 4;; esac')
    answer = manager.ask({"id": "1", "sim": CARD})
    assert (answer["outcome"], answer["code"]) == ("failed", "sim-offline")
    assert "apn=v-internet" in manager.profile("edge-uplink")


@pytest.mark.parametrize("request_", ["", "[]", "{}", '{"id": "../x"}', '{"id": "1", "lan": 5}', "[" * 5000])
def test_a_request_that_makes_no_sense_is_refused(manager: Root, request_: str) -> None:
    answer = manager.ask(request_)
    assert answer["outcome"] in ("refused", "failed")
    assert manager.commands() == []


def test_a_request_that_is_a_link_is_deleted_and_not_followed(manager: Root, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"id": "1", "sim": {"apn": "v-internet"}}')
    path = manager.folder / REQUEST
    path.parent.mkdir(parents=True)
    path.symlink_to(secret)
    assert answer_request(manager.network) == "no request"
    assert not path.is_symlink()
    assert secret.exists()
    assert manager.commands() == []


def test_ansible_sees_whether_something_changed_and_why_nothing_did(
    manager: Root, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(edge_network, "Network", lambda: manager.network)
    for settings, code, said in (
        ({"lan": LAN}, 0, "changed: eth0\n"),
        ({"lan": LAN}, 0, "unchanged\n"),
        ({"lan": {"address": "x"}}, 1, "lan: write the address with its network, such as 10.0.0.9/24\n"),
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(settings)))
        assert edge_network.main(["apply"]) == code
        captured = capsys.readouterr()
        assert captured.out + captured.err == said


def answered(root: Root, settings: NetworkSettings) -> NetworkAnswer:
    """Ask as the page does, with root's program beside it."""
    asking = RootNetwork(root.folder)
    id_ = asking.ask(settings)
    assert (root.folder / REQUEST).stat().st_mode & 0o777 == 0o600
    answer_request(root.network)
    answer = asking.answer(id_)
    assert answer is not None
    return answer


def test_the_page_asks_for_a_card_and_an_address_and_removes_them(manager: Root) -> None:
    (manager.folder / REQUEST).parent.mkdir(parents=True)
    wanted = NetworkSettings(sim=SimSettings("v-internet", pin="0123"), lan=AddressSettings("10.0.0.9/24"))
    assert "0123" not in repr(wanted)
    assert answered(manager, wanted).outcome == "done"
    assert "pin=0123" in manager.profile("edge-uplink")
    assert "address1=10.0.0.9/24" in manager.profile("edge-lan-eth0")
    refused = answered(manager, NetworkSettings(cameras=CameraNetworkSettings("10.9.1.0/24")))
    assert refused.outcome == "refused"
    assert refused.detail == "cameras: 10.9.1.0/24 is not the address of a machine"
    assert answered(manager, NetworkSettings(lan=None)).detail == "eth0"
    assert [path.name for path in (manager.folder / PROFILES).iterdir()] == ["edge-uplink.nmconnection"]


def test_a_page_without_roots_program_is_told_and_leaves_no_request(tmp_path: Path) -> None:
    asking = RootNetwork(tmp_path)
    assert not asking.is_available
    assert asking.apply(NetworkSettings(sim=None)).outcome == "failed"
    (tmp_path / REQUEST).parent.mkdir(parents=True)
    assert RootNetwork(tmp_path).is_available
    answer = asking.apply(NetworkSettings(sim=SimSettings("v-internet", pin="0123")), wait_s=0.1)
    assert (answer.outcome, answer.detail.partition(":")[0]) == ("failed", "no answer within 0 s")
    assert not list((tmp_path / REQUEST).parent.iterdir()), "the PIN is not left there"
