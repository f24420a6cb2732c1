"""``camera-reboot`` at a camera that counts logins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent import config
from edge_agent.commands.action import CommandRefused
from edge_agent.commands.handlers.reboot import camera_reboot_action
from edge_agent.wire import CameraRebootArguments
from tests.commands.contexts import GivenContext
from tests.testbed.agent import write_config
from tests.testbed.onvif_camera import OnvifCamera


def reboot(folder: Path, camera: OnvifCamera, password: str | None = "right", url: str | None = None) -> str:
    settings = {"id": "cam-1", "url": url or f"rtsp://{camera.host}/live/sub"}
    if password is not None:
        (folder / "cam.pass").write_text(password)
        settings |= {"username": "admin", "password_file": str(folder / "cam.pass")}
    path = write_config(folder, cameras=[settings], broker_port=1, detector="none")
    (folder / "state").mkdir(exist_ok=True)
    loaded = config.load(path)
    order = GivenContext(
        "cmd-1",
        CameraRebootArguments(camera="cam-1", port=camera.port),
        None,
        print,
        lambda _: None,
        lambda: False,
    )
    return camera_reboot_action(lambda: loaded).run(order).text


@pytest.mark.parametrize("auth", ["wss", "digest"])
def test_a_camera_boots_again_with_one_login(auth: str, tmp_path: Path) -> None:
    with OnvifCamera("127.0.0.1", auth=auth) as camera:
        assert reboot(tmp_path, camera) == "cam-1 boots again; its pictures come back in a minute or two"
    assert (camera.writes, camera.logins) == (["reboot"], [True])


def test_a_wrong_password_is_tried_twice_an_hour_at_most_and_nothing_happens(tmp_path: Path) -> None:
    with OnvifCamera("127.0.0.1") as camera:
        told = []
        for _ in range(3):
            with pytest.raises(CommandRefused) as refused:
                reboot(tmp_path, camera, "wr0ng")
            told.append(str(refused.value))
    assert "refuses user 'admin': wrong password" in told[0]
    assert "cameras lock accounts" in told[2]
    assert "wr0ng" not in json.dumps(told)
    assert (camera.writes, camera.failed_logins) == ([], 2)


def test_cameras_without_onvif_or_login_and_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    with OnvifCamera("127.0.0.1", onvif=False) as camera:
        with pytest.raises(
            CommandRefused, match=r"cam-1 does not reboot: 127\.0\.0\.1: what answers there is not ONVIF"
        ):
            reboot(tmp_path, camera)
        with pytest.raises(CommandRefused, match="is no camera on the network"):
            reboot(tmp_path, camera, None, str(tmp_path / "clip.mp4"))
        with pytest.raises(CommandRefused, match="cam-1 has no login in the configuration"):
            reboot(tmp_path, camera, None)
    assert camera.writes == []
