from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from edge_agent.detection.detector import suppress
from edge_agent.detection.picodet import PicoDetDecoder
from edge_agent.detection.ssd import SsdDecoder
from edge_agent.detection.tensors import TensorInfo
from edge_agent.detection.yolox import YoloxDecoder
from edge_agent.model import Box

LABELS = ("person", "bicycle", "car")
FLOORS = (0.5, 0.5, 0.5)


def info(name: str, *shape: int, dtype: str = "float32", scale: float = 0.0, zero: int = 0) -> TensorInfo:
    return TensorInfo(0, name, shape, np.dtype(dtype), scale, zero)


def ssd_outputs(**quantised: Any) -> list[TensorInfo]:
    shapes = ((1, 10, 4), (1, 10), (1, 10), (1,))
    return [info(f"post:{i}", *shape, **quantised) for i, shape in enumerate(shapes)]


def ssd(input_dtype: str = "uint8", outputs: Sequence[TensorInfo] | None = None) -> SsdDecoder:
    decoder = SsdDecoder.recognise(info("image", 1, 4, 6, 3, dtype=input_dtype), outputs or ssd_outputs())
    assert decoder is not None
    return decoder


def ssd_tensors(rows: Sequence[tuple[Sequence[float], int, float]]) -> list[np.ndarray[Any, Any]]:
    boxes, classes, scores = (np.zeros((1, 10, *rest), np.float32) for rest in ((4,), (), ()))
    for i, (box, number, score) in enumerate(rows):
        boxes[0, i], classes[0, i], scores[0, i] = box, number, score
    return [boxes, classes, scores, np.array([len(rows)], np.float32)]


def test_ssd_boxes_come_as_ymin_xmin_ymax_xmax() -> None:
    found = ssd().decode(ssd_tensors([((0.1, 0.2, 0.5, 0.4), 2, 0.75)]), LABELS, FLOORS)
    assert [(d.label, d.score) for d in found] == [("car", 0.75)]
    assert found[0].box.rounded() == (0.2, 0.1, 0.4, 0.5)


def test_ssd_leaves_out_low_scores_and_classes_without_a_label() -> None:
    rows = [((0, 0, 1, 1), 0, 0.49), ((0, 0, 1, 1), 77, 0.9), ((0, 0, 1, 1), 1, 0.5)]
    assert [d.label for d in ssd().decode(ssd_tensors(rows), LABELS, FLOORS)] == ["bicycle"]


def test_ssd_quantised_outputs_are_scaled_back() -> None:
    decoder = ssd(outputs=ssd_outputs(dtype="uint8", scale=0.5, zero=10))
    plain = ssd_tensors([((0.0, 0.5, 1.0, 1.0), 2, 1.0)])
    quantised = [np.rint(t / 0.5 + 10).astype(np.uint8) for t in plain]
    found = decoder.decode(quantised, LABELS, FLOORS)
    assert [(d.label, d.score, d.box) for d in found] == [("car", 1.0, Box(0.5, 0.0, 1.0, 1.0))]


def test_ssd_outputs_of_tf2_exports_are_known_by_their_order() -> None:
    order = ((1, 10), (1, 10, 4), (1,), (1, 10))
    decoder = ssd(outputs=[info(f"call:{i}", *shape) for i, shape in enumerate(order)])
    boxes, classes, scores, count = ssd_tensors([((0.1, 0.2, 0.5, 0.4), 1, 0.9)])
    assert [d.label for d in decoder.decode([scores, boxes, count, classes], LABELS, FLOORS)] == ["bicycle"]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("uint8", (30, 20, 10)), ("int8", (-98, -108, -118)), ("float32", (-0.7647, -0.8431, -0.9216))],
)
def test_ssd_input_is_rgb_in_the_range_of_its_type(dtype: str, expected: tuple[float, ...]) -> None:
    tensor = np.zeros((1, 4, 6, 3), dtype)
    ssd(dtype).write(np.full((4, 6, 3), (10, 20, 30), np.uint8), tensor)
    assert tensor[0, 3, 5] == pytest.approx(expected, abs=1e-3)


