"""Wrong options for a broker are reported before anything is sent, by every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testbed.command_line import run_command

TLS = "mqtts://127.0.0.1:1"
COMMANDS = {
    "command": ["command", "status", "--gateway", "dt-001", "--ward", "de-tham"],
    "conformance": ["conformance", "--gateway", "dt-001", "--ward", "de-tham"],
    "gateways": ["gateways", "--once"],
    "simulate": ["simulate", "--sites", "1"],
}


def refusal(code: int, command: str, *words: str) -> str:
    """What the command prints as its error; it must end with ``code``."""
    done = run_command(*COMMANDS[command], *words)
    assert done.returncode == code
    return done.stderr


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
def test_it_is_a_wrong_usage(command: str, words: list[str], reported: str) -> None:
    assert reported in refusal(2, command, *words)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_cannot_be_read_is_named(command: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    words = ["--broker", TLS, "--username", "ops", "--password-file", str(missing)]
    assert f"edge-agent {command}: {missing}: No such file or directory" in refusal(1, command, *words)


@pytest.mark.parametrize("command", ["conformance", "gateways"])
@pytest.mark.parametrize("time", ["nan", "-1", "inf", "1e9", "soon"])
def test_a_time_is_one(command: str, time: str) -> None:
    assert f"{time!r}: seconds from 0 to 2678400" in refusal(2, command, "--broker", TLS, "--listen-s", time)


@pytest.mark.parametrize("command", ["conformance", "command"])
def test_an_id_is_a_level_of_topics(command: str) -> None:
    assert "'dt/001' is not an id" in refusal(2, command, "--broker", TLS, "--gateway", "dt/001")


@pytest.mark.parametrize(
    ("url", "reported"),
    [
        ("mqtt://127.0.0.1:1", "--certificates needs brokers at mqtts://; nothing was sent"),
        (TLS, "ca.crt and 1 more: there is no such file; nothing was sent"),
    ],
)
def test_certificates_of_a_simulation_are_looked_for_first(url: str, reported: str, tmp_path: Path) -> None:
    (tmp_path / "sim-001.key").touch()
    words = ["--broker", url, "--certificates", str(tmp_path)]
    assert reported in refusal(2, "simulate", *words)
