"""The centre's time while its own clock, or a gateway's, is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from edge_agent.wire.topics import CentralTopics
from edge_central.alert_settings import AlertSettings, default_rules
from edge_central.alerts.service import AlertService
from edge_central.store import tables
from edge_central.store.database import write_meta
from edge_central.store.fleet_state import FleetState, GatewayRecord
from edge_central.trusted_time.clock import (
    SETTLE_S,
    Correction,
    FollowedClock,
    TrustedClock,
    TrustedClockRecord,
)
from edge_central.trusted_time.clock_store import read_clock_record, record_key, shift_times
from edge_central.web.api.event_history import check_cursor, cursor_at_or_before
from edge_central.web.api.incidents.step_history import check_step_cursor, step_cursor
from tests.edge_central.ingest_harness import NOW_MS, IngestHarness
from tests.edge_central.parts import FakeGateway

MINUTE_MS, DAY_MS = 60_000, 86_400_000
YEARS_MS = 3653 * DAY_MS
WARDS = ["de-tham", "bo-xuyen"]


@dataclass
class System:
    """A system clock that is wrong by ``wrong_ms``; ``true_ms`` is the real time."""

    wrong_ms: int = 0
    passed_ms: int = 0
    booted_ms: int = NOW_MS

    @property
    def true_ms(self) -> int:
        return self.booted_ms + self.passed_ms

    def monotonic(self) -> float:
        return self.passed_ms / 1000

    def now(self) -> datetime:
        return datetime.fromtimestamp((self.true_ms + self.wrong_ms) / 1000, UTC)


class Centre:
    """A centre's clock, and gateways that report their time."""

    def __init__(
        self,
        system: System,
        record: TrustedClockRecord | None = None,
        newest_ms: int | None = None,
        boot: str = "b-1",
    ) -> None:
        self.system = system
        self.clock = TrustedClock(system, boot)
        self.clock.restore(record, newest_ms)
        self.wrong_ms: dict[str, int] = {}  # error of each gateway's clock
        self.corrections: list[Correction] = []

    def gateways(self, *wrong_ms: int) -> None:
        self.wrong_ms = {f"dt-{number}": each for number, each in enumerate(wrong_ms)}

    def wait(self, minutes: int = 5, gateway_count: int | None = None) -> None:
        """All gateways report their time every half minute."""
        for _ in range(minutes * 2):
            self.system.passed_ms += MINUTE_MS // 2
            for gateway, wrong_ms in self.wrong_ms.items():
                self.clock.record_gateway_time(gateway, self.system.true_ms + wrong_ms)
            correction = self.clock.tick(len(self.wrong_ms) if gateway_count is None else gateway_count)
            if correction is not None:
                self.corrections.append(correction)
                self.clock.correct(correction)

    @property
    def error_ms(self) -> int:
        return self.clock.now_ms() - self.system.true_ms


@pytest.mark.parametrize("jump_ms", [YEARS_MS, -YEARS_MS, 10 * MINUTE_MS])
@pytest.mark.parametrize("gateways", [(), (0, 0, 0)])
def test_a_clock_that_jumps_is_not_believed_and_time_goes_on(jump_ms: int, gateways: tuple[int, ...]) -> None:
    centre = Centre(System())
    centre.gateways(*gateways)
    centre.wait()
    centre.system.wrong_ms = jump_ms
    assert centre.error_ms == 0, "at once, before anything was compared"
    centre.wait()
    assert (centre.error_ms, centre.clock.deletions_ms() - centre.system.true_ms) == (0, 0)
    assert centre.clock.doubt is not None
    centre.system.wrong_ms = 0
    centre.wait()
    assert (centre.error_ms, len(centre.corrections)) == (0, 0)
    assert not centre.clock.doubt


