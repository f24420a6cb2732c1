"""From a blank box to a site that reports: the playbooks, the real agent, the real broker, mutual TLS.

The tests follow one another, as the life of a box does.
"""

from __future__ import annotations

import pytest

from tests.deploy.boxes import Box, wait_until
from tests.deploy.site import CLOCK, SITE, Provisioning, agent_pid

pytestmark = pytest.mark.xdist_group("site")

RESTART_S = 90.0  # WatchdogSec=60, RestartSec=2, and the start

UPLINK_BYTES = 5_000_000


def travelled(box: Box) -> int:
    """Bytes over the box's network interface, both ways, since it booted."""
    return sum(map(int, box.run("cat /sys/class/net/host0/statistics/[rt]x_bytes").split()))


def restarted(box: Box, before: int) -> bool:
    return agent_pid(box) not in (0, before) and box.ssh("systemctl is-active edge-agent").returncode == 0


def test_a_blank_box_becomes_a_site_that_reports(blank_site: Provisioning) -> None:
    site = blank_site
    site.prepare()
    before = travelled(site.box)
    at_the_pole = site.play_well("commission.yml", site_accepts_red=True)
    assert travelled(site.box) - before < UPLINK_BYTES
    assert "cam-1" in at_the_pole.text, "the verdict names the camera that does not answer"
    wait_until(site.reports, 180, "dt-001 online")
    site.stands = True


def test_the_second_run_changes_nothing_and_a_dry_run_finds_nothing(site: Provisioning) -> None:
    assert site.play_well("prepare.yml").changed == 0
    assert site.play_well("commission.yml", site_accepts_red=True).changed == 0
    dry = site.play_well("prepare.yml", "--check", "--diff")
    assert (dry.changed, "+++" in dry.text) == (0, False), dry.text
    dry = site.play_well("commission.yml", "--check", "--diff", site_accepts_red=True)
    assert (dry.changed, "+++" in dry.text) == (0, False), dry.text


def test_a_red_verdict_is_no_accepted_site(site: Provisioning) -> None:
    refused = site.play("commission.yml", site_language="en")
    assert refused.code != 0
    assert "is NOT READY: 1 fault to correct: cam-1" in refused.text


def test_a_known_defect_is_accepted_with_its_reason_and_reported(site: Provisioning) -> None:
    known = {"cam-1": "chưa giao camera", **CLOCK}
    accepted = site.play_well("commission.yml", site_accept=known)
    assert "LỖI cam-1" in accepted.text
    page = site.report
    assert "chưa giao camera" in page
    assert "Lý Thường Kiệt" in page
    assert len(page) < 1_000_000, "it may have to pass a SIM card"


def test_cameras_that_were_found_on_site_keep_their_passwords(site: Provisioning) -> None:
    box = site.box
    box.run("printf 'old\n' > /etc/edge-agent/credentials/cam-9")
    box.run("printf 'own\n' > /etc/edge-agent/credentials/cam-2")
    login = "username: viewer, password_file: credentials/cam-2"
    found = f"cameras: [{{id: cam-2, url: rtsp://10.0.0.12/sub, {login}}}]"
    box.run(f"printf '%s\n' '{found}' > /etc/edge-agent/conf.d/cameras.yaml")
    site.play_well("commission.yml", site_accepts_red=True)
    assert box.run("ls /etc/edge-agent/credentials").split() == ["cam-1", "cam-2"]
    box.run("rm /etc/edge-agent/conf.d/cameras.yaml")
    site.play_well("commission.yml", site_accepts_red=True)
    assert box.run("ls /etc/edge-agent/credentials").split() == ["cam-1"]


def test_the_agent_is_a_user_of_its_own_and_no_password_lies_open(site: Provisioning) -> None:
    box = site.box
    assert box.run("ps -o user= -p $(systemctl show -P MainPID edge-agent)") == "edge-agent"
    assert box.run("cat /etc/edge-agent/credentials/cam-1") == "s3cret-of-cam-1"
    assert box.run("stat -c '%U %a' /etc/edge-agent/credentials/cam-1") == "root 600"
    assert box.ssh("sudo -u edge-agent cat /etc/edge-agent/credentials/cam-1").returncode != 0
    assert "s3cret" not in box.run("journalctl --no-pager; ps axww; cat /etc/edge-agent/edge-agent.yaml")


def test_an_agent_that_is_killed_comes_back(site: Provisioning) -> None:
    before = agent_pid(site.box)
    site.box.run(f"kill -9 {before}")
    wait_until(lambda: restarted(site.box, before), RESTART_S, "the agent started again")
    wait_until(site.reports, 180, "dt-001 online")


def test_an_agent_that_hangs_is_started_again(site: Provisioning) -> None:
    before = agent_pid(site.box)
    site.box.run(f"kill -STOP {before}")
    wait_until(lambda: restarted(site.box, before), RESTART_S, "the watchdog")
    assert "watchdog" in site.box.run("journalctl --no-pager -u edge-agent").lower()
    wait_until(site.reports, 180, "dt-001 online")


def test_a_failed_unit_of_the_box_is_in_its_health(site: Provisioning) -> None:
    site.box.ssh("sudo systemd-run --unit=broken --property=Type=oneshot false")
    site.box.run("systemctl start edge-agent-units.service")
    health = site.box.run("edge-agent status --json")
    assert "unit broken.service failed" in health


def test_a_configuration_with_a_mistake_never_reaches_the_agent(site: Provisioning) -> None:
    before = agent_pid(site.box)
    refused = site.play("commission.yml", site_accepts_red=True, edge_agent_settings={"heartbeat": 5})
    assert refused.code != 0
    assert "heartbeat_s" in refused.text, "the nearest valid name is in the message"
    assert agent_pid(site.box) == before


def test_a_box_of_another_site_is_taken_on_demand_only_and_without_its_events(site: Provisioning) -> None:
    site.box.run("echo dt-009 > /etc/edge-agent/site-id")
    refused = site.play("commission.yml", site_accepts_red=True)
    assert refused.code != 0
    assert "belongs to dt-009" in refused.text
    site.box.run("echo 'heartbeat_s: 6' > /etc/edge-agent/conf.d/site.yaml")
    site.play_well("commission.yml", site_accepts_red=True, edge_agent_reclaim=True)
    assert site.box.run("cat /etc/edge-agent/site-id; ls /etc/edge-agent/conf.d") == SITE
    assert site.box.run("ls /etc/edge-agent/apart/dt-009-*") == "site.yaml"
    # In the second folder if the file system cannot rename the state.
    assert "dt-009-" in site.box.ssh("sudo ls /var/lib/edge-agent-apart /var/lib/edge-agent/apart").stdout
    wait_until(site.reports, 180, "dt-001 online")
