"""Reads the modem from ModemManager over the system's D-Bus. Only this module uses jeepney.

ModemManager's policy lets every user read these properties, and the socket is AF_UNIX, so the sandboxed agent
needs no further rights (docs/decisions/0095). The module changes nothing, and never starts ModemManager.
"""

from __future__ import annotations

from typing import Any

from jeepney import DBusAddress, MessageFlag, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import DBusErrorResponse, unwrap_msg

from edge_agent.core.errors import ModemError
from edge_agent.uplink.modem import (
    BEARER,
    SERVICE,
    ModemReading,
    Objects,
    Properties,
    bearer_paths,
    chosen_modem,
    modem_reading,
)

ROOT = "/org/freedesktop/ModemManager1"
TIMEOUT_S = 5.0
"""Timeout of each call; ModemManager answers from memory, within milliseconds."""
MAX_BEARERS = 4


def read_modem(address: str) -> ModemReading | None:
    """Return the modem's reading; None while ModemManager does not run. Raises ModemError.

    Call it on a separate thread: it blocks for ever if a D-Bus daemon accepts the connection and is silent.
    """
    try:
        with open_dbus_connection(address, auth_timeout=TIMEOUT_S) as connection:
            return _read(connection)
    # jeepney's AuthenticationError is a ValueError, and its timeouts are OSErrors.
    except (OSError, RuntimeError, DBusErrorResponse, ValueError, TypeError, KeyError, IndexError) as error:
        raise ModemError(f"the modem cannot be read over D-Bus: {type(error).__name__}: {error}") from error


def _read(connection: DBusConnection) -> ModemReading | None:
    if not _ask_bus(connection, message_bus.NameHasOwner(SERVICE)):
        return None
    owner = str(_ask_bus(connection, message_bus.GetNameOwner(SERVICE)))
    objects = _ask(connection, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
    interfaces = chosen_modem(_unpacked_objects(objects))
    if interfaces is None:
        return ModemReading(state="missing", source=owner)
    bearers = {
        path: _unpacked(_ask(connection, path, "org.freedesktop.DBus.Properties", "GetAll", BEARER))
        for path in bearer_paths(interfaces)[:MAX_BEARERS]
    }
    return modem_reading(interfaces, bearers, owner)


def _ask_bus(connection: DBusConnection, call: Any) -> Any:
    return unwrap_msg(connection.send_and_get_reply(call, timeout=TIMEOUT_S))[0]


def _ask(connection: DBusConnection, path: str, interface: str, member: str, *words: str) -> Any:
    """Call a method of ModemManager with the texts ``words`` as its arguments."""
    signature = "s" * len(words) or None
    call = new_method_call(DBusAddress(path, SERVICE, interface), member, signature, words)
    call.header.flags |= MessageFlag.no_auto_start
    return _ask_bus(connection, call)


def _unpacked(properties: dict[str, tuple[str, Any]]) -> Properties:
    """Return the values of the properties; jeepney returns each as (signature, value)."""
    return {name: value for name, (_, value) in properties.items()}


def _unpacked_objects(objects: dict[str, dict[str, dict[str, tuple[str, Any]]]]) -> Objects:
    return {
        path: {interface: _unpacked(properties) for interface, properties in interfaces.items()}
        for path, interfaces in objects.items()
    }
