"""Observations for the tests, and a check of events against their schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from edge_agent import wire
from edge_agent.capture.decode.picture import ArrayPicture
from edge_agent.config.model.settings import Gateway
from edge_agent.core.delivery import Draft, Stamp
from edge_agent.core.facts import Facts, Phase, RuleObservation, RuleRef
from edge_agent.core.model import Box, Frame, Track, TrackState
from edge_agent.events import EventFactory
from tests.outbox.parts import HandClock
from tests.testbed.schemas import check_message

GATEWAY = Gateway("dt-001", "de-tham", "Lý Thường Kiệt – Lê Quý Đôn", ZoneInfo("Asia/Ho_Chi_Minh"))
STAMP = Stamp(123, "3f2a0b1c")
IN_THE_MIDDLE = Box(0.4, 0.4, 0.5, 0.6)
MODEL = wire.ModelRef(name="ssd", sha256="ab" * 32)


class PlainPicture(ArrayPicture):
    """A picture of one colour."""

    def __init__(self, width: int = 640, height: int = 360, level: int = 200) -> None:
        self.pixels = np.full((height, width, 3), level, np.uint8)
        super().__init__(self.pixels)


PLAIN = PlainPicture()
PLAIN.pixels.flags.writeable = False  # of most frames


def frame(mono: float = 1000.0, picture: PlainPicture | None = None, number: int = 1) -> Frame:
    at = datetime(2026, 11, 24, 13, 42, 15, 123000, tzinfo=UTC)
    return Frame("cam-1", number, mono, at, picture or PLAIN)


def track(
    name: str = "cam-1-k3-7",
    *,
    label: str | None = "motorcycle",
    group: str | None = "two-wheeler",
    state: TrackState = TrackState.MOVING,
    confirmed: bool = True,
    box: Box = IN_THE_MIDDLE,
    score: float = 0.83,
    first: float = 998.0,
    last: float = 1000.0,
    seen_now: bool = True,
) -> Track:
    return Track(
        id=name, box=box, state=state, confirmed=confirmed, label=label, group=group, score=score,
        best_score=score, first_seen_mono=first, last_seen_mono=last, inferences=3, detection_priority=0.0,
        seen_now=seen_now,
    )  # fmt: skip


def rule_hit(
    rule: RuleRef,
    facts: Facts,
    why: str,
    phase: Phase = Phase.MOMENT,
    *,
    by: Track | None = None,
    lasted_s: float = 0.0,
    mono: float = 1000.0,
) -> RuleObservation:
    """What a rule reports of the object ``by``."""
    by, event_id = by or track(), f"{rule.id}-t1-1"
    return RuleObservation(phase, event_id, rule, facts, why, mono - lasted_s, mono, by, by.box)


def maker(clock: HandClock | None = None, synced: bool = True) -> EventFactory:
    """Return a factory whose clock is at the time of ``frame()``."""
    clock = clock or HandClock(wall=frame().captured_at)
    return EventFactory(GATEWAY, clock=clock, boot_id="boot-1", clock_synced=lambda: synced, model=MODEL)


def encoded(draft: Draft, stamp: Stamp = STAMP) -> dict[str, Any]:
    """Return the event as a subscriber reads it; fail if it does not match its schema."""
    return valid(draft.encode(stamp))


def valid(payload: bytes) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(payload)
    kind = event["type"].removeprefix(wire.TYPE_PREFIX).removesuffix(".v1")
    for name, document in ((f"event-{kind}", event), (kind, event["data"])):
        check_message(document, name)
    return event
