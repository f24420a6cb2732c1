"""A port of a switch is switched over SNMP, at a real SNMP agent whose port state is seen to change."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config.model.camera_parts import PoePort
from edge_agent.core.secrets import Secret
from edge_agent.host.system import switch_port
from edge_agent.host.system.switch_port import SwitchFailed, SwitchPort, snmp_conf
from tests.testbed.poe_switch import COMMUNITY, PASSPHRASE, PRIVACY, USER, PoeSwitch, is_installed

pytestmark = pytest.mark.skipif(not is_installed(), reason="Debian's snmp and snmpd are not installed")


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PoeSwitch]:
    with PoeSwitch(tmp_path_factory.mktemp("switch")) as built:
        yield built


def by_community(switch: PoeSwitch, port: int) -> PoePort:
    return PoePort(switch=switch.address, port=port, password=Secret(COMMUNITY))


def by_user(switch: PoeSwitch, port: int) -> PoePort:
    poe = by_community(switch, port)
    return replace(poe, username=USER, password=Secret(PASSPHRASE), privacy=Secret(PRIVACY))


@pytest.mark.parametrize(("of", "port"), [(by_community, 1), (by_user, 2)], ids=["v2c", "v3"])
def test_a_port_is_switched_off_and_on(switch: PoeSwitch, of: Any, port: int) -> None:
    power = SwitchPort(of(switch, port))
    assert power.is_on()
    power.set_power(False)
    assert not power.is_on()
    power.set_power(True)
    assert switch.power(port) == [1, 2, 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"username": USER, "password": Secret("a wrong passphrase")},
        {"port": 99},
        {"switch": "127.0.9.42:161"},
    ],
    ids=["passphrase", "port", "address"],
)
def test_a_switch_that_refuses_or_is_silent_is_a_failure_without_secrets(
    switch: PoeSwitch, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    monkeypatch.setattr(switch_port, "TIMEOUT_S", 0.2)
    poe = replace(by_community(switch, 3), **changes)
    with pytest.raises(SwitchFailed) as caught:
        SwitchPort(poe).set_power(False)
    assert poe.password.reveal() not in str(caught.value)
    assert switch.power(3) == [1]


def test_no_secret_is_among_the_arguments(switch: PoeSwitch, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    run = subprocess.run

    def recorded(arguments: list[str], **more: Any) -> Any:
        seen.append(arguments)
        return run(arguments, **more)

    monkeypatch.setattr("subprocess.run", recorded)
    assert SwitchPort(by_community(switch, 4)).is_on()
    assert seen
    assert COMMUNITY not in " ".join(seen[0])


def test_without_the_package_the_failure_names_it(
    switch: PoeSwitch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SwitchFailed, match="install Debian's package snmp"):
        SwitchPort(by_community(switch, 4)).is_on()


def test_without_a_usable_temporary_directory_the_failure_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "away"))
    poe = PoePort(switch="127.0.9.42:161", port=4, password=Secret(COMMUNITY))
    with pytest.raises(
        SwitchFailed, match="the file for snmpset cannot be written: No such file or directory"
    ):
        SwitchPort(poe).set_power(True)


def test_a_password_with_quotes_stays_one_value(switch: PoeSwitch) -> None:
    poe = replace(by_community(switch, 5), password=Secret('a"b\\c d'))
    assert 'defCommunity "a\\"b\\\\c d"\n' in snmp_conf(poe)
