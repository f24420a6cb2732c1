"""ONVIF: reads facts of a camera and changes settings, one SOAP request for each call.

``onveef`` builds the envelopes and reads most answers. This module does two things itself. Logins: the
library's client may log in up to three times by itself. Setting an encoder: the library builds a new
configuration and would reset the parts that it does not know (multicast, rate control), so this module
changes the camera's own element and sends it back.
"""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from onveef import envelopes, parsers

from edge_agent.core.clock import Clock
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.problems import problem_text
from edge_agent.core.secrets import Credentials, masked
from edge_agent.onvif.web import CameraHttpClient, CameraResponse, LoginRefused, clean

DEVICE_PATH = "/onvif/device_service"
_SOAP = "application/soap+xml; charset=utf-8"
_MEDIA = {"media": "http://www.onvif.org/ver10/media/wsdl", "media2": "http://www.onvif.org/ver20/media/wsdl"}


class NotOnvif(CameraSetupError):
    """The camera answers, but not in the form that ONVIF defines."""


@dataclass(frozen=True, slots=True)
class CameraClock:
    offset_s: float  # camera minus gateway; whole seconds, plus the time of the answer
    ntp: bool  # the camera follows an NTP server, or is set to
    zone: str  # as the camera writes it, often not POSIX
    utc_offset_s: float | None  # of its local time; None when the camera does not report it


@dataclass(frozen=True, slots=True)
class MediaProfile:
    token: str
    encoder_token: str
    encoding: str
    width: int | None
    height: int | None
    fps: float | None
    gov_length: int | None  # pictures from keyframe to keyframe

    @property
    def keyframe_s(self) -> float | None:
        return self.gov_length / self.fps if self.gov_length and self.fps else None


class Onvif:
    """The services of one camera at ``device_url``; with ``login`` None only calls that need no login."""

    def __init__(
        self, web: CameraHttpClient, device_url: str, clock: Clock, login: Credentials | None = None
    ) -> None:
        self._web = web
        self._clock = clock
        self._login = login
        self._urls = {"device": device_url}
        self._asked_services = False
        self._offset_s: float | None = None
        self._clock_moves = False
        self._by_digest: bool | None = None

    # --- without a login ---

    def clock(self) -> CameraClock:
        """Call GetSystemDateAndTime, which ONVIF allows without a login."""
        before, began_mono = self._clock.now(), self._clock.monotonic()
        envelope = envelopes.build_envelope(envelopes.device_get_system_date_time())
        text = self._read(self._post("device", envelope))
        took_s = self._clock.monotonic() - began_mono
        found = parsers.parse_system_datetime(text)
        utc = _moment(found.get("UTCDateTime"))
        if utc is None:
            raise NotOnvif(problem_text("onvif-no-time", host=self._web.host))
        local = _moment(found.get("LocalDateTime"))
        self._offset_s = (utc - before).total_seconds() - took_s / 2
        return CameraClock(
            round(self._offset_s, 1),
            str(found.get("date_time_type", "")).upper() == "NTP",
            clean(str(found.get("timezone", ""))),
            (local - utc).total_seconds() if local else None,
        )

    # --- with a login ---

    def device(self) -> dict[str, str]:
        """Return Manufacturer, Model, FirmwareVersion, SerialNumber and HardwareId, as clean text."""
        found = parsers.parse_device_information(
            self._ask_with_login("device", envelopes.device_get_information())
        )
        if not found:
            raise NotOnvif(problem_text("onvif-no-information", host=self._web.host))
        return {name: clean(value) for name, value in found.items()}

    def mac(self) -> str:
        """Return the hardware address of the first network interface that has one; empty if none has."""
        found = parsers.parse_network_interfaces(
            self._ask_with_login("device", envelopes.device_get_network_interfaces())
        )
        addresses = (clean(str(each.get("hardware_address", ""))) for each in found[:16])
        return next((address for address in addresses if address), "")

    def profiles(self) -> list[MediaProfile]:
        text = self._ask_with_login(
            self.media, envelopes.media_get_profiles(use_media2=self.media == "media2")
        )
        found = [_profile(item) for item in parsers.parse_profiles(text)[:64]]
        if not found:
            raise NotOnvif(problem_text("onvif-no-profile", host=self._web.host))
        return found

    def stream_url(self, profile: MediaProfile) -> str:
        """Return the RTSP URL without a user part, and with this connection's host: the address that a camera
        names may be outdated."""
        body = envelopes.media_get_stream_uri(profile_token=profile.token, use_media2=self.media == "media2")
        url = parsers.parse_stream_uri(self._ask_with_login(self.media, body))
        return _at_host(url, self._web.host)

    def ntp_servers(self) -> list[str]:
        found = parsers.parse_ntp(self._ask_with_login("device", envelopes.device_get_ntp()))
        return [clean(str(server)) for server in found.get("servers", [])]

    def set_ntp(self, server: str) -> None:
        self._ask_with_login("device", envelopes.device_set_ntp(from_dhcp=False, ipv4_servers=[server]))

    def set_clock(self, *, ntp: bool, zone: str, utc: datetime | None) -> None:
        kind = "NTP" if ntp else "Manual"
        body = envelopes.device_set_system_date_time(
            date_time_type=kind, daylight_savings=False, timezone=zone, utc_datetime=utc
        )
        self._ask_with_login("device", body)
        self._clock_moves = True  # the camera's clock changes now, or when its NTP server has answered

    def reboot(self) -> None:
        self._ask_with_login("device", envelopes.device_system_reboot())

    def encoder(self, token: str) -> ET.Element:
        """Return the camera's own XML of one video encoder configuration."""
        body = envelopes.media_get_video_encoder_configurations(use_media2=self.media == "media2")
        root = parsers.parse_xml(self._ask_with_login(self.media, body))
        for element in [] if root is None else root.iter():
            if element.tag.endswith("}Configurations") and element.get("token") == token:
                return element
        raise NotOnvif(f"{self._web.host}: it has no encoder {clean(token)!r} any more")

    def set_encoder(self, element: ET.Element) -> None:
        space = _MEDIA[self.media]
        request = ET.Element(f"{{{space}}}SetVideoEncoderConfiguration")
        own = ET.SubElement(request, f"{{{space}}}Configuration", dict(element.attrib))
        own.extend(list(element))
        if self.media == "media":
            ET.SubElement(request, f"{{{space}}}ForcePersistence").text = "true"
        self._ask_with_login(self.media, ET.tostring(request, encoding="unicode"))

    @property
    def media(self) -> str:
        """``media2`` where the camera has it: the older service does not support H.265."""
        if not self._asked_services:
            self._asked_services = True
            found = parsers.parse_services(self._ask("device", envelopes.device_get_services()))
            if not found:
                found = parsers.parse_capabilities(self._ask("device", envelopes.device_get_capabilities()))
            self._urls |= {
                name: _at_service(url, self._urls["device"]) for name, url in found.items() if name in _MEDIA
            }
        for name in ("media2", "media"):
            if name in self._urls:
                return name
        raise NotOnvif(problem_text("onvif-no-media", host=self._web.host))

    # --- one request ---

    def _ask(self, service: str, body: str) -> str:
        """Send a request without credentials."""
        answer = self._post(service, envelopes.build_envelope(body))
        if answer.status == 401 or _denied(answer):
            if self._login is None:
                raise NotOnvif(problem_text("onvif-login-wanted", host=self._web.host))
            return self._ask_with_login(service, body)
        return self._read(answer)

    def _ask_with_login(self, service: str, body: str) -> str:
        """Send a request with credentials, in the form that the camera asks for."""
        if self._login is None:
            raise CameraSetupError(problem_text("onvif-needs-login", host=self._web.host))
        if self._by_digest is None:
            # First without credentials, to learn the form: trying both forms would be two logins.
            asked = self._post("device", envelopes.build_envelope(envelopes.device_get_information()))
            self._by_digest = asked.asks_for_digest
        if self._by_digest:
            return self._read(self._post(service, envelopes.build_envelope(body), login=self._login))
        if self._offset_s is None or self._clock_moves:
            # Cameras refuse a digest whose time differs from their own clock.
            self._offset_s = 0.0
            with contextlib.suppress(NotOnvif):
                self.clock()
        envelope = envelopes.build_envelope(
            body,
            username=self._login.username,
            password=self._login.password.reveal(),
            clock_offset_s=self._offset_s,
        )
        answer = self._post(service, envelope, in_content=self._login)
        if answer.status in (401, 403) or _denied(answer):
            user = repr(self._login.username)
            raise LoginRefused(problem_text("onvif-login-refused", host=self._web.host, user=user))
        return self._read(answer)

    def _post(
        self,
        service: str,
        envelope: str,
        *,
        login: Credentials | None = None,
        in_content: Credentials | None = None,
    ) -> CameraResponse:
        url = self._urls[service]
        return self._web.ask(
            "POST", url, content=envelope, content_type=_SOAP, login=login, in_content=in_content
        )

    def _read(self, answer: CameraResponse) -> str:
        text = answer.text
        if parsers.has_soap_fault(text):
            raise NotOnvif(
                f"{self._web.host}: it answers with an error: {clean(parsers.parse_fault(text))!r}"
            )
        if answer.status != 200 or parsers.parse_xml(text) is None:
            raise NotOnvif(f"{self._web.host}: what answers there is not ONVIF (HTTP {answer.status})")
        return text


