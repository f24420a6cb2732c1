"""Reloading a configuration, without an agent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent import config
from edge_agent.cameras.running import RestartScope, restart_scope
from edge_agent.config.model.settings import Camera, ClipPolicy, Ground, Settings, SnapshotPolicy
from edge_agent.core.clock import SystemClock
from edge_agent.runtime.reload import Configuration
from tests.testbed.agent import write_config


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    cameras = [{"id": "cam-1", "url": "rtsp://host/1"}]
    return config.load(write_config(tmp_path, cameras=cameras, broker_port=1))


NO_SNAPSHOTS = SnapshotPolicy.NONE
SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: replace(c, report=replace(c.report, objects=not c.report.objects)), RestartScope.RULES),
        (lambda c: replace(c, masks=(SQUARE,)), RestartScope.PIPELINE),
        (lambda c: replace(c, ground=Ground(points=SQUARE, metres=SQUARE)), RestartScope.PIPELINE),
        (lambda c: replace(c, url="rtsp://host/2"), RestartScope.STREAM),
        # A clip has no privacy masks, so the stream must restart when clips are switched.
        (lambda c: replace(c, privacy_masks=(SQUARE,)), RestartScope.STREAM),
        (lambda c: replace(c, report=replace(c.report, clips=ClipPolicy.UNMASKED)), RestartScope.STREAM),
        # Without snapshots there are no stills, and so maybe no main stream.
        (lambda c: replace(c, report=replace(c.report, snapshots=NO_SNAPSHOTS)), RestartScope.STREAM),
    ],
)
def test_as_much_begins_anew_as_the_change_needs(settings: Settings, change, expected: RestartScope) -> None:  # type: ignore[no-untyped-def]
    camera: Camera = settings.cameras[0]
    changed = change(camera)
    assert changed != camera
    assert restart_scope(camera, changed) is expected


def test_a_fault_in_the_loader_is_a_refusal(settings: Settings) -> None:
    def load() -> Settings:
        raise RuntimeError("a mistake of ours")

    configuration = Configuration(settings, load, SystemClock())
    answer = configuration.reload(lambda *_: pytest.fail("nothing is taken over"))
    assert answer.code == 78
    assert configuration.settings is settings
    (line,) = configuration.lines()
    assert "a mistake of ours" in line
    assert "stays in force" in line
