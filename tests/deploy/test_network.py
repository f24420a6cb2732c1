"""A static address on a box with systemd-networkd, asked for through root's unit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.deploy.boxes import Box, Boxes, wait_until

# One box for all, in this order.
pytestmark = pytest.mark.xdist_group("network")

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "ansible/roles/base/files"
ANSWER = "/run/edge-agent-network-root/answer.json"
UNITS = ("edge-agent-network.path", "edge-agent-network.service")

# lan0 is the box's Ethernet as the image sets it up; far0 is the other end of its cable, with a DHCP server.
FAR = "[Match]\nName=far0\n[Network]\nAddress=10.77.0.1/24\nDHCPServer=yes\n[DHCPServer]\nEmitRouter=yes\n"
LAN = "[Match]\nName=lan0\n[Network]\nDHCP=yes\nLinkLocalAddressing=yes\n"


@pytest.fixture(scope="module")
def box(boxes: Boxes) -> Box:
    box = boxes.create("dt-001")
    networks = box.root / "etc/systemd/network"
    (networks / "70-far.network").write_text(FAR)
    (networks / "80-edge-wired.network").write_text(LAN)
    programs = box.root / "usr/local/lib/edge-agent"
    programs.mkdir(parents=True)
    for path in PROGRAMS.glob("*.py"):
        shutil.copy(path, programs)
    for name in UNITS:
        shutil.copy(ROOT / "systemd" / name, box.root / "etc/systemd/system")
    for kind in ("sysusers", "tmpfiles"):
        folder = box.root / f"usr/lib/{kind}.d"
        shutil.copy(ROOT / f"systemd/edge-agent.{kind}", folder / "edge-agent.conf")
    boxes.boot(box)
    box.run("ip link add lan0 type veth peer name far0 && ip link set lan0 up && ip link set far0 up")
    box.run("systemctl enable --now edge-agent-network.path")
    return box


def ask(box: Box, **settings: object) -> dict[str, str]:
    """Make a request with the rights of the agent's user, and wait for the answer."""
    request = json.dumps({"id": "ab12", **settings})
    folder = "/run/edge-agent-network"
    box.run(f"rm -f {ANSWER}")
    command = f"umask 077; cat > {folder}/new && mv {folder}/new {folder}/request.json"
    box.run(f'echo {json.dumps(request)} | runuser -u edge-agent -- sh -c "{command}"')
    wait_until(
        lambda: box.ssh("test -e /run/edge-agent-network-root/answer.json").returncode == 0, 30, "answer"
    )
    answer: dict[str, str] = json.loads(box.run(f"cat {ANSWER}"))
    return answer


def addresses(box: Box) -> list[str]:
    found = json.loads(box.run("ip -j -4 addr show lan0"))
    return [each["local"] for link in found for each in link.get("addr_info", [])]


def routes(box: Box) -> dict[str, int]:
    """Metric of each default route of lan0 by its router."""
    found = json.loads(box.run("ip -j -4 route show default dev lan0"))
    return {each["gateway"]: each["metric"] for each in found}


def test_an_address_for_cameras_on_the_uplinks_port_leaves_dhcp_on(box: Box) -> None:
    wait_until(lambda: routes(box).get("10.77.0.1"), 30, "DHCP")
    cameras = {"interface": "lan0", "address": "10.9.1.1/24"}
    assert ask(box, cameras=cameras)["outcome"] == "done"
    wait_until(lambda: routes(box) == {"10.77.0.1": 2000}, 30, "DHCP behind all others")
    wait_until(lambda: "10.9.1.1" in addresses(box), 30, "the static address")
    assert ask(box, cameras=None)["outcome"] == "done"


def test_a_wrong_address_is_beside_dhcp_and_cuts_nothing_off(box: Box) -> None:
    wait_until(lambda: routes(box).get("10.77.0.1"), 30, "DHCP")
    lan = {"interface": "lan0", "address": "10.0.0.9/24", "gateway": "10.0.0.1"}
    answer = ask(box, lan=lan)
    assert (answer["id"], answer["outcome"], answer["detail"]) == ("ab12", "done", "lan0")
    wait_until(lambda: len(routes(box)) == 2, 30, "both routes")
    assert routes(box) == {"10.77.0.1": 100, "10.0.0.1": 600}, "the DHCP server's router is preferred"
    assert "10.0.0.9" in addresses(box)


def test_without_a_dhcp_server_the_static_address_stays_over_a_boot(box: Box, boxes: Boxes) -> None:
    box.run("sed -i s/DHCPServer=yes/DHCPServer=no/ /etc/systemd/network/70-far.network")
    box.power_off()
    boxes.boot(box)
    box.run("ip link add lan0 type veth peer name far0 && ip link set lan0 up && ip link set far0 up")
    wait_until(lambda: "10.0.0.9" in addresses(box), 30, "the static address")
    assert routes(box) == {"10.0.0.1": 600}


def test_an_address_that_another_machine_has_is_not_used_and_wrong_ones_are_refused(box: Box) -> None:
    box.run("ip addr add 10.0.0.7/24 dev far0")
    lan = {"interface": "lan0", "address": "10.0.0.7/24"}
    assert ask(box, lan=lan)["outcome"] == "done"
    wait_until(lambda: "10.0.0.9" not in addresses(box), 30, "the change")
    assert "10.0.0.7" not in addresses(box)
    assert ask(box, lan={"interface": "lan7", "address": "10.0.0.7/24"})["outcome"] == "refused"
    assert ask(box, lan=None)["outcome"] == "done"
    assert not box.run("ls /etc/systemd/network | grep edge- | grep -v 80-edge || true")
