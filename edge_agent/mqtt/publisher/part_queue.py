"""Cuts files that are too large for one message into parts, between the sender and the outbox.

The outbox stores a file whole. A file of more than ``WHOLE_BYTES`` is sent as ``up/part/<media_id>``
messages of ``PART_BYTES``, if the centre says in ``down/ack`` that it takes parts. One file at a time is sent
in parts, and only while no picture waits. An alarm therefore waits for one part at most, which takes 2 s at
512 kbit/s.

A part that has arrived is not sent again in this run of the agent. After a restart the file begins again with
its first part, and the centre then confirms all parts that it has. docs/decisions/0074-clips-in-parts.md
"""

from __future__ import annotations

import logging
import math
from collections import deque
from typing import Protocol

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import MAX_MESSAGE_BYTES, FilePart, Media
from edge_agent.mqtt.publisher.window import FAILURE_PAUSE_S, CircuitBreaker
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.topics import GatewayTopics

log = logging.getLogger(__name__)

PART_TYPE = "application/octet-stream"
PART_BYTES = 131_072
WHOLE_BYTES = 4 * PART_BYTES
"""A smaller file, such as any snapshot, goes in one message."""
WHOLE_WITHIN_S = 60.0
"""If the centre does not confirm the file within this time after all its parts, it has lost parts."""
MAX_ROUNDS = 3
"""How often a file is sent before the outbox gives it up, because the centre cannot assemble it."""
UNTAKEN_S = 900.0
"""A file that the centre cannot accept is tried again after this time."""


class MediaPort(Protocol):
    """The methods of the outbox that the part queue uses. Called on the publisher's thread only."""

    def pending_media(self) -> Media | None:
        """Return the next file that is not deferred and whose event is delivered; None if there is none."""

    def media_delivered(self, media_id: str) -> None: ...

    def media_deferred(self, media_id: str, not_before_mono: float) -> None: ...


def media_message(topics: GatewayTopics, media: Media) -> MqttMessage | None:
    """Return the message of a file or of a part; None if the id cannot be a level of a topic."""
    part = media.part
    try:
        topic = topics.media(media.media_id) if part is None else topics.part(part.media_id)
    except ValueError:
        return None
    properties = [("event_id", media.event_id), ("camera", media.camera), ("sha256", media.sha256)]
    if part is None:
        kind = media.content_type
    else:
        kind = PART_TYPE
        numbers = {"bytes": part.file_bytes, "part_bytes": part.part_bytes}
        numbers |= {"parts": part.count, "part": part.number}
        properties += [(name, str(number)) for name, number in numbers.items()]
    return MqttMessage(topic, media.payload, content_type=kind, properties=tuple(properties))


