"""How far each box moved between two frames, from sparse optical flow.

In dense traffic motion blobs merge and split, so a box cannot be taken from them; what a few points on
the object did between two pictures is cheap and stays with the object. Lucas-Kanade pyramids (Bouguet,
"Pyramidal Implementation of the Lucas Kanade Feature Tracker", 2001), the box moved by the median of its
points (Kalal et al., "Forward-Backward Error", ICPR 2010, without the backward half: it doubles the cost,
and the consensus below rejects what it would).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.model import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.model import Gray

    Floats = NDArray[np.float32]
    Bools = NDArray[np.bool_]

MAX_WIDTH = 640
"""Pixels; a rider 30 m away is 8 px wide here, which is as small as the 9 px window still follows."""
WINDOW = (9, 9)
PYRAMID_LEVELS = 3  # 9 px at 1/8 scale: finds displacements up to about 36 px beyond the prediction
MARGIN = 80
"""Pixels around all points: as far as a point can be found, and half a window at the coarsest level. The
pyramids of two whole pictures would cost more than following the points of a few objects."""
COLUMNS, ROWS = 4, 5
MOST_POINTS = 12  # of a box's grid that are followed; the cost is linear in them
MAX_ERROR = 40.0  # grey levels, mean over the window; above it the patch under the point is another one
MIN_AGREEING = 3
TOLERANCE = 0.4
MIN_AGREEMENT = 0.25  # share of a box's usable points that must move together
_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.03)


@dataclass(frozen=True, slots=True)
class Query:
    """One box to follow. ``guess`` is the expected displacement, picture widths and heights."""

    box: Box
    guess: tuple[float, float] = (0.0, 0.0)
    hidden_by: tuple[Box, ...] = ()  # nearer objects: points under them are not this object's


@dataclass(frozen=True, slots=True)
class Shift:
    """Displacement in picture widths and heights, growth as a factor, and the share of points that agreed."""

    dx: float
    dy: float
    scale: float
    agreement: float


def _offsets() -> Floats:
    """Points over the middle of a box, in its widths and heights: the corners belong to the background."""
    xs = np.linspace(0.25, 0.75, COLUMNS, dtype=np.float32)
    ys = np.linspace(0.15, 0.85, ROWS, dtype=np.float32)
    return np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)


_GRID = _offsets()


def shrink(luma: Gray, max_width: int = MAX_WIDTH) -> Gray:
    """The picture at most ``max_width`` wide; as it came where it is small enough."""
    height, width = luma.shape
    if width <= max_width:
        return luma
    size = (max_width, max(1, round(height * max_width / width)))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def displacements(
    before: Gray, after: Gray, queries: Sequence[Query], foreground: Gray | None
) -> list[Shift | None]:
    """One answer a query, None where the points give no common movement.

    ``before`` and ``after`` have the same shape. ``foreground`` (0 or 255, any size) belongs to ``before``;
    with it only points on foreground are followed, because the background's would hold the box back.
    """
    if not queries:
        return []
    height, width = before.shape
    scale = np.array([width, height], dtype=np.float32)
    boxes = np.array([(q.box.x1, q.box.y1, q.box.x2, q.box.y2) for q in queries], dtype=np.float32)
    points = boxes[:, None, :2] + _GRID * (boxes[:, None, 2:] - boxes[:, None, :2])
    usable = _thinned(_usable(points, queries, foreground))
    if not usable.any():
        return [None] * len(queries)
    guess = np.array([q.guess for q in queries], dtype=np.float32) * scale
    start = points * scale
    moved, followed = _lucas_kanade(before, after, start, start + guess[:, None, :], usable)
    good = _without_background(moved, followed, guess)
    return _consensus(start, moved, good, usable, scale)


def _lucas_kanade(
    before: Gray, after: Gray, start: Floats, aim: Floats, usable: Bools
) -> tuple[Floats, Bools]:
    """Displacement in pixels of every usable point, and which of them were found again."""
    rows, columns = _around(np.concatenate([start[usable], aim[usable]]), before.shape)
    corner = np.array([columns.start, rows.start], dtype=np.float32)
    # Contiguous, because OpenCV refuses views.
    found, status, error = cv2.calcOpticalFlowPyrLK(
        np.ascontiguousarray(before[rows, columns]),
        np.ascontiguousarray(after[rows, columns]),
        (start[usable] - corner).reshape(-1, 1, 2),
        (aim[usable] - corner).reshape(-1, 1, 2),
        winSize=WINDOW,
        maxLevel=PYRAMID_LEVELS,
        criteria=_CRITERIA,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    moved, followed = np.zeros_like(start), np.zeros_like(usable)
    moved[usable] = found[:, 0, :] + corner - start[usable]
    followed[usable] = (status[:, 0] == 1) & (error[:, 0] < MAX_ERROR)
    return moved, followed


def _around(points: Floats, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of the part of the picture that following ``points`` may look at."""
    step = 2**PYRAMID_LEVELS  # pixels of the coarsest level keep their places
    size = np.array([shape[1], shape[0]])
    low = np.clip(points.min(axis=0) - MARGIN, 0, size - 1).astype(np.intp) // step * step
    high = np.clip(points.max(axis=0) + MARGIN, 1, size).astype(np.intp)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _usable(points: Floats, queries: Sequence[Query], foreground: Gray | None) -> Bools:
    """Points in the picture, under no nearer object and, where it is known, on foreground."""
    usable: Bools = np.asarray(((points > 0.0) & (points < 1.0)).all(axis=2))
    for row, query in enumerate(queries):
        for box in query.hidden_by:
            x, y = points[row, :, 0], points[row, :, 1]
            usable[row] &= ~((x > box.x1) & (x < box.x2) & (y > box.y1) & (y < box.y2))
    if foreground is None:
        return usable
    rows, columns = foreground.shape
    x = np.clip(points[..., 0] * columns, 0, columns - 1).astype(np.intp)
    y = np.clip(points[..., 1] * rows, 0, rows - 1).astype(np.intp)
    return np.asarray(usable & (foreground[y, x] > 0))


