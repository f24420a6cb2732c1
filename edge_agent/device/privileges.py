"""From root to the agent's user, for good, once what needs root is done: whatever decodes, listens, or writes
below the state directory needs none of it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

AGENT = "edge-agent"


def become_agent(state_dir: Path) -> str | None:
    """Who this process is from now on: the owner of ``state_dir``, and where that is root or not there yet,
    the user ``edge-agent``. None where nothing changes: not root, or no such user here.

    Who owns the directory can put a link in the way of whatever root writes there: the rights that it is
    written with have to be his. All threads change with it.
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


def _agent(state_dir: Path) -> tuple[str | None, int, int] | None:
    """Name, uid and gid."""
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
