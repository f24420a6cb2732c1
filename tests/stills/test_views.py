"""The pictures of a still: their sizes, the lower half of a vehicle, and privacy masks at any aspect."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.capture.decode.picture import ArrayPicture
from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE, Box
from edge_agent.evidence.jpeg import MAX_BYTES
from edge_agent.stills.views import (
    MAX_REQUESTED_BYTES,
    MAX_VIEW_BYTES,
    SCENE_SIDE,
    StillView,
    StillViews,
    lower_half,
)

CAR = Box(0.4, 0.5, 0.6, 0.7)


def shown(view: StillView) -> np.ndarray:
    decoded = cv2.imdecode(np.frombuffer(view.payload, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape[:2] == (view.height, view.width)
    return decoded


def plain(width: int, height: int, level: int = 200) -> ArrayPicture:
    return ArrayPicture(np.full((height, width, 3), level, np.uint8))


def noise(width: int, height: int) -> ArrayPicture:
    return ArrayPicture(np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8))


@pytest.mark.parametrize(
    ("group", "names"),
    [
        (VEHICLE, ["object", "lower-half", "scene"]),
        (TWO_WHEELER, ["object", "lower-half", "scene"]),
        (PERSON, ["object", "scene"]),
        (None, ["object", "scene"]),
    ],
)
def test_the_views_of_each_group(group: str | None, names: list[str]) -> None:
    views = StillViews((), 640).of_object(plain(1920, 1080), CAR, group)
    assert [view.name for view in views] == names


def test_the_lower_half_has_each_pixel_of_the_camera() -> None:
    views = StillViews((), 640).of_object(plain(3840, 2160), CAR, VEHICLE)
    half = views[1]
    assert half.width == pytest.approx(0.2 * 1.2 * 3840, abs=2)
    assert half.height == pytest.approx(0.1 * 1.2 * 2160, abs=2)
    assert lower_half(Box(0.9, 0.9, 1.0, 1.0)).x2 == 1.0, "inside the picture"


def test_the_scene_is_bounded_in_pixels_and_noise_in_bytes() -> None:
    views = StillViews((), 640)
    assert views.scene(plain(3840, 2160)).width == SCENE_SIDE
    assert len(views.scene(noise(3840, 2160)).payload) <= MAX_VIEW_BYTES
    assert MAX_BYTES < len(views.requested(noise(1920, 1080)).payload) <= MAX_REQUESTED_BYTES
    assert views.requested(plain(3840, 2160)).width == 3840, "a person asked for it"


MASK = ((0.2, 0.3), (0.5, 0.3), (0.5, 0.8), (0.2, 0.8))


@pytest.mark.parametrize("size", [(1920, 1080), (2560, 1920), (3840, 2160), (704, 576)])
def test_a_mask_drawn_on_the_sub_stream_covers_the_same_part_of_the_main_stream(
    size: tuple[int, int],
) -> None:
    """Both have the same field of view, whatever their aspect."""
    views = StillViews((MASK,), 640)
    for view in (views.scene(plain(*size)), views.requested(plain(*size))):
        pixels = shown(view)
        height, width = pixels.shape[:2]
        inside = pixels[int(0.3 * height) : int(0.8 * height), int(0.2 * width) : int(0.5 * width)]
        assert inside.max() <= 20
        assert pixels[:, int(0.55 * width) :].min() > 180


def test_the_masks_are_in_every_view() -> None:
    views = StillViews((MASK,), 640).of_object(plain(1920, 1080), Box(0.3, 0.4, 0.4, 0.6), VEHICLE)
    assert [int(shown(view).min()) <= 20 for view in views] == [True, True, True]
    assert shown(views[1]).max() <= 20, "all of it is private"


def test_the_object_is_where_its_box_says() -> None:
    picture = plain(1920, 1080, level=40)
    x1, y1, x2, y2 = CAR.to_pixels(1920, 1080)
    picture._bgr[y1:y2, x1:x2] = 255
    for view in StillViews((), 640).of_object(picture, CAR, VEHICLE):
        pixels = shown(view)[:, :, 0]
        left, top, right, bottom = view.box.to_pixels(view.width, view.height)
        assert pixels[top + 4 : bottom - 4, left + 4 : right - 4].min() > 200
