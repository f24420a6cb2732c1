"""Checks whether a picture shows anything, without knowing the camera's usual view; makes pictures for
people.

Sharpness is the ratio of fine to coarse detail: for each tile of ``tamper.frame_features`` with structure,
the mean square of the fine band divided by that of the coarse band. The result is the 90th percentile of
the tiles: a scene has soft parts, but a lens in focus shows some sharp ones. Figures: docs/guide/doctor.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.config.model.settings import Camera
from edge_agent.core.model import FULL_PICTURE, Picture
from edge_agent.evidence.jpeg import crop
from edge_agent.tamper.baseline_comparison import MIN_TILES, STRUCTURED
from edge_agent.tamper.frame_features import FrameFeatureExtractor
from edge_agent.tamper.verdict import BLACK_MEAN, NOTHING_SEEN
from edge_agent.tools.doctor.check import CheckResult, Figure

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

SHARP = 1.5
ONE_COLOUR = 4.0  # standard deviation of luma; a wall in even light has a higher one
THUMBNAIL = 640
SHEET_COLUMNS = 2
JPEG_QUALITY = 80
_STRIP = 32  # pixels, for the camera's id


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """Measured properties of one picture."""

    mean: float  # luma
    spread: float  # its standard deviation
    dark: float  # share of dark pixels
    sharpness: float | None  # None: too little structure


def measure_quality(picture: Picture, camera: Camera) -> ImageQuality | None:
    """Measure a picture without its masked areas. Return None if it is too small."""
    luma = picture.luma()
    try:
        sketcher = FrameFeatureExtractor(luma.shape[1], luma.shape[0], camera.masks)
    except ValueError:
        return None
    sketch = sketcher.extract(sketcher.shrink(luma))
    structured = sketcher.counted & (sketch.coarse_energy >= STRUCTURED)
    ratio = sketch.fine_energy[structured] / sketch.coarse_energy[structured]
    sharpness = float(np.quantile(ratio, 0.9)) if np.count_nonzero(structured) >= MIN_TILES else None
    return ImageQuality(sketch.mean, sketch.spread, sketch.dark, sharpness)


def judge(check: str, quality: ImageQuality | None) -> CheckResult:
    if quality is None:
        return CheckResult(check, "picture-small")
    figures: dict[str, Figure] = {"mean": quality.mean, "needed": SHARP}
    if quality.sharpness is None:
        if quality.mean <= BLACK_MEAN:
            return CheckResult(check, "picture-black", figures)
        return CheckResult(
            check, "picture-empty" if quality.spread < ONE_COLOUR else "picture-plain", figures
        )
    figures["sharpness"] = quality.sharpness
    if quality.dark >= NOTHING_SEEN:
        return CheckResult(check, "picture-dark", figures)
    return CheckResult(check, "picture-good" if quality.sharpness >= SHARP else "picture-blurred", figures)


def thumbnail(picture: Picture, camera: Camera) -> Colour:
    """Scale a picture to at most ``THUMBNAIL`` pixels, with privacy masks black."""
    return crop(picture, FULL_PICTURE, camera.privacy_masks, THUMBNAIL)


def jpeg(picture: Colour) -> bytes:
    done, buffer = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    assert done, "a picture of 8-bit colour can be encoded"
    return buffer.tobytes()


def sheet(pictures: Mapping[str, Colour | None]) -> bytes:
    """Return a JPEG with the pictures of all cameras and their ids; grey where there is no picture."""
    cells = [_cell(name, picture) for name, picture in pictures.items()]
    cells += [np.zeros_like(cells[0])] * (-len(cells) % SHEET_COLUMNS)
    rows = [np.hstack(cells[at : at + SHEET_COLUMNS]) for at in range(0, len(cells), SHEET_COLUMNS)]
    return jpeg(np.vstack(rows))


def _cell(name: str, picture: Colour | None) -> Colour:
    """Return one camera's part of the sheet: ``THUMBNAIL`` wide, and of the same height for all cameras."""
    width, height = THUMBNAIL, THUMBNAIL * 3 // 4
    cell = np.full((_STRIP + height, width, 3), 64, np.uint8)
    cell[:_STRIP] = 0
    cv2.putText(cell, name, (8, _STRIP - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 1, cv2.LINE_AA)
    if picture is not None:
        scale = min(width / picture.shape[1], height / picture.shape[0])
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        left, top = (width - size[0]) // 2, _STRIP + (height - size[1]) // 2
        cell[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size)
    return cell
