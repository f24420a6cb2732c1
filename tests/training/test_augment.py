"""Training windows: what is in the middle, that little of a window is empty, and what varies."""

from __future__ import annotations

import numpy as np
import pytest

from training import augment
from training.augment import AS_IN_THE_AGENT, PAD, USUAL, Scales, Window, vary, window, with_text

BOXES = np.array([(40, 60, 60, 100, 0), (200, 100, 260, 140, 2)], np.float32)
STREET = np.full((270, 480, 3), 200, np.uint8)


def test_an_object_of_the_wanted_class_is_in_the_window() -> None:
    rng = np.random.default_rng(0)
    seen = [window(STREET, BOXES, 0, (160, 160), rng).boxes[:, 4] for _ in range(50)]
    assert sum(0 in kinds for kinds in seen) >= 45  # the rest is cut in two by the window's edge


def test_a_window_shows_the_picture_only() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        cut = window(STREET, BOXES, None, (160, 160), rng)
        assert cut.image.shape[1] == 160
        assert (cut.image == PAD[0]).mean() < 0.05


def test_boxes_move_with_what_they_are_around() -> None:
    image = STREET.copy()
    image[60:100, 40:60] = 0
    rng = np.random.default_rng(1)
    for _ in range(20):
        cut = window(image, BOXES[:1], 0, (160, 160), rng)
        for x1, y1, x2, y2, _ in cut.boxes.round().astype(int).tolist():
            if x2 - x1 > 4 and y2 - y1 > 4:
                assert cut.image[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].max() < 60


def test_text_over_a_picture_hides_little_of_it() -> None:
    plain = np.full((160, 160, 3), 120, np.float32)
    hidden = [(with_text(plain.copy(), np.random.default_rng(seed)) != 120).mean() for seed in range(40)]
    assert 0.02 < np.mean(hidden) < 0.2
    assert max(hidden) < 0.4


def test_a_dark_window_is_equalised_as_in_the_agent() -> None:
    ramp = np.tile(np.linspace(0, 24, 160).astype(np.uint8)[None, :, None], (160, 1, 3))
    spans = []
    for seed in range(30):
        image = vary(Window(ramp, BOXES), np.random.default_rng(seed)).image
        spans.append(np.ptp(np.percentile(image.reshape(-1, 3).mean(axis=1), (5, 95))))
    assert np.median(spans) > 30, "of 24 grey levels"


def test_at_the_end_most_windows_have_the_scale_of_whole_pictures() -> None:
    def share(scales: Scales) -> float:
        widths = []
        for seed in range(200):
            cut = window(STREET, BOXES[:1], 0, (320, 320), np.random.default_rng(seed), scales)
            x1, _, x2, _, _ = max(cut.boxes.tolist(), key=lambda box: box[2] - box[0])
            widths.append(480 * (x2 - x1) / 20)  # of the whole picture: the box is 20 pixels wide in it
        return float(np.mean([380 / 1.2 <= width <= 640 * 1.2 for width in widths]))

    assert share(AS_IN_THE_AGENT) > share(USUAL) + 0.1


def test_some_windows_at_night_are_lit_by_lamps(monkeypatch: pytest.MonkeyPatch) -> None:
    def unevenness(under_lamps: float) -> float:
        monkeypatch.setattr(augment, "AT_NIGHT", 1.0)
        monkeypatch.setattr(augment, "UNDER_LAMPS", under_lamps)
        spreads = []
        for seed in range(30):
            image = vary(
                Window(np.full((160, 160, 3), 160, np.uint8), BOXES), np.random.default_rng(seed)
            ).image
            blocks = image.reshape(4, 40, 4, 40, 3).mean(axis=(1, 3, 4))
            spreads.append(blocks.max() - blocks.min())
        return float(np.median(spreads))

    assert unevenness(1.0) > 2 * unevenness(0.0)
