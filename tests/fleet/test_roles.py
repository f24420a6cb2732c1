"""Every role has the same structure, documents each variable, and prefixes its names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ANSIBLE = Path(__file__).parents[2] / "ansible"
ROLES = sorted(path for path in (ANSIBLE / "roles").iterdir() if path.is_dir())
BOOKS = sorted(path for path in ANSIBLE.glob("*.yml") if path.name != "requirements.yml")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_has_its_parts(role: Path) -> None:
    for part in ("defaults/main.yml", "meta/argument_specs.yml", "tasks/main.yml", "tasks/preflight.yml"):
        assert (role / part).is_file(), f"{role.name} has no {part}"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_default_is_explained_and_prefixed(role: Path) -> None:
    defaults = load(role / "defaults/main.yml") or {}
    options = load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    unexplained = set(defaults) - set(options)
    assert not unexplained, f"{role.name}: say in argument_specs what {sorted(unexplained)} mean"
    for name, option in options.items():
        assert name.startswith(f"{role.name}_"), name
        assert option["description"], name
        assert name in defaults or option.get("required"), f"{name} has no default and is not required"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_only_what_depends_on_the_run_is_included(role: Path) -> None:
    """Ansible passes tags to imported tasks, but to included ones only through ``apply``."""
    for path in sorted(role.glob("tasks/*.yml")):
        for task in walk(load(path)):
            for how in ("ansible.builtin.include_tasks", "ansible.builtin.include_role"):
                if how in task:
                    assert "when" in task or "loop" in task or "{{" in task[how]["file"], (
                        f"{path}: {task['name']}"
                    )
                    assert task[how].get("apply", {}).get("tags"), f"{path}: {task['name']}: apply its tags"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_task_is_a_sentence_and_writes_modes(role: Path) -> None:
    for path in sorted([*role.glob("tasks/*.yml"), *role.glob("handlers/*.yml")]):
        for task in walk(load(path) or []):
            assert re.match(r"[A-Z]", task.get("name", "")), f"{path}: {task}"
            for module in ("ansible.builtin.copy", "ansible.builtin.template"):
                if module in task:
                    assert "mode" in task[module], f"{path}: {task['name']}: no mode"


def walk(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for task in tasks:
        found.append(task)
        for nested in ("block", "rescue", "always"):
            found += walk(task.get(nested, []))
    return found


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.name)
def test_a_playbook_names_roles_that_exist(book: Path) -> None:
    names = {path.name for path in ROLES}
    plays = load(book)
    assert plays
    for play in plays:
        used = [role if isinstance(role, str) else role["role"] for role in play.get("roles", [])]
        used += [
            task[how]["name"]
            for task in walk(play.get("tasks", []))
            for how in ("ansible.builtin.include_role", "ansible.builtin.import_role")
            if how in task
        ]
        assert set(used) <= names, f"{book.name}: {set(used) - names}"
