"""The package's maintainer scripts, run in a folder that stands for the root, with stand-ins for programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from installers import deb

pytestmark = pytest.mark.skipif(
    shutil.which("deb-systemd-helper") is None, reason="deb-systemd-helper is missing: not a Debian system"
)

RELEASE = "1.2.0"
ROOT_PATHS = re.compile(r"(?<![\w.])/(?=(?:opt|usr/lib|usr/local|usr/share|etc|var/lib|run|sys)/)")
STAND_INS = {
    # Makes an environment whose pip does nothing.
    "python3": """mkdir -p "$3/bin"; cd "$3/bin"; ln -s /bin/true python; ln -s python pip
printf '#!/bin/sh\\necho edge-agent 1.2.0\\n' > edge-agent; chmod +x edge-agent""",
    "deb-systemd-helper": '[ "$*" != "--quiet was-enabled $ADMIN_DISABLED" ]',
    **dict.fromkeys(("deb-systemd-invoke", "systemctl", "systemd-sysusers", "systemd-tmpfiles", "sync"), ":"),
}


class Root:
    """A root folder in which the package's files are unpacked."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "root"
        self.called = folder / "called"
        wheels = folder / "wheels"
        wheels.mkdir()
        (wheels / f"edge_agent-{RELEASE}-py3-none-any.whl").touch()
        package = deb.build(wheels, RELEASE, "aarch64", folder)
        subprocess.run(["dpkg-deb", "-R", package, self.path], check=True)
        (self.path / "run/systemd/system").mkdir(parents=True)
        self._programs = folder / "bin"
        self._programs.mkdir()
        for name, text in STAND_INS.items():
            program = self._programs / name
            program.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.called}\n{text}\n')
            program.chmod(0o755)

    def run(self, script: str, *words: str, disabled: str = "") -> list[str]:
        """Run a maintainer script, and return the calls of system programs. ``disabled``: the unit that the
        administrator has disabled. Raises CalledProcessError."""
        self.called.write_text("")
        text = ROOT_PATHS.sub(f"{self.path}/", (self.path / "DEBIAN" / script).read_text())
        environ = os.environ | {"PATH": f"{self._programs}:{os.environ['PATH']}", "ADMIN_DISABLED": disabled}
        subprocess.run(["sh", "-s", *words], input=text, text=True, env=environ, check=True)
        return self.called.read_text().splitlines()

    def put_in_force(self, release: str) -> None:
        folder = self.path / "opt/edge-agent"
        (folder / release / "bin").mkdir(parents=True)
        (folder / release / "bin/python").symlink_to("/bin/true")
        (folder / "current").symlink_to(release)

    @property
    def in_force(self) -> str:
        return os.readlink(self.path / "opt/edge-agent/current")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


@pytest.mark.parametrize(
    ("before", "after"),
    [("1.1.0", RELEASE), ("1.2.0rc1", RELEASE), ("1.2.0.dev3", RELEASE), ("1.3.0", "1.3.0")],
)
def test_the_newest_release_is_in_force(root: Root, before: str, after: str) -> None:
    root.put_in_force(before)
    root.run("postinst", "configure", "")
    assert root.in_force == after


def test_the_package_that_is_installed_by_its_version_goes_back(root: Root) -> None:
    root.put_in_force("1.3.0rc1")
    root.run("postinst", "configure", "1.3.0~rc1")
    assert root.in_force == RELEASE


def test_a_second_run_after_a_power_cut_enables_units_and_restarts_the_agent(root: Root) -> None:
    """Power was cut when the release was in force already, and nothing else had been done."""
    root.put_in_force(RELEASE)
    called = root.run("postinst", "configure", "")
    assert "deb-systemd-helper enable edge-agent-heal.path" in called
    assert "deb-systemd-invoke restart edge-agent.service" in called


def test_an_upgrade_enables_new_units_and_leaves_those_that_the_administrator_disabled(root: Root) -> None:
    root.put_in_force("1.1.0")
    called = root.run("postinst", "configure", "1.1.0", disabled="edge-agent-heal.path")
    assert "deb-systemd-helper enable edge-agent-network.path" in called
    assert "deb-systemd-helper enable edge-agent-heal.path" not in called


def test_a_raspberry_pi_gets_its_drop_in_and_the_administrators_one_stays(root: Root) -> None:
    model = root.path / "sys/firmware/devicetree/base/model"
    model.parent.mkdir(parents=True)
    model.write_text("Raspberry Pi 4 Model B Rev 1.4\0")
    own = root.path / "etc/systemd/system/edge-agent.service.d/raspberry-pi.conf"
    own.parent.mkdir(parents=True)
    own.write_text("[Service]\n")
    shutil.rmtree(root.path / "usr/share/doc")  # as dpkg's path-exclude on small systems
    root.run("postinst", "configure", "")
    assert own.read_text() == "[Service]\n"
    packed = root.path / "usr/lib/systemd/system/edge-agent.service.d/raspberry-pi.conf"
    assert "/dev/vcio" in packed.read_text()
    root.run("postrm", "remove")
    assert not packed.parent.exists()
    assert own.exists()


def test_removal_stops_all_units_and_leaves_them_enabled_for_a_new_installation(root: Root) -> None:
    wanted = root.path / "etc/systemd/system/multi-user.target.wants/edge-agent.service"
    wanted.parent.mkdir(parents=True)
    wanted.symlink_to("/usr/lib/systemd/system/edge-agent.service")
    (stopped,) = root.run("prerm", "remove")
    assert {"edge-agent.service", "edge-agent-update.path"} <= set(stopped.split())
    shutil.rmtree(root.path / "usr/local")
    root.run("postrm", "remove")
    assert {path.name for path in (root.path / "usr/local").iterdir()} == {"bin", "sbin"}
    assert wanted.is_symlink()
    root.run("postrm", "purge")
    assert not wanted.is_symlink()


def test_an_upgrade_leaves_the_agent_running_until_the_new_release_is_there(root: Root) -> None:
    assert root.run("prerm", "upgrade", "1.3.0") == []
    assert root.run("postrm", "upgrade", "1.3.0") == ["systemctl daemon-reload"]
