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

from tests.tools.doctor.aim.parts import walker_camera

COMMAND = [sys.executable, "-m", "edge_agent", "doctor", "--lang", "vi", "--aim"]


def test_it_says_where_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    with walker_camera(tmp_path) as config:
        command = subprocess.Popen(
            [*COMMAND, "cam-1", str(config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert command.stdout is not None
        told = []
        for line in command.stdout:
            told.append(line)
            if "Trong 15 phút" in line:
                break
        assert re.search(r"^  mã \d{6}$", "".join(told), re.M), told
        assert "  http://127.0.0.1:8480/\n" in told
        with urllib.request.urlopen("http://127.0.0.1:8480/", timeout=5) as answer:
            assert b'name="code"' in answer.read()
        command.send_signal(signal.SIGINT)
        rest, _ = command.communicate(timeout=15)
    assert "Đã dừng, trang đã đóng." in rest
    assert command.returncode == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 8480), 1)


def test_a_camera_that_is_not_there(tmp_path: Path) -> None:
    with walker_camera(tmp_path) as config:
        done = subprocess.run(
            [*COMMAND, "cam-9", str(config)], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert "--aim cam-9: no such camera in the configuration; there are: cam-1" in done.stderr
