"""Playbooks and roles without a box: they parse, and each role's variables are as its argument_specs say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.network import SiteNetwork, network_vars
from tests.playbooks.role_files import ANSIBLE, ROLES, ansible_playbook, options, read, refusals, spec

role = pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)


def defaults(role: Path) -> dict[str, Any]:
    found: dict[str, Any] = read(role / "defaults/main.yml") or {}
    return found


def literal(value: object) -> bool:
    """Not worked out by Jinja when the play runs."""
    return "{{" not in repr(value)


@role
def test_variables_begin_with_the_roles_name_and_are_described(role: Path) -> None:
    described = options(role)
    assert set(defaults(role)) <= set(described)
    assert [name for name in described if not name.startswith(f"{role.name}_")] == []
    assert [name for name, words in described.items() if not words.get("description")] == []
    without = set(described) - set(defaults(role))
    assert [name for name in without if not described[name].get("required")] == [], "no default"


@role
def test_defaults_are_what_the_role_accepts(role: Path) -> None:
    described = options(role)
    given = {name: value for name, value in defaults(role).items() if literal(value)}
    checked = spec({name: words for name, words in described.items() if name in given})
    # An empty default of a path or of something required is a question to the user, not an answer.
    asked = {name for name, value in given.items() if value in ("", [], None)}
    described = {name: words for name, words in checked.items() if name not in asked}
    assert refusals(described, {name: value for name, value in given.items() if name not in asked}) == []


@pytest.mark.parametrize(
    ("name", "wrong", "word"),
    [
        ("base", {"base_watchdog_s": "soon"}, "base_watchdog_s"),
        ("base", {}, "base_admin_keys"),
        ("time", {"time_sources": [{"kind": "pool"}]}, "address"),
        ("time", {"time_sources": [{"address": "a", "kind": "sundial"}]}, "sundial"),
        ("edge_agent", {"edge_agent_cameras": [{"id": "cam-1"}]}, "url"),
        ("edge_agent", {"edge_agent_models": [{"src": "/m.tflite"}]}, "sha256"),
    ],
)
def test_what_a_role_cannot_use_is_refused(name: str, wrong: dict[str, object], word: str) -> None:
    assert any(word in message for message in refusals(spec(options(ANSIBLE / "roles" / name)), wrong))


# `release` configures nothing and has no service: it only puts a version beside the others.
@pytest.mark.parametrize(
    "name", ["base", "broker", "central", "edge_agent", "image", "pki", "time", "update"]
)
def test_roles_have_the_same_shape(name: str) -> None:
    tasks = {path.name for path in (ANSIBLE / "roles" / name / "tasks").iterdir()}
    assert {"main.yml", "preflight.yml", "install.yml", "configure.yml", "service.yml"} <= tasks


def test_a_gateway_that_no_playbook_commissions_recovers_too() -> None:
    tasks = ANSIBLE / "roles/edge_agent/tasks"
    always = [step["ansible.builtin.import_tasks"] for step in read(tasks / "main.yml") if "when" not in step]
    copied = [task.get("ansible.builtin.copy", {}) for name in always for task in read(tasks / name)]
    assert "/etc/edge-agent/healing.json" in [copy.get("dest") for copy in copied]


def test_passwords_are_deleted_after_the_configuration_that_needs_them() -> None:
    """Whatever ends the play in between, and with each tag: the agent must find what its file names."""
    tasks = read(ANSIBLE / "roles/edge_agent/tasks/configure.yml")
    names = [task["name"] for task in tasks]
    configured = names.index("The agent is configured")
    deleting = tasks[names.index("Passwords of removed cameras are deleted")]
    assert tasks.index(deleting) > configured
    assert deleting["tags"] == tasks[configured]["tags"] == ["configuration"]


def test_passwords_of_drop_ins_and_pushed_configurations_are_found(tmp_path: Path) -> None:
    """With the task's own command; nothing was ever pushed to the second gateway."""
    tasks = {task["name"]: task for task in read(ANSIBLE / "roles/edge_agent/tasks/configure.yml")}
    find = tasks["Find passwords that drop-ins and pushed configurations name"]
    *words, drop_ins, pushed = find["ansible.builtin.command"]["argv"]
    assert (drop_ins, pushed.endswith("/pushed")) == ("/etc/edge-agent/conf.d", True)
    for folder in ("conf.d", "state/pushed"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "conf.d/cameras.yaml").write_text("  password_file: credentials/cam-3\n")
    (tmp_path / "state/pushed/13.yaml").write_text('{id: cam-4, "password_file": "credentials/cam-4"}\n')
    for state, found, errors in (("state", ["cam-3", "cam-4"], 0), ("other", ["cam-3"], 1)):
        folders = [str(tmp_path / "conf.d"), str(tmp_path / state / "pushed")]
        done = subprocess.run([*words, *folders], capture_output=True, text=True, check=False)
        assert done.stdout.split() == found
        assert [line for line in done.stderr.splitlines() if "/pushed: " in line] == done.stderr.splitlines()
        assert len(done.stderr.splitlines()) == errors


