"""Names the colours of an object from small pictures of it, in the eleven basic colour terms.

Pixels are compared in CIE Lab, whose lightness, chroma and hue follow what people see. The limits below were
set on drawn patches and on the clips named in docs/design/passages.md. A table of 32 x 32 x 32 cells turns
them into one lookup a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE
from edge_agent.passages.passage import COLOURS, ColourShare, PartColours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.core.model import Colour

    Terms = NDArray[np.uint8]
    """The index in ``COLOURS`` of each pixel, shape (height, width)."""
    Mask = NDArray[np.bool_]
    Shares = NDArray[np.float64]
    Numbers = NDArray[np.floating[Any]]

WIDTH, HEIGHT = 24, 40  # pixels to which a view is shrunk, which also averages noise away
BITS = 5  # of each channel in the table
EDGE = 1  # column at each side of the shrunk view: shows the ground, whose colour is the median
LUMA_WEIGHT = 0.25  # in the distance to the background, because a shadow on the ground is ground too
LIKE_GROUND = 6.0  # distance in YCrCb, of 255, up to which a pixel is ground
MIN_OBJECT = 0.3  # of a part's pixels; with fewer left the object has the colour of the ground
MIN_PIXELS = 40  # of one part; with fewer its colour is not named
WEIGHTS = {"grey": 0.5, "black": 0.6}
"""Factors for the areas of these terms: each box also shows shadows, tyres, road and hair."""
MIN_SHARE = 0.2  # of a part's area, from which a second colour is named
MIN_CONFIDENCE = 0.3

# Limits in CIE Lab: lightness 0..100, chroma, hue in degrees.
BLACK_L, WHITE_L = 30.0, 64.0
NO_HUE_L = 10.0  # darker than this everything is black
DARK_L = 40.0
GREY_CHROMA, DARK_GREY_CHROMA, DARK_BLUE_CHROMA = 7.0, 10.0, 18.0
"""A colour with less chroma is black, grey or white. The limit for dark blue is higher, because dark cloth
reflects the blue of the sky."""
CREAM_CHROMA = 14.0  # a warm white
PINK_L = 54.0  # a darker pink is red

_PARTS: dict[str, tuple[tuple[str, float, float, float, float], ...]] = {
    # part, then left, top, right and bottom as shares of the box
    PERSON: (("upper", 0.25, 0.18, 0.75, 0.50), ("lower", 0.25, 0.52, 0.75, 0.88)),
    TWO_WHEELER: (("upper", 0.25, 0.14, 0.75, 0.46), ("lower", 0.25, 0.52, 0.75, 0.88)),
    VEHICLE: (("body", 0.15, 0.35, 0.85, 0.85),),
}


def colours_of(
    group: str | None, views: Sequence[Colour], gains: tuple[float, float, float]
) -> tuple[PartColours, ...]:
    """Return the colours of an object's parts over all views of it.

    ``views``: pixels of the object's box, BGR. ``gains``: white balance for B, G and R. Views that disagree
    lower the confidence; a part below ``MIN_CONFIDENCE`` is left out.
    """
    terms, is_object = _named(views, gains)
    found = []
    for part, *corners in _PARTS.get(group or "", ()):
        area = _area(corners)
        shown = [n for n, view in enumerate(views) if _pixels(view, corners) >= MIN_PIXELS]
        colours = _part(part, [_shares(terms[n][area], is_object[n][area]) for n in shown])
        if colours is not None and colours.confidence >= MIN_CONFIDENCE:
            found.append(colours)
    return tuple(found)


def _named(views: Sequence[Colour], gains: tuple[float, float, float]) -> tuple[Terms, Mask]:
    """Return the term of each pixel, and a mask of those that are not ground.

    Both are of the shrunk views, shape (views, HEIGHT, WIDTH).
    """
    shrunk = np.stack([cv2.resize(view, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for view in views])
    levels = np.arange(256)[:, None] * np.array(gains)
    balanced = cv2.LUT(shrunk.reshape(-1, WIDTH, 3), np.minimum(levels, 255).astype(np.uint8)[None])
    cells = np.right_shift(balanced, 8 - BITS, dtype=np.uint16)
    terms = term_table()[cells[..., 0] << 2 * BITS | cells[..., 1] << BITS | cells[..., 2]]
    luma_chroma = cv2.cvtColor(balanced, cv2.COLOR_BGR2YCrCb).reshape(shrunk.shape).astype(np.float32)
    return terms.reshape(shrunk.shape[:3]), ~_is_ground(luma_chroma)


def _is_ground(pixels: NDArray[np.float32]) -> Mask:
    """Return which pixels have the colour of the left and right edges of their view."""
    pixels[..., 0] *= LUMA_WEIGHT
    edges = pixels[:, :, [*range(EDGE), *range(-EDGE, 0)]].reshape(len(pixels), -1, 3)
    edges.sort(axis=1)
    difference = pixels - edges[:, None, None, edges.shape[1] // 2]  # the median, at a third of numpy's cost
    return np.asarray((difference * difference).sum(axis=-1) <= LIKE_GROUND**2)


def _area(corners: Sequence[float]) -> tuple[slice, slice]:
    left, top, right, bottom = corners
    return slice(int(top * HEIGHT), int(bottom * HEIGHT) + 1), slice(
        int(left * WIDTH), int(right * WIDTH) + 1
    )


def _pixels(view: Colour, corners: Sequence[float]) -> float:
    """Return the number of the camera's pixels that show the part."""
    left, top, right, bottom = corners
    return float(view.shape[0] * (bottom - top) * view.shape[1] * (right - left))


