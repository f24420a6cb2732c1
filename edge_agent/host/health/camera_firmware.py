"""Compares the firmware of cameras with a list of oldest versions: ``camera_firmware.yaml``, and what the
configuration adds to it.

Versions are compared number by number (``V5.7.3``, ``2.800.0000000.16.R``), builds by their date (``build
220112``, ``build 2021-05-12``). A version that cannot be read is not reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from edge_agent.config.fields import tree
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.files import ConfigFiles
from edge_agent.config.fields.schema_types import ReadContext
from edge_agent.config.model.camera_parts import CAMERA_FIRMWARE, CameraFirmware
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import ConfigError
from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.wire import CameraIdentity

FILE = Path(__file__).with_name("camera_firmware.yaml")
_BUILD = re.compile(r"build[\s:_]*(\d{4}-\d\d-\d\d|\d{8}|\d{6})", re.IGNORECASE)
_VERSION = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True, slots=True)
class OldFirmware:
    """A camera whose firmware is older than ``wanted``."""

    camera: str
    identity: CameraIdentity
    wanted: CameraFirmware

    @property
    def minimum(self) -> str:
        """The oldest accepted firmware as a text for people."""
        wanted = self.wanted
        built = None if wanted.minimum_build is None else f"build {wanted.minimum_build}"
        return ", ".join(each for each in (wanted.minimum, built) if each)


@cache
def shipped_list() -> tuple[CameraFirmware, ...]:
    """Return the list that ships in the package. Raises ``ConfigError`` if it has mistakes."""
    reading = ReadContext(ConfigFiles(FILE.parent, None), SystemClock())
    node, problems = tree.parse(FILE.read_bytes(), str(FILE))
    reading.problems.extend(problems)
    entry = node.entries.get("camera_firmware") if isinstance(node, tree.Mapping) else None
    found = () if entry is None else ListOf(CAMERA_FIRMWARE, "entries", most=200).read(entry.value, reading)
    if reading.problems or not isinstance(found, tuple):
        raise ConfigError(f"{FILE} cannot be used", tuple(reading.problems))
    return found


def old_firmware(
    identities: Mapping[str, CameraIdentity], configured: Sequence[CameraFirmware]
) -> Iterator[OldFirmware]:
    """Yield the cameras with too old firmware, each with the first entry that requires a newer one. Entries
    of ``configured`` come first, and replace shipped entries for the same models."""
    replaced = {(each.vendor.lower(), each.models.lower()) for each in configured}
    shipped = [each for each in shipped_list() if (each.vendor.lower(), each.models.lower()) not in replaced]
    for camera, identity in identities.items():
        for wanted in (*configured, *shipped):
            if _concerns(wanted, identity) and _is_older(identity.firmware or "", wanted):
                yield OldFirmware(camera, identity, wanted)
                break


def firmware_lines(
    identities: Mapping[str, CameraIdentity], configured: Sequence[CameraFirmware]
) -> Iterator[ProblemText]:
    """Yield lines for the heartbeat's ``degraded``, one for each camera with too old firmware."""
    for old in old_firmware(identities, configured):
        yield problem_text(
            "camera-firmware-old",
            camera=old.camera,
            firmware=old.identity.firmware or "",
            model=old.identity.model or "",
            minimum=old.minimum,
        )


def version_of(firmware: str) -> tuple[int, ...]:
    """Return the numbers of the version, without zeros at the end; empty if there are none."""
    found = _VERSION.search(_BUILD.sub("", firmware)) or re.search(r"\d+", _BUILD.sub("", firmware))
    numbers = [] if found is None else [int(each) for each in found[0].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def build_of(firmware: str) -> date | None:
    """Return the date of ``build 220112``, ``build 2021-05-12`` or ``build 20210512``; else None."""
    found = _BUILD.search(firmware)
    if found is None:
        return None
    digits = found[1].replace("-", "")
    try:
        return date.fromisoformat(digits if len(digits) == 8 else f"20{digits}")
    except ValueError:
        return None


def _concerns(wanted: CameraFirmware, identity: CameraIdentity) -> bool:
    maker, model = (identity.manufacturer or "").lower(), (identity.model or "").lower()
    return wanted.vendor.lower() in maker and fnmatchcase(model, wanted.models.lower())


def _is_older(firmware: str, wanted: CameraFirmware) -> bool:
    version, build = version_of(firmware), build_of(firmware)
    if wanted.minimum is not None and version:
        minimum = version_of(wanted.minimum)
        if version != minimum:
            return version < minimum
        least_build = build_of(wanted.minimum)
        if least_build is not None and build is not None and build < least_build:
            return True
    if wanted.minimum_build is not None and build is not None:
        return build < date.fromisoformat(wanted.minimum_build)
    return False