def yolox(layout: str = "planar", **quantised: Any) -> YoloxDecoder:
    shape = (1, 3, 64, 96) if layout == "planar" else (1, 64, 96, 3)
    points = 8 * 12 + 4 * 6 + 2 * 3
    decoder = YoloxDecoder.recognise(
        info("image", *shape, **quantised), [info("out", 1, points, 5 + len(LABELS), **quantised)]
    )
    assert decoder is not None
    return decoder


def yolox_tensor(row: int, *values: float) -> np.ndarray[Any, Any]:
    out = np.zeros((1, 8 * 12 + 4 * 6 + 2 * 3, 5 + len(LABELS)), np.float32)
    out[0, row] = values
    return out


@pytest.mark.parametrize(
    ("row", "stride", "column", "line"),
    [(0, 8, 0, 0), (12 + 3, 8, 3, 1), (96 + 6 + 2, 16, 2, 1), (96 + 24 + 4, 32, 1, 1)],
)
def test_yolox_rows_are_points_of_three_grids(row: int, stride: int, column: int, line: int) -> None:
    out = yolox_tensor(row, 0.5, 0.25, np.log(2), np.log(1), 0.9, 0.1, 0.2, 0.8)
    (found,) = yolox().decode([out], LABELS, FLOORS)
    x, y = (column + 0.5) * stride, (line + 0.25) * stride
    expected = Box.from_pixels(x - stride, y - stride / 2, x + stride, y + stride / 2, 96, 64)
    assert found.box.x1 == pytest.approx(expected.x1, abs=1e-5)
    assert found.box.y2 == pytest.approx(expected.y2, abs=1e-5)
    assert found.label == "car"
    assert found.score == pytest.approx(0.72)


def test_yolox_score_is_objectness_times_class() -> None:
    out = yolox_tensor(5, 0, 0, 0, 0, 0.6, 0.7, 0, 0)
    assert yolox().decode([out], LABELS, FLOORS) == []
    assert len(yolox().decode([out], LABELS, (0.4, 0.5, 0.5))) == 1


def test_yolox_gives_a_rider_as_person_and_as_machine() -> None:
    decoder, out = yolox(), yolox_tensor(5, 0, 0, 0, 0, 1.0, 0.7, 0.3, 0.2)
    person, machine = sorted(decoder.decode([out], LABELS, (0.5, 0.25, 0.5)), key=lambda d: -d.score)
    assert (person.label, machine.label) == ("person", "bicycle")
    assert machine.score == pytest.approx(0.3)
    assert machine.box == person.box
    assert not decoder.same(person, machine)


def test_yolox_gives_a_car_that_is_a_little_like_a_machine_once() -> None:
    decoder, out = yolox(), yolox_tensor(5, 0, 0, 0, 0, 1.0, 0.0, 0.3, 0.8)
    found = decoder.decode([out], LABELS, (0.5, 0.25, 0.5))
    assert [d.label for d in suppress(found, 0.5, decoder.same)] == ["car"]


def test_yolox_without_two_wheelers_among_its_classes_names_a_point_once() -> None:
    out = yolox_tensor(5, 0, 0, 0, 0, 1.0, 0.7, 0.6, 0.5)
    assert [d.label for d in yolox().decode([out], ("person", "dog", "car"), FLOORS)] == ["person"]


def test_yolox_input_is_bgr_planes_without_scaling() -> None:
    tensor = np.zeros((1, 3, 64, 96), np.float32)
    yolox().write(np.full((64, 96, 3), (10, 20, 30), np.uint8), tensor)
    assert tensor[0, :, 63, 95].tolist() == [10.0, 20.0, 30.0]


def test_yolox_quantised_input_and_output_use_scale_and_zero_point() -> None:
    decoder = yolox(layout="interleaved", dtype="int8", scale=1.0, zero=-128)
    tensor = np.zeros((1, 64, 96, 3), np.int8)
    decoder.write(np.full((64, 96, 3), (0, 128, 255), np.uint8), tensor)
    assert tensor[0, 0, 0].tolist() == [-128, 0, 127]
    out = yolox_tensor(0, 0, 0, 0, 0, 1, 1, 0, 0).astype(np.int8) + np.int8(-128)
    assert [d.label for d in decoder.decode([out.astype(np.int8)], LABELS, FLOORS)] == ["person"]


