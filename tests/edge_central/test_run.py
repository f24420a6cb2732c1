"""The centre as a service, at a real broker."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
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
from tests.edge_central.parts import Box, Boxes, Centre, WrongClock
from tests.testbed.mosquitto import Mosquitto, wait_until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path, persistent=True) as started:
        yield started


@pytest.fixture
def boxes(broker: Mosquitto) -> Iterator[Boxes]:
    with Boxes(broker) as talking:
        yield talking


@pytest.fixture
def centre(broker: Mosquitto, boxes: Boxes, tmp_path: Path) -> Iterator[Centre]:
    with Centre(tmp_path / "centre", broker.port) as started:
        boxes.wait_standing("online")
        yield started


def test_what_is_confirmed_is_stored_and_comes_once(centre: Centre, boxes: Boxes) -> None:
    box = Box()
    boxes.say(box.event(1), box.event(2), box.event(1), box.event(5), box.event(2))
    boxes.wait_confirmed(box, 1, 2, 5)
    assert boxes.acks(box)[-1] == {"epoch": box.epoch, "upto": 2, "also": [5], "media": []}
    assert centre.numbers(box) == [1, 2, 5]
    centre.stop()
    boxes.wait_standing("stopped")


def test_gaps_are_found_closed_when_late_ones_come_and_explained_by_a_loss(
    centre: Centre, boxes: Boxes
) -> None:
    box = Box()
    boxes.say(box.event(1), box.event(8))
    boxes.wait_confirmed(box, 8)
    assert [(gap.first, gap.last) for gap in centre.status().gaps] == [(2, 7)]
    boxes.say(box.event(2), box.loss(9, (3, 5)))
    boxes.wait_confirmed(box, 9)
    status = centre.status()
    assert (status.missing, status.announced, status.late) == (2, 3, 1)
    assert [(loss.count, loss.reason) for loss in status.losses] == [(3, "outbox-full")]
    boxes.say(box.event(7), box.event(6))
    boxes.wait_for(lambda: boxes.acks(box)[-1]["upto"] == 9)
    assert centre.status().missing == 0


def test_a_kill_loses_nothing_and_stores_nothing_twice(
    broker: Mosquitto, boxes: Boxes, tmp_path: Path
) -> None:
    box, sent, centre = Box(), range(1, 301), Centre(tmp_path / "centre", broker.port)
    centre.start_process()
    try:
        boxes.wait_standing("online")
        boxes.say(*map(box.event, sent[:100]))
    finally:
        centre.kill()
    boxes.wait_standing("offline")
    boxes.say(*map(box.event, sent[100:]))
    with centre:
        boxes.wait_for(lambda: boxes.acks(box)[-1:] != [] and boxes.acks(box)[-1]["upto"] == 300)
    assert sorted(centre.numbers(box)) == list(sent)


def test_a_restored_backup_confirms_only_what_it_holds_and_finds_the_rest_missing(
    centre: Centre, boxes: Boxes, tmp_path: Path
) -> None:
    box = Box()
    boxes.say(*map(box.event, (1, 2, 3)))
    boxes.wait_confirmed(box, 1, 2, 3)
    centre.stop()
    backup = tmp_path / "backup"
    shutil.copytree(centre.state_dir, backup)
    centre.start()
    boxes.say(*map(box.event, (4, 5, 6)))
    boxes.wait_confirmed(box, 4, 5, 6)
    centre.stop()
    shutil.rmtree(centre.state_dir)
    shutil.copytree(backup, centre.state_dir)
    before = len(boxes.acks(box))
    centre.start()
    boxes.say(box.event(7), box.event(6))  # the agent still had 6
    boxes.wait_for(lambda: any(7 in ack.get("also", []) for ack in boxes.acks(box)[before:]))
    assert {ack["upto"] for ack in boxes.acks(box)[before:]} == {3}
    boxes.wait_for(lambda: any(6 in ack.get("also", []) for ack in boxes.acks(box)[before:]))
    assert [(gap.first, gap.last, gap.why) for gap in centre.status().gaps] == [(4, 5, "missing")]


def test_a_second_centre_in_the_same_folder_is_refused(centre: Centre, boxes: Boxes) -> None:
    with pytest.raises(CentralError, match="another centre uses it; nothing was started"):
        centre.run_here()
    assert boxes.standing() == "online"


def test_a_broker_that_is_restarted_gets_the_centre_back(
    centre: Centre, boxes: Boxes, broker: Mosquitto
) -> None:
    box = Box()
    boxes.say(box.event(1))
    boxes.wait_confirmed(box, 1)
    broker.stop()
    boxes.wait_standing("offline")
    broker.start()
    boxes.wait_standing("online", 30)
    boxes.say(box.event(2))
    boxes.wait_confirmed(box, 2)
    assert centre.numbers(box) == [1, 2]


NONSENSE = [
    ("event/cam-1", b"no json", "JSON is malformed"),
    ("event/cam-1", b'{"specversion": "1.0"}', "missing required field"),
    ("event/cam-1", b"[" * 100_000, "not what is expected"),
    ("event/cam-1", b'"' + b"x" * 300_000 + b'"', "at most 262144"),
    ("event/cam-1", Box("dt-002").event(1)[1], "source is another gateway"),
    ("event/cam-1", Box(ward="bo-xuyen").event(1)[1], "ward is another one"),
    ("event/cam-2", Box().event(1)[1], "topic's camera"),
    ("media/m-1", b"\xff\xd8\xff", "event_id"),
    ("media/..", b"\xff\xd8\xff", "the id is not"),
    ("heartbeat", b'{"time": "now", "session": "s"}', "a time is not"),
    ("birth", Box("dt-002").birth("s")[1], "gateway is another one"),
    ("state", b'{"state": "lost", "session": "s", "time": "x"}', "state is not"),
    ("state", b"\xff\xfe", "not what is expected"),
]


def test_nonsense_is_recorded_and_confirmed_to_the_broker_and_does_no_harm(
    centre: Centre, boxes: Boxes
) -> None:
    box = Box()
    boxes.say(*((f"{box.up}/{name}", payload) for name, payload, _ in NONSENSE))
    boxes.say(box.event(1), box.event(1, "a cow"), box.event(2))
    boxes.wait_confirmed(box, 1, 2)
    found = centre.status()
    reasons = [each.reason for each in reversed(found.newest_rejected)]
    assert len(reasons) == len(NONSENSE)
    for (_, _, words), reason in zip(NONSENSE, reasons, strict=True):
        assert words in reason
    assert sorted(centre.numbers(box)) == [1, 1, 2], "also the cow is stored"
    centre.stop()
    centre.start()
    boxes.say(box.event(3))
    boxes.wait_confirmed(box, 3)
    assert centre.status().rejected == len(NONSENSE), "none of it came again"


def test_pictures_lie_beside_the_database_under_their_digest(centre: Centre, boxes: Boxes) -> None:
    box = Box()
    boxes.say(box.event(1))
    boxes.picture(box, "m-1")
    boxes.picture(box, "m-1")
    boxes.picture(box, "m-2", b"\xff\xd8\xff another", sha256="0" * 64)
    boxes.picture(box, "m-1", b"\xff\xd8\xff another")
    boxes.wait_for(lambda: boxes.confirmed_media(box) == {"m-1"})
    wait_until(lambda: centre.status().rejected == 2)
    (file,) = [path for path in (centre.state_dir / "media").rglob("*") if path.is_file()]
    assert file.suffix == ".jpg"
    assert len(file.stem) == 64
    assert file.read_bytes() == b"\xff\xd8\xff\xe0 a picture"
    assert centre.status().media == 1


def test_what_a_command_brought_lies_there_too(centre: Centre, boxes: Boxes) -> None:
    box = Box()
    clip, bundle = b"\0\0\0\x18ftypisom a clip", gzip.compress(b"a bundle")
    boxes.say(box.event(1))
    boxes.picture(box, "m-1", clip)
    boxes.picture(box, "m-2", bundle)
    boxes.picture(box, "m-3", b"MZ a program")
    boxes.wait_for(lambda: boxes.confirmed_media(box) == {"m-1", "m-2"})
    wait_until(lambda: centre.status().rejected == 1)
    files = {path.suffix: path for path in (centre.state_dir / "media").rglob("*") if path.is_file()}
    assert {suffix: path.read_bytes() for suffix, path in files.items()} == {".mp4": clip, ".gz": bundle}
    kept = MediaFolder(centre.state_dir / "media")
    assert kept.path(box.id, hashlib.sha256(clip).hexdigest(), sealed=False) == files[".mp4"]


def test_presence_changes_are_published_and_survive_a_restart(
    broker: Mosquitto, boxes: Boxes, tmp_path: Path
) -> None:
    five = [Box(f"dt-00{number}") for number in range(1, 6)]
    centre = Centre(tmp_path / "centre", broker.port)
    centre.thresholds = PresenceThresholds(hold_s=2.0, outage_hold_s=0.5, grace_s=0.0)
    with centre:
        boxes.wait_standing("online")
        boxes.say(*(box.state("online", "s-1") for box in five))
        boxes.wait_for(lambda: [boxes.presence(box) for box in five] == ["online"] * 5)
        boxes.say(five[4].state("offline", "s-0"), five[4].state("offline", "s-1"))
        boxes.wait_for(lambda: boxes.presence(five[4]) == "offline")
        boxes.say(*(box.state("offline", "s-1") for box in five[:4]))
        boxes.wait_for(lambda: boxes.outage("de-tham") is not None)
        assert boxes.outage("de-tham") == [box.id for box in five[:4]]
        assert boxes.presence(five[0]) == "online", "the outage is published, not each gateway"
    before = len(boxes.on("outage/de-tham"))
    with centre:
        boxes.wait_for(lambda: len(boxes.on("outage/de-tham")) > before)
        assert boxes.outage("de-tham") == [box.id for box in five[:4]]
        boxes.say(*(box.state("online", "s-2") for box in five))
        boxes.wait_for(lambda: boxes.outage("de-tham") is None and boxes.presence(five[4]) == "online")
        wait_until(lambda: not centre.status().outages)


def test_status_lists_gateways_and_missing_events(centre: Centre, boxes: Boxes) -> None:
    box = Box()
    boxes.say(box.state("online", "s-1"), box.heartbeat("s-1", sequence=4), box.event(1), box.event(3))
    boxes.wait_confirmed(box, 1, 3)
    wait_until(lambda: any(each.behind and each.presence for each in centre.status().gateways))
    words = ["central", "status", str(centre.config)]
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent", *words], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dt-001 (de-tham): online for" in done.stdout
    assert "1 events behind" in done.stdout
    assert "1 missing, 2 to 2 of epoch" in done.stdout


def test_what_is_over_goes_while_the_centre_runs_and_does_not_come_back(centre: Centre, boxes: Boxes) -> None:
    box = Box()
    boxes.say(box.heartbeat("s-1", sequence=1), box.event(1))
    boxes.picture(box, "m-1")
    boxes.wait_for(lambda: boxes.confirmed_media(box) == {"m-1"})
    centre.stop()
    with write_transaction(centre.database) as connection:
        for table in (tables.event, tables.media):
            connection.execute(update(table).values(received_ms=0))
    centre.first_sweep_s = 0.0
    centre.start()
    boxes.say(box.event(1), box.event(2))
    boxes.wait_confirmed(box, 1, 2)
    wait_until(lambda: (centre.numbers(box), centre.status().media) == ([2], 0))
    assert not [path for path in (centre.state_dir / "media").rglob("*") if path.is_file()]
    assert centre.status().missing == 0


@pytest.mark.parametrize(("days", "booted"), [(3653, False), (-3653, True)])
def test_a_clock_that_is_years_off_deletes_nothing_early(
    centre: Centre, boxes: Boxes, days: int, booted: bool
) -> None:
    """Retention with a wrong clock and after its correction: rows from before, and rows from meanwhile."""
    box = Box()
    boxes.say(box.event(1), box.event(2))
    boxes.wait_confirmed(box, 1, 2)
    centre.stop()
    with write_transaction(centre.database) as connection:
        connection.execute(update(tables.event).where(tables.event.c.sequence == 1).values(received_ms=0))
        if booted:  # as after an older version or another boot: only the newest arrival is known
            connection.execute(delete(tables.meta).where(tables.meta.c.key.startswith("clock")))
    centre.first_sweep_s = 0.0
    centre.clock = WrongClock(timedelta(days=days))
    centre.start()
    wait_until(lambda: centre.numbers(box) == [2])  # the run has reached the events
    boxes.say(box.event(3))
    boxes.wait_confirmed(box, 3)
    assert "3653 days" in str(centre.status().clock)
    centre.stop()
    centre.clock = None
    with write_transaction(centre.database) as connection:
        connection.execute(insert(tables.event), over_like(connection, 4))
    centre.start()
    wait_until(lambda: 4 not in centre.numbers(box))
    assert centre.numbers(box) == [2, 3]


def over_like(connection: Connection, sequence: int) -> dict[str, Any]:
    """Add one event from long ago."""
    row = connection.execute(select(tables.event).where(tables.event.c.sequence == 2)).one()
    return {**row._mapping, "cursor": sequence, "sequence": sequence, "received_ms": 0}
