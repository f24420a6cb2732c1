"""With sudo: files of root are read first, and data from outside is handled as the agent's user."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.testbed.agent import write_config
from tests.testbed.open_python import open_python
from tests.testbed.small_server import SmallServer
from tests.tools.doctor.conftest import StrictCamera, camera, examined

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")

NOBODY = 65534


@pytest.fixture
def tmp_path(open_folder: Path) -> Path:
    """One that the agent's user may enter."""
    return open_folder


def site(folder: Path, camera_url: str, broker_port: int, password: str) -> Path:
    config = write_config(
        folder,
        cameras=[camera("cam-1", camera_url, password)],
        detector="none",
        # With TLS the client waits for an answer: the kernel does not keep the owner of a closed socket.
        mqtt={"brokers": [f"mqtts://127.0.0.1:{broker_port}"]},
    )
    config.chmod(0o600)
    return config


def sudo_doctor(folder: Path, config: Path, *options: str) -> tuple[dict[str, str], str]:
    """Run the doctor with sudo; return the finding by check, and its warnings."""
    command = [*open_python(folder), "-m", "edge_agent", "doctor", str(config), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout, done.stderr
    return {line["check"]: line["finding"] for line in json.loads(done.stdout)["lines"]}, done.stderr


def test_cameras_and_brokers_meet_the_agents_user(tmp_path: Path, password: str) -> None:
    """Only root can read the password, and the requested files are in a folder of root."""
    state, of_root = tmp_path / "state", tmp_path / "of-root"
    state.mkdir()
    os.chown(state, NOBODY, NOBODY)
    of_root.mkdir(0o700)
    page, sheet = of_root / "out.html", of_root / "sheet.jpg"
    page.write_text("<!-- of last year, and longer than nothing -->")
    with StrictCamera() as gate, SmallServer() as broker:
        config = site(tmp_path, gate.url, broker.port, password)
        reported, _ = sudo_doctor(tmp_path, config, "--report", str(page), "--sheet", str(sheet))
    assert (set(gate.users), set(broker.users)) == ({NOBODY}, {NOBODY})
    assert (gate.logins, reported["cam-1"]) == (1, "camera-unauthorized")
    assert page.read_text().startswith("<!doctype html>")
    assert sheet.read_bytes().startswith(b"\xff\xd8")
    assert {path.stat().st_uid for path in (state / "reports").iterdir()} == {NOBODY}
    assert reported["disk"] == "disk-good"


def test_a_copy_of_a_report_follows_no_link_of_the_agents_user(tmp_path: Path, password: str) -> None:
    """The owner of the state directory must not make root write elsewhere."""
    state, of_root = tmp_path / "state", tmp_path / "of-root"
    state.mkdir()
    of_root.mkdir(0o755)
    (state / "reports").symlink_to(of_root)
    os.chown(state, NOBODY, NOBODY)
    config = site(tmp_path, "rtsp://127.0.0.1:1/stream", 1, password)
    _, warnings = sudo_doctor(tmp_path, config, "--report", str(tmp_path / "out.html"))
    assert (list(of_root.iterdir()), of_root.stat().st_uid) == ([], 0)
    assert "no copy is kept" in warnings


def test_a_state_directory_that_the_agent_cannot_write_is_a_fault(tmp_path: Path, password: str) -> None:
    state = tmp_path / "state"
    state.mkdir(0o555)
    os.chown(state, NOBODY, NOBODY)
    with StrictCamera() as gate:
        reported, _ = sudo_doctor(tmp_path, site(tmp_path, gate.url, 1, password))
    assert reported["disk"] == "disk-closed"


def test_root_stays_root_where_the_agent_is(tmp_path: Path, password: str) -> None:
    """The state directory is root's and there is no user edge-agent: the agent itself runs as root."""
    (tmp_path / "state").mkdir()
    with StrictCamera() as gate:
        reported = examined(site(tmp_path, gate.url, 1, password))
    assert (reported.finding("disk"), gate.users) == ("disk-good", [0])


def test_a_plain_user_examines_as_himself(tmp_path: Path, password: str) -> None:
    """A user that can read the password, such as a developer, needs no root."""
    with StrictCamera() as gate:
        config = site(tmp_path, gate.url, 1, password)
        state = tmp_path / "state"
        state.mkdir()
        for path in (config, Path(password), state):
            os.chown(path, NOBODY, NOBODY)
        *enter, python = open_python(tmp_path)
        become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", python]
        asks = [*enter, *become, "-m", "edge_agent", "doctor", str(config), "--json"]
        done = subprocess.run(asks, capture_output=True, text=True, timeout=60, check=False)
    reported = {line["check"]: line["finding"] for line in json.loads(done.stdout)["lines"]}
    assert (gate.users, gate.logins) == ([NOBODY], 1)
    assert (reported["disk"], reported["cam-1"]) == ("disk-good", "camera-unauthorized")
