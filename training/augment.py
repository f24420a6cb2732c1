"""Training windows: a square around an object at a random size, with weather and noise of a street camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.dataset import Boxes, Image

PAD = (114, 114, 114)
SIZES = (14.0, 130.0)
"""Pixels that the longer edge of the object in the middle has in a window."""
ZOOM = (0.25, 2.2)
MOSTLY_INSIDE = 0.4
"""Share of a box that must lie in the window; what is cut off further is no object of the window."""
SMALLEST_AREA = 30.0  # pixels
TWO_WHEELER, PERSON = 1, 0

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    image: Image
    boxes: Boxes


def window(image: Image, boxes: Boxes, size: int, rng: np.random.Generator) -> Window:
    """Cut a window of ``size`` pixels; rare and small classes are in the middle more often."""
    height, width = image.shape[:2]
    box = _middle(boxes, width, height, rng)
    wanted = np.exp(rng.uniform(*np.log(SIZES)))
    scale = float(np.clip(wanted / max(box[2] - box[0], box[3] - box[1], 1.0), *ZOOM))
    reach = size / scale
    left = (box[0] + box[2]) / 2 + rng.uniform(-0.4, 0.4) * reach - reach / 2
    top = (box[1] + box[3]) / 2 + rng.uniform(-0.4, 0.4) * reach - reach / 2
    cut = _cut(image, scale, left, top, size)
    moved = boxes.copy()
    moved[:, :4] = (moved[:, :4] - np.array([left, top, left, top], np.float32)) * scale
    return Window(cut, _clipped(moved, size))


def _middle(boxes: Boxes, width: int, height: int, rng: np.random.Generator) -> Floats:
    if not len(boxes):
        return np.array([width * 0.3, height * 0.3, width * 0.7, height * 0.7], np.float32)
    for kind, chance in ((PERSON, 0.5), (TWO_WHEELER, 0.5)):
        of_kind = boxes[boxes[:, 4] == kind]
        if len(of_kind) and rng.random() < chance:
            return np.asarray(rng.choice(of_kind)[:4], np.float32)
    return np.asarray(rng.choice(boxes)[:4], np.float32)


def _cut(image: Image, scale: float, left: float, top: float, size: int) -> Image:
    if scale < 0.7:  # without averaging a far object would be a few stray pixels
        image = np.asarray(
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
        move = np.array([[1, 0, -left * scale], [0, 1, -top * scale]], np.float32)
    else:
        move = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float32)
    return np.asarray(cv2.warpAffine(image, move, (size, size), borderValue=PAD), np.uint8)


def _clipped(boxes: Boxes, size: int) -> Boxes:
    whole = _area(boxes)
    boxes[:, :4] = boxes[:, :4].clip(0, size)
    left = _area(boxes)
    return boxes[(left > MOSTLY_INSIDE * whole) & (left > SMALLEST_AREA)]


def _area(boxes: Boxes) -> Floats:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), np.float32)


def vary(cut: Window, rng: np.random.Generator) -> Window:
    """Mirror, light, noise, blur, rain, headlights and JPEG artefacts, each by chance."""
    image, boxes = cut.image.astype(np.float32), cut.boxes.copy()
    size = image.shape[1]
    if rng.random() < 0.5:
        image = image[:, ::-1]
        boxes[:, [0, 2]] = size - boxes[:, [2, 0]]
    if rng.random() < 0.2:  # infrared
        image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    image = (
        _at_night(image, rng) if rng.random() < 0.2 else image * rng.uniform(0.6, 1.4) + rng.uniform(-30, 30)
    )
    if rng.random() < 0.1:
        image = _rain(image, rng)
    if rng.random() < 0.5:
        image = image + rng.standard_normal((*image.shape[:2], 1), np.float32) * rng.uniform(0, 8)
    if rng.random() < 0.3:
        image = np.asarray(cv2.GaussianBlur(image, (3, 3), 0), np.float32)
    done = np.ascontiguousarray(image.clip(0, 255)).astype(np.uint8)
    if rng.random() < 0.3:
        coded = cv2.imencode(".jpg", done, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 70))])[1]
        done = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return Window(done, boxes)


def _at_night(image: Floats, rng: np.random.Generator) -> Floats:
    """Dark and noisy, with lights that bleed."""
    dark = 255 * (image.clip(0, 255) / 255) ** rng.uniform(1.5, 3.0) * rng.uniform(0.4, 0.9)
    glow = np.zeros_like(dark)
    size = image.shape[1]
    for _ in range(rng.integers(0, 5)):
        at = tuple(int(value) for value in rng.integers(0, size, 2))
        cv2.circle(glow, at, int(rng.integers(2, 8)), (255, 255, 255), -1)
    glow = np.asarray(cv2.GaussianBlur(glow, (0, 0), float(rng.uniform(2, 8))), np.float32)
    noise = rng.standard_normal(dark.shape, np.float32) * rng.uniform(2, 12)
    return np.asarray(dark + glow * rng.uniform(0.5, 2.0) + noise, np.float32)


def _rain(image: Floats, rng: np.random.Generator) -> Floats:
    streaks = np.zeros(image.shape[:2], np.float32)
    slant = int(rng.integers(-6, 7))
    for _ in range(int(rng.integers(40, 200))):
        x, y = (int(value) for value in rng.integers(0, image.shape[1], 2))
        cv2.line(streaks, (x, y), (x + slant, y + int(rng.integers(8, 25))), float(rng.uniform(30, 90)), 1)
    return np.asarray(image * 0.9 + cv2.GaussianBlur(streaks, (3, 3), 0)[:, :, None], np.float32)
