"""``edge-agent learn``: its steps without PyTorch, and what it says where it cannot run."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

import edge_agent
from edge_agent.cli import main
from edge_agent.cli_arguments import parser
from tests.learn.cities import FLAT, PERSON, TWO_WHEELER, collect, teacher
from tests.learn.test_review import Person
from training.agreement import Voice
from training.learn import run
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
        "review: nobody is asked",
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
        (["--step", "release"], "a release is signed: give --key"),
        (["--step", "check", "--size", "400x300"], "two multiples of 32"),
        (["--step", "check", "--in-force", "nowhere.tflite"], "there is no file nowhere.tflite"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_done(
    folder: Path, options: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["learn", str(folder), *options]) == 2
    assert reason in capsys.readouterr().err
    assert not (folder / "learn").exists()


def test_without_a_checkout_it_says_where_the_code_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(edge_agent, "__file__", str(tmp_path / "site-packages/edge_agent/__init__.py"))
    assert main(["learn", str(tmp_path)]) == 69
    assert "get a checkout of the repository, pip install -e '.[training]' there" in capsys.readouterr().err


def test_without_pytorch_it_says_how_to_get_it_before_the_first_step(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["learn", str(folder)]) == 69
    assert "PyTorch is missing: pip install -e '.[training]'" in capsys.readouterr().err
    assert not (folder / "learn").exists()
