"""Checks what the technician enters about the network of a box without a site, and reads its modem."""

from __future__ import annotations

import ipaddress
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from edge_agent.commissioning.messages import CommissioningError
from edge_agent.control.modem import modem_bus, modem_health, read_modem
from edge_agent.core.errors import ModemError
from edge_agent.host.system.network_settings import (
    AddressSettings,
    NetworkAnswer,
    NetworkSettings,
    SimSettings,
)

APN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,98}[A-Za-z0-9])?")
PIN = re.compile(r"[0-9]{4,8}")
READ_EVERY_S = 10.0
"""Least time between two readings of the modem. The phone asks for the state every few seconds, but
ModemManager measures the signal less often."""


def check_settings(settings: NetworkSettings) -> None:
    """Raise CommissioningError for a wrong entry. Root's program checks all entries again."""
    sim, lan = settings.sim, settings.lan
    if isinstance(sim, SimSettings):
        if not APN.fullmatch(sim.apn):
            raise CommissioningError("apn-wrong", text=sim.apn[:40])
        if sim.pin and not PIN.fullmatch(sim.pin):
            raise CommissioningError("pin-wrong")
    if isinstance(lan, AddressSettings):
        _check_address(lan)


def network_refusal(answer: NetworkAnswer) -> CommissioningError:
    """Return the error for an answer of root's program that is not ``done``. Only a reason without a code is
    in English alone: then a program of the system has failed."""
    if answer.code == "interface":
        return CommissioningError("network-interface", names=answer.names)
    if answer.code in ("by-hand", "pin-last", "pin-wrong", "sim-offline"):
        return CommissioningError(f"network-{answer.code}")
    return CommissioningError("network-refused", reason=answer.detail[:500])


def _check_address(lan: AddressSettings) -> None:
    try:
        own = ipaddress.IPv4Interface(lan.address)
    except ValueError:
        raise CommissioningError("address-wrong", text=lan.address[:40]) from None
    network = own.network
    used = (network.network_address, network.broadcast_address, own.ip)
    if "/" not in lan.address or not 8 <= network.prefixlen <= 30 or own.ip in used[:2]:
        raise CommissioningError("address-wrong", text=lan.address[:40])
    try:
        router = ipaddress.IPv4Address(lan.gateway) if lan.gateway else None
        inside = router is None or (router in network and router not in used)
    except ValueError:
        inside = False
    if not inside:
        raise CommissioningError("gateway-wrong", text=lan.gateway[:40], network=network)


class ModemView:
    """Reads the modem for the page. Any thread may call it. ``bus`` returns the address of D-Bus; "": there
    is none."""

    def __init__(self, bus: Callable[[], str] = modem_bus) -> None:
        self._bus = bus
        self._reading = threading.Lock()
        self._last: tuple[float, dict[str, Any] | None] | None = None

    def document(self) -> dict[str, Any] | None:
        """Return the reading as in the heartbeat; None without ModemManager. It is read again after
        ``READ_EVERY_S``."""
        last, now = self._last, time.monotonic()
        is_due = last is None or now - last[0] >= READ_EVERY_S
        if is_due and self._reading.acquire(blocking=False):
            try:
                self._last = last = now, self._read()
            finally:
                self._reading.release()
        return None if last is None else last[1]

    def _read(self) -> dict[str, Any] | None:
        address = self._bus()  # read each time, because ModemManager may start later than this page
        try:
            reading = read_modem(address) if address else None
        except ModemError:
            return None
        if reading is None:
            return None
        found: dict[str, Any] = msgspec.to_builtins(modem_health(reading))
        return found
