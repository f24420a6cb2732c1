"""When the view was good last, in which light, and how fast it went."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from edge_agent.tamper.verdict import GOOD

if TYPE_CHECKING:
    from edge_agent.tamper.features.frame_features import FrameFeatures

LATELY_LOOKS = 2
STEP = 0.1  # of the usual structure; a view that loses so much more is still going
DARK = 0.9  # share of dark pixels; it is dark for as long as there are so many


class ViewLossHistory:
    """One thread."""

    def __init__(self) -> None:
        self._good_mono: float | None = None  # last good view
        self._lost_mono: float | None = None  # when most of what is lost now had gone
        self._left = 0.0  # structure then
        self._dark_mono: float | None = None  # first dark one since it was light
        self._lately: deque[float] = deque(maxlen=LATELY_LOOKS)
        self.light_before = 0.0
        """Mean luma of the last good view."""
        self.own_light_before = False
        """Whether that was by the camera's own infrared light."""

    def update(
        self, structure: float, usual: float, sketch: FrameFeatures, mono: bool, now_mono: float
    ) -> None:
        self._lately.append(structure)
        if structure >= GOOD * usual:
            self._good_mono, self._lost_mono = now_mono, None
            self.light_before, self.own_light_before = sketch.mean, mono
        elif self._lost_mono is None or structure < self._left - STEP * usual:
            self._lost_mono, self._left = now_mono, structure
        if sketch.dark < DARK:
            self._dark_mono = None
        elif self._dark_mono is None:
            self._dark_mono = now_mono

    def still_good(self, now_mono: float) -> None:
        """The picture is as it was when it was good."""
        self._good_mono = now_mono

    @property
    def duration_s(self) -> float:
        """From the last good view until it was lost; 0 while it is good, or when it never was."""
        if self._good_mono is None or self._lost_mono is None:
            return 0.0
        return self._lost_mono - self._good_mono

    @property
    def structure_lately(self) -> float:
        """The best of the last looks."""
        return max(self._lately, default=0.0)

    def dark_s(self, now_mono: float) -> float:
        return 0.0 if self._dark_mono is None else now_mono - self._dark_mono
