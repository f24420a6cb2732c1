"""What all pages share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.core.clock import Clock
from edge_central.console.sheet import FleetSheet
from edge_central.settings import CentralSettings, Console
from edge_central.web.auth.cookies import Cookies
from edge_central.web.auth.sessions import LoginSessions
from edge_central.web.auth.throttle import DeviceCookies, LoginThrottle
from edge_central.web.connections import DatabaseConnections
from edge_central.web.live.hub import LiveHub
from edge_central.web.media.looks import MediaAccessLog
from edge_central.web.templates import Templates


@dataclass(frozen=True, slots=True)
class ConsoleServices:
    settings: CentralSettings
    console: Console
    clock: Clock
    connections: DatabaseConnections
    sessions: LoginSessions
    cookies: Cookies
    templates: Templates
    throttle: LoginThrottle
    devices: DeviceCookies
    hub: LiveHub
    media_access_log: MediaAccessLog
    sheet: FleetSheet

    @property
    def pictures(self) -> Path:
        return self.settings.media_dir

    def now_ms(self) -> int:
        return round(self.clock.now().timestamp() * 1000)
