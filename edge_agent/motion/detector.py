"""The motion stage: finds the regions of a frame that differ from the background.

It works at motion scale: a luma picture of about 320 x 180, whatever the camera sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.core.geometry import Polygon
from edge_agent.core.model import Box, Frame, Motion, Scene
from edge_agent.motion.background import START_DEVIATION, UNSURE_DEVIATION, Background
from edge_agent.motion.persistent_motion import PersistentMotion
from edge_agent.motion.regions import (
    BinaryOpening,
    ForegroundBlob,
    RainFilter,
    RegionFinder,
    cut_shadows,
    is_ghost,
)

if TYPE_CHECKING:
    from edge_agent.core.model import Gray

PIXELS = 320 * 180
"""Pixels at motion scale; cost is proportional. At 160 x 90 rain counts and distant motorbikes are lost."""
_TWO_STEPS_FROM = 4
"""From this divisor on, a bilinear step comes first: a third of the cost, and little is lost."""


class Downscaler:
    """Scales luma of one input size to motion scale by an integer divisor.

    An integer divisor keeps the aspect ratio and is many times cheaper in OpenCV than any other factor; up to
    divisor - 1 pixels at the right and lower edge are ignored. Small pictures are not enlarged.
    """

    def __init__(self, width: int, height: int) -> None:
        self.divisor = max(1, round((width * height / PIXELS) ** 0.5))
        self.size = (max(1, width // self.divisor), max(1, height // self.divisor))
        """(width, height) at motion scale."""
        self._small: Gray = np.empty((self.size[1], self.size[0]), np.uint8)
        self._middle: Gray = np.empty((0, 0), np.uint8)
        if self.divisor >= _TWO_STEPS_FROM:
            self._middle = np.empty((self.size[1] * 2, self.size[0] * 2), np.uint8)

    def __call__(self, luma: Gray) -> Gray:
        """Return the picture at motion scale; the next call overwrites it. ``luma`` itself for divisor 1."""
        if self.divisor == 1:
            return luma
        source = luma[: self.size[1] * self.divisor, : self.size[0] * self.divisor]
        if self._middle.size:
            middle_size = (self._middle.shape[1], self._middle.shape[0])
            cv2.resize(source, middle_size, dst=self._middle, interpolation=cv2.INTER_LINEAR)
            source = self._middle
        cv2.resize(source, self.size, dst=self._small, interpolation=cv2.INTER_AREA)
        return self._small


def counted_area(masks: Iterable[Polygon], width: int, height: int) -> Gray:
    """Return a picture that is 255 where motion counts and 0 inside a mask; shape (height, width)."""
    counted: Gray = np.full((height, width), 255, np.uint8)
    for polygon in masks:
        corners = np.array([(x * width, y * height) for x, y in polygon], np.float32)
        cv2.fillPoly(counted, [np.rint(corners).astype(np.int32)], (0,))
    return counted


SWITCH_SHARE = 0.4  # if more of the unmasked picture differs at once, the scene has switched
SWITCH_GAIN = 1.25  # also if the brightness changes by this factor in one frame; at dusk it changes less
SETTLE_S = 0.7  # after a switch cameras correct their exposure for some frames
LEARN_S = 1.0
LEARN_FRAMES = 3
MAX_LEARN_FRAMES = 9  # pictures of which the first median is computed
MAX_STEP_S = 2.0  # a longer gap counts as this long when learning
_SUPPORT = 6  # pixels around sharp ones that belong to the same object: inside, a bus has no edges
_ONES_SUPPORT = np.ones((2 * _SUPPORT + 1, 2 * _SUPPORT + 1), np.uint8)
_ONES2 = np.ones((2, 2), np.uint8)
_ONES3 = np.ones((3, 3), np.uint8)
_MARGIN = 16  # pixels of surroundings that are needed to separate soft light from an object


class MotionDetector:
    """Finds motion of one camera by adaptive background subtraction. Call ``update`` once per analysed frame.

    ``masks`` are polygons in 0..1 of the picture; motion inside them is ignored. For one thread.
    Rates are in seconds of ``Frame.captured_mono``, so 2 and 25 frames a second behave alike.
    """

    def __init__(self, masks: Sequence[Polygon] = ()) -> None:
        self._masks = tuple(masks)
        self._input_shape: tuple[int, ...] = ()
        self._last_mono = 0.0
        self._persistent_motion = PersistentMotion()

    @property
    def persistent_motion(self) -> Box | None:
        return self._persistent_motion.box

    def update(self, frame: Frame) -> Motion:
        """Compare with the background, then learn from the frame.

        Regions are sorted, largest first. ``foreground`` is a new mask at motion scale (about 320 x 180).
        """
        luma = frame.picture.luma()
        if luma.shape != self._input_shape:
            self._prepare(luma.shape[1], luma.shape[0])
            self._input_shape = luma.shape
            self._last_mono = frame.captured_mono
        elapsed_s = min(max(frame.captured_mono - self._last_mono, 0.0), MAX_STEP_S)
        self._last_mono = frame.captured_mono
        picture = self._downscale(luma)
        if self._learned is not None:
            return self._learn_start(self._learned, picture, elapsed_s)
        motion = self._compare(picture, elapsed_s)
        self._persistent_motion.update(motion.regions, frame.captured_mono)
        return motion

    def has_motion(self, frame: Frame) -> bool:
        """Whether ``update`` would return regions, or a scene that is not steady, as far as one picture shows
        it. Learns nothing."""
        luma = frame.picture.luma()
        if luma.shape != self._input_shape or self._learned is not None or self._settling_s > 0:
            return True
        picture = self._downscale(luma)
        differs = self._background.compare(picture)
        if self._is_switch(cv2.countNonZero(differs) / self._counted_pixels):
            return True
        foreground = self._open(differs)
        self._keep_sharp(foreground, picture)
        return bool(self._finder.find(foreground))

    def reset(self) -> None:
        self._input_shape = ()

    def _prepare(self, width: int, height: int) -> None:
        self._downscale = Downscaler(width, height)
        self._width, self._height = self._downscale.size
        self._full_size = (width / self._downscale.divisor, height / self._downscale.divisor)
        counted = counted_area(self._masks, self._width, self._height)
        self._counted_pixels = max(1, cv2.countNonZero(counted))
        self._background = Background(counted)
        self._open = BinaryOpening(self._width, self._height)
        self._finder = RegionFinder(self._width, self._height)
        self._without_rain = RainFilter()
        self._learned: list[Gray] | None = []
        self._learning_s = 0.0
        self._settling_s = 0.0

    def _learn_start(self, learned: list[Gray], picture: Gray, elapsed_s: float) -> Motion:
        self._learning_s += elapsed_s
        learned.append(picture.copy())
        if self._learning_s >= LEARN_S and len(learned) >= LEARN_FRAMES:
            step = -(-len(learned) // MAX_LEARN_FRAMES)
            median = np.median(np.stack(learned[::step]), axis=0)
            self._background.replace(median.astype(np.uint8), START_DEVIATION)
            self._learned = None
        return Motion((), Scene.LEARNING, 0.0)

    def _compare(self, picture: Gray, elapsed_s: float) -> Motion:
        differs = self._background.compare(picture)
        changed = cv2.countNonZero(differs) / self._counted_pixels
        scene = self._whole_picture(changed, elapsed_s)
        if scene is not Scene.STEADY:
            self._background.replace(picture, UNSURE_DEVIATION)
            return Motion((), scene, changed)
        return self._find_regions(picture, differs, changed, elapsed_s)

    def _find_regions(self, picture: Gray, differs: Gray, changed: float, elapsed_s: float) -> Motion:
        """Find moving regions in a steady scene, without soft light, shadows, raindrops and ghosts."""
        foreground = self._open(differs)
        self._keep_sharp(foreground, picture)
        found = self._finder.find(foreground)
        if not found:
            self._without_rain([], elapsed_s)
            self._background.learn(picture, None, elapsed_s)
            return Motion((), Scene.STEADY, changed, foreground.copy())
        unlearned = foreground.copy()  # a shadow is neither an object nor background
        if cut_shadows(found, foreground, picture, self._background.base):
            foreground = self._open(foreground.copy())
            found = self._finder.find(foreground)
        blobs = self._without_rain(found, elapsed_s)
        result = foreground.copy()
        if len(blobs) < len(found):
            inside = np.zeros_like(result)
            for blob in blobs:
                inside[blob.rows, blob.columns] = 255
            cv2.bitwise_and(result, inside, dst=result)
            unlearned = result
        moving = np.asarray(cv2.dilate(unlearned, _ONES3), np.uint8) if blobs else None
        if self._background.learn(picture, moving, elapsed_s):
            blobs = self._without_ghosts(blobs, result, picture)
        regions = tuple(blob.region(*self._full_size) for blob in blobs)
        return Motion(regions, Scene.STEADY, changed, result)

    def _whole_picture(self, changed: float, elapsed_s: float) -> Scene:
        """Return whether the picture as a whole is steady, has switched, or settles after a switch.

        A switch (of light, or between day and night) changes many pixels at once, or the camera's gain.
        """
        if self._is_switch(changed):
            self._settling_s = SETTLE_S
            return Scene.SWITCHED
        if self._settling_s > 0:
            self._settling_s -= elapsed_s
            return Scene.LEARNING
        return Scene.STEADY

    def _is_switch(self, changed: float) -> bool:
        return changed > SWITCH_SHARE or not 1 / SWITCH_GAIN < self._background.gain < SWITCH_GAIN

    def _keep_sharp(self, foreground: Gray, picture: Gray) -> None:
        """Clear foreground that is only soft light; works only on the part that has foreground."""
        x, y, width, height = cv2.boundingRect(foreground)
        if width == 0:
            return
        rows = slice(max(0, y - _MARGIN), min(self._height, y + height + _MARGIN))
        columns = slice(max(0, x - _MARGIN), min(self._width, x + width + _MARGIN))
        sharp = self._background.sharp(picture, rows, columns)
        solid = cv2.erode(sharp, _ONES2)
        part = foreground[rows, columns]
        before = cv2.countNonZero(part)
        near = cv2.bitwise_and(part, cv2.dilate(solid, _ONES_SUPPORT))
        if 2 * cv2.countNonZero(near) < before:
            # Mostly light: pixels near an object are lit as well, so keep fewer of them.
            near = cv2.bitwise_and(part, cv2.dilate(solid, _ONES3))
        part[:] = near

    def _without_ghosts(
        self, blobs: list[ForegroundBlob], foreground: Gray, picture: Gray
    ) -> list[ForegroundBlob]:
        kept = []
        for blob in blobs:
            still = self._background.is_still(blob.rows, blob.columns, foreground)
            if still and is_ghost(blob, foreground, picture, self._background.base):
                where = np.zeros_like(foreground)
                where[blob.rows, blob.columns] = 255
                self._background.adopt(picture, where)
                foreground[blob.rows, blob.columns] = 0
            else:
                kept.append(blob)
        return kept
