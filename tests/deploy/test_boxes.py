"""The test boxes themselves: they are separate, and keep their files over a restart."""

from __future__ import annotations

import pytest

from tests.deploy.boxes import Boxes
from tests.deploy.network import Network

pytestmark = pytest.mark.xdist_group("fleet")


def test_two_blank_boxes_see_each_other_and_share_no_file(boxes: Boxes) -> None:
    first, second = boxes.start("box-a"), boxes.start("box-b")
    first.run("touch /etc/only-here")
    assert second.ssh("test -e /etc/only-here").returncode == 1
    assert "box-b" in second.run("hostname")
    assert first.ssh(f"timeout 5 bash -c '</dev/tcp/{second.address}/22'").returncode == 0


def test_a_box_keeps_its_files_when_the_plug_is_pulled(boxes: Boxes) -> None:
    box = boxes.start("box-c")
    box.run("echo kept > /etc/kept && sync")
    box.pull_the_plug()
    assert box.ssh("true").returncode == 255
    boxes.boot(box)
    assert box.run("cat /etc/kept") == "kept"


def test_packages_come_through_the_proxy_and_nothing_else_does(boxes: Boxes, network: Network) -> None:
    box = boxes.start("box-d")
    box.run("apt-get update -q && apt-get install -q -y --no-install-recommends nftables", timeout_s=300)
    box.run("nft 'add table inet probe'")
    asked = f"import urllib.request as r; r.urlopen(r.Request('http://{network.address(1)}/x'), timeout=5)"
    assert box.ssh(f'python3 -c "{asked}"').returncode != 0
