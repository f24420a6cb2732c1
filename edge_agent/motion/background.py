"""A picture of what is always there, and of how much each pixel wavers.

Per pixel a running mean and a running mean absolute deviation (Welford's idea with exponential
forgetting, as in Wren et al., "Pfinder", 1997, with the deviation instead of the variance because it is
cheaper and less moved by outliers). What moves is left out of both, so a busy street does not
wash into the background; what then stays still replaces it through a candidate value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.model import Gray

MEAN_S = 4.0  # time constant of the mean: follows dusk, clouds and a lens that warms up
DEVIATION_S = 8.0  # of the deviation; longer, so that one keyframe pulse a second stays in it
DEVIATIONS = 5.0  # a pixel differs when it is that many mean absolute deviations away ...
FLOOR = 11  # ... and at least this many grey levels
START_DEVIATION = 3.0  # believed of a pixel that has not been watched yet
UNSURE_DEVIATION = 4.0  # after a switch: IR light is noisier than the day before it
CANDIDATE_TICK_S = 0.4  # still pixels are looked at this often; more tells nothing new
SCORE_PER_S = 5.0  # unit of the candidate's score: 0.2 s, so that 30 s fit into a byte
ABSORB_S = 30.0  # what stands still that long belongs to the background
YOUNG_ABSORB_S = 3.0  # while the background is young: clears what moved during learning
YOUNG_S = 12.0
_GAIN_STEP = 8  # the gain is measured on every 8th pixel both ways
_GAIN_DARK = 16  # darker pixels say little about a ratio
_GAIN_RANGE = (0.5, 2.0)
_ONES3 = np.ones((3, 3), np.uint8)


class Background:
    """Planes of one motion-scale picture size, shape (height, width). Not thread-safe."""

    def __init__(self, counted: Gray) -> None:
        shape = counted.shape
        self._counted = counted
        self._mean: NDArray[np.float32] = np.zeros(shape, np.float32)
        self._deviation: NDArray[np.float32] = np.zeros(shape, np.float32)
        self._threshold: Gray = np.empty(shape, np.uint8)
        self._base: Gray = np.empty(shape, np.uint8)
        self._difference: Gray = np.empty(shape, np.uint8)
        self._scratch: Gray = np.empty(shape, np.uint8)
        self._still: Gray = np.empty(shape, np.uint8)
        self._differs: Gray = np.empty(shape, np.uint8)
        self._candidate: Gray = np.empty(shape, np.uint8)
        self._score: Gray = np.zeros(shape, np.uint8)
        self._age_s = 0.0
        self._since_tick_s = 0.0
        self._gain = 1.0

    @property
    def gain(self) -> float:
        """Brightness of the last compared frame over the background's."""
        return self._gain

    @property
    def base(self) -> Gray:
        """The background as it would look under the last frame's gain."""
        return self._base

    def replace(self, picture: Gray, deviation: float) -> None:
        """Start again from ``picture``; ``deviation`` is what to expect until it has been watched."""
        self._mean[:] = picture
        self._deviation[:] = deviation
        self._candidate[:] = picture
        self._score[:] = 0
        self._age_s = 0.0
        self._gain = 1.0
        self._set_threshold()

    def compare(self, picture: Gray) -> Gray:
        """255 where ``picture`` differs from the background; overwritten by the next call."""
        self._gain = self._measure_gain(picture)
        cv2.convertScaleAbs(self._mean, dst=self._base, alpha=self._gain)
        cv2.absdiff(picture, self._base, dst=self._difference)
        cv2.compare(self._difference, self._threshold, cv2.CMP_GT, dst=self._differs)
        cv2.bitwise_and(self._differs, self._counted, dst=self._differs)
        return self._differs

    def sharp(self, picture: Gray) -> Gray:
        """255 where ``picture`` still differs once soft local light has been taken out.

        A cloud, a lamp or a beam changes large patches softly; things have edges.
        """
        height, width = self._base.shape
        blocks = (width // 8, height // 8)
        now = cv2.blur(cv2.resize(picture, blocks, interpolation=cv2.INTER_AREA), (3, 3))
        then = cv2.blur(cv2.resize(self._base, blocks, interpolation=cv2.INTER_AREA), (3, 3))
        light = (now.astype(np.float32) + 2.0) / (then.astype(np.float32) + 2.0)
        light = cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR)
        lit = cv2.convertScaleAbs(cv2.multiply(self._mean, light, dst=light), alpha=self._gain)
        sharp = cv2.absdiff(picture, lit)
        return cv2.compare(sharp, self._threshold, cv2.CMP_GT)

    def learn(self, picture: Gray, moving: Gray, elapsed_s: float) -> None:
        """Take in what does not belong to ``moving`` (255 where something moves).

        ``compare`` was called with the same picture; ``elapsed_s`` is the time since the last frame.
        """
        self._age_s += elapsed_s
        if abs(self._gain - 1.0) > 0.004:
            np.multiply(self._mean, self._gain, out=self._mean)
        cv2.bitwise_not(moving, dst=self._still)
        young = 3.0 if self._age_s < YOUNG_S else 1.0
        share = min(0.5, young * elapsed_s / MEAN_S)
        cv2.accumulateWeighted(picture, self._mean, share, mask=self._still)
        share = min(0.5, young * elapsed_s / DEVIATION_S)
        cv2.accumulateWeighted(self._difference, self._deviation, share, mask=self._still)
        self._set_threshold()
        self._since_tick_s += elapsed_s
        if self._since_tick_s >= CANDIDATE_TICK_S:
            self._watch_still_things(picture, moving, min(self._since_tick_s, 2.0))
            self._since_tick_s = 0.0

    def _set_threshold(self) -> None:
        cv2.convertScaleAbs(self._deviation, dst=self._threshold, alpha=DEVIATIONS)
        cv2.max(self._threshold, FLOOR, dst=self._threshold)  # type: ignore[call-overload]

    def _measure_gain(self, picture: Gray) -> float:
        half = _GAIN_STEP // 2
        seen = picture[half::_GAIN_STEP, half::_GAIN_STEP]
        mean = self._mean[half::_GAIN_STEP, half::_GAIN_STEP]
        usable = (mean >= _GAIN_DARK) & (seen < 250)
        if np.count_nonzero(usable) * 4 < usable.size:
            return 1.0
        gain = float(np.median(seen[usable] / mean[usable]))
        return gain if _GAIN_RANGE[0] <= gain <= _GAIN_RANGE[1] else 1.0

    def _watch_still_things(self, picture: Gray, moving: Gray, elapsed_s: float) -> None:
        """Boyer-Moore vote for the value a moving pixel has most of the time; adopt a winner."""
        step = max(1, round(elapsed_s * SCORE_PER_S))
        votes = self._scratch
        cv2.absdiff(picture, self._candidate, dst=votes)
        cv2.compare(votes, self._threshold, cv2.CMP_LE, dst=votes)
        cv2.bitwise_and(votes, moving, dst=votes)
        cv2.bitwise_and(votes, 2 * step, dst=votes)
        cv2.subtract(self._score, step, dst=self._score)
        cv2.add(self._score, votes, dst=self._score)
        cv2.compare(self._score, 0, cv2.CMP_EQ, dst=self._scratch)
        cv2.copyTo(picture, self._scratch, self._candidate)
        needed = YOUNG_ABSORB_S if self._age_s < YOUNG_S else ABSORB_S
        cv2.compare(self._score, needed * SCORE_PER_S, cv2.CMP_GE, dst=self._scratch)
        if cv2.countNonZero(self._scratch):
            self.adopt(self._candidate, self._scratch)

    def adopt(self, picture: Gray, where: Gray) -> None:
        """Replace the background by ``picture`` where ``where`` is not 0."""
        chosen = where.view(np.bool_)
        np.copyto(self._mean, picture, where=chosen)
        self._score[chosen] = 0
