"""Selects the interface to a camera: the vendor's own if there is one, else ONVIF.

The vendor's comes first because RTSP has the same users; ONVIF often has separate ones. So one login is
enough, and it shows whether the agent's login will work.
"""

from __future__ import annotations

from edge_agent.core.clock import Clock
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.secrets import Credentials
from edge_agent.onvif.soap import NotOnvif, Onvif
from edge_agent.onvif.web import CameraHttpClient, NoAnswer
from edge_agent.tools.cameras.setup.dahua import Dahua
from edge_agent.tools.cameras.setup.isapi import Isapi
from edge_agent.tools.cameras.setup.plain_onvif import PlainOnvif
from edge_agent.tools.cameras.setup.setup_interface import SetupInterface
from edge_agent.tools.cameras.vendors import Vendor


def vendor_interface(
    web: CameraHttpClient, base: str, login: Credentials
) -> tuple[SetupInterface, Vendor] | None:
    """Find the vendor's interface without a login. ``base``: URL of the web page, such as
    ``http://10.0.0.11``. Raises ``NoAnswer``."""
    if Isapi.answers(web, base):
        return Isapi(web, base, login), Vendor.HIKVISION
    if Dahua.answers(web, base):
        return Dahua(web, base, login), Vendor.DAHUA
    return None


def open_interface(
    web: CameraHttpClient, base: str, device_url: str, clock: Clock, login: Credentials
) -> tuple[SetupInterface, Vendor]:
    """Open an interface. Raises ``CameraSetupError`` when none can be reached."""
    try:
        found = vendor_interface(web, base, login)
    except NoAnswer:
        found = None  # the web page may be off, or on another port
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
