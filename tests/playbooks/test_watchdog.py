"""Role base gives each board the watchdog of its profile, in Ansible's own hands."""

from __future__ import annotations

import json
import platform
import re
import runpy
import sys
from typing import Any

import pytest

from tests.playbooks.role_files import ANSIBLE, ansible_playbook, read

LOOKUP = "{{ lookup('template', '" + str(ANSIBLE / "roles/base/templates/watchdog.conf.j2") + "') }}"
PLAY = [
    {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "tasks": [
            # All of them are this machine.
            {"ansible.builtin.set_fact": {"architecture": platform.machine(), "cacheable": True}},
            {"ansible.builtin.include_role": {"name": "base", "tasks_from": "board", "public": True}},
            # Ansible's own lookup: a module would start a process for each host.
            {"ansible.builtin.debug": {"msg": f"{{{{ inventory_hostname }}}} gets <{LOOKUP}>"}},
        ],
    }
]
HOSTS: dict[str, dict[str, object]] = {
    "pi": {"edge_agent_board": "raspberry-pi-4"},
    "jetson": {"edge_agent_board": "jetson-orin-nano"},
    "never": {"edge_agent_board": "raspberry-pi-5", "base_watchdog_s": 0},
    "too-long": {"edge_agent_board": "raspberry-pi-5", "base_watchdog_s": 60},
    "asked": {},
}


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What Ansible prints, with the file of each host that came so far."""
    folder = tmp_path_factory.mktemp("watchdog")
    (folder / "play.yml").write_text(json.dumps(PLAY))
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": HOSTS}}))
    interpreter = f"ansible_python_interpreter={sys.executable}"
    hosts, play = str(folder / "hosts.yml"), str(folder / "play.yml")
    done = ansible_playbook(folder, "-i", hosts, "-e", interpreter, play)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("host", "profile", "waits"),
    [
        ("pi", "raspberry-pi-4", "15s"),
        ("jetson", "jetson-orin-nano", "60s"),
        ("never", "raspberry-pi-5", "off"),
        ("asked", None, None),
    ],
)
def test_systemd_is_told_the_watchdog_of_the_boards_profile(
    reported: str, host: str, profile: str | None, waits: str | None
) -> None:
    found = re.search(rf"^ *{host} gets <(.*?)>", reported, re.MULTILINE | re.DOTALL)
    assert found, reported
    text = "\n".join(map(str.strip, found[1].splitlines()))
    assert "WatchdogDevice=/dev/watchdog0\n" in text
    if profile is None:  # auto, on whatever machine this is: one of the profiles was found
        profile = text.split("# Of ")[1].split(":")[0]
        board = read(ANSIBLE.parent / "firmware_profiles" / f"{profile}.yaml")
        waits = f"{board['platform']['watchdog']['timeout_s']}s"
    assert f"# Of {profile}:" in text
    assert f"\nRuntimeWatchdogSec={waits}\n" in text


def test_what_the_hardware_cannot_do_is_refused_before_anything_is_changed(reported: str) -> None:
    assert "too-long gets" not in reported
    reason = "too-long: base_watchdog_s is 60, and the watchdog of raspberry-pi-5 waits 15 s at most."
    assert reason in " ".join(reported.split()), reported


def base_watchdog(*arguments: object) -> Any:
    # It imports Ansible, which takes 0.1 s: not in each process of the tests.
    filters = runpy.run_path(str(ANSIBLE / "roles/base/filter_plugins/base_board.py"))
    return filters["base_watchdog"](*arguments)


@pytest.mark.parametrize(
    ("names", "machine", "profile"),
    [
        # what grep prints of a device tree, which ends in a zero byte
        (["firmware/devicetree/base/model:Raspberry Pi 5 Model B Rev 1.0\0"], "aarch64", "raspberry-pi-5"),
        (
            ["class/dmi/id/sys_vendor:Unknown", "class/dmi/id/product_name:NVIDIA Orin Nano Kit"],
            "aarch64",
            "jetson-orin-nano",
        ),
        ([], "aarch64", "generic-arm64"),
        (["class/dmi/id/sys_vendor:Dell: Inc."], "x86_64", "generic-x86_64"),
    ],
)
def test_auto_is_the_board_that_the_agent_takes_it_for(names: list[str], machine: str, profile: str) -> None:
    found = base_watchdog("auto", [f"/sys/{name}" for name in names], machine)
    assert found["profile"] == profile


def test_a_board_that_nobody_wrote_a_profile_for_is_told_with_the_nearest_name() -> None:
    from ansible.errors import AnsibleFilterError

    with pytest.raises(AnsibleFilterError, match=r"raspberry-pi-44.*did you mean 'raspberry-pi-4'"):
        base_watchdog("raspberry-pi-44", [], "aarch64")
