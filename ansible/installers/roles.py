"""Reads from the roles which files and enabled units a gateway has, so that the package has the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ANSIBLE = Path(__file__).resolve().parents[1]
CHECKOUT = ANSIBLE.parent
UNITS = CHECKOUT / "systemd"
ROOT_PROGRAMS = "/usr/local/lib/edge-agent"


class RoleChanged(Exception):
    """A role is not written as expected; the message names the task."""


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """A file of this checkout and its path on a gateway."""

    source: Path
    path: str


def files() -> tuple[InstalledFile, ...]:
    """Return units and root's programs, as the roles edge_agent and update install them."""
    agent = _task("edge_agent", "install", "The user, the folders and the units are described")
    updates = _task("update", "install", "The units are described")
    heal = _task("edge_agent", "install", "Root can reset the modem and reboot when the agent asks")
    program = ANSIBLE / "roles/update/files/edge_update"
    return (
        *(InstalledFile(UNITS / item["from"], item["to"]) for item in agent["loop"]),
        *(InstalledFile(UNITS / name, f"/etc/systemd/system/{name}") for name in updates["loop"]),
        InstalledFile(ANSIBLE / "roles/edge_agent/files/edge_heal.py", heal["ansible.builtin.copy"]["dest"]),
        *(
            InstalledFile(file, f"{ROOT_PROGRAMS}/edge_update/{file.name}")
            for file in sorted(program.glob("*.py"))
        ),
    )


def enabled_units() -> tuple[str, ...]:
    """Return the units that a gateway starts at boot before it belongs to a site."""
    task = _task("edge_agent", "service", "The units for failed units, healing and reboots start at boot")
    return tuple(task["loop"])


def packages(*roles: str) -> frozenset[str]:
    """Return the Debian packages that these roles install; names that depend on a variable are absent."""
    found: set[str] = set()
    for role in roles:
        for file in sorted((ANSIBLE / "roles" / role / "tasks").glob("*.yml")):
            for task in _tasks(yaml.safe_load(file.read_text(encoding="utf-8")) or []):
                names = task.get("ansible.builtin.apt", {}).get("name", [])
                found.update(
                    name for name in ([names] if isinstance(names, str) else names) if "{" not in name
                )
    return frozenset(found)


def version() -> str:
    """Return the version of this checkout."""
    text = (CHECKOUT / "edge_agent/__init__.py").read_text(encoding="utf-8")
    match = re.search(r'__version__ = "([^"]+)"', text)
    assert match, "edge_agent/__init__.py has no __version__"
    return match[1]


def _task(role: str, tasks: str, name: str) -> dict[str, Any]:
    file = ANSIBLE / "roles" / role / "tasks" / f"{tasks}.yml"
    for task in _tasks(yaml.safe_load(file.read_text(encoding="utf-8"))):
        if task["name"] == name:
            return task
    raise RoleChanged(f"{file} has no task '{name}': correct ansible/installers/roles.py")


def _tasks(listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in listed:
        yield task
        yield from _tasks(task.get("block", []))