@pytest.mark.parametrize("wrong_ms", [YEARS_MS, -YEARS_MS])
def test_after_a_boot_the_stored_time_counts_until_gateways_correct_a_wrong_clock(wrong_ms: int) -> None:
    """The centre was off for ten minutes, and cannot know that from its own count."""
    centre = Centre(System(wrong_ms), None, NOW_MS - 10 * MINUTE_MS)
    assert centre.error_ms == -10 * MINUTE_MS
    centre.gateways(0, 0, 0)
    centre.wait()
    assert (centre.error_ms, centre.clock.deletions_ms()) == (0, centre.system.true_ms)
    assert [each.since_ms for each in centre.corrections] == [NOW_MS - 10 * MINUTE_MS]
    assert "the centre's clock is 3653 days" in str(centre.clock.doubt)


@pytest.mark.parametrize("lie_ms", [YEARS_MS, -YEARS_MS])
def test_one_lying_gateway_decides_nothing(lie_ms: int) -> None:
    for gateways in ((lie_ms, 0, 0), (lie_ms,)):
        centre = Centre(System())
        centre.gateways(*gateways)
        centre.wait(gateway_count=3)
        assert (centre.error_ms, centre.corrections) == (0, [])
    alone = Centre(System())
    alone.gateways(lie_ms)
    alone.wait(gateway_count=1)
    assert (alone.error_ms, alone.corrections) == (0, [])


def test_most_gateways_cannot_move_a_clock_that_they_confirmed() -> None:
    centre = Centre(System())
    centre.gateways(0, 0, 0)
    centre.wait()
    centre.gateways(YEARS_MS, YEARS_MS, 0)
    centre.wait()
    assert (centre.error_ms, centre.corrections) == (0, [])
    assert centre.clock.doubt == "the centre's clock is 3653 days behind most gateways"


def test_retention_does_not_count_time_that_only_the_clock_after_a_boot_claims() -> None:
    """The centre was off for an hour, and its clock is ten hours ahead."""
    record = TrustedClockRecord(
        time_ms=NOW_MS - 60 * MINUTE_MS, mono_ms=5, boot_id="b-0", settled_ms=NOW_MS - 60 * MINUTE_MS
    )
    centre = Centre(System(600 * MINUTE_MS), record)
    assert centre.clock.deletions_ms() == NOW_MS - 60 * MINUTE_MS
    centre.wait()
    assert centre.clock.deletions_ms() <= centre.system.true_ms
    centre.gateways(0, 0, 0)
    centre.wait()
    assert (centre.error_ms, centre.clock.deletions_ms()) == (0, centre.system.true_ms)


def test_a_restarted_process_continues_its_time() -> None:
    centre = Centre(System())
    centre.wait()
    record = centre.clock.record()
    centre.system.passed_ms += DAY_MS  # off for a day, and the clock was changed meanwhile
    centre.system.wrong_ms = YEARS_MS
    again = Centre(centre.system, record)
    assert (again.error_ms, again.clock.deletions_ms()) == (0, again.system.true_ms)


def test_small_steps_of_ntp_are_followed_and_a_clock_that_creeps_away_is_not() -> None:
    centre = Centre(System())
    centre.system.wrong_ms = 20_000
    centre.wait()
    assert (centre.error_ms, centre.clock.doubt) == (20_000, None)
    for _ in range(30):
        centre.system.wrong_ms += 20_000
        centre.wait(1)
    assert centre.error_ms <= 60_000
    assert centre.clock.doubt is not None


def test_an_administrator_releases_the_clock_when_no_gateway_can_decide() -> None:
    centre = Centre(System(), None, NOW_MS - 3 * DAY_MS)
    assert centre.error_ms == -3 * DAY_MS
    centre.clock.correct(centre.clock.trust_system())
    centre.wait()
    assert (centre.error_ms, centre.clock.doubt, centre.clock.deletions_ms()) == (
        0,
        None,
        centre.system.true_ms,
    )


