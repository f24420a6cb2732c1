"""The modem, read from a simulated ModemManager on a D-Bus daemon of the test."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from edge_agent.core.errors import ModemError
from edge_agent.uplink import modem_bus
from edge_agent.uplink.modem import BearerCount, ModemReading
from edge_agent.uplink.modem_bus import read_modem
from edge_agent.uplink.modem_usage import ModemUsage
from tests.testbed.modem_bus import BEARER, FakeModem, FakeModemManager, bus_daemon

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon is not installed")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with bus_daemon(tmp_path_factory.mktemp("bus")) as address:
        yield address


@pytest.fixture
def manager(address: str) -> Iterator[FakeModemManager]:
    manager = FakeModemManager(address, FakeModem())
    yield manager
    manager.stop()


def test_a_modem_is_read_with_signal_operator_and_bytes(address: str, manager: FakeModemManager) -> None:
    manager.modem.sessions = (500, 700)
    reading = read_modem(address)
    assert reading is not None
    assert replace(reading, source="") == ModemReading(
        state="connected",
        port="cdc-wdm0",
        pin_attempts=3,
        registration="home",
        operator="Viettel",
        operator_code="45204",
        technology="LTE",
        signal_percent=67,
        bearers=(BearerCount(BEARER, 1_000_500, 4_000_700),),
    )


STATES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # no card: ModemManager gives the modem up
    ({"state": -1, "failed_reason": 2}, {"state": "failed", "failed": "sim-missing"}),
    ({"state": -1, "failed_reason": 9}, {"state": "failed", "failed": "unknown"}),
    ({"state": 2, "lock": 2}, {"state": "locked", "lock": "sim-pin", "pin_attempts": 3}),
    ({"state": 2, "lock": 4}, {"state": "locked", "lock": "sim-puk"}),
    # PIN2 protects the address book of the card, not the connection
    ({"lock": 3}, {"lock": None}),
    ({"state": 7, "registration": 2}, {"state": "searching", "registration": "searching"}),
    ({"state": 7, "registration": 3}, {"registration": "denied"}),
    ({"registration": 5}, {"registration": "roaming"}),
    # a version of ModemManager that knows more than this one
    ({"state": 99, "registration": 99, "lock": 99}, {"state": "unknown", "lock": "other"}),
    # 5G beside LTE, and none
    ({"access_technologies": 1 << 15 | 1 << 14}, {"technology": "5G"}),
    ({"access_technologies": 0}, {"technology": None}),
    ({"operator": "Viet\ntel" + 100 * "x"}, {"operator": "Viet\\ntel" + 31 * "x"}),
    ({"present": False}, {"state": "missing"}),
    ({"has_bearer": False}, {"bearers": ()}),
]


@pytest.mark.parametrize(("facts", "expected"), STATES, ids=lambda each: str(each)[:40])
def test_what_modemmanager_reports_is_named(
    address: str, manager: FakeModemManager, facts: dict[str, Any], expected: dict[str, Any]
) -> None:
    for name, value in facts.items():
        setattr(manager.modem, name, value)
    reading = read_modem(address)
    assert {name: getattr(reading, name) for name in expected} == expected


def test_without_modemmanager_there_is_no_reading(address: str) -> None:
    assert read_modem(address) is None


def test_a_silent_modemmanager_and_a_missing_bus_are_errors(
    address: str, manager: FakeModemManager, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(modem_bus, "TIMEOUT_S", 0.1)
    manager.silent = True
    with pytest.raises(ModemError, match="Timeout"):
        read_modem(address)
    with pytest.raises(ModemError):
        read_modem(f"unix:path={tmp_path}/none")


@pytest.mark.skipif(shutil.which("mmcli") is None, reason="modemmanager is not installed")
def test_mmcli_reads_the_simulated_modem_as_we_do(address: str, manager: FakeModemManager) -> None:
    def mmcli(*words: str) -> Any:
        environment = os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": address}
        done = subprocess.run(["mmcli", *words], env=environment, capture_output=True, check=True, timeout=20)
        return json.loads(done.stdout)

    modem, reading = mmcli("-m", "any", "-J")["modem"], read_modem(address)
    assert reading is not None
    general, network = modem["generic"], modem["3gpp"]
    assert general["state"] == reading.state
    assert general["signal-quality"]["value"] == str(reading.signal_percent)
    assert general["primary-port"] == reading.port
    assert general["unlock-retries"][0] == f"sim-pin ({reading.pin_attempts})"
    assert network["operator-name"] == reading.operator
    assert network["registration-state"] == reading.registration
    stats = mmcli("-b", "0", "-J")["bearer"]["stats"]
    (bearer,) = reading.bearers
    assert (stats["total-bytes-tx"], stats["total-bytes-rx"]) == (str(bearer.sent), str(bearer.received))


NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


def counted(*bearers: BearerCount, source: str = ":1.1") -> ModemReading:
    return ModemReading(state="connected", bearers=bearers, source=source)


def test_the_count_goes_on_over_new_bearers_restarts_and_boots(tmp_path: Path) -> None:
    file = tmp_path / "modem-usage.json"
    usage = ModemUsage(file, "boot-1")
    usage.add(counted(BearerCount("/0", 100, 1000)), NOVEMBER)
    usage.add(counted(BearerCount("/0", 150, 1500)), NOVEMBER)
    assert (usage.sent, usage.received) == (150, 1500)
    usage.add(counted(BearerCount("/1", 10, 10)), NOVEMBER)  # the modem connected again
    usage.add(counted(BearerCount("/1", 5, 5)), NOVEMBER)  # ... and a bearer that lost its count
    usage.save()
    usage = ModemUsage(file, "boot-1")  # the agent was restarted
    usage.add(counted(BearerCount("/1", 7, 7)), NOVEMBER)
    assert (usage.sent, usage.received) == (167, 1517)
    usage.add(counted(BearerCount("/1", 9, 9), source=":1.9"), NOVEMBER)  # ModemManager was restarted
    usage.save()
    usage = ModemUsage(file, "boot-2")
    usage.add(counted(BearerCount("/1", 20, 20), source=":1.9"), NOVEMBER)
    assert (usage.sent, usage.received) == (196, 1546)


def test_a_new_billing_period_begins_at_nothing_and_a_clock_set_back_keeps_the_count(tmp_path: Path) -> None:
    usage = ModemUsage(tmp_path / "modem-usage.json", "boot-1")
    for sent, first_day in ((100, None), (200, NOVEMBER), (300, DECEMBER), (400, NOVEMBER), (500, None)):
        usage.add(counted(BearerCount("/0", sent, 0)), first_day)
        if sent == 200:
            assert usage.sent == 200
    assert usage.sent == 300


def test_a_bus_that_is_silent_is_given_up_at_sign_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modem_bus, "TIMEOUT_S", 0.1)
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        with pytest.raises(ModemError):
            read_modem(f"unix:path={path}")