@pytest.mark.parametrize(
    ("image", "outputs"),
    [
        (info("image", 1, 224, 224, 3), [info("probabilities", 1, 1001)]),  # a classifier
        (info("image", 1, 3, 64, 96), [info("out", 1, 100, 85)]),  # not the points of these strides
        (info("audio", 1, 16000), [info("out", 1, 126, 8)]),  # no picture
        (info("image", 1, 300, 300, 3), ssd_outputs()[:3]),  # an output is missing
        (info("image", 1, 300, 300, 1), ssd_outputs()),  # gray
    ],
)
def test_other_signatures_are_not_recognised(image: TensorInfo, outputs: list[TensorInfo]) -> None:
    assert SsdDecoder.recognise(image, outputs) is None
    assert YoloxDecoder.recognise(image, outputs) is None
    assert PicoDetDecoder.recognise(image, outputs) is None


PICODET_POINTS = ((8, 12, 8), (4, 6, 16), (2, 3, 32), (1, 2, 64))  # rows, columns, stride of 96x64


def picodet() -> PicoDetDecoder:
    outputs = [info(f"scores:{s}", 1, h * w, len(LABELS)) for h, w, s in PICODET_POINTS]
    outputs += [info(f"edges:{s}", 1, h * w, 32) for h, w, s in PICODET_POINTS]
    decoder = PicoDetDecoder.recognise(info("image", 1, 64, 96, 3), outputs)
    assert decoder is not None
    return decoder


def picodet_tensors(level: int, point: int, scores: Sequence[float], bins: Sequence[int]) -> list[Any]:
    """One point that is sure of the bin of each edge."""
    tensors = [np.zeros((1, h * w, n), np.float32) for n in (len(LABELS), 32) for h, w, _ in PICODET_POINTS]
    tensors[level][0, point] = scores
    for edge, number in enumerate(bins):
        tensors[level + 4][0, point, 8 * edge + number] = 50.0
    return tensors


@pytest.mark.parametrize(("level", "row", "column"), [(0, 3, 5), (1, 1, 4), (2, 1, 0), (3, 0, 1)])
def test_picodet_boxes_reach_so_many_strides_from_their_point(level: int, row: int, column: int) -> None:
    _, columns, stride = PICODET_POINTS[level]
    tensors = picodet_tensors(level, row * columns + column, (0.1, 0.2, 0.8), (1, 2, 3, 0))
    (found,) = picodet().decode(tensors, LABELS, FLOORS)
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    expected = Box.from_pixels(x - stride, y - 2 * stride, x + 3 * stride, y, 96, 64)
    assert found.label == "car"
    assert found.score == pytest.approx(0.8)
    found_corners = (found.box.x1, found.box.y1, found.box.x2, found.box.y2)
    assert found_corners == pytest.approx((expected.x1, expected.y1, expected.x2, expected.y2), abs=1e-5)


def test_picodet_takes_the_mean_of_an_edge_that_lies_between_two_bins() -> None:
    tensors = picodet_tensors(0, 0, (0.9, 0, 0), (0, 0, 2, 1))
    tensors[4][0, 0, 8 * 2 + 3] = 50.0  # as sure of the third stride as of the second
    (found,) = picodet().decode(tensors, LABELS, FLOORS)
    assert found.box.x2 == pytest.approx((0.5 + 2.5) * 8 / 96, abs=1e-5)


def test_picodet_gives_a_rider_as_person_and_as_machine() -> None:
    decoder = picodet()
    found = decoder.decode(picodet_tensors(0, 5, (0.7, 0.6, 0.1), (1, 1, 1, 1)), LABELS, FLOORS)
    assert [d.label for d in suppress(found, 0.5, decoder.same)] == ["person", "bicycle"]


def test_picodet_input_is_bgr_normalised() -> None:
    tensor = np.zeros((1, 64, 96, 3), np.float32)
    picodet().write(np.full((64, 96, 3), (10, 20, 30), np.uint8), tensor)
    assert tensor[0, 5, 5] == pytest.approx((-1.6302, -1.6856, -1.6042), abs=1e-3)
