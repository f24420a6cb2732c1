"""Role base gives each board the watchdog of its profile, in Ansible's own hands."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError

ANSIBLE = Path(__file__).resolve().parents[2] / "ansible"
base_watchdog = runpy.run_path(str(ANSIBLE / "roles/base/filter_plugins/base_board.py"))["base_watchdog"]
PLAY = [
    {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "tasks": [
            # Once for all of them: they are this machine.
            {"ansible.builtin.setup": {"gather_subset": ["!all", "!min", "architecture"]}, "run_once": True},
            {"ansible.builtin.include_role": {"name": "base", "tasks_from": "board", "public": True}},
            {
                "ansible.builtin.template": {
                    "src": str(ANSIBLE / "roles/base/templates/watchdog.conf.j2"),
                    "dest": "{{ out }}/{{ inventory_hostname }}.conf",
                    "mode": "0644",
                }
            },
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
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What Ansible says, and the folder with the file of each host that came so far."""
    folder = tmp_path_factory.mktemp("watchdog")
    (folder / "play.yml").write_text(json.dumps(PLAY))
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": HOSTS, "vars": {"out": str(folder)}}}))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(folder / "hosts.yml"),
         "-e", f"ansible_python_interpreter={sys.executable}", str(folder / "play.yml")],
        env=os.environ | {"ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "ANSIBLE_HOME": str(folder),
                          "ANSIBLE_NOCOLOR": "1", "ANSIBLE_ROLES_PATH": str(ANSIBLE / "roles")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr, folder


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
    played: tuple[str, Path], host: str, profile: str | None, waits: str | None
) -> None:
    reported, folder = played
    conf = folder / f"{host}.conf"
    assert conf.exists(), reported
    text = conf.read_text()
    assert "WatchdogDevice=/dev/watchdog0\n" in text
    if profile is None:  # auto, on whatever machine this is: one of the profiles was found
        profile = text.split("# Of ")[1].split(":")[0]
        board = yaml.safe_load((ANSIBLE.parent / "firmware_profiles" / f"{profile}.yaml").read_text())
        waits = f"{board['platform']['watchdog']['timeout_s']}s"
    assert f"# Of {profile}:" in text
    assert f"\nRuntimeWatchdogSec={waits}\n" in text


def test_what_the_hardware_cannot_do_is_refused_before_anything_is_changed(
    played: tuple[str, Path],
) -> None:
    reported, folder = played
    assert not (folder / "too-long.conf").exists()
    reason = "too-long: base_watchdog_s is 60, and the watchdog of raspberry-pi-5 waits 15 s at most."
    assert reason in " ".join(reported.split()), reported


@pytest.mark.parametrize(
    ("names", "machine", "profile"),
    [
        # what grep prints of a device tree, which ends in a zero byte
        (
            ["/sys/firmware/devicetree/base/model:Raspberry Pi 5 Model B Rev 1.0\0"],
            "aarch64",
            "raspberry-pi-5",
        ),
        (
            ["/sys/class/dmi/id/sys_vendor:Unknown", "/sys/class/dmi/id/product_name:NVIDIA Orin Nano Kit"],
            "aarch64",
            "jetson-orin-nano",
        ),
        ([], "aarch64", "generic-arm64"),
        (["/sys/class/dmi/id/sys_vendor:Dell: Inc."], "x86_64", "generic-x86_64"),
    ],
)
def test_auto_is_the_board_that_the_agent_would_take_it_for(
    names: list[str], machine: str, profile: str
) -> None:
    assert base_watchdog("auto", names, machine)["profile"] == profile


def test_a_board_that_nobody_wrote_a_profile_for_is_told_with_the_nearest_name() -> None:
    with pytest.raises(AnsibleFilterError, match=r"raspberry-pi-44.*did you mean 'raspberry-pi-4'"):
        base_watchdog("raspberry-pi-44", [], "aarch64")
