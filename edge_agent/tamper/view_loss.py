"""Records when the view was last good, in which light, and how fast it was lost."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from edge_agent.tamper.verdict import GOOD

if TYPE_CHECKING:
    from edge_agent.tamper.frame_features import FrameFeatures

RECENT_ANALYSES = 2
STEP = 0.1  # of the usual structure; the loss continues while this much more is lost
DARK = 0.9  # share of dark pixels from which on the picture counts as dark


class ViewLossHistory:
    """The loss of one camera's view. For one thread."""

    def __init__(self) -> None:
        self._good_mono: float | None = None  # of the last good view
        self._lost_mono: float | None = None  # when most of the lost structure was gone
        self._left = 0.0  # structure then
        self._dark_mono: float | None = None  # when it became dark
        self._lately: deque[float] = deque(maxlen=RECENT_ANALYSES)
        self.light_before = 0.0
        """Mean luma of the last good view."""
        self.own_light_before = False
        """Whether that was by the camera's own infrared light."""

    def update(
        self, structure: float, usual: float, features: FrameFeatures, mono: bool, now_mono: float
    ) -> None:
        self._lately.append(structure)
        if structure >= GOOD * usual:
            self._good_mono, self._lost_mono = now_mono, None
            self.light_before, self.own_light_before = features.mean, mono
        elif self._lost_mono is None or structure < self._left - STEP * usual:
            self._lost_mono, self._left = now_mono, structure
        if features.dark < DARK:
            self._dark_mono = None
        elif self._dark_mono is None:
            self._dark_mono = now_mono

    def still_good(self, now_mono: float) -> None:
        """The picture has not changed since the last good view."""
        self._good_mono = now_mono

    @property
    def duration_s(self) -> float:
        """Seconds from the last good view until it was lost; 0 while it is good, or if it never was."""
        if self._good_mono is None or self._lost_mono is None:
            return 0.0
        return self._lost_mono - self._good_mono

    @property
    def structure_lately(self) -> float:
        """The best structure of the last analyses."""
        return max(self._lately, default=0.0)

    def dark_s(self, now_mono: float) -> float:
        return 0.0 if self._dark_mono is None else now_mono - self._dark_mono
