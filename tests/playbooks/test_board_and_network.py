"""What role base does for a board and its networks: kernel parameters, the modem, the time for cameras."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest
import yaml

from tests.playbooks.role_files import ANSIBLE, ansible_playbook, read

CAMERAS = ["10.0.0.0/24", "fd00:1::/64"]


def rendered(role: str, template: str, **given: object) -> str:
    """With the role's defaults, as Ansible renders it."""
    from ansible.plugins.test.core import search  # takes 0.2 s: not in each process of the tests

    folder = ANSIBLE / "roles" / role
    values = yaml.safe_load((folder / "defaults/main.yml").read_text(encoding="utf-8"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["search"] = search
    fixed = {
        "ansible_managed": "made by Ansible",
        "inventory_hostname": "dt-001",
        "time_leap_list": {"rc": 0},
    }
    return environment.get_template(template).render(values | fixed | given)


def test_the_box_gives_the_time_to_the_cameras_that_are_named_and_to_nobody_else() -> None:
    silent = rendered("time", "chrony.conf.j2").splitlines()
    assert "port 0" in silent
    assert not [line for line in silent if line.startswith("allow")]
    serving = rendered("time", "chrony.conf.j2", time_serve_cameras=CAMERAS).splitlines()
    allowed = [line.removeprefix("allow ") for line in serving if line.startswith("allow")]
    assert allowed == [*CAMERAS, "127.0.0.1"]
    assert "port 0" not in serving


def test_chrony_gets_the_leap_seconds_in_a_form_that_it_can_read() -> None:
    (check, *_) = read(ANSIBLE / "roles/time/tasks/configure.yml")
    *_, asked = check["ansible.builtin.command"]["argv"]
    for code, written in ((0, asked), (1, "leapsectz right/UTC")):  # 1: Debian 12
        lines = rendered("time", "chrony.conf.j2", time_leap_list={"rc": code}).splitlines()
        assert [line for line in lines if line.startswith("leapsec")] == [written]


@pytest.mark.parametrize(("text", "code"), [("good\n", 0), ("wrong\n", 3)])
def test_chronyd_checks_a_file_that_its_apparmor_profile_lets_it_read(
    tmp_path: Path, text: str, code: int
) -> None:
    """The task's own command, with a chronyd that reads only below its folder."""
    (task,) = [each for each in read(ANSIBLE / "roles/time/tasks/configure.yml") if "validate" in str(each)]
    etc, chronyd, new = tmp_path / "chrony", tmp_path / "chronyd", tmp_path / "home of Ansible" / "new"
    etc.mkdir()
    new.parent.mkdir()
    new.write_text(text)
    chronyd.write_text(f'#!/bin/sh\ncase "$3" in {etc}/*) grep -q good "$3" || exit 3;; *) exit 13;; esac\n')
    chronyd.chmod(0o755)
    command = task["ansible.builtin.template"]["validate"].replace("/etc/chrony", str(etc))
    words = shlex.split(command.replace("/usr/sbin/chronyd", str(chronyd)) % shlex.quote(str(new)))
    assert subprocess.run(words, check=False, timeout=30).returncode == code
    assert list(etc.iterdir()) == []


def test_the_firewall_lets_in_what_the_cameras_ask_of_the_clock(tmp_path: Path) -> None:
    closed = rendered("base", "nftables.conf.j2", base_ntp_from=[])
    assert "dport 123" not in closed
    path = tmp_path / "nftables.conf"
    opened_text = rendered("base", "nftables.conf.j2", base_ntp_from=CAMERAS)
    opened = [line.strip() for line in opened_text.splitlines() if "dport 123" in line]
    assert opened == [
        "ip saddr { 10.0.0.0/24 } udp dport 123 accept",
        "ip6 saddr { fd00:1::/64 } udp dport 123 accept",
    ]
    named = rendered("base", "nftables.conf.j2", base_ntp_from=CAMERAS[:1], base_ntp_interface="eth1")
    assert '        iifname "eth1" ip saddr { 10.0.0.0/24 } udp dport 123 accept\n' in named
    if os.geteuid() == 0:
        for text in (opened_text, named):
            path.write_text(text)
            subprocess.run(["/usr/sbin/nft", "-c", "-f", path], check=True, timeout=30)


NETWORK_TASKS = read(ANSIBLE / "roles/base/tasks/network.yml")
"""The task that hands the settings to root's program, with what Ansible makes of the variables."""


def test_what_the_sheet_leaves_out_is_not_asked_of_the_network_and_what_is_removed_is_null(
    tmp_path: Path,
) -> None:
    (task,) = [task for task in NETWORK_TASKS if "vars" in task]
    play = {
        "hosts": "all",
        "gather_facts": False,
        "vars": task["vars"],
        "tasks": [
            {
                "ansible.builtin.debug": {
                    "msg": "{{ inventory_hostname }} wants {{ base_network_wanted | to_json }} ."
                }
            }
        ],
    }
    lan = {"address": "10.0.0.9/24", "gateway": "10.0.0.1"}
    given: dict[str, dict[str, object]] = {
        "empty": {},
        "lan": {"base_lan": lan, "base_network_remove": ["cameras", "sim"]},
        "card": {"base_modem_apn": "v-internet", "base_modem_pin": "0123"},
    }
    hosts = {host: read(ANSIBLE / "roles/base/defaults/main.yml") | values for host, values in given.items()}
    printed = " ".join(played(tmp_path, json.dumps([play]), **hosts).split())  # Ansible folds lines
    found = {host: json.loads(wanted) for host, wanted in re.findall(r"(\w+) wants (.*?) \.", printed)}
    sim = {"apn": "v-internet", "modem": "", "username": "", "password": "", "pin": "0123"}
    assert found == {"empty": {}, "lan": {"lan": lan, "cameras": None, "sim": None}, "card": {"sim": sim}}


def played(folder: Path, play: str, **hosts: dict[str, object]) -> str:
    """What Ansible printed while it ran the play on this machine, as each of the hosts with its variables."""
    (folder / "play.yml").write_text(play)
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts, "vars": local}}))
    done = ansible_playbook(folder, "-i", str(folder / "hosts.yml"), str(folder / "play.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - {ansible.builtin.include_role: {name: base, tasks_from: kernel.yml, public: true}}
    - {ansible.builtin.include_role: {name: base, tasks_from: kernel.yml, public: true}}
    - {ansible.builtin.debug: {msg: "modem {{ base_modem }}"}}
"""


def test_a_board_without_memory_limits_gets_them_and_a_reset_by_mmcli_has_its_modemmanager(
    tmp_path: Path,
) -> None:
    parameters = tmp_path / "cmdline.txt"
    parameters.write_text("console=tty1 rootwait\n")
    (tmp_path / "controllers").write_text("cpu io pids\n")
    given: dict[str, object] = {
        "base_kernel_parameters": str(parameters),
        "base_cgroup_controllers": str(tmp_path / "controllers"),
        "base_kernel_reboot": False,
        "edge_agent_heal_reset": [["/usr/bin/mmcli", "-m", "any", "--reset"]],
    }
    said = played(tmp_path, PLAY, box=given)
    assert parameters.read_text() == "console=tty1 rootwait cgroup_enable=memory\n", "once, not twice"
    assert "modem True" in said


# end_play: the role's handlers need systemd.
DROP_INS = """
- hosts: all
  gather_facts: false
  tasks:
    - {ansible.builtin.include_role: {name: edge_agent, tasks_from: drop_ins.yml}}
    - {ansible.builtin.meta: end_play}
"""


BOARDS = {
    "pi": ("auto", "Raspberry Pi 4 Model B Rev 1.5\0", ["raspberry-pi.conf"]),
    "nano": ("auto", "NVIDIA Jetson Nano Developer Kit\0", []),
    "named": ("raspberry-pi-5", None, ["raspberry-pi.conf"]),
}
"""By host: its ``edge_agent_board``, what its device tree says, and the files that it gets."""


@pytest.mark.skipif(os.geteuid() != 0, reason="the role makes files of root")
def test_a_raspberry_pi_gets_its_drop_in_also_where_nobody_named_the_board(tmp_path: Path) -> None:
    hosts: dict[str, dict[str, object]] = {}
    for host, (board, name, _) in BOARDS.items():
        (tmp_path / host).mkdir()
        if name is not None:
            (tmp_path / host / "model").write_text(name)
        hosts[host] = {
            "edge_agent_board": board,
            "edge_agent_board_name_file": str(tmp_path / host / "model"),
            "edge_agent_drop_in_folder": str(tmp_path / host / "service.d"),
            "edge_agent_units": str(ANSIBLE.parent / "systemd"),
            "edge_agent_brokers": ["mqtts://broker.example:8883"],
            "edge_agent_ward": "de-tham",
        }
    played(tmp_path, DROP_INS, **hosts)
    for host, (_, _, installed) in BOARDS.items():
        assert [path.name for path in (tmp_path / host / "service.d").iterdir()] == installed, host
