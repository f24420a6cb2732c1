"""Boxes that were judged one by one replace the labels of the sets."""

from __future__ import annotations

import numpy as np
import pytest

from training.checked import CLASS_OF, NO_BOXES, corrected, read_checked
from training.dataset import IGNORE
from training.teacher import complete

RIDER = [100, 100, 140, 180]
ELSEWHERE = [300, 100, 340, 180]


def boxes(*rows: list[float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(rows, np.float32).reshape(-1, 5)


@pytest.mark.parametrize(("answer", "kinds"), [("t", [0, 1]), ("n", [0]), ("w", [0, IGNORE])])
def test_an_answer_replaces_the_label_of_its_object_only(answer: str, kinds: list[int]) -> None:
    labels = boxes([*ELSEWHERE, 0], [102, 98, 141, 182, 2])
    assert corrected(labels, boxes([*RIDER, CLASS_OF[answer]]))[:, 4].tolist() == kinds


@pytest.mark.parametrize(("answer", "kinds"), [("t", [1, 0]), ("n", [0])])
def test_a_teachers_finding_of_a_checked_object_is_not_used(answer: str, kinds: list[int]) -> None:
    checked = boxes([*RIDER, CLASS_OF[answer]])
    found = np.array([[*RIDER, 0.9, 0], [*ELSEWHERE, 0.9, 0]], np.float32)
    labels = complete(corrected(NO_BOXES, checked), found, [0], checked)
    assert labels[:, 4].tolist() == kinds


def test_every_line_of_the_file_is_of_boxes_inside_its_picture() -> None:
    for name, rows in read_checked().items():
        assert ((rows[:, :4] >= 0) & (rows[:, :4] <= 1)).all(), name
        assert (rows[:, 2:4] > rows[:, :2]).all(), name
