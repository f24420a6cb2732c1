"""Drawn streets as training data, to test every step of training in a minute.

A model that was trained with them is useless on real streets: `make train-smoke` only shows that the steps
work.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np

from training.dataset import Image

SIZE = (320, 240)
SHAPES = {0: ((8, 24), (180, 60, 60)), 1: ((20, 24), (60, 180, 60)), 2: ((48, 28), (60, 60, 180))}
"""Class to width and height in pixels and colour, BGR."""
FIELDS = ("set", "file", "sha256", "place", "light", "split")


def draw(folder: Path, pictures: int, seed: int = 0) -> None:
    """Write a data folder of two places, one of them held out."""
    rng = np.random.default_rng(seed)
    place = folder / "overpass_traffic"
    for name in ("images", "labels"):
        (place / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(pictures):
        image, lines = _street(rng)
        path = place / "images" / f"{number}.png"
        cv2.imwrite(str(path), image)
        (place / "labels" / f"{number}.txt").write_text("\n".join(lines), encoding="ascii")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        where = ("drawn-2", "dev") if number % 4 == 0 else ("drawn-1", "train")
        rows.append((place.name, f"images/{path.name}", digest, where[0], "day", where[1]))
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([FIELDS, *rows])


def _street(rng: np.random.Generator) -> tuple[Image, list[str]]:
    image = np.asarray(rng.integers(104, 116, (SIZE[1], SIZE[0], 3)), np.uint8)
    lines = []
    for kind, ((width, height), colour) in SHAPES.items():
        for _ in range(2):
            x, y = int(rng.integers(0, SIZE[0] - width)), int(rng.integers(0, SIZE[1] - height))
            cv2.rectangle(image, (x, y), (x + width, y + height), colour, -1)
            middle = ((x + width / 2) / SIZE[0], (y + height / 2) / SIZE[1])
            lines.append(
                f"{kind} {middle[0]:.5f} {middle[1]:.5f} {width / SIZE[0]:.5f} {height / SIZE[1]:.5f}"
            )
    return image, lines
