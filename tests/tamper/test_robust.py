"""Robustness of the view stage: other sizes, masks, pauses, and a view that is changed permanently."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.capture.decode.picture import ArrayPicture
from edge_agent.core.facts import Phase, ViewObservation, ViewState
from edge_agent.core.model import Frame
from edge_agent.events import EventFactory
from edge_agent.tamper import CameraView, stage
from tests.events.parts import encoded, maker
from tests.tamper.painted import (
    HEIGHT,
    LEARN_S,
    NO_MOTION,
    WIDTH,
    Change,
    PaintedCamera,
    blur,
    hand,
    learned,
    phases,
    started,
    watch,
)

ADOPT_S = 4 * 3600.0
"""Instead of a day."""
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
EVERYTHING = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def resized(frame: Frame, width: int, height: int) -> Frame:
    picture = np.asarray(cv2.resize(frame.picture.bgr(), (width, height)), np.uint8)
    return Frame(frame.camera_id, frame.number, frame.captured_mono, frame.captured_at, ArrayPicture(picture))


def watch_at(
    view: CameraView, camera: PaintedCamera, seconds: int, size: tuple[int, int], covered: bool = False
) -> list[ViewObservation]:
    reported: list[ViewObservation] = []
    for _ in range(seconds):
        frame = camera.shoot(hand if covered else None)
        reported += view.update(resized(frame, *size), NO_MOTION)
    return reported


def seldom(
    camera: PaintedCamera, seconds: float, change: Change | None = None, pan: int = 0
) -> Iterator[Frame]:
    """A picture every 14 s, so that a test of hours is short; five pictures, because a repeated one is
    frozen."""
    pictures = [np.asarray(camera.shoot(change, pan).picture.bgr()) for _ in range(5)]
    until = camera.now + seconds
    for picture in cycle(pictures):
        if camera.now >= until:
            return
        camera.now += 13.0
        yield camera.show(picture)


@pytest.mark.parametrize("size", [(1920, 1080), (640, 480), (320, 180)])
def test_a_stream_of_another_size_ends_what_is_open_and_is_learned_again(size: tuple[int, int]) -> None:
    view, camera = learned()
    assert phases(watch(view, camera, 15.0, hand)) == started(ViewState.COVERED)
    assert phases(watch_at(view, camera, 60, size)) == [(Phase.END, ViewState.COVERED, "relearned")]
    assert view.states == ()
    assert phases(watch_at(view, camera, 15, size, covered=True)) == started(ViewState.COVERED)


def test_a_picture_of_64_by_48_is_not_judged_and_does_no_harm() -> None:
    view, camera = learned()
    assert watch_at(view, camera, 30, (64, 48), covered=True) == []
    assert watch_at(view, camera, 60, (WIDTH, HEIGHT)) == []
    assert phases(watch(view, camera, 15.0, hand)) == started(ViewState.COVERED)


def test_beside_a_mask_over_half_of_the_picture_a_hand_and_a_blur_are_reported() -> None:
    for change, state in ((hand, ViewState.COVERED), (blur, ViewState.DEFOCUSED)):
        view, camera = CameraView("gate", (LEFT,)), PaintedCamera()
        assert watch(view, camera, LEARN_S) == []
        assert phases(watch(view, camera, 15.0, change)) == started(state)


def test_a_camera_that_is_masked_altogether_reports_nothing() -> None:
    view, camera = CameraView("gate", (EVERYTHING,)), PaintedCamera()
    assert watch(view, camera, LEARN_S) + watch(view, camera, 30.0, hand) == []


def test_a_stream_that_comes_back_after_a_minute_is_judged_by_what_was_usual() -> None:
    view, camera = learned()
    assert list(view.finish("camera")) == []
    camera.now += 60.0
    assert phases(watch(view, camera, 15.0, hand)) == started(ViewState.COVERED)


def test_a_clock_that_went_back_stops_nothing() -> None:
    view, camera = learned()
    camera.now -= 500.0
    assert watch(view, camera, 30.0) == []
    assert phases(watch(view, camera, 15.0, hand)) == started(ViewState.COVERED)


def test_a_turn_that_lasts_is_the_usual_view_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stage.ADOPT_S == 24 * 3600.0
    monkeypatch.setattr(stage, "ADOPT_S", ADOPT_S)
    view, camera = learned()
    assert phases(watch(view, camera, 15.0, pan=64)) == started(ViewState.MOVED)
    reported: list[ViewObservation] = []
    for frame in seldom(camera, ADOPT_S + 300.0, pan=64):
        reported += view.update(frame, NO_MOTION)
    others = [one for one in phases(reported) if one[0] is not Phase.UPDATE]
    assert others == [(Phase.END, ViewState.MOVED, "relearned")]
    assert watch(view, camera, LEARN_S, pan=64) == []
    assert phases(watch(view, camera, 15.0)) == started(ViewState.MOVED)


def test_a_black_cover_without_noise_is_covered_and_not_frozen_as_well() -> None:
    view, camera = learned()
    black = np.full((HEIGHT, WIDTH, 3), 16, np.uint8)
    reported: list[ViewObservation] = []
    for _ in range(60):
        reported += view.update(camera.show(black), NO_MOTION)
    assert phases(reported) == started(ViewState.COVERED)


def test_a_camera_left_covered_is_reported_hourly_and_never_adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "ADOPT_S", ADOPT_S)
    view, camera = learned()
    watch(view, camera, 15.0, hand)
    reported: list[ViewObservation] = []
    for frame in seldom(camera, ADOPT_S + 1800.0, hand):
        reported += view.update(frame, NO_MOTION)
    assert phases(reported) == [(Phase.UPDATE, ViewState.COVERED, None)] * 4
    assert view.states == ("covered",)


def test_baselines_are_written_when_new_and_then_every_six_hours(tmp_path: Path) -> None:
    view, camera = learned(tmp_path)
    written: list[float] = []
    last = b""
    for frame in seldom(camera, 7 * 3600.0):
        assert list(view.update(frame, NO_MOTION)) == []
        for file in tmp_path.iterdir():
            if (content := file.read_bytes()) != last:
                written.append(frame.captured_mono)
                last = content
    assert written[0] == pytest.approx(1000.0 + 600.0, abs=30.0)
    assert [round((after - before) / 3600) for before, after in pairwise(written)] == [6]


def test_a_baseline_that_could_not_be_written_is_written_ten_minutes_later(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.touch()  # not even root can write below a file
    view, camera = learned(folder)
    for frame in seldom(camera, 900.0):
        list(view.update(frame, NO_MOTION))
    folder.unlink()
    folder.mkdir()
    for frame in seldom(camera, 600.0):
        list(view.update(frame, NO_MOTION))
    assert len(list(folder.iterdir())) == 1


def test_a_camera_that_is_lost_again_and_again_writes_nothing_for_it(tmp_path: Path) -> None:
    view, camera = learned(tmp_path)
    for _ in range(5):
        list(view.finish("camera"))
        camera.now += 30.0
        assert watch(view, camera, 10.0) == []
    list(view.finish("camera"))
    assert list(tmp_path.iterdir()) == []
    list(view.finish("restart"))
    assert [file.name for file in tmp_path.iterdir()] == ["view-gate.json"]


def test_every_event_passes_the_encoder_and_its_schema() -> None:
    events: EventFactory = maker()
    view, camera = learned()
    reported: list[ViewObservation] = []
    for change, pan in ((hand, 0), (None, 0), (blur, 0), (None, 0), (None, 64), (None, 0)):
        reported += watch(view, camera, 20.0, change, pan)
    assert len(reported) >= 6
    for observation in reported:
        assert {type(value) for value in observation.features.values()} == {float}
        event = encoded(events.view_event("gate", observation, camera.shoot(), None))
        assert event["data"]["state"] == observation.state.value
