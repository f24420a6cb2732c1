"""What a teacher adds to the labels of a set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.dataset import IGNORE, Image, Source, read_manifest, read_pictures, read_sources
from training.predict import Floats
from training.smoke import draw
from training.teacher import complete, merge_riders, teach, tiles

PERSON, TWO_WHEELER, VEHICLE = 0, 1, 2
MACHINE = (100, 100, 140, 160)


def found(*rows: tuple[float, ...]) -> Floats:
    """x1, y1, x2, y2, score, class."""
    return np.array(rows, np.float32).reshape(-1, 6)


@pytest.mark.parametrize(
    ("person", "merged"),
    [
        ((105, 70, 135, 140), True),  # sits on it
        ((105, 70, 135, 155), True),  # seen from behind: feet beside the wheel
        ((150, 70, 180, 160), False),  # walks beside it
        ((105, 20, 125, 95), False),  # behind it, further away
        ((105, 130, 135, 200), False),  # before it
    ],
)
def test_a_rider_and_a_machine_become_one_box(person: tuple[int, ...], merged: bool) -> None:
    boxes = merge_riders(found((*MACHINE, 0.6, TWO_WHEELER), (*person, 0.7, PERSON)))
    assert len(boxes) == (1 if merged else 2)
    if merged:
        assert boxes[0, 1] == person[1]


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        ((300, 50, 320, 100, 0.8, PERSON), PERSON),  # sure of a class that the set leaves out
        ((300, 50, 320, 100, 0.3, PERSON), IGNORE),  # unsure
        ((105, 90, 130, 150, 0.8, PERSON), None),  # the rider of a labelled two-wheeler
        ((300, 50, 340, 80, 0.5, VEHICLE), IGNORE),  # of a class that the set does label
        ((300, 50, 340, 80, 0.9, VEHICLE), VEHICLE),  # the set overlooked it
        ((12, 12, 28, 48, 0.8, PERSON), PERSON),  # in a box that the set ignores
    ],
)
def test_what_the_teacher_finds_is_labelled_ignored_or_known(
    box: tuple[float, ...], kind: int | None
) -> None:
    labelled = np.array([(*MACHINE, TWO_WHEELER), (10, 10, 30, 50, IGNORE)], np.float32)
    added = complete(labelled, found(box), [PERSON])[len(labelled) :]
    assert added[:, 4].tolist() == ([] if kind is None else [kind])


@pytest.mark.parametrize(
    ("label", "box", "kind"),
    [
        ((10, 10, 60, 70, PERSON), (12, 11, 61, 72, 0.8, VEHICLE), IGNORE),  # a lorry called a person
        ((10, 10, 60, 70, PERSON), (12, 11, 61, 72, 0.3, VEHICLE), PERSON),  # the teacher is unsure
        ((10, 10, 60, 70, PERSON), (12, 11, 61, 72, 0.8, PERSON), PERSON),
        ((10, 10, 30, 70, TWO_WHEELER), (10, 11, 30, 70, 0.8, PERSON), IGNORE),  # a walker
        ((10, 10, 40, 70, TWO_WHEELER), (11, 10, 40, 66, 0.8, PERSON), TWO_WHEELER),  # of a rider it saw half
        ((10, 10, 60, 70, PERSON), (90, 11, 140, 72, 0.8, VEHICLE), PERSON),  # is elsewhere
    ],
)
def test_a_label_that_the_teacher_contradicts_is_ignored(
    label: tuple[int, ...], box: tuple[float, ...], kind: int
) -> None:
    assert complete(np.array([label], np.float32), found(box), [])[0, 4] == kind


def test_tiles_cover_the_whole_picture() -> None:
    seen = np.zeros((432, 768), int)
    for left, top, right, bottom in tiles(768, 432):
        seen[top:bottom, left:right] += 1
    assert seen.min() >= 2


def test_labels_are_written_once_and_replace_those_of_the_set(tmp_path: Path) -> None:
    draw(tmp_path, 3)
    sources = {"overpass_traffic": Source("", "", "", unlabelled=["person"])}
    asked = []

    def label(image: Image) -> Floats:
        asked.append(image.shape)
        return found((2, 2, 6, 14, 0.9, PERSON), (310, 2, 316, 14, 0.3, PERSON))

    items = read_pictures(tmp_path, sources)
    assert len(list(teach(label, items, sources, tmp_path / "taught"))) == 3
    assert list(teach(label, items, sources, tmp_path / "taught")) == []
    assert len(asked) == 3
    before, after = (read_manifest(tmp_path, sources, taught)[0] for taught in (None, tmp_path / "taught"))
    extra = after.boxes(320, 240)[len(before.boxes(320, 240)) :]
    assert np.allclose(extra, [(2, 2, 6, 14, PERSON), (310, 2, 316, 14, IGNORE)], atol=0.01)


def test_pictures_without_labels_are_trained_on_once_a_teacher_labelled_them(tmp_path: Path) -> None:
    draw(tmp_path, 2)
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",train", ",unlabelled").replace(",dev", ",unlabelled"))
    sources = read_sources()
    assert read_manifest(tmp_path, sources) == []
    list(teach(lambda image: found(), read_pictures(tmp_path, sources), sources, tmp_path / "taught"))
    assert len(read_manifest(tmp_path, sources, tmp_path / "taught")) == 2
