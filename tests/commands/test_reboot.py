"""``reboot``: the agent asks root, and replies after the reboot. And ``camera-reboot``, with few logins."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent import config
from edge_agent.commands.action import (
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
)
from edge_agent.commands.handlers.reboot import RebootCommand, camera_reboot_action
from edge_agent.host.system.root_requests import RootRequest
from edge_agent.wire import CameraRebootArguments, NoArguments
from tests.commands.contexts import GivenContext
from tests.testbed.agent import write_config
from tests.testbed.onvif_camera import OnvifCamera

UNIT = Path(__file__).resolve().parents[2] / "systemd/edge-agent-reboot.service"
ANSWER = Path("run/edge-agent-reboot/answer.json")


def order(id_: str = "cmd-1") -> CommandContext[NoArguments]:
    return GivenContext(id_, NoArguments(), "key")


class Box:
    """The files of a gateway; root's part is the unit's command line, with a fake systemctl and uptime."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for needed in ("run/edge-agent/requests", "run/edge-agent-reboot", "proc", "bin"):
            (folder / needed).mkdir(parents=True)
        systemctl = folder / "bin/systemctl"
        systemctl.write_text(f'#!/bin/sh\necho "$@" >> {folder}/ran\n')
        systemctl.chmod(0o755)

    def reboot(
        self,
        *,
        boot_id: str = "boot-1",
        up_s: float = 7200.0,
        read_within_s: float = 30.0,
        answered_within_s: float = 0.2,
    ) -> RebootCommand:
        request = RootRequest("reboot", ANSWER, self.folder, read_within_s, answered_within_s)
        return RebootCommand(request, self.folder / "reboot.json", boot_id, lambda: up_s)

    def root(self, up_s: float) -> None:
        """What systemd starts when the request exists."""
        (self.folder / "proc/uptime").write_text(f"{up_s:.2f} 1.00\n")
        found = re.search(r"^ExecStart=/bin/sh -ec '(.*)'$", UNIT.read_text(), re.MULTILINE)
        assert found is not None
        # As systemd reads it: $$ is $, %% is %, \" within quotes is ".
        script = found[1].replace("$$", "$").replace("%%", "%").replace('\\\\"', '\\"')
        subprocess.run(
            ["/bin/sh", "-ec", script.replace("/proc/uptime", f"{self.folder}/proc/uptime")],
            cwd=self.folder / "run/edge-agent-reboot",
            env={
                "PATH": f"{self.folder}/bin:/usr/bin:/bin",
                "REQUEST": str(self.folder / "run/edge-agent/requests/reboot"),
                "LEAST_UP_S": "600",
            },
            check=True,
        )

    def while_root(self, takes: Callable[[], object], do: Callable[[], InProgress]) -> InProgress:
        """Run ``do`` while systemd waits for the request; root ``takes`` it."""
        request, done = RootRequest("reboot", ANSWER, self.folder), threading.Event()

        def path_unit() -> None:
            while not done.wait(0.02):
                if request.is_pending:
                    takes()
                    return

        watching = threading.Thread(target=path_unit)
        watching.start()
        try:
            return do()
        finally:
            done.set()
            watching.join()

    @property
    def ran(self) -> str:
        path = self.folder / "ran"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_after_the_reboot_the_agent_answers(box: Box) -> None:
    handed = box.while_root(lambda: box.root(7200), lambda: box.reboot().run(order()))
    assert (handed.text, box.ran) == ("root's program reboots the gateway", "reboot\n")
    assert isinstance(box.reboot(boot_id="boot-2").resume(order()), CommandSucceeded)


def test_an_agent_that_only_was_restarted_says_so(box: Box) -> None:
    box.while_root(lambda: box.root(7200), lambda: box.reboot().run(order()))
    for resumed in (box.reboot().resume(order()), box.reboot(boot_id="boot-2").resume(order("cmd-2"))):
        assert isinstance(resumed, CommandFailed)
        assert resumed.code == "interrupted"


def test_a_box_that_has_just_booted_is_not_asked_and_root_would_refuse(box: Box) -> None:
    with pytest.raises(CommandRefused, match="booted 599 s ago"):
        box.reboot(up_s=599).run(order())
    assert not RootRequest("reboot", ANSWER, box.folder).is_pending
    refused = "root's program does not reboot the gateway: the gateway has been up for 599 s"
    with pytest.raises(CommandRefused, match=refused):
        box.while_root(lambda: box.root(599), lambda: box.reboot(answered_within_s=30).run(order()))
    assert box.ran == ""


def test_a_refusal_of_another_time_is_not_taken_for_the_answer(box: Box) -> None:
    """Root deletes the request first, and its earlier answer a moment later."""
    (box.folder / ANSWER).write_text('{"outcome": "refused", "detail": "the gateway has been up for 599 s"}')
    request = RootRequest("reboot", ANSWER, box.folder)
    assert isinstance(box.while_root(request.withdraw, lambda: box.reboot().run(order())), InProgress)


def test_a_box_without_roots_part_says_so_and_takes_the_request_back(box: Box) -> None:
    with pytest.raises(CommandRefused, match=r"edge-agent-reboot\.path does not run"):
        box.reboot(read_within_s=0.2).run(order())
    assert not RootRequest("reboot", ANSWER, box.folder).is_pending


def reboot_camera(
    folder: Path, camera: OnvifCamera, password: str | None = "right", url: str | None = None
) -> str:
    settings = {"id": "cam-1", "url": url or f"rtsp://{camera.host}/live/sub"}
    if password is not None:
        (folder / "cam.pass").write_text(password)
        settings |= {"username": "admin", "password_file": str(folder / "cam.pass")}
    path = write_config(folder, cameras=[settings], broker_port=1, detector="none")
    (folder / "state").mkdir(exist_ok=True)
    loaded = config.load(path)
    order = GivenContext("cmd-1", CameraRebootArguments(camera="cam-1", port=camera.port))
    return camera_reboot_action(lambda: loaded).run(order).text


@pytest.mark.parametrize("auth", ["wss", "digest"])
def test_a_camera_boots_again_with_one_login(auth: str, tmp_path: Path) -> None:
    with OnvifCamera("127.0.0.1", auth=auth) as camera:
        assert reboot_camera(tmp_path, camera) == "cam-1 reboots; its pictures return in a minute or two"
    assert (camera.writes, camera.logins) == (["reboot"], [True])


def test_a_wrong_password_is_tried_twice_an_hour_at_most_and_nothing_happens(tmp_path: Path) -> None:
    with OnvifCamera("127.0.0.1") as camera:
        reported = []
        for _ in range(3):
            with pytest.raises(CommandRefused) as refused:
                reboot_camera(tmp_path, camera, "wr0ng")
            reported.append(str(refused.value))
    assert "refuses user 'admin': wrong password" in reported[0]
    assert "cameras lock accounts" in reported[2]
    assert "wr0ng" not in json.dumps(reported)
    assert (camera.writes, camera.failed_logins) == ([], 2)


def test_cameras_without_onvif_or_login_and_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    with OnvifCamera("127.0.0.1", onvif=False) as camera:
        with pytest.raises(
            CommandRefused, match=r"cam-1 refuses to reboot: 127\.0\.0\.1: what answers there is not ONVIF"
        ):
            reboot_camera(tmp_path, camera)
        with pytest.raises(CommandRefused, match="is not a camera on the network"):
            reboot_camera(tmp_path, camera, None, str(tmp_path / "clip.mp4"))
        with pytest.raises(CommandRefused, match="cam-1 has no login in the configuration"):
            reboot_camera(tmp_path, camera, None)
    assert camera.writes == []
