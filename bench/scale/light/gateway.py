"""A light gateway: which events happen to it, and when. Its messages are made as those of ``simulate``."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bench.scale.light.line import context_of
from bench.scale.light.outbox import LightOutbox
from bench.scale.light.session import Session
from edge_agent import wire
from edge_agent.config.model.settings import Broker, Gateway
from edge_agent.core.clock import Clock
from edge_agent.host.health.heartbeat import next_interval_s
from edge_agent.mqtt.session.broker_session import ReconnectSchedule
from edge_agent.tools.simulate.delivery_ledger import DeliveryCounts
from edge_agent.tools.simulate.event_generator import (
    EVENTS_EACH,
    EventGenerator,
    OngoingEvent,
    SimulatedDay,
)
from edge_agent.tools.simulate.gateway import TIMEZONE
from edge_agent.tools.simulate.health_generator import SIMULATED, HealthGenerator
from edge_agent.tools.simulate.runner import FIRST_BEAT_S, TICK_EVERY_S
from edge_agent.tools.simulate.scenario import Scenario, SimulatedSite
from edge_agent.tools.simulate.totals import SimulationTotals
from edge_agent.wire.topics import GatewayTopics


@dataclass
class Stage:
    """State that the gateways of a process share."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    scenario: Scenario
    brokers: tuple[Broker, ...]
    root: str
    certificates: Path
    counts: DeliveryCounts = field(default_factory=DeliveryCounts)
    failed: Counter[str] = field(default_factory=Counter)  # attempts and sessions, by reason
    quiet: bool = False
    began_s: float = 0.0
    behind_s: float = 0.0  # how late the last event was
    most_behind_s: float = 0.0

    def __post_init__(self) -> None:
        self.day = SimulatedDay(self.scenario.begins_at_h, self.scenario.time_factor)

    @property
    def elapsed_s(self) -> float:
        return self.loop.time() - self.began_s

    def late(self, due_s: float) -> None:
        self.behind_s = self.loop.time() - due_s
        self.most_behind_s = max(self.most_behind_s, self.behind_s)


class LightGateway:
    """A gateway on the event loop's thread, without faults and pictures."""

    def __init__(self, site: SimulatedSite, stage: Stage) -> None:
        scenario, clock = stage.scenario, stage.clock
        self.site = site
        self._stage = stage
        self._dice = random.Random(f"{scenario.seed}/{site.id}")
        gateway = Gateway(site.id, site.ward, f"{site.id} ({SIMULATED})", TIMEZONE)
        boot_id = f"{SIMULATED}-{scenario.seed}-1"
        self._happenings = EventGenerator(gateway, clock, self._dice, boot_id, 0.0, 0)
        self._vitals = HealthGenerator(site, self._dice, clock)
        self._vitals.booted(boot_id, "power")
        topics = GatewayTopics(stage.root, site.ward, site.id)
        self._outbox = LightOutbox(topics, stage.counts)
        self.session = Session(
            stage.loop,
            clock,
            context_of(stage.certificates, site.id),
            topics,
            ReconnectSchedule(stage.brokers, scenario.spread_s, self._dice.uniform),
            self._outbox,
            self._birth,
            stage.failed,
        )
        self._open: dict[int, OngoingEvent] = {}
        self._number = 0

    def begin(self) -> None:
        self.session.start()
        self._plan_happening()
        loop, dice = self._stage.loop, self._dice
        loop.call_later(dice.uniform(0.0, FIRST_BEAT_S), self._beat)
        loop.call_later(dice.uniform(0.0, TICK_EVERY_S), self._tick)

    def end_all(self) -> None:
        """End the open events."""
        for number in list(self._open):
            self._end(number)

    def add_to(self, totals: SimulationTotals) -> None:
        totals.online += self.session.online
        totals.left += len(self._outbox)
        if len(self._outbox):
            totals.left_at.append(self.site.id)
        totals.reconnects += max(0, self.session.connects - 1)
        totals.refused += self.session.refused
        totals.ignored_acks += self._outbox.ignored_acks

    # --- what happens ---

    def _plan_happening(self) -> None:
        stage = self._stage
        per_day = stage.scenario.events_per_camera_day * len(self.site.cameras) / EVENTS_EACH
        if per_day > 0:
            due_s = stage.loop.time() + stage.day.gap_s(stage.elapsed_s, per_day, self._dice)
            stage.loop.call_at(due_s, self._happen, due_s)

    def _happen(self, due_s: float) -> None:
        stage = self._stage
        if stage.quiet:
            return
        stage.late(due_s)
        draft, going = self._happenings.begin(self._dice.choice(self.site.cameras))
        self._outbox.append(draft, stage.loop.time())
        self.session.fill()
        if going is not None:
            self._number += 1
            self._open[self._number] = going
            stage.loop.call_later(going.lasts_s, self._end, self._number)
        self._plan_happening()

    def _end(self, number: int) -> None:
        going = self._open.pop(number, None)
        if going is not None:
            self._outbox.append(self._happenings.end(going), self._stage.loop.time())
            self.session.fill()

    def _beat(self) -> None:
        stage = self._stage
        if self.session.online:
            self.session.beat(self._heartbeat())
        wait_s = next_interval_s(stage.scenario.heartbeat_s, self._dice.uniform)
        stage.loop.call_later(wait_s, self._beat)

    def _tick(self) -> None:
        self.session.tick()
        self._stage.loop.call_later(TICK_EVERY_S, self._tick)

    def _heartbeat(self) -> bytes:
        stage, session = self._stage, self.session
        mqtt = wire.MqttHealth(
            delivery="confirmed",
            reconnects=max(0, session.connects - 1),
            refused=session.refused,
            ignored_acks=self._outbox.ignored_acks,
        )
        stats = self._outbox.stats(stage.loop.time())
        return self._vitals.heartbeat(stats, mqtt, session.id, stage.day.hour(stage.elapsed_s))

    def _birth(self, session: str) -> bytes:
        return msgspec.json.encode(self._vitals.birth(session))
