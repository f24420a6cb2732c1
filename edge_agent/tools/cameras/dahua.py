"""Dahua's own interface: HTTP digest, ``configManager.cgi`` with one line for each setting.

Based on Dahua's HTTP API documents and on reports from users; not tried on a real camera here. Its time zones
are numbers of a list that differs between firmwares, so the zone is not changed; the clock is compared as
local time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from edge_agent.core.errors import CameraSetupError
from edge_agent.onvif.identity import DAHUA_PATH, dahua_identity
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
)
from edge_agent.wire import CameraIdentity

MAX_CHANNELS = 64


class Dahua(VendorInterface):
    name = "Dahua's CGI"
    login_path = f"{DAHUA_PATH}getDeviceType"

    def identity(self) -> CameraIdentity:
        return dahua_identity(self._web, self._base, self._login)

    def stream(self, url: str) -> StreamSettings:
        at = self._place(url)
        rows = self._config("Encode")
        if f"{at}.Compression" not in rows:
            raise NoSuchStream(setup_text("stream-missing", host=self._web.host, url=url))
        return StreamSettings(
            codec=codec_name(rows[f"{at}.Compression"]),
            width=_number(rows.get(f"{at}.Width")),
            height=_number(rows.get(f"{at}.Height")),
            fps=_number(rows.get(f"{at}.FPS")),
            gov_length=_number(rows.get(f"{at}.GOP")),
            smart=self._smart(url),
        )

    def set_stream(self, url: str, gov_length: int | None) -> None:
        at = self._place(url)
        if self._smart(url):
            # Switched off first: while the smart codec is on, the camera chooses the keyframe interval.
            self._set({f"SmartEncode[{self._channel(url)}].Enable": "false"})
        values = {f"{at}.Compression": "H.264"}
        if gov_length is not None:
            values[f"{at}.GOP"] = str(gov_length)
        self._set(values)

    def clock(self, site: SiteTime) -> ClockSettings:
        text = self._get("global.cgi?action=getCurrentTime")
        match = re.search(r"result\s*=\s*(\d{4}-\d\d?-\d\d? \d\d?:\d\d?:\d\d?)", text)
        try:
            local = datetime.strptime(match[1] if match else "", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            raise setup_error("time-unread", host=self._web.host) from None
        ntp = self._config("NTP")
        return ClockSettings(
            offset_s=round((local - site.utc_offset - datetime.now(UTC)).total_seconds(), 1),
            zone_wrong=False,
            ntp=ntp.get("NTP.Enable", "").lower() == "true",
            ntp_server=clean(ntp.get("NTP.Address", "")),
        )

    def set_ntp(self, server: str, site: SiteTime) -> None:
        self._set({"NTP.Address": server, "NTP.Port": "123", "NTP.Enable": "true"})

    def set_clock(self, site: SiteTime) -> None:
        local = datetime.now(UTC) + site.utc_offset
        self._ok(f"global.cgi?action=setCurrentTime&time={quote(f'{local:%Y-%m-%d %H:%M:%S}')}")

    def _smart(self, url: str) -> bool | None:
        try:
            value = self._config("SmartEncode").get(f"SmartEncode[{self._channel(url)}].Enable")
        except _NoSuchConfig:
            return None  # this model lacks it
        return None if value is None else value.lower() == "true"

    def _channel(self, url: str) -> int:
        match stream_key(url):
            case ("dahua", str(channel), str(subtype)) if channel.isdecimal() and subtype.isdecimal():
                if 1 <= int(channel) <= MAX_CHANNELS:
                    return int(channel) - 1
        raise NoSuchStream(setup_text("not-dahua-url", host=self._web.host, url=url))

    def _place(self, url: str) -> str:
        channel, subtype = self._channel(url), int(str(stream_key(url)[2]))
        part = "MainFormat[0]" if subtype == 0 else f"ExtraFormat[{subtype - 1}]"
        return f"Encode[{channel}].{part}.Video"

    def _config(self, name: str) -> dict[str, str]:
        text = self._get(f"configManager.cgi?action=getConfig&name={name}")
        rows = (line.strip().removeprefix("table.").partition("=") for line in text.splitlines()[:5000])
        return {key: value for key, equals, value in rows if equals}

    def _set(self, values: dict[str, str]) -> None:
        self._ok(f"configManager.cgi?action=setConfig&{urlencode(values, safe='[]', quote_via=quote)}")

    def _get(self, what: str) -> str:
        answer = self._web.ask("GET", f"{self._base}/cgi-bin/{what}", login=self._login)
        if answer.status != 200:
            raise _NoSuchConfig(
                setup_text(
                    "request-fails", host=self._web.host, what=what.partition("&")[0], status=answer.status
                )
            )
        return answer.text

    def _ok(self, what: str) -> None:
        if self._get(what).strip() != "OK":
            raise setup_error("not-taken", host=self._web.host, what=what.partition("=")[0])


class _NoSuchConfig(CameraSetupError):
    """The camera does not have this configuration name."""


def _number(text: str | None) -> int | None:
    return int(float(text)) if text and re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text.strip()) else None
