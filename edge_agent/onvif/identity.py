"""Reads the identity that a camera reports: over the vendor's own interface first, else over ONVIF.

The vendor's interface has the same users as RTSP, so a login that opens the stream works there too; ONVIF
often has separate users. The names of the fields are from Hikvision's ISAPI and Dahua's HTTP API documents;
they were not tested with a real camera.
"""

from __future__ import annotations

import contextlib

from onveef import parsers

from edge_agent.core.clock import Clock
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.secrets import Credentials
from edge_agent.onvif.soap import NotOnvif, Onvif
from edge_agent.onvif.web import CameraHttpClient, NoAnswer, clean
from edge_agent.wire import CameraIdentity
from edge_agent.wire.inventory import plain_mac

ISAPI_PATH = "/ISAPI/System/deviceInfo"
DAHUA_PATH = "/cgi-bin/magicBox.cgi?action="
NETWORK_PATH = "/cgi-bin/configManager.cgi?action=getConfig&name=Network"


def read_identity(
    web: CameraHttpClient, base: str, device_url: str, clock: Clock, login: Credentials
) -> CameraIdentity:
    """Ask one camera, with one login. ``base``: URL of its web page; ``device_url``: URL of its ONVIF
    device service. Blocks for two to seven requests. Raises ``CameraSetupError``."""
    with contextlib.suppress(NoAnswer):  # the web page may be off, or on another port
        if web.ask("GET", base + ISAPI_PATH).asks_for_digest:
            return isapi_identity(web, base, login)
        if web.ask("GET", f"{base}{DAHUA_PATH}getDeviceType").asks_for_digest:
            return dahua_identity(web, base, login)
    return onvif_identity(Onvif(web, device_url, clock, login))


def isapi_identity(web: CameraHttpClient, base: str, login: Credentials) -> CameraIdentity:
    root = parsers.parse_xml(_body(web, base + ISAPI_PATH, login))
    if root is None:
        raise CameraSetupError(f"{web.host}: {ISAPI_PATH} cannot be read")

    def value(name: str) -> str:
        element = parsers.find_local(root, name)
        return "" if element is None else element.text or ""

    firmware = f"{value('firmwareVersion')} {value('firmwareReleasedDate')}"
    return _identity(
        value("manufacturer") or "Hikvision",
        value("model"),
        firmware,
        value("serialNumber"),
        value("macAddress"),
    )


def dahua_identity(web: CameraHttpClient, base: str, login: Credentials) -> CameraIdentity:
    system = _rows(_body(web, f"{base}{DAHUA_PATH}getSystemInfo", login))
    kind = _rows(_body(web, f"{base}{DAHUA_PATH}getDeviceType", login))
    software = _body(web, f"{base}{DAHUA_PATH}getSoftwareVersion", login)
    # version=2.800.0000000.16.R,build:2021-05-12
    firmware = _rows(software).get("version", "").replace(",build:", " build ")
    network: dict[str, str] = {}
    with contextlib.suppress(CameraSetupError):  # a login with viewer rights may be refused
        network = _rows(_body(web, base + NETWORK_PATH, login))
    interface = network.get("table.Network.DefaultInterface", "eth0")
    mac = network.get(f"table.Network.{interface}.PhysicalAddress", "")
    model = kind.get("type") or system.get("deviceType", "")
    return _identity("Dahua", model, firmware, system.get("serialNumber", ""), mac)


def onvif_identity(onvif: Onvif) -> CameraIdentity:
    device = onvif.device()
    mac = ""
    with contextlib.suppress(NotOnvif):
        mac = onvif.mac()
    names = ("Manufacturer", "Model", "FirmwareVersion", "SerialNumber")
    manufacturer, model, firmware, serial = (device.get(name, "") for name in names)
    return _identity(manufacturer, model, firmware, serial, mac)


def _identity(manufacturer: str, model: str, firmware: str, serial: str, mac: str) -> CameraIdentity:
    return CameraIdentity(
        manufacturer=clean(manufacturer) or None,
        model=clean(model) or None,
        firmware=clean(firmware) or None,
        serial=clean(serial) or None,
        mac=plain_mac(mac),
    )


def _body(web: CameraHttpClient, url: str, login: Credentials) -> str:
    answer = web.ask("GET", url, login=login)
    if answer.status != 200:
        raise CameraSetupError(f"{web.host}: its identity cannot be read (HTTP {answer.status})")
    return answer.text


def _rows(text: str) -> dict[str, str]:
    rows = (line.strip().partition("=") for line in text.splitlines()[:5000])
    return {key: value for key, equals, value in rows if equals}
