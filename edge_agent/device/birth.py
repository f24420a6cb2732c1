"""The birth message: what this gateway is made of. Made once a start, sent on every connect."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from edge_agent import __version__
from edge_agent.clock import Clock, rfc3339
from edge_agent.config.settings import Camera, Location, Settings
from edge_agent.device.boot import BootReason
from edge_agent.device.sensors import read_text
from edge_agent.secrets import masked
from edge_agent.wire import Birth, BirthCamera, BirthDetector, BirthLocation

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
) -> Birth:
    """``versions`` adds what only its owner can ask for, such as FFmpeg's libraries."""
    gateway = settings.gateway
    return Birth(
        time=rfc3339(clock.now()),
        session=session,
        gateway=gateway.id,
        ward=gateway.ward,
        name=gateway.name,
        version=__version__,
        versions=installed_versions() | dict(versions),
        profile=settings.profile.name,
        board=board_name(sysroot),
        os=os_name(sysroot),
        boot_id=boot_id,
        boot_reason=boot_reason.value,
        detector=detector,
        config_hash=settings.config_hash,
        evidence_key=evidence_key,
        cameras=[_camera(camera) for camera in settings.cameras],
        location=_location(gateway.location),
    )


def installed_versions() -> dict[str, str]:
    """Python, the kernel, and every library that decides what the agent can do; absent ones left out."""
    found = {"python": platform.python_version(), "kernel": platform.release()}
    for name, distribution in DISTRIBUTIONS.items():
        try:
            found[name] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return found


def board_name(sysroot: Path = Path("/")) -> str:
    """The board as its firmware calls it: device tree, or DMI on a PC."""
    model = read_text(sysroot / "proc/device-tree/model")
    if model:
        return model
    dmi = sysroot / "sys/class/dmi/id"
    words = [read_text(dmi / "sys_vendor"), read_text(dmi / "product_name")]
    return " ".join(word for word in words if word) or "unknown"


def os_name(sysroot: Path = Path("/")) -> str:
    for line in (read_text(sysroot / "etc/os-release") or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"'")
    return platform.system()


def _location(location: Location | None) -> BirthLocation | None:
    if location is None:
        return None
    return BirthLocation(latitude=location.latitude, longitude=location.longitude)


def _camera(camera: Camera) -> BirthCamera:
    return BirthCamera(
        id=camera.id,
        url=masked(camera.url),
        analyse_fps=camera.analyse.fps,
        analyse_width=camera.analyse.width,
    )
