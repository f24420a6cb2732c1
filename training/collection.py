"""Frames that gateways collected, as `edge-agent collect open` writes them: pictures and a manifest.

A place is a camera of a gateway. Some whole cameras are held out: their pictures are not for training, and
the trained model is measured on them.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import msgspec
import numpy as np

from training.dataset import Boxes, DataError, Item, Source
from training.progress import Progress

SET = "collection"
"""The set that all frames of a collection belong to, in figures and draws."""
SOURCE = Source("the operator's own cameras", "the operator's own", "")
SMALLEST = 64  # pixels of an edge
HELD_OUT_SHARE = 5
"""One camera of so many is held out where the operator names none."""


@dataclass(frozen=True)
class Frame(Item):
    """One picture of a collection. Its labels are those that were agreed on or answered."""

    file: str = ""  # as in the manifest: place/name.jpg
    labels: Path = Path()

    def boxes(self, width: int, height: int) -> Boxes:
        plain = Item(self.path, self.set, self.place, self.light, self.split, self.sha256, self.labels)
        return plain.boxes(width, height)


@dataclass(frozen=True)
class Row:
    """The manifest's row of one picture."""

    file: str
    sha256: str
    place: str
    light: str


def read_rows(folder: Path) -> list[Row]:
    """Read the rows by file, each picture once. Raises DataError."""
    path = folder / "manifest.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = [_row(row, f"{path}: line {reader.line_num}") for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a manifest of `edge-agent collect open`: {error}") from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): `edge-agent collect open` writes it with the pictures"
        ) from error
    except KeyError as error:
        raise DataError(f"{path} has no column {error}: `edge-agent collect open` writes it") from error
    once = {row.sha256: row for row in sorted(rows, key=lambda row: row.file, reverse=True)}
    return sorted(once.values(), key=lambda row: row.file)


def _row(row: dict[str, str | None], where: str) -> Row:
    file, digest, place, light = (row[name] for name in ("file", "sha256", "place", "light"))
    if file is None or digest is None or place is None or light is None:
        raise DataError(f"{where} is cut off: run `edge-agent collect open` again")
    return Row(file, digest, place, light)


def check(folder: Path, rows: Sequence[Row], kept: Path, progress: Progress) -> dict[str, str]:
    """Each picture that cannot be used, by file, with the reason.

    ``kept`` is the file of what was good before: only other pictures, and those that changed, are read.
    """
    try:
        good = set(msgspec.json.decode(kept.read_bytes(), type=list[str]))
    except (OSError, msgspec.DecodeError):
        good = set()
    faults = {}
    try:
        for row in progress.over(rows):
            key = f"{row.file} {row.sha256} {_state(folder / row.file)}"
            if key in good:
                continue
            if fault := _fault(folder, row):
                faults[row.file] = fault
            else:
                good.add(key)
    finally:
        kept.write_text(json.dumps(sorted(good), indent=0), encoding="utf-8")
    return faults


def _state(path: Path) -> str:
    """Return size and time of the last change of a file; empty without a file."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


def _fault(folder: Path, row: Row) -> str:
    """Return the reason why a picture cannot be used; empty if it can."""
    parts = PurePosixPath(row.file).parts
    if not parts or parts[0] == "/" or ".." in parts:
        return "the manifest names a file outside of the collection"
    try:
        content = (folder / row.file).read_bytes()
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    except ValueError as error:  # a NUL in the name
        return f"it cannot be read: {error}"
    if hashlib.sha256(content).hexdigest() != row.sha256:
        return "its sha256 is not the manifest's: it was changed or cut off"
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    except cv2.error:  # more pixels than ``cli.learn.MAX_PIXELS``
        return "it says that it is larger than any picture of a camera"
    if image is None:
        return "it is no picture that OpenCV can read"
    if min(image.shape[:2]) < SMALLEST:
        return f"it is smaller than {SMALLEST} pixels"
    return ""


def frames(folder: Path, rows: Sequence[Row], labels: Path) -> list[Frame]:
    """Return the frames in the order of cameras and time. ``labels``: the folder of their labels."""
    return list(_frames(folder, rows, labels))


def _frames(folder: Path, rows: Sequence[Row], labels: Path) -> Iterator[Frame]:
    for row in sorted(rows, key=lambda row: row.file):
        label_file = (labels / row.file).with_suffix(".txt")
        yield Frame(
            folder / row.file,
            SET,
            row.place,
            row.light,
            "",
            row.sha256,
            file=row.file,
            labels=label_file,
        )


def held_out(places: Sequence[str], asked: Sequence[str], before: Collection[str] = ()) -> list[str]:
    """Cameras to hold out: those that were asked for, else one of ``HELD_OUT_SHARE``. Raises DataError.

    By their hash, so that a larger collection of the same cameras holds out the same ones. ``before``: places
    that the checkpoint was trained on; these measure nothing.
    """
    every = sorted(set(places), key=lambda place: hashlib.sha256(place.encode()).hexdigest())
    if len(every) < 2:
        raise DataError(
            f"the collection has {len(every)} camera: one is held out to measure the model, "
            "so it needs two at least"
        )
    strangers = sorted(set(asked) - set(every))
    if strangers:
        raise DataError(
            f"{', '.join(strangers)}: no such camera in the collection; it has {', '.join(sorted(every))}"
        )
    if len(set(asked)) == len(every):
        raise DataError("all cameras are held out: none is left to learn from")
    if known := sorted(set(asked) & set(before)):
        raise DataError(f"{', '.join(known)}: --checkpoint was trained on it, so it cannot measure the model")
    strange = [place for place in every if place not in before]
    if not strange:
        raise DataError(
            "--checkpoint was trained on all cameras of the collection: none can measure the model"
        )
    return sorted(asked) or sorted(strange[: max(1, round(len(every) / HELD_OUT_SHARE))])
