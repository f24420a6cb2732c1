"""What may be sent and what waits: by the step of the budget, and by the limit for backlogs; at a real
broker."""

from __future__ import annotations

import json

import pytest

from edge_agent.config.model.connection import BACKLOG_BYTES_S, UplinkKind
from edge_agent.core.delivery import StoredEvent
from edge_agent.core.model import Severity
from edge_agent.uplink.send_limiter import BURST_S, SendLimiter
from tests.host.fakes import FakeClock
from tests.mqtt.conftest import MakeGateway
from tests.outbox.parts import picture
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until


def event(severity: Severity) -> StoredEvent:
    return StoredEvent(1, "e", "cam-1", "object", severity.number, 0, b"{}")


INFO, WARNING, ALARM = event(Severity.INFO), event(Severity.WARNING), event(Severity.ALARM)


def test_each_step_holds_more_and_alarms_and_warnings_never_wait_for_it() -> None:
    limiter = SendLimiter(FakeClock())
    allowed = []
    for limiter.step in range(4):
        allowed.append((limiter.allows_media(), *map(limiter.allows, (INFO, WARNING, ALARM))))
    assert allowed == [
        (True, True, True, True),
        (False, True, True, True),
        (False, False, True, True),
        (False, False, True, True),
    ]


def test_a_backlog_goes_at_the_bound_after_a_burst() -> None:
    clock = FakeClock()
    limiter, sent = SendLimiter(clock, 1000.0), 0
    for _ in range(600):
        while limiter.allows(INFO):
            limiter.count_sent(100)
            sent += 100
        clock.advance(0.1)
    assert sent == pytest.approx(1000 * (BURST_S + 60), abs=200)


def test_files_of_commands_cost_at_most_90_megabytes_in_an_hour_on_a_sim_card_and_nothing_on_step_1() -> None:
    """Clips of 1.9 MB, one after another, as many as whoever may write to the broker requests."""
    clock = FakeClock()
    limiter, clip, sent = SendLimiter(clock, BACKLOG_BYTES_S[UplinkKind.SIM]), 1_900_000, 0
    for _ in range(3600):
        while limiter.allows_media():
            limiter.count_sent(clip)
            sent += clip
        clock.advance(1.0)
    assert 80_000_000 < sent <= 90_000_000 + clip
    limiter.step = 1
    clock.advance(3600)
    assert not limiter.allows_media()


def test_an_alarm_goes_while_the_bucket_is_empty_and_a_storm_of_them_owes_no_more_than_a_burst() -> None:
    clock = FakeClock()
    limiter = SendLimiter(clock, 1000.0)
    for _ in range(1000):
        assert limiter.allows(ALARM)
        limiter.count_sent(100)
    assert not limiter.allows(WARNING)
    clock.advance(BURST_S + 0.01)
    assert limiter.allows(WARNING)


def test_a_picture_larger_than_the_burst_goes_and_is_paid_for_afterwards() -> None:
    clock = FakeClock()
    limiter = SendLimiter(clock, 1000.0)
    assert limiter.allows_media()
    limiter.count_sent(50_000)
    assert not limiter.allows_media()
    clock.advance(limiter.wait_s() or 0)
    assert limiter.allows_media()
    assert clock.monotonic() > 1000 + 45


def test_what_the_budget_holds_back_stays_in_the_outbox_and_goes_when_the_period_is_over(
    gateway: MakeGateway, broker: Mosquitto, centre: Subscriber
) -> None:
    limiter = SendLimiter(FakeClock())
    limiter.step = 2
    with gateway(broker.port, limiter=limiter) as box:
        box.append(3)
        box.outbox.add_media(picture("m1"))
        warned, alarmed = (box.append(severity=s)[0] for s in (Severity.WARNING, Severity.ALARM))
        centre.wait_for(lambda: len(centre.events()) == 2)
        box.append(severity=Severity.ALARM)  # arrives after everything else in the queue
        centre.wait_for(lambda: len(centre.events()) == 3)
        arrived = {int(json.loads(m.payload)["sequence"]) for m in centre.events()}
        assert {warned.sequence, alarmed.sequence} < arrived
        wait_until(lambda: box.outbox.depth == 5, what="acknowledgements")
        assert not centre.on("/up/media/m1")
        limiter.step = 1
        box.later(0)
        centre.wait_for(lambda: len(centre.events()) == 7)
        assert not centre.on("/up/media/m1")
        limiter.step = 0
        box.later(0)
        centre.wait_for(lambda: bool(centre.on("/up/media/m1")))


def test_a_backlog_leaves_no_faster_than_the_bound_and_a_fresh_alarm_does_not_wait_for_it(
    gateway: MakeGateway, broker: Mosquitto, centre: Subscriber
) -> None:
    clock = FakeClock()
    with gateway(broker.port, limiter=SendLimiter(clock, 1000.0)) as box:
        box.wait_online()
        box.append(100, payload=b"e" * 900)
        centre.wait_for(lambda: len(centre.events()) >= 4)
        (alarm,) = box.append(severity=Severity.ALARM)
        centre.wait_for(lambda: any(str(alarm.sequence).encode() in m.payload for m in centre.events()))
        before = len(centre.events())
        assert before <= 6, "a burst of 4 kB, and the alarm"
        clock.advance(10)  # the bucket is full again
        box.later(0)
        centre.wait_for(lambda: len(centre.events()) >= before + 4)
        (last,) = box.append(severity=Severity.ALARM)
        centre.wait_for(lambda: any(str(last.sequence).encode() in m.payload for m in centre.events()))
        assert len(centre.events()) <= before + 6
