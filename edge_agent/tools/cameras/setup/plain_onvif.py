"""The settings of any vendor's camera, by ONVIF. ONVIF does not cover smart codecs."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime

from edge_agent.core.errors import CameraSetupError
from edge_agent.onvif.soap import MediaProfile, Onvif
from edge_agent.tools.cameras.setup.isapi import posix_zone
from edge_agent.tools.cameras.setup.setup_interface import (
    ClockSettings,
    DesiredStream,
    NoSuchStream,
    SiteTime,
    StreamSettings,
)
from edge_agent.tools.cameras.vendors import same_stream

_TT = "{http://www.onvif.org/ver10/schema}"
_H264_PROFILES = ("Baseline", "Main", "Extended", "High")


class PlainOnvif:
    name = "ONVIF"
    sets_smart = False

    def __init__(self, host: str, onvif: Onvif) -> None:
        self._host = host
        self._onvif = onvif
        self._profiles: dict[str, MediaProfile] = {}

    def model(self) -> str:
        device = self._onvif.device()
        words = (device.get("Manufacturer", ""), device.get("Model", ""))
        return " ".join(dict.fromkeys(word for word in words if word))

    def stream(self, url: str) -> StreamSettings:
        self._profiles.pop(url, None)  # read again at the next use
        profile = self._profile(url)
        return StreamSettings(
            profile.encoding, profile.width, profile.height, profile.fps, profile.gov_length, None
        )

    def set_stream(self, url: str, wish: DesiredStream) -> None:
        element = self._onvif.encoder(self._profile(url).encoder_token)
        if self._onvif.media == "media2":
            _change_media2(element, wish)
        else:
            _change_media1(element, wish)
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
        """The zone in the camera's own words if they mean the right zone: it may accept no other form."""
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
                raise NoSuchStream(f"{self._host}: none of its streams is {url}; discover shows their URLs")
        return self._profiles[url]


def _change_media2(element: ET.Element, wish: DesiredStream) -> None:
    _set_text(element, "Encoding", wish.codec)
    if wish.gov_length is not None:
        element.set("GovLength", str(wish.gov_length))
    if element.get("Profile") not in _H264_PROFILES:
        element.set("Profile", "Main")


def _change_media1(element: ET.Element, wish: DesiredStream) -> None:
    _set_text(element, "Encoding", wish.codec)
    h264 = element.find(f"{_TT}H264")
    if h264 is None:
        h264 = ET.Element(f"{_TT}H264")
        ET.SubElement(h264, f"{_TT}GovLength").text = str(wish.gov_length or 50)
        ET.SubElement(h264, f"{_TT}H264Profile").text = "Main"
        # The order of the schema: after RateControl (and MPEG4), before Multicast.
        names = [child.tag for child in element]
        at = names.index(f"{_TT}Multicast") if f"{_TT}Multicast" in names else len(names)
        element.insert(at, h264)
    elif wish.gov_length is not None:
        _set_text(h264, "GovLength", str(wish.gov_length))


def _set_text(element: ET.Element, name: str, value: str) -> None:
    child = element.find(f"{_TT}{name}")
    if child is None:
        raise CameraSetupError(f"its encoder configuration has no {name}")
    child.text = value