class FileInParts:
    """One file of the outbox, in memory, and which of its parts still have to be sent."""

    def __init__(self, media: Media) -> None:
        self.media = media
        self.rounds = 0
        self.whole_until_mono = math.inf  # all parts have arrived; the centre confirms the file until then
        self._count = -(-len(media.payload) // PART_BYTES)
        self._missing: dict[int, float] = {}  # number -> not before this instant
        self.begin_round()

    @property
    def has_arrived(self) -> bool:
        return not self._missing

    def begin_round(self) -> None:
        """Mark all parts as missing, so that they are sent, for the first time or again."""
        self.rounds += 1
        self.whole_until_mono = math.inf
        self._missing = dict.fromkeys(range(1, self._count + 1), 0.0)

    def number_of(self, media_id: str) -> int | None:
        """Return the number of the missing part with this id; None for any other id."""
        of, _, number = media_id.rpartition(".")
        if of != self.media.media_id or not number.isdecimal() or int(number) not in self._missing:
            return None
        return int(number)

    def arrived(self, number: int) -> None:
        del self._missing[number]

    def defer(self, number: int, not_before_mono: float) -> None:
        self._missing[number] = not_before_mono

    def deferred(self, now_mono: float) -> int:
        """Return how many parts wait for a confirmation, or for their next attempt."""
        return sum(not_before_mono > now_mono for not_before_mono in self._missing.values())

    def next(self, now_mono: float) -> Media | None:
        """Return the first part that may be sent now, or None."""
        found = (number for number, not_before_mono in self._missing.items() if not_before_mono <= now_mono)
        number = next(found, None)
        return None if number is None else self._part(number)

    def _part(self, number: int) -> Media:
        media = self.media
        begin = (number - 1) * PART_BYTES
        part = FilePart(media.media_id, number, self._count, len(media.payload), PART_BYTES)
        return Media(
            f"{media.media_id}.{number}",
            media.event_id,
            media.camera,
            media.sha256,
            media.payload[begin : begin + PART_BYTES],
            part=part,
        )


class PartQueue:
    """The outbox's methods for media, with large files in parts. The publisher's thread uses it; any thread
    may read ``taken``."""

    def __init__(self, outbox: MediaPort, clock: Clock, *, confirmed: bool) -> None:
        """``confirmed``: whether the centre confirms parts and files; if not, the broker's PUBACK counts."""
        self.taken: bool | None = None
        """Whether the centre takes parts, by its newest confirmation; None: not known yet."""
        self.breaker = CircuitBreaker(after=2, every_s=UNTAKEN_S, pause_s=FAILURE_PAUSE_S)
        """Parts only: what happens to them must not hold back pictures."""
        self._outbox = outbox
        self._clock = clock
        self._confirmed = confirmed
        self._file: FileInParts | None = None  # the file that is sent now
        self._waiting: deque[str] = deque()  # ids of large files; deferred in the outbox until their turn

    def begin_session(self) -> None:
        """Restart the wait for an arrived file's confirmation: without a connection none could come."""
        file = self._file
        if file is not None and file.has_arrived:
            file.whole_until_mono = self._clock.monotonic() + WHOLE_WITHIN_S

    def pending_media(self) -> Media | None:
        """Return the next picture, else the next part of a large file, else None."""
        now = self._clock.monotonic()
        self._return_untaken(now)
        while True:
            if (media := self._outbox.pending_media()) is not None:
                if len(media.payload) <= self._largest_whole():
                    return media
                self._set_aside(media, now)
            elif self._file is not None or not self._waiting:
                return self._next_part(now)
            else:
                self._outbox.media_deferred(self._waiting.popleft(), now)

    def media_delivered(self, media_id: str) -> None:
        """Note that a picture, a part or a whole file has arrived."""
        file = self._file
        if file is not None and media_id == file.media.media_id:
            self.breaker.succeeded()
            self._end_file()
        elif file is not None and (number := file.number_of(media_id)) is not None:
            self.breaker.succeeded()
            file.arrived(number)
            if file.has_arrived and self._confirmed:
                file.whole_until_mono = self._clock.monotonic() + WHOLE_WITHIN_S
            elif file.has_arrived:
                self._end_file()
        else:
            self._outbox.media_delivered(media_id)

    def media_deferred(self, media_id: str, not_before_mono: float) -> None:
        """Do not return the picture or part before ``not_before_mono``."""
        file = self._file
        if file is not None and (number := file.number_of(media_id)) is not None:
            file.defer(number, not_before_mono)
        else:
            self._outbox.media_deferred(media_id, not_before_mono)

    def awaits(self, media_id: str) -> bool:
        """Whether this id belongs to the file that is being sent, or to a part of it."""
        file = self._file
        return file is not None and (media_id == file.media.media_id or file.number_of(media_id) is not None)

    def _largest_whole(self) -> int:
        parts_work = self.taken is True and not self.breaker.is_open
        return WHOLE_BYTES if parts_work else MAX_MESSAGE_BYTES

    def _set_aside(self, media: Media, now: float) -> None:
        """Take a large file out of the sending order of the outbox, which keeps the file on disk."""
        if self.taken is False:
            self._outbox.media_deferred(media.media_id, now + UNTAKEN_S)
            return
        self._outbox.media_deferred(media.media_id, math.inf)
        if self._file is None:
            self._file = FileInParts(media)
        else:
            self._waiting.append(media.media_id)

    def _return_untaken(self, now: float) -> None:
        """Give the file back to the outbox if it cannot be sent in parts any more, but perhaps whole."""
        file = self._file
        if file is not None and (self.taken is False or len(file.media.payload) <= self._largest_whole()):
            self._file = None
            self._outbox.media_deferred(file.media.media_id, now)

    def _next_part(self, now: float) -> Media | None:
        file = self._file
        if file is None or not self.breaker.allowed(1, file.deferred(now), now):
            return None
        if file.has_arrived and now >= file.whole_until_mono:
            if file.rounds == MAX_ROUNDS:
                text = "mqtt: file %s was sent %d times and the centre did not confirm it; it is given up"
                log.warning(text, file.media.media_id, file.rounds)
                self._end_file()
                return None
            file.begin_round()
        if self._confirmed and self.taken is None and file.deferred(now):
            return None  # one part asks whether the centre takes parts; its confirmation says so
        return file.next(now)

    def _end_file(self) -> None:
        if self._file is not None:
            self._outbox.media_delivered(self._file.media.media_id)
            self._file = None
