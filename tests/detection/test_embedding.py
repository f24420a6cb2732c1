"""Embeddings of pictures by small models, and JPEGs of unknown origin."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.core.errors import DetectorError
from edge_agent.detection.embedding import EmbeddingModel
from edge_agent.detection.small_jpeg import decode_small_jpeg, jpeg_size
from tests.detection.fakes import Pixels
from tests.testbed.embedding_model import write_embedding_model


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (60, 100)) -> Pixels:
    """BGR; size: width, height."""
    return np.full((size[1], size[0], 3), colour, np.uint8)


def jpeg_of(picture: Pixels) -> bytes:
    done, encoded = cv2.imencode(".jpg", picture)
    assert done
    return encoded.tobytes()


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """The same file with another size in its frame header."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + height.to_bytes(2) + width.to_bytes(2) + jpeg[place + 4 :]


@pytest.mark.parametrize("quantised", [False, True], ids=["float", "int8"])
def test_a_vector_has_length_1_and_the_order_of_the_colours(tmp_path: Path, quantised: bool) -> None:
    model = write_embedding_model(tmp_path / "m.tflite", quantised=quantised)
    red = plain((0, 0, 255))
    vector = EmbeddingModel(model, "-1..1").embed(red)
    assert vector.tolist() == pytest.approx([12**-0.5 * sign for sign in (1, -1, -1)] * 4, abs=1e-3)
    blue_first = EmbeddingModel(model, "-1..1", bgr=True).embed(red)
    assert blue_first.tolist() == pytest.approx([12**-0.5 * sign for sign in (-1, -1, 1)] * 4, abs=1e-3)


def test_the_channels_are_normalised_as_the_model_was_trained(tmp_path: Path) -> None:
    model = write_embedding_model(tmp_path / "m.tflite")
    mean = plain((104, 116, 124))  # of ImageNet, as blue, green, red
    for bgr in (False, True):
        raw = EmbeddingModel(model, "imagenet", bgr).embed(plain((255, 116, 124)))
        blue = 0 if bgr else 2
        assert raw.reshape(4, 3)[:, blue].min() > 0.498, "only blue differs from the mean"
    assert EmbeddingModel(model, "0..1").embed(mean).min() > 0


@pytest.mark.parametrize(
    ("output", "words"),
    [([1, 2, 2, 3], "one vector"), ([1, 2, 6], "one vector"), ([12, 1], "one vector")],
)
def test_a_model_without_one_vector_is_refused(tmp_path: Path, output: list[int], words: str) -> None:
    model = write_embedding_model(tmp_path / "m.tflite", output=output)
    with pytest.raises(DetectorError, match=words):
        EmbeddingModel(model, "0..1")


def test_a_model_with_another_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="not a picture"):
        EmbeddingModel(write_embedding_model(tmp_path / "m.tflite", side=8), "0..1")


def test_a_picture_without_a_direction_is_an_error(tmp_path: Path) -> None:
    model = EmbeddingModel(write_embedding_model(tmp_path / "m.tflite"), "0..1")
    with pytest.raises(DetectorError, match="zero or not finite"):
        model.embed(plain((0, 0, 0)))


def test_a_small_jpeg_is_decoded_and_a_larger_one_made_as_small_as_those_of_passages() -> None:
    small = decode_small_jpeg(jpeg_of(plain((10, 200, 30))))
    assert small is not None
    assert small.shape == (100, 60, 3)
    assert small.mean(axis=(0, 1)) == pytest.approx([10, 200, 30], abs=3)
    large = decode_small_jpeg(jpeg_of(plain((10, 200, 30), (300, 600))))
    assert large is not None
    assert large.shape == (128, 64, 3)


GOOD = jpeg_of(plain((10, 200, 30)))


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"GIF89a", id="another format"),
        pytest.param(GOOD[:-20], id="truncated"),
        pytest.param(GOOD[:150] + b"\xff\xd9", id="cut off in the header"),
        pytest.param(with_size(GOOD, 20_000, 20_000), id="20,000 pixels wide"),
        pytest.param(with_size(GOOD, 0, 100), id="no width"),
        pytest.param(jpeg_of(plain((0, 0, 0), (1025, 8))), id="too wide"),
        pytest.param(b"\xff\xd8" + b"\xff" * 3_000 + b"\xff\xd9", id="fill bytes"),
        pytest.param(b"\xff\xd8\xff\xe0\x00\x00" * 500 + b"\xff\xd9", id="segments without a length"),
    ],
)
def test_what_is_no_small_jpeg_is_not_decoded(payload: bytes) -> None:
    assert decode_small_jpeg(payload) is None


def test_the_size_is_that_of_the_header() -> None:
    assert jpeg_size(GOOD) == (60, 100)
    assert jpeg_size(with_size(GOOD, 20_000, 30_000)) == (20_000, 30_000)
