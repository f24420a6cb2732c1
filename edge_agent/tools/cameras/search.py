"""Finds the cameras of a site, and says for each what it is, what it reported and what was guessed."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from onveef import parsers

from edge_agent.core.camera_logins import LoginJournal, LoginsUsedUp
from edge_agent.core.clock import Clock
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.secrets import Credentials
from edge_agent.onvif.identity import DAHUA_PATH, ISAPI_PATH, onvif_identity
from edge_agent.onvif.soap import DEVICE_PATH, MediaProfile, NotOnvif, Onvif
from edge_agent.onvif.web import CameraHttpClient, LoginRefused, NoAnswer, clean
from edge_agent.tools.cameras import probing
from edge_agent.tools.cameras.access import vendor_interface
from edge_agent.tools.cameras.discovered import (
    MAIN,
    SUB,
    DiscoveredCamera,
    DiscoveredStream,
    DiscoveryState,
    Vendor,
    template_urls,
    vendor_of,
    vendor_of_challenge,
)
from edge_agent.tools.cameras.messages import Fact, fact, reason_of
from edge_agent.tools.cameras.probing import OnvifDevice, OpenPorts, Ports, SadpDevice
from edge_agent.tools.cameras.setup_interface import SetupInterface

AT_ONCE = 8
SEARCH_TIMEOUT_S = 3.0
ENOUGH_WIDTH = 480
"""Narrower pictures show a person in a street with too few pixels; third streams are often 352 wide."""

ACTIVATE_STATUS = "/ISAPI/System/activateStatus"


@dataclass(frozen=True, slots=True)
class Search:
    """The networks and addresses to search; without ``subnet``, only cameras that answer multicast."""

    subnet: ipaddress.IPv4Network | None = None
    addresses: Sequence[str] | None = None  # of this gateway's interfaces; None: all of them
    ports: Ports = field(default_factory=Ports)
    listen_s: float = probing.LISTEN_S


class Discovery:
    def __init__(self, journal: LoginJournal, clock: Clock, progress: Callable[[Fact], None]) -> None:
        self._journal = journal
        self._clock = clock
        self._progress = progress

    def search(self, where: Search) -> list[DiscoveredCamera]:
        """Search without a login; the result is ordered by address."""
        addresses = probing.own_addresses() if where.addresses is None else where.addresses
        asking = (
            fact("asking-multicast", addresses=", ".join(addresses)) if addresses else fact("asking-nowhere")
        )
        self._progress(asking)
        with ThreadPoolExecutor(2) as threads:
            onvif = threads.submit(probing.search_onvif, addresses, where.listen_s)
            sadp = threads.submit(self._sadp, addresses, where)
        by_onvif = {device.host: device for device in onvif.result()}
        by_sadp = {device.host: device for device in sadp.result()}
        swept: dict[str, OpenPorts] = {}
        if where.subnet is not None:
            swept = {open_.host: open_ for open_ in probing.sweep(where.subnet, where.ports, self._progress)}
        hosts = sorted({*by_onvif, *by_sadp, *swept}, key=ipaddress.IPv4Address)[: probing.MAX_DEVICES]

        def identify(host: str) -> DiscoveredCamera | None:
            return self._identify(host, by_onvif.get(host), by_sadp.get(host), swept.get(host), where)

        with ThreadPoolExecutor(AT_ONCE) as threads:
            return [found for found in threads.map(identify, hosts) if found is not None]

    def log_in(self, found: DiscoveredCamera, login: Credentials) -> DiscoveredCamera:
        """Add what a camera reports after a login (at most two tries). Errors become its state."""
        if found.state not in (DiscoveryState.READY, DiscoveryState.ONVIF_OFF):
            return found
        try:
            with CameraHttpClient(found.host, self._journal) as web:
                panel = vendor_interface(web, found.base, login)
                if panel is not None:
                    return _from_vendor(found, *panel)
                if found.device_url is None:
                    return found
                return _from_onvif(found, Onvif(web, found.device_url, self._clock, login))
        except (LoginRefused, LoginsUsedUp) as error:
            return replace(
                found,
                state=DiscoveryState.LOGIN_REFUSED,
                advice=(*found.advice, fact("error", error=reason_of(error))),
            )
        except CameraSetupError as error:
            return replace(found, advice=(*found.advice, fact("template-streams", error=reason_of(error))))

    def _sadp(self, addresses: Sequence[str], where: Search) -> list[SadpDevice]:
        try:
            return probing.search_sadp(addresses, where.ports.sadp, where.listen_s)
        except OSError as error:
            self._progress(fact("sadp-left-out", port=where.ports.sadp, reason=str(error.strerror)))
            return []

    def _identify(
        self,
        host: str,
        announced: OnvifDevice | None,
        sadp: SadpDevice | None,
        open_: OpenPorts | None,
        where: Search,
    ) -> DiscoveredCamera | None:
        ports = where.ports
        if announced is None and open_ is not None and open_.http:
            announced = probing.ask_onvif(host, where.ports.discovery, min(1.0, where.listen_s))
        base = _base(host, announced, sadp.http_port if sadp is not None else ports.http)
        found = replace(_named(host, announced, sadp), base=base)
        with CameraHttpClient(host, self._journal, SEARCH_TIMEOUT_S) as web:
            found = self._with_onvif(found, web, announced.device_url if announced else base + DEVICE_PATH)
            if found.vendor in (Vendor.HIKVISION, Vendor.OTHER) and not web.silent:
                found = _with_activation(found, web, base)
            if found.vendor is Vendor.OTHER and not web.silent:
                found = _with_fingerprint(found, web, base)
        speaks_rtsp, challenge = _ask_rtsp(host, ports.rtsp)
        if found.vendor is Vendor.OTHER and (vendor := vendor_of_challenge(challenge)) is not Vendor.OTHER:
            found = replace(found, vendor=vendor, guessed=(*found.guessed, fact("vendor-by-rtsp")))
        return _judged(found, speaks_rtsp, ports)

    def _with_onvif(
        self, found: DiscoveredCamera, web: CameraHttpClient, device_url: str
    ) -> DiscoveredCamera:
        try:
            clock = Onvif(web, device_url, self._clock).clock()
        except (NoAnswer, NotOnvif) as error:
            if found.device_url is None:
                return found
            # The camera announced itself by WS-Discovery, but its ONVIF does not answer correctly.
            return replace(
                found, device_url=None, advice=(*found.advice, fact("error", error=reason_of(error)))
            )
        known = (*found.known, fact("answers-onvif"))
        state = found.state if found.state is DiscoveryState.NOT_ACTIVATED else DiscoveryState.READY
        return replace(found, device_url=device_url, clock=clock, state=state, known=known)


def _from_vendor(found: DiscoveredCamera, panel: SetupInterface, vendor: Vendor) -> DiscoveredCamera:
    """Query the vendor's own interface. If it accepts the login, so will RTSP, which has the same users."""
    identity = panel.identity()
    streams, advice = [], [*found.advice]
    port = _rtsp_port(found)
    for kind, url in template_urls(vendor, found.host, port).items():
        try:
            setup = panel.stream(url)
        except (LoginRefused, LoginsUsedUp):
            raise
        except CameraSetupError as error:
            advice.append(fact(f"error-{kind}", error=reason_of(error)))
            continue
        stream = DiscoveredStream(
            kind, url, True, setup.width, setup.height, setup.codec, setup.fps, setup.keyframe_s, setup.smart
        )
        streams.append(stream)
    known = (*found.known, fact("reported-by", name=panel.name))
    return replace(
        found,
        vendor=vendor,
        model=identity.model or found.model,
        identity=identity,
        known=known,
        streams=tuple(streams),
        advice=tuple(advice),
    )


