"""A camera's settings, whichever way they are reached: the vendor's own interface, or ONVIF."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from edge_agent.errors import CameraSetupError


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
class StreamWish:
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
class Site:
    """What a camera's clock ought to show."""

    utc_offset: timedelta
    now: datetime  # aware; the box's own


class Panel(Protocol):
    """One camera, logged in. All methods block for one to three requests and raise ``CameraSetupError``."""

    name: str  # for people: ISAPI, Dahua's CGI, ONVIF
    sets_smart: bool  # whether smart codec can be switched this way

    def model(self) -> str: ...

    def stream(self, url: str) -> StreamSettings:
        """Of the stream at the configuration's ``url``. Raises ``NoSuchStream``."""
        ...

    def set_stream(self, url: str, wish: StreamWish) -> None: ...

    def clock(self, site: Site) -> ClockSettings: ...

    def set_ntp(self, server: str, site: Site) -> None:
        """Follow that server from now on, in the site's time zone where it can be set."""
        ...

    def set_clock(self, site: Site) -> None:
        """Once, to the box's time."""
        ...
