"""Every step of training, on drawn pictures: `make train-smoke`. Needs the extra ``[training]``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.steps import SMALL, train
from training.__main__ import main
from training.dataset import CLASSES, DataError, read_manifest, read_sources, split
from training.evaluate import evaluate
from training.predict import Model


def test_the_exported_file_finds_what_was_drawn_at_a_place_it_was_not_trained_on(
    model: Path, data: Path
) -> None:
    held = split(read_manifest(data, read_sources()))[1]
    result = evaluate(Model(model).detect, held, read_sources(), 0.3)
    assert result.of("all", "vehicle").average_precision() > 0.5


def test_the_figures_are_printed_by_place_light_and_height(
    model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(data), "--model", str(model)]) == 0
    printed = capsys.readouterr().out
    for group in ("all", "place: drawn-2", "light: day", "height: 0 to 40"):
        assert group in printed


def test_a_training_that_was_killed_goes_on_as_if_it_had_not_been(data: Path, tmp_path: Path) -> None:
    import torch

    whole, parts = tmp_path / "whole.pt", tmp_path / "parts.pt"
    assert train(data, whole, 6) == 0
    from training.train import SMALL_SHARE, Material, Pictures, Plan, Training

    material = Material(split(read_manifest(data, read_sources()))[0], read_sources())
    first = Training(Plan(6, 8, small=SMALL_SHARE), material.fingerprint())
    pictures = Pictures(material)
    for _ in range(3):
        first.advance(pictures)
    first.save(parts)
    assert train(data, parts, 6) == 0
    one, two = (torch.load(path, weights_only=True)["average"] for path in (whole, parts))
    assert all(np.allclose(one[name], two[name], atol=1e-4) for name in one)


def test_a_training_begins_with_small_windows_where_the_plan_says_so(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.train import SMALL as SMALL_WINDOW
    from training.train import Material, Pictures, Plan, Training

    sizes: list[int] = []
    draw = Pictures.draw

    def recorded(self: Pictures, size: int, *rest: Any) -> Any:
        sizes.append(size)
        return draw(self, size, *rest)

    monkeypatch.setattr(Pictures, "draw", recorded)
    material = Material(split(read_manifest(data, read_sources()))[0], read_sources())
    training, pictures = Training(Plan(4, 8, batch=1, small=0.5), material.fingerprint()), Pictures(material)
    for _ in range(4):
        training.advance(pictures)
    assert sizes == [SMALL_WINDOW, SMALL_WINDOW, 320, 320]


def test_weights_of_another_plan_are_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(data, tmp_path / "weights.pt", 1)
    assert train(data, tmp_path / "weights.pt", 2) == 1
    assert "is of another training" in capsys.readouterr().err


def test_weights_of_other_pictures_are_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Else a second training would do nothing, and its card would name the pictures of the first."""
    caplog.set_level("INFO")
    assert train(data, tmp_path / "weights.pt", 1) == 0
    assert train(data, tmp_path / "weights.pt", 1) == 0
    assert "is trained already" in caplog.text
    assert train(data, tmp_path / "weights.pt", 1, "--hold-out", "drawn-1") == 1
    assert "or of other pictures" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_what_is_no_checkpoint_is_named(
    data: Path, tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "weights.pt"
    if content is None:
        train(data, weights, 1)
        content = weights.read_bytes()[:-1000]  # cut off
    weights.write_bytes(content)
    assert train(data, weights, 1) == 1
    assert f"{weights} is no checkpoint of a training" in capsys.readouterr().err


def test_prepare_counts_pictures_places_and_objects(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", str(data)]) == 0
    train_items, held = split(read_manifest(data, read_sources()))
    lines = capsys.readouterr().out.splitlines()
    for line, name, items in zip(lines, ("train", "held out"), (train_items, held), strict=True):
        kinds = np.concatenate([item.boxes(1, 1)[:, 4] for item in items])
        persons, two_wheelers, vehicles = ((kinds == kind).sum() for kind in range(3))
        assert line == (
            f"{name}: {len(items)} pictures of 1 places; "
            f"{persons} person, {two_wheelers} two-wheeler, {vehicles} vehicle"
        )
        assert min(persons, two_wheelers, vehicles) > 0


def test_a_damaged_picture_is_named(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    (copy / "overpass_traffic/images/3.png").write_bytes(b"x")
    assert main(["prepare", str(copy)]) == 1
    assert "1 pictures are missing or damaged" in capsys.readouterr().err


def test_a_set_without_a_known_licence_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (data / "manifest.csv").read_text().replace("overpass_traffic,", "found_somewhere,")
    (tmp_path / "manifest.csv").write_text(text)
    assert main(["prepare", str(tmp_path)]) == 1
    assert "no licence is known of found_somewhere" in capsys.readouterr().err


def test_a_training_ends_after_its_minutes(data: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    options = ["--weights", str(weights), "--steps", "1000000", "--minutes", "0.02", *SMALL]
    assert main(["train", str(data), *options]) == 0
    assert weights.exists()


def test_the_card_and_the_notice_name_what_was_trained_on(model: Path, data: Path, tmp_path: Path) -> None:
    files = ["--card", str(tmp_path / "card.md"), "--notice", str(tmp_path / "NOTICE")]
    assert main(["card", str(data), "--model", str(model), *files]) == 0
    card, notice = (tmp_path / "card.md").read_text(), (tmp_path / "NOTICE").read_text()
    for name, source in read_sources().items():
        assert (f"- {source.attribution}\n" in notice) == (f"| {name} |" in card) == (source.weight > 0)


def test_no_place_is_on_both_sides(data: Path) -> None:
    train_items, held = split(read_manifest(data, read_sources()))
    assert {item.place for item in train_items} == {"drawn-1"}
    assert {item.place for item in held} == {"drawn-2"}
    assert len(CLASSES) == 3


def test_a_place_that_is_not_there_cannot_be_held_out(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", str(data), "--hold-out", "drawn-1", "drwan-2"]) == 1
    assert "no labelled picture is of drwan-2" in capsys.readouterr().err


def test_a_teacher_that_is_not_there_is_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = str(tmp_path / "no-such-teacher.tflite")
    assert main(["teach", str(data), "--taught", str(tmp_path / "taught"), "--teacher", teacher]) == 1
    assert teacher in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--minutes", "-1"), ("--minutes", "nan"), ("--steps", "0")])
def test_a_training_without_an_end_is_refused(
    data: Path, tmp_path: Path, option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["train", str(data), "--weights", str(tmp_path / "weights.pt"), *option])
    assert "is not between" in capsys.readouterr().err


def test_a_checkpoint_on_a_full_disk_is_named_with_the_reason(tmp_path: Path) -> None:
    from training.train import Plan, Training

    (tmp_path / "weights.new").symlink_to("/dev/full")
    with pytest.raises(DataError, match="cannot be written: No space left"):
        Training(Plan(1, 8)).save(tmp_path / "weights.pt")
    assert not list(tmp_path.iterdir())
