"""A clock that follows the system's clock while that is plausible, and runs without it while it is not.

It compares three sources: the system's clock, the centre's own count (the newest stored time plus the seconds
since), and the median of the gateways with a synchronised clock. Two sources that agree decide; a single
source decides nothing.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

import msgspec

from edge_agent.core.clock import Clock, wall_ms
from edge_agent.core.problems import ProblemText
from edge_central.sentences import problem_text

FOLLOW_MS = 60_000
"""Largest plausible difference between the system's clock and the centre's own count within ``ANCHOR_S``: NTP
makes such steps, and a crystal drifts by seconds a day."""
ANCHOR_S = 3_600.0
AGREE_MS = 300_000
"""Two sources agree when they differ by at most this: a heartbeat may be on its way for a while."""
MAX_AWAY_MS = 86_400_000
"""After a boot the system's clock may be this much ahead of the newest stored time, because the centre was
off."""
MIN_GATEWAYS = 3
"""Minimum number of gateways for a median: with fewer, a single gateway would decide."""
FRESH_S = 900.0
"""A heartbeat counts for this long: a gateway that saves data sends one every five minutes."""
SETTLE_S = 90.0
"""Ignore the gateways' times until this long after the first heartbeat since the start: by then most
gateways have sent one."""

GATEWAYS, OWN_COUNT = problem_text("most-gateways"), problem_text("own-count")
"""Names, for texts, of what the system's clock is compared with."""


class TrustedClockRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The clock's state in the database, written every ten seconds."""

    time_ms: int  # the centre's time at ``mono_ms``
    mono_ms: int  # monotonic time of this boot
    boot_id: str
    unproven_ms: int = 0  # added for the time in which the centre was perhaps off; perhaps too much
    settled_ms: int = 0  # arrival times up to here are confirmed; no correction moves them
    before_boot_ms: int = 0  # newest time that was stored before this boot
    confirmed: bool = False  # gateways have agreed since this boot
    doubt: str | None = None

    @property
    def deletions_ms(self) -> int:
        """Return the earliest time that it can be now. Retention uses it, so as not to delete too early."""
        return self.time_ms - self.unproven_ms


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction of the times of arrival after ``since_ms``: add ``by_ms`` to them."""

    by_ms: int
    since_ms: int

    def of(self, time_ms: int) -> int:
        """Return the corrected value of a stored time."""
        return time_ms + self.by_ms if time_ms > self.since_ms else time_ms


class TrustedClock:
    """The centre's clock. Any thread may call ``now``; one thread calls the other methods, and ``restore``
    first. Before ``restore``, the clock equals the system's clock."""

    def __init__(self, system: Clock, boot_id: str) -> None:
        self._system = system
        self._boot_id = boot_id
        self._lock = Lock()  # protects the two offsets in the next line
        self._offset_ms = self._anchor_ms = wall_ms(system) - self._mono_ms()
        self._anchored_mono = system.monotonic()
        self._gateway_offsets: dict[str, tuple[int, float]] = {}
        """Gateway -> (its time minus the monotonic time in ms, monotonic time of arrival in s)."""
        self._first_mono: float | None = None
        self._unproven_ms = 0
        self._settled_ms = 0
        self._before_boot_ms = 0
        self._confirmed = False
        self.restored = False
        self.doubt: str | None = None
        """What is wrong with the system's clock; None: nothing."""

    # --- a clock ---

    def monotonic(self) -> float:
        return self._system.monotonic()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC)

    def now_ms(self) -> int:
        system_ms, mono_ms = wall_ms(self._system), self._mono_ms()
        with self._lock:
            offset_ms, anchor_ms = self._offset_ms, self._anchor_ms
        plausible = abs(system_ms - mono_ms - anchor_ms) <= FOLLOW_MS
        return system_ms if plausible else mono_ms + offset_ms

    def deletions_ms(self) -> int:
        """Return the earliest time that it can be now. Retention uses it, so as not to delete too early."""
        return self.now_ms() - self._unproven_ms

    # --- sources ---

    def restore(self, record: TrustedClockRecord | None, newest_ms: int | None) -> None:
        """Continue from the stored record of this clock and from the time at which the newest event
        arrived."""
        mono_ms, system_ms = self._mono_ms(), wall_ms(self._system)
        self.restored = True
        if record is not None:
            self._unproven_ms = record.unproven_ms
        if record is not None and record.boot_id == self._boot_id and record.mono_ms <= mono_ms:
            self._settled_ms, self._confirmed = record.settled_ms, record.confirmed
            self._before_boot_ms = record.before_boot_ms
            self._set(record.time_ms - record.mono_ms)
            return
        stored = [
            each for each in (None if record is None else record.time_ms, newest_ms) if each is not None
        ]
        if not stored:
            self._set(system_ms - mono_ms)
            return
        reached_ms = self._before_boot_ms = max(stored)
        # A later correction also moves the times since the last proof: they are wrong by as much as those
        # from now on, or by less.
        self._settled_ms = reached_ms if record is None else record.settled_ms
        away_ms = system_ms - reached_ms
        if -FOLLOW_MS <= away_ms <= MAX_AWAY_MS:
            self._unproven_ms += max(0, away_ms)
            self._set(system_ms - mono_ms)
        else:
            self._set(reached_ms - mono_ms)

    def record_gateway_time(self, gateway: str, time_ms: int) -> None:
        """Record the time in a heartbeat of a gateway whose clock is synchronised."""
        mono = self._system.monotonic()
        if self._first_mono is None:
            self._first_mono = mono
        self._gateway_offsets[gateway] = (time_ms - self._mono_ms(), mono)

    def tick(self, gateway_count: int) -> Correction | None:
        """Compare the sources, and return the correction that is needed; None: none. The caller stores the
        correction and then calls ``correct``, which applies it. ``gateway_count``: how many gateways the
        centre has heard lately."""
        mono_ms, system_ms = self._mono_ms(), wall_ms(self._system)
        own_ms = mono_ms + self._follow(system_ms, mono_ms)
        plausible = abs(system_ms - own_ms) <= FOLLOW_MS
        offset_ms, count = self._fleet()
        if count < min(MIN_GATEWAYS, max(1, gateway_count)):
            self.doubt = None if plausible else describe_difference(system_ms - own_ms, OWN_COUNT)
            return None
        fleet_ms = mono_ms + offset_ms
        right_ms = self._agreed_ms(system_ms, own_ms, fleet_ms, count)
        differs = abs(system_ms - fleet_ms) > AGREE_MS
        self.doubt = describe_difference(system_ms - fleet_ms, GATEWAYS) if differs else None
        if right_ms is None:
            return None
        if abs(right_ms - own_ms) > FOLLOW_MS:
            return Correction(right_ms - own_ms, self._settled_ms)
        self._mark_proven()
        return None

    def trust_system(self) -> Correction:
        """Return the correction that is needed after an administrator has confirmed that the system's clock
        is right. It moves the times since this boot, and those in the future; earlier ones may have been
        right."""
        system_ms = wall_ms(self._system)
        since_ms = max(self._settled_ms, min(self._before_boot_ms, system_ms))
        return Correction(system_ms - self.now_ms(), since_ms)

    def correct(self, correction: Correction) -> None:
        """Apply a correction that has been stored."""
        with self._lock:
            offset_ms = self._offset_ms + correction.by_ms
        self._set(offset_ms)
        self._mark_proven()

    def record(self) -> TrustedClockRecord:
        """Return the record for the next ``restore`` and for the console."""
        return TrustedClockRecord(
            time_ms=self.now_ms(),
            mono_ms=self._mono_ms(),
            boot_id=self._boot_id,
            unproven_ms=self._unproven_ms,
            settled_ms=self._settled_ms,
            before_boot_ms=self._before_boot_ms,
            confirmed=self._confirmed,
            doubt=None if self.doubt is None else str(self.doubt),
        )

    def corrected_record(self, correction: Correction) -> TrustedClockRecord:
        """Return the record that ``record`` will return after ``correct``.

        It is stored in the transaction that corrects the stored times, so that a centre that is killed
        afterwards does not correct them again.
        """
        time_ms = self.now_ms() + correction.by_ms
        return msgspec.structs.replace(
            self.record(), time_ms=time_ms, unproven_ms=0, settled_ms=time_ms, confirmed=True
        )

    # --- inside ---

    def _agreed_ms(self, system_ms: int, own_ms: int, fleet_ms: int, count: int) -> int | None:
        """Return the time that two sources agree on. None: keep the present time."""
        if abs(fleet_ms - system_ms) <= AGREE_MS:
            return system_ms
        if abs(fleet_ms - own_ms) <= AGREE_MS:
            return own_ms
        # Only the gateways agree with each other. Keep a count that they have confirmed earlier. An
        # unconfirmed count, which began with the system's clock, is replaced by the time of several gateways.
        return None if self._confirmed or count < MIN_GATEWAYS else fleet_ms

    def _mark_proven(self) -> None:
        self._confirmed, self._unproven_ms, self._settled_ms = True, 0, self.now_ms()

    def _follow(self, system_ms: int, mono_ms: int) -> int:
        """Return the offset of the centre's own count, after following small steps of the system's clock."""
        offset_ms, mono = system_ms - mono_ms, self._system.monotonic()
        with self._lock:
            if abs(offset_ms - self._anchor_ms) <= FOLLOW_MS:
                self._offset_ms = offset_ms
            if mono - self._anchored_mono >= ANCHOR_S:
                self._anchor_ms, self._anchored_mono = self._offset_ms, mono
            return self._offset_ms

    def _fleet(self) -> tuple[int, int]:
        """Return the median offset of the gateways, and the number of these gateways. (0, 0) before SETTLE_S
        have passed, or if no gateway has reported a time."""
        mono = self._system.monotonic()
        self._gateway_offsets = {
            each: seen for each, seen in self._gateway_offsets.items() if mono - seen[1] <= FRESH_S
        }
        settled = self._first_mono is not None and mono - self._first_mono >= SETTLE_S
        if not self._gateway_offsets or not settled:
            return 0, 0
        offsets = [offset_ms for offset_ms, _ in self._gateway_offsets.values()]
        return statistics.median_low(offsets), len(offsets)

    def _set(self, offset_ms: int) -> None:
        with self._lock:
            self._offset_ms = self._anchor_ms = offset_ms
            self._anchored_mono = self._system.monotonic()

    def _mono_ms(self) -> int:
        return round(self._system.monotonic() * 1000)


