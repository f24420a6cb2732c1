"""Changes from root to the agent's user, before the process decodes, listens or writes state."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

AGENT = "edge-agent"


def become_agent(state_dir: Path) -> str | None:
    """Change this process from root to the agent's user, for good. Returns its name, or None: no change.

    The user is the owner of ``state_dir``, or ``edge-agent`` if that is root or does not exist. Nothing
    changes without root, or without such a user. The owner of the directory could place symbolic links
    there, so files in it must be written with the owner's rights. The change applies to all threads.
    """
    if os.geteuid() != 0:
        return None
    user = _agent(state_dir)
    if user is None:
        return None
    name, uid, gid = user
    os.setgroups(os.getgrouplist(name, gid) if name else [gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    return name or str(uid)


@contextlib.contextmanager
def as_agent(state_dir: Path) -> Iterator[None]:
    """Use the agent's rights within a ``with``, if root is needed again after it.

    For opening files and connecting to cameras. Do not decode video here: the process can become root again.
    The change applies to all threads."""
    user = _agent(state_dir) if os.geteuid() == 0 else None
    if user is None:
        yield
        return
    name, uid, gid = user
    groups, own_gid = os.getgroups(), os.getegid()
    os.setgroups(os.getgrouplist(name, gid) if name else [gid])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(own_gid)
        os.setgroups(groups)


def _agent(state_dir: Path) -> tuple[str | None, int, int] | None:
    """Name, uid and gid of the agent's user; None: there is none."""
    try:
        owner = state_dir.stat()
    except FileNotFoundError:
        owner = None
    if owner is not None and owner.st_uid != 0:
        try:
            user = pwd.getpwuid(owner.st_uid)
        except KeyError:
            return None, owner.st_uid, owner.st_gid
    else:
        try:
            user = pwd.getpwnam(AGENT)
        except KeyError:
            return None
    return user.pw_name, user.pw_uid, user.pw_gid
