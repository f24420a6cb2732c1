"""Pictures are prepared for evaluation and calibration as the agent prepares them."""

from __future__ import annotations

import numpy as np

from tests.detection.fakes import yard
from training.predict import Floats, fit


def box(*edges: float) -> Floats:
    return np.array(edges, np.float32)


def test_a_dark_picture_is_brightened_and_only_its_noise_is_no_object() -> None:
    pixels = yard(1, 14)
    fitted = fit(pixels, 512, 320)
    assert fitted.image[:288].std() > 2 * pixels.std()
    assert fitted.shows(box(240, 110, 280, 190))
    assert not fitted.shows(box(360, 170, 460, 230))


def test_a_picture_with_light_stays_as_it_is() -> None:
    fitted = fit(yard(120, 200), 512, 320)
    assert (fitted.image[:288] == yard(120, 200)).all()
    assert fitted.shows(box(360, 170, 460, 230))
