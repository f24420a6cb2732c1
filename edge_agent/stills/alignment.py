"""Learns, from movement in both streams, how much later the main stream of a camera shows a moment than its
sub-stream.

The arrival times of both streams are known, but not how long each encoder takes. See docs/decisions/0059 for
what was measured.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.core.geometry import Polygon

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float32]

MINIATURE = (160, 90)
"""Width and height of the compared pictures, whatever the aspect of the streams: both show the same view."""
MAX_LAG_S = 1.5
STEP_S = 0.01
MOVING = 12.0  # grey levels between a pixel and its median
MIN_PIXELS = 12  # moving pixels; a person of 30 pixels in a sub-stream of 640 has about as many
MIN_PICTURES = 8
MIN_FIXED = 0.2  # share of still pixels that is needed to compare the fields of view
DETAIL = 3.0
"""Standard deviation of the blur that is subtracted before the fields of view are compared, in pixels."""
MIN_CONTRAST = 2.0  # grey levels; flatter areas count less
MIN_CORRELATION = 0.5
MIN_DROP, DROP_S = 0.02, 0.1
"""``DROP_S`` beside the best lag, on both sides, the correlation must be lower by ``MIN_DROP``, because small
movement fits any lag. On real clips it was lower by 0.015 at most for 24 wrong estimates, and by 0.09 or more
for half of the right ones."""
MIN_LEAD, LEAD_S = 0.05, 0.25
"""The best correlation must exceed that of any lag further than ``LEAD_S`` away by ``MIN_LEAD``, because
movement back and forth fits twice."""
SAMPLES = 5
SETTLED = 3
AGAIN_S = 600.0  # cameras' clocks drift


@dataclass(frozen=True, slots=True, eq=False)
class Miniatures:
    """Pictures of one stream, small and grey."""

    times_s: NDArray[np.float64]  # stream time, shape (n,), rising
    pixels: Values  # shape (n, 160 * 90)


@dataclass(frozen=True, slots=True)
class LagEstimate:
    lag_s: float  # how much later the first stream shows the same moment
    correlation: float  # at that lag, -1..1


def lag_between(main: Miniatures, sub: Miniatures, ignored: Sequence[Polygon] = ()) -> LagEstimate | None:
    """Return the lag by which ``main`` is later than ``sub``, within ``MAX_LAG_S``; None: it is not clear.

    ``ignored``: areas, in 0..1, that must not count, such as a clock. The median of its stream is
    subtracted from each picture, which leaves moving pixels. The pictures of both streams are correlated over
    the moving pixels; the result is the lag with the highest mean correlation, refined by a parabola
    through it and its neighbours.
    """
    if min(len(main.times_s), len(sub.times_s)) < MIN_PICTURES:
        return None
    ours, theirs = (_without_ground(each.pixels) for each in (main, sub))
    moving = np.minimum(np.abs(ours).max(axis=0), np.abs(theirs).max(axis=0)) > MOVING
    moving &= ~_inside(ignored)
    if np.count_nonzero(moving) < MIN_PIXELS:
        return None
    ours, theirs = ours[:, moving], theirs[:, moving]
    strength = np.linalg.norm(ours, axis=1)
    products: Values = _normed(ours) @ _normed(theirs).T  # shape (main pictures, sub pictures)
    lags = np.arange(-MAX_LAG_S, MAX_LAG_S + STEP_S / 2, STEP_S)
    scores = np.array([_score(products, strength, main.times_s - lag, sub.times_s) for lag in lags])
    return _best_lag(lags, scores)


def view_correlation(main: Miniatures, sub: Miniatures, ignored: Sequence[Polygon] = ()) -> float:
    """Return how similar the still parts of two streams are, -1..1: near 1 if both have the same view. Only
    detail is compared, with equalised contrast, because large areas, such as a bright sky above a dark
    road, look the same in a part of the view as in the whole.
    """
    fixed = ~_inside(ignored)
    for each in (main, sub):
        fixed &= np.abs(_without_ground(each.pixels)).max(axis=0) <= MOVING
    if np.count_nonzero(fixed) < MIN_FIXED * fixed.size:
        return 0.0
    ours, theirs = (_detail(np.median(each.pixels, axis=0))[fixed] for each in (main, sub))
    both = np.corrcoef(ours, theirs)[0, 1]
    return float(both) if np.isfinite(both) else 0.0


class StreamAlignment:
    """The learnt lag between the two streams of one camera. One thread at a time."""

    def __init__(self) -> None:
        self._streams: tuple[object, object] | None = None  # the connections that the samples belong to
        self._samples: deque[float] = deque(maxlen=SAMPLES)
        self._learnt_mono = 0.0
        self.same_view = False  # pictures of these connections were compared, and show the same view

    @property
    def lag_s(self) -> float:
        """The learnt lag; 0 while no lag is known, as if both encoders took the same time."""
        return statistics.median(self._samples) if self._samples else 0.0

    @property
    def learnt(self) -> bool:
        return bool(self._samples)

    def connected(self, main: object, sub: object) -> None:
        """Set the present connections; forget what was learnt about earlier ones."""
        if self._streams is None or self._streams[0] is not main or self._streams[1] is not sub:
            self._streams = (main, sub)
            self._samples.clear()
            self.same_view = False

    def is_settled(self, within_s: float, now_mono: float) -> bool:
        """Whether the lag need not be measured again now: recent samples agree to ``within_s``."""
        recent = len(self._samples) >= SETTLED and now_mono - self._learnt_mono < AGAIN_S
        return recent and max(self._samples) - min(self._samples) <= within_s

    def add(self, estimate: LagEstimate, now_mono: float) -> None:
        if now_mono - self._learnt_mono >= AGAIN_S:
            self._samples.clear()
        self._samples.append(estimate.lag_s)
        self._learnt_mono = now_mono


def _inside(polygons: Sequence[Polygon]) -> NDArray[np.bool_]:
    """Return which pixels of a miniature any of the polygons touches, shape (160 * 90,)."""
    width, height = MINIATURE
    mask = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        points = np.round(np.array(polygon) * (width, height)).astype(np.int32)
        cv2.fillPoly(mask, [points], (1,))
        cv2.polylines(mask, [points], True, (1,), thickness=2)
    return mask.ravel() > 0


def _detail(pixels: Values) -> Values:
    """Return a miniature minus a blurred copy of it, with equalised contrast, shape (160 * 90,)."""
    picture = pixels.reshape(MINIATURE[::-1])
    detail = picture - cv2.GaussianBlur(picture, (0, 0), DETAIL)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 2 * DETAIL))
    return np.asarray(detail / (contrast + MIN_CONTRAST), np.float32).ravel()


def _without_ground(pictures: Values) -> Values:
    moving: Values = pictures - np.median(pictures, axis=0).astype(np.float32)
    return moving


def _normed(pictures: Values) -> Values:
    lengths = np.linalg.norm(pictures, axis=1, keepdims=True)
    normed: Values = pictures / np.maximum(lengths, 1e-6)
    return normed


def _score(
    products: Values,
    strength: NDArray[np.floating],
    wanted_s: NDArray[np.float64],
    times_s: NDArray[np.float64],
) -> float:
    """Return the mean correlation of the pictures with the other stream at ``wanted_s``.

    It is interpolated between the two nearest pictures of the other stream; pictures with more motion count
    more. -1 if less than half of the motion has a counterpart.
    """
    after = np.searchsorted(times_s, wanted_s)
    covered = (after > 0) & (after < len(times_s))
    weight = strength * covered
    if weight.sum() < 0.5 * strength.sum() or weight.sum() <= 0:
        return -1.0
    after = np.clip(after, 1, len(times_s) - 1)
    share = (wanted_s - times_s[after - 1]) / np.maximum(times_s[after] - times_s[after - 1], 1e-6)
    rows = np.arange(len(wanted_s))
    found = products[rows, after - 1] * (1 - share) + products[rows, after] * share
    return float((found * weight).sum() / weight.sum())


def _best_lag(lags: NDArray[np.float64], scores: NDArray[np.float64]) -> LagEstimate | None:
    best, near, far = int(scores.argmax()), round(DROP_S / STEP_S), round(LEAD_S / STEP_S)
    if not far <= best < len(lags) - far or scores[best] < MIN_CORRELATION:
        return None
    sides = max(scores[best - near], scores[best + near])
    others = np.concatenate([scores[: best - far], scores[best + far :]]).max()
    if scores[best] - sides < MIN_DROP or scores[best] - others < MIN_LEAD:
        return None
    before, top, after = scores[best - 1 : best + 2]
    bend = before - 2 * top + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return LagEstimate(float(lags[best] + shift * STEP_S), float(top))
