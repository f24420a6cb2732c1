"""Wrong options for a broker are reported before anything is sent, by every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.cli.main import main

TLS = "mqtts://127.0.0.1:1"
COMMANDS = {
    "command": ["command", "status", "--gateway", "dt-001", "--ward", "de-tham"],
    "conformance": ["conformance", "--gateway", "dt-001", "--ward", "de-tham"],
    "gateways": ["gateways", "--once"],
    "simulate": ["simulate", "--sites", "1"],
}


def ends(*words: str) -> int:
    try:
        return main(words)
    except SystemExit as end:  # argparse
        return int(end.code or 0)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (["--broker", "127.0.0.1"], "the scheme mqtt:// or mqtts:// is missing; nothing was sent"),
        (["--broker", TLS, "--root", "a/#"], "--root"),
        (["--broker", TLS, "--password-file", "pw"], "--password-file needs --username; nothing was sent"),
        (["--broker", TLS, "--key-file", "key"], "--key-file needs --cert-file; nothing was sent"),
        (["--broker", "mqtt://127.0.0.1:1", "--cert-file", "c"], "--cert-file needs a broker at mqtts://"),
    ],
)
def test_it_is_a_wrong_usage(
    command: str, words: list[str], reported: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(*COMMANDS[command], *words) == 2
    assert reported in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_cannot_be_read_is_named(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing"
    words = ["--broker", TLS, "--username", "ops", "--password-file", str(missing)]
    assert ends(*COMMANDS[command], *words) == 1
    assert f"edge-agent {command}: {missing}: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["conformance", "gateways"])
@pytest.mark.parametrize("time", ["nan", "-1", "inf", "1e9", "soon"])
def test_a_time_is_one(command: str, time: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(*COMMANDS[command], "--broker", TLS, "--listen-s", time) == 2
    assert f"{time!r}: seconds from 0 to 2678400" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["conformance", "command"])
def test_an_id_is_a_level_of_topics(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(*COMMANDS[command], "--broker", TLS, "--gateway", "dt/001") == 2
    assert "'dt/001' is no id" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "reported"),
    [
        ("mqtt://127.0.0.1:1", "--certificates needs brokers at mqtts://; nothing was sent"),
        (TLS, "ca.crt and 1 more: there is no such file; nothing was sent"),
    ],
)
def test_certificates_of_a_simulation_are_looked_for_first(
    url: str, reported: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sim-001.key").touch()
    words = ["--broker", url, "--certificates", str(tmp_path)]
    assert ends(*COMMANDS["simulate"], *words) == 2
    assert reported in capsys.readouterr().err
