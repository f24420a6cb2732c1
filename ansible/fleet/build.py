"""Writes the inventory and host_vars of sites; a file is written only when its content differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fleet.network import network_vars
from fleet.sites import SSH_PORT, Camera, Site

MARK = "# Made from sites.csv by `python3 -m fleet build`: change the sheet, not this file.\n"
INVENTORY = "sites.yml"
HOST_VARS = "host_vars"


@dataclass(frozen=True, slots=True)
class Changes:
    written: tuple[str, ...]  # paths below the inventory folder
    removed: tuple[str, ...]
    left_over: tuple[str, ...]  # host_vars of sites that are no longer in the sheet

    def __bool__(self) -> bool:
        return bool(self.written or self.removed)


def build(folder: Path, sites: Sequence[Site], *, prune: bool = False) -> Changes:
    """Write below ``folder``. Raises OSError, and ValueError for files that Ansible would not read or that a
    person wrote."""
    wanted = {INVENTORY: _text(inventory(sites))}
    wanted |= {f"{HOST_VARS}/{site.id}.yml": _text(host_vars(site)) for site in sites}
    for site in sites:
        if (folder / HOST_VARS / site.id).is_dir():
            # Ansible reads the folder and ignores the file beside it.
            raise ValueError(
                f"{folder / HOST_VARS / site.id} hides {site.id}.yml from Ansible: move its content to "
                f"host_vars/{site.id}.yml beside the playbooks"
            )
    strange = [name for name in wanted if _by_hand(folder / name)]
    if strange:
        raise ValueError(
            f"{folder / strange[0]} was not made by this command: move its content to host_vars beside the "
            "playbooks, then remove it"
        )
    left_over = tuple(name for name in _made(folder) if name not in wanted)
    written = tuple(name for name, text in wanted.items() if _write(folder / name, text))
    if prune:
        for name in left_over:
            (folder / name).unlink()
    return Changes(written, left_over if prune else (), () if prune else left_over)


def inventory(sites: Iterable[Site]) -> dict[str, Any]:
    """The groups ``gateways``, one for each ward, one for each board, and ``pull_only`` for gateways without
    ssh."""
    groups: dict[str, dict[str, Any]] = {"gateways": {}}
    for site in sites:
        names = ["gateways", group("ward", site.ward), group("board", site.board)]
        for name in [*names, *([] if site.ssh_host else ["pull_only"])]:
            groups.setdefault(name, {})[site.id] = None
    return {"all": {"children": {name: {"hosts": hosts} for name, hosts in sorted(groups.items())}}}


def group(kind: str, name: str) -> str:
    return f"{kind}_{name.replace('-', '_')}"


def host_vars(site: Site) -> dict[str, Any]:
    """The variables of docs/design/deployment.md."""
    found: dict[str, Any] = {
        "edge_agent_gateway_id": site.id,
        "edge_agent_ward": site.ward,
        "edge_agent_ward_name": site.ward_name,
        "edge_agent_site_name": site.name,
        "edge_agent_latitude": site.latitude,
        "edge_agent_longitude": site.longitude,
        "edge_agent_board": site.board,
        "edge_agent_cameras": [_camera(camera) for camera in site.cameras],
    }
    if site.ssh_host:
        found["ansible_host"] = site.ssh_host
        if site.ssh_port != SSH_PORT:
            found["ansible_port"] = site.ssh_port
    found |= network_vars(site.network)
    # {{ and {% in a name of the sheet are text, not a template for the control machine to execute.
    return {key: _unsafe(value) for key, value in found.items()}


def _camera(camera: Camera) -> dict[str, str]:
    made = {"id": camera.id, "name": camera.name, "url": camera.url}
    return made | ({"username": camera.username} if camera.username else {})


class Unsafe(str):
    """Text that Ansible must never evaluate as a template: it is written with the tag ``!unsafe``."""


def _unsafe(value: Any) -> Any:
    if isinstance(value, str):
        return Unsafe(value) if "{" in value else value
    if isinstance(value, list):
        return [_unsafe(item) for item in value]
    if isinstance(value, dict):
        return {key: _unsafe(item) for key, item in value.items()}
    return value


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists, as ansible-lint expects."""
        super().increase_indent(flow, False)


_Dumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style="'"))
_Dumper.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", ""))


def _text(tree: dict[str, Any]) -> str:
    body = yaml.dump(tree, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)
    return f"{MARK}---\n{body}"


def _write(path: Path, text: str) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
    return True


def _by_hand(path: Path) -> bool:
    return path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(MARK)


def _made(folder: Path) -> list[str]:
    found = sorted((folder / HOST_VARS).glob("*.yml"))
    return [f"{HOST_VARS}/{path.name}" for path in found if not _by_hand(path)]
