"""The thread that makes stills, while others use the decoder."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from edge_agent.core.clock import SystemClock
from edge_agent.core.load_limits import WorkloadLimiter
from edge_agent.core.model import Severity
from edge_agent.stills import recorder as stills
from edge_agent.stills.maker import StillMaker
from edge_agent.stills.moments import ObjectMoment, StillRequest
from edge_agent.stills.recorder import StillRecorder
from tests.events.parts import IN_THE_MIDDLE

REQUEST = StillRequest("event", Severity.ALARM, None, (ObjectMoment(1.0, IN_THE_MIDDLE, 1.0),))


class UnusedMaker:
    camera_id = "cam-1"

    def make(self, request: StillRequest) -> None:
        raise AssertionError("the decoder was in use")


def test_the_thread_that_waits_for_a_requested_picture_is_not_taken_for_a_hanging_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stills, "AFTER_REPORT_S", 0.0)
    monkeypatch.setattr(stills, "BEAT_S", 0.2)
    unused: Any = None
    recorder = StillRecorder(unused, unused, lambda *_: None, WorkloadLimiter(), SystemClock())
    recorder.loop.start()
    with recorder._decoding:  # as while a picture is taken for a command
        recorder.request(cast("StillMaker", UnusedMaker()), REQUEST)
        time.sleep(0.9)
        assert recorder.loop.since_beat_s() < 0.6
        recorder.stop()
        assert recorder.loop.join(2.0), "an agent that stops does not wait for the decoder"
    assert recorder.missed == 1
