from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from edge_agent.core.model import Box
from edge_agent.detection.detector import InputFit
from edge_agent.detection.model_decoders import PicoDetDecoder, SsdDecoder, StreetDecoder, YoloxDecoder
from edge_agent.detection.tensors import PAD, InputTable, ModelDecoder, TensorInfo, describe

LABELS = ("person", "bicycle", "car")
FLOOR = 0.5


def seen(decoder: ModelDecoder, outputs: Sequence[Any], floor: float = FLOOR) -> list[tuple[str, float, Box]]:
    """Label, score and box in 0..1 of the input, in the order of the candidates."""
    found = decoder.decode(outputs, floor)
    return [
        (LABELS[number], round(score, 3), Box(*(round(edge, 4) for edge in box)))
        for number, score, box in zip(
            found.classes.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True
        )
    ]


def of_pixels(x1: float, y1: float, x2: float, y2: float) -> Box:
    """A box in pixels of the 96 x 64 of the input, as ``seen`` gives it."""
    return Box(round(x1 / 96, 4), round(y1 / 64, 4), round(x2 / 96, 4), round(y2 / 64, 4))


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
    outputs = ssd_tensors([((0.1, 0.2, 0.5, 0.4), 2, 0.75)])
    assert seen(ssd(), outputs) == [("car", 0.75, Box(0.2, 0.1, 0.4, 0.5))]


def test_ssd_leaves_out_low_scores_and_what_is_beyond_the_count() -> None:
    outputs = ssd_tensors([((0, 0, 1, 1), 0, 0.49), ((0, 0, 1, 1), 1, 0.5), ((0, 0, 1, 1), 2, 0.9)])
    outputs[3][:] = 2
    assert [label for label, _, _ in seen(ssd(), outputs)] == ["bicycle"]


def test_ssd_quantised_outputs_are_scaled_back() -> None:
    decoder = ssd(outputs=ssd_outputs(dtype="uint8", scale=0.5, zero=10))
    plain = ssd_tensors([((0.0, 0.5, 1.0, 1.0), 2, 1.0)])
    quantised = [np.rint(t / 0.5 + 10).astype(np.uint8) for t in plain]
    assert seen(decoder, quantised) == [("car", 1.0, Box(0.5, 0.0, 1.0, 1.0))]


def test_ssd_outputs_of_tf2_exports_are_known_by_their_order() -> None:
    order = ((1, 10), (1, 10, 4), (1,), (1, 10))
    decoder = ssd(outputs=[info(f"call:{i}", *shape) for i, shape in enumerate(order)])
    boxes, classes, scores, count = ssd_tensors([((0.1, 0.2, 0.5, 0.4), 1, 0.9)])
    assert [label for label, _, _ in seen(decoder, [scores, boxes, count, classes])] == ["bicycle"]


def yolox(layout: str = "planar", **quantised: Any) -> YoloxDecoder:
    shape = (1, 3, 64, 96) if layout == "planar" else (1, 64, 96, 3)
    points = 8 * 12 + 4 * 6 + 2 * 3
    out = info("out", 1, points, 5 + len(LABELS), **quantised)
    decoder = YoloxDecoder.recognise(info("image", *shape, **quantised), [out])
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
    ((label, score, box),) = seen(yolox(), [out])
    x, y = (column + 0.5) * stride, (line + 0.25) * stride
    assert (label, score) == ("car", 0.72)
    assert box == of_pixels(x - stride, y - stride / 2, x + stride, y + stride / 2)


def test_yolox_score_is_objectness_times_class() -> None:
    out = yolox_tensor(5, 0, 0, 0, 0, 0.6, 0.7, 0, 0)
    assert seen(yolox(), [out]) == []
    assert len(seen(yolox(), [out], floor=0.4)) == 1


def test_yolox_gives_a_rider_as_person_and_as_machine() -> None:
    out = yolox_tensor(5, 0, 0, 0, 0, 1.0, 0.7, 0.6, 0.2)
    assert [label for label, _, _ in seen(yolox(), [out])] == ["person", "bicycle"]
    assert not yolox().merges_rider


