"""``edge-agent doctor --aim`` as a technician types it."""

from __future__ import annotations

import re
import signal
import socket
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.testbed.agent import AgentProcess, wait_until, write_config
from tests.tools.doctor.aim.parts import CAMERA, walker_camera

COMMAND = (sys.executable, "-m", "edge_agent", "doctor", "--lang", "vi", "--aim")


def test_it_says_where_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    with walker_camera(tmp_path) as config, AgentProcess(config, "cam-1", command=COMMAND) as doctor:
        wait_until(lambda: "Trang mở trong 15 phút" in doctor.log, what="the page")
        with urllib.request.urlopen("http://127.0.0.1:8480/", timeout=5) as answer:
            assert b'name="code"' in answer.read()
        doctor.process.send_signal(signal.SIGINT)
        assert doctor.process.wait(15) == 0
    assert re.search(r"^  mã \d{6}$", doctor.log, re.M), doctor.log
    assert "  http://127.0.0.1:8480/\n" in doctor.log
    assert "Đã dừng, trang đã đóng." in doctor.log
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 8480), 1)


def test_a_camera_that_is_not_there(tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[CAMERA | {"url": "rtsp://127.0.0.1:9/s"}])
    with AgentProcess(config, "cam-9", command=COMMAND) as doctor:
        assert doctor.process.wait(60) == 1
    assert "--aim cam-9: cấu hình không có camera này; các camera hiện có: cam-1" in doctor.log
