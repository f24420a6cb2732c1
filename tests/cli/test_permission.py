"""A user without the right to read a file is advised to use sudo, by every command."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edge_agent.cli import main as cli
from edge_agent.core.errors import EdgeAgentError
from tests.testbed.agent import write_config
from tests.testbed.command_line import run_command

DENIED = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/var/lib/edge-agent/x")


def refuse(*_: object, **__: object) -> int:
    raise DENIED


def refuse_with_text(*_: object) -> int:
    raise EdgeAgentError("cannot be read") from DENIED


@pytest.mark.parametrize("user", [0, 1000], ids=["root", "a plain user"])
@pytest.mark.parametrize("run", [refuse, refuse_with_text])
def test_a_refused_file(monkeypatch: pytest.MonkeyPatch, run: object, user: int) -> None:
    monkeypatch.setattr(cli, "_run_command", run)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    done = run_command("rehearse", "cam-1", "--rule", "draft.yaml", "--lang", "vi")
    assert done.returncode == 1
    assert ("hãy chạy lệnh với sudo" in done.stderr) is (user != 0)


def test_a_configuration_that_this_user_may_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write_config(tmp_path)
    whole = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, *how, **more: refuse() if path == config else whole(path, *how, **more)
    )
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    done = run_command("passages", "--config", config, "--lang", "en")
    assert done.returncode == 78
    assert "permission denied" in done.stderr
    assert "edge-agent passages: this user has no permission: run the command with sudo" in done.stderr
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    assert "sudo" not in run_command("passages", "--config", config, "--lang", "en").stderr