@pytest.mark.parametrize("playbook", ["prepare.yml", "rollout.yml", "servers.yml"])
def test_a_release_in_force_gets_its_manual(playbook: str) -> None:
    text = (ANSIBLE / playbook).read_text(encoding="utf-8")
    assert text.index("tasks_from: switch") < text.index("tasks_from: manual")


def test_the_manual_is_generated_where_man_finds_it(tmp_path: Path) -> None:
    """The task's own command, with this Python and another prefix."""
    (task,) = read(ANSIBLE / "roles/release/tasks/manual.yml")
    _, *words, prefix = task["ansible.builtin.command"]["argv"]
    assert prefix == "/usr/local"
    done = subprocess.run([sys.executable, *words, tmp_path], capture_output=True, text=True, check=True)
    assert str(tmp_path / "share/man/man1/edge-agent-status.1") in done.stdout.splitlines()
    assert (tmp_path / "share/bash-completion/completions/edge-agent").is_file()


def test_a_release_on_the_gateway_needs_no_wheel(tmp_path: Path) -> None:
    """So that a roll-out can go back to it after `make wheelhouse` for the next one."""
    (tmp_path / "0.1.0").mkdir()
    (tmp_path / "0.1.0/.complete").touch()
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "pre_tasks": [{"ansible.builtin.set_fact": {"architecture": "x86_64", "cacheable": True}}],
        "roles": [
            {
                "role": str(ANSIBLE / "roles/release"),
                "release_version": "0.1.0",
                "release_folder": str(tmp_path),
                "release_wheelhouse": str(tmp_path / "newer"),
            }
        ],
    }
    book = tmp_path / "book.yml"
    book.write_text(yaml.safe_dump([play]), encoding="utf-8")
    done = ansible_playbook(tmp_path, "-i", "localhost,", str(book))
    assert done.returncode == 0, done.stdout + done.stderr


def test_half_of_a_deleted_release_does_not_count_as_complete() -> None:
    """A power cut may end the deletion anywhere."""
    tasks = {task["name"]: task for task in read(ANSIBLE / "roles/release/tasks/prune.yml")}
    assert "product(['/.complete', ''])" in tasks["Unused releases are deleted"]["loop"]


def test_a_release_without_the_centre_is_refused_before_it_is_in_force() -> None:
    play = read(ANSIBLE / "servers.yml")[-1]
    check, switch = (task.get("ansible.builtin.import_role") for task in play["tasks"][:2])
    assert (check["name"], check["tasks_from"]) == ("central", "preflight")
    assert (switch["name"], switch["tasks_from"]) == ("release", "switch")
    assert play["tasks"][0]["vars"] == {"central_release": "/opt/edge-agent/{{ release_version }}"}
    preflight = (ANSIBLE / "roles/central/tasks/preflight.yml").read_text(encoding="utf-8")
    assert "/opt/edge-agent/current" not in preflight


@pytest.mark.parametrize(("in_force", "code"), [("0.1.0", 0), ("0.2.0", 1)])
def test_the_centre_restarts_if_it_runs_from_another_release(
    in_force: str, code: int, tmp_path: Path
) -> None:
    """The task's own command, with a process whose interpreter is the one of release 0.1.0."""
    tasks = read(ANSIBLE / "roles/central/tasks/service.yml")
    (task,) = [task for task in tasks if task["name"] == "The centre runs from the release in force"]
    assert (task["changed_when"], task["notify"]) == ("central_process.rc == 1", "Restart edge-central")
    (tmp_path / in_force).mkdir()
    (tmp_path / "current").symlink_to(in_force)
    words = ["/opt/edge-agent/0.1.0/bin/python3", "60"]
    with subprocess.Popen(words, executable="sleep") as centre:
        systemctl = tmp_path / "systemctl"
        systemctl.write_text(f"#!/bin/sh\necho {centre.pid}\n")
        systemctl.chmod(0o755)
        command = task["ansible.builtin.shell"]["cmd"].replace("/opt/edge-agent", str(tmp_path))
        path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-c", command], env=path, capture_output=True, text=True, check=False)
        centre.kill()
    assert (done.returncode, done.stderr) == (code, "")


