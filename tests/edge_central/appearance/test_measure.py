"""Measuring a model: known figures of drawn objects and of chosen vectors, and what cannot be measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_agent.cli.main import main
from edge_agent.core.errors import CentralError
from edge_central.appearance.card import AppearanceCard, GroupFigures, card_text, read_card
from edge_central.appearance.measure import measure
from edge_central.appearance.measurement import LabelledVectors, measure_group
from tests.edge_central.appearance.parts import ORDER, PIXELS, draw_folder, model_process
from tests.testbed.embedding_model import write_embedding_model


def measured(
    tmp_path: Path, folder: Path, notices: list[str] | None = None, *, zero: bool = False
) -> AppearanceCard:
    lines: list[str] = [] if notices is None else notices
    with model_process(tmp_path, zero=zero) as process:
        return measure(process, folder, "2026-11-28T17:00:00Z", "drawn", PIXELS, ORDER, lines.append)


def at_angles(*degrees: float, identities: str, cameras: str) -> GroupFigures:
    """Pictures whose vectors have these angles; one letter each names the object and the camera."""
    angles = np.radians(degrees)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return measure_group(LabelledVectors(vectors, np.array(list(identities)), np.array(list(cameras))))


def test_distinct_objects_are_found_at_the_other_camera(tmp_path: Path) -> None:
    card = measured(tmp_path, draw_folder(tmp_path / "labelled", 24))
    found = card.groups["all"]
    assert (found.identities, found.pictures, found.cameras, found.queries) == (24, 96, 2, 96)
    assert (found.same_pairs, found.different_pairs) == (24 * 4, 24 * 23 * 4)
    assert found.rank1.value == found.mean_average_precision.value == 1.0
    assert 0.8 < found.rank1.low < 0.9, "24 objects without an error prove no more"
    assert found.chance_rank1 == pytest.approx(2 / 48)
    assert found.cost < 0.4
    assert found.ratio(1.0) > 10
    assert found.ratio(-0.5) < 0.1
    assert max(point.log10_ratio for point in found.curve) < np.log10(2 * 24), "24 objects prove no more"
    assert card.figures("vehicle") == found, "the folder is not divided by group"


def test_objects_that_change_from_picture_to_picture_are_found_by_chance(tmp_path: Path) -> None:
    card = measured(tmp_path, draw_folder(tmp_path / "labelled", 24, noise=400))
    assert not card.groups["all"].is_better_than_chance
    assert card.figures("vehicle") is None


def test_rank_and_precision_of_chosen_vectors() -> None:
    # a at camera 1 (0 degrees) and 2 (30); b at camera 1 (90) and 2 (20): the nearest of a1 is b2.
    found = at_angles(0, 30, 90, 20, identities="aabb", cameras="1212")
    # a1: b2 before a2; a2: a1 before b1 (30 and 60 degrees); b1: a2 before b2; b2: a1 before b1.
    assert found.rank1.value == pytest.approx(1 / 4)
    assert found.mean_average_precision.value == pytest.approx((0.5 + 1 + 0.5 + 0.5) / 4)
    assert found.chance_rank1 == pytest.approx(0.5)


def test_pictures_of_one_camera_are_never_compared() -> None:
    # The best match of each picture is of the same object and camera; without it another object is nearer.
    found = at_angles(0, 1, 50, 51, 60, 10, identities="aaaabb", cameras="112212")
    assert found.same_pairs == 2 * 2 + 1
    assert found.rank1.value < 1


def test_equal_similarities_count_against_the_model() -> None:
    found = at_angles(5, 5, 5, 5, identities="aabb", cameras="1212")
    assert found.rank1.value == 0


def test_each_object_counts_alike() -> None:
    # Of a both pictures are right, of b three of four: 7/8, where all pictures together have 5/6.
    found = at_angles(0, 0, 90, 90, 90, 45, identities="aabbbb", cameras="121112")
    assert found.rank1.value == 0.875


def test_the_curve_rises_and_says_no_more_than_the_objects_allow() -> None:
    rng = np.random.default_rng(2)
    objects = np.repeat(np.arange(40), 4)
    middle = rng.normal(size=(40, 8))[objects]
    vectors = middle + rng.normal(size=middle.shape) * 0.8
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = measure_group(LabelledVectors(vectors, objects, np.tile([1, 2], 80)))
    similarities = [point.similarity for point in found.curve]
    powers = [point.log10_ratio for point in found.curve]
    assert similarities == sorted(similarities)
    assert powers == sorted(powers)
    assert len(powers) > 3
    assert max(map(abs, powers)) < np.log10(2 * 40)
    assert 0 < found.cost < 1


def test_the_cost_is_measured_on_objects_that_the_curve_has_not_seen() -> None:
    """Of vectors by chance it is 1 or more; by a curve of the same pairs it would be less."""
    costs = []
    for seed in range(8):
        vectors = np.random.default_rng(seed).normal(size=(80, 6))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        objects = np.repeat(np.arange(20), 4)
        costs.append(measure_group(LabelledVectors(vectors, objects, np.tile([1, 2], 40))).cost)
    assert np.mean(costs) > 1


def test_groups_are_measured_apart_and_small_ones_left_out(tmp_path: Path) -> None:
    draw_folder(tmp_path / "labelled" / "vehicle", 20)
    draw_folder(tmp_path / "labelled" / "person", 5)
    notices: list[str] = []
    card = measured(tmp_path, tmp_path / "labelled", notices)
    assert list(card.groups) == ["vehicle"]
    assert card.figures("two-wheeler") is None, "no figures of another group are used"
    assert "person: left out: 5 objects" in notices[0]


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    card = measured(tmp_path, draw_folder(tmp_path / "labelled", 20))
    (tmp_path / "card.json").write_bytes(card_text(card))
    assert read_card(tmp_path / "card.json") == card


def test_too_few_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CentralError, match="no group has 20 objects"):
        measured(tmp_path, draw_folder(tmp_path / "labelled", 19))


def test_objects_of_one_camera_are_refused(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "labelled", 20)
    for path in folder.glob("*/yard-*"):
        path.unlink()
    with pytest.raises(CentralError, match="no group has 20 objects with pictures of two cameras"):
        measured(tmp_path, folder)


def test_a_model_that_says_the_same_of_each_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CentralError, match="vectors of all pictures are equal"):
        measured(tmp_path, draw_folder(tmp_path / "labelled", 20), zero=True)


def test_a_few_damaged_pictures_are_left_out_and_many_refused(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "labelled", 21)
    damaged = sorted(folder.glob("*/*.jpg"))[:4]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:200])
    notices: list[str] = []
    card = measured(tmp_path, folder, notices)
    assert (card.not_readable, len(notices)) == (4, 4)
    for path in folder.glob("object-0*/*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(CentralError, match="40 of 84 pictures cannot be read"):
        measured(tmp_path, folder)


@pytest.mark.parametrize(
    ("added", "words"),
    [
        ("vehicle/", "beside folders of groups"),
        ("object-00/nocamera.jpg", "must begin with the camera"),
        ("object-00/-0001.jpg", "must begin with the camera"),
    ],
)
def test_another_kind_of_folder_is_refused(tmp_path: Path, added: str, words: str) -> None:
    folder = draw_folder(tmp_path / "labelled", 2)
    path = folder / added
    path.mkdir() if added.endswith("/") else path.touch()
    with pytest.raises(CentralError, match=words):
        measured(tmp_path, folder)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CentralError, match="cannot be read: No such file"):
        measured(tmp_path, tmp_path / "labelled")
    (tmp_path / "labelled" / "object-00").mkdir(parents=True)
    with pytest.raises(CentralError, match="no pictures such as"):
        measured(tmp_path, tmp_path / "labelled")


def test_the_command_writes_the_card_and_prints_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_embedding_model(tmp_path / "colours.tflite")
    folder, card = draw_folder(tmp_path / "labelled", 20), tmp_path / "card.json"
    arguments = ["central", "appearance", "measure", str(model), str(folder), "--card", str(card)]
    assert main([*arguments, f"--pixels={PIXELS}", "--remarks", "drawn"]) == 0
    assert "all               20       80  1.00 (0.84 to 1.00)" in capsys.readouterr().out
    assert read_card(card).remarks == "drawn"
    assert main([*arguments, f"--pixels={PIXELS}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["groups"]["all"]["identities"] == 20


def test_a_model_that_cannot_be_loaded_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "noise.tflite"
    model.write_bytes(bytes(5_000))
    folder, card = draw_folder(tmp_path / "labelled", 20), tmp_path / "card.json"
    assert main(["central", "appearance", "measure", str(model), str(folder), "--card", str(card)]) == 1
    assert "noise.tflite: not a TFLite model" in capsys.readouterr().err
    assert not card.exists()
