"""The int8 ranges of the scores."""

from __future__ import annotations

import numpy as np

from training.export import _logits, _widened
from training.learn import SHIPPED


def test_scores_keep_their_range_with_dark_calibration_pictures() -> None:
    logits = _logits(SHIPPED)
    assert len(logits) == 3
    narrow = {"min": np.array([[-9]], np.float32), "max": np.array([[0.137]], np.float32)}
    wide = {"min": np.array([[-9]], np.float32), "max": np.array([[5]], np.float32)}
    found = {logits[0]: narrow, logits[1]: wide, logits[2]: wide, "edges": narrow}
    widened = _widened(found, logits)
    assert widened.pop(logits[0]) == {"min": -9, "max": 2}
    assert widened == {name: found[name] for name in widened}
