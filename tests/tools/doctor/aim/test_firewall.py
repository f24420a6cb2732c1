"""The port is open during aiming, in a real nftables in its own namespace; the kernel closes it if
necessary."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.tools.local_page import firewall
from edge_agent.tools.local_page.firewall import FirewallOpening, open_port
from tests.testbed.agent import wait_until

RULES = """
table inet filter {
  set edge_agent_aim { type inet_service; flags timeout; }
  chain input {
    type filter hook input priority 0; policy drop;
    ip saddr { 10.0.0.0/8, 192.168.0.0/16 } tcp dport @edge_agent_aim accept
  }
}
"""


@pytest.fixture
def nft(tmp_path: Path) -> Iterator[str]:
    """An nft that runs in a network namespace of its own, with the set of the role."""
    if os.geteuid() != 0:
        pytest.skip("only root has a firewall to try")
    with subprocess.Popen(["unshare", "--net", "sh", "-c", "echo up; exec cat"], **PIPES) as space:
        assert space.stdout is not None
        assert space.stdout.readline() == b"up\n"
        script = tmp_path / "nft"
        script.write_text(f'#!/bin/sh\nexec nsenter --net=/proc/{space.pid}/ns/net nft "$@"\n')
        script.chmod(0o755)
        subprocess.run([script, "-f", "-"], input=RULES.encode(), check=True)
        yield str(script)
        space.communicate()


PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


def ports(nft: str) -> list[Any]:
    command = [nft, "-j", "list", "set", "inet", "filter", firewall.FIREWALL_SET]
    listed = subprocess.run(command, capture_output=True, check=True)
    (found,) = (each["set"] for each in json.loads(listed.stdout)["nftables"] if "set" in each)
    return [each["elem"]["val"] for each in found.get("elem", ())]


def test_open_while_somebody_aims_and_closed_afterwards(nft: str) -> None:
    with open_port(8480, 900, nft) as opening:
        assert opening is FirewallOpening.OPENED
        assert ports(nft) == [8480]
    assert ports(nft) == []


def test_closed_when_the_command_was_killed(nft: str) -> None:
    code = "import sys; from edge_agent.tools.local_page.firewall import open_port\n"
    code += "with open_port(8480, 900, sys.argv[1]): print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, nft], **PIPES) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == b"open\n"
        assert ports(nft) == [8480]
        command.kill()
    wait_until(lambda: ports(nft) == [], what="closed")


def test_closed_by_the_kernel_if_nobody_else_does(nft: str) -> None:
    with open_port(8480, 1, nft):
        wait_until(lambda: ports(nft) == [], what="closed")


def test_a_firewall_that_knows_nothing_of_it_is_told(nft: str) -> None:
    subprocess.run([nft, "flush", "ruleset"], check=True)
    with open_port(8480, 900, nft) as opening:
        assert opening is FirewallOpening.NO_SET


def test_a_box_without_nftables_has_nothing_to_open() -> None:
    with open_port(8480, 900, "/nowhere/nft") as opening:
        assert opening is FirewallOpening.NO_FIREWALL


def test_a_second_run_does_not_shut_the_first_one_out(nft: str) -> None:
    with open_port(8480, 900, nft):
        with open_port(8480, 900, nft) as second:
            assert second is FirewallOpening.ALREADY
        assert ports(nft) == [8480]
    assert ports(nft) == []


def stuck(nft: str, verb: str, place: Path) -> tuple[str, Path]:
    """An nft that blocks at ``verb`` until the test writes to the pipe."""
    pipe, script = place / "pipe", place / "stuck-nft"
    os.mkfifo(pipe)
    script.write_text(f'#!/bin/sh\ncase " $* " in *" {verb} "*) read _ <{pipe};; esac\nexec {nft} "$@"\n')
    script.chmod(0o755)
    return str(script), pipe


@pytest.mark.parametrize("verb", ["list", "element"])
def test_an_nft_that_does_not_answer_counts_as_a_refusal(
    nft: str, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(firewall, "ANSWER_S", 0.5)
    with open_port(8480, 900, stuck(nft, verb, tmp_path)[0]) as opening:
        assert opening is FirewallOpening.REFUSED
    assert "no answer in 0.5 s" in caplog.text
    assert ports(nft) == []


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # on purpose
def test_the_command_ends_though_nft_is_slow_to_close(
    nft: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(firewall, "ANSWER_S", 0.5)
    slow, pipe = stuck(nft, "delete", tmp_path)
    with open_port(8480, 900, slow) as opening:
        assert opening is FirewallOpening.OPENED
    assert "nft has not closed port 8480" in caplog.text
    pipe.write_text("go on\n")
    wait_until(lambda: ports(nft) == [], what="closed")
