"""Objects pasted into training windows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.augment import Window
from training.dataset import IGNORE, DataError
from training.paste import COVERS, TWO_WHEELER, Pieces, read_drawings

STREET = np.full((270, 480, 3), 120, np.uint8)
PERSON = np.array([(40, 60, 60, 110, 0)], np.float32)
NO_BOXES = np.zeros((0, 5), np.float32)


def pieces_of(*boxes: tuple[float, float, float, float, int]) -> Pieces:
    """Pieces of one picture in which the first box is white."""
    image = STREET.copy()
    x1, y1, x2, y2, _ = boxes[0]
    image[int(y1) : int(y2), int(x1) : int(x2)] = 255
    found = Pieces()
    found.cut(image, np.array(boxes, np.float32), np.random.default_rng(0))
    return found


def windows(pieces: Pieces, boxes: np.ndarray = NO_BOXES) -> list[Window]:
    rng = np.random.default_rng(1)
    return [pieces.paste(Window(np.full((320, 320, 3), 100, np.uint8), boxes), rng) for _ in range(100)]


def test_a_box_is_where_its_object_was_pasted() -> None:
    found = windows(pieces_of((40, 60, 60, 110, 0)))
    assert sum(len(each.boxes) for each in found) > 50
    for each in found:
        for x1, y1, x2, y2, kind in each.boxes.round().astype(int).tolist():
            assert kind == 0
            middle = each.image[(y1 + y2) // 2, (x1 + x2) // 2]
            assert middle.min() > 115, "brighter than the window"
            assert 0 <= x1 < x2 <= 320
            assert 0 <= y1 < y2 <= 320


def test_background_is_pasted_without_a_box() -> None:
    changed = [each for each in windows(pieces_of((40, 60, 60, 110, 0))) if (each.image != 100).any()]
    assert any(not len(each.boxes) for each in changed)


def test_background_with_contrast_is_preferred() -> None:
    """A pole or a sign is more like a person than asphalt."""
    image = STREET.copy()
    image[:, 240:] = np.where(np.arange(240) % 8 < 4, 60, 180)[None, :, None]  # railings
    pieces, rng = Pieces(), np.random.default_rng(0)
    for _ in range(40):
        pieces.cut(image, PERSON, rng)
    backgrounds = [
        each.image for each in windows(pieces) if not len(each.boxes) and (each.image != 100).any()
    ]
    assert len(backgrounds) > 2
    striped = sum(np.ptp(each) > 60 for each in backgrounds)
    assert striped > 0.7 * len(backgrounds), "half of the picture is asphalt"


def test_what_is_covered_cut_off_or_small_is_not_cut() -> None:
    covered = (40, 60, 60, 110, 0), (45, 60, 65, 110, 1)
    ignored = (40, 60, 60, 110, 0), (30, 50, 90, 130, IGNORE)
    for boxes in (covered, ignored, ((0, 60, 20, 110, 0),), ((40, 60, 50, 80, 0),), ((40, 60, 160, 120, 2),)):
        assert all((each.image == 100).all() for each in windows(pieces_of(*boxes))), boxes


def test_an_object_of_the_window_stays_visible() -> None:
    there = np.array([(100, 100, 220, 220, 2)], np.float32)
    for each in windows(pieces_of((40, 60, 60, 110, 0)), there):
        for x1, y1, x2, y2, _ in each.boxes[1:]:
            shared = max(0.0, min(x2, 220) - max(x1, 100)) * max(0.0, min(y2, 220) - max(y1, 100))
            assert shared <= COVERS * 120 * 120


def test_a_window_is_not_changed_in_place() -> None:
    original = Window(np.full((320, 320, 3), 100, np.uint8), PERSON)
    pieces, rng = pieces_of((40, 60, 60, 110, 0)), np.random.default_rng(1)
    for _ in range(20):
        pieces.paste(original, rng)
    assert (original.image == 100).all()
    assert len(original.boxes) == 1


def drawing(folder: Path, name: str = "person-00007_10_5_30_65") -> Path:
    """A white object of 20 by 60 pixels in a picture of 40 by 70, which is empty beside it."""
    image = np.zeros((70, 40, 4), np.uint8)
    image[5:65, 10:30] = 255
    cv2.imwrite(str(folder / f"{name}.png"), image)
    return folder


def test_only_the_object_of_a_drawing_is_pasted(tmp_path: Path) -> None:
    found = [each for each in windows(Pieces(read_drawings(drawing(tmp_path)))) if len(each.boxes)]
    assert len(found) > 20
    for each in found:
        inside = np.zeros(each.image.shape[:2], bool)
        for x1, y1, x2, y2, kind in each.boxes.tolist():
            assert kind == 0
            assert abs((y2 - y1) / (x2 - x1) - 3) < 0.2
            assert each.image[int(y1 + y2) // 2, int(x1 + x2) // 2].min() > 115
            margin = 7  # of the blur
            inside[
                max(0, int(y1) - margin) : int(y2) + margin, max(0, int(x1) - margin) : int(x2) + margin
            ] = True
        assert (each.image[~inside] == 100).all()


def test_a_drawing_has_its_class_from_its_name(tmp_path: Path) -> None:
    (only,) = read_drawings(drawing(tmp_path, "two-wheeler-00007_10_5_30_65"))
    assert only.kind == TWO_WHEELER
    assert only.box.tolist() == [10, 5, 30, 65]


def test_other_files_are_no_drawings(tmp_path: Path) -> None:
    for name in ("dog-1_1_2_3_4.png", "person-1_1_2_3.png", "photograph.png", "unfinished.new"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="there is no drawing in"):
        read_drawings(tmp_path)


@pytest.mark.parametrize("channels", [0, 1, 3])
def test_a_damaged_drawing_is_named(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "person-00000_0_0_1_1.png"
    path.write_bytes(b"no picture")
    if channels:
        cv2.imwrite(str(path), np.zeros((8, 8, channels), np.uint8))
    with pytest.raises(DataError, match=f"{path} is no drawing"):
        read_drawings(tmp_path)[0].piece()
