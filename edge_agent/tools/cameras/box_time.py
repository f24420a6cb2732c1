"""Whether a machine gives the time (NTP), and at which address this box would give it to a camera."""

from __future__ import annotations

import ipaddress
import socket

from edge_agent.core.errors import CameraSetupError

NTP_PORT = 123
ANSWER_S = 1.0
_REQUEST = bytes([0x23]) + bytes(47)  # RFC 5905: version 4, mode client
_SERVER, _UNSYNCHRONISED = 4, 3


def ntp_server(text: str | None, camera_host: str, port: int = NTP_PORT) -> str | None:
    """What ``--ntp`` names: an address, empty for this box, or None where the option was left out. Raises
    CameraSetupError for what is no address, and for a box that gives no time."""
    if text is None:
        return None
    if text:
        return _ipv4(text)
    address = own_address(camera_host)
    if address is None or not gives_time(address, port):
        raise CameraSetupError(
            f"this box gives no time at {address or 'any address'}: name the cameras' network in "
            "time_serve_cameras and run depot.yml, or name another server: --ntp 10.0.0.1"
        )
    return address


def own_address(camera_host: str) -> str | None:
    """Of this box on the way to the camera; nothing is sent. None: there is no way."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.connect((camera_host, NTP_PORT))
            return str(way.getsockname()[0])
    except OSError:
        return None


def gives_time(address: str, port: int = NTP_PORT) -> bool:
    """Whether a synchronised NTP server answers there. Blocks up to ``ANSWER_S``."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(ANSWER_S)
            client.connect((address, port))
            client.send(_REQUEST)
            answer = client.recv(512)
    except OSError:
        return False
    return len(answer) >= 48 and answer[0] & 7 == _SERVER and answer[0] >> 6 != _UNSYNCHRONISED


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise CameraSetupError(f"--ntp {text!r} is no IPv4 address") from None