def _rtsp_port(found: DiscoveredCamera) -> int:
    """Return the RTSP port in the URLs that the search found; 554 if it found none."""
    port = re.match(r"rtsp://[^/]*:(\d+)/", found.streams[0].url) if found.streams else None
    return int(port[1]) if port else 554


def _from_onvif(found: DiscoveredCamera, onvif: Onvif) -> DiscoveredCamera:
    identity = onvif_identity(onvif)
    maker, model = identity.manufacturer or "", identity.model or ""
    vendor = vendor_of(maker, model)
    streams = [_stream(kind, profile, onvif) for kind, profile in _main_and_sub(onvif.profiles())]
    advice = [*found.advice]
    if len(streams) == 1:
        advice.append(fact("no-sub-stream"))
    return replace(
        found,
        vendor=vendor if vendor is not Vendor.OTHER else found.vendor,
        model=" ".join(dict.fromkeys(word for word in (maker, model) if word)) or found.model,
        identity=identity,
        known=(*found.known, fact("reported-by", name="ONVIF")),
        streams=tuple(streams),
        advice=tuple(advice),
    )


def _base(host: str, announced: OnvifDevice | None, port: int) -> str:
    """Return the web page's URL: that of ONVIF, as one server mostly has both, else ``host`` at ``port``."""
    if announced is not None:
        return announced.device_url.partition("/onvif")[0].rstrip("/")
    return f"http://{host}" if port == 80 else f"http://{host}:{port}"


def _named(host: str, announced: OnvifDevice | None, sadp: SadpDevice | None) -> DiscoveredCamera:
    """Return a camera with the facts from its answers to WS-Discovery and SADP."""
    vendor, model = Vendor.OTHER, ""
    known: list[Fact] = []
    if announced is not None:
        vendor = vendor_of(announced.name, announced.hardware)
        words = [word for word in (announced.name, announced.hardware) if word]
        model = words[0] if len(words) == 2 and words[1] in words[0] else " ".join(dict.fromkeys(words))
        known.append(fact("announces"))
    state = DiscoveryState.NOT_SURE
    if sadp is not None:
        vendor, model = Vendor.HIKVISION, sadp.model or model
        known.append(fact("answers-sadp"))
        if sadp.activated is False:
            state = DiscoveryState.NOT_ACTIVATED
            known.append(fact("not-activated"))
    return DiscoveredCamera(
        host, state, vendor, model, tuple(known), device_url=announced.device_url if announced else None
    )


