"""The result of the roles base and time on the box, read with the box's own programs."""

from __future__ import annotations

import socket

import pytest

from tests.deploy.boxes import wait_until
from tests.deploy.site import Provisioning

pytestmark = pytest.mark.xdist_group("site")


def options(text: str) -> dict[str, str]:
    """``name value`` lines, names in small letters."""
    return {name.lower(): value for name, _, value in (line.partition(" ") for line in text.splitlines())}


def test_ssh_accepts_keys_only_and_no_root_login(site: Provisioning) -> None:
    found = options(site.box.run("sshd -T"))
    assert found["passwordauthentication"] == "no"
    assert found["kbdinteractiveauthentication"] == "no"
    assert found["permitrootlogin"] == "no"
    assert found["pubkeyauthentication"] == "yes"
    assert (found["maxauthtries"], found["x11forwarding"], found["allowagentforwarding"]) == ("3", "no", "no")
    asks = "-o StrictHostKeyChecking=no -o PreferredAuthentications=none"
    asked = site.broker.ssh(f"ssh -v {asks} root@{site.box.address}")
    assert "Authentications that can continue: publickey\n" in asked.stderr.replace("\r", "")


def test_nothing_but_ssh_comes_in(site: Provisioning) -> None:
    box = site.box
    chain = box.run("nft list chain inet edge_base input")
    assert "policy drop" in chain
    opened = [line.strip() for line in chain.splitlines() if "dport" in line and "accept" in line]
    assert [line for line in opened if "@edge_agent_aim" not in line] == [
        "ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
        "tcp dport 22 accept",
    ]
    assert "elements" not in box.run("nft list set inet edge_base edge_agent_aim"), "nobody is aiming"
    box.run("systemd-run --unit=listener python3 -m http.server 8080 --bind 0.0.0.0")
    wait_until(lambda: ":8080" in box.run("ss -tlnH"), 20, "a listener")
    knock = f"timeout 3 bash -c '</dev/tcp/{box.address}/%d'"
    assert site.broker.ssh(knock % 22).returncode == 0
    assert site.broker.ssh(knock % 8080).returncode != 0
    box.run("nft flush chain inet edge_base input && nft add rule inet edge_base input accept")
    assert site.broker.ssh(knock % 8080).returncode == 0, "it was the firewall that refused"
    box.run("systemctl stop listener && systemctl restart nftables")
    assert box.run("nft list chain inet edge_base input") == chain, "the rules come back with the box"


def test_the_server_serves_broker_and_console_and_nothing_else(site: Provisioning) -> None:
    chain = site.broker.run("nft list chain inet edge_base input")
    opened = [line.strip() for line in chain.splitlines() if "tcp dport" in line and "@" not in line]
    network = site.broker.address.rpartition(".")[0] + ".0/24"
    console = f"ip saddr {network} tcp dport 8443 accept"  # central_console_from
    assert opened == ["tcp dport 22 accept", "tcp dport 8883 accept", console]
    site.broker.run("systemd-run --unit=listener python3 -m http.server 8080 --bind 0.0.0.0")
    wait_until(lambda: ":8080" in site.broker.run("ss -tlnH"), 20, "a listener")
    # Tested from outside, so the box's rules for its own connections do not matter.
    assert [reaches(site.broker.address, port) for port in (8883, 8080, 8884)] == [True, False, False]
    site.broker.run("systemctl stop listener")


def reaches(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 3).close()
    except OSError:
        return False
    return True


def test_security_upgrades_come_by_themselves(site: Provisioning) -> None:
    known = site.box.run("apt-config dump --format '%F%f %v%n' APT::Periodic Unattended-Upgrade")
    assert "APT::Periodic::Update-Package-Lists 1" in known
    assert "APT::Periodic::Unattended-Upgrade 1" in known
    assert "Unattended-Upgrade::Automatic-Reboot true" in known
    assert "Unattended-Upgrade::Automatic-Reboot-Time 03:30" in known
    tried = site.box.run("unattended-upgrade --dry-run --debug 2>&1", 180)
    assert "label=Debian-Security" in tried, "security is among what it takes"
    timers = site.box.run("systemctl is-active apt-daily.timer apt-daily-upgrade.timer")
    assert timers.split() == ["active", "active"]


def test_the_journal_stays_small_and_in_memory(site: Provisioning) -> None:
    box = site.box
    # 45 MB that cannot be made smaller, in lines of 40 kB.
    box.run("head -c 45M /dev/urandom | base64 -w 40000 | systemd-cat && journalctl --sync", 180)
    kept = int(box.run("du -sm /run/log/journal | cut -f 1"))
    assert 16 < kept <= 33, "base_journal_memory is 32M"
    opened = box.run("ls -l /proc/$(pidof systemd-journald)/fd")
    assert "/run/log/journal" in opened
    assert "/var/log/journal" not in opened
    box.run("logger -p user.err 'worth keeping' && systemctl start edge-keep-journal")
    assert "worth keeping" in box.run("cat /var/log/edge/last.log")


def test_a_box_that_hangs_is_reset(site: Provisioning) -> None:
    asked = site.box.run("systemctl show -P RuntimeWatchdogUSec -P RebootWatchdogUSec")
    assert asked.split() == ["1min", "2min"], "as firmware_profiles/generic-x86_64.yaml says"
    assert "WatchdogDevice=/dev/watchdog0" in site.box.run("systemd-analyze cat-config systemd/system.conf")


def test_the_time_comes_from_the_inventorys_sources_and_is_not_served(site: Provisioning) -> None:
    lines = site.box.run("chronyd -p -f /etc/chrony/chrony.conf").splitlines()
    assert [line for line in lines if line.split()[0] in ("server", "pool")] == [
        "server ntp.ward.example iburst prefer",
        "pool vn.pool.ntp.org iburst",
    ]
    leap_seconds = "leapseclist /usr/share/zoneinfo/leap-seconds.list"
    assert {"port 0", "cmdport 0", "rtcsync", leap_seconds} <= set(lines)
    assert site.box.run("systemctl is-enabled chrony") == "enabled"
    assert site.box.run("readlink /etc/localtime") == "/usr/share/zoneinfo/Asia/Ho_Chi_Minh"


def test_the_box_has_the_manual_of_its_release(site: Provisioning) -> None:
    assert site.box.run("man -w edge-agent-status").endswith("man1/edge-agent-status.1")
    assert "status" in site.box.run("cat /usr/local/share/bash-completion/completions/edge-agent")
