"""A database that is restored, cloned, or without its last commits: no number is assigned twice."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from edge_agent.core.delivery import GENESIS_HASH, Confirmation, Stamp
from tests.outbox.parts import HandClock, deliver_all, draft, outbox_in, picture, restamped

PARTS = ("outbox.db", "outbox.db-wal")


def append(folder: Path, count: int, boot_id: str = "boot-1") -> list[Stamp]:
    with outbox_in(folder, boot_id=boot_id) as outbox:
        return [outbox.append(draft(str(number))) for number in range(count)]


def keys(stamps: list[Stamp]) -> set[tuple[str, int]]:
    return {(stamp.epoch, stamp.sequence) for stamp in stamps}


def test_a_state_folder_that_is_restored_from_a_copy_begins_an_epoch(tmp_path: Path) -> None:
    state, copy = tmp_path / "state", tmp_path / "copy"
    before = append(state, 10)
    shutil.copytree(state, copy)
    lost = append(state, 50)
    shutil.rmtree(state)
    shutil.copytree(copy, state)
    after = append(state, 60)
    assert len(keys(before + lost + after)) == 120
    assert after[0].sequence == 1


def test_a_database_that_lost_its_last_commits_begins_an_epoch(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        before = [outbox.append(draft(str(number))) for number in range(10)]
        content = {name: (tmp_path / name).read_bytes() for name in PARTS}
        lost = [outbox.append(draft(str(number))) for number in range(5)]
    for name, found in content.items():
        (tmp_path / name).write_bytes(found)  # the same inodes, as after restoring a card
    after = append(tmp_path, 5)
    assert len(keys(before + lost + after)) == 20


@pytest.mark.parametrize("boot_id", ["boot-2", "boot-1"])
def test_a_cloned_card_begins_an_epoch_in_the_second_box_and_in_the_first_after_a_boot(
    tmp_path: Path, boot_id: str
) -> None:
    first = append(tmp_path / "first", 10)
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    second = append(tmp_path / "second", 20, boot_id)
    first += append(tmp_path / "first", 20, boot_id)
    assert len(keys(first + second)) == 50


def test_a_card_that_went_back_while_the_box_was_off_begins_an_epoch_where_it_was_closed_well(
    tmp_path: Path,
) -> None:
    """The image of a gateway that was shut down, restored to the same card: its content does not show it."""
    before = append(tmp_path, 10)
    after = append(tmp_path, 10, "boot-2")
    assert len(keys(before + after)) == 20
    assert after[0].sequence == 1


def test_the_first_event_of_an_epoch_names_the_newest_one_that_the_store_holds(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        outbox.append(draft())
        head = hashlib.sha256(outbox.pending(1)[0].payload).hexdigest()
        deliver_all(outbox)  # the newest event is deleted: the stored hash is used
    assert append(tmp_path, 1, "boot-2")[0].previous == head != GENESIS_HASH


def test_restarts_in_one_boot_and_boots_without_events_need_no_epoch(tmp_path: Path) -> None:
    stamps = [stamp for _ in range(3) for stamp in append(tmp_path, 2)]
    assert [stamp.sequence for stamp in stamps] == [1, 2, 3, 4, 5, 6]
    assert len({stamp.epoch for stamp in stamps}) == 1
    for boot in range(20):
        append(tmp_path, 0, f"boot-{boot}")
    with outbox_in(tmp_path) as outbox:
        outbox.append(draft())
        assert {event.epoch for event in outbox.pending(10)} == {stamps[0].epoch, outbox.stats().epoch}


def test_what_a_restored_store_still_held_is_confirmed_by_an_ack_that_goes_further(tmp_path: Path) -> None:
    """The centre has 60 events of the epoch; the copy holds ten of them, not delivered."""
    stamps = append(tmp_path, 10)
    with outbox_in(tmp_path, boot_id="boot-2") as outbox:
        outbox.append(draft("new"))
        for event in outbox.pending(20):
            outbox.sent(event)
        assert outbox.confirmed(stamps[0].epoch, 60, []) is Confirmation.NEWS
        assert outbox.stats().depth == 1


def test_a_disk_that_failed_is_not_trusted_by_the_next_agent_of_this_boot(tmp_path: Path) -> None:
    state = tmp_path / "state"
    before = append(state, 3)
    state.rename(tmp_path / "away")
    state.write_bytes(b"a file where the folder should be")
    with outbox_in(state) as outbox:
        outbox.append(draft("only in memory"))
    state.unlink()
    (tmp_path / "away").rename(state)
    assert append(state, 1)[0].epoch != before[0].epoch


def test_an_ack_beyond_what_was_allotted_gives_the_events_of_this_run_other_numbers(tmp_path: Path) -> None:
    """A virtual machine is restored with its memory. The centre also has the events of the run before."""
    append(tmp_path, 2)
    with outbox_in(tmp_path, restamp=restamped) as outbox:
        media = picture("m-1")
        old = [outbox.append(draft(text, media=media)) for text, media in (("a", None), ("b", media))]
        for event in outbox.pending(10):
            outbox.sent(event)
        assert outbox.confirmed(old[0].epoch, 60, []) is Confirmation.BEYOND
        assert outbox.confirmed(old[0].epoch, 60, []) is Confirmation.NEWS, "an epoch that is over"
        texts = [json.loads(event.payload)["text"] for event in outbox.pending(10)]
        assert ([event.key for event in outbox.pending(10)], texts) == (
            [(1, outbox.stats().epoch), (2, outbox.stats().epoch)],
            ["a", "b"],
        )
        assert outbox.stats().epoch != old[0].epoch
        assert outbox.pending_media() is not None


def test_a_centre_that_lies_makes_one_epoch_an_hour(tmp_path: Path) -> None:
    clock = HandClock()
    with outbox_in(tmp_path, clock, restamp=restamped) as outbox:
        epochs = set()
        for _ in range(120):
            outbox.append(draft())
            outbox.confirmed(outbox.stats().epoch, 10**9, [])
            epochs.add(outbox.stats().epoch)
            clock.advance(60)
        assert len(epochs) == 2
