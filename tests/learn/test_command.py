"""``edge-agent learn``: its steps without PyTorch, and what it says where it cannot run."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

import edge_agent
from edge_agent.cli.arguments import parser
from edge_agent.cli.main import main
from edge_agent.commands.signature import make_key
from tests.learn.cities import FLAT, PERSON, TWO_WHEELER, collect, teacher
from tests.learn.test_review import Person
from training.agreement import Voice
from training.learn import SHIPPED, alone, run
from training.review import ReviewServer

CAMERAS = ["dt-001-cam-1", "dt-001-cam-2", "dt-002-cam-1"]


def load(path: Path) -> Voice:
    return teacher(FLAT) if path.stem == "good" else teacher(FLAT, calls={PERSON: TWO_WHEELER})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    collect(tmp_path / "frames", FLAT, CAMERAS, 2)
    for name in ("good", "confused"):
        (tmp_path / f"{name}.tflite").write_bytes(name.encode())
    return tmp_path / "frames"


def learn(folder: Path, *options: str) -> int:
    teachers = [str(folder.parent / f"{name}.tflite") for name in ("good", "confused")]
    named = [word for path in teachers for word in ("--teacher", path)]
    return run(parser().parse_args(["learn", str(folder), *named, *options]), load)


def test_steps_say_what_they_did(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "dt-001-cam-1/20261124T000000.png").write_bytes(b"")
    for step in ("check", "label", "review"):
        assert learn(folder, "--step", step, "--no-review", "--hold-out", "dt-002-cam-1") == 0
    said = capsys.readouterr().out
    for line in (
        "check: dt-001-cam-1/20261124T000000.png is left out: its sha256 is not the manifest's",
        "check: 5 pictures of 3 cameras can be used",
        "check: held out, to measure on: dt-002-cam-1",
        "label: 0 person, 10 two-wheeler, 10 vehicle; 10 asked; 0 ignored: 10 questions",
        "review: skipped; nothing is learnt where the models disagree",
    ):
        assert line in said


def test_a_person_who_ends_the_page_goes_on_with_what_was_answered(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def at_browser(server: ReviewServer) -> None:
        person = Person(server)
        person.press("p")
        person.post("/finish")

    class Seen(ReviewServer):
        def serve(self) -> None:
            threading.Thread(target=at_browser, args=(self,), daemon=True).start()
            super().serve()

    monkeypatch.setattr("training.learn.ReviewServer", Seen)
    assert learn(folder, "--step", "label") == 0
    assert learn(folder, "--step", "review") == 0
    assert "review: 1 of 12 questions are answered" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("review", "has no labels yet: run the step label"),
        ("evaluate", "run the step train first"),
    ],
)
def test_a_step_before_its_time_names_the_one_that_is_missing(
    folder: Path, step: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert learn(folder, "--step", step) == 1
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--step", "label"], "labels need two models"),
        (["--step", "label", "--teacher", str(SHIPPED)], "labels need two models"),
        (["--step", "label", *["--teacher", "{folder}/../good.tflite"] * 2], "labels need two models"),
        (["--step", "label", "--teacher", "nowhere.tflite"], "there is no file nowhere.tflite"),
        (["--step", "release"], "a release is signed: give --key"),
        (["--step", "check", "--size", "400x300"], "two multiples of 32"),
        (["--step", "check", "--size", "0x0"], "two multiples of 32"),
        (["--step", "check", "--name", "../../x"], "--name ../../x: letters, digits"),
        (["--step", "check", "--in-force", "nowhere.tflite"], "there is no file nowhere.tflite"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_done(
    folder: Path, options: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [option.format(folder=folder) for option in options]
    assert main(["learn", str(folder), *options]) == 2
    assert reason in capsys.readouterr().err
    assert not (folder / "learn").exists()


def test_a_checkpoint_that_this_command_will_replace_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # PyTorch need not be installed: the option is refused before it is used.
    monkeypatch.setattr("edge_agent.cli.learn.find_spec", lambda name: True)
    assert main(["learn", str(folder), "--step", "check", "--checkpoint", f"{folder}/learn/weights.pt"]) == 2
    assert "give the .pt of a release" in capsys.readouterr().err
    assert not (folder / "learn").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--margin", "nan"),  # a comparison with it is never true: nothing would ever be refused
        ("--margin", "2"),
        ("--threshold", "-1"),
        ("--minutes", "inf"),
        ("--steps", "-5"),
        ("--processes", "0"),
        ("--width", "many"),
    ],
)
def test_numbers_out_of_their_limits_are_refused(
    folder: Path, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["learn", str(folder), "--step", "check", option, value])
    assert f"argument {option}:" in capsys.readouterr().err
    assert not (folder / "learn").exists()


@pytest.mark.parametrize("options", [["--step", "check"], []], ids=["check", "all, without PyTorch"])
def test_a_folder_that_is_not_there_is_not_made(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["learn", str(tmp_path / "frmaes"), *options]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_second_run_beside_the_first_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with alone(folder / "learn"):
        assert learn(folder, "--step", "check") == 1
    assert "another run" in capsys.readouterr().err
    assert learn(folder, "--step", "check") == 0


def test_a_teacher_that_is_no_model_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder.parent / "good.tflite").write_bytes(bytes(5000))
    options = ["--step", "label", "--teacher", str(folder.parent / "good.tflite")]
    assert main(["learn", str(folder), *options]) == 1
    assert "good.tflite: not a TFLite model" in capsys.readouterr().err


def test_labels_that_were_cut_off_are_made_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert learn(folder, "--step", "label") == 0
    found = sorted((folder / "learn/found").rglob("*.json"))
    whole = [path.read_bytes() for path in found]
    found[0].write_bytes(whole[0][:-20])
    found[1].write_bytes(b"junk")
    assert learn(folder, "--step", "label") == 0
    assert [path.read_bytes() for path in found] == whole


def test_pictures_in_which_nothing_is_labelled_are_not_trained_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def blind(path: Path) -> Voice:
        return lambda image: np.zeros((0, 6), np.float32)

    teachers = [
        word for name in ("good", "confused") for word in ("--teacher", str(folder.parent / f"{name}.tflite"))
    ]
    for step, code in (("label", 0), ("train", 1)):
        assert run(parser().parse_args(["learn", str(folder), *teachers, "--step", step]), blind) == code
    assert "nothing is labelled in the pictures to train on" in capsys.readouterr().err


def test_figures_that_were_cut_off_have_to_be_made_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_key(folder.parent / "operator.pem")
    (folder / "learn").mkdir()
    (folder / "learn/evaluation.json").write_bytes(b'{"candidate": "ab')
    assert learn(folder, "--step", "release", "--key", str(folder.parent / "operator.pem")) == 1
    assert "is damaged: run the step evaluate again" in capsys.readouterr().err


def test_a_damaged_list_of_trained_places_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert learn(folder, "--step", "label") == 0
    (folder / "learn/model.tflite").write_bytes(bytes(8))
    (folder / "learn/trained.json").write_bytes(b'{"places": [')
    assert learn(folder, "--step", "evaluate") == 1
    assert "trained.json is damaged: run the step train again" in capsys.readouterr().err


def test_a_picture_that_unpacks_to_gigabytes_is_left_out(folder: Path) -> None:
    """400 bytes of JPEG that say they are 20,000 pixels wide and high."""
    first = next(folder.rglob("*.png"))
    jpeg = bytearray(cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    size = jpeg.index(b"\xff\xc0") + 5
    jpeg[size : size + 4] = (20_000).to_bytes(2, "big") * 2
    before = hashlib.sha256(first.read_bytes()).hexdigest()
    first.write_bytes(jpeg)
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(before, hashlib.sha256(jpeg).hexdigest()))
    command = [sys.executable, "-m", "edge_agent", "learn", str(folder), "--step", "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"{first.name} is left out: it says that it is larger than any picture of a camera" in done.stdout
    assert "5 pictures of 3 cameras can be used" in done.stdout
    assert done.returncode == 0


def test_without_a_checkout_it_says_where_the_code_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(edge_agent, "__file__", str(tmp_path / "site-packages/edge_agent/__init__.py"))
    assert main(["learn", str(tmp_path)]) == 69
    assert "get a checkout of the repository, pip install -e '.[training]' there" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--step", "check", "--checkpoint", "street.pt"]])
def test_without_pytorch_it_says_how_to_get_it_before_the_first_step(
    folder: Path, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["learn", str(folder), *options]) == 69
    assert "PyTorch is missing: pip install -e '.[training]'" in capsys.readouterr().err
    assert not (folder / "learn").exists()
