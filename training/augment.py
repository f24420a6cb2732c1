"""Training windows: a square around an object at a random size, with weather, text and noise of a camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.detection.darkness import brightened
from training.dataset import Boxes, Image

PAD = (114, 114, 114)
SIZES = (12.0, 260.0)
"""Pixels of the longer edge of the object in the centre of a window."""
LARGEST = 2.2  # scale of a window
STRETCH = 1.2
"""Cameras stretch 16:9 into 4:3 and back: how much wider or narrower a window may become."""
AT_NIGHT = 0.22  # probability that a window is darkened
UNDER_LAMPS = 0.4  # probability that a few lamps light a darkened window
MOSTLY_INSIDE = 0.4
"""Share of a box that must be in the window; otherwise the object is not used in this window."""
SMALLEST_AREA = 30.0  # pixels
CHARACTERS = np.array(list("ABCDEFGHIKLMNOPRSTUVXZ0123456789   -:/"))
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    image: Image
    boxes: Boxes


@dataclass(frozen=True)
class Scales:
    """How often a window has the scale of whole pictures in the agent, whatever the size of its object."""

    whole: float  # probability
    widths: tuple[float, float]  # pixels of a whole picture's width at that scale


USUAL = Scales(0.35, (300.0, 620.0))
AS_IN_THE_AGENT = Scales(0.6, (380.0, 640.0))
"""For the end of a training."""


def window(
    image: Image,
    boxes: Boxes,
    kind: int | None,
    size: tuple[int, int],
    rng: np.random.Generator,
    scales: Scales = USUAL,
) -> Window:
    """Cut a window around an object of class ``kind``, or anywhere for None.

    ``size``: its width and maximum height; it is lower where the picture ends.
    """
    height, width = image.shape[:2]
    box = _middle(boxes, kind, width, height, rng)
    scale = _scale(box, width, size, rng, scales)
    middle = (box[:2] + box[2:4]) / 2 * scale
    whole = np.array([width, height]) * scale
    cut_height = min(size[1], max(1, int(whole[1])))
    room = whole - (size[0], cut_height)
    corner = middle + rng.uniform(-0.9, -0.1, 2) * (size[0], cut_height)
    corner = np.clip(corner, np.minimum(0, room), np.maximum(0, room))
    moved = boxes.copy()
    moved[:, :4] = moved[:, :4] * np.tile(scale, 2) - np.tile(corner, 2)
    return Window(_cut(image, scale, corner, (size[0], cut_height)), _clipped(moved, size[0], cut_height))


def _scale(
    box: Floats, width: int, size: tuple[int, int], rng: np.random.Generator, scales: Scales
) -> NDArray[np.float64]:
    """Return the scale of x and y, so that the picture is at least as wide as the window."""
    if rng.random() < scales.whole:
        scale = float(np.exp(rng.uniform(*np.log(scales.widths))) / width)
    else:
        wanted = np.exp(rng.uniform(np.log(SIZES[0]), np.log(min(SIZES[1], 0.8 * size[1]))))
        scale = float(wanted / max(box[2] - box[0], box[3] - box[1], 1.0))
    stretch = float(np.exp(rng.uniform(-1, 1) * np.log(STRETCH) / 2))
    least = size[0] / width
    return np.array([max(least, min(LARGEST, scale) * stretch), max(least, min(LARGEST, scale)) / stretch])


def _middle(boxes: Boxes, kind: int | None, width: int, height: int, rng: np.random.Generator) -> Floats:
    of_kind = boxes[boxes[:, 4] == kind] if kind is not None else boxes
    if not len(of_kind) or (kind is None and rng.random() < 0.5):
        x, y = rng.uniform(0.2, 0.8, 2) * (width, height)
        reach = min(width, height) * 0.15
        return np.array([x - reach, y - reach, x + reach, y + reach], np.float32)
    return np.asarray(rng.choice(of_kind)[:4], np.float32)


def _cut(
    image: Image, scale: NDArray[np.float64], corner: NDArray[np.float64], size: tuple[int, int]
) -> Image:
    x, y = scale
    if scale.min() < 0.7:  # without averaging a distant object would be a few random pixels
        image = np.asarray(cv2.resize(image, None, fx=x, fy=y, interpolation=cv2.INTER_AREA), np.uint8)
        x = y = 1.0
    move = np.array([[x, 0, -corner[0]], [0, y, -corner[1]]], np.float32)
    return np.asarray(cv2.warpAffine(image, move, size, borderValue=PAD), np.uint8)


def _clipped(boxes: Boxes, width: int, height: int) -> Boxes:
    whole = _area(boxes)
    boxes[:, :4] = boxes[:, :4].clip(0, (width, height, width, height))
    left = _area(boxes)
    return boxes[(left > MOSTLY_INSIDE * whole) & (left > SMALLEST_AREA)]


def _area(boxes: Boxes) -> Floats:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), np.float32)


def vary(cut: Window, rng: np.random.Generator) -> Window:
    """Mirror, text, light, noise, blur, rain, headlights and JPEG artefacts, each by chance."""
    image, boxes = cut.image.astype(np.float32), cut.boxes.copy()
    size = image.shape[1]
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
        boxes[:, [0, 2]] = size - boxes[:, [2, 0]]
    if rng.random() < 0.25:
        image = with_text(image, rng)
    if rng.random() < 0.2:  # infrared
        image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    at_night = rng.random() < AT_NIGHT
    image = _at_night(image, rng) if at_night else _by_day(image, rng)
    if rng.random() < 0.1:
        image = _rain(image, rng)
    if not at_night and rng.random() < 0.5:
        image = image + rng.standard_normal((*image.shape[:2], 1), np.float32) * rng.uniform(0, 8)
    if rng.random() < 0.35:
        image = _blurred(image, rng)
    done = np.ascontiguousarray(image.clip(0, 255)).astype(np.uint8)
    if rng.random() < 0.3:
        coded = cv2.imencode(".jpg", done, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 70))])[1]
        done = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return Window(brightened(done), boxes)  # as the agent does with a dark picture


def with_text(image: Floats, rng: np.random.Generator) -> Floats:
    """Draw up to three lines of text, as cameras write the time and their name over the picture. In place.

    A detector trained without them takes dark things between letters for a person.
    """
    height, width = image.shape[:2]
    font, scale = int(rng.choice(FONTS)), float(np.exp(rng.uniform(*np.log((0.35, 1.3)))))
    thick = 1 + int(scale * rng.uniform(0, 2.5))
    bright = int(rng.choice((255, 255, 230, 20)))
    colour = (bright, bright, bright) if rng.random() < 0.8 else tuple(rng.choice((40, 230), 3).tolist())
    outlined = rng.random() < 0.4
    for _ in range(int(rng.integers(1, 4))):
        words = "".join(rng.choice(CHARACTERS, int(rng.integers(4, 25))))
        at = int(rng.integers(-width // 3, width)), int(rng.integers(0, height))
        if outlined:
            cv2.putText(image, words, at, font, scale, (255 - bright,) * 3, thick + 2, cv2.LINE_AA)
        cv2.putText(image, words, at, font, scale, colour, thick, cv2.LINE_AA)
    return image


def _blurred(image: Floats, rng: np.random.Generator) -> Floats:
    """Slightly out of focus, or one time in three enlarged from fewer pixels, as weak cameras do."""
    if rng.random() < 0.67:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.6, 1.2))), np.float32)
    share = float(rng.uniform(0.45, 0.8))
    small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), np.float32)


def _by_day(image: Floats, rng: np.random.Generator) -> Floats:
    """Brighter or darker; three times in ten through haze, fog or a wet lens, with part of the contrast.

    A foggy street of the held-out places has its grey values (1 to 99 %) within 90 of 255.
    """
    image = image * rng.uniform(0.6, 1.4) + rng.uniform(-30, 30)
    if rng.random() < 0.3:
        veil = rng.uniform(90, 220)
        image = np.asarray(veil + (image.clip(0, 255) - veil) * rng.uniform(0.2, 0.8), np.float32)
    return image


def _at_night(image: Floats, rng: np.random.Generator) -> Floats:
    """Dark, with lights that bleed and noise. Cameras smooth most of the noise away, and what is left is
    enlarged when the window is equalised.

    An unlit yard at night has a median of 2 grey levels, a lit street 107 to 110, the day 126.
    """
    light = float(np.exp(rng.uniform(*np.log((0.1, 1.0)))))
    dark = 255 * (image.clip(0, 255) / 255) ** rng.uniform(1.2, 3.5) * light
    if rng.random() < UNDER_LAMPS:
        dark *= _under_lamps(image.shape[:2], rng)
    glow = np.zeros_like(dark)
    size = image.shape[1]
    for _ in range(rng.integers(0, 5)):
        at = tuple(int(value) for value in rng.integers(0, size, 2))
        cv2.circle(glow, at, int(rng.integers(2, 8)), (255, 255, 255), -1)
    glow = np.asarray(cv2.GaussianBlur(glow, (0, 0), float(rng.uniform(2, 8))), np.float32)
    noise = rng.standard_normal(dark.shape, np.float32) * np.exp(rng.uniform(*np.log((0.3, 8.0))))
    return np.asarray(dark + glow * rng.uniform(0.5, 2.0) + noise, np.float32)


def _under_lamps(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Share of the light at each pixel, most of it around one to three lamps: [height, width, 1]."""
    y, x = np.mgrid[0:1:16j, 0:1:16j]
    share = np.full((16, 16), rng.uniform(0.05, 0.4))
    for _ in range(int(rng.integers(1, 4))):
        across, along = rng.uniform(-0.2, 1.2, 2)
        share += np.exp(-((x - across) ** 2 + (y - along) ** 2) / (2 * rng.uniform(0.15, 0.5) ** 2))
    field = cv2.resize(share.clip(0, 1.2).astype(np.float32), shape[::-1])
    return np.asarray(field[:, :, None], np.float32)


def _rain(image: Floats, rng: np.random.Generator) -> Floats:
    streaks = np.zeros(image.shape[:2], np.float32)
    slant = int(rng.integers(-6, 7))
    for _ in range(int(rng.integers(40, 200))):
        x, y = (int(value) for value in rng.integers(0, image.shape[1], 2))
        cv2.line(streaks, (x, y), (x + slant, y + int(rng.integers(8, 25))), float(rng.uniform(30, 90)), 1)
    return np.asarray(image * 0.9 + cv2.GaussianBlur(streaks, (3, 3), 0)[:, :, None], np.float32)
