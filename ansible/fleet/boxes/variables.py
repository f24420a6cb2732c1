"""The variables of a site as a playbook sees them: sheet, group_vars and host_vars, without any vault.

A file that ``ansible-vault`` encrypted is never opened, and a single encrypted value is refused: so no
password can come from there. An expression in a value is refused too, because only Ansible can evaluate it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from fleet.build import group, host_vars
from fleet.problems import read_text
from fleet.sites import Site

ROLE = Path(__file__).resolve().parents[2] / "roles/edge_agent"
NAMES = (
    *("edge_agent_gateway_id", "edge_agent_ward", "edge_agent_ward_name", "edge_agent_site_name"),
    *("edge_agent_latitude", "edge_agent_longitude", "edge_agent_board", "edge_agent_cameras"),
    *(
        "edge_agent_brokers",
        "edge_agent_sim",
        "edge_agent_settings",
        "edge_agent_operator_keys",
        "edge_agent_search_keys",
    ),
)
"""What the template of the agent's configuration reads."""
_ENDINGS = ("", ".yml", ".yaml", ".json")
_VAULT = "$ANSIBLE_VAULT;"


class _Plain(str):
    """A text with the tag ``!unsafe``: Ansible does not evaluate it either."""


class _Encrypted:
    """A value with the tag ``!vault``."""


class _Loader(yaml.SafeLoader):
    pass


def _plain(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> _Plain:
    return _Plain(loader.construct_scalar(node))


_Loader.add_constructor("!unsafe", _plain)
_Loader.add_constructor("!vault", lambda *_: _Encrypted())


def site_variables(site: Site, inventory: Path, playbooks: Path) -> dict[str, Any]:
    """Return the variables of ``NAMES`` with Ansible's precedence: role, all, other groups by name, host.

    Each beside the inventory first, then beside the playbooks. Raises OSError and ValueError."""
    found = _read(ROLE / "defaults/main.yml")
    groups = sorted(["gateways", group("ward", site.ward), group("board", site.board)])
    groups += [] if site.ssh_host else ["pull_only"]
    for names in (["all"], sorted(groups)):
        for folder in (inventory, playbooks):
            for name in names:
                for path in _files(folder / "group_vars", name):
                    found |= _read(path)
    found |= host_vars(site)
    for path in _files(playbooks / "host_vars", site.id):
        found |= _read(path)
    chosen = {name: found[name] for name in NAMES}
    for name, value in chosen.items():
        _check(name, value)
    return chosen


def _files(folder: Path, name: str) -> Iterator[Path]:
    """The files of variables of a group or host, without encrypted ones."""
    for ending in _ENDINGS:
        path = folder / f"{name}{ending}"
        inside = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for file in inside:
            is_used = file.is_file() and not file.name.startswith(".") and not file.name.endswith("~")
            if is_used and not read_text(file).startswith(_VAULT):
                yield file


def _read(path: Path) -> dict[str, Any]:
    text = read_text(path)
    try:
        found = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2026-13-45
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        raise ValueError(f"{path}{where} is not YAML: correct it there") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{path} has no variables: write each as `name: value`")
    return found


def _check(name: str, value: Any) -> None:
    """Raises ValueError for a value that only Ansible can read."""
    if isinstance(value, _Encrypted):
        raise ValueError(f"{name} has an encrypted value: the bundle lies on every box and cannot contain it")
    if isinstance(value, str) and not isinstance(value, _Plain) and _is_expression(value):
        raise ValueError(f"{name} has an expression in it ({value[:60]}): write the value itself")
    children: Sequence[Any] = ()
    if isinstance(value, dict):
        children = [*value.keys(), *value.values()]
    elif isinstance(value, list):
        children = value
    for each in children:
        _check(name, each)


def _is_expression(text: str) -> bool:
    # The sheet's own texts with a brace are marked by ``host_vars``.
    return type(text) is str and ("{{" in text or "{%" in text)
