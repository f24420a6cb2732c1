"""A camera as ``discover`` finds it: vendor, streams, state; and the URLs by which a vendor names its
streams.

The URL templates are from the vendors' documentation (Hikvision: RTSP of ISAPI; Dahua: "RTSP URL" of its HTTP
API); OEM brands of both vendors use the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit

from edge_agent.onvif.soap import CameraClock
from edge_agent.tools.cameras.messages import Fact
from edge_agent.wire import CameraIdentity


class Vendor(StrEnum):
    HIKVISION = "Hikvision"
    DAHUA = "Dahua"
    OTHER = "unknown vendor"


MAIN, SUB = "main", "sub"

_NAMES = {
    Vendor.HIKVISION: ("hikvision", "hiwatch", "hilook", "ds-2"),
    Vendor.DAHUA: ("dahua", "imou", "dh-ipc", "ipc-hf", "ipc-hdw", "ipc-hdbw"),
}
_TEMPLATES = {
    Vendor.HIKVISION: {MAIN: "/Streaming/Channels/101", SUB: "/Streaming/Channels/102"},
    Vendor.DAHUA: {MAIN: "/cam/realmonitor?channel=1&subtype=0", SUB: "/cam/realmonitor?channel=1&subtype=1"},
}


def vendor_of(*texts: str) -> Vendor:
    """Find the vendor by the names that the camera reports."""
    joined = " ".join(texts).lower()
    for vendor, names in _NAMES.items():
        if any(name in joined for name in names):
            return vendor
    return Vendor.OTHER


def vendor_of_challenge(challenge: str) -> Vendor:
    """Find the vendor by the realm in a camera's 401 answer, as observed: no vendor documents its realm."""
    if re.search(r'realm="Login to [0-9A-Za-z]+"', challenge):
        return Vendor.DAHUA
    if re.search(r'realm="(IP Camera|DS-|Hikvision|IPC?\()', challenge, re.IGNORECASE):
        return Vendor.HIKVISION
    return Vendor.OTHER


def template_urls(vendor: Vendor, host: str, port: int = 554) -> dict[str, str]:
    """Return the URLs by ``main`` and ``sub``; empty if the vendor's URLs are not known."""
    where = host if port == 554 else f"{host}:{port}"
    return {kind: f"rtsp://{where}{path}" for kind, path in _TEMPLATES.get(vendor, {}).items()}


def stream_key(url: str) -> tuple[object, ...]:
    """Return the same key for two URLs of one stream, even if a Hikvision or Dahua camera adds parameters."""
    parts = urlsplit(url)
    if match := re.search(r"/Streaming/(?:Unicast/)?Channels/(\d+)(\d\d)\b", parts.path, re.IGNORECASE):
        return "hikvision", int(match[1]), int(match[2])
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.path.lower().endswith("/cam/realmonitor"):
        return "dahua", query.get("channel", "1"), query.get("subtype", "0")
    return parts.path.rstrip("/"), *sorted(query.items())


def same_stream(url: str, reported: str) -> bool:
    """Return whether the configuration's ``url`` and the camera's ``reported`` URL are the same stream."""
    key, reported_key = stream_key(url), stream_key(reported)
    if key == reported_key:
        return True
    # Cameras add their own parameters to the URLs that they report.
    return key[0] == reported_key[0] and str(key[0]).startswith("/") and set(key[1:]) <= set(reported_key[1:])


class DiscoveryState(StrEnum):
    READY = "ready"
    LOGIN_REFUSED = "login refused"
    NOT_ACTIVATED = "not activated"
    ONVIF_OFF = "ONVIF off"
    NOT_SURE = "perhaps a camera"


@dataclass(frozen=True, slots=True)
class DiscoveredStream:
    kind: str  # main or sub
    url: str  # without a user part
    reported: bool  # reported by the camera; False: from the vendor's template, and not tried
    width: int | None = None
    height: int | None = None
    codec: str = ""
    fps: float | None = None
    keyframe_s: float | None = None
    smart: bool | None = None  # None: not reported


@dataclass(frozen=True, slots=True)
class DiscoveredCamera:
    """One device that the search found. Its texts are single printable lines, made by ``onvif.web.clean``."""

    host: str
    state: DiscoveryState
    vendor: Vendor
    model: str = ""
    known: tuple[Fact, ...] = ()  # reported by the camera
    guessed: tuple[Fact, ...] = ()  # concluded from the form of its answers
    base: str = ""  # base URL of its web page: http://10.0.0.11
    device_url: str | None = None  # where ONVIF answers; None: nowhere
    streams: tuple[DiscoveredStream, ...] = ()
    clock: CameraClock | None = None
    advice: tuple[Fact, ...] = ()
    identity: CameraIdentity | None = None  # after a login

    def stream(self, kind: str) -> DiscoveredStream | None:
        return next((stream for stream in self.streams if stream.kind == kind), None)
