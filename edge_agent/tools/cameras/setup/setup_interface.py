"""The settings of a camera, independent of the interface: the vendor's own, or ONVIF."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from edge_agent.core.errors import CameraSetupError
from edge_agent.core.secrets import Credentials
from edge_agent.onvif.text import clean
from edge_agent.onvif.web import CameraHttpClient


class NoSuchStream(CameraSetupError):
    """The configuration's URL is not among the streams that the camera reports."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    codec: str  # H264, H265, JPEG, ...
    width: int | None
    height: int | None
    fps: float | None  # None: unknown, or "as the sensor delivers"
    gov_length: int | None  # frames from keyframe to keyframe
    smart: bool | None  # None: cannot be read over this interface

    @property
    def keyframe_s(self) -> float | None:
        return self.gov_length / self.fps if self.gov_length and self.fps else None


@dataclass(frozen=True, slots=True)
class DesiredStream:
    gov_length: int | None  # None: unchanged
    codec: str = "H264"
    smart: bool = False


@dataclass(frozen=True, slots=True)
class ClockSettings:
    offset_s: float  # camera minus gateway
    zone_wrong: bool  # its local time is not the site's, although its UTC may be right
    ntp: bool  # the camera follows an NTP server, or is set to
    ntp_server: str  # clean; empty or 0.0.0.0: none


@dataclass(frozen=True, slots=True)
class SiteTime:
    """The time that a camera's clock should show."""

    utc_offset: timedelta
    now: datetime  # aware; the gateway's own time


class SetupInterface(Protocol):
    """One camera, logged in. All methods block for one to three requests and raise ``CameraSetupError``."""

    name: str  # for people: ISAPI, Dahua's CGI, ONVIF
    sets_smart: bool  # whether this interface can switch the smart codec

    def model(self) -> str: ...

    def stream(self, url: str) -> StreamSettings:
        """Settings of the stream at the configuration's ``url``. Raises ``NoSuchStream``."""
        ...

    def set_stream(self, url: str, wish: DesiredStream) -> None: ...

    def clock(self, site: SiteTime) -> ClockSettings: ...

    def set_ntp(self, server: str, site: SiteTime) -> None:
        """Make the camera follow that server, in the site's time zone if it can be set."""
        ...

    def set_clock(self, site: SiteTime) -> None:
        """Set the clock once, to the gateway's time."""
        ...


class VendorInterface:
    """Common parts of the vendors' own interfaces: HTTP with digest at a base address."""

    sets_smart = True
    login_path: ClassVar[str]  # a path that always requires a login

    def __init__(self, web: CameraHttpClient, base: str, login: Credentials) -> None:
        self._web = web
        self._base = base
        self._login = login

    @classmethod
    def answers(cls, web: CameraHttpClient, base: str) -> bool:
        """Whether the interface is there: it requires a login."""
        return web.ask("GET", f"{base}{cls.login_path}").asks_for_digest


def codec_name(text: str) -> str:
    """``H.264`` and ``h264`` are H264."""
    return clean(text, 12).upper().replace("H.26", "H26")
