"""Extracts the features of a picture: small planes and sums over tiles, independent of the camera's
resolution.

There are two bands of detail, because faults affect them differently: the *coarse* band has the edges of
objects (at a quarter of 640 pixels, without slow shading), the *fine* band the detail that a lens loses first
(at half of 640). ``layout`` is the strongly blurred picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.core.geometry import Polygon
    from edge_agent.core.model import Gray

    Plane = NDArray[np.float32]
    Tiles = NDArray[np.float32]  # shape (ROWS, COLUMNS)
    TileMask = NDArray[np.bool_]  # shape (ROWS, COLUMNS)

COLUMNS, ROWS = 10, 6
PIXELS = 320 * 180
MIN_SIZE = (80, 48)
"""(width, height); a smaller picture is not judged, because its tiles would have only a few pixels."""
SHADING = 9  # pixels of the coarse plane; wider structures count as light, not as edges
DARK, BRIGHT = 40, 230  # limited range luma, black is 16 and white 235
_ONE_SHADE = np.ones(4, np.float32)
"""Four bins of 4 grey levels each: the brightness of one colour varies that much with folds and thickness."""
_MASKED_TILE = 0.5  # a tile with a larger masked share is ignored
_MASK_RIM = np.ones((SHADING, SHADING), np.uint8)  # so that a mask's edge does not count as structure


@dataclass(frozen=True, slots=True, eq=False)
class FrameFeatures:
    """The features of one picture."""

    coarse: Plane  # about 160 x 90, without shading
    fine: Plane  # Laplacian of 320 x 180, every second row of it
    layout: Plane  # (2 * ROWS, 2 * COLUMNS) means
    coarse_energy: Tiles  # mean squares
    fine_energy: Tiles
    mean: float  # luma
    spread: float  # its standard deviation
    dark: float  # shares, 0..1
    bright: float


class FrameFeatureExtractor:
    """Extracts features from pictures of one size, outside ``masks``. Raises ValueError for a small size."""

    def __init__(self, width: int, height: int, masks: Iterable[Polygon] = ()) -> None:
        self._divisor = max(1, round((width * height / PIXELS) ** 0.5))
        grid_x, grid_y = 2 * COLUMNS, 2 * ROWS
        self.size = (width // self._divisor // grid_x * grid_x, height // self._divisor // grid_y * grid_y)
        """(width, height) of the scaled picture: whole tiles, so that sums over them are cheap."""
        if self.size[0] < MIN_SIZE[0] or self.size[1] < MIN_SIZE[1]:
            raise ValueError(f"a picture of {width} x {height} is too small for tamper detection")
        self._half = (self.size[0] // 2, self.size[1] // 2)
        open_area = _unmasked(masks, width / self._divisor, height / self._divisor, self.size)
        self.counted: TileMask = means(open_area.astype(np.float32)) >= 1 - _MASKED_TILE
        """Tiles that are judged."""
        whole = bool(open_area.all())
        self._open_area = None if whole else open_area
        self._fine_weight = None if whole else _shrunk(open_area, self.size)[::2]
        self._coarse_weight = None if whole else _shrunk(open_area, self._half)

    def shrink(self, luma: Gray) -> Gray:
        """Return a new picture at the scale of ``size``, with the masked areas black."""
        wide, high = self.size[0] * self._divisor, self.size[1] * self._divisor
        if self._divisor == 1:
            return self.masked(luma[:high, :wide].copy())
        return self.masked(cv2.resize(luma[:high, :wide], self.size, interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]

    def masked(self, small: Gray) -> Gray:
        """Blacken the masked area: baselines are stored on disk, and must not contain private areas."""
        return small if self._open_area is None else cv2.multiply(small, self._open_area)  # type: ignore[return-value]

    def extract(self, small: Gray | Plane) -> FrameFeatures:
        half = cv2.resize(small, self._half, interpolation=cv2.INTER_AREA)
        half_f = np.asarray(half, np.float32)
        coarse = cv2.subtract(half_f, cv2.blur(half_f, (SHADING, SHADING)))
        # Copied, because a view would keep the other rows in memory as long as a baseline.
        fine = cv2.Laplacian(small, cv2.CV_32F)[::2].copy()
        if self._coarse_weight is not None and self._fine_weight is not None:
            coarse = cv2.multiply(coarse, self._coarse_weight)
            fine = cv2.multiply(fine, self._fine_weight)
        layout = cv2.resize(half_f, (2 * COLUMNS, 2 * ROWS), interpolation=cv2.INTER_AREA)
        mean, spread, dark, bright = self._light(half_f)
        return FrameFeatures(
            coarse,  # type: ignore[arg-type]
            fine,  # type: ignore[arg-type]
            layout,  # type: ignore[arg-type]
            means(cv2.multiply(coarse, coarse)),  # type: ignore[arg-type]
            means(cv2.multiply(fine, fine)),  # type: ignore[arg-type]
            mean,
            spread,
            dark,
            bright,
        )

    def plain(self, small: Gray) -> float:
        """Return the largest share of pixels with nearly the same brightness."""
        shades = cv2.calcHist([small], [0], self._open_area, [64], [0, 256]).ravel()
        return float(np.convolve(shades, _ONE_SHADE).max() / max(shades.sum(), 1.0))

    def _light(self, half: Plane) -> tuple[float, float, float, float]:
        seen = half if self._coarse_weight is None else half[self._coarse_weight > 0]
        if not seen.size:
            return 0.0, 0.0, 0.0, 0.0
        mean, spread = cv2.meanStdDev(seen.reshape(1, -1))
        pixels = float(seen.size)
        dark = float(np.count_nonzero(seen <= DARK)) / pixels
        bright = float(np.count_nonzero(seen >= BRIGHT)) / pixels
        return float(mean[0, 0]), float(spread[0, 0]), dark, bright


def means(plane: Plane) -> Tiles:
    return cv2.resize(plane, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def count(of: TileMask) -> int:
    return int(np.count_nonzero(of))


def share(of: TileMask, among: TileMask) -> float:
    """Return the share of ``among`` that is in ``of``, as a Python float; 0 if ``among`` is empty."""
    total = count(among)
    return count(of & among) / total if total else 0.0


def median(values: Tiles) -> float:
    """Return the median of one or more values; for few values ten times faster than numpy's."""
    ordered = np.sort(values, axis=None)
    return float(ordered[(ordered.size - 1) // 2] + ordered[ordered.size // 2]) / 2


def _unmasked(masks: Iterable[Polygon], width: float, height: float, size: tuple[int, int]) -> Gray:
    """Return a picture: 1 outside masks, 0 inside. ``width`` x ``height``: before the cut to whole tiles."""
    area: Gray = np.ones((size[1], size[0]), np.uint8)
    for polygon in masks:
        corners = np.array([(x * width, y * height) for x, y in polygon], np.float32)
        cv2.fillPoly(area, [np.rint(corners).astype(np.int32)], (0,))
    return area


def _shrunk(area: Gray, size: tuple[int, int]) -> Plane:
    """Return a picture that is 1.0 where no mask is within the reach of a filter, else 0."""
    scaled = cv2.resize(area, size, interpolation=cv2.INTER_NEAREST)
    return cv2.erode(scaled, _MASK_RIM).astype(np.float32)
