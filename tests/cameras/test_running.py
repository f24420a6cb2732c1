"""The cameras of a gateway, over a change of their settings."""

from __future__ import annotations

import io
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.cameras import running
from edge_agent.cameras.pipeline_thread import CameraPipelineThread
from edge_agent.cameras.running import Cameras, RestartScope
from edge_agent.config.loader import load
from edge_agent.config.model.settings import Storage
from edge_agent.core.clock import SystemClock
from edge_agent.core.facts import OverrideChange, Phase, RequestOrigin
from edge_agent.core.worker import Supervisor
from edge_agent.evidence.clips.recorder import ClipRecorder
from edge_agent.evidence.clips.unreported import UnreportedClipFile
from edge_agent.evidence.store import MediaStore
from edge_agent.runtime.local_control import Relearning
from tests.events.parts import maker
from tests.testbed.agent import write_config
from tests.testbed.gears import EventCollector
from tests.testbed.traffic import Street
from tests.tools.replay.test_traffic import context


def test_a_request_to_relearn_goes_to_the_new_pipeline_of_a_restarted_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, may_end = str(tmp_path / "gone.mp4"), threading.Event()
    settings = load(write_config(tmp_path, cameras=[{"id": "cam-1", "url": clip}], broker_port=1))
    clock, reported = SystemClock(), list[OverrideChange]()
    store = MediaStore(tmp_path / "evidence", Storage(keep_free=0), clock)
    unreported = UnreportedClipFile(tmp_path / "unreported-clip.json")
    recorder = ClipRecorder(store, maker(), EventCollector(), clock, unreported)
    parts = context(settings, Street(), io.StringIO()), clock, Supervisor(), recorder, tmp_path
    cameras = Cameras(settings.cameras, *parts, repeat_files=False)
    relearning = Relearning(cameras, clock, reported.append)
    monkeypatch.setattr(running, "END_WITHIN_S", 0)
    monkeypatch.setattr(CameraPipelineThread, "_end", lambda *_: may_end.wait(5))
    try:
        cameras.start()
        assert relearning.begin("cam-1", RequestOrigin())
        before = cameras.find("cam-1")
        assert before is not None
        changed = replace(settings.cameras[0], url=f"{clip}.new")
        cameras.change([changed], {"cam-1": RestartScope.STREAM})
        assert cameras.find("cam-1") is None, "the old pipeline has not ended"
        relearning.tick()
        may_end.set()
        assert before.pipeline_thread.loop.join(5)
        cameras.tick()
        relearning.tick()
        after = cameras.find("cam-1")
    finally:
        may_end.set()
        cameras.stop()
        cameras.join_pipelines(time.monotonic() + 5)
        cameras.join_readers(time.monotonic() + 5)
    assert after is not None
    assert after.pipeline_thread.relearning
    assert [change.phase for change in reported] == [Phase.START]
