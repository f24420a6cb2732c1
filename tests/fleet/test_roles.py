"""Every role has the same structure, and its tasks are written alike."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.playbooks.role_files import ROLES, read

of_each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


@of_each_role
def test_a_role_has_its_parts(role: Path) -> None:
    for part in ("defaults/main.yml", "meta/argument_specs.yml", "tasks/main.yml", "tasks/preflight.yml"):
        assert (role / part).is_file(), f"{role.name} has no {part}"


@of_each_role
def test_only_what_depends_on_the_run_is_included(role: Path) -> None:
    """Ansible passes tags to imported tasks, but to included ones only through ``apply``."""
    for path in sorted(role.glob("tasks/*.yml")):
        for task in walk(read(path)):
            for how in ("ansible.builtin.include_tasks", "ansible.builtin.include_role"):
                if how in task:
                    name = f"{path}: {task['name']}"
                    assert "when" in task or "loop" in task or "{{" in task[how]["file"], name
                    assert task[how].get("apply", {}).get("tags"), f"{name}: apply its tags"


@of_each_role
def test_every_task_is_a_sentence_and_writes_modes(role: Path) -> None:
    for path in sorted([*role.glob("tasks/*.yml"), *role.glob("handlers/*.yml")]):
        for task in walk(read(path) or []):
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
