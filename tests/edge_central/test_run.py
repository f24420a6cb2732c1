"""The centre as a service, at a real broker."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from edge_agent.core.errors import CentralError
from edge_central.presence.presence import PresenceThresholds
from edge_central.store import tables
from edge_central.store.database import write_transaction
from edge_central.store.media_folder import MediaFolder
from tests.edge_central.ingest_harness import IngestHarness
from tests.edge_central.parts import JPEG, OURS, Centre, FakeGateway, FakeGateways, WrongClock
from tests.testbed.command_line import run_command
from tests.testbed.mosquitto import Mosquitto, wait_until


def test_a_confirmed_event_is_stored_exactly_once(centre: Centre, gateways: FakeGateways) -> None:
    gateways.publish_all(*map(OURS.event, (1, 2, 1, 5, 2)))
    gateways.wait_confirmed(OURS, 1, 2, 5)
    ack = {"epoch": OURS.epoch, "upto": 2, "also": [5], "media": [], "takes_parts": True}
    assert gateways.acks(OURS)[-1] == ack
    assert centre.numbers(OURS) == [1, 2, 5]
    centre.stop()
    gateways.wait_state("stopped")


def test_a_kill_loses_nothing_and_stores_nothing_twice(
    broker: Mosquitto, gateways: FakeGateways, tmp_path: Path
) -> None:
    sent, centre = range(1, 301), Centre(tmp_path / "centre", broker.port)
    centre.start_process()
    try:
        gateways.wait_state("online")
        gateways.publish_all(*map(OURS.event, sent[:100]))
    finally:
        centre.kill()
    gateways.wait_state("offline")
    gateways.publish_all(*map(OURS.event, sent[100:]))
    with centre:
        gateways.wait_for(lambda: [ack["upto"] for ack in gateways.acks(OURS)][-1:] == [300])
    assert sorted(centre.numbers(OURS)) == list(sent)


def test_a_restored_backup_confirms_only_its_own_events_and_reports_the_rest_missing(
    centre: Centre, gateways: FakeGateways, tmp_path: Path
) -> None:
    gateways.deliver(OURS, 1, 2, 3)
    centre.stop()
    backup = tmp_path / "backup"
    shutil.copytree(centre.state_dir, backup)
    centre.start()
    gateways.deliver(OURS, 4, 5, 6)
    centre.stop()
    shutil.rmtree(centre.state_dir)
    shutil.copytree(backup, centre.state_dir)
    before = len(gateways.acks(OURS))
    centre.start()
    gateways.publish_all(OURS.event(7), OURS.event(6))  # the agent still had 6
    gateways.wait_for(lambda: any(7 in ack.get("also", []) for ack in gateways.acks(OURS)[before:]))
    assert {ack["upto"] for ack in gateways.acks(OURS)[before:]} == {3}
    gateways.wait_for(lambda: any(6 in ack.get("also", []) for ack in gateways.acks(OURS)[before:]))
    assert [(gap.first, gap.last, gap.why) for gap in centre.status().gaps] == [(4, 5, "missing")]


def test_a_second_centre_in_the_same_folder_is_refused(centre: Centre, gateways: FakeGateways) -> None:
    with pytest.raises(CentralError, match="another centre uses it; nothing was started"):
        centre.run_here()
    assert gateways.state() == "online"


def test_the_centre_reconnects_to_a_restarted_broker(
    centre: Centre, gateways: FakeGateways, broker: Mosquitto
) -> None:
    gateways.deliver(OURS, 1)
    broker.stop()
    gateways.wait_state("offline")
    broker.start()
    gateways.wait_state("online", 30)
    gateways.deliver(OURS, 2)
    assert centre.numbers(OURS) == [1, 2]


@pytest.mark.parametrize(
    "topic",
    [
        pytest.param("tb/v1/bo-xuyen/dt-001/up/event/cam-1", id="another ward"),
        pytest.param("tb/v1/de-tham/dt-001/up/nothing", id="no kind"),
        pytest.param("tb/v1/de-tham/dt-001/up/event/" + 400 * "x", id="long"),
    ],
)
def test_a_topic_is_judged_anew_with_every_message(topic: str, ingest: IngestHarness) -> None:
    ingest.writer.wards = frozenset({"de-tham"})
    for number in range(1, 4):
        result = ingest.write((topic, OURS.event(number)[1]), OURS.event(number))
        assert (result.rejected, result.events[OURS.id]) == (1, 1)


NONSENSE = [
    ("event/cam-1", b"no json", "JSON is malformed"),
    ("event/cam-1", b'{"specversion": "1.0"}', "missing required field"),
    ("event/cam-1", b"[" * 100_000, "not what is expected"),
    ("event/cam-1", b'"' + b"x" * 300_000 + b'"', "at most 262144"),
    ("event/cam-1", FakeGateway("dt-002").event(1)[1], "source is another gateway"),
    ("event/cam-1", FakeGateway(ward="Bo Xuyen").event(1)[1], "ward is not"),
    ("event/cam-2", OURS.event(1)[1], "topic's camera"),
    ("event/cam-1", OURS.event(1)[1][:-1] + b', "x": "\xff"}', "not what is expected"),
    ("media/m-1", b"\xff\xd8\xff", "event_id"),
    ("media/..", b"\xff\xd8\xff", "the id is not"),
    ("heartbeat", b'{"time": "now", "session": "s"}', "a time is not"),
    ("birth", FakeGateway("dt-002").birth("s")[1], "gateway is another one"),
    ("state", b'{"state": "lost", "session": "s", "time": "x"}', "state is not"),
    ("state", b"\xff\xfe", "not what is expected"),
]


def test_nonsense_is_recorded_and_confirmed_to_the_broker_and_does_no_harm(
    centre: Centre, gateways: FakeGateways
) -> None:
    gateways.publish_all(*((f"{OURS.up}/{name}", payload) for name, payload, _ in NONSENSE))
    gateways.publish_all(OURS.event(1), OURS.event(1, "a cow"), OURS.event(2))
    gateways.wait_confirmed(OURS, 1, 2)
    found = centre.status()
    for (_, _, words), rejected in zip(NONSENSE, reversed(found.newest_rejected), strict=True):
        assert words in rejected.reason
    assert sorted(centre.numbers(OURS)) == [1, 1, 2], "the conflicting event is stored too"
    centre.stop()
    centre.start()
    gateways.deliver(OURS, 3)
    assert centre.status().rejected == len(NONSENSE), "the broker sent none of it again"


def test_pictures_and_files_of_commands_are_stored_under_their_digest(
    centre: Centre, gateways: FakeGateways
) -> None:
    media = centre.state_dir / "media"
    sent = {"jpg": JPEG, "mp4": b"\0\0\0\x18ftypisom a clip", "gz": gzip.compress(b"a bundle")}
    gateways.publish_all(OURS.event(1))
    for suffix, content in sent.items():
        gateways.picture(OURS, f"m-{suffix}", content)
    gateways.picture(OURS, "m-jpg", JPEG)
    gateways.picture(OURS, "m-jpg", b"\xff\xd8\xff another")
    gateways.picture(OURS, "m-2", b"\xff\xd8\xff another", sha256="0" * 64)
    gateways.picture(OURS, "m-3", b"MZ a program")
    gateways.wait_for(lambda: gateways.confirmed_media(OURS) == {f"m-{suffix}" for suffix in sent})
    wait_until(lambda: centre.status().rejected == 3)
    files = {path.suffix[1:]: path for path in media.rglob("*") if path.is_file()}
    assert {suffix: path.read_bytes() for suffix, path in files.items()} == sent
    for path in files.values():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert MediaFolder(media).path(OURS.id, digest, sealed=False) == path
    assert centre.status().media == 3


def test_presence_changes_are_published_and_survive_a_restart(
    broker: Mosquitto, gateways: FakeGateways, tmp_path: Path
) -> None:
    five = [FakeGateway(f"dt-00{number}") for number in range(1, 6)]
    centre = Centre(tmp_path / "centre", broker.port)
    centre.thresholds = PresenceThresholds(hold_s=2.0, outage_hold_s=0.5, grace_s=0.0)
    with centre:
        gateways.wait_state("online")
        gateways.publish_all(*(gateway.state("online", "s-1") for gateway in five))
        gateways.wait_for(lambda: [gateways.presence(gateway) for gateway in five] == ["online"] * 5)
        gateways.publish_all(five[4].state("offline", "s-0"), five[4].state("offline", "s-1"))
        gateways.wait_for(lambda: gateways.presence(five[4]) == "offline")
        gateways.publish_all(*(gateway.state("offline", "s-1") for gateway in five[:4]))
        gateways.wait_for(lambda: gateways.outage("de-tham") is not None)
        assert gateways.outage("de-tham") == [gateway.id for gateway in five[:4]]
        gateways.wait_for(lambda: [gateways.presence(gateway) for gateway in five[:4]] == ["cut"] * 4)
    before = len(gateways.on("outage/de-tham"))
    with centre:
        gateways.wait_for(lambda: len(gateways.on("outage/de-tham")) > before)
        assert gateways.outage("de-tham") == [gateway.id for gateway in five[:4]]
        gateways.publish_all(*(gateway.state("online", "s-2") for gateway in five))
        gateways.wait_for(lambda: gateways.outage("de-tham") is None)
        gateways.wait_for(lambda: gateways.presence(five[4]) == "online")
        wait_until(lambda: not centre.status().outages)


def test_status_lists_gateways_and_missing_events(centre: Centre, gateways: FakeGateways) -> None:
    gateways.publish_all(OURS.state("online", "s-1"), OURS.heartbeat("s-1", sequence=4))
    gateways.deliver(OURS, 1, 3)
    wait_until(lambda: any(each.behind and each.presence for each in centre.status().gateways))
    done = run_command("central", "status", str(centre.config))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dt-001 (de-tham): online for" in done.stdout
    assert "1 events behind" in done.stdout
    assert "1 missing, 2 to 2 of epoch" in done.stdout


def test_expired_rows_are_deleted_while_the_centre_runs_and_do_not_return(
    centre: Centre, gateways: FakeGateways
) -> None:
    gateways.publish_all(OURS.heartbeat("s-1", sequence=1), OURS.event(1))
    gateways.picture(OURS, "m-1")
    gateways.wait_for(lambda: gateways.confirmed_media(OURS) == {"m-1"})
    centre.stop()
    with write_transaction(centre.database) as connection:
        for table in (tables.event, tables.media):
            connection.execute(update(table).values(received_ms=0))
    centre.first_sweep_s = 0.0
    centre.start()
    gateways.deliver(OURS, 1, 2)
    wait_until(lambda: (centre.numbers(OURS), centre.status().media) == ([2], 0))
    assert not [path for path in (centre.state_dir / "media").rglob("*") if path.is_file()]
    assert centre.status().missing == 0


@pytest.mark.parametrize(("days", "booted"), [(3653, False), (-3653, True)])
def test_a_clock_that_is_years_off_deletes_nothing_early(
    centre: Centre, gateways: FakeGateways, days: int, booted: bool
) -> None:
    """Retention with a wrong clock and after its correction: rows from before, and rows from meanwhile."""
    gateways.deliver(OURS, 1, 2)
    centre.stop()
    with write_transaction(centre.database) as connection:
        connection.execute(update(tables.event).where(tables.event.c.sequence == 1).values(received_ms=0))
        if booted:  # as after an older version or another boot: only the newest arrival is known
            connection.execute(delete(tables.meta).where(tables.meta.c.key.startswith("clock")))
    centre.first_sweep_s = 0.0
    centre.clock = WrongClock(timedelta(days=days))
    centre.start()
    wait_until(lambda: centre.numbers(OURS) == [2])  # the run has reached the events
    gateways.deliver(OURS, 3)
    assert "3653 days" in str(centre.status().clock)
    centre.stop()
    centre.clock = None
    with write_transaction(centre.database) as connection:
        connection.execute(insert(tables.event), over_like(connection, 4))
    centre.start()
    wait_until(lambda: 4 not in centre.numbers(OURS))
    assert centre.numbers(OURS) == [2, 3]


def over_like(connection: Connection, sequence: int) -> dict[str, Any]:
    """Add one event from long ago."""
    row = connection.execute(select(tables.event).where(tables.event.c.sequence == 2)).one()
    return {**row._mapping, "cursor": sequence, "sequence": sequence, "received_ms": 0}
