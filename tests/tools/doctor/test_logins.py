"""What the doctor sends a camera: few logins with a wrong password, and no password without encryption."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.config import load
from edge_agent.config.model.camera_parts import PoePort
from edge_agent.core.clock import SystemClock
from edge_agent.core.secrets import Secret
from edge_agent.tools.doctor.checks.cameras import CameraCheck, check_switch_port
from edge_agent.tools.doctor.command import warn_of_forgotten_logins
from edge_agent.tools.doctor.words import said_of
from tests.capture import rig
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.poe_switch import COMMUNITY, PoeSwitch, is_installed
from tests.testbed.rtsp import RtspServer
from tests.testbed.scripted_rtsp import ScriptedRtsp
from tests.tools.doctor.conftest import PASSWORD, StrictCamera, camera, examined


def test_agent_and_doctor_show_a_wrong_password_twice_in_all(tmp_path: Path, password: str) -> None:
    with StrictCamera() as strict:
        gate = camera("gate", strict.url, password)
        config = write_config(tmp_path, cameras=[gate], detector="none")
        with AgentProcess(config) as agent:
            agent.wait_for_status(
                lambda beat: beat["cameras"]["gate"]["cause"] == "unauthorized", "a refusal"
            )
            reported = [examined(config, "--lang", "en").line("gate") for _ in range(2)]
        assert strict.logins == 2
    assert [line.finding for line in reported] == ["camera-unauthorized"] * 2
    assert "tried again after" in reported[1].said
    assert f"sudo rm {tmp_path}/state/camera-logins.json" in str(reported[0].todo), (
        "where this agent keeps it"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root creates the state directory")
def test_a_wrong_password_is_remembered_before_the_first_start_of_the_agent(
    tmp_path: Path, password: str
) -> None:
    """The folder is made as the agent makes it, and the journal in it is the agent's."""
    with StrictCamera() as strict:
        config = write_config(tmp_path, cameras=[camera("gate", strict.url, password)], detector="none")
        assert examined(config).finding("gate") == "camera-unauthorized"
    assert len(json.loads((tmp_path / "state/camera-logins.json").read_text())["failed"]) == 1


def test_a_user_whose_failed_logins_cannot_be_remembered_is_warned(
    tmp_path: Path, password: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    settings = load(write_config(tmp_path, cameras=[camera("gate", "rtsp://10.0.0.9/s", password)]))
    warn_of_forgotten_logins(replace(settings, state_dir=tmp_path / "file/state"), "en")
    assert "failed logins are not remembered for the next run" in capsys.readouterr().err
    warn_of_forgotten_logins(replace(settings, state_dir=tmp_path), "en")
    assert not capsys.readouterr().err


def test_an_agent_that_still_has_the_old_password_is_red(
    tmp_path: Path, cameras: RtspServer, password: str
) -> None:
    """The point would pass, although the agent gets no picture."""
    Path(password).write_text("wrong\n", encoding="utf-8")
    gate = camera("gate", cameras.url("/good"), password)
    config = write_config(tmp_path, cameras=[gate], detector="none")
    with AgentProcess(config) as agent:
        agent.wait_for_status(lambda beat: beat["cameras"]["gate"]["cause"] == "unauthorized", "a refusal")
        Path(password).write_text(f"{PASSWORD}\n", encoding="utf-8")
        reported = examined(config, "--lang", "en")
    assert reported.line("gate").finding == "camera-good"
    assert reported.line("gate/agent").finding == "agent-unauthorized"


BASIC = 'RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="camera"'


def test_a_camera_that_offers_basic_only_is_named_and_gets_no_password() -> None:
    with ScriptedRtsp({"OPTIONS": BASIC}) as server:
        check = CameraCheck(rig.camera(server.url, user="viewer", password="secret"), SystemClock(), None)
        assert [(each.check, each.finding) for each in check.run()] == [("gate1", "camera-basic-only")]
    assert "Authorization" not in "".join(server.requests)


def test_the_document_has_what_the_agent_read_of_each_camera(tmp_path: Path, password: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    identity = {"model": "DS-2CD", "firmware": "V5.7.3", "serial": "A1", "mac": "c0:56:e3:00:00:01"}
    stored = {"host": "127.0.0.1", "read_at": "2026-11-29T05:00:00.000Z", "identity": identity}
    (state / "camera-identities.json").write_text(json.dumps({"cameras": {"gate": stored}}))
    with StrictCamera() as strict:
        gate = camera("gate", strict.url, password)
        config = write_config(tmp_path, cameras=[gate], detector="none")
        (found,) = examined(config, "--lang", "en").doctor.cameras
    assert {key: getattr(found, key) for key in identity} == identity


def test_firmware_older_than_the_list_is_yellow_in_both_languages(tmp_path: Path, password: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    identity = {"manufacturer": "HIKVISION", "model": "DS-2CD2043", "firmware": "V5.5.0 build 190305"}
    stored = {"host": "127.0.0.1", "read_at": "2026-11-29T05:00:00.000Z", "identity": identity}
    (state / "camera-identities.json").write_text(json.dumps({"cameras": {"gate": stored}}))
    with StrictCamera() as strict:
        gate = camera("gate", strict.url, password)
        config = write_config(tmp_path, cameras=[gate], detector="none")
        said = {lang: examined(config, "--lang", lang).line("gate/firmware") for lang in ("en", "vi")}
    assert {line.level for line in said.values()} == {"yellow"}
    assert "V5.5.0 build 190305 of DS-2CD2043 is older than build 2021-06-23: commands" in said["en"].said
    assert "cũ hơn build 2021-06-23: một số mẫu" in said["vi"].said


@pytest.mark.skipif(not is_installed(), reason="Debian's snmp and snmpd are not installed")
def test_the_port_of_a_camera_is_asked_and_not_switched(tmp_path: Path) -> None:
    with PoeSwitch(tmp_path / "switch") as switch:
        poe = PoePort(switch=switch.address, port=5, password=Secret(COMMUNITY))
        found = [*check_switch_port("gate", poe)]
        switch.set_by_hand(5, 2)
        found += check_switch_port("gate", poe)
        found += check_switch_port("gate", replace(poe, port=99))
        assert switch.power(5) == [1, 2]
    assert [each.finding for each in found] == ["switch-port-good", "switch-port-off", "switch-silent"]
    assert {each.check for each in found} == {"gate/poe"}
    assert "port 99: No Such Instance" in said_of(found[2], "en")
