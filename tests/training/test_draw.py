"""Drawn persons, two-wheelers and things: `python -m training draw`."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.steps import train
from training.__main__ import main
from training.dataset import Image
from training.paste import BACKGROUND, PERSON, TWO_WHEELER, Drawing, Piece, read_drawings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("drawn")
    counts = ["--persons", "6", "--two-wheelers", "3", "--things", "8"]
    assert main(["draw", str(made), *counts, "--processes", "2"]) == 0
    return made


@pytest.fixture(scope="module")
def drawings(folder: Path) -> list[Drawing]:
    return read_drawings(folder)


def test_each_kind_is_drawn(drawings: list[Drawing]) -> None:
    kinds = [each.kind for each in drawings]
    assert (kinds.count(PERSON), kinds.count(TWO_WHEELER), kinds.count(BACKGROUND)) == (6, 3, 8)


def test_a_box_is_as_large_as_what_is_opaque(drawings: list[Drawing]) -> None:
    for each in drawings:
        piece = each.piece()
        assert piece.alpha is not None
        coloured = piece.image.max(axis=2) > 8  # a shadow is black
        rows, columns = np.where((piece.alpha > 0.9) & coloured)
        edges = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        out = [sign * (side - edge) for sign, side, edge in zip((1, 1, -1, -1), each.box, edges, strict=True)]
        assert min(out) >= -6
        if each.kind != PERSON:  # what a person carries is not in the box
            assert max(out) <= 6
        assert 20 < each.box[3] - each.box[1] <= 151


def test_persons_differ_in_pose_and_clothes(drawings: list[Drawing]) -> None:
    persons = [each.piece() for each in drawings if each.kind == PERSON]
    shapes = {tuple(each.box.tolist()) for each in persons}
    colours = {tuple((_opaque(each).mean(axis=0) // 8).tolist()) for each in persons}
    assert len(shapes) == len(colours) == 6


def _opaque(piece: Piece) -> Image:
    assert piece.alpha is not None
    return piece.image[np.asarray(piece.alpha > 0.9, np.bool_)]


def test_what_exists_is_kept_and_a_number_is_always_the_same_object(folder: Path, tmp_path: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert main(["draw", str(folder), "--persons", "6", "--two-wheelers", "3", "--things", "8"]) == 0
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert main(["draw", str(tmp_path), "--persons", "1", "--two-wheelers", "0", "--things", "0"]) == 0
    (again,) = tmp_path.iterdir()
    np.testing.assert_array_equal(cv2.imread(str(again), -1), cv2.imread(str(folder / again.name), -1))


def test_a_training_pastes_them(
    folder: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(data, tmp_path / "weights.pt", 1, "--drawn", str(folder)) == 0
    assert train(data, tmp_path / "others.pt", 1, "--drawn", str(tmp_path)) == 1
    assert f"there is no drawing in {tmp_path}" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["draw", str(tmp_path / "file"), "--persons", "1"]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err
