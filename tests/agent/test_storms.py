"""Signals at bad moments and in large numbers, stops with open events, and outages."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from tests.agent.test_life import catches
from tests.agent.test_main_path import kind_of, kinds, parsed
from tests.agent.test_reload import RULE, ZONE, hang_up, is_online
from tests.outbox.test_failing_disk import fill
from tests.testbed.agent import PATIENCE_S, AgentProcess, file_camera, wait_until, write_config
from tests.testbed.clips import make_clip
from tests.testbed.command_line import run_command
from tests.testbed.mosquitto import Mosquitto, Subscriber, free_port
from tests.testbed.rtsp import RtspServer

ODD_JSON = b'{"type":"relearn","gateway":"\xff","camera":""}'
GARBAGE = (b"", b"\xff" * 100, b"[" * 5000, b"x" * 1_000_000, ODD_JSON)


def test_hangups_during_the_start_are_one_reload_after_it(tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[], broker_port=free_port(), detector="none")
    with AgentProcess(config, fresh=True) as agent:
        wait_until(lambda: catches(agent.process.pid, signal.SIGHUP), what="the handlers")
        for _ in range(20):
            hang_up(agent)
        wait_until(lambda: "the configuration was read again" in agent.log, what="the reload")
        assert agent.status() is not None
        assert agent.stop() == 0
    assert agent.log.count("the configuration was read again") == 1
    assert "Traceback" not in agent.log


def test_hangups_and_requests_during_the_stop_change_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    config = write_config(tmp_path, cameras=[], broker_port=broker.port, detector="none")
    with AgentProcess(config) as agent:
        wait_until(lambda: "connected to" in agent.log, what="a connection")
        broker.freeze()  # the stop waits for the PUBACK of `stopped`
        agent.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "is stopping" in agent.log, what="the stop")
        refused = run_command("reload", config)
        while agent.process.poll() is None:
            hang_up(agent)  # until the last moment of the process
        assert agent.process.returncode == 0, agent.log
        broker.thaw()
    assert refused.returncode in (1, 3)
    assert "was read again" not in agent.log
    assert "Traceback" not in agent.log


def test_a_storm_of_hangups_and_hostile_askers(tmp_path: Path, clip: Path) -> None:
    config = write_config(tmp_path, cameras=[file_camera(clip)], broker_port=free_port(), detector="none")
    control = tmp_path / "state" / "control.sock"

    def attack(number: int) -> None:
        with socket.socket(socket.AF_UNIX) as asker, contextlib.suppress(OSError):
            asker.settimeout(5)
            asker.connect(str(control))
            asker.sendall(GARBAGE[number % len(GARBAGE)])
            if number % 3:
                asker.shutdown(socket.SHUT_WR)
                asker.recv(4096)

    with AgentProcess(config, "--repeat-files") as agent:
        agent.wait_for_status(is_online("cam-1"), "the camera")
        assert run_command("reload", config).returncode == 0
        process = psutil.Process(agent.process.pid)
        before = process.num_threads(), process.num_fds()
        with ThreadPoolExecutor(50) as attackers:
            attacks = attackers.map(attack, range(150))
            for _ in range(200):
                hang_up(agent)
            list(attacks)
        wait_until(lambda: run_command("reload", config).returncode == 0, what="a reload for who asks well")
        beat = agent.wait_for_status(is_online("cam-1"), "the camera")
        assert beat["cameras"]["cam-1"]["reconnects"] == 0
        wait_until(lambda: process.num_threads() <= before[0], what="no thread too many")
        wait_until(lambda: process.num_fds() <= before[1], what="no file too many")
        assert agent.stop() == 0
    assert "Traceback" not in agent.log
    assert "thread died" not in agent.log


def alarmed(camera: dict[str, Any]) -> dict[str, Any]:
    rule = RULE | {"severity": "alarm", "cooldown_s": 0}
    report = {"objects": True, "snapshots": "rules", "clips": "rules"}
    return camera | {"zones": ZONE, "rules": [rule], "report": report}


def test_a_stop_takes_two_seconds_with_a_clip_open_and_the_main_streams_camera_hanging(
    tmp_path: Path, walker: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    main = make_clip(tmp_path / "main.mp4", size=(1280, 720), seconds=10)
    with RtspServer({"/main": main}) as server:
        camera = alarmed(file_camera(walker)) | {"clip": {"main_url": server.url("/main")}}
        config = write_config(tmp_path, cameras=[camera], broker_port=broker.port)
        with AgentProcess(config, "--repeat-files") as agent:
            centre.wait_for(lambda: "zone-intrusion" in kinds(centre.events()), PATIENCE_S)
            server.freeze()
            begun = time.monotonic()
            agent.process.send_signal(signal.SIGTERM)
            assert agent.process.wait(6) == 0, agent.log
            took = time.monotonic() - begun
            server.thaw()
        ended = [e["data"] for e in parsed(centre.events()) if kind_of(e) == "zone-intrusion"][-1]
    assert (ended["phase"], ended["end_reason"]) == ("end", "restart")
    assert took < 2.5, "two seconds, and what a busy machine needs to notice"
    assert not list((tmp_path / "state" / "evidence").rglob("*.new")), "no half clip"


def test_a_reload_on_a_full_disk_is_taken_over(tmp_path: Path, clip: Path, state_disk: Path) -> None:
    port = free_port()
    config = write_config(tmp_path, cameras=[file_camera(clip)], broker_port=port, detector="none")
    with AgentProcess(config, "--repeat-files") as agent:
        agent.wait_for_status(is_online("cam-1"), "the camera")
        fill(state_disk)
        cameras = [file_camera(clip), file_camera(clip, "cam-2")]
        write_config(tmp_path, cameras=cameras, broker_port=port, detector="none")
        done = run_command("reload", config)
        assert done.returncode == 0, done.stderr
        assert "added: cam-2" in done.stdout
        agent.wait_for_status(is_online("cam-2"), "the camera that was added")
        assert "no copy of it can be kept" in agent.log
        assert agent.stop() == 0
    assert "Traceback" not in agent.log


def test_a_stay_over_which_the_camera_goes_ends_with_it_and_begins_anew(
    tmp_path: Path, walker: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    with RtspServer({"/walker": walker}) as server:

        def stays(phase: str) -> list[dict[str, Any]]:
            found = [e["data"] for e in parsed(centre.events()) if kind_of(e) == "zone-intrusion"]
            return [stay for stay in found if stay["phase"] == phase]

        camera = alarmed({"id": "cam-1", "url": server.url("/walker")})
        config = write_config(tmp_path, cameras=[camera], broker_port=broker.port)
        with AgentProcess(config) as agent:
            centre.wait_for(lambda: len(stays("start")) > len(stays("end")), PATIENCE_S)
            opened = stays("start")[-1]["event_id"]
            server.kill()
            centre.wait_for(lambda: any(s["event_id"] == opened for s in stays("end")), PATIENCE_S)
            ended = stays("end")[-1]
            begun = len(stays("start"))
            server.start()
            centre.wait_for(lambda: len(stays("start")) > begun, 2 * PATIENCE_S)
            assert agent.stop() == 0
    assert ended["end_reason"] == "camera"
    assert stays("start")[-1]["event_id"] != opened
