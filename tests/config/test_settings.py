"""The settings of valid configurations."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.config.model.settings import Broker, Detector, Location
from tests.config.places import MINIMAL, camera_of, settings_of, with_camera


def test_the_smallest_configuration_has_defaults(tmp_path: Path) -> None:
    """docs/reference/configuration.md, which is compared with the code, has each of them."""
    settings = settings_of(tmp_path, MINIMAL)
    assert settings.gateway.name == "dt-001"
    assert settings.gateway.timezone.key == "Asia/Ho_Chi_Minh"
    assert settings.profile.name == "generic-x86_64"
    assert (settings.state_dir, settings.heartbeat_s) == (Path("/var/lib/edge-agent"), 30.0)
    assert settings.warnings == ()


def test_the_place_of_a_site_is_north_and_east(tmp_path: Path) -> None:
    place = "location: {latitude: 20.4463, longitude: 106.3366}"
    text = MINIMAL.replace("ward: de-tham}", f"ward: de-tham, {place}}}")
    assert settings_of(tmp_path, text).gateway.location == Location(20.4463, 106.3366)
    assert settings_of(tmp_path, MINIMAL).gateway.location is None


def test_detector_defaults_come_from_the_profile(tmp_path: Path) -> None:
    labels = ("person", "bicycle", "motorcycle", "car", "bus", "truck")
    wanted = Detector(labels=labels, threads=1, budget_ms_per_s=500.0)
    assert settings_of(tmp_path, MINIMAL).detector == wanted


def test_a_file_that_asks_for_hog_runs_the_model_that_ships(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, MINIMAL + "detector: {model: hog}\n")
    assert settings.detector.model == "auto"
    assert "hog is no longer there; runs as auto, the model that ships" in str(settings.warnings)


def test_inferences_a_second_are_limited_only_where_the_file_says_so(tmp_path: Path) -> None:
    assert settings_of(tmp_path, MINIMAL).detector.budget_per_s is None
    assert settings_of(tmp_path, MINIMAL + "detector: {budget_per_s: 3}\n").detector.budget_per_s == 3.0


def test_null_takes_a_value_back_to_its_default(tmp_path: Path) -> None:
    text = MINIMAL + "heartbeat_s: null\ndetector: {budget_ms_per_s: ~, min_score: 0.7}\n"
    settings = settings_of(tmp_path, text)
    assert settings.heartbeat_s == 30.0
    assert (settings.detector.budget_ms_per_s, settings.detector.min_score) == (500.0, 0.7)


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    text = (
        "gateway: {id: a, ward: b}\nmqtt: {brokers: [mqtt://h]}\n"
        "cameras:\n"
        "  - &first {id: c-1, url: rtsp://h/1, analyse: &slow {fps: 2}}\n"
        "  - {<<: *first, id: c-2}\n"
        "  - {id: c-3, url: rtsp://h/3, analyse: {<<: *slow, width: 320}}\n"
    )
    cameras = settings_of(tmp_path, text).cameras
    assert [(c.id, c.url, c.analyse.fps, c.analyse.width) for c in cameras] == [
        ("c-1", "rtsp://h/1", 2.0, 640),
        ("c-2", "rtsp://h/1", 2.0, 640),
        ("c-3", "rtsp://h/3", 2.0, 320),
    ]


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("rtsp://10.0.0.11/stream2", "rtsp://10.0.0.11/stream2"),
        ("RTSPS://[fd00::11]:322/s?a=1", "rtsps://[fd00::11]:322/s?a=1"),
        ("http://cam.local:8080/mjpeg", "http://cam.local:8080/mjpeg"),
        ("/srv/clip.mp4", "/srv/clip.mp4"),
        ("file:///srv/a%20clip.mp4", "/srv/a clip.mp4"),
        ("v4l2:/dev/video0", "v4l2:/dev/video0"),
        ("v4l2:///dev/v4l/by-id/usb-cam", "v4l2:/dev/v4l/by-id/usb-cam"),
        ("rtsp://viewer:s3cret@10.0.0.11:554/s", "rtsp://10.0.0.11:554/s"),
    ],
)
def test_camera_urls_lose_their_user_part(tmp_path: Path, written: str, url: str) -> None:
    assert camera_of(tmp_path, f"url: {written}").url == url


@pytest.mark.parametrize("written", ["./clip.mp4", "clip.mp4", "../{}/clip.mp4"])
def test_a_relative_clip_stands_beside_the_configuration(tmp_path: Path, written: str) -> None:
    (tmp_path / "clip.mp4").touch()
    settings = settings_of(tmp_path, with_camera(f"url: {written.format(tmp_path.name)}"))
    assert Path(settings.cameras[0].url).samefile(tmp_path / "clip.mp4")
    assert settings.warnings == ()


def test_a_clip_that_is_not_there_is_doubtful(tmp_path: Path) -> None:
    text = with_camera(f"url: /{'x' * 300}.mp4")
    assert "there is no such file" in settings_of(tmp_path, text).warnings[0]
    assert settings_of(tmp_path, text, no_secrets=True).warnings == ()


@pytest.mark.parametrize(
    ("written", "broker"),
    [
        ("mqtt://127.0.0.1:1884", Broker("127.0.0.1", 1884, False)),
        ("mqtt://broker", Broker("broker", 1883, False)),
        ("mqtts://broker/", Broker("broker", 8883, True)),
        ('"mqtts://[fd00::1]:8884"', Broker("fd00::1", 8884, True)),
    ],
)
def test_broker_addresses(tmp_path: Path, written: str, broker: Broker) -> None:
    text = MINIMAL.replace("mqtts://broker.example", written)
    assert settings_of(tmp_path, text).mqtt.brokers == (broker,)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("256MB", 256 * 10**6),
        ("1GiB", 2**30),
        ("1.5 GB", 1_500_000_000),
        ("5000000", 5_000_000),
        ("2000kb", 2 * 10**6),
    ],
)
def test_sizes(tmp_path: Path, written: str, size: int) -> None:
    assert settings_of(tmp_path, MINIMAL + f"outbox: {{max_bytes: {written}}}\n").outbox.max_bytes == size


@pytest.mark.parametrize(
    ("written", "flag"), [("true", True), ("False", False), ("yes", True), ("off", False)]
)
def test_flags_take_what_yaml_tools_write(tmp_path: Path, written: str, flag: bool) -> None:
    assert camera_of(tmp_path, f"url: /clip\nreport: {{objects: {written}}}").report.objects is flag


def test_the_hash_follows_the_meaning_not_the_spelling(tmp_path: Path) -> None:
    first = settings_of(tmp_path, MINIMAL + "heartbeat_s: 20  # comment\n").config_hash
    assert settings_of(tmp_path, "heartbeat_s: 20.0\n" + MINIMAL).config_hash == first
    assert settings_of(tmp_path, MINIMAL + "heartbeat_s: 21\n").config_hash != first
    assert len(first) == 64


def test_a_delegate_can_be_asked_for_and_refused(tmp_path: Path) -> None:
    text = MINIMAL + "detector: {delegate: libedgetpu.so.1}\n"
    assert settings_of(tmp_path, text).detector.delegate == "libedgetpu.so.1"
    assert settings_of(tmp_path, text.replace("libedgetpu.so.1", "none")).detector.delegate is None


def test_a_model_file_that_is_not_there_is_doubtful(tmp_path: Path) -> None:
    text = MINIMAL + "detector: {model: street.tflite}\n"
    assert "there is no file" in settings_of(tmp_path, text).warnings[0]
    (tmp_path / "street.tflite").touch()
    settings = settings_of(tmp_path, text)
    assert (settings.warnings, settings.detector.model) == ((), str(tmp_path / "street.tflite"))


def test_the_old_name_of_vietnams_time_zone_is_taken_without_a_word(tmp_path: Path) -> None:
    plain = "ward: de-tham"
    assert plain in MINIMAL
    named = MINIMAL.replace(plain, f"{plain}, timezone: Asia/Saigon")
    settings = settings_of(tmp_path, named)
    assert settings.gateway.timezone.utcoffset(datetime(2026, 11, 25)) == timedelta(hours=7)
    assert settings.warnings == settings_of(tmp_path, MINIMAL).warnings
