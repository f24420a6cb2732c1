"""The settings of a camera, independent of the interface: the vendor's own, or ONVIF.

``PlainOnvif`` works with any vendor's camera; ONVIF does not cover smart codecs. The vendors' own
interfaces are in ``dahua.py`` and ``isapi.py``.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Protocol

from edge_agent.core.errors import CameraSetupError
from edge_agent.core.secrets import Credentials
from edge_agent.onvif.identity import onvif_identity
from edge_agent.onvif.soap import MediaProfile, Onvif
from edge_agent.onvif.web import CameraHttpClient, clean
from edge_agent.tools.cameras.discovered import same_stream
from edge_agent.tools.cameras.messages import setup_error, setup_text
from edge_agent.wire import CameraIdentity


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
class ClockSettings:
    offset_s: float  # camera minus gateway
    zone_wrong: bool  # the camera's local time is not the site's, although its UTC may be right
    ntp: bool  # the camera is set to follow an NTP server
    ntp_server: str  # one printable line; empty or 0.0.0.0: none


@dataclass(frozen=True, slots=True)
class SiteTime:
    """The time that a camera's clock should show."""

    utc_offset: timedelta
    now: datetime  # aware; the gateway's own time


class SetupInterface(Protocol):
    """One camera, logged in. All methods block for one to three requests and raise ``CameraSetupError``."""

    name: str  # for people: ISAPI, Dahua's CGI, ONVIF

    def identity(self) -> CameraIdentity: ...

    def stream(self, url: str) -> StreamSettings:
        """Return the settings of the stream at the configuration's ``url``. Raises ``NoSuchStream``."""

    def set_stream(self, url: str, gov_length: int | None) -> None:
        """Set H.264, no smart codec where possible, and the keyframe interval in frames (None: unchanged)."""

    def clock(self, site: SiteTime) -> ClockSettings: ...

    def set_ntp(self, server: str, site: SiteTime) -> None:
        """Make the camera follow that server, in the site's time zone if it can be set."""

    def set_clock(self, site: SiteTime) -> None:
        """Set the clock once, to the gateway's time."""


class VendorInterface:
    """Common parts of the vendors' own interfaces: HTTP with digest at a base address."""

    login_path: ClassVar[str]  # a path that always requires a login

    def __init__(self, web: CameraHttpClient, base: str, login: Credentials) -> None:
        self._web = web
        self._base = base
        self._login = login

    @classmethod
    def answers(cls, web: CameraHttpClient, base: str) -> bool:
        """Return whether the camera has this interface: it then requires a login at ``login_path``."""
        return web.ask("GET", f"{base}{cls.login_path}").asks_for_digest


def codec_name(text: str) -> str:
    """Normalise the name of a codec: ``H.264`` and ``h264`` become H264."""
    return clean(text, 12).upper().replace("H.26", "H26")


def posix_zone(offset: timedelta) -> str:
    """Return UTC+7 as ``CST-7:00:00``. Hikvision always writes CST; POSIX counts offsets to the west."""
    sign = "-" if offset >= timedelta(0) else "+"
    minutes = abs(offset) // timedelta(minutes=1)
    return f"CST{sign}{minutes // 60}:{minutes % 60:02}:00"


# --- ONVIF ---

_TT = "{http://www.onvif.org/ver10/schema}"
_H264_PROFILES = ("Baseline", "Main", "Extended", "High")


class PlainOnvif:
    name = "ONVIF"

    def __init__(self, host: str, onvif: Onvif) -> None:
        self._host = host
        self._onvif = onvif
        self._profiles: dict[str, MediaProfile] = {}

    def identity(self) -> CameraIdentity:
        return onvif_identity(self._onvif)

    def stream(self, url: str) -> StreamSettings:
        self._profiles.pop(url, None)  # read again at the next use
        profile = self._profile(url)
        return StreamSettings(
            profile.encoding, profile.width, profile.height, profile.fps, profile.gov_length, None
        )

    def set_stream(self, url: str, gov_length: int | None) -> None:
        element = self._onvif.encoder(self._profile(url).encoder_token)
        if self._onvif.media == "media2":
            _change_media2(element, gov_length)
        else:
            _change_media1(element, gov_length)
        self._onvif.set_encoder(element)

    def clock(self, site: SiteTime) -> ClockSettings:
        clock = self._onvif.clock()
        servers = self._onvif.ntp_servers()
        wrong = clock.utc_offset_s is not None and clock.utc_offset_s != site.utc_offset.total_seconds()
        return ClockSettings(clock.offset_s, wrong, clock.ntp, servers[0] if servers else "")

    def set_ntp(self, server: str, site: SiteTime) -> None:
        self._onvif.set_ntp(server)
        self._onvif.set_clock(ntp=True, zone=self._zone(site), utc=None)

    def set_clock(self, site: SiteTime) -> None:
        self._onvif.set_clock(ntp=False, zone=self._zone(site), utc=datetime.now(UTC))

    def _zone(self, site: SiteTime) -> str:
        """Return the time zone to set: if the camera's zone has the right offset, its text as the camera
        writes it, because the camera may accept no other form; else a POSIX zone with the name ICT."""
        clock = self._onvif.clock()
        right = clock.zone and clock.utc_offset_s == site.utc_offset.total_seconds()
        return clock.zone if right else posix_zone(site.utc_offset).replace("CST", "ICT")

    def _profile(self, url: str) -> MediaProfile:
        if url not in self._profiles:
            for profile in self._onvif.profiles():
                if same_stream(url, self._onvif.stream_url(profile)):
                    self._profiles[url] = profile
                    break
            else:
                raise NoSuchStream(setup_text("none-of-its-streams", host=self._host, url=url))
        return self._profiles[url]


def _change_media2(element: ET.Element, gov_length: int | None) -> None:
    _set_text(element, "Encoding", "H264")
    if gov_length is not None:
        element.set("GovLength", str(gov_length))
    if element.get("Profile") not in _H264_PROFILES:
        element.set("Profile", "Main")


def _change_media1(element: ET.Element, gov_length: int | None) -> None:
    _set_text(element, "Encoding", "H264")
    h264 = element.find(f"{_TT}H264")
    if h264 is None:
        h264 = ET.Element(f"{_TT}H264")
        ET.SubElement(h264, f"{_TT}GovLength").text = str(gov_length or 50)
        ET.SubElement(h264, f"{_TT}H264Profile").text = "Main"
        # ONVIF's schema requires this order: after RateControl (and MPEG4), before Multicast.
        names = [child.tag for child in element]
        at = names.index(f"{_TT}Multicast") if f"{_TT}Multicast" in names else len(names)
        element.insert(at, h264)
    elif gov_length is not None:
        _set_text(h264, "GovLength", str(gov_length))


def _set_text(element: ET.Element, name: str, value: str) -> None:
    child = element.find(f"{_TT}{name}")
    if child is None:
        raise setup_error("no-encoder-part", name=name)
    child.text = value
