"""Altered copies of pictures: what is covered, that it cannot be restored, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE, Box
from edge_central.redaction.areas import AreaFinder, parts_to_cover
from edge_central.redaction.cover import cover
from edge_central.redaction.order import RecordedObject, RedactionOrder
from edge_central.redaction.picture import redact_picture
from tests.edge_central.redaction.faces import face_picture, jpeg_of, picture_of, second_detectors_find

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

ORDER = RedactionOrder(kind="picture")


class NoFaces(AreaFinder):
    """Covers recorded objects only: the cascades take a second for a picture."""

    def _faces_and_plates(self, picture: Colour) -> Iterator[Box]:
        yield from ()


@pytest.fixture(scope="module")
def finder() -> AreaFinder:
    return NoFaces(None)


def test_the_cascades_alone_find_a_large_face() -> None:
    picture = face_picture()
    areas = AreaFinder(None, of_clip=True).find(picture)
    assert second_detectors_find(picture) >= 1
    assert second_detectors_find(cover(picture, areas)) == 0


def test_what_is_far_from_the_face_stays() -> None:
    picture = face_picture()
    covered = cover(picture, [Box(0.25, 0.1, 0.75, 0.6)])
    assert np.array_equal(covered[200:], picture[200:])
    assert not np.array_equal(covered[50:150, 100:200], picture[50:150, 100:200])


def test_nothing_of_an_area_can_be_restored() -> None:
    """Two areas with the same means in each cell give the same copy, whatever is in them."""
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (64, 64, 3), np.uint8)
    shuffled = noise.copy()
    for y in range(0, 64, 16):
        for x in range(0, 64, 16):
            cell = shuffled[y : y + 16, x : x + 16].reshape(-1, 3)
            rng.shuffle(cell)
            shuffled[y : y + 16, x : x + 16] = cell.reshape(16, 16, 3)
    assert not np.array_equal(noise, shuffled)
    whole = [Box(0.0, 0.0, 1.0, 1.0)]
    difference = np.abs(cover(noise, whole).astype(int) - cover(shuffled, whole).astype(int))
    assert difference.max() <= 1  # of rounding


def test_a_recorded_person_has_the_head_covered_though_no_program_sees_it(finder: AreaFinder) -> None:
    rng = np.random.default_rng(2)
    jpeg = jpeg_of(rng.integers(90, 110, (120, 60, 3), np.uint8))
    known = RedactionOrder(kind="picture", known=(RecordedObject(PERSON, (0.0, 0.0, 1.0, 1.0)),))
    copy, report = redact_picture(jpeg, known, finder)
    assert copy is not None
    assert report.areas >= 1
    flat = picture_of(copy)
    assert flat[:30].std() < flat[80:].std() / 2


@pytest.mark.parametrize(
    ("group", "covered", "shown"),
    [
        (PERSON, [(0.5, 0.05), (0.5, 0.35)], [(0.5, 0.8)]),
        (TWO_WHEELER, [(0.5, 0.1), (0.5, 0.45), (0.5, 0.9)], []),
        (VEHICLE, [(0.5, 0.9), (0.1, 0.6)], [(0.5, 0.3)]),
        ("animal", [], [(0.5, 0.1), (0.5, 0.9)]),
    ],
    ids=["person", "two-wheeler", "vehicle", "other"],
)
def test_heads_and_plates_are_in_the_covered_parts(
    group: str, covered: list[tuple[float, float]], shown: list[tuple[float, float]]
) -> None:
    parts = list(parts_to_cover(group, Box(0.0, 0.0, 1.0, 1.0)))

    def is_covered(x: float, y: float) -> bool:
        return any(each.x1 <= x <= each.x2 and each.y1 <= y <= each.y2 for each in parts)

    assert all(is_covered(*point) for point in covered)
    assert not any(is_covered(*point) for point in shown)


def test_an_area_by_hand_is_covered(finder: AreaFinder) -> None:
    rng = np.random.default_rng(3)
    jpeg = jpeg_of(rng.integers(0, 256, (100, 100, 3), np.uint8))
    order = RedactionOrder(kind="picture", by_hand=((0.5, 0.5, 1.0, 1.0),))
    copy, _ = redact_picture(jpeg, order, finder)
    assert copy is not None
    picture = picture_of(copy)
    assert picture[60:95, 60:95].std() < picture[5:45, 5:45].std() / 3


def test_a_copy_has_no_metadata_and_is_upright(finder: AreaFinder) -> None:
    jpeg = jpeg_of(face_picture()[:200, :300])
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"  # turn right by 90
    turned = jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif + jpeg[2:]
    copy, _ = redact_picture(turned, ORDER, finder)
    assert copy is not None
    assert b"Exif" not in copy
    assert picture_of(copy).shape[:2] == (300, 200)


def png_header(width: int, height: int) -> bytes:
    size = width.to_bytes(4) + height.to_bytes(4)
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + size + b"\x08\x02\0\0\0"


@pytest.mark.parametrize(
    ("content", "failure"),
    [
        (b"", "not-readable"),
        (b"<svg onload=alert(1)>", "not-readable"),
        (b"\xff\xd8\xff\xe0 a picture", "not-readable"),
        (png_header(100_000, 100_000), "too-large"),
        (png_header(10, 10), "not-readable"),
    ],
    ids=["empty", "svg", "damaged", "bomb", "cut off"],
)
def test_what_is_no_picture_is_refused(finder: AreaFinder, content: bytes, failure: str) -> None:
    copy, report = redact_picture(content, ORDER, finder)
    assert (copy, report.failure) == (None, failure)


def test_a_png_is_read(finder: AreaFinder) -> None:
    done, png = cv2.imencode(".png", face_picture()[:64, :64])
    assert done
    assert redact_picture(png.tobytes(), ORDER, finder)[1].failure is None
