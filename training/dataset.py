"""Pictures with their boxes, as a manifest lists them; split by place, never by frame.

A data folder has ``manifest.csv`` and one folder per set with ``images/`` and ``labels/`` (YOLO text: class,
centre x, centre y, width, height, 0..1). Classes: 0 person, 1 two-wheeler with its riders as one box,
2 vehicle, 3 ignore.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from training.checked import NO_BOXES, corrected, read_checked
from training.checked import Boxes as Boxes

CLASSES = ("person", "two-wheeler", "vehicle")
IGNORE = len(CLASSES)
SOURCES = Path(__file__).with_name("sources.yaml")

Image = NDArray[np.uint8]  # BGR, [height, width, 3]


class DataError(Exception):
    """The data cannot be used; the message names the file and what to do."""


@dataclass(frozen=True)
class Source:
    """The origin and licence of a set of pictures."""

    address: str
    licence: str
    attribution: str
    weight: float = 1.0  # how often a picture of the set is drawn
    unlabelled: list[str] = field(default_factory=list)
    taught: bool = False  # by a teacher, too
    crops: bool = False  # squares of background, no whole pictures
    split: str = ""  # replaces that of the manifest
    photographs: bool = False  # each picture is a separate place


@dataclass(frozen=True)
class Item:
    """One labelled picture."""

    path: Path
    set: str
    place: str
    light: str  # day, night, lowlight, mixed
    split: str  # train, dev, unlabelled
    sha256: str
    taught: Path | None = None
    """Labels of all classes, the set's own and a teacher's; None: only the set's own."""

    def checked(self, width: int, height: int) -> Boxes:
        """The boxes that were judged one by one, in pixels of a picture of that size."""
        found = read_checked().get(f"{self.set}/{self.path.stem}", NO_BOXES)
        return found * np.array([width, height, width, height, 1], np.float32)

    def image(self) -> Image:
        """Read the picture. Raises DataError."""
        found = cv2.imread(str(self.path), cv2.IMREAD_COLOR)
        if found is None:
            raise DataError(f"{self.path} is no picture that OpenCV can read")
        return np.asarray(found, np.uint8)

    def boxes(self, width: int, height: int) -> Boxes:
        """Read the boxes in pixels of a picture of that size. Raises DataError."""
        path = self.taught or self.path.parents[1] / "labels" / f"{self.path.stem}.txt"
        try:
            lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
            rows = np.array([line.split()[:5] for line in lines if line.strip()], np.float32).reshape(-1, 5)
        except ValueError as error:
            raise DataError(f"{path}: each line must be five numbers: {error}") from error
        if not np.isfinite(rows).all() or not np.isin(rows[:, 0], range(IGNORE + 1)).all():
            raise DataError(
                f"{path}: each line must begin with a class, 0 to {IGNORE}, and be of finite numbers"
            )
        kind, centre, half = rows[:, :1], rows[:, 1:3], rows[:, 3:5] / 2
        scale = np.array([width, height], np.float32)
        found = np.hstack([(centre - half) * scale, (centre + half) * scale, kind]).astype(np.float32)
        return found if self.taught else corrected(found, self.checked(width, height))


def read_sources(path: Path = SOURCES) -> dict[str, Source]:
    """Read the sources by name of the set."""
    return {name: Source(**keys) for name, keys in yaml.safe_load(path.read_text(encoding="utf-8")).items()}


def read_manifest(folder: Path, sources: dict[str, Source], taught: Path | None = None) -> list[Item]:
    """The labelled pictures of a data folder. Raises DataError, also for a set without a known licence.

    ``taught``: folder of `python -m training teach`, whose labels replace those of the sets; pictures without
    any labels are left out.
    """
    return [
        item for item in read_pictures(folder, sources, taught) if item.taught or item.split != "unlabelled"
    ]


def read_pictures(folder: Path, sources: dict[str, Source], taught: Path | None = None) -> list[Item]:
    """Read all pictures of a data folder, also those without labels. Raises DataError."""
    path = folder / "manifest.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        strangers = sorted({row["set"] for row in rows} - set(sources))
        if strangers:
            raise DataError(
                f"{path}: no licence is known of {', '.join(strangers)}: add them to {SOURCES.name}"
            )
        return [_item(folder, row, sources[row["set"]], taught) for row in rows]
    except (OSError, KeyError) as error:
        raise DataError(f"{path} cannot be read: {error!r}") from error


def _item(folder: Path, row: dict[str, str], source: Source, taught: Path | None) -> Item:
    path = folder / row["set"] / row["file"]
    place = f"{row['place']}/{path.stem}" if source.photographs else row["place"]
    labels = taught / row["set"] / f"{path.stem}.txt" if taught else None
    known = labels if labels and labels.exists() else None
    return Item(path, row["set"], place, row["light"], source.split or row["split"], row["sha256"], known)


def damaged(items: Iterable[Item]) -> Iterator[Path]:
    """Return pictures that are missing or differ from the manifest."""
    for item in items:
        try:
            with item.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            digest = ""
        if digest != item.sha256:
            yield item.path


def fingerprint(items: Iterable[Item], start: Path | None = None, drawn: Path | None = None) -> str:
    """Return a digest of pictures and their labels, of the checkpoint to begin with, and of drawings."""
    whole = hashlib.sha256(start.read_bytes() if start else b"")
    for item in items:
        whole.update(f"{item.sha256} {item.set} {item.place}\n".encode())
        whole.update(item.boxes(1, 1).tobytes())
    for path in sorted(drawn.glob("*.png")) if drawn else ():
        whole.update(path.name.encode())
    return whole.hexdigest()


def split(items: Sequence[Item], held_out: Sequence[str] = ()) -> tuple[list[Item], list[Item]]:
    """Training and held-out pictures. A place is in one of the two: the manifest's, or those of ``held_out``.

    Without ``held_out`` a place with any picture in ``dev`` is held out as a whole. Raises DataError for a
    place in ``held_out`` that has no picture.
    """
    if strangers := sorted(set(held_out) - {item.place for item in items}):
        raise DataError(f"no labelled picture is of {', '.join(strangers)}: it cannot be held out")
    places = set(held_out) or {item.place for item in items if item.split == "dev"}
    train = [item for item in items if item.place not in places]
    return train, [item for item in items if item.place in places]
