"""Pictures are prepared for evaluation and calibration as the agent prepares them."""

from __future__ import annotations

import numpy as np

from tests.detection.fakes import yard
from training.predict import fit


def test_a_dark_picture_is_brightened_and_only_its_noise_is_no_object() -> None:
    dark = fit(yard(1, 14), 256, 160)
    assert np.ptp(dark.image[60:90, 125:135].astype(int)) > 28, "twice the walker's contrast"
    walker, nothing = np.float32([120, 55, 140, 95]), np.float32([180, 60, 230, 120])
    assert (dark.shows(walker), dark.shows(nothing)) == (True, False)


def test_a_picture_with_light_stays_as_it_is() -> None:
    light = fit(yard(120, 200), 512, 320)
    assert (light.image[:288] == yard(120, 200)).all()
    assert light.shows(np.float32([400, 200, 450, 250]))
