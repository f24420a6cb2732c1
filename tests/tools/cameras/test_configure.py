"""Changes at a camera: each one is read back, and an incomplete change is always reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from edge_agent.core.camera_logins import LoginJournal
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.secrets import Credentials, Secret
from edge_agent.onvif.web import CameraHttpClient, LoginRefused
from edge_agent.tools.cameras.access import open_interface
from edge_agent.tools.cameras.discovered import Vendor, same_stream
from edge_agent.tools.cameras.isapi import Isapi, zone_offset
from edge_agent.tools.cameras.messages import fact
from edge_agent.tools.cameras.setup_interface import NoSuchStream, SetupInterface, SiteTime, posix_zone
from edge_agent.tools.cameras.setup_plan import SetupOutcome, SetupPlan, SetupResult, apply, plan, read
from tests.testbed.onvif_camera import OnvifCamera

HOST = "127.0.9.8"
RIGHT = Credentials("admin", Secret("right"))
NTP = "10.0.0.1"
SITE = SiteTime(timedelta(hours=7), datetime.now(UTC))


@contextmanager
def opened(camera: OnvifCamera, login: Credentials = RIGHT) -> Iterator[tuple[SetupInterface, Vendor]]:
    with CameraHttpClient(camera.host, LoginJournal(None, SystemClock(), "boot")) as web:
        origin = f"http://{camera.host}:{camera.port}"
        yield open_interface(web, origin, camera.device_url, SystemClock(), login)


def url(camera: OnvifCamera) -> str:
    return f"rtsp://{camera.host}{camera.stream_path('sub')}"


Outcomes = dict[str, SetupOutcome]


def outcomes_of(results: list[SetupResult]) -> Outcomes:
    return {result.change.what: result.outcome for result in results}


def configured(camera: OnvifCamera, ntp: str | None = NTP) -> tuple[SetupPlan, Outcomes, list[str]]:
    with opened(camera) as (panel, vendor):
        plan_ = plan(read(panel, url(camera), SITE), panel, vendor, ntp, clock_trusted=True)
        results, errors = apply(plan_, panel, url(camera), SITE, ntp, lambda _: None)
    return plan_, outcomes_of(results), errors


@pytest.mark.parametrize(
    ("vendor", "auth"), [("hikvision", "wss"), ("dahua", "wss"), ("other", "wss"), ("other", "digest")]
)
def test_sub_stream_clock_and_ntp_are_set_with_one_login_and_read_back(vendor: str, auth: str) -> None:
    with OnvifCamera(HOST, vendor=vendor, auth=auth, clock_offset_s=-3600) as camera:
        main = str(camera.streams["main"])
        _, outcomes, errors = configured(camera)
        assert errors == []
        assert set(outcomes.values()) == {SetupOutcome.DONE}
        sub = camera.streams["sub"]
        assert (sub.codec, sub.gov_length) == ("H264", 30)
        assert sub.smart is (vendor == "other")  # not in ONVIF
        assert (camera.ntp, camera.follows_ntp) == (NTP, True)
        assert abs(camera.clock_offset_s) < 2
        assert camera.failed_logins == 0
        assert str(camera.streams["main"]) == main  # the stream of the recorder


@pytest.mark.parametrize(("codec", "gov_length"), [("H264", 30), ("JPEG", 50)])
def test_an_older_camera_without_media2_gets_its_codec_and_keyframes_too(codec: str, gov_length: int) -> None:
    with OnvifCamera(HOST, vendor="other", media2=False) as camera:
        camera.streams["sub"].codec = codec
        _, outcomes, _ = configured(camera)
        assert (camera.streams["sub"].codec, camera.streams["sub"].gov_length) == ("H264", gov_length)
        assert set(outcomes.values()) == {SetupOutcome.DONE}


@pytest.mark.parametrize("vendor", ["hikvision", "dahua", "other"])
def test_the_second_run_finds_nothing_to_change_and_writes_nothing(vendor: str) -> None:
    with OnvifCamera(HOST, vendor=vendor) as camera:
        configured(camera)
        writes = len(camera.writes)
        plan_, _, _ = configured(camera)
        assert plan_.changes == ()
        assert len(camera.writes) == writes


def test_what_onvif_cannot_do_is_named_with_where_to_click() -> None:
    with OnvifCamera(HOST, vendor="other") as camera:
        plan_, _, _ = configured(camera)
    assert fact("smart-other", name="ONVIF") in plan_.by_hand


@pytest.mark.parametrize(
    ("vendor", "ignored", "what"),
    [
        ("hikvision", "codec", "codec"),
        ("hikvision", "smart", "smart codec"),
        ("dahua", "gop", "keyframe interval"),
        ("other", "gop", "keyframe interval"),
        ("other", "ntp", "NTP server"),
    ],
)
def test_what_a_camera_acknowledges_and_does_not_take_is_told(vendor: str, ignored: str, what: str) -> None:
    with OnvifCamera(HOST, vendor=vendor, ignores=frozenset({ignored})) as camera:
        _, outcomes, _ = configured(camera)
    assert outcomes[what] is SetupOutcome.NOT_TAKEN


@pytest.mark.parametrize("vendor", ["hikvision", "dahua", "other"])
def test_a_camera_that_breaks_down_half_way_is_told_change_by_change(vendor: str) -> None:
    writes = {"hikvision": 1, "dahua": 2, "other": 1}[vendor]  # only the stream is set
    with OnvifCamera(HOST, vendor=vendor, breaks_after=writes, clock_offset_s=-3600) as camera:
        _, outcomes, errors = configured(camera)
    assert outcomes["codec"] is outcomes["keyframe interval"] is SetupOutcome.DONE
    assert outcomes["NTP server"] is SetupOutcome.NOT_TAKEN
    assert outcomes["clock"] is SetupOutcome.NOT_DONE
    assert errors


def test_an_interrupted_run_tells_what_was_done_by_then() -> None:
    class Interrupted(Isapi):
        def set_ntp(self, server: str, site: SiteTime) -> None:
            raise KeyboardInterrupt

    journal = LoginJournal(None, SystemClock(), "boot")
    with OnvifCamera(HOST, clock_offset_s=-3600) as camera, CameraHttpClient(HOST, journal) as web:
        panel = Interrupted(web, f"http://{HOST}:{camera.port}", RIGHT)
        plan_ = plan(read(panel, url(camera), SITE), panel, Vendor.HIKVISION, NTP, clock_trusted=True)
        results, errors = apply(plan_, panel, url(camera), SITE, NTP, lambda _: None)
    outcomes = outcomes_of(results)
    assert outcomes["codec"] is SetupOutcome.DONE
    assert outcomes["clock"] is SetupOutcome.NOT_DONE
    assert errors == ["interrupted; what comes after it was not tried"]


@pytest.mark.parametrize("vendor", ["hikvision", "dahua", "other"])
def test_without_ntp_the_clock_is_set_once_and_said_to_drift(vendor: str) -> None:
    with OnvifCamera(HOST, vendor=vendor, clock_offset_s=86400 * 400) as camera:
        plan_, outcomes, _ = configured(camera, ntp=None)
        assert abs(camera.clock_offset_s) < 3
    assert outcomes["clock"] is SetupOutcome.DONE
    assert fact("will-drift") in plan_.by_hand


def test_a_box_that_does_not_know_the_time_sets_no_clock() -> None:
    with OnvifCamera(HOST, clock_offset_s=-3600) as camera, opened(camera) as (panel, vendor):
        plan_ = plan(read(panel, url(camera), SITE), panel, vendor, None, clock_trusted=False)
    assert "clock" not in [change.what for change in plan_.changes]
    assert fact("own-clock") in plan_.by_hand


@pytest.mark.parametrize("vendor", ["hikvision", "other"])
def test_a_wrong_time_zone_is_set_right(vendor: str) -> None:
    with OnvifCamera(HOST, vendor=vendor, zone="GMT+08:00", utc_offset_s=28800) as camera:
        plan_, outcomes, _ = configured(camera)
        assert camera.utc_offset_s == 25200
    assert [change.before for change in plan_.changes if change.what == "clock"] == [(fact("zone"),)]
    assert outcomes["clock"] is SetupOutcome.DONE


def test_an_odd_zone_that_means_the_right_thing_is_left_as_it_is() -> None:
    # Dahua's firmware counts to the east, which POSIX does not.
    with OnvifCamera(HOST, vendor="other", zone="GMT+07:00") as camera:
        plan_, _, _ = configured(camera)
        assert camera.zone == "GMT+07:00"
    assert "clock" not in [change.what for change in plan_.changes]


@pytest.mark.parametrize("vendor", ["hikvision", "dahua", "other"])
def test_another_stream_than_the_configurations_is_never_touched(vendor: str) -> None:
    with OnvifCamera(HOST, vendor=vendor) as camera, opened(camera) as (panel, _):
        with pytest.raises(NoSuchStream):
            panel.stream(f"rtsp://{HOST}/another/stream")
        assert camera.writes == []


@pytest.mark.parametrize("vendor", ["hikvision", "dahua", "other"])
def test_a_wrong_password_is_one_login_and_changes_nothing(vendor: str) -> None:
    wrong = Credentials("admin", Secret("wrong"))
    with OnvifCamera(HOST, vendor=vendor) as camera:
        with opened(camera, wrong) as (panel, _), pytest.raises(LoginRefused) as refused:
            panel.stream(url(camera))
        assert camera.failed_logins == 1
        assert camera.writes == []
    assert "wrong'" not in str(refused.value)  # neither the password nor its quotes


def test_a_host_that_is_no_camera_is_told() -> None:
    with (
        OnvifCamera(HOST, vendor="other", onvif=False) as camera,
        pytest.raises(CameraSetupError, match="neither its own interface nor ONVIF"),
        opened(camera),
    ):
        pass


@pytest.mark.parametrize(
    ("one", "reported", "same"),
    [
        (
            "rtsp://h/Streaming/Channels/102",
            "rtsp://h:554/Streaming/Channels/102?transportmode=unicast",
            True,
        ),
        ("rtsp://h/Streaming/Channels/101", "rtsp://h/Streaming/Channels/102", False),
        ("rtsp://h/Streaming/Channels/1", "rtsp://h/Streaming/Channels/101", False),
        (
            "rtsp://h/cam/realmonitor?channel=1&subtype=1",
            "rtsp://h/cam/realmonitor?subtype=1&channel=1",
            True,
        ),
        (
            "rtsp://h/cam/realmonitor?channel=1&subtype=0",
            "rtsp://h/cam/realmonitor?channel=1&subtype=1",
            False,
        ),
        ("rtsp://h/live?s=1", "rtsp://h/live?s=1&unicast=true", True),
        ("rtsp://h/live", "rtsp://h/live2", False),
    ],
)
def test_streams_are_told_apart_whatever_parameter_a_camera_adds(one: str, reported: str, same: bool) -> None:
    assert same_stream(one, reported) is same


@pytest.mark.parametrize("minutes", [420, 0, -210, 345])
def test_zones_are_read_as_they_are_written(minutes: int) -> None:
    offset = timedelta(minutes=minutes)
    assert zone_offset(posix_zone(offset)) == offset