class FollowedClock:
    """The trusted time in another process on the same machine, such as the console. It is computed from the
    stored record."""

    def __init__(self, system: Clock, boot_id: str) -> None:
        self._system = system
        self._boot_id = boot_id
        self._record: TrustedClockRecord | None = None

    def follow(self, record: TrustedClockRecord | None) -> None:
        self._record = record

    def monotonic(self) -> float:
        return self._system.monotonic()

    def now(self) -> datetime:
        system, record = self._system.now(), self._record
        if record is None or record.boot_id != self._boot_id:
            return system
        own_ms = record.time_ms + round(self._system.monotonic() * 1000) - record.mono_ms
        plausible = abs(system.timestamp() * 1000 - own_ms) <= FOLLOW_MS
        return system if plausible else datetime.fromtimestamp(own_ms / 1000, UTC)

    def deletions_ms(self) -> int | None:
        """Return ``deletions_ms`` of the newest stored record. None: there is no record."""
        return None if self._record is None else self._record.deletions_ms


def describe_difference(by_ms: int, with_what: str) -> ProblemText:
    """Return the text for the alert: how far the system's clock is off."""
    seconds, code = abs(by_ms) / 1000, "clock-ahead" if by_ms > 0 else "clock-behind"
    unit, length = "minutes", 60
    for longer, its_length in (("hours", 3_600), ("days", 86_400)):
        if seconds >= 2 * its_length:
            unit, length = longer, its_length
    difference = problem_text(unit, count=round(seconds / length))
    return problem_text(code, difference=difference, reference=with_what)
