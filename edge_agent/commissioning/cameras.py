"""Compares the cameras of a site with the network, and checks whether they accept the password."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from edge_agent import config
from edge_agent.capture.logins import LimitedLogins
from edge_agent.capture.source import StreamTimeouts
from edge_agent.commissioning.messages import CommissioningError, words
from edge_agent.config.model.settings import Camera, Settings
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import CaptureError, ConfigError, EdgeAgentError
from edge_agent.core.languages import Bilingual
from edge_agent.core.model import Cause
from edge_agent.core.problems import problem_of
from edge_agent.core.secrets import Credentials, Secret
from edge_agent.host.health.camera_identity import find_neighbour_mac
from edge_agent.tools.cameras.access import open_journal
from edge_agent.tools.cameras.discovered import DiscoveredCamera, DiscoveryState
from edge_agent.tools.cameras.search import Discovery, Search
from edge_agent.wire import BundleSite, ClaimCamera

CONNECT_S = 3.0
RTSP_PORT = 554
OPEN = StreamTimeouts(open_s=6.0)
Discover = Callable[[], Sequence[DiscoveredCamera]]


@dataclass(frozen=True, slots=True)
class CameraOfSite:
    """A camera of the sheet of sites, and what was found at its address. ``fits``: it can be used as the
    sheet says. ``said``: the sentence for the technician."""

    id: str
    name: str
    fits: bool
    said: Bilingual
    model: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class CamerasFound:
    cameras: tuple[CameraOfSite, ...]
    strangers: tuple[Bilingual, ...] = ()  # cameras that the sheet does not name

    def wire(self, sysroot: Path = Path("/")) -> list[ClaimCamera]:
        """Return the cameras as the claim lists them. The MAC comes from the box's table of neighbours,
        because no login has been made yet."""
        return [
            ClaimCamera(
                id=each.id,
                address=each.address or None,
                mac=find_neighbour_mac(each.address, sysroot),
                model=each.model[:200] or None,
            )
            for each in self.cameras
        ]


def discover(state: Path) -> Sequence[DiscoveredCamera]:
    """Search the network by multicast, without a login. Takes some five seconds. Returns nothing if the
    search fails."""
    try:
        return Discovery(open_journal(state, "en"), SystemClock(), lambda _: None).search(Search())
    except EdgeAgentError:
        return ()


def find_cameras(site: BundleSite, search: Discover) -> CamerasFound:
    """Compare the cameras of the sheet with the network. Each camera's stream port is tried, and ``search``
    finds what else is there."""
    with ThreadPoolExecutor(max(1, min(8, len(site.cameras) + 1))) as threads:
        searched = threads.submit(search)
        open_ = list(threads.map(_answers, [camera.url for camera in site.cameras]))
        found = {camera.host: camera for camera in searched.result()}
    cameras = []
    for camera, answers in zip(site.cameras, open_, strict=True):
        host = urlsplit(camera.url).hostname or ""
        there = found.pop(host, None)
        fits, said = _judged(host, answers, there)
        model = there.model if there is not None else ""
        seen = host if answers or there is not None else ""
        cameras.append(CameraOfSite(camera.id, camera.name, fits, said, model, seen))
    strangers = tuple(words("camera-stranger", address=host) for host in found)
    return CamerasFound(tuple(cameras), strangers)


def _judged(host: str, answers: bool, there: DiscoveredCamera | None) -> tuple[bool, Bilingual]:
    if there is not None and there.state is DiscoveryState.NOT_ACTIVATED:
        return False, words("camera-not-activated")
    if answers:
        return True, words("camera-found")
    if there is not None:
        return False, words("camera-other-port", address=host)
    return False, words("camera-missing", address=host)


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or RTSP_PORT), CONNECT_S):
            return True
    except (OSError, ValueError):
        return False


def settings_of(site: BundleSite, run: Path) -> Settings:
    """Return the settings of the bundle's configuration, without passwords, keys and certificates. Raises
    CommissioningError."""
    with tempfile.TemporaryDirectory(dir=run) as folder:
        path = Path(folder) / "edge-agent.yaml"
        path.write_bytes(msgspec.json.encode(site.configuration))  # JSON is YAML, too
        try:
            return config.load(path, no_secrets=True)
        except ConfigError as error:
            first = error.problems[0] if error.problems else None
            reason = str(error) if first is None else Bilingual(first.text("en"), first.text("vi"))
            raise CommissioningError("configuration-wrong", site=site.id, reason=reason) from error


def with_passwords(settings: Settings, passwords: Mapping[str, str]) -> Settings:
    """Return the settings with these passwords, which are given by camera."""
    return replace(settings, cameras=tuple(_with_password(each, passwords) for each in settings.cameras))


def _with_password(camera: Camera, passwords: Mapping[str, str]) -> Camera:
    if camera.credentials is None:
        return camera
    login = Credentials(camera.credentials.username, Secret(passwords.get(camera.id, "")))
    return replace(camera, credentials=login)


def try_passwords(settings: Settings, reachable: frozenset[str], state: Path) -> None:
    """Log in once at each of the ``reachable`` cameras, if ``core.camera_logins`` allows it. Raises
    CommissioningError if a camera refuses its password or the password may not be tried now. A camera that is
    dead or busy raises nothing."""
    asked = [each for each in settings.cameras if each.credentials is not None and each.id in reachable]

    def refusal(camera: Camera) -> str | None:
        try:
            clock = SystemClock()
            source = LimitedLogins(state, clock).open(camera, clock, lambda _: False, OPEN)
        except CaptureError as error:
            if error.cause is not Cause.UNAUTHORIZED:
                return None
            problem = problem_of(error.detail)
            if problem is None or problem.code == "stream-not-permitted":
                return None
            return "password-untried" if problem.code == "login-of-user-waits" else "password-wrong"
        source.close()
        return None

    with ThreadPoolExecutor(max(1, min(8, len(asked)))) as threads:
        refusals = list(threads.map(refusal, asked))
    for code in ("password-untried", "password-wrong"):
        if code in refusals:
            cameras = [camera.id for camera, why in zip(asked, refusals, strict=True) if why == code]
            raise CommissioningError(code, cameras=cameras)


def forget_passwords(run: Path) -> None:
    """Delete the passwords in memory, because the box has given up its site."""
    for path in (run / "credentials").glob("*"):
        path.unlink(missing_ok=True)


def store_passwords(run: Path, passwords: Mapping[str, str]) -> None:
    """Store the passwords in memory, in the form in which systemd passes them to a service. Aiming and the
    examination need them."""
    folder = run / "credentials"
    folder.mkdir(mode=0o700, exist_ok=True)
    for camera, password in passwords.items():
        path = folder / camera
        path.unlink(missing_ok=True)
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(password + "\n")


def adopt_passwords(run: Path) -> None:
    """Make this program read passwords from the folder in memory. If the technician has typed none since the
    box started, fill the folder with the passwords that systemd passes to the service."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    if given and not (run / "credentials").is_dir():
        # systemd makes a flat folder: credentials_cam-1 (systemd.exec(5)).
        found = {path.name.partition("_")[2]: path for path in Path(given).glob("credentials_*")}
        store_passwords(
            run, {camera: path.read_text("utf-8").removesuffix("\n") for camera, path in found.items()}
        )
    os.environ["CREDENTIALS_DIRECTORY"] = str(run)