def _thinned(usable: Bools) -> Bools:
    """At most ``MOST_POINTS`` of every row, spread evenly."""
    order = np.cumsum(usable, axis=1) - 1
    count = np.maximum(usable.sum(axis=1, keepdims=True), 1)
    kept = np.minimum(count, MOST_POINTS)
    return np.asarray(usable & ((order + 1) * kept // count > order * kept // count))


def _without_background(moved: Floats, good: Bools, guess: Floats) -> Bools:
    """Leave out points that stand still on an object that is expected to move, if enough others remain."""
    expected = np.linalg.norm(guess, axis=1)[:, None]
    standing = np.linalg.norm(moved, axis=2) < 0.3 * expected
    rest = good & ~standing
    use = (expected > 1.5) & (rest.sum(axis=1, keepdims=True) >= MIN_AGREEING)
    return np.where(use, rest, good)


def _consensus(start: Floats, moved: Floats, good: Bools, usable: Bools, scale: Floats) -> list[Shift | None]:
    """The median displacement of every row and the share of points near it."""
    middle = _median(moved, good)
    away = np.linalg.norm(moved - middle[:, None, :], axis=2)
    near = good & (away <= np.maximum(1.0, TOLERANCE * np.linalg.norm(middle, axis=1))[:, None])
    middle = _median(moved, near)
    agreeing, offered = near.sum(axis=1), np.maximum(usable.sum(axis=1), 1)
    growth = _growth(start, moved, near)
    answers: list[Shift | None] = []
    for row in range(len(start)):
        agreement = float(agreeing[row] / offered[row])
        if agreeing[row] < MIN_AGREEING or agreement < MIN_AGREEMENT:
            answers.append(None)
            continue
        dx, dy = middle[row] / scale
        answers.append(Shift(float(dx), float(dy), float(growth[row]), agreement))
    return answers


def _median(values: Floats, valid: Bools) -> Floats:
    """Median over axis 1 of the valid entries of (n, points, 2); 0 where there is none."""
    ordered = np.sort(np.where(valid[..., None], values, np.inf), axis=1)
    count = valid.sum(axis=1)
    low = np.maximum((count - 1) // 2, 0)[:, None, None]
    high = np.maximum(count // 2, 0)[:, None, None]
    high = np.minimum(high, np.maximum(count - 1, 0)[:, None, None])
    both = np.take_along_axis(ordered, low, axis=1) + np.take_along_axis(ordered, high, axis=1)
    middle = np.where(count[:, None] > 0, both[:, 0, :] / 2, 0.0)
    return middle.astype(np.float32)


def _growth(start: Floats, moved: Floats, near: Bools) -> Floats:
    """Ratio of the points' spread after and before, 1 where too few points agree to tell."""
    weight = near[..., None].astype(np.float32)
    count = np.maximum(near.sum(axis=1), 1)[:, None].astype(np.float32)

    def spread(at: Floats) -> Floats:
        centre = (at * weight).sum(axis=1) / count
        off = (at - centre[:, None, :]) * weight
        return np.asarray(np.sqrt((off**2).sum(axis=(1, 2))), dtype=np.float32)

    before, after = spread(start), spread(start + moved)
    ratio = np.where(before > 1.0, after / np.maximum(before, 1.0), 1.0)
    ratio = np.where(near.sum(axis=1) >= 6, ratio, 1.0)
    return np.clip(ratio, 0.9, 1.1).astype(np.float32)
