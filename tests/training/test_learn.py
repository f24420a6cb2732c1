"""A model of one drawn city learns another one: `edge-agent learn` from frames to a signed release."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from edge_agent.cli.arguments import parser
from edge_agent.cli.main import main as edge_agent
from edge_agent.commands.signature import make_key
from tests.learn.cities import STEEP, collect, teacher, traffic
from tests.model_release.gateway import gateway_at, roll_out
from tests.testbed.mosquitto import Authority
from tests.update.wheel_server import WheelServer
from training.agreement import Voice
from training.learn import Evaluation, run
from training.predict import described
from training.smoke import draw

CAMERAS = ["dt-001-cam-1", "dt-002-cam-1", "dt-003-cam-1"]
HELD_OUT = "dt-002-cam-1"
FEW_STEPS = ["--margin", "0.4"]
"""In a minute a network forgets some of the first city, where it had not learnt much."""


@dataclass(frozen=True)
class First:
    """The first city: open data, and the model in force, which was trained on them."""

    data: Path
    model: Path


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("second")
    collect(folder / "frames", STEEP, CAMERAS, 14)
    make_key(folder / "operator.pem")
    for name in ("good", "also-good"):
        (folder / f"{name}.tflite").write_bytes(name.encode())
    return folder


def load(path: Path) -> Voice:
    """Teachers of drawn streets: models of COCO see nothing there."""
    return teacher(STEEP)


@pytest.fixture(scope="module")
def first(data: Path, model: Path) -> First:
    return First(data, model)


def learn(first: First, second: Path, *options: str) -> int:
    frames = ["learn", str(second / "frames"), "--hold-out", HELD_OUT, "--size", "320x256", "--no-review"]
    teachers = ["--teacher", str(second / "good.tflite"), "--teacher", str(second / "also-good.tflite")]
    made_of = ["--data", str(first.data), "--checkpoint", str(first.model.with_name("weights.pt"))]
    beside = ["--in-force", str(first.model), "--key", str(second / "operator.pem")]
    every = [*frames, *teachers, *made_of, *beside, "--name", "steep", "--steps", "400", *FEW_STEPS]
    return run(parser().parse_args([*every, *options]), load)


@pytest.fixture(scope="module")
def learnt(first: First, second: Path) -> Path:
    """The second city's work folder with its release."""
    assert learn(first, second) == 0
    return second / "frames/learn"


def test_the_model_finds_more_at_a_camera_that_it_never_saw_and_is_released_signed(
    learnt: Path, second: Path
) -> None:
    done = msgspec.json.decode((learnt / "evaluation.json").read_bytes(), type=Evaluation)
    figures = {(one.place, one.kind): one for one in done.figures}
    held = figures[HELD_OUT, "all classes"]
    assert held.objects == 14 * 6
    assert held.candidate.f1 > held.in_force.f1 + 0.15
    assert not any(place in CAMERAS and place != HELD_OUT for place, _ in figures)
    assert ("open data: overpass_traffic", "vehicle") in figures
    release = learnt / "releases/steep"
    key = str(second / "operator.pub.pem")
    assert edge_agent(["models", "verify", str(release), "--operator-key", key]) == 0
    assert "gatech-o2uy7" in (release / "model-card.md").read_text()


def test_the_release_is_tried_and_used_by_a_gateway_of_the_city(
    first: First, second: Path, learnt: Path, tmp_path: Path
) -> None:
    """The model in force sees hardly anything there: nothing that the new one could agree with."""
    authority, operators = Authority(tmp_path / "ca"), tmp_path / "operators"
    operators.mkdir()
    shutil.copy(second / "operator.pub.pem", operators)
    release, report = learnt / "releases/steep", tmp_path / "rollout.txt"
    clip = traffic(tmp_path / "street.mp4", STEEP)
    with (
        WheelServer(tmp_path / "server", authority) as server,
        gateway_at(tmp_path, clip, authority, operators, first.model) as gateway,
    ):
        shutil.copy(release / "steep.tflite", server.served)
        made = release, f"{server.url}/steep.tflite", second / "operator.pem"
        assert roll_out(*made, gateway, report) == 3
        assert "a switch would be refused: the model in force saw only" in report.read_text()
        assert roll_out(*made, gateway, report, "--ignore-results") == 3, "dt-002 is offline"
        assert "de-tham/dt-001: in force" in report.read_text()
        beat = gateway.agent.wait_for_status(lambda b: b["model"].get("phase") == "probation", "the switch")
        assert beat["detector"]["name"] == "steep"
        assert beat["model"]["sha256"] == hashlib.sha256((release / "steep.tflite").read_bytes()).hexdigest()


