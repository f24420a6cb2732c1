"""Hikvision's own interface (ISAPI): HTTP digest; XML documents are read, changed and written back.

The firmware refuses a document with missing parts, so only the text between known tags is changed. Based on
Hikvision's ISAPI documents and on reports from users; not tried on a real camera here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from onveef import parsers

from edge_agent.onvif.identity import ISAPI_PATH, isapi_identity
from edge_agent.onvif.web import clean
from edge_agent.tools.cameras.discovered import stream_key
from edge_agent.tools.cameras.messages import setup_error, setup_text
from edge_agent.tools.cameras.setup_interface import (
    ClockSettings,
    NoSuchStream,
    SiteTime,
    StreamSettings,
    VendorInterface,
    codec_name,
    posix_zone,
)
from edge_agent.wire import CameraIdentity

_TIME = "/ISAPI/System/time"
_NTP = "/ISAPI/System/time/ntpServers/1"


class Isapi(VendorInterface):
    name = "ISAPI"
    login_path = ISAPI_PATH

    def identity(self) -> CameraIdentity:
        return isapi_identity(self._web, self._base, self._login)

    def stream(self, url: str) -> StreamSettings:
        text = self._get(self._path(url))
        smart = re.search(r"<SmartCodec>\s*<enabled>\s*(\w+)", text)
        fps = _number(text, "maxFrameRate")
        return StreamSettings(
            codec=codec_name(_value(text, "videoCodecType")),
            width=_number(text, "videoResolutionWidth"),
            height=_number(text, "videoResolutionHeight"),
            fps=fps / 100 if fps else None,  # 0: as many as the sensor delivers
            gov_length=_number(text, "GovLength"),
            smart=smart[1].lower() == "true" if smart else None,
        )

    def set_stream(self, url: str, gov_length: int | None) -> None:
        path = self._path(url)
        text = _replaced(self._get(path), "videoCodecType", "H.264")
        if gov_length is not None:
            text = _replaced(text, "GovLength", str(gov_length))
            if fps := _number(text, "maxFrameRate"):
                text = _replaced(text, "keyFrameInterval", str(round(gov_length * 100_000 / fps)))
        text = re.sub(r"(<SmartCodec>\s*<enabled>)[^<]*", r"\g<1>false", text, count=1)
        self._put(path, text)

    def clock(self, site: SiteTime) -> ClockSettings:
        began = datetime.now(UTC)
        text = self._get(_TIME)
        try:
            local = datetime.fromisoformat(_value(text, "localTime"))
        except ValueError:
            raise setup_error("time-unread", host=self._web.host) from None
        offset = local.utcoffset()
        if offset is None:
            offset = zone_offset(_value(text, "timeZone")) or site.utc_offset
            local = local.replace(tzinfo=UTC) - offset
        ntp = self._get(_NTP)
        return ClockSettings(
            offset_s=round((local - began).total_seconds(), 1),
            zone_wrong=offset != site.utc_offset,
            ntp=_value(text, "timeMode").upper() == "NTP",
            ntp_server=clean(_value(ntp, "ipAddress") or _value(ntp, "hostName")),
        )

    def set_ntp(self, server: str, site: SiteTime) -> None:
        text = _replaced(self._get(_NTP), "addressingFormatType", "ipaddress")
        self._put(_NTP, _replaced(text, "ipAddress", server))
        self._put_time({"timeMode": "NTP", "timeZone": posix_zone(site.utc_offset)})

    def set_clock(self, site: SiteTime) -> None:
        local = (datetime.now(UTC) + site.utc_offset).replace(tzinfo=None)
        sign = "-" if site.utc_offset < timedelta(0) else "+"
        hours, rest = divmod(abs(site.utc_offset), timedelta(hours=1))
        stamp = f"{local:%Y-%m-%dT%H:%M:%S}{sign}{hours:02}:{rest // timedelta(minutes=1):02}"
        self._put_time({"timeMode": "manual", "localTime": stamp, "timeZone": posix_zone(site.utc_offset)})

    def _put_time(self, values: Mapping[str, str]) -> None:
        text = self._get(_TIME)
        for tag, value in values.items():
            text = _replaced(text, tag, value)
        self._put(_TIME, text)

    def _path(self, url: str) -> str:
        match stream_key(url):
            case ("hikvision", channel, number):
                return f"/ISAPI/Streaming/channels/{channel}{number:02}"
        raise NoSuchStream(setup_text("not-hikvision-url", host=self._web.host, url=url))

    def _get(self, path: str) -> str:
        answer = self._web.ask("GET", self._base + path, login=self._login)
        if answer.status != 200 or parsers.parse_xml(answer.body) is None:
            raise setup_error("path-unread", host=self._web.host, path=path, status=answer.status)
        return answer.text

    def _put(self, path: str, text: str) -> None:
        answer = self._web.ask(
            "PUT", self._base + path, content=text, content_type="application/xml", login=self._login
        )
        if answer.status != 200:
            reason = clean(_value(answer.text, "subStatusCode") or _value(answer.text, "statusString"))
            raise setup_error(
                "path-refused", host=self._web.host, path=path, status=answer.status, reason=reason
            )


def zone_offset(zone: str) -> timedelta | None:
    match = re.match(r"[A-Za-z]+([+-])(\d{1,2})(?::(\d\d))?", zone)
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return offset if match[1] == "-" else -offset


def _value(text: str, tag: str) -> str:
    match = re.search(rf"<{tag}(?:\s[^<>]*)?>([^<]*)</{tag}>", text)
    return match[1].strip() if match else ""


def _number(text: str, tag: str) -> int | None:
    value = _value(text, tag)
    return int(value) if re.fullmatch(r"[0-9]{1,6}", value) else None


def _replaced(text: str, tag: str, value: str) -> str:
    """Replace the value of the first such tag; without the tag return the text unchanged."""
    return re.sub(
        rf"(<{tag}(?:\s[^<>]*)?>)[^<]*(</{tag}>)", lambda match: f"{match[1]}{value}{match[2]}", text, count=1
    )
