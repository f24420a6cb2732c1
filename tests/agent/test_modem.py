"""The modem in the heartbeat and in the status, from a simulated ModemManager."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from edge_agent.control.modem import (
    CONTROL_GROUP,
    OLD_CONTROL_GROUP,
    READ_EVERY_S,
    SOCKET,
    STALE_S,
    ModemWatch,
    modem_health,
    read_modem,
)
from edge_agent.host.health.degraded import modem_lines
from edge_agent.uplink.modem import ModemReading
from edge_agent.uplink.modem_usage import FILE
from edge_agent.wire import ModemHealth, UplinkHealth
from tests.agent.inside import AgentInside
from tests.host.fakes import FakeClock
from tests.testbed.agent import write_config
from tests.testbed.modem_bus import FakeModem, FakeModemManager, bus_daemon
from tests.testbed.mosquitto import Mosquitto, Subscriber

SIM = UplinkHealth(kind="sim", monthly_bytes=3_000_000_000, used_bytes=100_000_000)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[FakeModemManager]:
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus-daemon is not installed")
    with bus_daemon(tmp_path) as address:
        manager = FakeModemManager(address, FakeModem())
        yield manager
        manager.stop()


def watch(folder: Path, clock: FakeClock) -> ModemWatch:
    return ModemWatch(folder, "boot-1", clock, lambda: date(2026, 11, 1), folder / "root")


def test_health_has_the_reading_until_it_is_stale_and_a_restart_keeps_the_count(
    tmp_path: Path, manager: FakeModemManager
) -> None:
    clock = FakeClock()
    address = f"unix:path={tmp_path}/bus.sock"
    modem = watch(tmp_path, clock)
    assert modem.health() is None
    modem.read(address)
    health = modem.health()
    assert health is not None
    assert (health.state, health.operator, health.signal_percent) == ("connected", "Viettel", 67)
    assert (health.sent_bytes, health.received_bytes) == (1_000_000, 4_000_000)
    modem.stop()
    again = watch(tmp_path, clock)
    manager.modem.sent += 5
    again.read(address)
    assert again.health() is not None
    assert again.health().sent_bytes == 1_000_005  # type: ignore[union-attr]
    clock.advance(STALE_S + 1)
    assert again.health() is None


def plant_bus(folder: Path) -> Path:
    """A file system root with the socket of the test's bus and a ModemManager that runs."""
    root = folder / "root"
    (root / SOCKET).parent.mkdir(parents=True)
    (root / SOCKET).symlink_to(folder / "bus.sock")
    (root / CONTROL_GROUP).mkdir(parents=True)
    return root


def test_the_main_thread_only_starts_a_reading_and_only_while_modemmanager_runs(
    tmp_path: Path, manager: FakeModemManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(address: str) -> ModemReading | None:
        read.append(address)
        return read_modem(address)

    monkeypatch.setattr("edge_agent.control.modem.read_modem", counted)
    clock = FakeClock()
    modem = watch(tmp_path, clock)
    root = plant_bus(tmp_path)
    (root / CONTROL_GROUP).rmdir()  # D-Bus alone: every Debian has it
    modem.tick()
    assert modem.join(5)
    assert read == [], "jeepney is not imported"
    (root / CONTROL_GROUP).mkdir()
    modem.tick()
    assert modem.health() is None, "not before the next minute"
    clock.advance(READ_EVERY_S)
    modem.tick()
    assert modem.join(5)
    assert modem.health() is not None
    (root / CONTROL_GROUP).rmdir()
    (root / OLD_CONTROL_GROUP).mkdir(parents=True)
    clock.advance(READ_EVERY_S)
    modem.tick()
    assert modem.join(5)
    assert modem.health() is not None
    (root / OLD_CONTROL_GROUP).rmdir()
    clock.advance(READ_EVERY_S)
    modem.tick()
    assert modem.health() is None, "at once, not when the reading is stale"


def test_a_whole_agent_reports_the_modem_in_its_heartbeat(
    tmp_path: Path, manager: FakeModemManager, broker: Mosquitto, centre: Subscriber
) -> None:
    root = plant_bus(tmp_path)
    manager.modem.signal_percent = 31
    sim = {"kind": "sim", "monthly_bytes": "3GB"}
    path = write_config(tmp_path, broker_port=broker.port, uplink=sim, heartbeat_s=1)
    with AgentInside(path, sysroot=root):

        def modems() -> list[dict[str, Any]]:
            beats = [json.loads(each.payload) for each in centre.on("/heartbeat")]
            return [beat["modem"] for beat in beats if beat.get("modem")]

        centre.wait_for(lambda: bool(modems()), 20)
        found = modems()[0]
        assert (found["operator"], found["signal_percent"]) == ("Viettel", 31)
        assert found["sent_bytes"] + found["received_bytes"] == 5_000_000


def test_a_bus_that_fails_is_logged_once_and_nothing_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    modem = watch(tmp_path, FakeClock())
    for _ in range(2):
        modem.read(f"unix:path={tmp_path}/none")
    assert modem.health() is None
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    modem.stop()
    assert not (tmp_path / FILE).exists()


LINES = [
    (ModemReading("missing"), "modem: none is found, although the uplink is a SIM card"),
    (ModemReading("failed", failed="sim-missing"), "modem: no SIM card is found"),
    (ModemReading("failed", failed="sim-error"), "modem: the SIM card does not work"),
    (ModemReading("failed", failed="unknown"), "modem: ModemManager cannot use it"),
    (ModemReading("locked", lock="sim-pin"), "modem: the SIM card asks for its PIN"),
    (ModemReading("locked", lock="sim-puk"), "modem: the SIM card is blocked and asks for its PUK"),
    (ModemReading("locked", lock="other"), "modem: it is locked to another provider or device"),
    (ModemReading("searching", registration="denied"), "modem: the network refuses the SIM card"),
    (ModemReading("searching", registration="searching"), "modem: not registered in a network"),
    (
        ModemReading("connected", registration="roaming", operator="Unitel"),
        "modem: roaming in the network of Unitel",
    ),
    (ModemReading("connected", registration="home"), None),
    # it has just begun: nothing is wrong yet
    (ModemReading("initializing", registration="idle"), None),
]


def test_each_trouble_of_the_modem_is_a_line_where_the_uplink_is_a_sim_card() -> None:
    for reading, line in LINES:
        health = modem_health(reading)
        assert [str(each) for each in modem_lines(SIM, health)] == ([line] if line else []), reading
        assert not list(modem_lines(UplinkHealth(kind="fibre"), health))


def test_much_traffic_of_other_programs_is_a_line() -> None:
    def lines(received_bytes: int) -> list[str]:
        health = ModemHealth(state="connected", registration="home", received_bytes=received_bytes)
        return [str(line) for line in modem_lines(SIM, health)]

    assert not lines(850_000_000)  # a quarter of the budget is left for them
    assert lines(900_000_000) == [
        "modem: it counts 900 MB in this period, 800 MB of them are not of edge-agent"
    ]