def test_what_is_done_is_not_done_again(first: First, second: Path, learnt: Path) -> None:
    before = {name: (learnt / name).stat().st_mtime_ns for name in ("weights.pt", "model.tflite")}
    places = (learnt / "trained.json").read_bytes()
    (learnt / "trained.json").write_bytes(b'{"places": [')
    assert learn(first, second, "--step", "train") == 0
    assert before == {name: (learnt / name).stat().st_mtime_ns for name in before}
    assert (learnt / "trained.json").read_bytes() == places


def test_another_size_is_another_file_of_the_same_weights(
    first: First, second: Path, learnt: Path, tmp_path: Path
) -> None:
    work = tmp_path / "learn"
    shutil.copytree(learnt, work, ignore=shutil.ignore_patterns("releases"))
    before = (work / "weights.pt").stat().st_mtime_ns
    assert learn(first, second, "--step", "train", "--work", str(work), "--size", "256x192") == 0
    assert described(work / "model.tflite")[:2] == (256, 192)
    assert (work / "weights.pt").stat().st_mtime_ns == before


def test_another_checkpoint_of_the_same_name_begins_the_training_again(
    first: First, second: Path, learnt: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    work, start = tmp_path / "learn", tmp_path / "start.pt"
    shutil.copytree(learnt, work, ignore=shutil.ignore_patterns("releases"))
    options = ["--step", "train", "--work", str(work), "--checkpoint", str(start), "--steps", "2"]
    shutil.copyfile(first.model.with_name("weights.pt"), start)
    assert learn(first, second, *options) == 0
    caplog.clear()
    shutil.copyfile(learnt / "weights.pt", start)
    assert learn(first, second, *options) == 0
    assert "training begins again" in caplog.text
    assert (work / "weights.before.pt").exists()


def test_the_next_round_measures_on_a_camera_that_the_release_was_not_trained_on(
    first: First, second: Path, learnt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = ["--step", "check", "--checkpoint", str(learnt / "releases/steep/steep.pt")]
    (trained,) = {*CAMERAS[:2]} - {HELD_OUT}
    assert learn(first, second, *work, "--hold-out", trained) == 1
    assert f"{trained}: --checkpoint was trained on it" in capsys.readouterr().err


def test_a_release_names_only_what_it_was_made_of(
    first: First, second: Path, learnt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "learn"
    shutil.copytree(learnt, work, ignore=shutil.ignore_patterns("releases"))
    others = tmp_path / "others"
    draw(others, 4, seed=1)
    assert learn(first, second, "--step", "release", "--work", str(work), "--data", str(others)) == 1
    assert "the figures are of other pictures" in capsys.readouterr().err
    assert learn(first, second, "--step", "evaluate", "--work", str(work), "--data", str(others)) == 1
    assert "trained on other pictures" in capsys.readouterr().err


def test_a_model_that_forgot_what_it_knew_is_refused(
    first: First, second: Path, learnt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same figures turned round: what was learnt is in force, and what was before is the candidate."""
    work = tmp_path / "learn"
    shutil.copytree(learnt, work, ignore=shutil.ignore_patterns("releases"))
    shutil.copyfile(first.model, work / "model.tflite")
    options = ["--work", str(work), "--in-force", str(learnt / "model.tflite")]
    assert learn(first, second, "--step", "evaluate", *options) == 0
    assert learn(first, second, "--step", "release", "--margin", "0.03", *options) == 4
    assert f"  {HELD_OUT}, all classes: F1" in capsys.readouterr().out
    assert not (work / "releases").exists()