def _denied(answer: CameraResponse) -> bool:
    lowered = answer.body.lower()
    return b"notauthorized" in lowered or b"not authorized" in lowered


def _moment(parts: object) -> datetime | None:
    if not isinstance(parts, dict):
        return None
    try:
        day = datetime(parts["year"], parts["month"], parts["day"], tzinfo=UTC)
        # Some cameras write a leap second as 60, and midnight as 24:00.
        return day + timedelta(hours=parts["hour"], minutes=parts["minute"], seconds=parts["second"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _profile(item: dict[str, object]) -> MediaProfile:
    encoder = item.get("video_encoder")
    found: dict[str, object] = encoder if isinstance(encoder, dict) else {}

    def number(name: str) -> int | None:
        value = found.get(name)
        return value if isinstance(value, int) and 0 < value < 100_000 else None

    return MediaProfile(
        token=str(item.get("token", "")),
        encoder_token=str(found.get("token", "")),
        encoding=clean(str(found.get("encoding", ""))).upper(),
        width=number("width"),
        height=number("height"),
        fps=number("fps_limit"),
        gov_length=number("gop"),
    )


def _at_host(url: str, host: str) -> str:
    """Return the URL with its host replaced by ``host``; the port stays. Raises ``NotOnvif``."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("rtsp", "rtsps", "http", "https") or clean(url, 500) != url or "'" in url:
        raise NotOnvif(f"{host}: it reports an invalid stream URL: {clean(masked(url))!r}")
    where = host if port in (None, 554) and parts.scheme == "rtsp" else f"{host}:{port}" if port else host
    return urlunsplit((parts.scheme, where, parts.path, parts.query, ""))


def _at_service(url: str, device_url: str) -> str:
    """Return a service's path at the host and port of the device service."""
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    device = urlsplit(device_url)
    return urlunsplit((device.scheme, device.netloc, path or device.path, "", ""))
