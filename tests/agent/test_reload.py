"""Reloads of a running agent: unchanged cameras lose nothing."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil

from edge_agent.host.local_api.control import run_reload
from tests.agent.test_main_path import kind_of, kinds, parsed, phases
from tests.testbed.agent import PATIENCE_S, AgentProcess, file_camera, wait_until, write_config
from tests.testbed.command_line import run_command
from tests.testbed.mosquitto import Mosquitto, Subscriber, free_port
from tests.testbed.rtsp import RtspServer

ZONE = {"yard": {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}}
RULE = {"id": "in-yard", "kind": "zone-intrusion", "zone": "yard", "labels": ["person"]}


def hang_up(agent: AgentProcess) -> None:
    agent.process.send_signal(signal.SIGHUP)


def is_online(camera_id: str) -> Any:
    return lambda beat: beat["cameras"].get(camera_id, {}).get("state") == "online"


def test_only_the_changed_camera_is_touched_and_the_other_ones_object_goes_on(
    tmp_path: Path, walker: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    with RtspServer({"/walker": walker, "/other": walker}) as server:

        def configure(fps: float) -> Path:
            kept = file_camera(walker) | {"url": server.url("/walker")}
            changed = {"id": "cam-2", "url": server.url("/other"), "analyse": {"fps": fps}}
            return write_config(tmp_path, cameras=[kept, changed], broker_port=broker.port)

        def objects() -> list[dict[str, Any]]:
            found = parsed(centre.events())
            return [e["data"] for e in found if kind_of(e) == "object" and e["subject"] == "cam-1"]

        config = configure(5)
        with AgentProcess(config) as agent:
            agent.wait_for_status(is_online("cam-2"), "the second camera")
            before = len(objects())
            centre.wait_for(lambda: any(o["phase"] == "start" for o in objects()[before:]), PATIENCE_S)
            opened = next(o for o in objects()[before:] if o["phase"] == "start")
            configure(2)
            done = run_command("reload", config)
            assert done.returncode == 0, done.stderr
            assert "restarted: cam-2" in done.stdout
            assert "untouched: cam-1" in done.stdout
            centre.wait_for(
                lambda: any(o["phase"] == "end" and o["event_id"] == opened["event_id"] for o in objects()),
                PATIENCE_S,
            )
            beat = agent.wait_for_status(is_online("cam-2"), "the changed camera")
        log = agent.log
    reported = [o for o in objects() if o["event_id"] == opened["event_id"]]
    assert [o["phase"] for o in reported if o["phase"] != "update"] == ["start", "end"]
    assert reported[-1]["end_reason"] in ("left", "lost"), "not the reload"
    assert beat["cameras"]["cam-1"]["reconnects"] == 0
    assert "restarted: cam-2" in log
    births = [json.loads(m.payload)["config_hash"] for m in centre.on("/up/birth")]
    assert len(set(births)) == 2
    assert births[-1] == beat["config_hash"]


def test_another_file_is_not_what_this_agent_runs_with(tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[], broker_port=free_port())
    other = tmp_path / "other.yaml"
    other.write_text(config.read_text())
    with AgentProcess(config) as agent:
        wait_until(agent.status, what="the agent")
        done = run_command("reload", other)
        assert done.returncode == 1
        assert f"this agent runs with {config}, not with {other}; nothing was read" in done.stderr
        assert run_command("reload", config).returncode == 0
        assert run_command("reload", config, "--lang", "vi").stdout == (
            "dt-001: đã đọc lại cấu hình, không có thay đổi\n"
        )
        unknown = run_command("relearn", "cam-9", config, "--lang", "vi").stderr
        assert unknown.startswith("dt-001: không có camera cam-9")


def test_what_waits_for_a_restart_is_named_until_then(tmp_path: Path) -> None:
    port = free_port()
    config = write_config(tmp_path, cameras=[], broker_port=port, detector="none")
    with AgentProcess(config) as agent:
        wait_until(agent.status, what="the agent")
        write_config(tmp_path, broker_port=port, detector="none", heartbeat_s=7, outbox={"max_bytes": "50MB"})
        done = run_command("reload", config)
        assert done.returncode == 0, done.stderr
        assert "applied at once: heartbeat_s" in done.stdout
        assert "waits for a restart of the agent: outbox.max_bytes" in done.stdout
        agent.wait_for_status(
            lambda beat: any("outbox.max_bytes changed" in line for line in beat["degraded"]), "the line"
        )
        control = tmp_path / "state" / "control.sock"
        assert control.stat().st_mode & 0o777 == 0o600
    assert run_command("reload", config).returncode == 3, "nobody is there"


def test_another_rule_does_not_cost_the_camera_a_frame(
    tmp_path: Path, walker: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    camera = file_camera(walker)
    config = write_config(tmp_path, cameras=[camera], broker_port=broker.port)
    with AgentProcess(config, "--repeat-files") as agent:
        centre.wait_for(lambda: "start" in phases(centre.events()), PATIENCE_S)
        write_config(tmp_path, cameras=[camera | {"zones": ZONE, "rules": [RULE]}], broker_port=broker.port)
        done = run_command("reload", config)
        assert "rules changed: cam-1" in done.stdout, done.stderr
        centre.wait_for(lambda: "zone-intrusion" in kinds(centre.events()), PATIENCE_S)
        assert agent.stop() == 0
    reasons = [e["data"].get("end_reason") for e in parsed(centre.events())]
    assert "reload" not in reasons, "the object that was in view went on"


def test_a_storm_of_reloads_leaks_nothing(tmp_path: Path, clip: Path) -> None:
    port = free_port()

    def configure(fps: int) -> Path:
        cameras = [file_camera(clip), file_camera(clip, "cam-2") | {"analyse": {"fps": fps}}]
        return write_config(tmp_path, cameras=cameras, broker_port=port, detector="none")

    config = configure(5)
    with AgentProcess(config, "--repeat-files") as agent:
        agent.wait_for_status(is_online("cam-2"), "the cameras")
        process = psutil.Process(agent.process.pid)
        assert reload_all(config, configure, 3) == [0, 0, 0]
        before = process.num_threads(), process.num_fds(), process.memory_info().rss
        assert set(reload_all(config, configure, 20)) == {0}
        agent.wait_for_status(is_online("cam-2"), "the cameras")
        wait_until(lambda: process.num_threads() <= before[0], what="the old threads to end")
        wait_until(lambda: process.num_fds() <= before[1] + 1, what="the old files to be closed")
        assert process.memory_info().rss < before[2] + 20e6
        assert agent.stop() == 0


def reload_all(config: Path, configure: Any, times: int) -> list[int]:
    """Exit code of the command, in this process: starting one takes longer than a reload."""
    codes = []
    for n in range(times):
        configure(2 + n % 2)
        codes.append(run_reload(config, io.StringIO(), io.StringIO()))
    return codes


def test_a_reload_while_a_camera_hangs_does_not_wait_for_it(tmp_path: Path, clip: Path) -> None:
    with RtspServer({"/stream": clip}) as server:
        port = free_port()
        camera = {"id": "cam-1", "url": server.url("/stream")}
        config = write_config(tmp_path, cameras=[camera], broker_port=port, detector="none")
        with AgentProcess(config) as agent:
            agent.wait_for_status(is_online("cam-1"), "the camera")
            server.freeze()
            write_config(tmp_path, cameras=[file_camera(clip)], broker_port=port, detector="none")
            assert run_command("reload", config).returncode == 0
            agent.wait_for_status(is_online("cam-1"), "the same camera at another address")
            server.thaw()
            os.kill(agent.process.pid, signal.SIGTERM)
            assert agent.process.wait(4) == 0, agent.log


def test_a_view_is_learned_anew_on_request(tmp_path: Path, clip: Path) -> None:
    cameras = [file_camera(clip) | {"watch_view": True}, file_camera(clip, "cam-2") | {"watch_view": False}]
    with (
        Mosquitto(tmp_path) as broker,
        Subscriber(broker.port, "tb/v1/+/+/up/event/cam-1") as subscriber,
        AgentProcess(
            config := write_config(tmp_path, cameras=cameras, broker_port=broker.port, detector="none"),
            "--repeat-files",
        ) as agent,
    ):
        agent.wait_for_status(is_online("cam-1"), "the camera")
        done = run_command("relearn", "cam-1", config)
        assert (done.returncode, done.stdout) == (0, "dt-001: cam-1: its view is learned again from now on\n")
        off = run_command("relearn", "cam-2", config)
        assert off.returncode == 1
        assert "watch_view is off" in off.stderr
        unknown = run_command("relearn", "cam-9", config)
        assert unknown.returncode == 1
        assert "cam-1, cam-2" in unknown.stderr
        subscriber.wait_for(lambda: len(on_the_box(subscriber)) == 2, 30)
        assert [data["phase"] for data in on_the_box(subscriber)] == ["start", "end"]


def on_the_box(subscriber: Subscriber) -> list[dict[str, Any]]:
    """Data of events about overrides that were requested on the gateway."""
    found = [e["data"] for e in parsed(subscriber.events()) if kind_of(e) == "rule-override"]
    return [data for data in found if (data["origin"], data["command_id"]) == ("box", None)]