def _shares(part: Terms, is_object: Mask) -> Shares:
    """Return the share of each term in a part."""
    enough = np.count_nonzero(is_object) >= MIN_OBJECT * part.size
    counts = np.bincount(part[is_object] if enough else part.ravel(), minlength=len(COLOURS)) * _weights()
    return np.asarray(counts / counts.sum())


def _part(part: str, shares: Sequence[Shares]) -> PartColours | None:
    """Return the colours of a part. The confidence is the share of the first colour over all views."""
    if not shares:
        return None
    mean = np.mean(shares, axis=0)
    first, second = (int(index) for index in np.argsort(mean)[::-1][:2])
    named = [first] if mean[second] < MIN_SHARE else [first, second]
    colours = tuple(ColourShare(COLOURS[index], round(float(mean[index]), 2)) for index in named)
    return PartColours(part, colours, round(float(mean[first]), 2))


@cache
def _weights() -> Shares:
    return np.array([WEIGHTS.get(name, 1.0) for name in COLOURS])


@cache
def term_table() -> Terms:
    """Return the index in ``COLOURS`` for each cell of B, G and R, flat, 32,768 bytes.

    It does not use OpenCV's conversion to Lab, which would keep tables of 6 MB in memory.
    """
    levels = np.linspace(0.0, 1.0, 1 << BITS)
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    g, r = np.meshgrid(linear, linear, indexing="ij")
    return np.concatenate([_terms(*_lab(np.full_like(g, b), g, r)).ravel() for b in linear])


def _lab(b: Numbers, g: Numbers, r: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return lightness, chroma and hue in degrees of linear sRGB under D65 (IEC 61966-2-1, CIE 15)."""
    x = (0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.950456
    y = 0.212671 * r + 0.715160 * g + 0.072169 * b
    z = (0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.088754
    fx, fy, fz = (np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116) for t in (x, y, z))
    redness, yellowness = 500 * (fx - fy), 200 * (fy - fz)
    hue = np.degrees(np.arctan2(yellowness, redness)) % 360
    return 116 * fy - 16, np.hypot(redness, yellowness), hue


def _terms(lightness: NDArray[np.float32], chroma: NDArray[np.float32], hue: NDArray[np.float32]) -> Terms:
    """Return the term of each colour; the first rule that fits wins."""
    warm = (hue >= 25) & (hue < 98)
    is_blue = (hue >= 215) & (hue < 310)
    dark_limit = np.where(is_blue, DARK_BLUE_CHROMA, DARK_GREY_CHROMA)
    is_grey = chroma < np.where(lightness < DARK_L, dark_limit, GREY_CHROMA)
    rules = (
        ("black", (lightness < NO_HUE_L) | (is_grey & (lightness < BLACK_L))),
        ("white", (is_grey | (warm & (chroma < CREAM_CHROMA))) & (lightness > WHITE_L)),
        ("grey", is_grey),
        ("pink", ((hue >= 325) | (hue < 30)) & (lightness >= PINK_L)),
        ("purple", (hue >= 312) & (hue < 345)),
        ("brown", warm & (((lightness < 52) & (chroma < 45)) | ((lightness < 72) & (chroma < 35)))),
        ("red", (hue >= 345) | (hue < 45)),
        ("orange", (hue >= 45) & (hue < 72)),
        ("yellow", (hue >= 72) & (hue < 104)),
        ("green", (hue >= 98) & (hue < 200)),
        ("blue", (hue >= 200) & (hue < 312)),
    )
    names = [COLOURS.index(name) for name, _ in rules]
    return np.select([rule for _, rule in rules], names, COLOURS.index("grey")).astype(np.uint8)
