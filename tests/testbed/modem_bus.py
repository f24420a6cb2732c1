"""A D-Bus daemon of the test's own, and on it a program that answers as ModemManager does, without a modem.

Types and names follow the introspection of ModemManager 1.24; ``mmcli`` reads it like the real one.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jeepney", reason="jeepney is new: run make setup again")

from jeepney import (
    HeaderFields,
    Message,
    MessageType,
    new_error,
    new_method_return,
)
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

SERVICE = "org.freedesktop.ModemManager1"
ROOT = "/org/freedesktop/ModemManager1"
MODEM, SIM, BEARER = f"{ROOT}/Modem/0", f"{ROOT}/SIM/0", f"{ROOT}/Bearer/0"

Properties = dict[str, tuple[str, Any]]

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="false"/><allow receive_sender="*"/>
<allow own="*"/><allow user="*"/></policy></busconfig>
"""


@dataclass
class FakeModem:
    """The facts of one modem; a test may change them at any time."""

    state: int = 11  # MMModemState: connected
    failed_reason: int = 0
    lock: int = 1  # MMModemLock: none
    unlock_retries: dict[int, int] = field(default_factory=lambda: {2: 3, 4: 10})
    signal_percent: int = 67
    access_technologies: int = 1 << 14  # LTE
    registration: int = 1  # home
    operator: str = "Viettel"
    operator_code: str = "45204"
    port: str = "cdc-wdm0"
    sent: int = 1_000_000
    received: int = 4_000_000
    sessions: tuple[int, int] = (0, 0)  # bytes of earlier sessions of the bearer: sent, received
    connected: bool = True
    has_bearer: bool = True
    resets: int = 0
    present: bool = True

    def interfaces(self) -> dict[str, Properties]:
        """The interfaces of the modem's object."""
        bearers = [BEARER] if self.has_bearer else []
        modem: Properties = {
            "Sim": ("o", SIM if self.failed_reason != 2 else "/"),
            "SimSlots": ("ao", []),
            "PrimarySimSlot": ("u", 0),
            "Bearers": ("ao", bearers),
            "SupportedCapabilities": ("au", [8]),
            "CurrentCapabilities": ("u", 8),
            "MaxBearers": ("u", 1),
            "MaxActiveBearers": ("u", 1),
            "Manufacturer": ("s", "Example"),
            "Model": ("s", "Simulated LTE"),
            "Revision": ("s", "1"),
            "DeviceIdentifier": ("s", "0123456789abcdef"),
            "Device": ("s", "/sys/devices/simulated"),
            "Physdev": ("s", "/sys/devices/simulated"),
            "Drivers": ("as", ["qmi_wwan"]),
            "Plugin": ("s", "generic"),
            "PrimaryPort": ("s", self.port),
            "Ports": ("a(su)", [(self.port, 6), ("wwan0", 2)]),
            "EquipmentIdentifier": ("s", "000000000000000"),
            "UnlockRequired": ("u", self.lock),
            "UnlockRetries": ("a{uu}", self.unlock_retries),
            "State": ("i", self.state),
            "StateFailedReason": ("u", self.failed_reason),
            "AccessTechnologies": ("u", self.access_technologies),
            "SignalQuality": ("(ub)", (self.signal_percent, True)),
            "OwnNumbers": ("as", []),
            "PowerState": ("u", 3),
            "SupportedModes": ("a(uu)", [(8, 0)]),
            "CurrentModes": ("(uu)", (8, 0)),
            "SupportedBands": ("au", []),
            "CurrentBands": ("au", []),
            "SupportedIpFamilies": ("u", 7),
        }
        registered: Properties = {
            "Imei": ("s", "000000000000000"),
            "RegistrationState": ("u", self.registration),
            "OperatorCode": ("s", self.operator_code),
            "OperatorName": ("s", self.operator),
            "EnabledFacilityLocks": ("u", 0),
            "SubscriptionState": ("u", 0),
            "EpsUeModeOperation": ("u", 0),
            "Pco": ("a(ubay)", []),
            "InitialEpsBearer": ("o", "/"),
        }
        return {f"{SERVICE}.Modem": modem, f"{SERVICE}.Modem.Modem3gpp": registered}

    def bearer(self) -> Properties:
        """The properties of the bearer, with its statistics."""
        sent, received = self.sent, self.received
        stats: Properties = {
            "rx-bytes": ("t", received),
            "tx-bytes": ("t", sent),
            "duration": ("u", 60),
            "attempts": ("u", 1),
            "failed-attempts": ("u", 0),
            "total-duration": ("u", 60),
            "total-rx-bytes": ("t", received + self.sessions[1]),
            "total-tx-bytes": ("t", sent + self.sessions[0]),
        }
        return {
            "Interface": ("s", "wwan0"),
            "Connected": ("b", self.connected),
            "Suspended": ("b", False),
            "Multiplexed": ("b", False),
            "Ip4Config": ("a{sv}", {"method": ("u", 3)}),
            "Ip6Config": ("a{sv}", {}),
            "Stats": ("a{sv}", stats),
            "IpTimeout": ("u", 20),
            "BearerType": ("u", 1),
            "ProfileId": ("i", 1),
            "Properties": ("a{sv}", {"apn": ("s", "v-internet")}),
        }


class FakeModemManager:
    """Answers on a thread of its own until ``stop``."""

    def __init__(self, address: str, modem: FakeModem) -> None:
        self.modem = modem
        self.silent = False  # it receives calls and answers none
        self._stop = threading.Event()
        self._connection = open_dbus_connection(address)
        (reply,) = self._connection.send_and_get_reply(message_bus.RequestName(SERVICE)).body
        assert reply == 1, "the name has an owner already"
        self._thread = threading.Thread(target=self._serve, name="fake-modemmanager", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self._connection.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                message = self._connection.receive(timeout=0.05)
                if message.header.message_type is MessageType.method_call and not self.silent:
                    self._connection.send(self._answer(message))

    def _answer(self, call: Message) -> Message:
        fields = call.header.fields
        path, member = fields[HeaderFields.path], fields[HeaderFields.member]
        if member == "GetManagedObjects":
            objects = {MODEM: self.modem.interfaces()} if self.modem.present else {}
            return new_method_return(call, "a{oa{sa{sv}}}", (objects,))
        if member == "GetAll":
            return new_method_return(call, "a{sv}", (self._properties(path, call.body[0]),))
        if member == "Reset" and path == MODEM:
            self.modem.resets += 1
            return new_method_return(call)
        return new_error(call, "org.freedesktop.DBus.Error.UnknownMethod")

    def _properties(self, path: str, interface: str) -> Properties:
        if path == MODEM:
            return self.modem.interfaces().get(interface, {})
        if path == BEARER and interface == f"{SERVICE}.Bearer":
            return self.modem.bearer()
        if path == SIM and interface == f"{SERVICE}.Sim":
            return {"Active": ("b", True), "OperatorName": ("s", self.modem.operator)}
        return {"Version": ("s", "1.24.0")} if path == ROOT else {}


@contextlib.contextmanager
def bus_daemon(folder: Path) -> Iterator[str]:
    """Run dbus-daemon with a socket in ``folder``; return its address."""
    socket, config = folder / "bus.sock", folder / "bus.conf"
    config.write_text(CONFIG.format(socket=socket))
    reading, writing = os.pipe()
    process = subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", f"--print-address={writing}"],
        pass_fds=[writing],
    )
    os.close(writing)
    try:
        assert select.select([reading], [], [], 10)[0], "dbus-daemon does not start"
        yield f"unix:path={socket}"
    finally:
        os.close(reading)
        process.terminate()
        process.wait(10)
