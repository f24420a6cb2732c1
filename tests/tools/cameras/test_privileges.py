"""With sudo: connections to cameras are the agent user's, and files are root's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.testbed.open_python import open_python
from tests.testbed.small_server import SmallServer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")

NOBODY = 65534
CONFIG = """
gateway: {{id: dt-001, ward: de-tham}}
mqtt: {{brokers: [mqtt://127.0.0.1]}}
cameras:
  - {{id: cam-1, url: "rtsp://127.0.0.1:{port}/sub", username: admin, password_file: cam-1.pass}}
"""
DISCOVER = """
import sys
from functools import partial
from edge_agent.cli import main as cli
from edge_agent.tools.cameras import discover
from edge_agent.tools.cameras.probing import Ports
port, *words = sys.argv[1:]
near = {"addresses": ["127.0.0.1"], "ports": Ports(int(port), int(port)), "listen_s": 0.1}
discover.Search = partial(discover.Search, **near)
sys.exit(cli.main(["cameras", "discover", "--subnet", "127.0.0.1/32", *words]))
"""


@pytest.fixture
def site(open_folder: Path) -> Path:
    (open_folder / "state").mkdir()
    os.chown(open_folder / "state", NOBODY, NOBODY)
    (open_folder / "cam-1.pass").write_text("secret\n")
    (open_folder / "cam-1.pass").chmod(0o600)
    return open_folder


def run(site: Path, *command: str) -> None:
    where = ["--config", str(site / "edge-agent.yaml"), "--state-dir", str(site / "state")]
    whole = [*open_python(site), *command, *where]
    subprocess.run(whole, check=False, timeout=60, capture_output=True, cwd=site)


def test_a_camera_to_be_configured_meets_the_agents_user_and_the_login_is_roots_to_read(site: Path) -> None:
    with SmallServer() as camera:
        (site / "edge-agent.yaml").write_text(CONFIG.format(port=camera.port))
        (site / "edge-agent.yaml").chmod(0o600)
        run(site, "-m", "edge_agent", "cameras", "configure", "cam-1", "--port", str(camera.port))
        assert set(camera.users) == {NOBODY}


@pytest.mark.parametrize("more", [[], ["--write", "cameras.yaml", "--choose", "all"]], ids=["list", "write"])
def test_who_answers_a_search_meets_the_agents_user(site: Path, more: list[str]) -> None:
    with SmallServer() as camera:
        run(site, "-c", DISCOVER, str(camera.port), *more)
        assert set(camera.users) == {NOBODY}
