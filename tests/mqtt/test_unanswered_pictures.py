"""What counts as a picture that the centre does not confirm, without a broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.mqtt.publisher.delivery_confirmation import DeliveryConfirmation, ResendLimits
from edge_agent.mqtt.publisher.part_queue import PartQueue
from tests.outbox.parts import HandClock, outbox_in, picture

LIMITS = ResendLimits()


class Site:
    """The pictures of a gateway, and the clock."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.outbox = outbox_in(folder, self.clock)
        parts = PartQueue(self.outbox, self.clock, confirmed=True)
        self.delivery = DeliveryConfirmation(self.outbox, parts, self.clock, LIMITS, lambda ack: None)

    def send(self, name: str, *, after_s: float = 5.0) -> None:
        self.clock.advance(after_s)
        assert self.delivery.picture_allowed()
        media = picture(name)
        self.delivery.picture_sent(media)
        self.delivery.picture_at_broker(media)

    def confirm(self, name: str) -> None:
        self.clock.advance(1.0)
        ack = {"epoch": self.outbox.stats().epoch, "upto": 0, "also": [], "media": [name]}
        self.delivery.receive_ack(json.dumps(ack).encode())

    def allowed_after(self, seconds: float) -> bool:
        self.clock.advance(seconds)
        return self.delivery.picture_allowed()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    with made.outbox:
        yield made


@pytest.mark.parametrize("wait_s", [0.0, 70.0])
def test_lost_confirmations_of_one_crash_hold_back_no_pictures(site: Site, wait_s: float) -> None:
    for number in range(3):
        site.send(f"lost-{number}")
    for _ in range(round(wait_s)):
        assert site.allowed_after(1.0), "the three have one cause"
    for number in range(12):
        site.send(f"new-{number}", after_s=10.0)
        site.confirm(f"new-{number}")
    assert site.allowed_after(LIMITS.first_s)


def test_a_centre_that_confirms_no_picture_gets_one_every_15_minutes(site: Site) -> None:
    site.send("p1")
    assert site.allowed_after(LIMITS.first_s), "one failure"
    site.send("p2")
    assert not site.allowed_after(LIMITS.first_s)
    assert not site.allowed_after(LIMITS.picture_probe_s - 1)
    site.send("probe", after_s=1.0)
    assert not site.allowed_after(LIMITS.first_s)
    assert not site.allowed_after(LIMITS.picture_probe_s - 1)
    assert site.allowed_after(1.0)
