"""Compares a picture with the usual view of the camera.

All figures are correlations or slopes of a regression on the baseline, tile by tile: noise adds to neither,
and a change of light scales the slope without changing the correlation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.tamper.frame_features import FrameFeatures, count, means, median, share

if TYPE_CHECKING:
    from edge_agent.tamper.frame_features import Plane, TileMask, Tiles

BLACK = 16.0
STRUCTURED = 2.0**2  # mean square of the coarse band from which on a tile of the baseline has structure
DETAILED = 5.0**2  # the same for the fine band
MIN_TILES = 6  # with fewer tiles the scene has too little structure to judge
MIN_TILES_IN_HALF = 4
KEPT = 0.5  # correlation from which on a tile matches the baseline
BLANK = 0.12  # of the baseline's energy; a tile below it has lost its structure
BLANK_FLOOR = 2.0**2  # energy of the noise in a dark picture
_NOISE = 0.15  # mean square that sensor noise leaves in the coarse band


@dataclass(frozen=True, slots=True)
class BaselineComparison:
    """Result of a comparison. Shares are of the tiles with structure in the baseline; slope 1: no change."""

    tiles: int  # with structure
    detailed: int  # with fine detail
    matching: float  # share that matches the baseline
    half_matching: float  # the same in that half of the picture (upper, lower, left, right) with the most
    sharp_matching: float  # the same among the tiles with fine detail
    blank: float  # share that has lost its structure and has no other
    contrast: float  # slope in the coarse band, median of the tiles
    energy: float  # in the coarse band, relative to the baseline's; includes noise
    fine: float  # slope in the fine band, median of the tiles with fine detail
    fine_energy: float  # in the fine band, relative to the baseline's; includes noise
    layout: float  # correlation of the layout, the strongly blurred picture
    layout_contrast: float  # slope of the layout
    gain: float  # mean luma over black, relative to the baseline's

    @property
    def sharpness(self) -> float:
        """Fine detail relative to contrast: low for a lens out of focus, but not for fog."""
        return self.fine / max(self.contrast, 0.05)

    def has_lost_detail(self, most: float) -> bool:
        """Whether at most ``most`` of the fine detail is left, absolutely and relative to contrast."""
        return self.fine <= most and (self.sharpness <= most or self.contrast < 0.15)


def compare_with_baseline(now: FrameFeatures, usual: FrameFeatures, counted: TileMask) -> BaselineComparison:
    structured = structured_tiles(usual, counted)
    shared = means(cv2.multiply(now.coarse, usual.coarse))  # type: ignore[arg-type]
    correlation = shared / np.sqrt((now.coarse_energy + _NOISE) * (usual.coarse_energy + _NOISE))
    kept = correlation >= KEPT
    blank = ~kept & (now.coarse_energy < np.maximum(BLANK_FLOOR, BLANK * usual.coarse_energy))
    detailed = structured & (usual.fine_energy >= DETAILED)
    fine_shared = means(cv2.multiply(now.fine, usual.fine))  # type: ignore[arg-type]
    layout, layout_contrast = _layout(now.layout, usual.layout, counted)
    return BaselineComparison(
        tiles=count(structured),
        detailed=count(detailed),
        matching=share(kept, structured),
        half_matching=_best_half(kept, structured),
        sharp_matching=share(kept, detailed),
        blank=share(blank, structured),
        contrast=_median(shared, usual.coarse_energy, structured),
        energy=_median(now.coarse_energy, usual.coarse_energy, structured),
        fine=_median(fine_shared, usual.fine_energy, detailed),
        fine_energy=_median(now.fine_energy, usual.fine_energy, detailed),
        layout=layout,
        layout_contrast=layout_contrast,
        gain=(max(now.mean - BLACK, 0.5)) / max(usual.mean - BLACK, 0.5),
    )


def matching_tiles(now: Plane, now_energy: Tiles, before: Plane) -> TileMask:
    """Return the tiles of the coarse band that match between two pictures."""
    energy = means(cv2.multiply(before, before))  # type: ignore[arg-type]
    shared = means(cv2.multiply(now, before))  # type: ignore[arg-type]
    return np.asarray(shared / np.sqrt((now_energy + _NOISE) * (energy + _NOISE)) >= KEPT)


def structured_tiles(usual: FrameFeatures, counted: TileMask) -> TileMask:
    return np.asarray(counted & (usual.coarse_energy >= STRUCTURED))


def _best_half(of: TileMask, among: TileMask) -> float:
    rows, columns = of.shape[0] // 2, of.shape[1] // 2
    halves = (np.s_[:rows], np.s_[rows:], np.s_[:, :columns], np.s_[:, columns:])
    return max(
        share(of[half], among[half]) if count(among[half]) >= MIN_TILES_IN_HALF else 0.0 for half in halves
    )


def _median(of: Tiles, base: Tiles, among: TileMask) -> float:
    """Return the median ratio of ``of`` and ``base`` over the tiles ``among``; 1 if there are no tiles."""
    return median(of[among] / base[among]) if among.any() else 1.0


def _layout(now: Plane, usual: Plane, counted: TileMask) -> tuple[float, float]:
    """Return correlation and slope of the layout; both 1 if no tile counts."""
    where = np.repeat(np.repeat(counted, 2, axis=0), 2, axis=1)
    if not where.any():
        return 1.0, 1.0
    a, b = now[where], usual[where]
    a, b = a - a.mean(), b - b.mean()
    shared, own, base = float(a @ b), float(a @ a), float(b @ b)
    return shared / max((own * base) ** 0.5, 1e-6), shared / max(base, 1e-6)


def matching_edges(now: FrameFeatures, usual: FrameFeatures, counted: TileMask, least: float) -> float:
    """Return the share of the structured tiles with edges at the usual places, whichever side is brighter:
    infrared turns foliage white, and a lamp lights the street from another side."""
    structured = structured_tiles(usual, counted)
    a, b = _edges(now.coarse), _edges(usual.coarse)
    mean_a, mean_b = means(a), means(b)
    shared = means(cv2.multiply(a, b)) - mean_a * mean_b  # type: ignore[arg-type]
    own = means(cv2.multiply(a, a)) - mean_a**2  # type: ignore[arg-type]
    base = means(cv2.multiply(b, b)) - mean_b**2  # type: ignore[arg-type]
    return share(shared / np.sqrt((own + _NOISE) * (base + _NOISE)) >= least, structured)


def _edges(coarse: Plane) -> Plane:
    across, down = cv2.Sobel(coarse, cv2.CV_32F, 1, 0), cv2.Sobel(coarse, cv2.CV_32F, 0, 1)
    strength = cv2.magnitude(across, down)
    return cv2.blur(strength, (3, 3))  # type: ignore[return-value]