QUANTISED_YOLOX = yolox(layout="interleaved", dtype="int8", scale=1.0, zero=-128)


def test_yolox_quantised_output_uses_scale_and_zero_point() -> None:
    out = yolox_tensor(0, 0, 0, 0, 0, 1, 1, 0, 0).astype(np.int8) + np.int8(-128)
    assert [label for label, _, _ in seen(QUANTISED_YOLOX, [out.astype(np.int8)])] == ["person"]


@pytest.mark.parametrize(
    ("image", "outputs"),
    [
        (info("image", 1, 224, 224, 3), [info("probabilities", 1, 1001)]),  # a classifier
        (info("image", 1, 3, 64, 96), [info("out", 1, 100, 85)]),  # not the points of these strides
        (info("audio", 1, 16000), [info("out", 1, 126, 8)]),  # no picture
        (info("image", 1, 300, 300, 3), ssd_outputs()[:3]),  # an output is missing
        (info("image", 1, 300, 300, 1), ssd_outputs()),  # gray
        (info("image", 1, 64, 96, 3), [info("scores", 1, 3, 8, 12), info("edges", 1, 4, 8, 11)]),
    ],
)
def test_other_signatures_are_not_recognised(image: TensorInfo, outputs: list[TensorInfo]) -> None:
    assert SsdDecoder.recognise(image, outputs) is None
    assert YoloxDecoder.recognise(image, outputs) is None
    assert PicoDetDecoder.recognise(image, outputs) is None
    assert StreetDecoder.recognise(image, outputs) is None


def test_what_a_hostile_model_is_called_makes_no_long_line() -> None:
    """The name appears in health, logs and messages."""
    line = describe([info("a\n\x1b[31m" + "x" * 1000, 1, 2)] * 500)
    assert line.startswith(r"a\n\x1b[31mxxx")
    assert line.endswith(", 488 more")
    assert len(line) < 1200


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
    ((label, score, box),) = seen(picodet(), tensors)
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    assert (label, score) == ("car", 0.8)
    assert box == of_pixels(x - stride, y - 2 * stride, x + 3 * stride, y)


def test_picodet_takes_the_mean_of_an_edge_that_lies_between_two_bins() -> None:
    tensors = picodet_tensors(0, 0, (0.9, 0, 0), (0, 0, 2, 1))
    tensors[4][0, 0, 8 * 2 + 3] = 50.0  # as sure of the third stride as of the second
    ((_, _, box),) = seen(picodet(), tensors)
    assert box.x2 == pytest.approx((0.5 + 2.5) * 8 / 96, abs=1e-4)


def test_picodet_gives_a_rider_as_person_and_as_machine() -> None:
    found = seen(picodet(), picodet_tensors(0, 5, (0.7, 0.6, 0.1), (1, 1, 1, 1)))
    assert [label for label, _, _ in found] == ["person", "bicycle"]


STREET_CELLS = ((8, 12, 8), (4, 6, 16), (2, 3, 32))  # rows, columns, stride of 96x64


def street_infos() -> list[TensorInfo]:
    """As training/export.py makes them, in an order that the runtime is free to choose."""
    infos = []
    for number, (rows, columns, _) in enumerate(STREET_CELLS):
        scores, edges = (f"serving_default_output_{2 * number + n}_output" for n in (0, 1))
        infos.append(info(scores, 1, len(LABELS), rows, columns, dtype="int8", scale=1 / 256, zero=-128))
        infos.append(info(edges, 1, 4, rows, columns, dtype="int8", scale=0.02, zero=-128))
    return infos[::-1]


def street() -> StreetDecoder:
    image = info("image", 1, 64, 96, 3, dtype="int8", scale=2 / 255, zero=0)
    decoder = StreetDecoder.recognise(image, street_infos())
    assert decoder is not None
    return decoder