@pytest.mark.parametrize("restarts", [False, True])
def test_a_release_moves_no_time_from_before_the_boot(restarts: bool) -> None:
    """No gateway has ever confirmed the time; the centre was off for three days."""
    off_ms = NOW_MS - 3 * DAY_MS
    centre = Centre(System(), TrustedClockRecord(time_ms=off_ms, mono_ms=5, boot_id="b-0"), off_ms)
    centre.wait()
    if restarts:
        centre = Centre(centre.system, centre.clock.record(), centre.clock.now_ms())
    assert centre.clock.trust_system() == Correction(3 * DAY_MS, off_ms)


def test_a_release_moves_stored_times_that_are_in_the_future() -> None:
    ahead_ms = NOW_MS + YEARS_MS
    centre = Centre(System(), TrustedClockRecord(time_ms=ahead_ms, mono_ms=5, boot_id="b-0"), ahead_ms)
    assert centre.clock.trust_system() == Correction(-YEARS_MS, NOW_MS)


def test_gateways_that_were_removed_or_have_another_centre_do_not_count() -> None:
    fleet = FleetState()
    for number, (ward, last_ms) in enumerate([(WARDS[0], 9), (WARDS[0], 4), ("another", 9)]):
        fleet.gateways[f"dt-{number}"] = GatewayRecord(f"dt-{number}", ward, last_ms)
    assert fleet.count_gateways(WARDS, 5) == 1


def test_the_console_uses_the_same_time() -> None:
    centre = Centre(System())
    console = FollowedClock(centre.system, "b-1")
    centre.system.wrong_ms = YEARS_MS
    assert console.deletions_ms() is None, "nothing has expired before the ingest has stored a time"
    console.follow(centre.clock.record())
    centre.system.passed_ms += 5_000
    assert console.now().timestamp() * 1000 == centre.system.true_ms
    assert console.deletions_ms() == centre.system.true_ms - 5_000


