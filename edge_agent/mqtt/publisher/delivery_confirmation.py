"""``delivery: confirmed``: an event stays in the outbox until the centre has stored it in its database.

The broker's PUBACK then only means that the event is on its way. If ``down/ack`` does not name the event in
time, it is sent again. Events that were never sent do not wait behind such resends, whatever the centre does.
Resends are limited in rate, and in how many may go without any confirmation.
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
from edge_agent.mqtt.publisher.part_queue import PartQueue
from edge_agent.mqtt.publisher.window import FIRST_DEFERRAL_S, MAX_DEFERRAL_S, CircuitBreaker, deferral_s
from edge_agent.uplink.send_limiter import SendRate

log = logging.getLogger(__name__)

MAX_ACK_BYTES = 262_144
REMEMBERED_PICTURES = 10_000
LOG_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class ResendLimits:
    """Limits for resends, and for events that an earlier run left behind.

    10 a second from each of 465 gateways are 4,650 a second, which one mosquitto and one ingest can handle.
    At this rate a day's backlog of a site (22,000 events at the fleet's highest usual rate) is sent in 40
    minutes.
    """

    first_s: float = FIRST_DEFERRAL_S  # delay of the first resend, doubling to ``window.MAX_DEFERRAL_S``
    per_s: float = 10.0
    burst: int = 20
    unanswered: int = 100  # after so many resends without any confirmation the ingest counts as dead
    probe_s: float = 60.0  # then one event is tried this often
    pictures: int = 4  # unconfirmed pictures at a time, before the first confirmation
    picture_bytes: int = 2_000_000  # unconfirmed bytes of pictures after that; ingest confirms once a second
    unanswered_pictures: int = 2
    picture_probe_s: float = 900.0


@dataclass(frozen=True, slots=True)
class _Awaited:
    """A picture that the broker has and the centre has not confirmed."""

    sent_mono: float  # when the broker had it
    size_bytes: int
    breaker: CircuitBreaker


class ConfirmPort(Protocol):
    """The methods of the outbox that confirmation uses. Called on the publisher's thread only."""

    def sent(self, event: StoredEvent) -> None:
        """Note that the event was sent: from now on ``confirmed`` can refer to it."""

    def unconfirmed(self, sequence: int, epoch: str, not_before_mono: float) -> None:
        """Count an attempt: the broker has the event, which is pending again from ``not_before_mono`` on."""

    def confirmed(self, epoch: str, upto: int, also: Collection[int]) -> Confirmation: ...

    def reschedule(self, not_before_mono: float, *, hold_back: bool) -> None:
        """Make all deferred events due at ``not_before_mono``; delay earlier ones only with ``hold_back``."""


