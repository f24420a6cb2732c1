"""Pictures with their boxes, as a manifest lists them; split by place, never by frame.

A data folder holds ``manifest.csv`` and a folder a set with ``images/`` and ``labels/`` (YOLO text: class,
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

CLASSES = ("person", "two-wheeler", "vehicle")
IGNORE = len(CLASSES)
SOURCES = Path(__file__).with_name("sources.yaml")

Image = NDArray[np.uint8]  # BGR, [height, width, 3]
Boxes = NDArray[np.float32]  # [n, 5]: x1, y1, x2, y2 in pixels, class


class DataError(Exception):
    """The data cannot be used; the message names the file and what to do."""


@dataclass(frozen=True)
class Source:
    """Where a set of pictures is from."""

    address: str
    licence: str
    attribution: str
    weight: float = 1.0
    unlabelled: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Item:
    """One labelled picture."""

    path: Path
    set: str
    place: str
    light: str  # day, night, lowlight, mixed
    split: str  # train, dev
    sha256: str

    def image(self) -> Image:
        """Raises DataError."""
        found = cv2.imread(str(self.path), cv2.IMREAD_COLOR)
        if found is None:
            raise DataError(f"{self.path} is no picture that OpenCV can read")
        return np.asarray(found, np.uint8)

    def boxes(self, width: int, height: int) -> Boxes:
        """In pixels of a picture of that size. Raises DataError."""
        path = self.path.parents[1] / "labels" / f"{self.path.stem}.txt"
        try:
            lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
            rows = np.array([line.split()[:5] for line in lines if line.strip()], np.float32).reshape(-1, 5)
        except ValueError as error:
            raise DataError(f"{path}: each line must be five numbers: {error}") from error
        kind, centre, half = rows[:, :1], rows[:, 1:3], rows[:, 3:5] / 2
        scale = np.array([width, height], np.float32)
        return np.hstack([(centre - half) * scale, (centre + half) * scale, kind]).astype(np.float32)


def read_sources(path: Path = SOURCES) -> dict[str, Source]:
    """By name of the set."""
    return {name: Source(**keys) for name, keys in yaml.safe_load(path.read_text(encoding="utf-8")).items()}


def read_manifest(folder: Path, sources: dict[str, Source]) -> list[Item]:
    """The labelled pictures of a data folder. Raises DataError, also for a set without a known licence."""
    path = folder / "manifest.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] != "unlabelled"]
    except (OSError, KeyError) as error:
        raise DataError(f"{path} cannot be read: {error!r}") from error
    strangers = sorted({row["set"] for row in rows} - set(sources))
    if strangers:
        raise DataError(f"{path}: no licence is known of {', '.join(strangers)}: add them to {SOURCES.name}")
    return [
        Item(
            folder / row["set"] / row["file"],
            *(row[key] for key in ("set", "place", "light", "split", "sha256")),
        )
        for row in rows
    ]


def damaged(items: Iterable[Item]) -> Iterator[Path]:
    """Pictures that are missing or not those of the manifest."""
    for item in items:
        try:
            with item.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            digest = ""
        if digest != item.sha256:
            yield item.path


def split(items: Sequence[Item], held_out: Sequence[str] = ()) -> tuple[list[Item], list[Item]]:
    """Training and held-out pictures. A place is in one of the two: the manifest's, or those of ``held_out``.

    Without ``held_out`` a place with any picture in ``dev`` is held out as a whole.
    """
    places = set(held_out) or {item.place for item in items if item.split == "dev"}
    train = [item for item in items if item.place not in places]
    return train, [item for item in items if item.place in places]
