"""The background model: a picture of the static scene, and the noise of each pixel.

Per pixel a running mean and a running mean absolute deviation with exponential forgetting (as in Wren
et al., "Pfinder", 1997, with the absolute deviation instead of the variance: cheaper, and less affected by
outliers). Moving pixels are excluded from both, so traffic does not blend into the background. A pixel that
then stays still for long enough replaces the background through a candidate value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.core.model import Gray

MEAN_S = 4.0  # time constant of the mean: follows dusk, clouds and a lens that warms up
DEVIATION_S = 8.0  # of the deviation; longer than the pause between two keyframes
DEVIATIONS = 5.0  # a pixel differs when it is that many mean absolute deviations away ...
FLOOR = 9  # ... and at least this many grey levels
START_DEVIATION = 3.0  # assumed of a new pixel
UNSURE_DEVIATION = 4.0  # after a switch: IR light is noisier than the day before it
TICK_S = 0.4  # thresholds and still pixels are updated this often; more often gains nothing
SCORE_PER_S = 8.0  # unit of the candidate's score: 1/8 s, so that 30 s fit into a byte
ABSORB_S = 30.0  # a pixel that is still for this long becomes background
YOUNG_ABSORB_S = 4.0  # while the background is young: removes objects that moved during learning
YOUNG_S = 10.0
STILL_S = 2.0  # a blob that is unchanged for this long may be a ghost
_GAIN_STEP = 12  # the gain is measured on every 12th pixel in both directions: 390 of 320 x 180
_GAIN_DARK = 16  # darker pixels give no reliable ratio
_CLIPPED = 250  # neither do clipped ones
_LIGHT_BLOCK = 8  # block size for local light, in pixels of motion scale


class Background:
    """The background of pictures of one motion-scale size, shape (height, width). Not thread-safe."""

    def __init__(self, counted: Gray) -> None:
        shape = counted.shape
        self._counted = counted
        self._mean: NDArray[np.float32] = np.zeros(shape, np.float32)
        self._sample: NDArray[np.float32] = np.zeros(_sampled(counted).shape, np.float32)
        self._usable: NDArray[np.bool_] = np.zeros(self._sample.shape, np.bool_)
        self._deviation: NDArray[np.float32] = np.zeros(shape, np.float32)
        self._threshold: Gray = np.empty(shape, np.uint8)
        self._base: Gray = np.empty(shape, np.uint8)
        self._difference: Gray = np.empty(shape, np.uint8)
        self._scratch: Gray = np.empty(shape, np.uint8)
        self._candidate: Gray = np.empty(shape, np.uint8)
        self._score: Gray = np.zeros(shape, np.uint8)
        self._watching = False
        self._age_s = 0.0
        self._since_tick_s = 0.0
        self._gain = 1.0

    @property
    def gain(self) -> float:
        """Ratio of the last frame's brightness to the background's; 1 if it cannot be measured."""
        return self._gain

    @property
    def base(self) -> Gray:
        """The background with the gain of the last frame."""
        return self._base

    def replace(self, picture: Gray, deviation: float) -> None:
        """Start again from ``picture``; ``deviation`` is assumed for each pixel until it is measured."""
        self._mean[:] = picture
        self._deviation[:] = deviation
        self._candidate[:] = picture
        self._score[:] = 0
        self._watching = False
        self._age_s = 0.0
        self._gain = 1.0
        self._set_threshold()
        self._take_sample()

    def compare(self, picture: Gray) -> Gray:
        """Return a mask, 255 where ``picture`` differs from the background; the next call overwrites it."""
        self._gain = self._measure_gain(picture)
        cv2.convertScaleAbs(self._mean, dst=self._base, alpha=self._gain)
        cv2.absdiff(picture, self._base, dst=self._difference)
        cv2.compare(self._difference, self._threshold, cv2.CMP_GT, dst=self._scratch)
        cv2.bitwise_and(self._scratch, self._counted, dst=self._scratch)
        return self._scratch

    def sharp(self, picture: Gray, rows: slice, columns: slice) -> Gray:
        """Return a mask of ``rows`` x ``columns``: 255 where ``picture`` differs without soft local light.

        A cloud, a lamp or a beam changes large areas softly; objects have edges. The light is the ratio of
        picture and background, averaged over 24 x 24 pixels.
        """
        part, base = picture[rows, columns], self._base[rows, columns]
        light = _local_light(part, base)
        cv2.multiply(self._mean[rows, columns], light, dst=light)
        lit = cv2.convertScaleAbs(light, alpha=self._gain)
        cv2.absdiff(part, lit, dst=lit)
        return np.asarray(cv2.compare(lit, self._threshold[rows, columns], cv2.CMP_GT), np.uint8)

    def learn(self, picture: Gray, moving: NDArray[np.uint8] | None, elapsed_s: float) -> bool:
        """Learn from all pixels outside ``moving`` (255 where something moves, None: nothing moves).

        Call ``compare`` with the same picture first. ``elapsed_s`` is the time since the last frame.
        Returns True in the calls that also update the thresholds and the still pixels, once in ``TICK_S``.
        """
        self._age_s += elapsed_s
        if abs(self._gain - 1.0) > 0.004:
            np.multiply(self._mean, self._gain, out=self._mean)
        still = None if moving is None else cv2.bitwise_not(moving, dst=self._scratch)
        speed = 3.0 if self._age_s < YOUNG_S else 1.0
        share = min(0.5, speed * elapsed_s / MEAN_S)
        cv2.accumulateWeighted(picture, self._mean, share, mask=still)
        share = min(0.5, speed * elapsed_s / DEVIATION_S)
        cv2.accumulateWeighted(self._difference, self._deviation, share, mask=still)
        self._take_sample()
        self._since_tick_s += elapsed_s
        if self._since_tick_s < TICK_S:
            return False
        self._set_threshold()
        if moving is not None or self._watching:
            self._absorb_still_pixels(picture, moving, min(self._since_tick_s, 2.0))
        self._since_tick_s = 0.0
        return True

    def is_still(self, rows: slice, columns: slice, foreground: Gray) -> bool:
        """Whether most of the foreground in that part has kept its value for ``STILL_S``."""
        scores = cv2.mean(self._score[rows, columns], foreground[rows, columns])[0]
        return scores >= STILL_S * SCORE_PER_S

    def adopt(self, picture: Gray, where: Gray) -> None:
        """Replace the background by ``picture`` where ``where`` is not 0."""
        chosen = where.view(np.bool_)
        np.copyto(self._mean, picture, where=chosen)
        self._score[chosen] = 0
        self._take_sample()

    def _set_threshold(self) -> None:
        cv2.convertScaleAbs(self._deviation, dst=self._threshold, alpha=DEVIATIONS)
        np.maximum(self._threshold, FLOOR, out=self._threshold)

    def _take_sample(self) -> None:
        """Copy the pixels on which the gain is measured, while the mean is in the processor's cache. Reading
        them later, from memory, is half of the Python cost of a quiet frame."""
        np.copyto(self._sample, _sampled(self._mean))
        np.greater_equal(self._sample, _GAIN_DARK, out=self._usable)

    def _measure_gain(self, picture: Gray) -> float:
        seen = _sampled(picture)
        usable = self._usable & (seen < _CLIPPED)
        ratios = seen[usable] / self._sample[usable]
        if ratios.size * 4 < usable.size:
            return 1.0
        middle = ratios.size // 2
        ratios.partition(middle)
        return float(ratios[middle])

    def _absorb_still_pixels(self, picture: Gray, moving: Gray | None, elapsed_s: float) -> None:
        """Adopt the value that a moving pixel has most of the time (Boyer-Moore majority vote)."""
        step = max(1, round(elapsed_s * SCORE_PER_S))
        cv2.subtract(self._score, step, dst=self._score)  # type: ignore[call-overload]  # the stubs know no scalars
        if moving is not None:
            votes = self._scratch
            cv2.absdiff(picture, self._candidate, dst=votes)
            cv2.compare(votes, self._threshold, cv2.CMP_LE, dst=votes)
            cv2.bitwise_and(votes, moving, dst=votes)
            cv2.bitwise_and(votes, 2 * step, dst=votes)  # type: ignore[call-overload]
            cv2.add(self._score, votes, dst=self._score)
        cv2.compare(self._score, 0, cv2.CMP_EQ, dst=self._scratch)  # type: ignore[call-overload]
        cv2.copyTo(picture, self._scratch, self._candidate)
        needed = YOUNG_ABSORB_S if self._age_s < YOUNG_S else ABSORB_S
        enough = needed * SCORE_PER_S
        cv2.compare(self._score, enough, cv2.CMP_GE, dst=self._scratch)  # type: ignore[call-overload]
        if cv2.countNonZero(self._scratch):
            self.adopt(self._candidate, self._scratch)
        self._watching = cv2.countNonZero(self._score) > 0


def _sampled(plane: NDArray[Any]) -> NDArray[Any]:
    """Return every ``_GAIN_STEP``-th pixel in both directions, as a view."""
    return plane[_GAIN_STEP // 2 :: _GAIN_STEP, _GAIN_STEP // 2 :: _GAIN_STEP]


def _local_light(picture: Gray, base: Gray) -> NDArray[np.float32]:
    """Return the ratio of two pictures, smoothed over 3 x 3 blocks, in the shape of the pictures."""
    height, width = picture.shape
    block = min(_LIGHT_BLOCK, height, width)
    # Whole blocks only: OpenCV averages them six times as fast.
    whole_height, whole_width = height // block * block, width // block * block
    blocks = (whole_width // block, whole_height // block)
    now = cv2.resize(picture[:whole_height, :whole_width], blocks, interpolation=cv2.INTER_AREA)
    then = cv2.resize(base[:whole_height, :whole_width], blocks, interpolation=cv2.INTER_AREA)
    # + 2: black has no ratio. The median excludes objects smaller than half its window from the light.
    ratio = np.divide(now.astype(np.float32) + 2.0, then.astype(np.float32) + 2.0)
    ratio = cv2.blur(cv2.medianBlur(ratio, 3), (3, 3))
    light = cv2.resize(ratio, (whole_width, whole_height), interpolation=cv2.INTER_LINEAR)
    rest = (height - whole_height, width - whole_width)
    if any(rest):
        light = cv2.copyMakeBorder(light, 0, rest[0], 0, rest[1], cv2.BORDER_REPLICATE)
    return np.asarray(light, np.float32)
