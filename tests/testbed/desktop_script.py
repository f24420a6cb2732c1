"""The notification service of a desktop (org.freedesktop.Notifications) on the session's D-Bus.

Prints each notification as a line of JSON, and clicks the one whose number comes on standard input. Runs with
the system's Python, which has gi. https://specifications.freedesktop.org/notification-spec/
"""

from __future__ import annotations

import json
import sys
from typing import Any

from gi.repository import Gio, GLib

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
INTERFACE = f"""
<node><interface name="{NAME}">
<method name="GetCapabilities"><arg direction="out" type="as"/></method>
<method name="GetServerInformation">
<arg direction="out" type="s"/><arg direction="out" type="s"/><arg direction="out" type="s"/>
<arg direction="out" type="s"/></method>
<method name="Notify">
<arg direction="in" type="s"/><arg direction="in" type="u"/><arg direction="in" type="s"/>
<arg direction="in" type="s"/><arg direction="in" type="s"/><arg direction="in" type="as"/>
<arg direction="in" type="a{{sv}}"/><arg direction="in" type="i"/><arg direction="out" type="u"/></method>
<method name="CloseNotification"><arg direction="in" type="u"/></method>
<signal name="NotificationClosed"><arg type="u"/><arg type="u"/></signal>
<signal name="ActionInvoked"><arg type="u"/><arg type="s"/></signal>
</interface></node>
"""


class Desktop:
    def __init__(self, bus: Any) -> None:
        self._bus = bus
        self._count = 0

    def call(self, *called: Any) -> None:
        *_, method, parameters, invocation = called
        if method == "GetCapabilities":
            answer = GLib.Variant("(as)", (["actions", "body", "persistence"],))
        elif method == "GetServerInformation":
            answer = GLib.Variant("(ssss)", ("desktop", "tests", "1", "1.2"))
        elif method == "Notify":
            _, replaces, _, title, body, actions, _, _ = parameters.unpack()
            self._count += 1
            number = replaces or self._count
            self.print(number=number, title=title, body=body, actions=actions)
            answer = GLib.Variant("(u)", (number,))
        else:
            answer = None
        invocation.return_value(answer)

    def print(self, **words: Any) -> None:
        print(json.dumps(words), flush=True)

    def typed(self, *_: Any) -> bool:
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        clicked = GLib.Variant("(us)", (int(line), "default"))
        self._bus.emit_signal(None, PATH, NAME, "ActionInvoked", clicked)
        return True


def main() -> None:
    bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    desktop = Desktop(bus)
    interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
    bus.register_object(PATH, interface, desktop.call, None, None)
    Gio.bus_own_name_on_connection(
        bus, NAME, Gio.BusNameOwnerFlags.NONE, lambda *_: desktop.print(ready=True), lambda *_: sys.exit(1)
    )
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, desktop.typed)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
