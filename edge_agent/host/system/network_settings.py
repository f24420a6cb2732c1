"""Asks root's program to write the gateway's network settings: SIM card, static address, cameras' network.

This module serves the page that a technician opens on a phone. Root's program is ``edge_network.py`` of the
role base. It checks each setting by itself; edge-agent-network.path starts it when a request is written.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from edge_agent.core.state_file import read_bounded, replace_file

FOLDER = Path("run/edge-agent-network")
ANSWER = Path("run/edge-agent-network-root/answer.json")
WAIT_S = 180.0
"""A SIM card connects within a minute or not at all; the remaining time is for slow boards."""
POLL_S = 0.2


class SimSettings(msgspec.Struct, frozen=True):
    """The SIM card. Username, password and PIN are secrets: never log a value of this type."""

    apn: str
    username: str = ""
    password: str = ""
    pin: str = ""
    modem: str = ""  # name of the control port, such as cdc-wdm0; "": any modem

    def __repr__(self) -> str:
        return f"SimSettings(apn={self.apn!r})"


class AddressSettings(msgspec.Struct, frozen=True):
    """An address in addition to DHCP. ``interface`` "": the only wired interface, or the default route's."""

    address: str  # with its prefix: 10.0.0.9/24
    gateway: str = ""
    dns: tuple[str, ...] = ()
    interface: str = ""


class CameraNetworkSettings(msgspec.Struct, frozen=True):
    """The gateway's own address in a network of cameras."""

    address: str
    interface: str = ""


class NetworkSettings(msgspec.Struct, frozen=True):
    """The settings to change. An unset field leaves the setting unchanged; None removes it from the
    gateway."""

    sim: SimSettings | UnsetType | None = UNSET
    lan: AddressSettings | UnsetType | None = UNSET
    cameras: CameraNetworkSettings | UnsetType | None = UNSET


class NetworkAnswer(msgspec.Struct, frozen=True):
    """The answer of root's program. ``detail``: what changed, or why nothing did, in English without secrets.
    ``code``: the reason, or "". With the code ``interface``, ``names`` has the gateway's interfaces."""

    id: str
    outcome: Literal["done", "refused", "failed"]
    detail: str = ""
    code: Literal["", "interface", "by-hand", "pin-last", "pin-wrong", "sim-offline"] = ""
    names: str = ""


class _Request(NetworkSettings, frozen=True):
    id: str = ""


class RootNetwork:
    """The files that a page exchanges with root's program. One request at a time; not thread-safe."""

    def __init__(self, sysroot: Path = Path("/")) -> None:
        self._folder = sysroot / FOLDER
        self._request = self._folder / "request.json"
        self._answer = sysroot / ANSWER

    @property
    def is_available(self) -> bool:
        """Whether this gateway has root's program, and this process may ask it."""
        return os.access(self._folder, os.W_OK | os.X_OK)

    def ask(self, settings: NetworkSettings) -> str:
        """Write the request, and return its id. Raises OSError."""
        id_ = secrets.token_hex(8)
        fields = {name: getattr(settings, name) for name in NetworkSettings.__struct_fields__}
        request = msgspec.json.encode(_Request(**fields, id=id_))
        replace_file(self._request, request, 0o600)  # the request may contain a PIN
        return id_

    def answer(self, id_: str) -> NetworkAnswer | None:
        """Return the answer to the request with this id; None while there is none."""
        try:
            found = msgspec.json.decode(read_bounded(self._answer), type=NetworkAnswer)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return found if found.id == id_ else None

    def withdraw(self) -> None:
        """Delete a request that root's program has not read."""
        with contextlib.suppress(OSError):
            self._request.unlink()

    def apply(self, settings: NetworkSettings, wait_s: float = WAIT_S) -> NetworkAnswer:
        """Write the request and wait up to ``wait_s`` for an answer. No answer: the outcome is ``failed``."""
        try:
            id_ = self.ask(settings)
        except OSError as error:
            return NetworkAnswer("", "failed", f"no request can be made here: {error.strerror}")
        pause = threading.Event()
        for _ in range(max(1, round(wait_s / POLL_S))):
            if (answer := self.answer(id_)) is not None:
                return answer
            pause.wait(POLL_S)
        self.withdraw()
        return NetworkAnswer(
            id_, "failed", f"no answer within {wait_s:.0f} s: see edge-agent-network.service"
        )