def _with_activation(found: DiscoveredCamera, web: CameraHttpClient, base: str) -> DiscoveredCamera:
    """Add whether a Hikvision camera has a password. If the camera refuses to report it, add nothing."""
    try:
        answer = web.ask("GET", base + ACTIVATE_STATUS)
    except NoAnswer:
        return found
    root = parsers.parse_xml(answer.body) if answer.status == 200 else None
    if root is None or not root.tag.endswith("ActivateStatus"):
        return found
    words = {(element.text or "").strip().lower() for element in root.iter()}
    found = replace(found, vendor=Vendor.HIKVISION, known=(*found.known, fact("answers-isapi")))
    if words & {"false", "inactive", "notactivated"}:
        known = tuple(dict.fromkeys((*found.known, fact("not-activated"))))
        return replace(found, state=DiscoveryState.NOT_ACTIVATED, known=known)
    return found


def _with_fingerprint(found: DiscoveredCamera, web: CameraHttpClient, base: str) -> DiscoveredCamera:
    """Guess the vendor by how its own interface refuses a request without a password."""
    for path, of in ((ISAPI_PATH, Vendor.HIKVISION), (f"{DAHUA_PATH}getDeviceType", Vendor.DAHUA)):
        try:
            answer = web.ask("GET", base + path)
        except NoAnswer:
            return found
        if answer.status != 401:
            continue
        vendor = vendor_of_challenge(answer.challenge)
        if vendor is of:
            return replace(found, vendor=of, guessed=(*found.guessed, fact("vendor-by-login")))
    return found


def _ask_rtsp(host: str, port: int) -> tuple[bool, str]:
    """Return whether RTSP answers a request without a login, and the answer's WWW-Authenticate header."""
    question = f"DESCRIBE rtsp://{host}:{port}/ RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
    with contextlib.suppress(OSError), socket.create_connection((host, port), 2.0) as connection:
        connection.settimeout(2.0)
        connection.sendall(question.encode())
        answer = connection.recv(4096).decode("latin-1")
        challenge = re.search(r"^WWW-Authenticate:\s*([^\r\n]*)", answer, re.MULTILINE | re.IGNORECASE)
        return answer.startswith("RTSP/"), challenge[1] if challenge else ""
    return False, ""


def _judged(found: DiscoveredCamera, speaks_rtsp: bool, ports: Ports) -> DiscoveredCamera | None:
    """Add state, advice and URLs from templates. Return None if the device does not seem to be a camera."""
    templates = tuple(
        DiscoveredStream(kind, url, reported=False)
        for kind, url in template_urls(found.vendor, found.host, ports.rtsp).items()
    )
    if found.state is DiscoveryState.NOT_ACTIVATED:
        return replace(found, advice=(*found.advice, fact("set-password")))
    if found.state is DiscoveryState.READY:
        return replace(found, streams=templates)
    if found.vendor is not Vendor.OTHER:
        guessed = (*found.guessed, fact("onvif-off"))
        if found.vendor is Vendor.DAHUA:
            guessed = (*guessed, fact("or-not-initialised"))
        advice = (*found.advice, fact("switch-onvif-on"))
        return replace(
            found, state=DiscoveryState.ONVIF_OFF, streams=templates, guessed=guessed, advice=advice
        )
    if speaks_rtsp:
        return replace(found, guessed=(*found.guessed, fact("rtsp-answers")))
    return found if found.known else None


def _main_and_sub(profiles: list[MediaProfile]) -> list[tuple[str, MediaProfile]]:
    """Return the largest stream, and the smallest of the others that is at least ``ENOUGH_WIDTH`` wide."""
    sized = [profile for profile in profiles if profile.width and profile.height]
    if not sized:
        return list(zip((MAIN, SUB), profiles, strict=False))
    main, *others = sorted(sized, key=lambda profile: -(profile.width or 0) * (profile.height or 0))
    others = [profile for profile in others if profile.encoder_token != main.encoder_token]
    wide_enough = [profile for profile in others if (profile.width or 0) >= ENOUGH_WIDTH]
    sub = wide_enough[-1:] or others[:1]
    return [(MAIN, main), *((SUB, profile) for profile in sub)]


def _stream(kind: str, profile: MediaProfile, onvif: Onvif) -> DiscoveredStream:
    return DiscoveredStream(
        kind,
        onvif.stream_url(profile),
        reported=True,
        width=profile.width,
        height=profile.height,
        codec=clean(profile.encoding, 12),
        fps=profile.fps,
        keyframe_s=profile.keyframe_s,
    )
