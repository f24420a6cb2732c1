"""Start, stop, signals, the clock and secrets of a running agent."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.agent.stepping_clock import BEHIND
from tests.agent.test_main_path import kind_of, parsed, phases
from tests.testbed.agent import PATIENCE_S, AgentProcess, file_camera, wait_until, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, Subscriber, free_port
from tests.testbed.rtsp import RtspServer

ODD_PASSWORD = "p@ss:w/o#rd%41"
ARMED = "clock not synchronised since the gateway started: rules with a schedule are armed all day (1)"


def test_systemd_hears_ready_watchdog_reloading_and_stopping(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(PATIENCE_S)

        def heard(word: str) -> str:
            while word not in (text := notify.recv(4096).decode()):
                pass
            return text

        config = write_config(tmp_path, cameras=[], broker_port=free_port())
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}
        with AgentProcess(config, environ=environ) as agent:
            assert "READY=1" in notify.recv(4096).decode()
            heard("WATCHDOG=1")
            agent.process.send_signal(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in heard("RELOADING=1")
            assert "READY=1" in notify.recv(4096).decode()
            assert agent.stop() == 0
            heard("STOPPING=1")


def test_a_second_signal_ends_it_at_once(tmp_path: Path, broker: Mosquitto) -> None:
    config = write_config(tmp_path, cameras=[], broker_port=broker.port)
    with AgentProcess(config) as agent:
        wait_until(lambda: "connected to" in agent.log, what="a connection")
        broker.freeze()  # the stop waits for the PUBACK of `stopped`: time for the second signal
        agent.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "is stopping" in agent.log, what="the stop")
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(10) == 128 + signal.SIGTERM
        broker.thaw()


def test_an_invalid_configuration_ends_with_78_and_starts_nothing(tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[{"id": "cam-1"}], broker_port=1, hearbeat_s=3)
    with AgentProcess(config) as agent:
        assert agent.process.wait(20) == 78
    assert "hearbeat_s" in agent.log
    assert "heartbeat_s" in agent.log
    assert "url" in agent.log
    assert not (tmp_path / "state").exists()


def test_two_agents_do_not_share_a_state_directory(tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[], broker_port=free_port())
    with AgentProcess(config) as first:
        wait_until(first.status, what="the first agent")
        second = AgentProcess(config)
        second.start()
        assert second.process.wait(20) == 1
        assert first.status() is not None
    assert "another agent uses it" in first.log


def test_a_lost_camera_is_told_with_its_cause_and_its_return(
    tmp_path: Path, clip: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    with RtspServer({"/stream": clip}) as server:
        camera = {"id": "gate-1", "url": server.url("/stream")}
        config = write_config(tmp_path, cameras=[camera], broker_port=broker.port, detector="none")
        with AgentProcess(config) as agent:
            agent.wait_for_status(lambda beat: beat["cameras"]["gate-1"]["state"] == "online", "the camera")
            server.kill()
            centre.wait_for(lambda: len(centre.events()) == 1, after_grace())
            server.start()
            centre.wait_for(lambda: len(centre.events()) == 2, 90)
    down, up = parsed(centre.events())[:2]
    assert (kind_of(down), down["data"]["state"]) == ("camera-state", "offline")
    assert down["data"]["cause"] in ("ended", "refused")
    assert (kind_of(up), up["data"]["state"]) == ("camera-state", "online")
    assert up["data"]["down_s"] > 0
    assert up["subject"] == "gate-1"


def after_grace() -> float:
    """On a machine that has just booted the agent reports no problem for three minutes."""
    with open("/proc/uptime", encoding="ascii") as uptime:
        return PATIENCE_S + max(0.0, 190.0 - float(uptime.read().split()[0]))


def test_events_before_the_first_synchronisation_can_be_dated_afterwards(
    tmp_path: Path, walker: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    camera = file_camera(walker) | in_six_hours()
    config = write_config(tmp_path, cameras=[camera], broker_port=broker.port)
    command = (sys.executable, "-m", "tests.agent.stepping_clock")
    with AgentProcess(config, command=command) as agent:
        centre.wait_for(lambda: {"object", "zone-intrusion"} <= set(begun(centre)), PATIENCE_S)
        agent.wait_for_status(lambda beat: ARMED in beat.get("degraded", []), "its note")
        (tmp_path / "synchronised").touch()
        agent.wait_for_status(lambda beat: ARMED not in beat.get("degraded", []), "the end of it")
        centre.wait_for(lambda: begun(centre).count("object") == 2, PATIENCE_S)
    everything = parsed(centre.events())
    events = [event for event in everything if kind_of(event) != "zone-intrusion"]
    assert any(event["data"].get("end_reason") == "disarmed" for event in everything), "by its schedule"
    first = events[0]
    (correction,) = (e for e in events if kind_of(e) == "clock-correction")
    later = [e for e in events if e["data"].get("phase") == "start"][1]
    assert first["clock"] == "unsynced"
    assert moment(first["time"]) < datetime.now(UTC) - BEHIND
    assert later["clock"] == correction["clock"] == "synced"
    assert {e["bootid"] for e in events} == {first["bootid"]}
    dated = moment(first["time"]) + timedelta(milliseconds=correction["data"]["offset_ms"])
    since_first = timedelta(milliseconds=int(later["bootms"]) - int(first["bootms"]))
    assert abs(moment(later["time"]) - since_first - dated) < timedelta(seconds=1)
    beats = [json.loads(m.payload) for m in centre.on("/up/heartbeat")]
    assert beats[-1]["clock"]["synced"]


def in_six_hours() -> dict[str, object]:
    """A rule that is not armed now, nor at this time of another day."""
    begin, end = ((datetime.now(UTC) + timedelta(hours=hours)).strftime("%H:%M") for hours in (13, 14))
    schedule = {"from": begin, "to": end}  # of Vietnam, seven hours ahead of UTC
    zone = {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}
    rule = {"id": "yard", "kind": "zone-intrusion", "zone": "all", "min_duration_s": 0, "schedule": schedule}
    return {"zones": {"all": zone}, "rules": [rule]}


def begun(subscriber: Subscriber) -> list[str]:
    """The kinds of all starts."""
    return [kind_of(e) for e in parsed(subscriber.events()) if e["data"].get("phase") == "start"]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_camera_password_works_and_shows_nowhere(
    tmp_path: Path, clip: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    secret = tmp_path / "cam.pass"
    secret.write_text(ODD_PASSWORD + "\n")
    secret.chmod(0o600)
    with RtspServer({"/stream": clip}, user="viewer", password=ODD_PASSWORD) as server:
        login = {"username": "viewer", "password_file": str(secret)}
        camera = {"id": "cam-1", "url": server.url("/stream")} | login
        wrong = {"id": "cam-2", "url": server.url("/stream").replace("://", "://viewer:wr%40ng@")}
        config = write_config(tmp_path, cameras=[camera, wrong], broker_port=broker.port, detector="none")
        with AgentProcess(config, "--log-level", "debug", fresh=True) as agent:
            beat = agent.wait_for_status(
                lambda beat: (
                    beat["cameras"]["cam-1"]["state"] == "online"
                    and beat["cameras"]["cam-2"]["cause"] == "unauthorized"
                ),
                "one camera online and one refused",
            )
            centre.wait_for(lambda: bool(centre.on("/up/heartbeat")), PATIENCE_S)
            command_line = Path(f"/proc/{agent.process.pid}/cmdline").read_text()
            messages = [m.payload.decode() for m in centre.messages]
            shown = [agent.log, command_line, json.dumps(beat), *messages]
    for text in shown:
        for forbidden in (ODD_PASSWORD, "p%40ss", "wr@ng", "wr%40ng"):
            assert forbidden not in text


def test_an_open_event_of_another_version_does_not_stop_the_start(tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[], broker_port=free_port())
    with AgentProcess(config) as agent:
        wait_until(agent.status, what="the agent")
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "outbox.db")) as db, db:
        db.execute("INSERT INTO open_event VALUES ('object-x', 'cam-1', x'7b7d')")
        db.execute("INSERT INTO open_event VALUES ('object-y', 'cam-1', ?)", (b'{"data":{"label":"\xff"}}',))
        later = b'{"data":{},"seen_at":"2026-13-01T00:00:00Z","severity":"of a later version"}'
        db.execute("INSERT INTO open_event VALUES ('object-z', 'cam-1', ?)", (later,))
    with AgentProcess(config) as agent:
        wait_until(agent.status, what="the agent")
        assert "object-x cannot be read" in agent.log
        assert "object-y cannot be read" in agent.log
        assert "object-z cannot be read" in agent.log
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "outbox.db")) as db:
        assert db.execute("SELECT count(*) FROM open_event").fetchone() == (0,)


def test_a_camera_that_hangs_inside_ffmpeg_does_not_hold_up_a_clean_stop(tmp_path: Path, clip: Path) -> None:
    with RtspServer({"/stream": clip}) as server, Mosquitto(tmp_path) as broker:
        camera = {"id": "cam-1", "url": server.url("/stream")}
        config = write_config(tmp_path, cameras=[camera], broker_port=broker.port)
        with AgentProcess(config) as agent:
            agent.wait_for_status(lambda beat: beat["cameras"]["cam-1"]["state"] == "online", "the camera")
            server.freeze()
            agent.process.send_signal(signal.SIGTERM)
            assert agent.process.wait(4) == 0, agent.log
            server.thaw()
        assert "edge-agent stopped" in agent.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_that_is_asked_for_during_the_start_is_clean(tmp_path: Path, number: signal.Signals) -> None:
    config = write_config(tmp_path, cameras=[], broker_port=free_port())
    with AgentProcess(config, fresh=True) as agent:
        # The interpreter itself takes some 0.1 s before our first line runs; SIGHUP is the last one set.
        wait_until(lambda: catches(agent.process.pid, signal.SIGHUP), what="the handlers")
        agent.process.send_signal(number)
        assert agent.process.wait(10) == 0, agent.log


def catches(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(mask >> (number - 1) & 1)


def test_a_camera_that_no_stage_can_take_does_not_end_the_others(
    tmp_path: Path, walker: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    tiny = make_clip(tmp_path / "tiny.avi", codec="mjpeg", size=(16, 4), seconds=5)
    cameras = [file_camera(walker), file_camera(tiny, "cam-2"), file_camera(broken, "cam-3")]
    config = write_config(tmp_path, cameras=cameras, broker_port=broker.port)
    with AgentProcess(config) as agent:
        centre.wait_for(lambda: "end" in phases(centre.events()), PATIENCE_S)
        beat = agent.wait_for_status(lambda beat: beat["cameras"]["cam-2"]["state"] == "offline", "its loss")
        assert agent.stop() == 0, agent.log
    assert beat["cameras"]["cam-2"]["cause"] == beat["cameras"]["cam-3"]["cause"] == "unsupported"
