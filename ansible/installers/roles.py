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


class RoleChanged(Exception):
    """A role is not written as expected; the message says what."""


TASKS = (
    ("base", "network"),
    ("edge_agent", "install"),
    ("update", "install"),
    ("pki", "slots_program"),
)
"""Role and file of tasks that install units and root's programs, whatever site or key a gateway has."""
FOLDERS = ("/etc/systemd/system/", "/usr/lib/", "/usr/local/")


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """A file of this checkout, its path on a gateway, and its mode."""

    source: Path
    path: str
    mode: int


def files() -> tuple[InstalledFile, ...]:
    """Return units and root's programs, as the tasks of TASKS copy them. Raises RoleChanged."""
    found = [copied for role, tasks in TASKS for copied in _copied(role, tasks)]
    for role, tasks in TASKS:
        if not list(_copied(role, tasks)):
            raise RoleChanged(
                f"roles/{role}/tasks/{tasks}.yml copies no file: correct ansible/installers/roles.py"
            )
    return tuple(found)


def enabled_units() -> tuple[str, ...]:
    """Return the units that a gateway starts at boot before it belongs to a site."""
    found: list[str] = []
    for role, tasks in (("edge_agent", "service"), ("pki", "slots_program")):
        for task in _tasks(_read(role, tasks)):
            unit = task.get("ansible.builtin.systemd_service", {})
            if unit.get("enabled") and unit.get("name") == "{{ item }}":
                found += task["loop"]
    if not found:
        raise RoleChanged("no role enables a unit: correct ansible/installers/roles.py")
    return tuple(found)


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


def _copied(role: str, tasks: str) -> Iterator[InstalledFile]:
    """Yield what the tasks of a file copy from this checkout, loops included."""
    for task in _tasks(_read(role, tasks)):
        copy = task.get("ansible.builtin.copy", {})
        path = copy.get("dest", "")
        if not path.startswith(FOLDERS) and path != "{{ item.to }}":
            continue
        for item in _items(role, task):
            source, target = _filled(copy["src"], item), _filled(path, item)
            file = ANSIBLE / "roles" / role / "files" / source if not source.startswith("/") else Path(source)
            yield InstalledFile(
                file, target + file.name if target.endswith("/") else target, int(copy["mode"], 8)
            )


def _items(role: str, task: dict[str, Any]) -> list[Any]:
    """Return the items of a task's loop; one of None without a loop."""
    loop = task.get("loop", [None])
    if isinstance(loop, str):
        match = re.search(r"fileglob', role_path ~ '/([^']+)'", loop)
        if match is None:
            raise RoleChanged(
                f"the loop of '{task['name']}' is not understood: correct ansible/installers/roles.py"
            )
        return sorted(str(file) for file in (ANSIBLE / "roles" / role).glob(match[1]))
    return list(loop)


def _filled(text: str, item: Any) -> str:
    """Return ``text`` with the item of the loop and the folder of units in it. Raises RoleChanged."""
    values = {"item": item, **{f"{role}_units": str(UNITS) for role in ("edge_agent", "update", "pki")}}
    if isinstance(item, dict):
        values |= {f"item.{key}": value for key, value in item.items()}
    filled = re.sub(r"{{ ([\w.]+) }}", lambda match: str(values.get(match[1], match[0])), text)
    if "{{" in filled:
        raise RoleChanged(f"'{text}' is not understood: correct ansible/installers/roles.py")
    return filled


def _read(role: str, tasks: str) -> list[dict[str, Any]]:
    text = (ANSIBLE / "roles" / role / "tasks" / f"{tasks}.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text) or []


def _tasks(listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in listed:
        yield task
        yield from _tasks(task.get("block", []))
