"""What all pages share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.central.console.sheet import Sheet
from edge_agent.central.settings import CentralSettings, Console
from edge_agent.central.web.connections import Connections
from edge_agent.central.web.cookies import Cookies
from edge_agent.central.web.live.hub import Hub
from edge_agent.central.web.looks import Looks
from edge_agent.central.web.sessions import Sessions
from edge_agent.central.web.templates import Templates
from edge_agent.central.web.throttle import Devices, Throttle
from edge_agent.clock import Clock


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
