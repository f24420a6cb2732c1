"""A file with mistakes at boot: the agent runs with the last good one, and health says so."""

from __future__ import annotations

from pathlib import Path

from tests.agent.test_reload import hang_up, is_online
from tests.testbed.agent import AgentProcess, file_camera, wait_until, write_config
from tests.testbed.command_line import run_command
from tests.testbed.mosquitto import free_port


def complaints(beat: dict[str, list[str]]) -> list[str]:
    return [line for line in beat["degraded"] if line.startswith("configuration: ")]


def test_after_a_bad_edit_and_a_power_cut_the_cameras_are_still_watched(tmp_path: Path, clip: Path) -> None:
    config = write_config(tmp_path, cameras=[file_camera(clip)], broker_port=free_port(), detector="none")
    good = config.read_text()
    agent = AgentProcess(config, "--repeat-files")
    with agent:
        first = agent.wait_for_status(is_online("cam-1"), "the camera")
        config.write_text(good.replace('"cam-1"', '"cam 1"'))
        hang_up(agent)
        agent.wait_for_status(lambda beat: complaints(beat) and is_online("cam-1")(beat), "the refusal")
        agent.kill()
        agent.start()
        beat = agent.wait_for_status(is_online("cam-1"), "the camera, from the copy")
        (line,) = complaints(beat)
        assert "cam 1" in line or "cameras" in line
        assert "stays in force" in line
        assert beat["config_hash"] == first["config_hash"]
        refused = run_command("reload", config)
        assert refused.returncode == 78
        assert "nothing was changed" in refused.stderr
        refused = run_command("reload", config, "--lang", "vi")
        first_line, mistake = refused.stderr.splitlines()[:2]
        assert first_line.startswith("chưa thay đổi gì, vẫn dùng cấu hình có từ ")
        assert "id: phải là mã" in mistake
        config.write_text(good)
        hang_up(agent)
        agent.wait_for_status(lambda beat: not complaints(beat), "all well")
        assert "nothing has changed" in run_command("reload", config).stdout
        assert agent.stop() == 0


def test_an_empty_file_is_such_a_file(tmp_path: Path) -> None:
    """Ext4 leaves an empty file when it was not synced before a power cut."""
    config = write_config(tmp_path, cameras=[], broker_port=free_port(), detector="none")
    state = {"STATE_DIRECTORY": str(tmp_path / "state")}
    agent = AgentProcess(config, environ=state)
    with agent:
        wait_until(agent.status, what="the agent")
        assert agent.stop() == 0
        good = config.read_text()
        config.write_text("")
        agent.start()
        wait_until(lambda: "stays in force" in agent.log, what="the word about it")
        config.write_text(good)
        wait_until(agent.status, what="the agent")
        assert agent.stop() == 0


def test_a_refusal_shows_in_the_health_of_an_agent_wherever_its_state_directory_is(tmp_path: Path) -> None:
    """The agent is found through the copy, or through ``state_dir`` in the file."""
    config = write_config(tmp_path, cameras=[], broker_port=free_port(), detector="none")
    good = config.read_text()
    with AgentProcess(config) as agent:
        wait_until(agent.status, what="the agent")
        config.write_text(good.replace("heartbeat_s", "hearbeat_s"))
        assert run_command("reload", config).returncode == 78
        agent.wait_for_status(complaints, "the refusal")  # and status works with such a file
        (tmp_path / "state" / "last-good.yaml").unlink()
        config.write_text(good + "]")
        refused = run_command("reload", config)
        assert refused.returncode == 78
        assert "stays in force" in refused.stderr, "the agent's own answer"
        assert agent.stop() == 0
    nobody = run_command("reload", config)
    assert nobody.returncode == 78
    assert "no running agent was found" in nobody.stderr
    assert "không thấy phần mềm đang chạy" in run_command("reload", config, "--lang", "vi").stderr