def street_tensors(
    level: int, row: int, column: int, scores: Sequence[float], edges: Sequence[float]
) -> list[Any]:
    """One cell that sees something; all else is as low as int8 can be."""
    tensors = [np.full(each.shape, -128, np.int8) for each in street_infos()]
    tensors[5 - 2 * level][0, :, row, column] = [round(score * 256) - 128 for score in scores]
    tensors[4 - 2 * level][0, :, row, column] = [round(edge / 0.02) - 128 for edge in edges]
    return tensors


@pytest.mark.parametrize(("level", "row", "column"), [(0, 3, 5), (1, 1, 4), (2, 1, 0)])
def test_boxes_of_our_model_reach_so_many_strides_from_their_cell(level: int, row: int, column: int) -> None:
    stride = STREET_CELLS[level][2]
    tensors = street_tensors(level, row, column, (0.1, 0.2, 0.75), (1, 2, 3, 0))
    ((label, score, box),) = seen(street(), tensors)
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    assert (label, score) == ("car", 0.75)
    assert box == of_pixels(x - stride, y - 2 * stride, x + 3 * stride, y)


def test_our_own_models_cells_below_the_least_score_are_nothing() -> None:
    outputs = street_tensors(0, 3, 5, (0.45, 0.2, 0.1), (1, 1, 1, 1))
    assert seen(street(), outputs) == []
    assert [label for label, _, _ in seen(street(), outputs, floor=0.4)] == ["person"]


def test_our_own_models_name_a_cell_once() -> None:
    found = seen(street(), street_tensors(0, 3, 5, (0.7, 0.6, 0.1), (1, 1, 1, 1)))
    assert [label for label, _, _ in found] == ["person"]
    assert street().merges_rider


@pytest.mark.parametrize(
    ("decoder", "shape", "dtype", "bgr", "expected"),
    [
        # RGB, in the range of the type, or normalised
        (ssd("uint8"), (4, 6, 3), "uint8", (10, 20, 30), (30, 20, 10)),
        (ssd("int8"), (4, 6, 3), "int8", (10, 20, 30), (-98, -108, -118)),
        (ssd("float32"), (4, 6, 3), "float32", (10, 20, 30), (-0.7647, -0.8431, -0.9216)),
        (picodet(), (64, 96, 3), "float32", (10, 20, 30), (-1.6042, -1.6856, -1.6302)),
        # BGR: in planes without scaling, by scale and zero point, from minus one to one
        (yolox(), (3, 64, 96), "float32", (10, 20, 30), (10, 20, 30)),
        (QUANTISED_YOLOX, (64, 96, 3), "int8", (0, 128, 255), (-128, 0, 127)),
        (street(), (64, 96, 3), "int8", (0, 128, 255), (-127, 0, 127)),
    ],
)
def test_input_has_the_order_and_range_that_the_model_expects(
    decoder: Any, shape: tuple[int, ...], dtype: str, bgr: tuple[int, ...], expected: tuple[float, ...]
) -> None:
    tensor = np.zeros((1, *shape), dtype)
    planar = shape[0] == 3
    height, width = shape[1:] if planar else shape[:2]
    decoder.input.write(np.full((height, width, 3), bgr, np.uint8), tensor)
    assert (tensor[0, :, -1, -1] if planar else tensor[0, -1, -1]) == pytest.approx(expected, abs=1e-3)


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


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("size", [(4, 6), (3, 6), (4, 2)], ids=["as large", "lower", "narrower"])
def test_a_smaller_picture_is_at_the_top_left_and_the_rest_grey(size: tuple[int, int], planar: bool) -> None:
    shape = (1, 3, 4, 6) if planar else (1, 4, 6, 3)
    tensor = np.full(shape, 9.0, np.float32)  # what the last inference left
    picture = np.arange(size[0] * size[1] * 3, dtype=np.uint8).reshape(*size, 3)
    InputTable(info("input", *shape)).write(picture, tensor)
    rows = tensor[0].transpose(1, 2, 0) if planar else tensor[0]
    assert np.array_equal(rows[: size[0], : size[1]], picture)
    assert (rows[size[0] :] == PAD).all()
    assert (rows[:, size[1] :] == PAD).all()
