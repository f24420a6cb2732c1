"""Which way a camera is talked to: its vendor's own interface where there is one, else ONVIF.

The vendor's comes first because its users are those that RTSP knows as well; ONVIF's are often apart from
them. So one login is enough, and it shows whether the agent's own will work.
"""

from __future__ import annotations

from edge_agent.clock import Clock
from edge_agent.errors import CameraSetupError
from edge_agent.onvif.dahua import Dahua
from edge_agent.onvif.isapi import Isapi
from edge_agent.onvif.panel import Panel
from edge_agent.onvif.plain_onvif import PlainOnvif
from edge_agent.onvif.soap import NotOnvif, Onvif
from edge_agent.onvif.vendors import Vendor
from edge_agent.onvif.web import NoAnswer, Web
from edge_agent.secrets import Credentials


def vendor_panel(web: Web, base: str, login: Credentials) -> tuple[Panel, Vendor] | None:
    """``base``: of its web page, such as ``http://10.0.0.11``. Asks without a login; raises ``NoAnswer``."""
    if Isapi.answers(web, base):
        return Isapi(web, base, login), Vendor.HIKVISION
    if Dahua.answers(web, base):
        return Dahua(web, base, login), Vendor.DAHUA
    return None


def open_panel(
    web: Web, base: str, device_url: str, clock: Clock, login: Credentials
) -> tuple[Panel, Vendor]:
    """Raises ``CameraSetupError`` when the camera can be reached in no way."""
    try:
        found = vendor_panel(web, base, login)
    except NoAnswer:
        found = None  # its web page may be off, or elsewhere
    if found is not None:
        return found
    onvif = Onvif(web, device_url, clock, login)
    try:
        onvif.clock()
    except (NoAnswer, NotOnvif) as error:
        raise CameraSetupError(
            f"{web.host}: neither its own interface nor ONVIF answers at {base}; is another --port right, "
            f"or is ONVIF off? ({error})"
        ) from error
    return PlainOnvif(web.host, onvif), Vendor.OTHER
