"""ISAPI (Hikvision) and the CGI of Dahua, as far as the agent uses them. Written from the vendors'
documents."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from tests.testbed.onvif_camera import OnvifCamera, StreamState

_NS = 'version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema"'
_OK = f"<ResponseStatus {_NS}><statusCode>1</statusCode><statusString>OK</statusString></ResponseStatus>"
_BAD = _OK.replace(">1<", ">4<").replace(">OK<", ">Invalid Operation<")


def isapi(camera: OnvifCamera, method: str, path: str, body: str) -> tuple[int, str]:
    if match := re.fullmatch(r"/ISAPI/Streaming/channels/10([12])", path):
        kind = "main" if match[1] == "1" else "sub"
        return _isapi_stream(camera, kind, f"10{match[1]}", body if method == "PUT" else None)
    if path == "/ISAPI/System/deviceInfo":
        version, _, built = camera.firmware.partition(" ")
        return 200, (
            f"<DeviceInfo {_NS}><deviceName>IP CAMERA</deviceName><model>{camera.model}</model>"
            f"<serialNumber>{camera.serial}</serialNumber><macAddress>{camera.mac}</macAddress>"
            f"<firmwareVersion>{version}</firmwareVersion><firmwareReleasedDate>{built}</firmwareReleasedDate>"
            "</DeviceInfo>"
        )
    if path == "/ISAPI/System/time":
        return _isapi_time(camera, body if method == "PUT" else None)
    if path == "/ISAPI/System/time/ntpServers/1":
        if method == "PUT":
            camera.wrote("ntp")
            if "ntp" not in camera.ignores:
                camera.ntp = _tag(body, "ipAddress")
            return 200, _OK
        return 200, (
            f"<NTPServer {_NS}><id>1</id><addressingFormatType>ipaddress</addressingFormatType>"
            f"<ipAddress>{camera.ntp}</ipAddress><portNo>123</portNo><synchronizeInterval>60"
            "</synchronizeInterval>"
            "</NTPServer>"
        )
    return 404, _BAD


def _isapi_stream(camera: OnvifCamera, kind: str, id_: str, new: str | None) -> tuple[int, str]:
    stream = camera.streams[kind]
    if new is not None:
        if "<channelName>Camera 01</channelName>" not in re.sub(r"ns\d+:", "", new):
            return 400, _BAD  # a document with parts left out is invalid
        camera.wrote("stream")
        _take(camera, stream, {
            "codec": _tag(new, "videoCodecType").replace("H.26", "H26"),
            "gop": _tag(new, "GovLength"),
            "smart": re.search(r"SmartCodec>\s*<[^>]*enabled>(\w+)", new)[1],  # type: ignore[index]
        })  # fmt: skip
        return 200, _OK
    codec = stream.codec.replace("H26", "H.26")
    return 200, (
        f"<StreamingChannel {_NS}><id>{id_}</id><channelName>Camera 01</channelName><enabled>true"
        "</enabled><Video>"
        f"<enabled>true</enabled><videoCodecType>{codec}</videoCodecType>"
        f"<videoResolutionWidth>{stream.width}</videoResolutionWidth>"
        f"<videoResolutionHeight>{stream.height}</videoResolutionHeight>"
        f"<maxFrameRate>{stream.fps * 100}</maxFrameRate>"
        f"<keyFrameInterval>{stream.gov_length * 1000 // stream.fps}</keyFrameInterval>"
        f"<GovLength>{stream.gov_length}</GovLength><SVC><enabled>false</enabled></SVC>"
        f"<SmartCodec><enabled>{str(stream.smart).lower()}</enabled></SmartCodec></Video>"
        "</StreamingChannel>"
    )


def _take(camera: OnvifCamera, stream: StreamState, new: dict[str, str]) -> None:
    if "codec" not in camera.ignores:
        stream.codec = new["codec"]
    if "smart" not in camera.ignores:
        stream.smart = new["smart"] == "true"
    if "gop" not in camera.ignores and not stream.smart:  # the smart codec fixes the interval
        stream.gov_length = int(new["gop"])


def _isapi_time(camera: OnvifCamera, new: str | None) -> tuple[int, str]:
    if new is not None:
        camera.wrote("clock")
        camera.follows_ntp = _tag(new, "timeMode") == "NTP"
        camera.zone = _tag(new, "timeZone")
        if camera.follows_ntp:
            camera.clock_offset_s = 0.0
        else:
            local = datetime.fromisoformat(_tag(new, "localTime"))
            camera.clock_offset_s = (local - datetime.now(UTC)).total_seconds()
        match = re.match(r"[A-Z]+([+-]\d+)", camera.zone)
        if match:
            camera.utc_offset_s = -int(match[1]) * 3600
        return 200, _OK
    local = camera.now + timedelta(seconds=camera.utc_offset_s)
    sign, hours = ("+" if camera.utc_offset_s >= 0 else "-"), abs(camera.utc_offset_s) // 3600
    mode = "NTP" if camera.follows_ntp else "manual"
    return 200, (
        f"<Time {_NS}><timeMode>{mode}</timeMode>"
        f"<localTime>{local:%Y-%m-%dT%H:%M:%S}{sign}{hours:02}:00</localTime><timeZone>{camera.zone}"
        "</timeZone></Time>"
    )


def _tag(text: str, name: str) -> str:
    match = re.search(rf"<(?:\w+:)?{name}>([^<]*)<", text)
    return match[1] if match else ""


# --- Dahua ---


def dahua(camera: OnvifCamera, method: str, path: str, body: str) -> tuple[int, str]:
    parts = urlsplit(path)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    script, action = parts.path.rpartition("/")[2], query.pop("action", "")
    if script == "magicBox.cgi":
        version, _, built = camera.firmware.partition(" build ")
        return 200, {
            "getSystemInfo": f"deviceType=31\r\nhardwareVersion=1.00\r\nserialNumber={camera.serial}\r\n",
            "getSoftwareVersion": f"version={version},build:{built}\r\n",
        }.get(action, f"type={camera.model}\r\n")
    if script == "global.cgi" and action == "getCurrentTime":
        local = camera.now + timedelta(seconds=camera.utc_offset_s)
        return 200, f"result={local:%Y-%m-%d %H:%M:%S}\r\n"
    if script == "global.cgi" and action == "setCurrentTime":
        camera.wrote("clock")
        local = datetime.fromisoformat(unquote(query["time"])).replace(tzinfo=UTC)
        utc = local - timedelta(seconds=camera.utc_offset_s)
        camera.clock_offset_s = (utc - datetime.now(UTC)).total_seconds()
        return 200, "OK\r\n"
    if script == "configManager.cgi" and action == "getConfig":
        if query["name"] == "Network":
            return 200, f"table.Network.eth0.PhysicalAddress={camera.mac}\r\n"
        rows = _dahua_table(camera, query["name"])
        if not rows:
            return 400, "Error\r\nBad Request!\r\n"
        return 200, "".join(f"table.{name}={value}\r\n" for name, value in rows.items())
    if script == "configManager.cgi" and action == "setConfig":
        return _dahua_set(camera, query)
    return 400, "Error\r\nBad Request!\r\n"


def _dahua_table(camera: OnvifCamera, name: str) -> dict[str, str]:
    if name == "Encode":
        rows: dict[str, str] = {}
        for kind, part in (("main", "MainFormat"), ("sub", "ExtraFormat")):
            stream, at = camera.streams[kind], f"Encode[0].{part}[0].Video"
            rows |= {
                f"{at}.Compression": stream.codec.replace("H26", "H.26"),
                f"{at}.FPS": str(stream.fps),
                f"{at}.GOP": str(stream.gov_length),
                f"{at}.Width": str(stream.width),
                f"{at}.Height": str(stream.height),
            }
        return rows
    if name == "SmartEncode":
        return {"SmartEncode[0].Enable": str(camera.streams["sub"].smart).lower()}
    if name == "NTP":
        on, zone = str(camera.follows_ntp).lower(), "0" if camera.utc_offset_s == 0 else "12"
        return {"NTP.Address": camera.ntp, "NTP.Enable": on, "NTP.TimeZone": zone}
    return {}


def _dahua_set(camera: OnvifCamera, query: dict[str, str]) -> tuple[int, str]:
    camera.wrote(",".join(sorted(query)))
    sub = camera.streams["sub"]
    at = "Encode[0].ExtraFormat[0].Video"
    if any(name.startswith("Encode[0].MainFormat") for name in query):
        raise AssertionError("the main stream belongs to the recorder")
    if f"{at}.Compression" in query and "codec" not in camera.ignores:
        sub.codec = query[f"{at}.Compression"].replace("H.26", "H26")
    if f"{at}.GOP" in query and "gop" not in camera.ignores and not sub.smart:
        sub.gov_length = int(query[f"{at}.GOP"])
    if "SmartEncode[0].Enable" in query and "smart" not in camera.ignores:
        sub.smart = query["SmartEncode[0].Enable"] == "true"
    if "NTP.Address" in query and "ntp" not in camera.ignores:
        camera.ntp = query["NTP.Address"]
    if "NTP.Enable" in query:
        camera.follows_ntp = query["NTP.Enable"] == "true"
        camera.clock_offset_s = 0.0 if camera.follows_ntp else camera.clock_offset_s
    return 200, "OK\r\n"
