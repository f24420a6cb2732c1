"""The file of the last sign of life survives a kill, and the next run does not read its own record."""

from __future__ import annotations

from pathlib import Path

from edge_agent.events.envelope import ALIVE_EVERY_S, LastAliveFile
from tests.outbox.parts import HandClock


def test_the_next_run_knows_until_when_the_one_before_lived(tmp_path: Path) -> None:
    clock, path = HandClock(mono=100.0), tmp_path / "alive.json"
    first = LastAliveFile(path, clock, "boot-1")
    first.record()
    clock.advance(ALIVE_EVERY_S)
    first.record()
    clock.advance(ALIVE_EVERY_S - 1)
    first.record()  # not due yet
    assert first.previous() is None, "its own"
    clock.advance(500.0)
    second = LastAliveFile(path, clock, "boot-1")
    second.record()
    before = second.previous()
    assert before is not None
    assert (before.boot_id, before.mono) == ("boot-1", 100.0 + ALIVE_EVERY_S)


def test_a_disk_that_comes_late_tells_it_too(tmp_path: Path) -> None:
    clock, disk = HandClock(mono=100.0), tmp_path / "disk"
    disk.mkdir()
    LastAliveFile(disk / "alive.json", clock, "boot-1").record()
    disk.rename(tmp_path / "away")
    clock.advance(ALIVE_EVERY_S)
    second = LastAliveFile(disk / "alive.json", clock, "boot-1")
    second.record()
    (tmp_path / "away").rename(disk)
    clock.advance(ALIVE_EVERY_S)
    second.record()
    before = second.previous()
    assert before is not None
    assert before.mono == 100.0
