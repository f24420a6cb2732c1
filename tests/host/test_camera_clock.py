"""Offsets of the cameras' clocks, measured without a login and stored with their time."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.config.model.settings import Camera
from edge_agent.host.health.camera_clock import (
    EVERY_S,
    FILE,
    FIRST_AFTER_S,
    MAX_OFFSETS,
    CameraClocks,
    parse_utc_time,
    read_offsets,
)
from tests.host.fakes import settings
from tests.testbed.onvif_camera import OnvifCamera

HOST = "127.0.9.24"


@dataclass
class Time:
    mono: float = 1000.0

    def monotonic(self) -> float:
        return self.mono

    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    return replace(settings(tmp_path).cameras[0], url=f"rtsp://{HOST}/stream2")


def tended(clocks: CameraClocks, time: Time, *cameras: Camera, after_s: float = EVERY_S) -> None:
    time.mono += after_s
    clocks.tick(cameras)
    assert clocks.join(10)


def test_the_offset_is_kept_with_its_time_and_costs_no_login(tmp_path: Path, camera: Camera) -> None:
    time = Time()
    with OnvifCamera(HOST, clock_offset_s=-7 * 3600) as simulated:
        clocks = CameraClocks(tmp_path / FILE, time, lambda: True, simulated.port)
        tended(clocks, time, camera, after_s=FIRST_AFTER_S)
        (found,) = read_offsets(tmp_path)["cam-1"]
        assert simulated.logins == []
    assert found.offset_s == pytest.approx(-7 * 3600, abs=1.5)
    assert abs(datetime.fromisoformat(found.at) - datetime.now(UTC)) < timedelta(seconds=30)


def test_it_is_asked_every_six_hours_and_not_in_between(tmp_path: Path, camera: Camera) -> None:
    time = Time()
    with OnvifCamera(HOST) as simulated:
        clocks = CameraClocks(tmp_path / FILE, time, lambda: True, simulated.port)
        tended(clocks, time, camera, after_s=FIRST_AFTER_S - 1)
        assert read_offsets(tmp_path) == {}
        tended(clocks, time, camera, after_s=2)
        simulated.clock_offset_s = 100
        tended(clocks, time, camera, after_s=EVERY_S - 1)
        assert len(read_offsets(tmp_path)["cam-1"]) == 1
        tended(clocks, time, camera, after_s=2)
        assert len(read_offsets(tmp_path)["cam-1"]) == 2


def test_of_equal_ones_the_first_and_newest_stay_and_all_are_bounded(tmp_path: Path, camera: Camera) -> None:
    time = Time()
    with OnvifCamera(HOST) as simulated:
        clocks = CameraClocks(tmp_path / FILE, time, lambda: True, simulated.port)
        for _ in range(4):
            tended(clocks, time, camera)
        assert len(read_offsets(tmp_path)["cam-1"]) == 2
        for step in range(MAX_OFFSETS + 5):
            simulated.clock_offset_s = 10.0 * step
            tended(clocks, time, camera)
        assert len(read_offsets(tmp_path)["cam-1"]) == MAX_OFFSETS


def test_a_box_without_the_time_measures_nothing(tmp_path: Path, camera: Camera) -> None:
    time = Time()
    with OnvifCamera(HOST) as simulated:
        clocks = CameraClocks(tmp_path / FILE, time, lambda: False, simulated.port)
        tended(clocks, time, camera)
        assert simulated.anonymous == 0
    assert read_offsets(tmp_path) == {}


@pytest.mark.parametrize("answer", [b"", b"\xff\x00", b"<UTCDateTime></UTCDateTime>", b"<x>" * 100_000])
def test_nonsense_of_a_camera_costs_the_others_nothing(tmp_path: Path, camera: Camera, answer: bytes) -> None:
    time = Time()
    other = replace(camera, id="cam-2", url=camera.url.replace(HOST, "127.0.9.25"))
    with OnvifCamera(HOST) as good:
        clocks = CameraClocks(tmp_path / FILE, time, lambda: True, good.port)
        tended(clocks, time, camera, other, replace(camera, id="file", url="/x.mp4"))
        good.garbage = answer
        tended(clocks, time, camera)
    assert list(read_offsets(tmp_path)) == ["cam-1"]


def test_who_drips_holds_nobody_up(tmp_path: Path, camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.host.health.camera_clock.WHOLE_TIMEOUT_S", 0.3)
    time, closing = Time(), threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            while not closing.wait(0.05):
                connection.sendall(b"H")

    with socket.create_server((HOST, 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        clocks = CameraClocks(tmp_path / FILE, time, lambda: True, server.getsockname()[1])
        tended(clocks, time, camera)
        closing.set()
        thread.join()
    assert read_offsets(tmp_path) == {}


def test_odd_ways_to_write_a_time_are_read() -> None:
    text = (
        "<a:UTCDateTime><b:Time><b:Hour>23</b:Hour><b:Minute>59</b:Minute><b:Second>60</b:Second></b:Time>"
        "<b:Date><b:Year>2026</b:Year><b:Month>12</b:Month><b:Day> 31 </b:Day></b:Date></a:UTCDateTime>"
    )
    assert parse_utc_time(text) == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_time_after_the_last_year_is_no_time() -> None:
    text = (
        "<UTCDateTime><Time><Hour>23</Hour><Minute>59</Minute><Second>99</Second></Time>"
        "<Date><Year>9999</Year><Month>12</Month><Day>31</Day></Date></UTCDateTime>"
    )
    with pytest.raises(ValueError, match="after the year 9999"):
        parse_utc_time(text)
