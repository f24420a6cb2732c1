"""A full outbox sheds the least important events first, and announces them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.model import Severity
from edge_agent.outbox import EventOutbox
from edge_agent.outbox.numbering import Epoch, Epochs
from edge_agent.outbox.sqlite.database import WAL_FRAME_BYTES, WAL_OVERSHOOT_PAGES
from tests.outbox.parts import HandClock, append, deliver_all, draft, outbox_in, picture

SMALL = 466_000


def bytes_on_disk(folder: Path) -> int:
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".db-shm"]
    return sum(path.stat().st_size for path in files)


def announced(outbox: EventOutbox) -> tuple[set[int], list[int]]:
    """Deliver everything; return (sequences announced as lost, sequences delivered)."""
    lost: set[int] = set()
    delivered: list[int] = []
    while events := outbox.pending(1000):
        for event in events:
            delivered.append(event.sequence)
            outbox.delivered(*event.key)
            if event.kind == "loss":
                loss = json.loads(event.payload)["loss"]
                numbers = [n for low, high in loss["ranges"] for n in range(low, high + 1)]
                assert len(numbers) == loss["count"]
                lost.update(numbers)
        if any(event.kind == "loss" for event in events):
            outbox.append(draft("one more"))  # any commit also stores the next announcement
    return lost, delivered


def test_the_disk_never_holds_more_than_max_bytes(tmp_path: Path) -> None:
    with outbox_in(tmp_path, max_bytes=SMALL) as outbox:
        for number in range(200):
            outbox.append(draft(size=2700, media=picture(f"p{number}", 6000) if number % 7 == 0 else None))
            assert bytes_on_disk(tmp_path) <= SMALL
        assert outbox.stats().shed > 0
        assert outbox.stats().bytes <= SMALL


def test_space_that_events_left_can_be_used_by_pictures(tmp_path: Path) -> None:
    with outbox_in(tmp_path, max_bytes=SMALL) as outbox:
        append(outbox, 300, size=900)
        deliver_all(outbox)
        for number in range(60):
            outbox.append(draft(media=picture(f"p{number}", 8000)))
            # Releasing pages is a large transaction: for a moment the log holds them too.
            assert bytes_on_disk(tmp_path) <= SMALL + WAL_OVERSHOOT_PAGES * WAL_FRAME_BYTES
        assert outbox.stats().media_depth > 20


def test_pictures_go_first_then_info_then_warnings_and_alarms_last(tmp_path: Path) -> None:
    with outbox_in(tmp_path, max_bytes=SMALL) as outbox:
        outbox.append(draft(severity=Severity.ALARM, size=900, media=picture("p1", 6000)))
        for _ in range(100):
            outbox.append(draft(severity=Severity.INFO, size=900))
            outbox.append(draft(severity=Severity.WARNING, size=900))
        assert (outbox.stats().shed, outbox.stats().media_depth) == (0, 1)
        append(outbox, 190, severity=Severity.ALARM, size=900)
        left = [event.priority for event in outbox.pending(1000) if event.kind != "loss"]
        assert (left.count(17), left.count(9), outbox.stats().media_depth) == (191, 0, 0)
        assert 0 < left.count(13) < 100
        assert list((tmp_path / "media").iterdir()) == []


def test_at_most_one_loss_event_waits(tmp_path: Path) -> None:
    with outbox_in(tmp_path, max_bytes=SMALL) as outbox:
        append(outbox, 200, size=2700)
        kinds = [event.kind for event in outbox.pending(10_000)]
    assert kinds.count("loss") == 1


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(Severity)), st.integers(0, 12), st.booleans(), st.booleans()),
        min_size=5,
        max_size=25,
    )
)
def test_every_sequence_is_delivered_or_announced(steps: list[tuple[Severity, int, bool, bool]]) -> None:
    """Also if some are delivered in between, and over restarts."""
    delivered_early: set[int] = set()
    with tempfile.TemporaryDirectory() as name:
        folder, clock = Path(name), HandClock()
        outbox = outbox_in(folder, clock, max_bytes=SMALL)
        outbox.open()
        for severity, count, deliver, restart in steps:
            for _ in range(count):
                outbox.append(draft(severity=severity, size=4000))
            if deliver:
                for event in outbox.pending(3):
                    if event.kind != "loss":
                        outbox.delivered(*event.key)
                        delivered_early.add(event.sequence)
            if restart:
                outbox.close(timeout_s=None)
                outbox = outbox_in(folder, clock, max_bytes=SMALL)
                outbox.open()
        lost, delivered = announced(outbox)
        last = outbox.stats().sequence
        outbox.close(timeout_s=None)
    assert len(delivered) == len(set(delivered))
    assert lost.isdisjoint(delivered)
    assert lost.isdisjoint(delivered_early)
    assert lost | set(delivered) | delivered_early == set(range(1, last + 1))


def test_losses_of_an_earlier_epoch_name_that_epoch() -> None:
    epochs = Epochs([Epoch("a", 0), Epoch("b", 10), Epoch("c", 25)])
    assert epochs.split(8, 27) == [("a", 8, 10), ("b", 1, 15), ("c", 1, 2)]
    assert [epochs.key(n) for n in (10, 11, 26)] == [(10, "a"), (1, "b"), (1, "c")]
    assert (epochs.n(15, "b"), epochs.n(1, "x")) == (25, None)


def test_a_drained_outbox_makes_room_again(tmp_path: Path) -> None:
    with outbox_in(tmp_path, max_bytes=SMALL) as outbox:
        append(outbox, 300, size=900)
        deliver_all(outbox)
        outbox.append(draft())
        shed = outbox.stats().shed
        append(outbox, 150, size=900)
        assert outbox.stats().shed == shed
