"""Moves what is stored for a site apart: the agent's state, which may not be sent as another site's, and the
technician's settings."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from edge_box_files import ETC, Box, open_folder, own_folder, utc

DROP_INS, DROP_INS_APART = ETC / "conf.d", ETC / "apart"
STATE, APART = Path("var/lib/edge-agent"), Path("var/lib/edge-agent-apart")


def set_apart(box: Box, site: str) -> None:
    """Move what the agent stored for the site, as a whole. Nothing of it may be sent as another site's.

    The models stay. The folder that follows is complete before it takes the name of the former one, so that
    a power cut between the two steps is made good by the next call."""
    state, apart, new = box.path(STATE), box.path(APART), box.path(STATE).with_name(".edge-agent.new")
    if new.is_dir() and not state.exists():
        new.rename(state)
    if is_mount(state):
        set_apart_inside(state, site)
        return
    if not any(name != "models" for name in os.listdir(state)):
        return
    owner = state.stat()
    apart.mkdir(mode=0o750, exist_ok=True)
    os.chown(apart, -1, owner.st_gid)
    new.mkdir(mode=0o750, exist_ok=True)
    os.chown(new, owner.st_uid, owner.st_gid)
    try:
        if (state / "models").is_dir() and not (state / "models").is_symlink():
            os.rename(state / "models", new / "models")
        state.rename(apart / folder_name(site))
        new.rename(state)
    except OSError as error:
        if error.errno != errno.EXDEV:  # overlayfs renames no folder of its lower layer
            raise
        if (new / "models").is_dir():
            os.rename(new / "models", state / "models")
        new.rmdir()
        set_apart_inside(state, site)


def set_drop_ins_apart(box: Box, site: str) -> None:
    """Move the technician's settings of the site apart: masks and rules are for what its cameras see.

    They stay below /etc/edge-agent: each file is renamed, and a power cut loses none."""
    drop_ins = list(box.path(DROP_INS).glob("*"))
    if not drop_ins:
        return
    apart = box.path(DROP_INS_APART) / folder_name(site)
    apart.mkdir(mode=0o750, parents=True, exist_ok=True)
    for each in drop_ins:
        each.rename(apart / each.name)


def folder_name(site: str) -> str:
    return f"{site}-{utc().replace(':', '').replace('-', '')}"


def is_mount(path: Path) -> bool:
    """Whether it is a mount, also one of a folder, or a link to another disk: neither moves by its name."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    return path.is_symlink() or any(line.split()[4] == str(path) for line in mounts)


def set_apart_inside(state: Path, site: str) -> None:
    """Move what is in a state that is a mount into its folder ``apart``, which belongs to root.

    A power cut leaves ``apart/.moving``, and the next call moves the rest there. The agent's user may write
    the state, so names in it are never followed."""
    with contextlib.ExitStack() as opened:
        folder = open_folder(opened, state)
        group = os.fstat(folder).st_gid
        names = [name for name in os.listdir(folder) if not stays(folder, name)]
        if not names and not (state / "apart/.moving").is_dir():
            return
        apart = own_folder(opened, "apart", folder, group)
        moving = own_folder(opened, ".moving", apart, group)
        for name in names:
            os.rename(name, name, src_dir_fd=folder, dst_dir_fd=moving)
        os.rename(".moving", folder_name(site), src_dir_fd=apart, dst_dir_fd=apart)


def stays(folder: int, name: str) -> bool:
    """Whether the name belongs to the box, not to the site."""
    if name in ("models", "apart", "lost+found"):
        return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    return False
