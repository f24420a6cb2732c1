"""What needs root is done first; the web server and the decoders run as the agent's user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os
from edge_agent.doctor.aim.privileges import become_agent
print(become_agent(), os.getresuid(), os.getresgid(), sorted(os.getgroups()))
try:
    os.setuid(0)
except PermissionError:
    print("for good")
"""
# A user of that name exists in this mount namespace only.
ENTER = 'mount --bind "$0" /etc/passwd && mount --bind "$1" /etc/group && exec "$2" -c "$3"'


def becomes(folder: Path, passwd: str, group: str) -> str:
    if os.geteuid() != 0:
        pytest.skip("only root has something to give up")
    (folder / "passwd").write_text(f"root:x:0:0::/root:/bin/sh\n{passwd}", encoding="ascii")
    (folder / "group").write_text(f"root:x:0:\n{group}", encoding="ascii")
    files = [str(folder / "passwd"), str(folder / "group")]
    command = ["unshare", "--mount", "sh", "-c", ENTER, *files, sys.executable, PROGRAM]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_root_becomes_the_agents_user_for_good(tmp_path: Path) -> None:
    told = becomes(
        tmp_path,
        "edge-agent:x:4711:4712::/:/usr/sbin/nologin\n",
        "edge-agent:x:4712:\nvideo:x:44:edge-agent\n",
    )
    assert told == "True (4711, 4711, 4711) (4712, 4712, 4712) [44, 4712]\nfor good\n"


def test_where_there_is_no_such_user_it_stays_who_it_is(tmp_path: Path) -> None:
    assert becomes(tmp_path, "", "").startswith("False (0, 0, 0)")
