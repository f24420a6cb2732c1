from __future__ import annotations

import pytest

from edge_agent.detection.detector import InputFit


@pytest.mark.parametrize(
    ("size", "input_size", "expected"),
    [
        ((640, 360), (416, 320), (416, 234)),  # wide: padded below
        ((360, 640), (416, 320), (180, 320)),  # high: padded on the right
        ((208, 160), (416, 320), (416, 320)),
        ((1, 1000), (416, 320), (1, 320)),  # never nothing
    ],
)
def test_a_picture_keeps_its_aspect(
    size: tuple[int, int], input_size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert InputFit.letterbox(size, input_size) == InputFit(*expected)
