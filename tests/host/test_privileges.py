"""Work that needs root is done first; the web server and the decoders run as the agent's user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.host.system.process import is_writable, login_folder

PROGRAM = """
import os, sys
from pathlib import Path
from edge_agent.host.system.process import become_agent
print(become_agent(Path(sys.argv[1])), os.getresuid(), os.getresgid(), sorted(os.getgroups()))
try:
    os.setuid(0)
except PermissionError:
    print("for good")
"""
# A user of that name exists in this mount namespace only.
ENTER = 'mount --bind "$0" /etc/passwd && mount --bind "$1" /etc/group && exec "$2" -c "$3" "$4"'


def becomes(folder: Path, passwd: str, group: str, owner: int | None = None, program: str = PROGRAM) -> str:
    """``owner``: of the state directory; None: it does not exist yet."""
    if os.geteuid() != 0:
        pytest.skip("only root has something to give up")
    (folder / "passwd").write_text(f"root:x:0:0::/root:/bin/sh\n{passwd}", encoding="ascii")
    (folder / "group").write_text(f"root:x:0:\n{group}", encoding="ascii")
    state_dir = folder / "state"
    if owner is not None:
        state_dir.mkdir()
        os.chown(state_dir, owner, owner)
    files = [str(folder / "passwd"), str(folder / "group")]
    command = ["unshare", "--mount", "sh", "-c", ENTER, *files, sys.executable, program, str(state_dir)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


AGENT = "edge-agent:x:4711:4712::/:/usr/sbin/nologin\n"
GROUPS = "edge-agent:x:4712:\nvideo:x:44:edge-agent\n"


@pytest.mark.parametrize("owner", [None, 0, 4711], ids=["no state", "of root", "of the agent"])
def test_root_becomes_the_agents_user_for_good(tmp_path: Path, owner: int | None) -> None:
    reported = becomes(tmp_path, AGENT, GROUPS, owner)
    assert reported == "edge-agent (4711, 4711, 4711) (4712, 4712, 4712) [44, 4712]\nfor good\n"


FOR_A_WHILE = """
import os, sys
from pathlib import Path
from edge_agent.host.system.process import as_agent
before = os.getgroups()
with as_agent(Path(sys.argv[1])):
    print(os.geteuid(), os.getegid(), sorted(os.getgroups()))
    try:
        Path("/etc/shadow").read_bytes()
    except PermissionError:
        print("closed")
print(os.getresuid(), os.getresgid(), os.getgroups() == before)
"""


def test_for_a_while_root_is_the_agents_user_and_then_root_again(tmp_path: Path) -> None:
    reported = becomes(tmp_path, AGENT, GROUPS, 4711, FOR_A_WHILE)
    assert reported == "4711 4712 [44, 4712]\nclosed\n(0, 0, 0) (0, 0, 0) True\n"


def test_whoever_owns_the_state_directory_is_the_agents_user(tmp_path: Path) -> None:
    reported = becomes(tmp_path, AGENT, GROUPS, 4800)
    assert reported == "4800 (4800, 4800, 4800) (4800, 4800, 4800) [4800]\nfor good\n"


def test_where_there_is_no_such_user_it_stays_who_it_is(tmp_path: Path) -> None:
    assert becomes(tmp_path, "", "").startswith("None (0, 0, 0)")


MAKE = """
import os, stat, sys
from pathlib import Path
from edge_agent.host.system.process import make_state_dir
state = Path(sys.argv[1])
for folder in (state, state):  # an existing one stays as it is
    make_state_dir(folder)
    found = state.stat()
    print(found.st_uid, found.st_gid, oct(stat.S_IMODE(found.st_mode)))
    state.chmod(0o700)
"""


@pytest.mark.parametrize(
    ("passwd", "ids"), [(AGENT, "4711 4712"), ("", "0 0")], ids=["agent", "no such user"]
)
def test_root_makes_the_state_directory_for_the_agents_user(tmp_path: Path, passwd: str, ids: str) -> None:
    assert becomes(tmp_path, passwd, GROUPS, program=MAKE) == f"{ids} 0o750\n{ids} 0o700\n"


def test_a_user_who_cannot_write_the_state_directory_has_a_journal_of_his_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    state = tmp_path / "state"
    own = login_folder(state)
    assert own.parent == tmp_path / "cache/edge-agent"
    assert own == login_folder(state) != login_folder(tmp_path / "other")
    state.mkdir()
    assert login_folder(state) == state
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    missing = tmp_path / "missing"
    assert (login_folder(missing), is_writable(missing)) == (missing, False)
