"""Cameras that are served once for all tests of this package, and functions that run the command."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent import wire
from edge_agent.cli.arguments import parser
from edge_agent.core.problems import ProblemText, problem_of
from edge_agent.host.health.clock_sync import KernelSync
from edge_agent.tools.doctor.command import run_doctor
from edge_agent.tools.doctor.run import DoctorEnvironment
from edge_agent.wire import Doctor, DoctorLine
from tests.testbed.clips import make_clip
from tests.testbed.rtsp import RtspServer
from tests.testbed.schemas import check_message
from tests.testbed.scripted_rtsp import USUAL, ScriptedRtsp

USER, PASSWORD = "viewer", "s3cret-of-the-camera"
LY_THUONG_KIET = {
    "id": "dt-001",
    "ward": "de-tham",
    "ward_name": "Đề Thám",
    "name": "Lý Thường Kiệt – Lê Quý Đôn",
    "location": {"latitude": 20.4463, "longitude": 106.3366},
}


def environment_of(**parts: Any) -> DoctorEnvironment:
    """Synchronised: whether this machine's clock is must not decide a test."""
    return DoctorEnvironment(**{"kernel": lambda: KernelSync(True, 0.0), **parts})


@dataclass(frozen=True)
class Told:
    """The output of one run."""

    code: int
    doctor: Doctor

    def line(self, check: str) -> DoctorLine:
        (found,) = [line for line in self.doctor.lines if line.check == check]
        return found

    def finding(self, check: str) -> str:
        return self.line(check).finding

    @property
    def red(self) -> list[str]:
        return [line.check for line in self.doctor.lines if line.level == "red" and line.accepted is None]


def call(config: Path, *options: str, environment: DoctorEnvironment | None = None) -> tuple[int, str]:
    """Run the command; return its exit code and output."""
    out = io.StringIO()
    args = parser().parse_args(["doctor", *options, "--config", str(config)])
    code = run_doctor(args, out, environment or environment_of())
    return code, out.getvalue()


def examined(config: Path, *options: str, environment: DoctorEnvironment | None = None) -> Told:
    """Run it with --json; the document matches its schema."""
    code, text = call(config, "--json", *options, environment=environment)
    check_message(json.loads(text), "doctor")
    return Told(code, msgspec.json.decode(text, type=Doctor))


def heartbeat_with(*lines: ProblemText, **parts: Any) -> wire.Heartbeat:
    """A heartbeat of a healthy agent. ``lines``: its problems; ``parts`` replace fields of it."""
    document: dict[str, Any] = {
        "time": "2026-11-30T08:00:00.000Z",
        "session": "0" * 16,
        "uptime_s": 60.0,
        "clock": wire.ClockHealth(synced=True, source="chrony", offset_ms=0.4),
        "box": wire.BoxHealth(uptime_s=90.0),
        "outbox": wire.OutboxHealth(depth=0, bytes=0, oldest_s=0.0, sequence=1, epoch="e1"),
        "mqtt": wire.MqttHealth(reconnects=0),
        "detector": wire.DetectorHealth(name="none", queue=0, latency_ms=0.0),
        "config_hash": "0" * 64,
        "version": "0.1.0",
        "cameras": {},
        "degraded": [str(line) for line in lines],
        "problems": [problem_of(line) for line in lines],
    }
    return wire.Heartbeat(**{**document, **parts})


CHALLENGE = 'RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="camera", nonce="0123456789abcdef"'


class StrictCamera(ScriptedRtsp):
    """A camera that refuses every login (RFC 2617), as its lock would, and counts the attempts."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(USUAL, CHALLENGE))

    @property
    def logins(self) -> int:
        """Number of requests with credentials."""
        return sum("\r\nAuthorization:" in request for request in self.requests)


@pytest.fixture(scope="package")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    """Typical cameras: /good, /black, /blurred, and a main stream with a keyframe every 4 s."""
    folder = tmp_path_factory.mktemp("clips")
    size = (640, 360)
    clips: dict[str, Path] = {
        "/good": make_clip(folder / "good.mp4", size=size, seconds=4),
        "/black": make_clip(folder / "black.mp4", size=size, extra=("-vf", "lutyuv=y=16:u=128:v=128")),
        "/blurred": make_clip(folder / "blurred.mp4", size=size, extra=("-vf", "gblur=sigma=4")),
        "/main": make_clip(
            folder / "main.mp4", codec="h265", size=(1920, 1080), seconds=4, keyframe_s=4, fps=4
        ),
    }
    with RtspServer(clips, user=USER, password=PASSWORD) as server:
        yield server


@pytest.fixture
def password(tmp_path: Path) -> str:
    """Path of the file with the right password."""
    path = tmp_path / "right.pass"
    path.write_text(f"{PASSWORD}\n", encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def camera(camera_id: str, url: str, password_file: str) -> dict[str, object]:
    return {"id": camera_id, "url": url, "username": USER, "password_file": password_file}
