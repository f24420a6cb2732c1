"""The folder of labelled pictures with which a model is measured: ``IDENTITY/CAMERA-*.jpg``, or with a folder
for each group, ``GROUP/IDENTITY/CAMERA-*.jpg``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.core.errors import CentralError
from edge_central.appearance.card import ALL
from edge_central.journey_settings import GROUPS

MAX_PICTURES = 5_000
"""A limit, because each pair of pictures is compared: 12.5 million pairs."""
_ENDINGS = frozenset((".jpg", ".jpeg"))


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    group: str  # a group of passages, or ``ALL``
    identity: str
    camera: str
    path: Path


def read_folder(folder: Path) -> list[LabelledPicture]:
    """Return all pictures, in order. Raises CentralError if the folder has another structure."""
    try:
        found = list(_pictures(folder))
    except OSError as error:
        raise CentralError(f"{folder}: cannot be read: {error.strerror}; nothing was measured") from error
    if not found:
        raise CentralError(f"{folder}: no pictures such as IDENTITY/CAMERA-1.jpg in it; nothing was measured")
    if len(found) > MAX_PICTURES:
        raise CentralError(
            f"{folder}: {len(found)} pictures, at most {MAX_PICTURES} can be compared; nothing was measured"
        )
    return found


def _pictures(folder: Path) -> Iterator[LabelledPicture]:
    folders = sorted(each for each in folder.iterdir() if each.is_dir())
    grouped = [each for each in folders if each.name in GROUPS]
    if grouped and len(grouped) < len(folders):
        other = next(each for each in folders if each not in grouped)
        raise CentralError(
            f"{other}: stands beside folders of groups ({', '.join(GROUPS)}); nothing was measured"
        )
    if not grouped:
        yield from _of_identities(ALL, folders)
    for group in grouped:
        yield from _of_identities(group.name, sorted(each for each in group.iterdir() if each.is_dir()))


def _of_identities(group: str, folders: list[Path]) -> Iterator[LabelledPicture]:
    for identity in folders:
        for path in sorted(each for each in identity.iterdir() if each.suffix.lower() in _ENDINGS):
            camera, dash, _ = path.stem.rpartition("-")
            if not (dash and camera):
                raise CentralError(
                    f"{path}: the name must begin with the camera, such as gate-cam-1-0001.jpg; "
                    "nothing was measured"
                )
            yield LabelledPicture(group, identity.name, camera, path)
