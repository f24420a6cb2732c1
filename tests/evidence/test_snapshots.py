"""Pictures of objects: region, privacy masks and size."""

from __future__ import annotations

import hashlib
import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.delivery import Media
from edge_agent.core.facts import Phase
from edge_agent.core.model import Box, Tracks
from edge_agent.evidence.jpeg import AIM_BYTES, MAX_BYTES, crop, encode
from edge_agent.evidence.snapshots import MAX_PENDING_BYTES, ObjectSnapshots, outside_heap, surroundings
from tests.events.parts import PlainPicture, frame, track

unit = st.floats(0.0, 1.0)


def pixels_of(media: Media | None) -> np.ndarray:
    assert media is not None
    assert hashlib.sha256(media.payload).hexdigest() == media.sha256
    decoded = cv2.imdecode(np.frombuffer(media.payload, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded


def noise(width: int, height: int) -> PlainPicture:
    picture = PlainPicture(width, height)
    picture.pixels = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    return picture


@pytest.mark.parametrize(
    ("box", "size"),
    [
        (Box(0.5, 0.5, 0.52, 0.55), (320, 320)),  # small: at least 320 pixels each way
        (Box(0.0, 0.0, 0.02, 0.05), (320, 320)),  # in the corner: moved inside, not cut
        (Box(0.3, 0.3, 0.6, 0.7), (384, 320)),  # large: twice the box
        (Box(-0.2, 0.1, 1.2, 0.9), (640, 360)),  # larger than the picture: all of it
    ],
)
def test_a_snapshot_shows_the_object_with_its_surroundings(box: Box, size: tuple[int, int]) -> None:
    media = ObjectSnapshots("cam-1", ()).take("e", Phase.START, track(box=box), frame())
    height, width = pixels_of(media).shape[:2]
    assert (abs(width - size[0]) <= 1, abs(height - size[1]) <= 1) == (True, True)


@given(unit, unit, unit, unit)
def test_surroundings_hold_the_object_and_stay_in_the_picture(x: float, y: float, w: float, h: float) -> None:
    box = Box(x, y, min(1.0, x + w), min(1.0, y + h))
    region = surroundings(box, 640, 360)
    assert -1e-9 <= region.x1 <= box.x1 + 1e-9
    assert box.x2 - 1e-9 <= region.x2 <= 1 + 1e-9
    assert -1e-9 <= region.y1 <= box.y1 + 1e-9
    assert box.y2 - 1e-9 <= region.y2 <= 1 + 1e-9


def test_private_areas_are_black_wherever_the_crop_lies() -> None:
    mask = ((0.45, 0.40), (0.60, 0.40), (0.60, 0.70), (0.45, 0.70))
    box = Box(0.52, 0.5, 0.54, 0.56)
    media = ObjectSnapshots("cam-1", (mask,)).take("e", Phase.START, track(box=box), frame())
    shown = pixels_of(media)
    region = surroundings(box, 640, 360)
    x1, y1, _, _ = region.to_pixels(640, 360)
    inside = shown[int(0.40 * 360) - y1 : int(0.70 * 360) - y1, int(0.45 * 640) - x1 : int(0.60 * 640) - x1]
    outside = shown[:, : int(0.45 * 640) - x1 - 16]
    assert inside.max() <= 20, "JPEG rings a little at the border"
    assert outside.min() > 180


@given(st.lists(st.tuples(unit, unit), min_size=3, max_size=3))
def test_no_pixel_of_a_private_triangle_leaves_the_box(corners: list[tuple[float, float]]) -> None:
    picture = PlainPicture(128, 96)
    region = Box(0.25, 0.25, 0.9, 0.8)
    shown = crop(picture, region, [tuple(corners)], 640)
    x1, y1, _, _ = region.to_pixels(128, 96)
    polygon = (np.array(corners) * (128, 96)).astype(np.float32)
    for y in range(0, shown.shape[0], 3):
        for x in range(0, shown.shape[1], 3):
            # The pixel covers x..x+1: its centre lies inside when at least half of it does.
            if cv2.pointPolygonTest(polygon, (x + x1 + 0.5, y + y1 + 0.5), False) > 0:
                assert shown[y, x].max() == 0


def test_private_areas_stay_black_when_the_picture_is_made_smaller() -> None:
    picture = PlainPicture(1920, 1080)
    shown = crop(picture, Box(0, 0, 1, 1), [((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))], 640)
    assert shown.shape == (360, 640, 3)
    assert np.max(shown[:, 320:]) == 0
    assert np.min(shown[:, :318]) > 0


def test_a_plain_scene_is_far_below_the_aim_and_noise_is_held_to_the_limit() -> None:
    assert len(encode(PlainPicture(640, 640).pixels)) < AIM_BYTES
    assert AIM_BYTES < len(encode(noise(640, 640).pixels)) <= MAX_BYTES
    assert len(encode(noise(3000, 2000).pixels)) <= MAX_BYTES


def test_the_end_brings_a_picture_only_when_a_clearly_better_view_was_seen() -> None:
    small, little_better, better = Box(0.4, 0.4, 0.5, 0.5), Box(0.4, 0.4, 0.51, 0.51), Box(0.3, 0.3, 0.5, 0.5)
    for later, expected in ((little_better, None), (better, 60)):
        snapshots = ObjectSnapshots("cam-1", ())
        snapshots.take("e", Phase.START, track(box=small), frame())
        view = PlainPicture(level=60)
        snapshots.observe(frame(1001.0, view), Tracks((track(box=later),)))
        view.pixels = np.full_like(view.pixels, 250)  # the stored view is a copy
        media = snapshots.take("e", Phase.END, track(box=small), frame(1002.0))
        if expected is None:
            assert media is None
        else:
            assert abs(int(pixels_of(media).mean()) - expected) <= 2
        assert snapshots.pending_bytes == 0


def test_a_view_cut_by_the_edge_is_not_better_than_a_whole_one() -> None:
    snapshots = ObjectSnapshots("cam-1", ())
    snapshots.take("e", Phase.START, track(box=Box(0.1, 0.1, 0.3, 0.3)), frame())
    snapshots.observe(frame(1001.0), Tracks((track(box=Box(0.0, 0.1, 0.28, 0.35)),)))
    assert snapshots.pending_bytes == 0


def test_objects_that_are_not_reported_cost_no_memory() -> None:
    snapshots = ObjectSnapshots("cam-1", ())
    snapshots.observe(frame(), Tracks(tuple(track(f"t{n}", box=Box(0.1, 0.1, 0.9, 0.9)) for n in range(30))))
    assert snapshots.pending_bytes == 0


def test_thirty_objects_stay_within_the_memory_that_is_set_aside() -> None:
    snapshots = ObjectSnapshots("cam-1", ())
    names = [f"t{n}" for n in range(30)]
    picture = PlainPicture(1920, 1080)
    for name in names:
        snapshots.take("e", Phase.START, track(name, box=Box(0.4, 0.4, 0.42, 0.42)), frame(picture=picture))
    for mono, size in ((1001.0, 0.1), (1002.0, 0.3)):
        near = tuple(track(name, box=Box(0.4, 0.4, 0.4 + size, 0.4 + size)) for name in names)
        snapshots.observe(frame(mono, picture), Tracks(near))
        assert 0 < snapshots.pending_bytes <= MAX_PENDING_BYTES
    for name in names:
        snapshots.take("e", Phase.END, track(name), frame(1003.0, picture))
    assert snapshots.pending_bytes == 0


def test_stored_pixels_take_no_memory_of_the_heap() -> None:
    pixels = noise(640, 360).pixels
    tracemalloc.start()
    try:
        copy = outside_heap(pixels)
        assert tracemalloc.get_traced_memory()[0] < pixels.nbytes / 10
    finally:
        tracemalloc.stop()
    assert np.array_equal(copy, pixels)
