from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.detection.detector import Fit, floors, plausible, refine, same_label, suppress
from edge_agent.model import Box, Detection
from tests.detection.fakes import detection, labels_of

unit = st.floats(0, 1)
boxes = st.tuples(unit, unit, unit, unit).map(
    lambda v: Box(min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3]))
)
sizes = st.tuples(st.integers(1, 4000), st.integers(1, 4000))
detections = st.lists(st.builds(Detection, st.sampled_from(["person", "car"]), unit, boxes), max_size=12)


@given(boxes, sizes, st.sampled_from([(300, 300), (416, 416), (640, 384)]))
def test_a_box_in_the_filled_part_of_the_input_is_that_part_of_the_crop(
    box: Box, crop: tuple[int, int], target: tuple[int, int]
) -> None:
    fit = Fit.letterbox(crop, target)
    filled_x, filled_y = fit.width / target[0], fit.height / target[1]
    back = fit.to_crop(Box(box.x1 * filled_x, box.y1 * filled_y, box.x2 * filled_x, box.y2 * filled_y))
    assert (back.x1, back.y1, back.x2, back.y2) == pytest.approx((box.x1, box.y1, box.x2, box.y2), abs=1e-6)


@given(sizes, st.sampled_from([(300, 300), (416, 416), (640, 384)]))
def test_a_letterbox_touches_the_input_on_one_side_and_stays_inside(
    crop: tuple[int, int], target: tuple[int, int]
) -> None:
    fit = Fit.letterbox(crop, target)
    assert fit.width == target[0] or fit.height == target[1]
    assert 1 <= fit.width <= target[0]
    assert 1 <= fit.height <= target[1]


@given(detections, st.floats(0.1, 0.9))
def test_suppression_keeps_the_best_and_no_two_that_overlap(found: list[Detection], iou: float) -> None:
    kept = suppress(found, iou)
    assert all(d in found for d in kept)
    assert not found or kept[0].score == max(d.score for d in found)
    assert all(a.box.iou(b.box) <= iou for i, a in enumerate(kept) for b in kept[i + 1 :])
    # Nothing is lost without a better one over it.
    assert all(any(k.box.iou(d.box) > iou or k == d for k in kept) for d in found)


def test_suppression_per_label_keeps_rider_and_motorbike() -> None:
    rider, bike = Box(0.4, 0.2, 0.6, 0.8), Box(0.4, 0.3, 0.6, 0.9)
    found = [detection(rider, "person", 0.9), detection(bike, "motorcycle", 0.8)]
    assert labels_of(suppress(found, 0.5, same_label)) == ["person", "motorcycle"]
    assert labels_of(suppress(found, 0.5)) == ["person"]


def test_two_wheelers_count_from_half_the_score_of_the_others() -> None:
    assert floors(["person", "bicycle", "???", "motorcycle"], 0.3) == [0.3, 0.15, 0.3, 0.15]


@pytest.mark.parametrize(
    ("label", "box", "crop_aspect", "expected"),
    [
        ("person", Box(0.4, 0.2, 0.6, 0.8), 1.0, True),  # standing
        ("person", Box(0.2, 0.6, 0.8, 0.8), 1.0, True),  # lying
        ("person", Box(0.0, 0.5, 0.9, 0.6), 1.0, False),  # a streak
        ("person", Box(0.5, 0.0, 0.54, 0.9), 1.0, False),  # a pole
        ("car", Box(0.1, 0.4, 0.9, 0.8), 1.0, True),
        ("car", Box(0.1, 0.4, 0.9, 0.8), 4.0, False),  # the same box of a wide strip: 8:1
        ("car", Box(0.0, 0.0, 1.0, 1.0), 1.0, False),  # an insect on the lens: everything
        ("person", Box(0.0, 0.0, 1.0, 0.6), 1.0, True),  # near, but only a part of the crop
        ("person", Box(0.5, 0.5, 0.51, 0.53), 1.0, False),  # three pixels of the input
    ],
)
def test_size_and_shape_must_make_sense(label: str, box: Box, crop_aspect: float, expected: bool) -> None:
    assert plausible(detection(box, label), crop_aspect) is expected


def test_only_configured_labels_leave_and_others_still_suppress() -> None:
    box = Box(0.2, 0.2, 0.8, 0.8)
    found = [detection(box, "train", 0.9), detection(box, "bus", 0.6), detection(box.shifted(-0.5, 0), "bus")]
    left = refine(found, (100, 100), frozenset({"bus"}), 0.5)
    assert [d.box for d in left] == [Box(0.0, 0.2, pytest.approx(0.3), 0.8)]  # type: ignore[arg-type]
