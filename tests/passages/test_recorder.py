"""The thread that writes passages: once a minute, never in the way, and honest about what it lost."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from edge_agent.config.loader import load
from edge_agent.config.model.settings import Passages, Settings
from edge_agent.core.model import Box
from edge_agent.core.problems import problem_of
from edge_agent.passages import recorder as module
from edge_agent.passages.filters import PassageFilter
from edge_agent.passages.observer import PassageObserver
from edge_agent.passages.passage import FOLDER, Passage, PassageScene, ScenePicture
from edge_agent.passages.reader import PassageReader
from edge_agent.passages.recorder import (
    MAX_SCENE_BYTES_WAITING,
    MAX_WAITING,
    NoPassages,
    PassageRecorder,
)
from edge_agent.passages.scenes.store import read_scene
from tests.outbox.parts import HandClock
from tests.passages.parts import BOOT, passage
from tests.testbed.agent import wait_until, write_config


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    camera = {"id": "cam-1", "url": "rtsp://camera/1"}
    silent = {"id": "cam-2", "url": "rtsp://camera/2", "report": {"passages": False}}
    masked = {"id": "cam-3", "url": "rtsp://camera/3", "report": {"snapshots": "none"}}
    return load(write_config(tmp_path, cameras=[camera, silent, masked], broker_port=1883))


def recorder_of(settings: Settings) -> PassageRecorder:
    return PassageRecorder(settings, HandClock(mono=1020.0), BOOT, lambda: True, lambda: True)


def test_passages_wait_for_the_next_write_and_then_are_on_disk(settings: Settings) -> None:
    recorder = recorder_of(settings)
    recorder.add(passage(1))
    assert not (settings.state_dir / FOLDER).exists()
    recorder.write()
    assert len(list(PassageReader(settings.state_dir).find(PassageFilter()))) == 1
    assert (recorder.written, recorder.missed, recorder.degraded) == (1, 0, None)


def test_the_thread_writes_by_itself_and_at_its_stop(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_S", 0.05)
    monkeypatch.setattr(module, "WRITE_EVERY_S", 0.1)
    recorder = recorder_of(settings)
    recorder.loop.start()
    recorder.add(passage(1))
    wait_until(lambda: recorder.written == 1, what="the first write")
    monkeypatch.setattr(module, "WRITE_EVERY_S", 600.0)
    recorder.add(passage(2))
    recorder.loop.stop()
    assert recorder.loop.join(5.0)
    assert len(list(PassageReader(settings.state_dir).find(PassageFilter()))) == 2


def test_a_failing_disk_keeps_passages_in_memory_and_says_so(settings: Settings) -> None:
    settings.state_dir.mkdir()
    (settings.state_dir / FOLDER).write_text("in the way")
    recorder = recorder_of(settings)
    recorder.add(passage(1))
    recorder.write()
    assert recorder.written == 0
    problem = problem_of(recorder.health())
    assert problem is not None
    assert problem.code == "passages-not-stored"
    (settings.state_dir / FOLDER).unlink()
    recorder.add(passage(2))
    recorder.write()
    assert (recorder.health(), recorder.written, recorder.missed) == (None, 2, 0)


def with_scene(number: int, size: int = 1000) -> Passage:
    picture = ScenePicture(number, 1010.0, bytes(size))
    return passage(number, scene=PassageScene(picture, Box(0.1, 0.1, 0.2, 0.2), 0.01))


def test_whole_pictures_that_wait_are_bounded_in_memory(settings: Settings) -> None:
    recorder = recorder_of(settings)
    each = MAX_SCENE_BYTES_WAITING // 3
    for number in (1, 2, 2, 3, 4):
        recorder.add(with_scene(number, each))
    recorder.write()
    rows = sorted(each.id for each in PassageReader(settings.state_dir).find(PassageFilter()))
    stored = [read_scene(settings.state_dir, each) is not None for each in rows]
    assert stored == [True, True, True, True, False], "the second one is shared"


def test_a_failing_disk_keeps_rows_in_memory_without_their_whole_pictures(settings: Settings) -> None:
    settings.state_dir.mkdir()
    (settings.state_dir / FOLDER).write_text("in the way")
    recorder = recorder_of(settings)
    recorder.add(with_scene(1))
    recorder.write()
    (settings.state_dir / FOLDER).unlink()
    recorder.write()
    (row,) = PassageReader(settings.state_dir).find(PassageFilter())
    assert read_scene(settings.state_dir, row.id) is None


def test_what_does_not_fit_into_memory_is_counted(settings: Settings) -> None:
    settings.state_dir.mkdir()
    (settings.state_dir / FOLDER).write_text("in the way")
    recorder = recorder_of(settings)
    for number in range(MAX_WAITING + 7):
        recorder.add(passage(number))
    recorder.write()
    assert recorder.missed == 7
    (settings.state_dir / FOLDER).unlink()
    recorder.write()
    assert recorder.written == MAX_WAITING


def test_the_configuration_switches_passages_and_pictures_off(settings: Settings) -> None:
    recorder = recorder_of(settings)
    first, silent, masked = settings.cameras
    assert isinstance(recorder.observer(first), PassageObserver)
    assert isinstance(recorder.observer(silent), NoPassages)
    assert isinstance(recorder.observer(masked), PassageObserver)
    off = dataclasses.replace(settings, passages=Passages(enabled=False))
    assert isinstance(recorder_of(off).observer(first), NoPassages)


def test_what_is_too_old_goes_also_when_passages_are_switched_off(settings: Settings) -> None:
    before = recorder_of(settings)
    before.add(passage(1))
    before.write()
    off = dataclasses.replace(settings, passages=dataclasses.replace(settings.passages, enabled=False))
    clock = HandClock(mono=1020.0)
    clock.advance(31 * 86_400)
    PassageRecorder(off, clock, BOOT, lambda: True, lambda: True).write()
    assert list(PassageReader(settings.state_dir).find(PassageFilter())) == []
    assert PassageReader(settings.state_dir).crop(1) is None


def test_a_removed_folder_comes_back(settings: Settings) -> None:
    recorder = recorder_of(settings)
    recorder.add(passage(1))
    recorder.write()
    shutil.rmtree(settings.state_dir / FOLDER)
    recorder.add(passage(2))
    recorder.write()
    assert [each.track for each in PassageReader(settings.state_dir).find(PassageFilter())] == ["cam-1-k3-2"]
