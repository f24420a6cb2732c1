"""Pastes objects of some training pictures into windows of others.

The sets have few pedestrians; each of them then appears in front of many backgrounds. After Dwibedi et al.
(Cut, Paste and Learn, 2017) and Ghiasi et al. (Simple Copy-Paste, 2021). The sets have boxes and no masks, so
a piece fades out towards its edges instead. Pieces of background are pasted too: otherwise the edge of a
piece would be a sign of an object. Drawn objects (`training/draw`) are pasted by their own masks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augment import Floats, Window
from training.dataset import IGNORE, Boxes, DataError, Image

CHANCE = 0.5  # probability that pieces are pasted into a window
MOST = 4  # pieces in a window
PERSON, TWO_WHEELER, BACKGROUND = 0, 1, 2
SHARES = (0.5, 0.25, 0.25)
"""Shares of persons, two-wheelers and background among the pieces."""
DRAWN = 0.5
"""Share of the pieces of each kind that are drawn, if there are any."""
BLUR = (0.0, 1.2)
"""Standard deviation, in pixels, of the blur of a drawn piece, which is sharper than any camera's picture."""
NAME = re.compile(r"(person|two-wheeler|thing)-\d+_(\d+)_(\d+)_(\d+)_(\d+)\.png")
"""Of a drawing: its kind and number; left, top, right and bottom of its object."""
LEAST_HEIGHT = 24.0  # pixels of an object in its own picture
HEIGHTS = (14.0, 130.0)  # pixels of an object in the window
LARGEST = 1.3  # scale of a piece
ALONE = 0.1
"""Share of an object that another box may cover; the piece would show both."""
MARGIN = 0.12  # of the box on each side, in which the piece fades out
COVERS = 0.25
"""Share of an object in the window that a piece may cover; its label stays."""


@dataclass(frozen=True)
class Piece:
    image: Image  # [height, width, 3], with a margin
    kind: int  # PERSON, TWO_WHEELER or BACKGROUND
    box: Floats  # left, top, right, bottom of the object in ``image``
    alpha: Floats | None = None  # [height, width], 0..1; without it the piece fades out in its margin


@dataclass(frozen=True)
class Drawing:
    """A drawn object, as the bytes of its file: decoded, 5,000 of them would take 400 MB."""

    path: Path
    content: bytes  # PNG, BGRA; a shadow is black with a low alpha
    kind: int
    box: Floats

    def piece(self) -> Piece:
        """Decode it. Raises DataError for a damaged file."""
        decoded = cv2.imdecode(np.frombuffer(self.content, np.uint8), cv2.IMREAD_UNCHANGED)
        if decoded is None or decoded.ndim != 3 or decoded.shape[2] != 4:
            raise DataError(f"{self.path} is no drawing: remove it, and draw again")
        image, alpha = np.asarray(decoded[..., :3], np.uint8), decoded[..., 3].astype(np.float32)
        return Piece(image, self.kind, self.box, np.asarray(alpha / 255, np.float32))


def read_drawings(folder: Path) -> list[Drawing]:
    """Read what ``python -m training draw`` wrote. Raises DataError for a folder without a drawing."""
    kinds = {"person": PERSON, "two-wheeler": TWO_WHEELER, "thing": BACKGROUND}
    found: list[Drawing] = []
    for path in sorted(folder.glob("*.png")):
        if name := NAME.fullmatch(path.name):
            kind, *corners = name.groups()
            found.append(Drawing(path, path.read_bytes(), kinds[kind], np.array(corners, np.float32)))
    if not found:
        raise DataError(f"there is no drawing in {folder}")
    return found


class Pieces:
    """Pieces of training pictures, and drawings."""

    def __init__(self, drawings: list[Drawing] | None = None) -> None:
        self._pieces: tuple[list[Piece], ...] = ([], [], [])
        self._drawings = tuple([each for each in drawings or [] if each.kind == kind] for kind in range(3))

    def cut(self, image: Image, boxes: Boxes, rng: np.random.Generator) -> None:
        """Cut the persons and two-wheelers of a picture that nothing covers, and background of their sizes.

        All classes must be labelled in the picture: what has no box is background.
        """
        height, width = image.shape[:2]
        for number, box in enumerate(boxes):
            x1, y1, x2, y2, kind = box
            inside = min(x1, y1) >= 2 and x2 <= width - 2 and y2 <= height - 2
            if kind > TWO_WHEELER or y2 - y1 < LEAST_HEIGHT or not inside:
                continue
            if _meet(np.delete(boxes, number, 0), box).max(initial=0) > ALONE * _areas(box):
                continue
            self._pieces[int(kind)].append(_with_margin(_cut(image, box), int(kind)))
            other = _background(image, boxes, box, rng)
            if other is not None:
                self._pieces[BACKGROUND].append(_with_margin(other, BACKGROUND))

    def paste(self, cut: Window, rng: np.random.Generator) -> Window:
        """Return the window with up to ``MOST`` pieces and their boxes, or unchanged."""
        if rng.random() >= CHANCE:
            return cut
        pasted = Window(cut.image.copy(), cut.boxes)
        for _ in range(int(rng.integers(1, MOST + 1))):
            kind = int(rng.choice(len(SHARES), p=SHARES))
            pieces, drawings = self._pieces[kind], self._drawings[kind]
            if drawings and rng.random() < DRAWN:
                drawing = drawings[int(rng.integers(len(drawings)))].piece()
                pasted = _pasted(pasted, drawing, rng)
            elif pieces:
                pasted = _pasted(pasted, pieces[int(rng.integers(len(pieces)))], rng)
        return pasted


