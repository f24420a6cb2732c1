"""Objects whose end a killed agent did not report, on a disk that is missing at the start."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from edge_agent.core.clock import SystemClock
from edge_agent.core.facts import ObjectObservation, Phase
from edge_agent.events import EventSink, NoClips, NoSnapshots
from edge_agent.outbox.failover import RETRY_DISK_S
from tests.agent.inside import AgentInside
from tests.agent.test_lost_clip import ENTERED, evidence_room, filmed
from tests.events.parts import frame, maker, track, valid
from tests.outbox.parts import HandClock, outbox_in
from tests.testbed.agent import write_config
from tests.testbed.mosquitto import free_port


class HastyClock(SystemClock):
    """The system's clock, which the test moves forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead_s)


def test_they_are_closed_when_the_disk_comes_back(tmp_path: Path) -> None:
    state, away = tmp_path / "state", tmp_path / "away"
    with outbox_in(state) as outbox:
        sink = EventSink("cam-1", maker(), outbox, NoSnapshots(), NoClips())
        sink.accept(ObjectObservation(Phase.START, track(), 998.0), frame())
        sink.flush()
    state.rename(away)
    state.touch()  # not even root can use a file as a folder
    path = write_config(tmp_path, cameras=[], broker_port=free_port(), detector="none")
    clock = HastyClock()
    with AgentInside(path, clock=clock) as agent:
        agent.wait_for(lambda beat: beat["outbox"]["degraded"], "the outbox in memory")
        state.unlink()
        away.rename(state)
        clock.ahead_s = RETRY_DISK_S
        agent.wait_for(lambda beat: beat["outbox"]["depth"] == 2, "the end of the object")
    with outbox_in(state) as outbox:
        assert outbox.left_open() == []
        end, head = (json.loads(event.payload) for event in outbox.pending(9)[-2:])
        assert end["data"]["end_reason"] == "restart"
        assert head["data"]["sequence"] == end["sequence"], "the stop signs what is not signed yet"


def test_one_that_a_kill_cut_off_ended_when_the_agent_last_lived_not_when_it_began(tmp_path: Path) -> None:
    clock = HandClock(mono=1000.0)
    with evidence_room(tmp_path, clock) as room:
        filmed(room, tmp_path).accept(ENTERED, frame())
        clock.advance(40.0)
        room.tick()
    with evidence_room(tmp_path, HandClock(mono=9000.0)) as room:
        (end,) = [
            valid(event.payload)["data"]
            for event in room.outbox.pending(9)
            if event.kind == ENTERED.rule.kind
        ][1:]
    assert (end["started_at"], end["ended_at"]) == ("2026-11-24T13:42:14.123Z", "2026-11-24T13:42:55.123Z")
