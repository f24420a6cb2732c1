"""The second half of ``delivery: confirmed``: an event stays until the central ingest has it in its
database.

The broker's PUBACK then only says that the event is on its way. It is sent again when ``down/ack`` does not
name it in time. An event that was never sent is not held up by those that wait for this, whatever the ingest
does; what goes again is bounded in rate, and by how much of it has had no answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import msgspec

from edge_agent import wire
from edge_agent.core.clock import Clock
from edge_agent.core.delivery import Confirmation, Media, StoredEvent
from edge_agent.mqtt.publisher.window import FIRST_DEFERRAL_S, LONGEST_DEFERRAL_S, CircuitBreaker, deferral_s
from edge_agent.uplink.send_limiter import SendRate

log = logging.getLogger(__name__)

MAX_ACK_BYTES = 262_144
REMEMBERED_PICTURES = 10_000
LOG_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class ResendLimits:
    """The bounds of what goes out more than once, and of what an earlier run left behind.

    10 a second from each of 465 gateways are 4,650, which one mosquitto and one ingest take; a day's backlog
    of a site (22,000 events at the fleet's worst usual rate) is through in 40 minutes.
    """

    first_s: float = FIRST_DEFERRAL_S  # doubling to ``window.LONGEST_DEFERRAL_S``
    per_s: float = 10.0
    burst: int = 20
    unanswered: int = 100  # so many without any confirmation: the ingest is taken for dead
    probe_s: float = 60.0  # then one is tried as often
    pictures: int = 4  # that may wait for their confirmation, before the first one has come
    picture_bytes: int = 2_000_000  # that may wait after it: an ingest confirms once a second
    unanswered_pictures: int = 2
    picture_probe_s: float = 900.0


@dataclass(frozen=True, slots=True)
class _Awaited:
    """A picture that the broker has and the centre has not confirmed."""

    until_mono: float  # counted as unanswered from then on
    size_bytes: int


class ConfirmPort(Protocol):
    """What is needed of the outbox besides sending. On the publisher's thread only."""

    def sent(self, event: StoredEvent) -> None:
        """It is on its way: from now on ``confirmed`` can mean it."""
        ...

    def unconfirmed(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        """The broker has it; give it again from then on, and count one of its attempts."""
        ...

    def confirmed(self, epoch: str, upto: int, also: Collection[int]) -> Confirmation: ...

    def reschedule(self, not_before_mono: float, *, hold_back: bool) -> None:
        """Make all deferred events due at ``not_before_mono``; with ``hold_back`` none of them earlier."""
        ...

    def media_delivered(self, media_id: str) -> None: ...

    def media_deferred(self, media_id: str, not_before_mono: float) -> None: ...


class DeliveryConfirmation:
    """One thread uses it; the counters may be read by any.

    ``rate`` is where the limit of what comes again is set.
    """

    def __init__(
        self,
        outbox: ConfirmPort,
        clock: Clock,
        bounds: ResendLimits,
        confirmed: Callable[[wire.Ack], None] = lambda _: None,
    ) -> None:
        """``confirmed`` is called with every confirmation of an epoch that is known here."""
        self._confirmed = confirmed
        self.resends = 0
        self.ignored_acks = 0
        self.confirmed_mono: float | None = None  # when it last confirmed something that waited
        self.rate = SendRate(bounds.per_s, bounds.burst)
        self._outbox = outbox
        self._clock = clock
        self._bounds = bounds
        self._breaker = CircuitBreaker(bounds.unanswered, bounds.probe_s)
        self._media_breaker = CircuitBreaker(bounds.unanswered_pictures, bounds.picture_probe_s)
        self._awaited: dict[str, _Awaited] = {}  # pictures at the broker, by id
        self._pictures_answered = False  # in this session, and none has gone without an answer since
        self._pictures: dict[str, int] = {}  # every picture that was sent -> how often
        self._dead = False  # told as such
        self._heard_mono = clock.monotonic()  # its last word, or when this began
        self._unanswered_mono: float | None = None  # since when all that is sent again has had no answer
        self._logged_mono: float | None = None
        self._held_back = False

    # --- what may go ---

    def resends_allowed(self) -> int:
        """How many events may go now that are not sent for the first time."""
        now = self._clock.monotonic()
        allowed = self._breaker.allowed(self.rate.available(now), 0, now)
        self._held_back = not allowed and not self._breaker.is_open
        return allowed

    def picture_allowed(self) -> bool:
        now = self._clock.monotonic()
        for media_id in [each for each, awaited in self._awaited.items() if awaited.until_mono <= now]:
            del self._awaited[media_id]
            self._media_breaker.failed(now)
            self._pictures_answered = False
        if self._media_breaker.allowed(self._bounds.pictures, 0, now) > len(self._awaited):
            return True
        waiting_bytes = sum(awaited.size_bytes for awaited in self._awaited.values())
        return self._pictures_answered and waiting_bytes < self._bounds.picture_bytes

    def resend_wait_s(self) -> float | None:
        """How soon more of the backlog may go, told once; None: not before something else happens."""
        held_back, self._held_back = self._held_back, False
        return self.rate.wait_s if held_back else None

    # --- what went ---

    def picture_sent(self, media: Media) -> None:
        times = self._pictures.pop(media.media_id, 0)
        self._pictures[media.media_id] = times + 1
        if len(self._pictures) > REMEMBERED_PICTURES:
            del self._pictures[next(iter(self._pictures))]
        self.resends += times > 0

    def event_sent(self, event: StoredEvent) -> None:
        self._outbox.sent(event)
        if not event.resend:
            return
        self.resends += 1
        self.rate.count_sent(1)
        self._held_back = True
        now = self._clock.monotonic()
        self._breaker.failed(now)
        if self._unanswered_mono is None:
            self._unanswered_mono = now
        if self._breaker.is_open and not self._dead and self._unanswered_for_s(now) > self._bounds.first_s:
            self._dead = True
            text = "mqtt: the centre confirms nothing: what is sent again goes one by one, every %.0f s"
            log.warning(text, self._bounds.probe_s)

    def event_at_broker(self, event: StoredEvent) -> None:
        now = self._clock.monotonic()
        rest_s = deferral_s(event.attempts, self._bounds.first_s)
        self._outbox.unconfirmed(event.sequence, event.epoch, now + rest_s)

    def picture_at_broker(self, media: Media) -> None:
        now, first_s = self._clock.monotonic(), self._bounds.first_s
        if (times := self._pictures.get(media.media_id, 0)) == 0:
            return  # confirmed already
        self._awaited[media.media_id] = _Awaited(now + first_s, len(media.payload))
        self._outbox.media_deferred(media.media_id, now + deferral_s(times - 1, first_s))

    def begin_session(self) -> None:
        """Pictures of the last one that had no word may have gone down with the broker, which says nothing of
        the centre. They come again at their time."""
        self._awaited.clear()
        self._pictures_answered = False

    # --- what the centre says ---

    def receive_ack(self, payload: bytes) -> None:
        """The payload of ``down/ack``, whatever it is."""
        try:
            ack = _decoded(payload)
        except ValueError as error:
            self._ignore(f"it is not what the schema says ({error})")
            return
        outcome = self._outbox.confirmed(ack.epoch, ack.upto, ack.also)
        if outcome is Confirmation.UNKNOWN_EPOCH:
            self._ignore(f"it is for epoch {ack.epoch}, of which nothing is here")
            outcome = Confirmation.NOTHING_NEW
        elif outcome is Confirmation.BEYOND:
            self._ignore(f"it names sequences up to {max([ack.upto, *ack.also])}, which were never sent")
            return
        else:
            self._confirmed(ack)
        if self._confirm_pictures(ack.media) or outcome is Confirmation.NEWS:
            self._confirms_again()

    def _confirm_pictures(self, media_ids: list[str]) -> bool:
        known = [media_id for media_id in media_ids if media_id in self._pictures]
        for media_id in known:
            del self._pictures[media_id]
            self._awaited.pop(media_id, None)
            self._outbox.media_delivered(media_id)
        if known:
            self._pictures_answered = True
            self._media_breaker.succeeded()
        return bool(known)

    def _confirms_again(self) -> None:
        now, heard_mono = self._clock.monotonic(), self._heard_mono
        was_deaf = self._unanswered_for_s(now) > self._bounds.first_s
        self.confirmed_mono = self._heard_mono = now
        self._unanswered_mono = None
        self._breaker.succeeded()
        if self._dead:
            log.info("mqtt: the centre confirms again")
        was_away = self._dead or now - heard_mono > LONGEST_DEFERRAL_S
        if was_deaf or was_away:
            self._media_breaker.try_now()
            # After long it works off what the broker has kept for it first.
            self._outbox.reschedule(now + self._bounds.first_s, hold_back=was_away)
        self._dead = False

    def _unanswered_for_s(self, now: float) -> float:
        return 0.0 if self._unanswered_mono is None else now - self._unanswered_mono

    def _ignore(self, why: str) -> None:
        self.ignored_acks += 1
        now = self._clock.monotonic()
        quiet = self._logged_mono is not None and now - self._logged_mono < LOG_EVERY_S
        if not quiet:
            self._logged_mono = now
        level = logging.DEBUG if quiet else logging.WARNING
        log.log(level, "mqtt: a down/ack is ignored, nothing is deleted: %s", why)


def _decoded(payload: bytes) -> wire.Ack:
    """Raises ValueError with a text of our own: nothing of the payload gets into a log unchecked."""
    if len(payload) > MAX_ACK_BYTES:
        raise ValueError(f"{len(payload)} bytes, at most {MAX_ACK_BYTES} are read")
    try:
        return msgspec.json.decode(payload, type=wire.Ack)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ValueError(str(error)[:200]) from error
