"""What the view stage reports, with phases, severities and reasons; see test_tampers.py for all classes."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.config.model.settings import Polygon
from edge_agent.core.facts import Phase, ViewObservation, ViewState
from edge_agent.core.model import Box, Detection, Inferences, Severity
from edge_agent.tamper import CameraView
from edge_agent.tamper.stage import ViewEpisodes
from tests.tamper.painted import (
    LEARN_S,
    NO_MOTION,
    Change,
    PaintedCamera,
    blur,
    dim,
    fog,
    hand,
    learned,
    mono,
    phases,
    started,
    watch,
    white,
)

LEFT: Polygon = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


@pytest.mark.parametrize(
    ("change", "state", "severity"),
    [
        (hand, ViewState.COVERED, Severity.WARNING),
        (blur, ViewState.DEFOCUSED, Severity.WARNING),
        (fog, ViewState.VISIBILITY_DEGRADED, Severity.INFO),
        (white, ViewState.OVEREXPOSED, Severity.INFO),
    ],
)
def test_a_state_starts_within_15_seconds_and_ends_when_it_is_over(
    change: Change, state: ViewState, severity: Severity
) -> None:
    view, camera = learned()
    reported = [each for each in watch(view, camera, 15.0, change) if each.phase is not Phase.MOMENT]
    assert phases(reported) == started(state)
    assert reported[0].severity is severity
    assert view.states == (state.value,)
    after = [each for each in watch(view, camera, 25.0) if each.phase is not Phase.MOMENT]
    assert phases(after) == [(Phase.END, state, "over")]
    assert after[0].event_id == reported[0].event_id
    assert not view.states


def test_a_turned_camera_says_how_far() -> None:
    view, camera = learned()
    reported = watch(view, camera, 15.0, pan=64)
    assert phases(reported) == started(ViewState.MOVED)
    assert "turned by -10 % across" in reported[0].why
    assert reported[0].features["shift_x"] == pytest.approx(-0.1, abs=0.01)


@pytest.mark.parametrize("every_s", [6.0, 12.0, 20.0])
@pytest.mark.parametrize(
    ("state", "change", "pan"),
    [
        (ViewState.COVERED, hand, 0),
        (ViewState.DEFOCUSED, blur, 0),
        (ViewState.OVEREXPOSED, white, 0),
        (ViewState.MOVED, None, 64),
        (ViewState.FROZEN, None, 0),
    ],
)
def test_with_keyframes_far_apart_a_state_is_reported_at_the_fourth(
    state: ViewState, change: Change | None, pan: int, every_s: float
) -> None:
    view, camera = learned()
    pictures = [np.asarray(camera.shoot(change, pan).picture.bgr()) for _ in range(4)]
    camera.now -= 4.0
    reported: list[ViewObservation] = []
    for picture in pictures[:1] * 4 if state is ViewState.FROZEN else pictures:
        camera.now += every_s - 1.0
        reported += view.update(camera.show(picture), NO_MOTION)
    assert phases(reported) == started(state)


def test_with_keyframes_far_apart_the_view_is_learned() -> None:
    view, camera = CameraView("gate"), PaintedCamera()
    reported: list[ViewObservation] = []
    for number in range(24):
        camera.now += 19.0
        reported += view.update(camera.shoot(hand if number >= 20 else None), NO_MOTION)
    assert phases(reported) == started(ViewState.COVERED)


def test_a_state_that_was_absent_in_an_analysis_starts_again_after_the_hold() -> None:
    episodes = ViewEpisodes()
    for now in (0.0, 10.0, 20.0):
        (episode,) = episodes.observe({ViewState.MOVED: "turned"}, (), now)
    assert (episode.analyses, episode.since_mono) == (3, 0.0)
    episodes.observe({}, (), 25.0)
    (again,) = episodes.observe({ViewState.MOVED: "turned"}, (), 30.0)
    assert (again.analyses, again.since_mono) == (1, 30.0)


def test_a_picture_that_repeats_is_frozen_though_a_clock_ticks_in_it() -> None:
    view, camera = learned()
    still = np.asarray(camera.shoot().picture.bgr())
    reported: list[ViewObservation] = []
    for second in range(15):
        still = still.copy()
        still[4:20, 4:60] = 17 * second
        reported += view.update(camera.show(still), NO_MOTION)
    assert phases(reported) == started(ViewState.FROZEN)


def test_a_camera_without_noise_is_not_frozen_when_nothing_happens() -> None:
    view, camera = CameraView("gate"), PaintedCamera(noise=0.0)
    assert watch(view, camera, 600.0) == []


def test_the_infrared_filter_is_a_moment_and_no_tamper() -> None:
    view, camera = learned()
    reported = watch(view, camera, 30.0, mono)
    assert phases(reported) == [(Phase.MOMENT, ViewState.COLOUR_MONO_SWITCH, None)]


def test_lamps_that_go_off_are_a_moment_and_lightning_is_nothing() -> None:
    view, camera = learned()
    assert watch(view, camera, 1.0, lambda picture: picture * 1.6) == []
    assert watch(view, camera, 10.0) == []
    reported = watch(view, camera, 20.0, dim)
    assert phases(reported) == [(Phase.MOMENT, ViewState.ILLUMINATION_CHANGE, None)]


def test_the_reason_has_the_figures() -> None:
    view, camera = learned()
    reported = watch(view, camera, 10.0, hand)
    assert "structure in 0 % of 60 tiles, 100 % usual" in reported[0].why


def test_a_passing_hand_is_nothing() -> None:
    view, camera = learned()
    assert watch(view, camera, 3.0, hand) + watch(view, camera, 20.0) == []


def test_a_camera_covered_while_the_box_was_off_is_found(tmp_path: Path) -> None:
    view, camera = learned(tmp_path)
    assert list(view.finish("restart")) == []
    again = CameraView("gate", folder=tmp_path)
    assert phases(watch(again, camera, 15.0, hand)) == started(ViewState.COVERED)


def test_a_cover_is_reported_by_day_beside_a_night_baseline_without_structure(tmp_path: Path) -> None:
    view, camera = learned(tmp_path)
    list(view.finish("restart"))
    (file,) = tmp_path.iterdir()
    stored = json.loads(file.read_bytes())
    day = stored["baselines"]["day"]
    png = np.frombuffer(base64.b64decode(day["png"]), np.uint8)
    picture = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    unlit = np.rint(16 + (picture.astype(np.float32) - 16) * 0.03).astype(np.uint8)
    night = base64.b64encode(cv2.imencode(".png", unlit)[1].tobytes()).decode()
    stored["baselines"]["night"] = {**day, "png": night}
    file.write_text(json.dumps(stored))
    again = CameraView("gate", folder=tmp_path)
    assert watch(again, camera, LEARN_S) == []
    assert phases(watch(again, camera, 15.0, hand)) == started(ViewState.COVERED)


def test_a_damaged_file_is_learned_again(tmp_path: Path) -> None:
    view, camera = learned(tmp_path)
    list(view.finish("restart"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:200])
    again = CameraView("gate", folder=tmp_path)
    assert watch(again, camera, LEARN_S) == []
    assert phases(watch(again, camera, 15.0, hand)) == started(ViewState.COVERED)


def test_after_a_loss_of_the_camera_the_state_is_found_again() -> None:
    view, camera = learned()
    watch(view, camera, 15.0, hand)
    assert phases(view.finish("camera")) == [(Phase.END, ViewState.COVERED, "camera")]
    camera.now += 120.0
    assert phases(watch(view, camera, 8.0, hand)) == started(ViewState.COVERED)


def test_relearn_ends_what_is_open_and_takes_the_present_view() -> None:
    view, camera = learned()
    assert phases(watch(view, camera, 15.0, pan=64)) == started(ViewState.MOVED)
    view.relearn()
    reported = watch(view, camera, LEARN_S, pan=64)
    assert phases(reported) == [(Phase.END, ViewState.MOVED, "relearned")]
    assert phases(watch(view, camera, 15.0)) == started(ViewState.MOVED)


def test_what_the_sink_did_not_store_is_reported_again() -> None:
    view, camera = learned()
    refused: list[ViewObservation] = []
    for _ in range(12):
        for observation in view.update(camera.shoot(hand), NO_MOTION):
            refused.append(observation)
            break  # as when the outbox raises
    assert len(refused) > 1
    assert {each.event_id for each in refused} == {refused[0].event_id}
    assert {each.phase for each in refused} == {Phase.START}
    assert view.states == ()


def test_scores_are_lowered_while_sight_is_bad_and_never_raised() -> None:
    view, camera = learned()
    inferences = Inferences((), (Detection("person", 0.8, Box(0, 0, 1, 1)),))
    assert view.downweight(inferences) is inferences
    watch(view, camera, 15.0, fog)
    assert view.downweight(inferences).detections[0].score == pytest.approx(0.6)


def test_what_a_mask_hides_does_not_matter() -> None:
    view, camera = CameraView("gate", (LEFT,)), PaintedCamera()
    watch(view, camera, LEARN_S)

    def half(picture: object) -> object:
        shown = np.array(picture)
        shown[:, :320] = 60
        return shown

    assert watch(view, camera, 20.0, half) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("before", [(), (LEFT,)], ids=["a new mask", "an old one"])
def test_what_a_mask_hides_is_not_in_the_stored_baseline(tmp_path: Path, before: tuple[Polygon, ...]) -> None:
    """A private area is a mask for this stage too (``cameras/build.py``)."""
    for masks in (before, (LEFT,)):
        view, camera = CameraView("gate", masks, tmp_path), PaintedCamera()
        watch(view, camera, LEARN_S)
        list(view.finish("restart"))
    (file,) = tmp_path.iterdir()
    for saved in json.loads(file.read_bytes())["baselines"].values():
        png = np.frombuffer(base64.b64decode(saved["png"]), np.uint8)
        picture = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        assert not picture[:, :159].any()
        assert picture[:, 165:].any()
