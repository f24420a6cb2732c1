"""The birth message: hardware, software, configuration and cameras of a gateway. Sent at every connect."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from edge_agent import __version__
from edge_agent.config.board import read_board
from edge_agent.config.model.settings import Camera, Location, Settings
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.secrets import masked
from edge_agent.host.board.boot import BootReason
from edge_agent.host.board.platform import firmware_version, os_release
from edge_agent.wire import Birth, BirthCamera, BirthDetector, BirthLocation, CameraIdentity

DISTRIBUTIONS = {
    "av": "av",
    "opencv": "opencv-python-headless",
    "numpy": "numpy",
    "litert": "ai-edge-litert",
    "tflite-runtime": "tflite-runtime",
    "paho": "paho-mqtt",
}


def make_birth(
    settings: Settings,
    clock: Clock,
    session: str,
    boot_id: str,
    boot_reason: BootReason,
    detector: BirthDetector,
    versions: Mapping[str, str],
    sysroot: Path = Path("/"),
    evidence_key: str | None = None,
    identities: Mapping[str, CameraIdentity] | None = None,
) -> Birth:
    """Make the message. ``versions``: those that the caller knows, such as FFmpeg's libraries; the installed
    ones are added. ``identities``: by camera id."""
    gateway, below = settings.gateway, settings.profile.platform
    return Birth(
        time=rfc3339(clock.now()),
        session=session,
        gateway=gateway.id,
        ward=gateway.ward,
        name=gateway.name,
        version=__version__,
        versions=installed_versions() | dict(versions),
        profile=settings.profile.name,
        board=read_board(sysroot).name,
        os=os_name(sysroot),
        boot_id=boot_id,
        boot_reason=boot_reason.value,
        detector=detector,
        config_hash=settings.config_hash,
        evidence_key=evidence_key,
        firmware=None if below is None else firmware_version(below.firmware, sysroot),
        cameras=[_camera(camera, (identities or {}).get(camera.id)) for camera in settings.cameras],
        location=wire_location(gateway.location),
    )


def installed_versions() -> dict[str, str]:
    """Return the versions of Python, the kernel and the installed libraries of ``DISTRIBUTIONS``."""
    found = {"python": platform.python_version(), "kernel": platform.release()}
    for name, distribution in DISTRIBUTIONS.items():
        try:
            found[name] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return found


def os_name(sysroot: Path = Path("/")) -> str:
    return os_release(sysroot).get("PRETTY_NAME") or platform.system()


def wire_location(location: Location | None) -> BirthLocation | None:
    if location is None:
        return None
    return BirthLocation(latitude=location.latitude, longitude=location.longitude)


def _camera(camera: Camera, identity: CameraIdentity | None) -> BirthCamera:
    return BirthCamera(
        id=camera.id,
        url=masked(camera.url),
        analyse_fps=camera.analyse.fps,
        analyse_width=camera.analyse.width,
        identity=identity,
    )
