"""A camera that offers only Basic login is reported, and receives no password."""

from __future__ import annotations

from edge_agent.core.clock import SystemClock
from edge_agent.tools.doctor.checks.cameras import CameraCheck
from tests.capture.rig import camera
from tests.testbed.scripted_rtsp import ScriptedRtsp

BASIC = 'RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="camera"'


def test_a_camera_that_offers_basic_only_is_named_and_gets_no_password() -> None:
    with ScriptedRtsp({"OPTIONS": BASIC}) as server:
        check = CameraCheck(camera(server.url, user="viewer", password="secret"), SystemClock(), None)
        assert [(each.check, each.finding) for each in check.run()] == [("gate1", "camera-basic-only")]
    assert "Authorization" not in "".join(server.requests)
