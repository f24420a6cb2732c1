"""What is released, what is refused, and how a release is verified."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.cli.main import main
from edge_agent.commands.signature import make_key, read_private, sign
from tests.learn.cities import FLAT, PERSON, STEEP, TWO_WHEELER, collect, teacher
from training.agreement import Voice, agree, write_labels
from training.collection import SET, SOURCE, Frame, frames, read_rows
from training.compare import EVERYWHERE, OPEN_DATA, Figure, compare, detector, hardly_measured, worse
from training.dataset import DataError, Image
from training.evaluate import Detect
from training.learn import SHIPPED
from training.predict import Floats
from training.release import Candidate, sha256, write_release

GOOD = teacher(FLAT)
LARGEST_MANIFEST = 200_000  # characters, of the command `model`: edge_agent/wire/models.py


def blind(image: Image) -> Floats:
    return np.zeros((0, 6), np.float32)


CONFUSED = teacher(FLAT, calls={PERSON: TWO_WHEELER})


def by_camera(**voices: Voice) -> Detect:
    """Another one at each camera, told by the brightness of its street."""

    def detect(image: Image, threshold: float) -> Floats:
        return voices["day" if np.median(image) > 95 else "dusk"](image)

    return detect


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    folder = tmp_path_factory.mktemp("held")
    out = []
    for name, city in (("day", FLAT), ("dusk", STEEP)):
        collect(folder / name, city, [f"{name}-cam-1"], 12)
        of_city = frames(folder / name, read_rows(folder / name), folder / name / "labels")
        found = {
            frame.file: agree([teacher(city)(frame.image())] * 2, *frame.image().shape[1::-1])
            for frame in of_city
        }
        write_labels(of_city, found, {})
        out += of_city
    return out


BOTH = by_camera(day=GOOD, dusk=teacher(STEEP))


@pytest.mark.parametrize(
    ("candidate", "refused_at"),
    [
        (BOTH, set()),
        (by_camera(day=GOOD, dusk=blind), {EVERYWHERE, "dusk-cam-1"}),
        (by_camera(day=CONFUSED, dusk=teacher(STEEP)), {EVERYWHERE, "day-cam-1"}),
    ],
)
def test_a_model_that_is_worse_at_one_camera_is_refused_for_it(
    held: list[Frame], candidate: Detect, refused_at: set[str]
) -> None:
    reasons = worse(compare(candidate, BOTH, held, {SET: SOURCE}, 0.3), 0.03)
    assert {reason.split(",")[0] for reason in reasons} == refused_at


def test_a_better_model_is_not_refused(held: list[Frame]) -> None:
    figures = compare(BOTH, by_camera(day=GOOD, dusk=blind), held, {SET: SOURCE}, 0.3)
    assert worse(figures, 0.03) == []
    dusk = next(one for one in figures if (one.place, one.kind) == ("dusk-cam-1", "person"))
    assert (dusk.candidate.f1, dusk.in_force.f1, dusk.objects) == (1.0, 0.0, 24)


def test_the_margin_allows_what_it_says(held: list[Frame]) -> None:
    of_day = [frame for frame in held if frame.place == "day-cam-1"]
    figures = compare(by_camera(day=CONFUSED), by_camera(day=GOOD), of_day, {SET: SOURCE}, 0.3)
    assert worse(figures, 0.99) != []
    assert worse(figures, 1.0) == []


def test_a_street_where_nothing_is_refuses_a_model_that_sees_things_there(held: list[Frame]) -> None:
    empty = [frame for frame in held if frame.place == "day-cam-1"]
    for frame in empty:
        frame.labels.rename(frame.labels.with_suffix(".kept"))
    try:
        reasons = worse(
            compare(BOTH, by_camera(day=blind, dusk=teacher(STEEP)), held, {SET: SOURCE}, 0.3), 0.03
        )
    finally:
        for frame in empty:
            frame.labels.with_suffix(".kept").rename(frame.labels)
    assert "day-cam-1: 6.0 false detections a picture, the model in force has 0.0" in reasons


def test_what_was_not_measured_at_a_camera_is_not_released(held: list[Frame]) -> None:
    """However well the open data were measured."""
    open_data = [replace(frame, place=f"{OPEN_DATA}a set") for frame in held[12:]]
    figures = compare(BOTH, BOTH, [*held[:1], *open_data], {SET: SOURCE}, 0.3)
    (reason,) = worse(figures, 0.03)
    assert reason.startswith("nothing was measured")
    assert hardly_measured(figures) == ["day-cam-1"]


def test_the_model_that_ships_can_be_measured(held: list[Frame]) -> None:
    found = detector(SHIPPED)(held[0].image(), 0.05)
    assert found.shape[1] == 6


@pytest.fixture(scope="module")
def figures(held: list[Frame]) -> list[Figure]:
    return compare(BOTH, BOTH, held, {SET: SOURCE}, 0.3)


@pytest.fixture
def candidate(held: list[Frame], figures: list[Figure], tmp_path: Path) -> Candidate:
    make_key(tmp_path / "operator.pem")
    model, weights, in_force = (tmp_path / name for name in ("model.tflite", "weights.pt", "old.tflite"))
    model.write_bytes(b"a model")
    weights.write_bytes(b"a checkpoint")
    in_force.write_bytes(b"the model before")
    return Candidate(model, weights, in_force, None, held[:12], held[12:], [], {}, 7, figures, 0.03, 0.3)


@pytest.fixture
def release(candidate: Candidate, tmp_path: Path) -> Path:
    return write_release(candidate, "street-x", tmp_path / "operator.pem", tmp_path / "releases")


def test_a_release_on_a_full_disk_leaves_nothing(
    candidate: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    target = tmp_path / "releases/street-x"
    with pytest.raises(DataError, match=f"{target} cannot be written: No space left"):
        write_release(candidate, target.name, tmp_path / "operator.pem", target.parent)
    assert not list(target.parent.iterdir())


def verify(release: Path, *options: str) -> int:
    key = str(release.parents[1] / "operator.pub.pem")
    return main(["models", "verify", str(release), "--operator-key", key, *options])


def test_a_release_is_verified_with_the_public_key(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(release) == 0
    assert "street-x: genuine, signed by" in capsys.readouterr().out
    assert verify(release, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], "street-x.tflite" in facts["files"]) == ("street-x", True)
    manifest = json.loads((release / "manifest.json").read_text())
    assert (manifest["held_out"], manifest["answers"], manifest["pictures"]["held_out"]) == (
        ["dusk-cam-1"],
        7,
        12,
    )
    card = (release / "model-card.md").read_text()
    assert "| day-cam-1 | 12 | 24 | 24 | 24 | 0 | trained on |" in card
    assert "| dusk-cam-1 | two-wheeler | 24 | 1.00 | 1.00 |" in card


@pytest.mark.parametrize("file", ["street-x.tflite", "model-card.md", "manifest.json"])
def test_a_file_that_was_changed_after_signing_is_named(
    release: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (release / file).write_bytes((release / file).read_bytes() + b" ")
    assert verify(release) == 1
    assert f"not as it was signed: {file}: do not install the model" in capsys.readouterr().err


def test_a_file_that_was_added_or_is_missing_is_named(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (release / "street-x.tflite").rename(release / "other.tflite")
    assert verify(release) == 1
    assert "other.tflite, street-x.tflite" in capsys.readouterr().err


def test_another_key_verifies_nothing(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_key(tmp_path / "other.pem")
    assert main(["models", "verify", str(release), "--operator-key", str(tmp_path / "other.pub.pem")]) == 1
    assert "belongs to no operator of this gateway" in capsys.readouterr().err


def test_a_signed_command_is_no_release(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    private = read_private(release.parents[1] / "operator.pem")
    (release / "manifest.jws").write_bytes(sign(b'{"type": "reboot", "id": "1"}', private))
    assert verify(release) == 1
    assert "not the manifest of a model release" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../old.tflite", "/etc/passwd", "a/../street-x.tflite", "."])
def test_a_manifest_that_names_files_elsewhere_is_refused(
    release: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = sha256(release / "street-x.tflite")
    sign_again(release, lambda manifest: manifest["files"].update({name: digest}))
    assert verify(release) == 1
    assert f"not as it was signed: {name}: do not install" in capsys.readouterr().err


def test_a_link_in_the_place_of_a_file_is_refused(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (release / "street-x.tflite").rename(tmp_path / "elsewhere")
    (release / "street-x.tflite").symlink_to(tmp_path / "elsewhere")
    assert verify(release) == 1
    assert "not as it was signed: street-x.tflite:" in capsys.readouterr().err


def test_a_pipe_in_the_place_of_a_file_blocks_nothing(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("street-x.tflite", "manifest.jws"):
        (release / name).unlink()
        os.mkfifo(release / name)
        assert verify(release) == 1
    said = capsys.readouterr().err.splitlines()
    assert "not as it was signed: street-x.tflite" in said[0]
    assert said[1].endswith("manifest.jws: not a plain file")


def test_a_folder_that_is_full_of_other_files_is_refused_in_one_line(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1000):
        (release / f"{number}\x1b[2J").touch()
    assert verify(release) == 1
    said = capsys.readouterr().err
    assert "0\\x1b[2J, 100\\x1b[2J" in said
    assert len(said) < 500


def test_the_manifest_of_a_whole_city_fits_into_a_command(release: Path) -> None:
    """239 places are held out."""
    places = [f"ward-{number:03}-cam-{number % 4}" for number in range(239)]
    sign_again(release, lambda manifest: manifest.update(held_out=places))
    assert (release / "manifest.jws").stat().st_size < LARGEST_MANIFEST
    assert verify(release) == 0


def test_the_checkpoint_of_the_model_is_beside_it(release: Path) -> None:
    """The next round of learning begins with it."""
    assert (release / "street-x.pt").read_bytes() == b"a checkpoint"
    assert "street-x.pt" in json.loads((release / "manifest.json").read_text())["files"]


def test_the_figures_are_a_file_that_is_signed(release: Path) -> None:
    figures = json.loads((release / "figures.json").read_text())
    assert {"place", "kind", "objects"} <= set(figures[0])
    (release / "figures.json").write_text("[]")
    assert verify(release) == 1


def sign_again(release: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """With the operator's own key: what is signed can still be nonsense."""
    manifest = json.loads((release / "manifest.json").read_text())
    change(manifest)
    document = json.dumps(manifest, indent=2).encode()
    (release / "manifest.json").write_bytes(document)
    (release / "manifest.jws").write_bytes(sign(document, read_private(release.parents[1] / "operator.pem")))


def test_a_name_that_is_taken_is_refused(release: Path, held: list[Frame], tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    candidate = Candidate(model, model, model, None, held[:12], held[12:], [], {}, 0, [], 0.03, 0.3)
    with pytest.raises(DataError, match="is there already"):
        write_release(candidate, "street-x", tmp_path / "operator.pem", tmp_path / "releases")
