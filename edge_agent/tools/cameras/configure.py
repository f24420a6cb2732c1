"""``edge-agent cameras configure``: sets up one camera, after a question.

It also checks whether an NTP server answers, and finds the address at which this gateway would serve the
time to a camera.
"""

from __future__ import annotations

import argparse
import ipaddress
import socket
import sys
import threading
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from edge_agent.config.model.addresses import host_of
from edge_agent.config.pushed import effective
from edge_agent.core.clock import SystemClock
from edge_agent.core.languages import Lang, lang_of, named, say
from edge_agent.core.problems import text_in
from edge_agent.core.secrets import masked
from edge_agent.host.health.clock_sync import read_kernel_sync
from edge_agent.host.system.process import become_agent
from edge_agent.onvif.soap import DEVICE_PATH
from edge_agent.onvif.web import CameraHttpClient
from edge_agent.tools.cameras.access import asked, login_of, open_interface, open_journal, state_dir_of
from edge_agent.tools.cameras.messages import CAMERAS, setup_error
from edge_agent.tools.cameras.probing import Ports, ask_onvif
from edge_agent.tools.cameras.setup_interface import SiteTime
from edge_agent.tools.cameras.setup_plan import Facts, SetupOutcome, SetupPlan, SetupResult, apply, plan, read

NTP_PORT = 123
CHRONY = Path("etc/chrony/chrony.conf")
LOOPBACK = "127.0.0.1"
ANSWER_S = 1.0
_REQUEST = bytes([0x23]) + bytes(47)  # RFC 5905: version 4, mode client
_SERVER, _UNSYNCHRONISED = 4, 3


def ntp_server(text: str | None, camera_host: str, port: int = NTP_PORT) -> str | None:
    """Return the address in ``--ntp``, this gateway's own if it is empty, or None if the option is missing.

    Raises CameraSetupError for an invalid address, and for a gateway that serves no time.
    """
    if text is None:
        return None
    if text:
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            raise setup_error("ntp-wrong", text=text) from None
    address = serving_address(camera_host, port)
    if address is None:
        raise setup_error("no-time-here", host=camera_host)
    return address


def serving_address(camera_host: str, port: int = NTP_PORT, sysroot: Path = Path("/")) -> str | None:
    """Return the address at which this gateway serves the time to that camera; None if it does not.

    Chrony answers only the networks in its ``allow`` lines. They may name the cameras' network but not the
    gateway's address. So if chrony does not answer at that address, its configuration is read.
    """
    address = own_address(camera_host)
    if address is None or gives_time(address, port):
        return address
    return address if is_allowed(camera_host, sysroot) and gives_time(LOOPBACK, port) else None


def is_allowed(camera_host: str, sysroot: Path = Path("/")) -> bool:
    """Return whether chrony's configuration allows queries from ``camera_host``."""
    try:
        lines = (sysroot / CHRONY).read_text(encoding="utf-8", errors="replace").splitlines()
        camera = ipaddress.ip_address(camera_host)
    except (OSError, ValueError):
        return False
    allowed = [words[1] for line in lines if (words := line.split())[:1] == ["allow"] and len(words) > 1]
    return any(camera in network for text in allowed if (network := _network(text)) is not None)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def own_address(camera_host: str) -> str | None:
    """Return this gateway's address on the route to the camera, or None without a route. Sends nothing."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.connect((camera_host, NTP_PORT))
            return str(way.getsockname()[0])
    except OSError:
        return None


def gives_time(address: str, port: int = NTP_PORT) -> bool:
    """Return whether a synchronised NTP server answers at ``address``. Blocks up to ``ANSWER_S``."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(ANSWER_S)
            client.connect((address, port))
            client.send(_REQUEST)
            answer = client.recv(512)
    except OSError:
        return False
    return len(answer) >= 48 and answer[0] & 7 == _SERVER and answer[0] >> 6 != _UNSYNCHRONISED