def test_heartbeats_count_when_most_gateways_have_sent_one() -> None:
    """Right after the start gateways with a wrong clock may be the first."""
    centre = Centre(System(), None, NOW_MS - DAY_MS)
    centre.gateways(YEARS_MS, YEARS_MS, YEARS_MS)
    centre.wait(int(SETTLE_S // 60))
    centre.gateways(YEARS_MS, YEARS_MS, YEARS_MS, 0, 0, 0, 0)
    centre.wait()
    assert centre.error_ms == 0


def test_rows_from_a_wrong_clock_get_corrected_times(ingest: IngestHarness) -> None:
    """For the first ten minutes the clock is in 2013; then it is right."""
    box, centre = FakeGateway(), Centre(System(-YEARS_MS))
    ingest.write(box.event(1), now_ms=centre.clock.now_ms())
    centre.wait(10)
    centre.system.wrong_ms = 0
    ingest.write(box.event(2), box.event(5), now_ms=centre.clock.now_ms())
    now_ms = centre.clock.now_ms()
    ingest.insert(tables.handling, {"subject": "alert 1", "ward": box.ward, "acknowledged_ms": now_ms})
    step_of = {"subject": "alert 1", "at_ms": now_ms, "who": "lan", "what": "acknowledged", "words": ""}
    ingest.insert(tables.handling_step, step_of)
    times = dict.fromkeys(("received_ms", "last_ms", "answered_ms"), now_ms)
    of_box = dict.fromkeys(("serial", "claim_id", "key", "site", "state"), "x")
    ingest.insert(tables.claim, {**of_box, **times, "ward": box.ward, "jws": b""})
    true_ms = centre.system.true_ms
    centre.gateways(0, 0, 0)
    centre.wait()
    (correction,) = centre.corrections
    with ingest.store.batch() as batch:
        connection = batch.connection
        cursor, step = cursor_at_or_before(connection, 3), step_cursor(connection, 1)
        shift_times(batch.connection, correction, WARDS, exclusive_database=True)
        write_meta(batch.connection, record_key("central"), "{}")
        check_cursor(connection, cursor)
        check_step_cursor(connection, step)
    query = select(tables.event.c.received_ms).order_by(tables.event.c.cursor)
    arrived = ingest.store.query(lambda connection: list(connection.scalars(query)))
    assert arrived == [NOW_MS, true_ms, true_ms]
    (gap,) = ingest.store.load().streams[box.id, box.epoch].gaps
    assert gap.found_ms == true_ms
    (handling,) = ingest.rows(tables.handling)
    assert (handling.acknowledged_ms, handling.closed_ms) == (true_ms, None)
    (claim,) = ingest.rows(tables.claim)
    assert (claim.received_ms, claim.last_ms, claim.answered_ms) == (true_ms, true_ms, true_ms)
    assert ingest.store.query(lambda connection: read_clock_record(connection, "central")) is None, (
        "not readable"
    )


def test_a_centre_that_is_killed_right_after_a_correction_makes_no_second_one() -> None:
    centre = Centre(System(-YEARS_MS))
    centre.wait()
    before = centre.clock.record()
    centre.gateways(0, 0, 0)
    centre.wait()
    (correction,) = centre.corrections
    killed = Centre(centre.system, before)
    again = Centre(centre.system, killed.clock.corrected_record(correction))
    again.gateways(0, 0, 0)
    again.wait()
    assert (again.error_ms, again.corrections) == (0, [])


def test_a_conflict_from_a_clock_that_was_ahead_ends_after_a_day_with_right_times(
    ingest: IngestHarness,
) -> None:
    box, centre = FakeGateway(), Centre(System(YEARS_MS))
    rules = AlertSettings(tuple(rule for rule in default_rules() if rule.id == "conflict"), 0.0)
    alerts = AlertService(rules, WARDS, CentralTopics("tb/v1", "central"), centre.clock)
    alerts.restore(ingest.store.query(alerts.read), [])
    messages = box.heartbeat("s-1"), box.event(1), box.event(1, "car")
    alerts.record(ingest.write(*messages, now_ms=centre.clock.now_ms()))
    write(ingest, alerts)
    centre.gateways(0, 0, 0)
    centre.wait()
    (correction,) = centre.corrections
    with ingest.store.batch() as batch:
        shift_times(batch.connection, correction, WARDS, exclusive_database=True)
    alerts.apply_correction(correction)
    assert ingest.store.query(alerts.read).conflicts[box.id].last_ms == NOW_MS
    centre.wait(24 * 60)
    alerts.check_gaps(ingest.store.load())
    write(ingest, alerts)
    row = ingest.store.query(lambda each: each.execute(select(tables.alert)).one())
    assert (row.opened_ms, row.cleared_ms) == (NOW_MS, centre.system.true_ms)
    assert ingest.store.query(alerts.read).conflicts == {}, "a later one counts its own events only"


def write(ingest: IngestHarness, alerts: AlertService) -> None:
    with ingest.store.batch() as batch:
        alerts.write(batch.connection)
    alerts.publish_written(None, lambda _: None)


def test_earlier_rows_keep_their_times(ingest: IngestHarness) -> None:
    row = {"gateway": "dt-001", "media_id": "m-1", "event_id": "e", "camera": "c", "sha256": "a", "bytes": 1}
    with ingest.store.batch() as batch:
        for number, at_ms in ((1, NOW_MS), (2, NOW_MS + 1)):
            more = {"media_id": f"m-{number}", "sealed": False, "received_ms": at_ms}
            batch.connection.execute(insert(tables.media), row | more)
        gateway = {"id": "dt-001", "ward": "de-tham", "first_ms": 0, "last_ms": 0}
        batch.connection.execute(insert(tables.gateway), gateway)
        shift_times(batch.connection, Correction(DAY_MS, NOW_MS), WARDS, exclusive_database=True)
        shift_times(batch.connection, Correction(DAY_MS, 0), ["another"], exclusive_database=False)
    query = select(tables.media.c.received_ms).order_by(tables.media.c.media_id)
    assert ingest.store.query(lambda each: list(each.scalars(query))) == [NOW_MS, NOW_MS + 1 + DAY_MS]
