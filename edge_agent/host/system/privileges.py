"""From root to the agent's user, for good, once what needs root is done: whatever decodes, listens, or writes
below the state directory needs none of it."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator
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


@contextlib.contextmanager
def as_agent(state_dir: Path) -> Iterator[None]:
    """The same for the time of a ``with``, where root is needed again after it: files are opened and
    cameras are asked with the agent's rights. All threads change with it. No place for what decodes."""
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
