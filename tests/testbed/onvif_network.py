"""The UDP side of simulated cameras: WS-Discovery and Hikvision's SADP, on loopback."""

from __future__ import annotations

import contextlib
import fcntl
import re
import select
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from tests.testbed.onvif_camera import OnvifCamera
from tests.testbed.onvif_soap import ENV

GROUP = "239.255.255.250"
WS_DISCOVERY_PORT, SADP_PORT = 3702, 37020
LOCK = Path(tempfile.gettempdir()) / "edge-agent-tests-multicast.lock"

Answer = Callable[[OnvifCamera, bytes], bytes | None]


class CameraNetwork:
    """Answers for all ``cameras``; after each probe, ``more`` is sent unchanged from another address.

    Only one may run on a machine: the tests of every process receive multicast.
    """

    def __init__(self, cameras: Sequence[OnvifCamera], more: Sequence[bytes] = ()) -> None:
        self._cameras = cameras
        self._more = more
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        self._alone = LOCK.open("w")
        fcntl.flock(self._alone, fcntl.LOCK_EX)
        self._sockets = {_member(WS_DISCOVERY_PORT): (None, probe_match)}
        self._sockets[_member(SADP_PORT)] = (None, sadp_match)
        for camera in self._cameras:
            own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            own.bind((camera.host, WS_DISCOVERY_PORT))
            self._sockets[own] = (camera, probe_match)  # type: ignore[assignment]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        for each in self._sockets:
            each.close()
        self._alone.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            for ready in select.select(list(self._sockets), [], [], 0.02)[0]:
                question, who = ready.recvfrom(65535)
                camera, answer = self._sockets[ready]
                for each in [camera] if camera is not None else self._cameras:
                    self._send(answer(each, question), who)
                if camera is None and b"Probe>" in question:
                    for data in self._more:
                        self._send(data, who)

    @staticmethod
    def _send(data: bytes | None, who: tuple[str, int]) -> None:
        if data is not None:
            with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as own:
                own.sendto(data, who)


def probe_match(camera: OnvifCamera, question: bytes) -> bytes | None:
    if not camera.onvif or b"discovery/Probe" not in question:
        return None
    relates = re.search(rb"MessageID>([^<]+)<", question)
    name = {"hikvision": f"HIKVISION%20{camera.model}", "dahua": "Dahua"}.get(camera.vendor, "Acme")
    scopes = (
        "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/Profile/Streaming "
        f"onvif://www.onvif.org/name/{name} onvif://www.onvif.org/hardware/{camera.model}"
    )
    return (
        f'<?xml version="1.0"?><e:Envelope xmlns:e="{ENV}"'
        ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
        'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Header><a:RelatesTo>'
        f"{relates[1].decode() if relates else ''}</a:RelatesTo></e:Header><e:Body><d:ProbeMatches>"
        "<d:ProbeMatch>"
        f"<a:EndpointReference><a:Address>urn:uuid:{camera.host}</a:Address></a:EndpointReference>"
        f"<d:Scopes>{scopes}</d:Scopes><d:XAddrs>{camera.device_url} http://[fe80::1]/onvif</d:XAddrs>"
        "</d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"
    ).encode()


def sadp_match(camera: OnvifCamera, question: bytes) -> bytes | None:
    if (
        camera.vendor != "hikvision"
        or b"<Types>inquiry</Types>" not in question
        or b"<Probe>" not in question
    ):
        return None
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ProbeMatch><Uuid>1</Uuid><Types>inquiry</Types>'
        f"<DeviceDescription>{camera.model}</DeviceDescription><IPv4Address>{camera.host}</IPv4Address>"
        f"<HttpPort>{camera.port}</HttpPort><Activated>{str(camera.activated).lower()}</Activated>"
        "</ProbeMatch>"
    ).encode()


def _member(port: int) -> socket.socket:
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.bind((GROUP, port))
    member = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton("127.0.0.1"))
    own.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    return own