SITE_NETWORK = "tasks/site_network.yml"


@pytest.mark.parametrize(
    ("playbook", "hosts"), [("replace-box.yml", "{{ site "), ("network.yml", "gateways")]
)
def test_a_gateway_gets_the_network_of_its_site_without_a_download(playbook: str, hosts: str) -> None:
    """What prepare.yml sets up by the row of the sheet, except role edge_agent, which is commission.yml's."""
    play = read(ANSIBLE / playbook)[-1]
    assert play["hosts"].startswith(hosts)
    assert [task["ansible.builtin.import_tasks"] for task in play["tasks"]] == [SITE_NETWORK]
    roles = [task["ansible.builtin.import_role"] for task in read(ANSIBLE / SITE_NETWORK)]
    parts = [(role["name"], role["tasks_from"]) for role in roles]
    assert parts == [("time", "configure"), ("base", "firewall"), ("base", "modem"), ("base", "network")]
    for name, part in parts:
        for task in read(ANSIBLE / f"roles/{name}/tasks/{part}.yml"):
            refreshed = task.get("ansible.builtin.apt", {}).get("update_cache", False)
            assert not refreshed, "installed packages are not looked for on the network"


def test_the_guide_of_the_image_names_a_playbook_for_each_network_column() -> None:
    page = (ANSIBLE.parent / "docs/guide/image.md").read_text(encoding="utf-8")
    (section,) = re.findall(
        r"^To commission the gateway from a control machine.*?(?=^## )", page, re.M | re.S
    )
    assert {"commission.yml", "network.yml"} <= set(re.findall(r"[\w-]+\.yml", section))
    columns = SiteNetwork(
        apn="v-internet",
        modem="cdc-wdm0",
        address="10.0.0.9/24",
        camera_interface="eth1",
        camera_address="10.1.1.1/24",
        serve_time=("10.1.1.0/24",),
    )
    roles = [task["ansible.builtin.import_role"] for task in read(ANSIBLE / SITE_NETWORK)]
    paths = [ANSIBLE / f"roles/{role['name']}/tasks/{role['tasks_from']}.yml" for role in roles]
    paths += [*ANSIBLE.glob("roles/time/templates/chrony*"), *ANSIBLE.glob("roles/base/templates/nftables*")]
    paths += ANSIBLE.glob("roles/edge_agent/t*/*")  # commission.yml
    texts = "".join(path.read_text(encoding="utf-8") for path in paths)
    variables = network_vars(columns)
    assert len(variables) == 7, "a new variable needs its column above"
    assert [name for name in variables if name not in texts] == []


@pytest.mark.parametrize(
    ("former", "present"), [("site.yml", "commission.yml"), ("depot.yml", "prepare.yml")]
)
def test_a_former_name_says_the_present_one_and_runs_it(former: str, present: str) -> None:
    notice, run = read(ANSIBLE / former)
    assert f"{former} is now called {present}" in notice["tasks"][0]["ansible.builtin.debug"]["msg"]
    assert run["ansible.builtin.import_playbook"] == present


def test_the_centre_takes_the_sheet_of_wards_that_is_there(tmp_path: Path) -> None:
    with_wards, without = tmp_path / "with", tmp_path / "without"
    for folder in (with_wards, without):
        folder.mkdir()
    (with_wards / "wards.csv").touch()
    central, book = ANSIBLE / "roles/central", tmp_path / "book.yml"
    sheets = {f"{with_wards}/sites.csv": f"{with_wards}/wards.csv", f"{without}/sites.csv": "", "": ""}
    plays = [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars_files": [str(central / "defaults/main.yml"), str(central / "vars/main.yml")],
            "tasks": [
                {
                    "ansible.builtin.debug": {"msg": "found <{{ central_wards_file }}>"},
                    "vars": {"central_sites_file": sheet},
                }
            ],
        }
        for sheet in sheets
    ]
    book.write_text(yaml.safe_dump(plays))
    done = ansible_playbook(tmp_path, "-i", "localhost,", str(book))
    assert re.findall("found <(.*)>", done.stdout) == list(sheets.values()), done.stdout + done.stderr
