"""Root's program for a gateway without a broker, in a root of its own: what it does, how often, what not."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.testbed.modem_bus import FakeModem, FakeModemManager, bus_daemon

PROGRAM = Path(__file__).resolve().parents[2] / "ansible/roles/edge_agent/files/edge_heal.py"
HOUR_S = 3600.0
EDGE_HEAL = SimpleNamespace(**runpy.run_path(str(PROGRAM)))


class Root:
    """A box's files; its programs write down that they ran."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ran = folder, folder / "ran"
        self.requests = folder / "run/edge-agent/requests"
        self.config = folder / "etc/edge-agent/healing.json"
        for needed in (self.requests, self.config.parent, folder / "proc", folder / "usr/bin"):
            needed.mkdir(parents=True)
        self.program("usr/bin/systemctl", f'echo "$@" >> {self.ran}')
        self.up(48 * HOUR_S)

    def program(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    def up(self, seconds: float) -> None:
        (self.folder / "proc/uptime").write_text(f"{seconds:.2f} 1.00\n")

    def configure(self, **config: object) -> None:
        self.config.write_text(json.dumps(config))

    def ask(self, action: str) -> str:
        request = self.requests / {"reset": "heal", "reboot": "heal-reboot"}[action]
        request.write_text("whatever the agent likes to say")
        outcome: str = EDGE_HEAL.heal(action, self.folder)
        assert not request.exists(), "or the path unit would start it for ever"
        return outcome

    def answer(self, action: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"run/edge-agent-heal/{action}.json").read_bytes())
        return found

    @property
    def done(self) -> list[str]:
        return self.ran.read_text().splitlines() if self.ran.exists() else []


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


def test_a_reboot_is_done_once_a_day_whatever_the_agent_asks(root: Root) -> None:
    root.configure()
    outcomes = []
    for hours in (0.1, 12, 23.9, 24.1):
        root.up(hours * HOUR_S)
        outcomes.append(root.ask("reboot"))
    root.up(0.2 * HOUR_S)  # it has rebooted
    outcomes.append(root.ask("reboot"))
    assert outcomes == ["refused", "refused", "refused", "done", "refused"]
    assert root.done == ["--no-block reboot"]
    assert root.answer("reboot")["detail"].startswith("the gateway has been up for 0.2 h")


def test_reboots_can_be_forbidden(root: Root) -> None:
    root.configure(reboot=False)
    assert root.ask("reboot") == "refused"
    assert root.answer("reboot")["detail"] == "reboots are off"
    assert root.done == []


def test_a_box_without_roots_configuration_reboots_and_resets_nothing(root: Root) -> None:
    assert root.ask("reset") == "refused"
    assert root.answer("reset")["detail"] == "no reset is configured"
    assert root.ask("reboot") == "done"


def test_a_reset_runs_the_configured_commands_in_order_without_a_shell(root: Root) -> None:
    tool = root.program("usr/bin/modem", f'printf "%s|" "$@" >> {root.ran}; echo >> {root.ran}')
    root.configure(reset=[[tool, "down", "$(reboot); *"], [tool, "up"]])
    assert root.ask("reset") == "done"
    assert root.done == ["down|$(reboot); *|", "up|"]
    assert root.answer("reset")["outcome"] == "done"


def test_a_reset_comes_once_an_hour_and_a_refusal_does_not_prolong_that(root: Root) -> None:
    root.configure(reset=[[root.program("usr/bin/modem", f"echo reset >> {root.ran}")]])
    outcomes = []
    for hours in (48, 48.5, 48.9, 49.1):
        root.up(hours * HOUR_S)
        outcomes.append(root.ask("reset"))
    assert outcomes == ["done", "refused", "refused", "done"]
    assert root.done == ["reset", "reset"]


def test_a_reset_that_cannot_be_written_down_is_not_done(root: Root) -> None:
    root.configure(reset=[[root.program("usr/bin/modem", f"echo reset >> {root.ran}")]])
    (root.folder / "run/edge-agent-heal").write_text(
        "in place of the folder: nothing can be written, as in a full /run"
    )
    with pytest.raises(OSError, match="edge-agent-heal"):
        root.ask("reset")
    assert root.done == [], "or an agent that fills /run could have one after the other"


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("echo no such modem; exit 3", "modem ended with 3: no such modem"),
        ("sleep 30 & sleep 30", "modem took longer than 1 s"),
    ],
)
def test_a_reset_that_fails_or_hangs_is_told(root: Root, script: str, detail: str) -> None:
    root.configure(reset=[[root.program("usr/bin/modem", script)]], timeout_s=1)
    assert root.ask("reset") == "failed"
    assert root.answer("reset")["detail"].endswith(detail)


@pytest.mark.parametrize(
    ("config", "detail"),
    [
        ({}, "no reset is configured"),
        ({"reset": ["/bin/true"]}, "a list of commands"),
        ({"reset": [["true"]]}, "begins with an absolute path"),
        ({"reset": [["/bin/true"]], "timeout_s": 0}, "timeout_s must be from 1 to 600"),
    ],
)
def test_a_configuration_with_a_mistake_does_nothing_and_says_which(
    root: Root, config: dict[str, object], detail: str
) -> None:
    root.configure(**config)
    assert root.ask("reset") == "refused"
    assert detail in root.answer("reset")["detail"]


def test_a_configuration_that_others_could_write_is_not_believed(root: Root) -> None:
    root.configure(reset=[["/bin/true"]])
    root.config.chmod(0o664)
    assert root.ask("reset") == "refused"
    assert "can be written by others" in root.answer("reset")["detail"]


def test_no_link_of_the_agents_user_is_followed(root: Root) -> None:
    root.configure()
    precious = root.folder / "etc/heal-reboot"
    precious.write_text("root's")
    root.requests.rmdir()
    root.requests.symlink_to(precious.parent)
    assert EDGE_HEAL.heal("reboot", root.folder) == "no request"
    assert precious.read_text() == "root's"
    assert root.done == []


def test_it_runs_with_nothing_but_python() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", str(PROGRAM), "nonsense"],
        capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "usage: python3 -m edge_heal reset|reboot" in done.stderr


@pytest.mark.skipif(
    not Path("/usr/bin/mmcli").exists() or shutil.which("dbus-daemon") is None,
    reason="modemmanager or dbus-daemon is not installed",
)
def test_the_command_of_the_guide_resets_the_modem(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """mmcli itself, and a simulated ModemManager that receives Reset."""
    guide = (PROGRAM.parents[4] / "docs/guide/uplink.md").read_text(encoding="utf-8")
    assert "[[/usr/bin/mmcli, -m, any, --reset]]" in guide
    with bus_daemon(root.folder) as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        manager = FakeModemManager(address, FakeModem())
        root.configure(reset=[["/usr/bin/mmcli", "-m", "any", "--reset"]])
        assert root.ask("reset") == "done"
        assert root.ask("reset") == "refused", "once an hour"
        manager.stop()
    assert manager.modem.resets == 1
