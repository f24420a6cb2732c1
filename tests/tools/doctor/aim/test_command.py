"""``edge-agent doctor --aim`` as a technician types it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.testbed.agent import wait_until, write_config
from tests.tools.doctor.aim.parts import CAMERA, walker_camera

COMMAND = [sys.executable, "-m", "edge_agent", "doctor", "--lang", "vi", "--aim"]


def test_it_says_where_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    said = tmp_path / "said"
    with (
        walker_camera(tmp_path) as config,
        said.open("wb") as out,
        subprocess.Popen([*COMMAND, "cam-1", str(config)], stdout=out, stderr=out) as command,
    ):
        try:
            wait_until(lambda: "Trong 15 phút" in said.read_text(), what="the page")
            with urllib.request.urlopen("http://127.0.0.1:8480/", timeout=5) as answer:
                assert b'name="code"' in answer.read()
            command.send_signal(signal.SIGINT)
            assert command.wait(15) == 0
        finally:
            command.kill()
    assert re.search(r"^  mã \d{6}$", said.read_text(), re.M), said.read_text()
    assert "  http://127.0.0.1:8480/\n" in said.read_text()
    assert "Đã dừng, trang đã đóng." in said.read_text()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 8480), 1)


def test_a_camera_that_is_not_there(tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[CAMERA | {"url": "rtsp://127.0.0.1:9/s"}], broker_port=1883)
    done = subprocess.run(
        [*COMMAND, "cam-9", str(config)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "--aim cam-9: no such camera in the configuration; there are: cam-1" in done.stderr
