"""The ONVIF side of the simulated camera: SOAP bodies as Hikvision's and Dahua's firmware write them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.testbed.onvif_camera import OnvifCamera

ENV = "http://www.w3.org/2003/05/soap-envelope"
TT = "http://www.onvif.org/ver10/schema"
TDS = "http://www.onvif.org/ver10/device/wsdl"
TRT = "http://www.onvif.org/ver10/media/wsdl"
TR2 = "http://www.onvif.org/ver20/media/wsdl"
FREE = {"GetSystemDateAndTime", "GetServices", "GetCapabilities"}
_SPACES = f'xmlns:env="{ENV}" xmlns:tt="{TT}" xmlns:tds="{TDS}" xmlns:trt="{TRT}" xmlns:tr2="{TR2}"'


def envelope(body: str) -> bytes:
    return f'<?xml version="1.0"?><env:Envelope {_SPACES}><env:Body>{body}</env:Body></env:Envelope>'.encode()


def fault(code: str, reason: str) -> bytes:
    return envelope(
        f"<env:Fault><env:Code><env:Value>env:Sender</env:Value><env:Subcode><env:Value>{code}</env:Value>"
        f'</env:Subcode></env:Code><env:Reason><env:Text xml:lang="en">{reason}</env:Text>'
        "</env:Reason></env:Fault>"
    )


def answer(camera: OnvifCamera, name: str, call: ET.Element) -> bytes:
    handler = {
        "GetSystemDateAndTime": _clock,
        "GetServices": _services,
        "GetDeviceInformation": _device,
        "GetNetworkInterfaces": _interfaces,
        "GetProfiles": _profiles,
        "GetStreamUri": _stream_uri,
        "GetVideoEncoderConfigurations": _encoders,
        "SetVideoEncoderConfiguration": _set_encoder,
        "GetNTP": _ntp,
        "SetNTP": _set_ntp,
        "SetSystemDateAndTime": _set_clock,
        "SystemReboot": _reboot,
    }.get(name)
    if handler is None:
        return fault("ter:ActionNotSupported", "Optional Action Not Implemented")
    return envelope(handler(camera, call))


def _reboot(camera: OnvifCamera, _: ET.Element) -> str:
    camera.wrote("reboot")
    return "<tds:SystemRebootResponse><tds:Message>Rebooting</tds:Message></tds:SystemRebootResponse>"


def _clock(camera: OnvifCamera, _: ET.Element) -> str:
    def written(name: str, moment: datetime) -> str:
        return (
            f"<tt:{name}><tt:Time><tt:Hour>{moment.hour}</tt:Hour><tt:Minute>{moment.minute}</tt:Minute>"
            f"<tt:Second>{moment.second}</tt:Second></tt:Time><tt:Date><tt:Year>{moment.year}</tt:Year>"
            f"<tt:Month>{moment.month}</tt:Month><tt:Day>{moment.day}</tt:Day></tt:Date></tt:{name}>"
        )

    now, local = camera.now, camera.now + timedelta(seconds=camera.utc_offset_s)
    kind = "NTP" if camera.follows_ntp else "Manual"
    return (
        f"<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>{kind}"
        "</tt:DateTimeType>"
        f"<tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>{camera.zone}</tt:TZ>"
        "</tt:TimeZone>"
        f"{written('UTCDateTime', now)}{written('LocalDateTime', local)}"
        "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


def _services(camera: OnvifCamera, _: ET.Element) -> str:
    # The address is an earlier one of the camera, as real cameras report.
    names = [(TDS, "device_service"), (TRT, "Media")] + ([(TR2, "Media2")] if camera.media2 else [])
    listed = "".join(
        f"<tds:Service><tds:Namespace>{space}</tds:Namespace>"
        f"<tds:XAddr>http://192.168.1.64/onvif/{path}</tds:XAddr>"
        "<tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>"
        for space, path in names
    )
    return f"<tds:GetServicesResponse>{listed}</tds:GetServicesResponse>"


def _device(camera: OnvifCamera, _: ET.Element) -> str:
    maker = {"hikvision": "HIKVISION", "dahua": "Dahua"}.get(camera.vendor, "Acme")
    return (
        f"<tds:GetDeviceInformationResponse><tds:Manufacturer>{maker}</tds:Manufacturer>"
        f"<tds:Model>{camera.model}</tds:Model><tds:FirmwareVersion>{camera.firmware}</tds:FirmwareVersion>"
        f"<tds:SerialNumber>{camera.serial}</tds:SerialNumber><tds:HardwareId>88</tds:HardwareId>"
        "</tds:GetDeviceInformationResponse>"
    )


def _interfaces(camera: OnvifCamera, _: ET.Element) -> str:
    return (
        '<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces token="eth0"><tt:Enabled>true</tt:Enabled>'
        f"<tt:Info><tt:Name>eth0</tt:Name><tt:HwAddress>{camera.mac}</tt:HwAddress></tt:Info>"
        "</tds:NetworkInterfaces></tds:GetNetworkInterfacesResponse>"
    )


def _profiles(camera: OnvifCamera, call: ET.Element) -> str:
    two = TR2 in call.tag
    profiles = ""
    for kind in camera.streams:
        if two:
            encoder = _encoder2(camera, kind, "tr2:VideoEncoder")
            inner = f"<tr2:Name>{kind}</tr2:Name><tr2:Configurations>{encoder}</tr2:Configurations>"
        else:
            inner = f"<tt:Name>{kind}</tt:Name>{_encoder1(camera, kind, 'tt:VideoEncoderConfiguration')}"
        prefix = "tr2" if two else "trt"
        profiles += f'<{prefix}:Profiles token="P-{kind}">{inner}</{prefix}:Profiles>'
    return f"<{prefix}:GetProfilesResponse>{profiles}</{prefix}:GetProfilesResponse>"


def _encoder2(camera: OnvifCamera, kind: str, name: str) -> str:
    stream = camera.streams[kind]
    return (
        f'<{name} token="E-{kind}" GovLength="{stream.gov_length}" Profile="Main"><tt:Name>{kind}</tt:Name>'
        f"<tt:UseCount>1</tt:UseCount><tt:Encoding>{stream.codec}</tt:Encoding><tt:Resolution>"
        f"<tt:Width>{stream.width}</tt:Width><tt:Height>{stream.height}</tt:Height></tt:Resolution>"
        f'<tt:RateControl ConstantBitRate="true"><tt:FrameRateLimit>{stream.fps}</tt:FrameRateLimit>'
        "<tt:BitrateLimit>512</tt:BitrateLimit></tt:RateControl><tt:Multicast><tt:Address>"
        "<tt:Type>IPv4</tt:Type>"
        "<tt:IPv4Address>239.1.1.1</tt:IPv4Address></tt:Address></tt:Multicast><tt:Quality>3"
        f"</tt:Quality></{name}>"
    )


def _encoder1(camera: OnvifCamera, kind: str, name: str) -> str:
    stream = camera.streams[kind]
    gov = f"<tt:GovLength>{stream.gov_length}</tt:GovLength><tt:H264Profile>Main</tt:H264Profile>"
    h264 = f"<tt:H264>{gov}</tt:H264>" if stream.codec == "H264" else ""
    return (
        f'<{name} token="E-{kind}"><tt:Name>{kind}</tt:Name><tt:UseCount>1</tt:UseCount>'
        f"<tt:Encoding>{stream.codec}</tt:Encoding><tt:Resolution><tt:Width>{stream.width}</tt:Width>"
        f"<tt:Height>{stream.height}</tt:Height></tt:Resolution><tt:Quality>3</tt:Quality><tt:RateControl>"
        f"<tt:FrameRateLimit>{stream.fps}</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval>"
        f"<tt:BitrateLimit>512</tt:BitrateLimit></tt:RateControl>{h264}"
        "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>239.1.1.1</tt:IPv4Address>"
        "</tt:Address>"
        f"</tt:Multicast><tt:SessionTimeout>PT5S</tt:SessionTimeout></{name}>"
    )


def _encoders(camera: OnvifCamera, call: ET.Element) -> str:
    two = TR2 in call.tag
    prefix, make = ("tr2", _encoder2) if two else ("trt", _encoder1)
    listed = "".join(make(camera, kind, f"{prefix}:Configurations") for kind in camera.streams)
    name = f"{prefix}:GetVideoEncoderConfigurationsResponse"
    return f"<{name}>{listed}</{name}>"


def _set_encoder(camera: OnvifCamera, call: ET.Element) -> str:
    two = TR2 in call.tag
    own = call.find(f"{{{TR2 if two else TRT}}}Configuration")
    assert own is not None
    address = own.findtext(f"{{{TT}}}Multicast/{{{TT}}}Address/{{{TT}}}IPv4Address")
    assert address == "239.1.1.1", "what the client does not know must come back as it was"
    camera.wrote("encoder")
    stream = camera.streams[own.attrib["token"].removeprefix("E-")]
    codec = own.findtext(f"{{{TT}}}Encoding") or ""
    gov = own.get("GovLength") if two else own.findtext(f"{{{TT}}}H264/{{{TT}}}GovLength")
    if "codec" not in camera.ignores:
        stream.codec = codec
    if gov and "gop" not in camera.ignores:
        stream.gov_length = int(gov)
    prefix = "tr2" if two else "trt"
    return f"<{prefix}:SetVideoEncoderConfigurationResponse/>"


def _stream_uri(camera: OnvifCamera, call: ET.Element) -> str:
    two = TR2 in call.tag
    token = call.findtext(f"{{{TR2 if two else TRT}}}ProfileToken") or ""
    path = camera.stream_path(token.removeprefix("P-"))
    more = "&" if "?" in path else "?"
    url = f"rtsp://192.168.1.64:{camera.rtsp_port}{path}{more}unicast=true&proto=Onvif".replace("&", "&amp;")
    if two:
        return f"<tr2:GetStreamUriResponse><tr2:Uri>{url}</tr2:Uri></tr2:GetStreamUriResponse>"
    uri = f"<trt:MediaUri><tt:Uri>{url}</tt:Uri></trt:MediaUri>"
    return f"<trt:GetStreamUriResponse>{uri}</trt:GetStreamUriResponse>"


def _ntp(camera: OnvifCamera, _: ET.Element) -> str:
    return (
        "<tds:GetNTPResponse><tds:NTPInformation><tt:FromDHCP>false</tt:FromDHCP><tt:NTPManual>"
        "<tt:Type>IPv4</tt:Type>"
        f"<tt:IPv4Address>{camera.ntp}</tt:IPv4Address></tt:NTPManual></tds:NTPInformation>"
        "</tds:GetNTPResponse>"
    )


def _set_ntp(camera: OnvifCamera, call: ET.Element) -> str:
    camera.wrote("ntp")
    if "ntp" not in camera.ignores:
        camera.ntp = next(e.text or "" for e in call.iter() if e.tag.endswith("IPv4Address"))
    return "<tds:SetNTPResponse/>"


def _set_clock(camera: OnvifCamera, call: ET.Element) -> str:
    camera.wrote("clock")
    fields = {e.tag.rpartition("}")[2]: e.text or "" for e in call.iter()}
    camera.follows_ntp = fields["DateTimeType"] == "NTP"
    camera.zone = fields["TZ"]
    if camera.follows_ntp:
        camera.clock_offset_s = 0.0  # the time of its NTP server is right
    elif "Year" in fields:
        names = ("Year", "Month", "Day", "Hour", "Minute", "Second")
        year, month, day, hour, minute, second = (int(fields[name]) for name in names)
        set_to = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        camera.clock_offset_s = (set_to - datetime.now(UTC)).total_seconds()
    if camera.zone.startswith("ICT-7"):
        camera.utc_offset_s = 25200
    return "<tds:SetSystemDateAndTimeResponse/>"