def run_configure(args: argparse.Namespace, out: TextIO) -> int:
    lang = lang_of(args)
    own_login = login_of(args, lang)
    settings = effective(args.config, no_secrets=own_login is not None)
    camera = next((each for each in settings.cameras if each.id == args.camera), None)
    if camera is None:
        known = ", ".join(each.id for each in settings.cameras) or say(CAMERAS, "none", lang)
        raise setup_error("no-camera", camera=args.camera, file=str(args.config), known=known)
    login = own_login or camera.credentials
    host = host_of(camera.url)
    if not host or login is None:
        raise setup_error("login-needed", id=camera.id, url=masked(camera.url))
    ntp = ntp_server(args.ntp, host)
    state_dir = state_dir_of(args)
    become_agent(state_dir)  # the login is known now; data from a camera must not be parsed as root
    clock = SystemClock()
    site_now = clock.now().astimezone(settings.gateway.timezone)
    site = SiteTime(site_now.utcoffset() or timedelta(0), site_now)
    with CameraHttpClient(host, open_journal(state_dir, lang)) as web:
        port = args.port or camera.http_port
        base = f"http://{host}" if port == 80 else f"http://{host}:{port}"
        panel, vendor = open_interface(web, base, _device_url(host, base), clock, login)
        plan_ = plan(read(panel, camera.url, site), panel, vendor, ntp, _clock_trusted())
        brand = named(CAMERAS, "vendor", vendor, lang)
        out.write(
            say(CAMERAS, "by-panel", lang, id=camera.id, host=host, vendor=brand, name=panel.name) + "\n"
        )
        write_plan(plan_, out, lang)
        _write_hint(ntp, host, out, lang)
        if not plan_.changes:
            out.write(f"  {say(CAMERAS, 'nothing-to-change', lang)}\n")
            return 0
        if not _agreed(args.yes, camera.id, out, lang):
            return 0
        results, errors = apply(plan_, panel, camera.url, site, ntp, threading.Event().wait)
    out.write(f"{say(CAMERAS, 'read-back', lang)}\n")
    write_results(results, errors, out, lang)
    return 0 if all(result.outcome is SetupOutcome.DONE for result in results) and not errors else 1


def _write_hint(ntp: str | None, host: str, out: TextIO, lang: Lang) -> None:
    """Print a note if the server ``ntp`` does not answer; for None, that the gateway could be the server."""
    if ntp is not None:
        if not gives_time(ntp):
            out.write(f"  {say(CAMERAS, 'ntp-silent', lang, server=ntp)}\n")
    elif (own := serving_address(host)) is not None:
        out.write(f"  {say(CAMERAS, 'ntp-here', lang, address=own)}\n")


def _agreed(yes: bool, camera_id: str, out: TextIO, lang: Lang) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        out.write(f"  {say(CAMERAS, 'nothing-without-yes', lang)}\n")
        return False
    out.flush()
    answer = asked(say(CAMERAS, "agree", lang, camera=camera_id))
    if answer.lower() in ("y", "yes"):
        return True
    out.write(f"  {say(CAMERAS, 'nothing-changed', lang)}\n")
    return False


def _device_url(host: str, base: str) -> str:
    """Return the ONVIF URL that the camera reports, or the usual one if the camera reports none."""
    try:
        announced = ask_onvif(host, Ports().discovery, 0.5)
    except OSError:
        announced = None
    return announced.device_url if announced is not None else base + DEVICE_PATH


def _clock_trusted() -> bool:
    kernel = read_kernel_sync()
    return kernel is not None and kernel.synced


def write_plan(plan_: SetupPlan, out: TextIO, lang: Lang) -> None:
    for change in plan_.changes:
        what = named(CAMERAS, "what", change.what, lang)
        out.write(f"  {what:<20} {joined(change.before, lang)} -> {joined(change.after, lang)}\n")
    for line in plan_.by_hand:
        out.write(f"  {say(CAMERAS, 'line-by-hand', lang, fact=line.text(lang))}\n")


def write_results(results: Iterable[SetupResult], errors: Iterable[str], out: TextIO, lang: Lang) -> None:
    for result in results:
        what = named(CAMERAS, "what", result.change.what, lang)
        became = f"{joined(result.change.before, lang)} -> {joined(result.now, lang)}"
        out.write(f"  {what:<20} {became}  {named(CAMERAS, 'outcome', result.outcome, lang)}\n")
    for error in errors:
        out.write(f"  ! {text_in(error, lang)}\n")


def joined(facts: Facts, lang: Lang) -> str:
    return ", ".join(each.text(lang) for each in facts)
