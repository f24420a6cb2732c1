"""A blank Debian becomes a site that reports by the Debian package, from a signed repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent import __version__
from tests.deploy import apt_repository, releases
from tests.deploy.boxes import Box, Boxes, wait_until
from tests.deploy.conftest import WHEELHOUSE
from tests.deploy.site import Provisioning

pytestmark = pytest.mark.xdist_group("package")

INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends"
INSTALL_S = 300.0


@pytest.fixture(scope="module")
def packaged(boxes: Boxes, tmp_path_factory: pytest.TempPathFactory) -> Provisioning:
    """A broker, and a blank box that has the package's repository as a source."""
    if not WHEELHOUSE.is_dir():
        pytest.skip(f"{WHEELHOUSE} is missing: make wheelhouse ARCH=x86_64")
    folder = tmp_path_factory.mktemp("package")
    site = Provisioning(folder, boxes, WHEELHOUSE, "rtsp://192.0.2.1/sub")
    apt = apt_repository.make(folder, WHEELHOUSE, [__version__])
    apt_repository.add_source(site.box, apt)
    site.box.run("apt-get update -q", timeout_s=INSTALL_S)
    return site


@pytest.fixture
def newer(packaged: Provisioning, tmp_path: Path) -> Path:
    """A repository with a newer release beside this one."""
    wheels = releases.wheelhouse(tmp_path / "wheels", WHEELHOUSE)
    return apt_repository.make(tmp_path, wheels, [releases.GOOD])


def in_force(box: Box) -> str:
    return box.run("readlink /opt/edge-agent/current")


def test_a_blank_system_reports_after_the_package_and_commissioning(packaged: Provisioning) -> None:
    packaged.play_well("servers.yml")
    packaged.box.run(f"{INSTALL} edge-agent", timeout_s=INSTALL_S)
    assert in_force(packaged.box) == __version__
    packaged.play_well("commission.yml", site_accepts_red=True)
    wait_until(packaged.reports, 180, "dt-001 online")
    assert packaged.retained()["version"] == __version__
    assert packaged.box.run("systemctl is-active edge-agent-heal.path") == "active"


def test_a_package_with_another_signature_is_refused(packaged: Provisioning) -> None:
    release = packaged.box.root / "srv/edge-apt/dists/stable/InRelease"
    signed = release.read_text()
    release.write_text(signed.replace("Label: edge-agent", "Label: edge-agent2"))
    refused = packaged.box.ssh("sudo apt-get update -q -o APT::Update::Error-Mode=any", INSTALL_S)
    release.write_text(signed)
    assert refused.returncode != 0
    assert "signature" in refused.stderr.lower()


def test_an_upgrade_restarts_the_agent_and_leaves_a_newer_release_in_force(
    packaged: Provisioning, newer: Path
) -> None:
    box = packaged.box
    before = box.run("systemctl show -P MainPID edge-agent")
    apt_repository.add_source(box, newer)
    box.run(f"apt-get update -q && {INSTALL} edge-agent", timeout_s=INSTALL_S)
    assert in_force(box) == releases.GOOD
    wait_until(lambda: packaged.reports(releases.GOOD), 180, "dt-001 with the newer release")
    assert box.run("systemctl show -P MainPID edge-agent") != before
    assert box.run(f"ls -d /opt/edge-agent/{__version__}"), "the previous release stays"
    # A roll-out put a newer release in force; the package of an older one does not undo it.
    box.run(
        f"mv /opt/edge-agent/{releases.GOOD} /opt/edge-agent/9.0.0; ln -sfn 9.0.0 /opt/edge-agent/current"
    )
    box.run(f"{INSTALL} --reinstall edge-agent", timeout_s=INSTALL_S)
    assert in_force(box) == "9.0.0"


def test_a_package_that_is_installed_again_brings_the_site_back(packaged: Provisioning) -> None:
    box = packaged.box
    box.run("apt-get remove -q -y edge-agent", timeout_s=INSTALL_S)
    box.run(f"{INSTALL} edge-agent", timeout_s=INSTALL_S)
    assert box.run("systemctl is-enabled edge-agent edge-agent-heal.path").split() == ["enabled", "enabled"]
    assert box.run("systemctl is-active edge-agent-heal.path") == "active"
    wait_until(lambda: box.ssh("systemctl is-active edge-agent").returncode == 0, 60, "the agent")


def test_a_removed_package_leaves_the_site_and_a_purged_one_nothing(packaged: Provisioning) -> None:
    box = packaged.box
    box.run("apt-get remove -q -y edge-agent", timeout_s=INSTALL_S)
    assert box.ssh("ls /opt/edge-agent").returncode != 0
    assert box.run("cat /etc/edge-agent/site-id")
    assert box.ssh("systemctl is-active edge-agent").stdout.strip() == "inactive"
    box.run("apt-get purge -q -y edge-agent", timeout_s=INSTALL_S)
    assert box.ssh("ls -d /etc/edge-agent").returncode != 0
    assert box.ssh("ls /etc/systemd/system/*.wants/edge-agent*").returncode != 0
