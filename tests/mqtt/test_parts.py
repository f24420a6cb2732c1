"""Large files in parts: what goes when, what is sent again, and what a centre that takes no parts gets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.core.delivery import MAX_MESSAGE_BYTES, Media
from edge_agent.core.model import Severity
from edge_agent.mqtt.publisher.delivery_confirmation import DeliveryConfirmation, ResendLimits
from edge_agent.mqtt.publisher.part_queue import (
    MAX_ROUNDS,
    PART_BYTES,
    UNTAKEN_S,
    WHOLE_BYTES,
    WHOLE_WITHIN_S,
    PartQueue,
)
from edge_agent.mqtt.publisher.window import FAILURE_PAUSE_S
from tests.mqtt.slow_line import copy_packets
from tests.mqtt.test_confirmed import GATEWAY, Box, box_at, draft
from tests.outbox.parts import HandClock, deliver_all, outbox_in, picture
from tests.outbox.parts import draft as text_draft
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until
from tests.testbed.small_server import SmallServer

FILE = picture("file", 5 * PART_BYTES - 7)


class Site:
    """A part queue before a real outbox; what it returns counts as sent."""

    def __init__(self, folder: Path, *, confirmed: bool = True) -> None:
        self.clock = HandClock()
        self.outbox = outbox_in(folder, self.clock)
        self.parts = PartQueue(self.outbox, self.clock, confirmed=confirmed)

    def add(self, *files: Media) -> None:
        for file in files:
            self.outbox.append(text_draft(media=file))
        deliver_all(self.outbox)

    def next(self) -> str | None:
        media = self.parts.pending_media()
        return None if media is None else media.media_id

    def send_all(self) -> list[Media]:
        """Send and confirm until nothing is left to send."""
        sent: list[Media] = []
        while (media := self.parts.pending_media()) is not None:
            sent.append(media)
            self.parts.media_delivered(media.media_id)
        return sent

    @property
    def stored(self) -> int:
        return self.outbox.stats().media_depth


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.parts.taken = True
    with made.outbox:
        yield made


def test_the_parts_are_the_file_and_say_so(site: Site) -> None:
    site.add(FILE)
    sent = site.send_all()
    assert b"".join(part.payload for part in sent) == FILE.payload
    assert [part.media_id for part in sent] == [f"file.{number}" for number in range(1, 6)]
    for number, media in enumerate(sent, 1):
        part = media.part
        assert part is not None
        assert (part.media_id, part.file_bytes) == ("file", len(FILE.payload))
        assert (part.number, part.count) == (number, 5)
        assert (media.sha256, media.event_id) == (FILE.sha256, FILE.event_id)


def test_the_file_stays_stored_until_the_centre_has_confirmed_the_whole(site: Site) -> None:
    site.add(FILE)
    site.send_all()
    assert site.stored == 1
    site.parts.media_delivered("file")
    assert (site.stored, site.next()) == (0, None)


def test_a_file_that_fits_in_one_message_goes_whole(site: Site) -> None:
    site.add(picture("small", WHOLE_BYTES))
    assert site.next() == "small"


def test_pictures_go_between_the_parts_of_a_file(site: Site) -> None:
    site.add(FILE)
    assert site.next() == "file.1"
    site.parts.media_delivered("file.1")
    site.add(picture("alarm"))
    assert site.next() == "alarm"
    site.parts.media_delivered("alarm")
    assert site.next() == "file.2"


def test_files_go_one_after_another(site: Site) -> None:
    site.add(FILE, picture("other", 9 * PART_BYTES))
    assert {part.media_id.partition(".")[0] for part in site.send_all()} == {"file"}
    site.parts.media_delivered("file")
    assert {part.media_id.partition(".")[0] for part in site.send_all()} == {"other"}
    site.parts.media_delivered("other")
    assert site.stored == 0


def test_a_part_without_an_answer_goes_again_and_the_others_meanwhile(site: Site) -> None:
    site.add(FILE)
    assert site.next() == "file.1"
    site.parts.media_deferred("file.1", site.clock.monotonic() + 60)
    assert site.next() == "file.2"
    site.parts.media_delivered("file.2")
    site.clock.advance(61)
    assert site.next() == "file.1"


def test_parts_that_the_centre_has_from_an_earlier_run_are_not_sent_again(site: Site) -> None:
    site.add(FILE)
    assert site.next() == "file.1"
    for number in (1, 2, 4):  # the answer to the first part
        assert site.parts.awaits(f"file.{number}")
        site.parts.media_delivered(f"file.{number}")
    assert [part.media_id for part in site.send_all()] == ["file.3", "file.5"]


def test_a_file_that_the_centre_cannot_assemble_is_sent_again_and_then_given_up(site: Site) -> None:
    site.add(FILE)
    for _ in range(MAX_ROUNDS):
        assert len(site.send_all()) == 5
        assert site.next() is None
        site.clock.advance(WHOLE_WITHIN_S + 1)
    assert (site.next(), site.stored) == (None, 0)


def test_a_file_is_not_given_up_because_of_a_time_without_a_connection(site: Site) -> None:
    confirmation = DeliveryConfirmation(site.outbox, site.parts, site.clock, ResendLimits(), lambda ack: None)
    site.add(FILE)
    for _ in range(MAX_ROUNDS):
        assert len(site.send_all()) == 5
        site.clock.advance(WHOLE_WITHIN_S + 1)
    confirmation.begin_session()
    assert (site.next(), site.stored) == (None, 1)
    site.clock.advance(WHOLE_WITHIN_S + 1)
    assert (site.next(), site.stored) == (None, 0)


@pytest.mark.parametrize("taken", [False, None], ids=["takes no parts", "not known yet"])
def test_without_a_centre_that_takes_parts_what_fits_goes_whole(site: Site, taken: bool | None) -> None:
    site.parts.taken = taken
    site.add(picture("large", MAX_MESSAGE_BYTES), picture("too-large", MAX_MESSAGE_BYTES + 1))
    assert site.next() == "large"
    site.parts.media_delivered("large")
    assert site.next() == (None if taken is False else "too-large.1")
    assert site.stored == 1, "the other waits for a centre that takes it"
    site.parts.taken = True
    site.clock.advance(UNTAKEN_S + 1)
    assert site.next() == "too-large.1"


def test_before_the_first_confirmation_one_part_asks_whether_the_centre_takes_parts(site: Site) -> None:
    """As after a restart without a new event."""
    site.parts.taken = None
    site.add(picture("too-large", MAX_MESSAGE_BYTES + 1))
    assert site.next() == "too-large.1"
    site.parts.media_deferred("too-large.1", site.clock.monotonic() + 60)
    assert site.next() is None
    site.parts.taken = True
    site.parts.media_delivered("too-large.1")
    assert site.next() == "too-large.2"


def test_parts_that_fail_together_hold_the_others_back_for_a_moment_only(site: Site) -> None:
    """As while the centre has not yet returned to a broker that was restarted."""
    site.add(picture("too-large", MAX_MESSAGE_BYTES + 1))
    for _ in range(4):
        site.parts.breaker.failed(site.clock.monotonic())
    assert site.next() is None
    site.clock.advance(FAILURE_PAUSE_S)
    assert site.next() == "too-large.1"


def test_a_file_of_which_parts_are_sent_goes_whole_once_the_centre_takes_none(site: Site) -> None:
    site.add(FILE)
    site.next()
    site.parts.taken = False
    assert site.next() == "file"


def test_a_file_that_waits_behind_parts_goes_whole_once_the_centre_takes_none(site: Site) -> None:
    site.add(picture("too-large", MAX_MESSAGE_BYTES + 1), FILE)
    assert site.next() == "too-large.1"
    site.parts.taken = False
    assert site.next() == "file"


def test_refused_parts_hold_back_no_picture_and_what_fits_goes_whole(site: Site) -> None:
    """As with a broker whose access rights were not updated."""
    site.add(FILE, picture("too-large", MAX_MESSAGE_BYTES + 1))
    for _ in range(2):
        site.parts.breaker.failed(site.clock.monotonic())
        site.clock.advance(FAILURE_PAUSE_S)
    assert site.next() == "file"
    site.parts.media_delivered("file")
    site.add(picture("alarm"))
    assert site.next() == "alarm"
    site.parts.media_delivered("alarm")
    assert site.next() is None
    site.clock.advance(UNTAKEN_S + 1)
    assert site.next() == "too-large.1"


def test_on_the_brokers_word_the_last_part_ends_the_file(tmp_path: Path) -> None:
    site = Site(tmp_path, confirmed=False)
    with site.outbox:
        site.add(picture("too-large", MAX_MESSAGE_BYTES + 1))
        assert len(site.send_all()) == -(-(MAX_MESSAGE_BYTES + 1) // PART_BYTES)
        assert site.stored == 0


# --- at a real broker ---


class ThinLine(SmallServer):
    """Carries what the client sends at ``bytes_s`` bytes a second."""

    def __init__(self, broker_port: int, bytes_s: int) -> None:
        super().__init__()
        self._broker_port = broker_port
        self._bytes_s = bytes_s

    def talk(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        with socket.create_connection(("127.0.0.1", self._broker_port)) as broker:
            threading.Thread(target=copy_packets, args=(broker, connection), daemon=True).start()
            due = time.monotonic()
            while data := connection.recv(4096):
                broker.sendall(data)
                due = max(due, time.monotonic() - 0.1) + len(data) / self._bytes_s
                time.sleep(max(0.0, due - time.monotonic()))


def confirm(centre: Subscriber, box: Box, *media: str) -> None:
    """Confirm all events and these files, as a centre that takes parts."""
    stats = box.outbox.stats()
    ack = {"epoch": stats.epoch, "upto": stats.sequence, "media": media, "takes_parts": True}
    centre.publish(f"{GATEWAY}/down/ack", json.dumps(ack).encode())


def parts_of(centre: Subscriber, name: str) -> list[str]:
    return [each.properties["part"] for each in centre.on(f"/up/part/{name}")]


def test_parts_go_over_a_broker_and_the_rest_after_a_lost_connection(
    broker: Mosquitto, centre: Subscriber, tmp_path: Path
) -> None:
    file = picture("file", 20 * PART_BYTES)
    with box_at(broker.port, tmp_path, picture_bytes=3 * PART_BYTES) as box:
        box.outbox.append(draft(media=file))
        centre.wait_for(lambda: len(centre.events()) == 1)
        confirm(centre, box)
        centre.wait_for(lambda: len(parts_of(centre, "file")) >= 4)
        confirm(centre, box, "file.1", "file.2", "file.3", "file.4")
        centre.wait_for(lambda: len(parts_of(centre, "file")) >= 7)
        box.settle()
        box.publisher.break_connection()
        wait_until(lambda: box.publisher.health().reconnects == 1, what="another session")
        confirmed = 4
        while confirmed < 20:
            arrived = sorted({int(number) for number in parts_of(centre, "file")})
            confirm(centre, box, *(f"file.{number}" for number in arrived))
            confirmed = len(arrived)
            centre.wait_for(
                lambda c=confirmed: len(set(parts_of(centre, "file"))) > c or c == 20  # type: ignore[misc]
            )
        confirm(centre, box, *(f"file.{number}" for number in range(1, 21)), "file")
        wait_until(lambda: box.outbox.stats().media_depth == 0)
    by_number = {int(each.properties["part"]): each for each in centre.on("/up/part/file")}
    assert b"".join(by_number[number].payload for number in range(1, 21)) == file.payload
    assert {each.properties["sha256"] for each in by_number.values()} == {file.sha256}
    assert len(parts_of(centre, "file")) <= 23, "at most the three in flight went twice"


def test_an_alarm_waits_for_one_part_at_most(broker: Mosquitto, centre: Subscriber, tmp_path: Path) -> None:
    """A file of 1.8 MB keeps this line busy for more than four seconds."""
    file = picture("file", 1_800_000)
    with ThinLine(broker.port, 400_000) as line, box_at(line.port, tmp_path, pictures=100) as box:
        box.outbox.append(draft())
        centre.wait_for(lambda: len(centre.events()) == 1)
        confirm(centre, box)
        box.settle()
        box.outbox.append(draft(media=file))
        centre.wait_for(lambda: len(centre.events()) == 2)
        confirm(centre, box)
        centre.wait_for(lambda: len(parts_of(centre, "file")) >= 2)
        box.outbox.append(draft(Severity.ALARM))
        before = len(parts_of(centre, "file"))
        centre.wait_for(lambda: len(centre.events()) == 3)
        # The one in transit, and one that may have begun just before the alarm.
        assert len(parts_of(centre, "file")) <= before + 2
        assert before + 2 < 1_800_000 // PART_BYTES, "the file is still on its way"