class DeliveryConfirmation:
    """Decides what is sent again, and processes the centre's confirmations. The publisher's thread uses it;
    any thread may read the counters."""

    def __init__(
        self,
        outbox: ConfirmPort,
        parts: PartQueue,
        clock: Clock,
        limits: ResendLimits,
        confirmed: Callable[[wire.Ack], None],
    ) -> None:
        """``confirmed`` is called with every confirmation of a known epoch."""
        self._confirmed = confirmed
        self.resends = 0
        self.ignored_acks = 0
        self.confirmed_mono: float | None = None  # when the centre last confirmed a waiting event or file
        self._rate = SendRate(limits.per_s, limits.burst)
        self._outbox = outbox
        self._parts = parts
        self._clock = clock
        self._limits = limits
        self._breaker = CircuitBreaker(limits.unanswered, limits.probe_s)
        self._media_breaker = CircuitBreaker(limits.unanswered_pictures, limits.picture_probe_s)
        self._awaited: dict[str, _Awaited] = {}  # pictures at the broker, by id
        self._pictures_answered = False  # a picture was confirmed in this session, and none timed out since
        self._pictures: dict[str, int] = {}  # sent pictures that are not confirmed -> how often each was sent
        self._dead = False  # the centre confirms nothing, and a warning says so
        self._heard_mono = clock.monotonic()  # its last confirmation, or the start
        self._unanswered_mono: float | None = None  # since when no resend has been confirmed
        self._logged_mono: float | None = None
        self._held_back = False

    # --- what may be sent ---

    def resends_allowed(self) -> int:
        """Return the number of resends and of events of an earlier run that may be sent now."""
        now = self._clock.monotonic()
        allowed = self._breaker.allowed(self._rate.available(now), 0, now)
        self._held_back = not allowed and not self._breaker.is_open
        return allowed

    def picture_allowed(self) -> bool:
        now = self._clock.monotonic()
        sent_mono = now - self._limits.first_s
        for media_id in [each for each, awaited in self._awaited.items() if awaited.sent_mono <= sent_mono]:
            awaited = self._awaited.pop(media_id)
            awaited.breaker.failed(now, awaited.sent_mono)
            self._pictures_answered = False
        if self._media_breaker.allowed(self._limits.pictures, 0, now) > len(self._awaited):
            return True
        waiting_bytes = sum(awaited.size_bytes for awaited in self._awaited.values())
        return self._pictures_answered and waiting_bytes < self._limits.picture_bytes

    def resend_wait_s(self) -> float | None:
        """Return the seconds until the rate limit allows more of the backlog, once per delay. None: it holds
        nothing back, or the delay was already returned."""
        held_back, self._held_back = self._held_back, False
        return self._rate.wait_s if held_back else None

    # --- what was sent ---

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
        self._rate.count_sent(1)
        self._held_back = True
        now = self._clock.monotonic()
        self._breaker.failed(now)
        if self._unanswered_mono is None:
            self._unanswered_mono = now
        if self._breaker.is_open and not self._dead and self._unanswered_for_s(now) > self._limits.first_s:
            self._dead = True
            text = "mqtt: the centre confirms nothing: what is sent again goes one by one, every %.0f s"
            log.warning(text, self._limits.probe_s)

    def event_at_broker(self, event: StoredEvent) -> None:
        now = self._clock.monotonic()
        delay_s = deferral_s(event.attempts, self._limits.first_s)
        self._outbox.unconfirmed(event.sequence, event.epoch, now + delay_s)

    def picture_at_broker(self, media: Media) -> None:
        now, first_s = self._clock.monotonic(), self._limits.first_s
        if (times := self._pictures.get(media.media_id, 0)) == 0:
            return  # confirmed already
        breaker = self._media_breaker if media.part is None else self._parts.breaker
        self._awaited[media.media_id] = _Awaited(now, len(media.payload), breaker)
        self._parts.media_deferred(media.media_id, now + deferral_s(times - 1, first_s))

    def begin_session(self) -> None:
        """Forget which pictures of the last session await a confirmation, so that none counts as unanswered.

        The broker may have lost these pictures. Each is sent again when its deferral ends.
        """
        self._awaited.clear()
        self._pictures_answered = False
        self._parts.begin_session()

    # --- confirmations of the centre ---

    def receive_ack(self, payload: bytes) -> None:
        """Process the payload of ``down/ack``, whatever it contains."""
        try:
            ack = _decoded(payload)
        except ValueError as error:
            self._ignore(f"it is not what the schema says ({error})")
            return
        self._parts.taken = ack.takes_parts
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
            self._centre_confirmed()

    def _confirm_pictures(self, media_ids: list[str]) -> bool:
        confirmed = [each for each in media_ids if each in self._pictures or self._parts.awaits(each)]
        for media_id in confirmed:
            self._pictures.pop(media_id, None)
            self._parts.media_delivered(media_id)
        # The centre does not name the parts of a stored file.
        done = {each for each in self._awaited if each in confirmed or each.rpartition(".")[0] in confirmed}
        for answered in [self._awaited[each] for each in done]:
            # What was sent earlier was lost, or its confirmation was: it does not count against the centre.
            self._awaited = {
                each: awaited
                for each, awaited in self._awaited.items()
                if awaited.breaker is not answered.breaker or awaited.sent_mono > answered.sent_mono
            }
        if confirmed:
            self._pictures_answered = True
            self._media_breaker.succeeded()
        return bool(confirmed)

    def _centre_confirmed(self) -> None:
        now, heard_mono = self._clock.monotonic(), self._heard_mono
        was_unanswered = self._unanswered_for_s(now) > self._limits.first_s
        self.confirmed_mono = self._heard_mono = now
        self._unanswered_mono = None
        self._breaker.succeeded()
        if self._dead:
            log.info("mqtt: the centre confirms again")
        was_away = self._dead or now - heard_mono > MAX_DEFERRAL_S
        if was_unanswered or was_away:
            self._media_breaker.try_now()
            self._parts.breaker.try_now()
            # After a long absence the centre first processes what the broker has queued for it.
            self._outbox.reschedule(now + self._limits.first_s, hold_back=was_away)
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
    """Return the confirmation. Raises ValueError, which is logged and so quotes no unchecked payload."""
    if len(payload) > MAX_ACK_BYTES:
        raise ValueError(f"{len(payload)} bytes, at most {MAX_ACK_BYTES} are read")
    try:
        return msgspec.json.decode(payload, type=wire.Ack)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ValueError(str(error)[:200]) from error
