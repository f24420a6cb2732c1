"""What all pages share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.core.clock import Clock
from edge_central.console.sheet import Sheet
from edge_central.settings import CentralSettings, Console
from edge_central.web.auth.cookies import Cookies
from edge_central.web.auth.sessions import Sessions
from edge_central.web.auth.throttle import Devices, Throttle
from edge_central.web.connections import Connections
from edge_central.web.live.hub import Hub
from edge_central.web.media.looks import Looks
from edge_central.web.templates import Templates


@dataclass(frozen=True, slots=True)
class Services:
    settings: CentralSettings
    console: Console
    clock: Clock
    connections: Connections
    sessions: Sessions
    cookies: Cookies
    templates: Templates
    throttle: Throttle
    devices: Devices
    hub: Hub
    looks: Looks
    sheet: Sheet

    @property
    def pictures(self) -> Path:
        return self.settings.pictures

    def now_ms(self) -> int:
        return round(self.clock.now().timestamp() * 1000)
