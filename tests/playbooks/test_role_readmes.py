"""The README of each role: its variables are those of the role, and its tags select tasks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from role_readmes.__main__ import with_variables
from tests.playbooks.role_files import ANSIBLE, ROLES, ansible_playbook, options, read, refusals, spec

PLAYBOOKS = sorted(path.name for path in ANSIBLE.glob("*.yml") if path.name != "requirements.yml")
WITH_TAGS = {"prepare.yml", "commission.yml", "servers.yml", "renew.yml", "image.yml"}

role = pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)


def readme(role: Path) -> str:
    return (role / "README.md").read_text(encoding="utf-8")


def documented(role: Path) -> set[str]:
    """Tags in the README's table."""
    table = readme(role).partition("## Tags\n")[2].partition("```")[0]
    return set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE))


def used(tasks: list[dict[str, Any]]) -> set[str]:
    """Tags of tasks and of the tasks in their blocks."""
    found: set[str] = set()
    for task in tasks:
        found |= set(task.get("tags", []))
        for nested in ("block", "rescue", "always"):
            found |= used(task.get(nested, []))
    return found


@pytest.fixture(scope="module")
def selected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[set[str]]]:
    """The tags of each task, by playbook; no playbook has an error."""
    folder = tmp_path_factory.mktemp("ansible")
    inventory = folder / "hosts.ini"
    inventory.write_text("[gateways]\ndt-001\n[brokers]\nbroker-1\n[central]\nbroker-1\n")
    books = [str(ANSIBLE / name) for name in PLAYBOOKS]
    given = "site=dt-001 ward=de-tham version=0.1.0 release_version=0.1.0"
    done = ansible_playbook(folder, "--list-tasks", "-i", str(inventory), "-e", given, *books)
    assert done.returncode == 0, done.stderr + done.stdout
    found: dict[str, list[set[str]]] = {}
    for part in re.split(r"^playbook: ", done.stdout, flags=re.MULTILINE)[1:]:
        lists = re.findall(r"^ {6}\S.*TAGS: \[(.*)\]$", part, re.MULTILINE)
        found[Path(part.splitlines()[0]).name] = [set(tags.split(", ")) for tags in lists]
    return found


@role
def test_the_table_of_variables_is_current(role: Path) -> None:
    assert with_variables(readme(role), role) == readme(role), "cd ansible && python3 -m role_readmes"


@role
def test_the_table_of_tags_has_all_and_only_the_tags_of_the_role(role: Path) -> None:
    tasks = [task for path in (role / "tasks").glob("*.yml") for task in read(path)]
    assert documented(role) == used(tasks)


@role
def test_each_tag_selects_tasks_of_a_playbook(role: Path, selected: dict[str, list[set[str]]]) -> None:
    everywhere = set[str]().union(*(tags for tasks in selected.values() for tags in tasks))
    assert documented(role) <= everywhere
    (words,) = re.findall(r"^ansible-playbook (.*)$", readme(role), re.MULTILINE)
    tags = set(words.partition("--tags ")[2].split(","))
    assert tags <= everywhere
    for name in re.findall(r"[a-z]+\.yml", words):
        assert any(tags & found for found in selected[name]), f"{name} has no task of {tags}"


def test_no_task_of_these_playbooks_is_without_a_tag(selected: dict[str, list[set[str]]]) -> None:
    assert sorted(selected) == PLAYBOOKS
    assert [name for name in WITH_TAGS if not selected[name] or {""} in selected[name]] == []


@role
def test_the_example_is_a_play_that_the_role_accepts(role: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", readme(role), re.MULTILINE | re.DOTALL)
    (play,) = yaml.safe_load(block)
    (example,) = play["roles"]
    assert example["role"] == role.name
    plain = {name: value for name, value in example["vars"].items() if "{{" not in str(value)}
    described = spec({name: words for name, words in options(role).items() if name in plain})
    assert refusals(described, plain) == []


@role
def test_galaxy_knows_the_role(role: Path) -> None:
    info = read(role / "meta/main.yml")["galaxy_info"]
    assert info["role_name"] == role.name
    assert info["description"]
    assert info["license"] == "Apache-2.0"
