"""A day without a broker, with more events than the outbox holds: only the least important are lost, each
lost sequence number is announced, and every alarm arrives."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_agent.core.delivery import Draft
from edge_agent.core.facts import ObjectObservation, Phase, RuleRef
from edge_agent.core.model import Severity
from edge_agent.mqtt.session.broker_session import CAP_S
from tests.agent.inside import AgentInside
from tests.agent.test_left_open import HastyClock
from tests.agent.test_lost_clip import CROSSED
from tests.events.parts import frame, maker, track, valid
from tests.outbox.parts import picture
from tests.testbed.agent import PATIENCE_S, wait_until, write_config
from tests.testbed.mosquitto import Mosquitto, Subscriber

HOURS = 24
MAX_BYTES = 1_000_000
OBJECTS = 30  # an hour
GRAVE = {Severity.WARNING: 4, Severity.ALARM: 2}  # likewise


def one_hour(number: int) -> Iterator[Draft]:
    """Events of four cameras, mixed."""
    events = maker()
    for n in range(OBJECTS):
        seen = track(f"track-{number}-{n}")
        media = picture(f"p-{number}-{n}", 6000) if n % 5 == 0 else None
        yield events.object_event("cam-1", ObjectObservation(Phase.START, seen, 998.0), frame(), media)
        end = ObjectObservation(Phase.END, seen, 998.0, end_reason="left")
        yield events.object_event("cam-1", end, frame(), None)
    for severity, count in GRAVE.items():
        for n in range(count):
            rule = RuleRef("lane", CROSSED.rule.kind, severity)
            hit_id = f"{severity.value}-{number}-{n}"
            yield events.rule_event("cam-1", replace(CROSSED, event_id=hit_id, rule=rule), frame(), None)


def test_a_day_that_is_too_long_for_the_outbox_costs_infos_only_and_each_is_announced(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    sizes: dict[str, Any] = {"outbox": {"max_bytes": MAX_BYTES}, "uplink": {"backlog_bytes_s": 10_000_000}}
    path = write_config(tmp_path, broker_port=broker.port, detector="none", **sizes)
    clock = HastyClock()
    site = AgentInside(path, clock=clock)
    severities: dict[int, Severity] = {}  # of the events of the test, by sequence

    def tell(draft: Draft) -> None:
        severities[site.agent.outbox.append(draft).sequence] = draft.severity

    shed: list[int] = []
    with site:
        wait_until(site.beat, what="the agent")
        with ThreadPoolExecutor(4) as cameras:
            for hour in range(HOURS):
                list(cameras.map(tell, one_hour(hour)))
                clock.ahead_s += 3600
                shed.append(site.beat()["outbox"]["shed"])
        full = site.beat()["outbox"]
        assert full["bytes"] <= MAX_BYTES
        assert full["media_shed"] > 0, "pictures go before any event"
        assert shed[HOURS // 2] > 0, "it has been full for half a day"
        assert shed == sorted(shed)
        with broker, Subscriber(broker.port) as centre:
            clock.ahead_s += CAP_S  # after a day of failures the next attempt is up to so far away
            wait_until(lambda: is_empty(site.beat()["outbox"], centre), CAP_S + PATIENCE_S, "an empty outbox")
            last = site.beat()["outbox"]
            heard, lost = numbers(centre), announced(centre)

    for event in heard.values():
        if event["type"].endswith(".loss.v1"):
            valid(json.dumps(event).encode())
    assert len(lost) == len(set(lost)) == last["shed"]
    assert set(lost).isdisjoint(heard)
    assert sorted([*lost, *heard]) == list(range(1, last["sequence"] + 1)), "each number arrived or is named"
    assert {severities[n] for n in lost} == {Severity.INFO}
    infos = [n for n, severity in severities.items() if severity is Severity.INFO]
    assert max(lost) < min(n for n in infos if n in heard), "the oldest went first"
    alarms = [event for event in heard.values() if event["severitynumber"] == Severity.ALARM.number]
    reported = [event["data"]["event_id"] for event in alarms if "rule_id" in event["data"]]
    wanted = itertools.product(range(HOURS), range(GRAVE[Severity.ALARM]))
    assert sorted(reported) == sorted(f"{Severity.ALARM.value}-{hour}-{n}" for hour, n in wanted)


def is_empty(outbox: dict[str, Any], centre: Subscriber) -> bool:
    """All remaining events have arrived, also the last announcement."""
    left = int(outbox["sequence"] - outbox["shed"])
    if outbox["depth"] or len(centre.events()) < left:
        return False
    return len(announced(centre)) == outbox["shed"] and len(numbers(centre)) == left


def numbers(centre: Subscriber) -> dict[int, dict[str, Any]]:
    """The events that arrived, by sequence."""
    events = [json.loads(message.payload) for message in centre.events()]
    return {int(event["sequence"]): event for event in events}


def announced(centre: Subscriber) -> list[int]:
    """The sequences that ``loss`` events name, one by one."""
    losses = [event for event in numbers(centre).values() if event["type"].endswith(".loss.v1")]
    found: list[int] = []
    for event in losses:
        loss = event["data"]
        assert loss["reason"] == "outbox-full"
        named = [n for low, high in loss["ranges"] for n in range(low, high + 1)]
        assert len(named) == loss["count"]
        found += named
    return found
