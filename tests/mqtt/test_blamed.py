"""Messages in flight when the broker ends the connection because of one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from edge_agent.commands.replies import ReplyQueue
from edge_agent.core.delivery import Media
from edge_agent.mqtt.publisher.part_queue import WHOLE_BYTES, PartQueue
from edge_agent.mqtt.publisher.self_test import SelfTest
from edge_agent.mqtt.publisher.sender import Sender
from edge_agent.mqtt.publisher.window import PACKET_TOO_LARGE
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.mqtt.session.signal_queue import Connected
from edge_agent.uplink.send_limiter import SendLimiter
from tests.mqtt.conftest import TOPICS
from tests.outbox.parts import HandClock, deliver_all, draft, outbox_in, picture
from tests.testbed.replies import reply_of


class NoUsage:
    def sent(self, *_: object) -> None:
        """Count nothing."""


class Line:
    """A connection that notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def publish(self, message: MqttMessage) -> int:
        self.sent.append(message.topic.partition("/up/")[2])
        return len(self.sent)


class Site:
    """A sender with a real outbox; the broker acknowledges nothing."""

    def __init__(self, folder: Path) -> None:
        self.clock = clock = HandClock()
        self.outbox = outbox_in(folder, clock)
        self.replies = ReplyQueue(lambda: None, lambda sent: None)
        parts = PartQueue(self.outbox, clock, confirmed=False)
        parts.taken = True
        limiter, test = SendLimiter(clock), SelfTest("own", "foreign", lambda: None)
        self.sender = Sender(
            self.outbox, parts, TOPICS, cast(Any, NoUsage()), clock, limiter, self.replies, None, test
        )

    def session(self) -> list[str]:
        """Return what is sent in a session, which the broker ends because of it."""
        line = Line()
        self.sender.begin(cast(Any, line), Connected(20, None))
        self.sender.fill()
        self.sender.lost(PACKET_TOO_LARGE)
        return line.sent


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    with made.outbox:
        yield made


@pytest.mark.parametrize("media", [picture("m-1"), picture("m-1", WHOLE_BYTES + 1)], ids=["picture", "part"])
def test_a_picture_or_a_part_is_deferred(site: Site, media: Media) -> None:
    site.outbox.append(draft(media=media))
    deliver_all(site.outbox)
    (topic,) = site.session()
    assert "m-1" in topic
    assert site.session() == []
    site.outbox.append(draft())
    assert site.session() == ["event/cam-1"], "it holds up nothing else"


def test_a_reply_is_deferred_and_the_second_time_dropped(site: Site) -> None:
    site.replies.put(reply_of("cmd-1"))
    assert site.session() == ["reply/cmd-1"]
    assert site.session() == []
    site.clock.advance(60)
    assert site.session() == ["reply/cmd-1"]
    assert site.replies.pending(()) is None


def test_a_reply_that_only_shared_the_connection_is_sent_later(site: Site) -> None:
    site.replies.put(reply_of("cmd-1"))
    site.outbox.append(draft())
    assert site.session() == ["reply/cmd-1", "event/cam-1"]
    site.replies.put(reply_of("cmd-2"))
    assert site.session() == ["reply/cmd-2"]
    assert site.replies.pending(()) is not None
