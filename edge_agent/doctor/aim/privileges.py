"""From root to the agent's user, once what needs root is done: a web server and decoders need none."""

from __future__ import annotations

import os
import pwd

AGENT = "edge-agent"


def become_agent() -> bool:
    """False where that is not possible: not root, or no such user here. Before any thread is started."""
    if os.geteuid() != 0:
        return False
    try:
        user = pwd.getpwnam(AGENT)
    except KeyError:
        return False
    os.setgroups(os.getgrouplist(AGENT, user.pw_gid))
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    return True
