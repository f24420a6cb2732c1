"""The later life of a site with the real agent: a bad release, another ward, new hardware."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.deploy.boxes import Box, Boxes, wait_until
from tests.deploy.conftest import WHEELHOUSE
from tests.deploy.handshake import handshake
from tests.deploy.releases import CRASHES, GOOD, wheelhouse
from tests.deploy.site import ACCEPTED, SITE, Provisioning, agent_pid

pytestmark = pytest.mark.xdist_group("life")

MERGED_INTO = "bo-xuyen"


@pytest.fixture(scope="module", autouse=True)
def releases(filmed: Provisioning, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("releases") / "wheels"
    filmed.wheelhouse = wheelhouse(folder, WHEELHOUSE)


def sees(box: Box) -> bool:
    """Whether both cameras are online and the agent is connected."""
    found = box.status()
    states = [camera["state"] for camera in found["heartbeat"]["cameras"].values()]
    return bool(found["connected"]) and states == ["online"] * 2


def in_force(box: Box) -> str:
    return box.run("readlink /opt/edge-agent/current")


def test_a_release_is_rolled_out_and_the_next_one_that_crashes_is_rolled_back(filmed: Provisioning) -> None:
    site = filmed
    before = in_force(site.box)
    site.play_well("rollout.yml", version=GOOD, rollout_stay_s=5)
    assert in_force(site.box) == GOOD
    wait_until(lambda: sees(site.box), 60, "both cameras with the new release")
    bad = site.play("rollout.yml", version=CRASHES, rollout_stay_s=5)
    assert bad.code != 0
    assert f"It is back on {GOOD} and reports." in bad.text
    assert in_force(site.box) == GOOD
    assert site.reports(GOOD)
    wait_until(lambda: sees(site.box), 60, "both cameras with the release before")
    assert "this release does not work" in site.box.run("journalctl -u edge-agent")
    assert {before, GOOD} <= set(site.box.run("ls /opt/edge-agent").split())


def test_the_ca_is_changed_and_the_box_goes_on(filmed: Provisioning) -> None:
    """The steps of docs/guide/fleet.md, without a restart of the agent."""
    site, box = filmed, filmed.box
    old = Path(str(site.vars["pki_directory"]))
    new = old.with_name("pki-2")
    box.run("cp -r /etc/edge-agent/tls /root/tls-of-the-old-ca")
    pid, epoch = agent_pid(box), box.status()["heartbeat"]["outbox"]["epoch"]

    site.play_well("new-ca.yml", pki_directory=str(new))
    _trust(new, by=old, name="2")
    site.play_well("servers.yml")
    site.play_well("renew.yml")
    _wait_settled(box, "the box trusts both")
    assert box.run("grep -c BEGIN /etc/edge-agent/tls/ca.crt") == "2"

    _trust(old, by=new, name="1")
    for issued in (old / "issued").iterdir():
        if not (new / "issued" / issued.name).exists():
            shutil.copy(issued, new / "issued")
    site.vars["pki_directory"] = str(new)
    site.play_well("servers.yml")
    site.play_well("renew.yml")
    _wait_settled(box, "the box has a certificate of the new CA")
    assert handshake(box, site.broker, "/root/tls-of-the-old-ca") == "let in", "both are trusted"

    for trusted in (new / "also-trusted").iterdir():
        trusted.unlink()
    site.play_well("renew.yml")
    site.play_well("servers.yml")
    _wait_settled(box, "the box trusts the new one only")
    shutil.copy(new / "ca.crt", box.root / "root/new-ca.crt")
    assert "OK" in box.run("openssl verify -CAfile /root/new-ca.crt /etc/edge-agent/tls/client.crt")
    assert box.run("grep -c BEGIN /etc/edge-agent/tls/ca.crt") == "1"
    assert handshake(box, site.broker, "/root/tls-of-the-old-ca") == "refused"
    assert handshake(box, site.broker, "/etc/edge-agent/tls") == "let in"
    assert (agent_pid(box), box.status()["heartbeat"]["outbox"]["epoch"]) == (pid, epoch)
    known = "/opt/edge-agent/current/bin/edge-agent central status --json"
    wait_until(lambda: '"connected": true' in site.broker.run(known), 60, "the centre is connected")
    again = site.play_well("renew.yml")
    assert again.changed == 0, again.text


def _trust(ca: Path, *, by: Path, name: str) -> None:
    shutil.copy(ca / "ca.crt", by / f"also-trusted/{name}.crt")
    shutil.copy(ca / "crl.pem", by / f"also-trusted/{name}.crl")


def _wait_settled(box: Box, what: str) -> None:
    """Wait until there is no next slot and the agent is connected."""
    waiting = "ls /etc/edge-agent/tls/next 2>/dev/null || true"
    try:
        wait_until(lambda: box.run(waiting) == "" and box.status()["connected"], 120, what)
    except AssertionError as error:
        commands = ("edge-agent status", "ls -lR /etc/edge-agent/tls", "journalctl -n 60 -u 'edge-agent*'")
        raise AssertionError("\n".join([str(error), *(box.run(each) for each in commands)])) from error


def test_the_site_moves_to_another_ward_with_its_id_and_history(filmed: Provisioning) -> None:
    site = filmed
    epoch = site.box.status()["heartbeat"]["outbox"]["epoch"]
    site.vars["edge_agent_ward"] = MERGED_INTO
    site.play_well("move-site.yml", site=SITE)
    assert site.retained()["ward"] == MERGED_INTO
    cleared = site.broker.run(f"edge-broker clear {SITE} --keep-ward {MERGED_INTO}")
    assert cleared == "[]", "the old ward is empty"
    with site.watch(f"tb/v1/{MERGED_INTO}/{SITE}/up/#") as centre:
        centre.wait_for(lambda: bool(centre.on("/up/heartbeat")), 60)
    found = site.box.status()
    assert (found["connected"], found["heartbeat"]["outbox"]["epoch"]) == (True, epoch)
    known = "/opt/edge-agent/current/bin/edge-agent central status --json"
    wait_until(lambda: f'"ward": "{MERGED_INTO}"' in site.broker.run(known), 60, "the centre takes it in")


def test_new_hardware_takes_the_sites_place_and_the_old_box_is_refused(
    filmed: Provisioning, site_boxes: Boxes
) -> None:
    site, old = filmed, filmed.box
    site.box = site_boxes.start("spare")
    site.play_well("prepare.yml", "--skip-tags", "certificates", version=GOOD)
    assert site.box.ssh("ls /etc/edge-agent/tls/client.key").returncode != 0, "a spare box has no certificate"
    # The site's, not the spare box's.
    settings: dict[str, object] = {"site": SITE, "time_serve_cameras": ["10.77.0.0/24"]}
    site.play_well("replace-box.yml", **settings)
    assert "allow 10.77.0.0/24" in site.box.run("cat /etc/chrony/chrony.conf")
    assert "10.77.0.0/24" in site.box.run("nft list chain inet edge_base input")
    green = site.play_well("commission.yml", site_language="en")
    assert ACCEPTED.search(green.text), green.text[-3000:]
    wait_until(lambda: sees(site.box), 60, "the new box with both cameras")
    assert site.box.run("cat /etc/edge-agent/site-id") == SITE
    wait_until(lambda: not old.status()["connected"], 60, "the old box refused")
    # If the new box came before the revocation, the old one waits for two minutes; a restart connects at
    # once.
    old.run("systemctl restart edge-agent")
    wait_until(lambda: "our certificate is revoked" in _last_error(old), 120, "it knows why")
    assert site.reports(GOOD), site.retained()
    again = site.play_well("replace-box.yml", **settings)
    assert re.search(rf"^{SITE} .*changed=0 ", again.text, re.MULTILINE), "a second run revokes nobody"


def _last_error(box: Box) -> str:
    """The last error of an agent that may still be starting."""
    try:
        return str(box.status()["heartbeat"]["mqtt"]["last_error"])
    except AssertionError:
        return ""
