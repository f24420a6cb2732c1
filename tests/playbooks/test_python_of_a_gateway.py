"""A gateway's Python and systemd: what the roles refuse, and which interpreter a release gets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest

from edge_update import releases
from edge_update.manifest import Manifest
from edge_update.releases import Releases
from tests.playbooks.role_files import ANSIBLE, read

PREFLIGHT = read(ANSIBLE / "roles/base/tasks/preflight.yml")
INSTALL = read(ANSIBLE / "roles/release/tasks/install.yml")


def named(tasks: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (task,) = [task for task in tasks if task["name"] == name]
    return task


CHECKS = (
    (PREFLIGHT, "Python and systemd are new enough"),
    (INSTALL, "The wheels are for this interpreter"),
)


@pytest.mark.parametrize(
    ("python", "systemd", "tag", "refused"),
    [
        ("3.13", "257", "cp313", []),
        (
            "3.11",
            "252",
            "cp311",
            ["dt-001: python3 is cp311, the wheels are for cp313. Set release_python, or"],
        ),
        ("3.12", "255", "cp313", []),  # Ubuntu 24.04 with an interpreter of another archive
        (
            "3.10",
            "249",
            "cp310",
            [
                "dt-001 has Python 3.10 and systemd 249; a gateway needs Python 3.11 as /usr/bin/python3",
                "dt-001: python3 is cp310, the wheels are for cp313.",
            ],
        ),
        ("3.11", "249", "cp313", ["dt-001 has Python 3.11 and systemd 249"]),
    ],
)
def test_an_old_python_or_systemd_is_refused_with_the_versions_that_are_needed(
    python: str, systemd: str, tag: str, refused: list[str]
) -> None:
    from ansible.plugins.test.core import version_compare  # takes 0.2 s: not in each process of the tests

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.tests["version"] = version_compare
    found = {
        "base_versions": {"stdout_lines": [python, f"systemd {systemd} ({systemd}.1-2)", "+PAM +AUDIT"]},
        "release_tag": {"stdout": tag},
        "release_python": "cp313",
        "release_interpreter": "python3",
        "inventory_hostname": "dt-001",
    }
    said = []
    for tasks, name in CHECKS:
        check = named(tasks, name)["ansible.builtin.assert"]
        conditions = [check["that"]] if isinstance(check["that"], str) else check["that"]
        if not all(environment.compile_expression(each)(**found) for each in conditions):
            said.append(environment.from_string(check["fail_msg"]).render(found))
    assert len(said) == len(refused)
    for text, beginning in zip(said, refused, strict=True):
        assert text.startswith(beginning)


def test_the_versions_are_read_from_the_systems_own_python_and_systemd(tmp_path: Path) -> None:
    command = named(PREFLIGHT, "Read the versions of Python and systemd")["ansible.builtin.shell"]["cmd"]
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho 'systemd 252 (252.1-2)'\n")
    (tmp_path / "systemctl").chmod(0o755)
    assert command.startswith("/usr/bin/python3 ")
    done = subprocess.run(
        ["sh", "-c", command.replace("/usr/bin/python3", sys.executable)],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        f"{sys.version_info.major}.{sys.version_info.minor}",
        "systemd 252 (252.1-2)",
    ]


def test_the_environment_is_made_by_the_interpreter_that_the_wheels_are_for() -> None:
    interpreter = "{{ release_interpreter }}"
    packages = named(INSTALL, "Python can make environments")["ansible.builtin.apt"]
    assert packages["name"] == f"{interpreter}-venv"
    block = named(INSTALL, "The release is installed completely or not at all")["block"]
    environment = named(block, "The release has its own virtual environment")["ansible.builtin.command"]
    asked = named(INSTALL, "Ask the interpreter for its version")["ansible.builtin.command"]
    assert (environment["argv"][0], asked["argv"][0]) == (interpreter, interpreter)


@pytest.mark.parametrize("in_force", [True, False])
def test_a_signed_release_gets_the_interpreter_of_the_one_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_force: bool
) -> None:
    other = tmp_path / "usr/bin/python3.13"
    for folder in (other.parent, tmp_path / "0.1.0/bin"):
        folder.mkdir(parents=True)
    other.touch(mode=0o755)
    (tmp_path / "0.1.0/bin/python3").symlink_to(other)
    if in_force:
        (tmp_path / "current").symlink_to("0.1.0")
    ran: list[list[str]] = []

    def run(command: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        (tmp_path / "0.2.0").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(releases, "run", run)
    Releases(tmp_path, tmp_path / "answer").install(Manifest("0.2.0", 1, 100, ()))
    assert ran[0][0] == (str(other) if in_force else sys.executable)
