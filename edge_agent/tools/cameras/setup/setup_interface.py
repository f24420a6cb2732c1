"""A camera's settings, whichever way they are reached: the vendor's own interface, or ONVIF."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from edge_agent.core.errors import CameraSetupError
from edge_agent.core.secrets import Credentials
from edge_agent.onvif.text import clean
from edge_agent.onvif.web import CameraHttpClient


class NoSuchStream(CameraSetupError):
    """The configuration's URL is no stream that this camera names."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    codec: str  # H264, H265, JPEG, ...
    width: int | None
    height: int | None
    fps: float | None  # None: unknown, or "as the sensor gives"
    gov_length: int | None  # pictures from keyframe to keyframe
    smart: bool | None  # None: cannot be read this way

    @property
    def keyframe_s(self) -> float | None:
        return self.gov_length / self.fps if self.gov_length and self.fps else None


@dataclass(frozen=True, slots=True)
class DesiredStream:
    gov_length: int | None  # None: as it is
    codec: str = "H264"
    smart: bool = False


@dataclass(frozen=True, slots=True)
class ClockSettings:
    offset_s: float  # camera minus box
    zone_wrong: bool  # its local time is not the site's although its UTC may be right
    ntp: bool  # it follows an NTP server, or is told to
    ntp_server: str  # clean; empty or 0.0.0.0: none


@dataclass(frozen=True, slots=True)
class SiteTime:
    """What a camera's clock ought to show."""

    utc_offset: timedelta
    now: datetime  # aware; the box's own


class SetupInterface(Protocol):
    """One camera, logged in. All methods block for one to three requests and raise ``CameraSetupError``."""

    name: str  # for people: ISAPI, Dahua's CGI, ONVIF
    sets_smart: bool  # whether smart codec can be switched this way

    def model(self) -> str: ...

    def stream(self, url: str) -> StreamSettings:
        """Of the stream at the configuration's ``url``. Raises ``NoSuchStream``."""
        ...

    def set_stream(self, url: str, wish: DesiredStream) -> None: ...

    def clock(self, site: SiteTime) -> ClockSettings: ...

    def set_ntp(self, server: str, site: SiteTime) -> None:
        """Follow that server from now on, in the site's time zone where it can be set."""
        ...

    def set_clock(self, site: SiteTime) -> None:
        """Once, to the box's time."""
        ...


class VendorInterface:
    """What the vendors' own interfaces have in common: HTTP with digest at a base address."""

    sets_smart = True
    login_path: ClassVar[str]  # a path that asks everybody for a login

    def __init__(self, web: CameraHttpClient, base: str, login: Credentials) -> None:
        self._web = web
        self._base = base
        self._login = login

    @classmethod
    def answers(cls, web: CameraHttpClient, base: str) -> bool:
        """Without a login: it is there when it asks for one."""
        return web.ask("GET", f"{base}{cls.login_path}").asks_for_digest


def codec_name(text: str) -> str:
    """``H.264`` and ``h264`` are H264."""
    return clean(text, 12).upper().replace("H.26", "H26")