def _pasted(into: Window, piece: Piece, rng: np.random.Generator) -> Window:
    """Paste the piece at a random place and size. Writes into ``into.image``."""
    image, boxes = into.image, into.boxes
    scale = min(LARGEST, float(np.exp(rng.uniform(*np.log(HEIGHTS)))) / float(piece.box[3] - piece.box[1]))
    scaled, mask, (left, top, right, bottom) = _scaled(piece, scale, rng)
    high, wide = scaled.shape[:2]
    if high >= image.shape[0] or wide >= image.shape[1] or min(high, wide) < 6:
        return into
    x, y = int(rng.integers(0, image.shape[1] - wide)), int(rng.integers(0, image.shape[0] - high))
    box = np.array([x + left, y + top, x + right, y + bottom, piece.kind], np.float32)
    if (_meet(boxes, box) > COVERS * _areas(boxes)).any():
        return into
    below = image[y : y + high, x : x + wide].astype(np.float32)
    blended = _adapted(scaled, below, rng) * mask + below * (1 - mask)
    image[y : y + high, x : x + wide] = blended.clip(0, 255).astype(np.uint8)
    return into if piece.kind == BACKGROUND else Window(image, np.vstack([boxes, box]))


def _scaled(piece: Piece, scale: float, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """The piece at its size, mirrored by chance: picture, mask [height, width, 1] and the object's box."""
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    if piece.alpha is None:
        image = np.asarray(cv2.resize(piece.image, None, fx=scale, fy=scale, interpolation=how), np.float32)
        mask = _fading(*image.shape[:2])
    else:  # what the mask hides must not bleed into the picture
        alpha = piece.alpha[..., None]
        both = cv2.resize(
            np.dstack([piece.image * alpha, alpha]), None, fx=scale, fy=scale, interpolation=how
        )
        sigma = float(rng.uniform(*BLUR))
        if sigma > 0.3:
            both = cv2.GaussianBlur(both, (0, 0), sigma)
        mask = np.asarray(both[..., 3:], np.float32)
        image = np.asarray(both[..., :3] / np.maximum(mask, 0.01), np.float32)
    box = piece.box * np.float32(scale)
    if rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
        box[[0, 2]] = image.shape[1] - box[[2, 0]]
    return image, mask, box


def _adapted(piece: Floats, below: Floats, rng: np.random.Generator) -> Floats:
    """Move contrast and brightness of a piece towards those of its place, as haze and shadow do."""
    ratio = float(np.clip((below.std() + 8) / (piece.std() + 8), 0.4, 1.2))
    mean = piece.mean()
    contrast = 1 + (ratio - 1) * rng.uniform(0, 0.8)
    return np.asarray(
        (piece - mean) * contrast + mean + (below.mean() - mean) * rng.uniform(0, 0.7), np.float32
    )


def _fading(high: int, wide: int) -> Floats:
    """[high, wide, 1]: 1 in the box, down to 0 at the outer edges of the margin."""
    rows, columns = _ramp(high), _ramp(wide)
    return np.asarray((rows[:, None] * columns[None])[..., None], np.float32)


def _ramp(length: int) -> Floats:
    edge = max(1.0, 1.3 * length * MARGIN / (1 + 2 * MARGIN))
    steps = np.arange(length, dtype=np.float32) + 0.5
    return np.asarray(np.minimum(np.minimum(steps, length - steps) / edge, 1.0), np.float32)


def _with_margin(image: Image, kind: int) -> Piece:
    high, wide = image.shape[:2]
    fades = MARGIN / (1 + 2 * MARGIN)
    box = np.array([wide * fades, high * fades, wide * (1 - fades), high * (1 - fades)], np.float32)
    return Piece(image, kind, box)


def _cut(image: Image, box: Floats) -> Image:
    """Return the part of the picture in the box, with its margin."""
    height, width = image.shape[:2]
    across, along = (box[2] - box[0]) * MARGIN, (box[3] - box[1]) * MARGIN
    left, right = max(0, round(box[0] - across)), min(width, round(box[2] + across))
    top, bottom = max(0, round(box[1] - along)), min(height, round(box[3] + along))
    return image[top:bottom, left:right].copy()


def _background(image: Image, boxes: Boxes, box: Floats, rng: np.random.Generator) -> Image | None:
    """Return a part of the picture without an object, of the box's size; None if no place was free.

    Of up to eight places the one with the most contrast: a pole or a tree is more like a person than asphalt.
    """
    height, width = image.shape[:2]
    wide, high = box[2] - box[0], box[3] - box[1]
    free: list[Image] = []
    for _ in range(int(rng.integers(1, 9))):
        x, y = rng.uniform(0, max(1.0, width - wide)), rng.uniform(0, max(1.0, height - high))
        place = np.array([x, y, x + wide, y + high, IGNORE], np.float32)
        if _meet(boxes, place).max(initial=0) == 0:
            free.append(_cut(image, place))
    return max(free, key=lambda part: float(part.std()), default=None)


def _meet(boxes: Boxes, box: Floats) -> Floats:
    """Pixels that each of ``boxes`` shares with ``box``."""
    edges = np.minimum(boxes[:, 2:4], box[2:4]) - np.maximum(boxes[:, :2], box[:2])
    return np.asarray(edges.clip(0).prod(axis=1), np.float32)


def _areas(boxes: Floats) -> NDArray[np.float32]:
    """Pixels of each box, at least 1."""
    return np.asarray(((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])).clip(1), np.float32)
