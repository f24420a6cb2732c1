"""Pictures: zero-copy luma, and correct colour for every format, range and region."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.capture.decode.picture import ArrayPicture, YuvPicture
from edge_agent.core.model import Box

FORMATS = ["yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuv440p", "nv12", "nv21", "gray"]
RARE = ["yuyv422", "yuv420p10le", "rgb24", "bgr0"]
WIDTH, HEIGHT = 161, 91  # odd on purpose


def scene(pixel_format: str, colorspace: int = 5) -> VideoFrame:
    """A smooth colourful picture in a format; 5 is BT.601, 1 BT.709."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    rgb = np.dstack([x * 1.4, y * 2.4, 255 - (x + y)]).clip(20, 235).astype(np.uint8)
    frame = VideoFrame.from_ndarray(rgb, format="rgb24")
    made = frame.reformat(format=pixel_format, dst_colorspace=colorspace)
    made.colorspace = colorspace
    return made


@pytest.mark.parametrize("pixel_format", FORMATS + RARE)
def test_colour_is_the_same_as_ffmpegs_conversion(pixel_format: str) -> None:
    frame = scene(pixel_format)
    reference = frame.to_ndarray(format="bgr24").astype(int)
    difference = np.abs(YuvPicture(frame).bgr().astype(int) - reference)
    # libswscale rounds in fixed point and may interpolate chroma at the edges of a pair.
    assert difference.mean() < 2.0
    assert np.percentile(difference, 99) <= 6


@pytest.mark.parametrize("pixel_format", FORMATS + RARE)
@settings(max_examples=40, deadline=None)
@given(st.floats(-0.2, 1.1), st.floats(-0.2, 1.1), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_region_is_that_part_of_the_whole_within_2_levels(
    pixel_format: str, x: float, y: float, width: float, height: float
) -> None:
    picture = YuvPicture(scene(pixel_format))
    region = Box(x, y, x + width, y + height)
    x1, y1, x2, y2 = region.to_pixels(WIDTH, HEIGHT)
    part, whole = picture.bgr(region), picture.bgr()[y1:y2, x1:x2]
    assert part.shape == whole.shape
    assert np.abs(part.astype(int) - whole).max() <= 2


@pytest.mark.parametrize("pixel_format", FORMATS + RARE)
def test_scaled_is_what_scaling_the_converted_picture_gives(pixel_format: str) -> None:
    picture = YuvPicture(scene(pixel_format))
    reference = cv2.resize(picture.bgr(), (64, 40), interpolation=cv2.INTER_AREA)
    difference = np.abs(picture.scaled((64, 40)).astype(int) - reference)
    assert difference.mean() < 2.0
    assert np.percentile(difference, 99) <= 8  # chroma at the edges of a pair


def test_scaled_starts_from_the_luma_that_motion_has_made_smaller() -> None:
    picture = YuvPicture(scene("yuv420p"), max_width=80)
    before = picture.scaled((64, 40)).astype(int)
    picture.luma()
    assert np.abs(picture.scaled((64, 40)) - before).mean() < 2.0


def test_hd_streams_are_converted_with_their_own_matrix() -> None:
    pure_green = np.zeros((16, 16, 3), np.uint8)
    pure_green[..., 1] = 255
    green = VideoFrame.from_ndarray(pure_green, format="bgr24")
    frame = green.reformat(format="yuv444p", dst_colorspace="ITU709")
    frame.colorspace = 1
    assert np.abs(YuvPicture(frame).bgr().astype(int) - pure_green).max() <= 3
    frame.colorspace = 5
    assert np.abs(YuvPicture(frame).bgr().astype(int) - pure_green).max() > 10


@pytest.mark.parametrize(("color_range", "black"), [(1, 16), (2, 0)])
def test_black_is_black_in_limited_and_in_full_range(color_range: int, black: int) -> None:
    planes = np.vstack([np.full((16, 16), black, np.uint8), np.full((8, 16), 128, np.uint8)])
    frame = VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.color_range = color_range
    assert np.max(YuvPicture(frame).bgr()) <= 1


def test_luma_is_a_read_only_view_without_the_padding() -> None:
    frame = scene("yuv420p")
    luma = YuvPicture(frame).luma()
    assert luma.shape == (HEIGHT, WIDTH)
    assert luma.strides[0] == frame.planes[0].line_size > WIDTH
    assert not luma.flags.owndata
    assert not luma.flags.writeable
    padded = bytes(frame.planes[0])
    assert luma[2].tobytes() == padded[2 * luma.strides[0] :][:WIDTH]


def test_luma_outlives_the_picture_it_came_from() -> None:
    luma = YuvPicture(scene("yuv420p")).luma()
    assert luma[0, 0] == YuvPicture(scene("yuv420p")).luma()[0, 0]


def test_an_array_is_a_picture_too() -> None:
    bgr = np.random.default_rng(1).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    picture = ArrayPicture(bgr)
    part = picture.bgr(Box(0.25, 0.5, 0.5, 1.0))
    np.testing.assert_array_equal(part, bgr[15:30, 10:20])
    part[:] = 0
    assert picture.luma().shape == (30, 40)
    np.testing.assert_array_equal(picture.bgr(), bgr)


@pytest.mark.parametrize(
    ("max_width", "shape"), [(None, (HEIGHT, WIDTH)), (400, (HEIGHT, WIDTH)), (80, (45, 80)), (40, (32, 57))]
)
def test_luma_is_no_wider_than_asked_and_colour_stays(max_width: int | None, shape: tuple[int, int]) -> None:
    frame = scene("yuv420p")
    bgr = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    for picture in (YuvPicture(frame, max_width), ArrayPicture(bgr, max_width)):
        assert picture.luma().shape == shape
        assert not picture.luma().flags.writeable
        assert (picture.width, picture.height) == (WIDTH, HEIGHT)
        assert picture.bgr(Box(0, 0, 0.5, 1)).shape == (HEIGHT, 81, 3)


def test_luma_is_made_smaller_once_by_averaging() -> None:
    picture = YuvPicture(scene("yuv420p"), 80)
    assert picture.luma() is picture.luma()
    whole = YuvPicture(scene("yuv420p")).luma()
    assert picture.luma().mean() == pytest.approx(whole.mean(), abs=1)
