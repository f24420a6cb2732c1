"""A password that a camera refuses is sent to it at most twice an hour, by all programs together."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from edge_agent.capture.failures import Fault
from edge_agent.capture.logins import LimitedLogins
from edge_agent.capture.network.authentication import Authenticator
from edge_agent.capture.source import StreamTimeouts
from edge_agent.config import load
from edge_agent.config.model.settings import Camera
from edge_agent.core.errors import CaptureError
from edge_agent.core.secrets import Credentials, Secret
from tests.host.fakes import FakeClock
from tests.testbed.agent import write_config
from tests.testbed.scripted_rtsp import USUAL, ScriptedRtsp
from tests.tools.doctor.conftest import StrictCamera
from tests.tools.doctor.conftest import camera as written


def camera_at(url: str, folder: Path) -> Camera:
    password = folder / "camera.pass"
    password.write_text("wrong")
    password.chmod(0o600)
    (camera,) = load(
        write_config(folder, cameras=[written("gate", url, str(password))], broker_port=1)
    ).cameras
    return camera


def refused(logins: LimitedLogins, camera: Camera, clock: FakeClock) -> str:
    with pytest.raises(CaptureError) as caught:
        logins.open(camera, clock, Event().wait, StreamTimeouts(open_s=5.0))
    return caught.value.detail


def test_a_wrong_password_costs_two_logins_an_hour_whichever_program_asks(tmp_path: Path) -> None:
    clock = FakeClock()
    agent, doctor = LimitedLogins(tmp_path, clock), LimitedLogins(tmp_path, clock)
    with StrictCamera() as strict:
        camera = camera_at(strict.url, tmp_path)
        errors = [refused(logins, camera, clock) for logins in (agent, doctor, agent, doctor)]
        assert strict.logins == 2
        assert "tried again after" not in errors[1]
        assert "tried again after 06:03, or at once" in errors[2]
        clock.advance(3601)
        refused(agent, camera, clock)
        assert strict.logins == 3


def test_another_password_is_tried_at_once_and_the_file_gives_none_away(tmp_path: Path) -> None:
    clock = FakeClock()
    logins = LimitedLogins(tmp_path, clock)
    with StrictCamera() as strict:
        camera = camera_at(strict.url, tmp_path)
        for _ in range(3):
            refused(logins, camera, clock)
        corrected = dataclasses.replace(camera, credentials=Credentials("viewer", Secret("better")))
        assert "tried again" not in refused(logins, corrected, clock)
        assert strict.logins == 3
    assert "wrong" not in (tmp_path / "camera-logins.json").read_text()


def test_a_camera_that_is_away_costs_no_login(tmp_path: Path) -> None:
    clock = FakeClock()
    logins = LimitedLogins(tmp_path, clock)
    with StrictCamera() as strict:
        camera = camera_at(strict.url, tmp_path)
        refused(logins, camera, clock)
    away = [refused(logins, camera, clock) for _ in range(3)]
    assert away == ["the host refuses the connection"] * 3


def test_a_camera_that_gets_no_password_is_asked_again_and_says_why(tmp_path: Path) -> None:
    logins = LimitedLogins(tmp_path, FakeClock())
    basic = 'RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="camera"'
    with ScriptedRtsp({"OPTIONS": basic}) as server:
        camera = camera_at(server.url, tmp_path)
        details = {refused(logins, camera, FakeClock()) for _ in range(3)}
    assert details == {Fault.BASIC_ONLY.detail}
    assert len(server.requests) == 3


DIGEST = 'RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="x", nonce="1"'


@pytest.mark.parametrize("denial", ["RTSP/1.0 403 Forbidden", DIGEST])
@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP", "PLAY"])
def test_a_stream_that_a_user_may_not_see_costs_no_login(tmp_path: Path, denial: str, method: str) -> None:
    """The other channels of a recorder have the same login."""

    def protected(request: str) -> str:
        return str(USUAL["OPTIONS"]) if "Authorization" in request else DIGEST

    logins, clock = LimitedLogins(tmp_path, FakeClock()), FakeClock()
    with ScriptedRtsp({"OPTIONS": protected, method: denial}) as server:
        camera = camera_at(server.url, tmp_path)
        details = {refused(logins, camera, clock) for _ in range(3)}
        assert details == {Fault.NOT_PERMITTED.detail}
        assert server.methods.count("OPTIONS") == 6
    with ScriptedRtsp({"OPTIONS": protected}) as other:
        seen = dataclasses.replace(camera_at(other.url, tmp_path), id="other")
        logins.open(seen, clock, Event().wait, StreamTimeouts(open_s=5.0)).close()


def test_cameras_of_one_recorder_make_two_logins_together(tmp_path: Path) -> None:
    clock = FakeClock()
    logins = LimitedLogins(tmp_path, clock)
    with StrictCamera() as strict:
        camera = camera_at(strict.url, tmp_path)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: refused(logins, camera, clock), range(4)))
        assert strict.logins == 2


def answered(*challenges: str) -> str:
    login = Authenticator(Credentials("viewer", Secret("right")), allow_basic=True, before_login=lambda: None)
    login.challenged(challenges)
    return login.authorization("OPTIONS", "rtsp://camera/stream") or ""


def expected(authorization: str, realm: str) -> str:
    """The response to the nonce ``abc123`` (RFC 7616) with the client's own nonce."""
    (own,) = re.findall(r'cnonce="(\w+)"', authorization)

    def digest(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    secret, request = digest("viewer", realm, "right"), digest("OPTIONS", "rtsp://camera/stream")
    return digest(secret, "abc123", "00000001", own, "auth", request)


@pytest.mark.parametrize(
    "realm", ["camera", "Digest Authentication", "Basic or digest login", 'the \\"basic  camera, nonce=1']
)
@pytest.mark.parametrize(
    "challenges",
    [
        ['Digest realm="{}", nonce="abc123", qop="auth"'],
        ['Basic realm="{}", Digest nonce="abc123", realm="{}", qop="auth"'],
        ['Digest realm="{}", nonce="abc123", qop="auth", Basic realm="{}"'],
        ['Basic realm="{}"', 'Digest qop="auth", nonce="abc123", realm="{}"'],
    ],
)
def test_a_realm_may_contain_the_name_of_a_scheme(challenges: list[str], realm: str) -> None:
    authorization = answered(*(challenge.replace("{}", realm) for challenge in challenges))
    assert authorization.startswith("Digest ")
    assert f'realm="{realm}", nonce="abc123"' in authorization
    assert f'response="{expected(authorization, realm)}"' in authorization


def test_a_realm_with_the_name_of_digest_does_not_offer_it() -> None:
    assert answered('Basic realm="Digest Authentication"') == "Basic dmlld2VyOnJpZ2h0"
