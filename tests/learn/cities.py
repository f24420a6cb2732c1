"""Drawn cities: the frames that their gateways collected, and teachers that see as well as is asked."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge_agent.cli.collect import COLUMNS
from tests.testbed.walker import FPS, film
from training.agreement import Voice
from training.dataset import Image
from training.predict import Floats

PERSON, TWO_WHEELER, VEHICLE = 0, 1, 2
SIZE = (320, 240)


@dataclass(frozen=True)
class City:
    """Sizes in pixels and colours, BGR, of the classes; brightness of the street."""

    shapes: dict[int, tuple[tuple[int, int], tuple[int, int, int]]]
    ground: tuple[int, int] = (104, 116)


FLAT = City({0: ((8, 24), (180, 60, 60)), 1: ((20, 24), (60, 180, 60)), 2: ((48, 28), (60, 60, 180))})
STEEP = City(
    {0: ((18, 36), (20, 200, 220)), 1: ((40, 36), (230, 30, 200)), 2: ((76, 50), (240, 240, 240))}, (74, 86)
)
"""Seen from a higher pole, and painted otherwise. Not so dark that pictures are brightened for a model."""


def draw(city: City, rng: np.random.Generator) -> Image:
    image = np.asarray(rng.integers(*city.ground, (SIZE[1], SIZE[0], 3)), np.uint8)
    taken = np.zeros(image.shape[:2], bool)
    for (width, height), colour in city.shapes.values():
        left = 2
        while left:
            x, y = int(rng.integers(2, SIZE[0] - width - 2)), int(rng.integers(2, SIZE[1] - height - 2))
            if not taken[y - 2 : y + height + 2, x - 2 : x + width + 2].any():
                taken[y - 2 : y + height + 2, x - 2 : x + width + 2] = True
                cv2.rectangle(image, (x, y), (x + width - 1, y + height - 1), colour, -1)
                left -= 1
    return image


def collect(folder: Path, city: City, cameras: Sequence[str], frames: int, seed: int = 0) -> None:
    """As `edge-agent collect open` leaves it."""
    rng = np.random.default_rng(seed)
    rows = []
    for place in cameras:
        (folder / place).mkdir(parents=True)
        for number in range(frames):
            file = f"{place}/20261124T{number:06}.png"
            cv2.imwrite(str(folder / file), draw(city, rng))
            digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
            row = dict.fromkeys(COLUMNS, "") | {"file": file, "sha256": digest, "place": place}
            rows.append(row | {"light": "bright"})
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file_:
        writer = csv.DictWriter(file_, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def teacher(city: City, score: float = 0.8, calls: dict[int, int] | None = None) -> Voice:
    """Sees all that is drawn, by its colour; ``calls`` says as what it names a class wrongly."""

    def see(image: Image) -> Floats:
        rows = []
        for kind, (_, colour) in city.shapes.items():
            mask = cv2.inRange(image, np.subtract(colour, 12), np.add(colour, 12))
            count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
            named = (calls or {}).get(kind, kind)
            for x, y, width, height, area in stats[1:count].tolist():
                if area > 30:
                    rows.append((x, y, x + width, y + height, score, named))
        return np.array(rows, np.float32).reshape(-1, 6)

    return see


def traffic(path: Path, city: City, seconds: int = 4) -> Path:
    """A clip in which each object crosses the street once; it can be repeated."""
    return film(path, _crossing(city, seconds * FPS), SIZE, {"crf": "18"})


def _crossing(city: City, count: int) -> Iterator[Image]:
    rng = np.random.default_rng(0)
    street = np.asarray(rng.integers(*city.ground, (SIZE[1], SIZE[0], 3)), np.uint8)
    order = (PERSON, VEHICLE, TWO_WHEELER, PERSON, TWO_WHEELER)
    for number in range(count):
        image, top = street.copy(), 6
        for row, kind in enumerate(order):
            (width, height), colour = city.shapes[kind]
            done = (number / count + row / len(order)) % 1
            left = round(done * (SIZE[0] + width)) - width
            cv2.rectangle(image, (left, top), (left + width - 1, top + height - 1), colour, -1)
            top += height + 7
        yield image
