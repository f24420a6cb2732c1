"""Pictures: shed ones are counted, and finding the next one is cheap."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_agent.core.errors import OutboxError
from edge_agent.core.problems import error_text, problem_of
from edge_agent.outbox import EventOutbox
from edge_agent.outbox.append_request import AppendRequest
from edge_agent.outbox.media import LARGE_LEAVES_BYTES, SYNC_BYTES, MediaBacklog, MediaFiles
from edge_agent.outbox.memory import MemoryMedia
from tests.outbox.parts import HandClock, deliver_all, draft, outbox_in, picture


def test_pictures_given_up_are_counted_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with outbox_in(tmp_path, max_bytes=466_000) as outbox:
        for number in range(60):
            outbox.append(draft(media=picture(f"p{number}", 12_000)))
        stats = outbox.stats()
    assert stats.media_shed == 60 - stats.media_depth > 0
    assert "pictures deleted" in caplog.text


def test_pictures_given_up_in_memory_are_counted_too() -> None:
    media = MemoryMedia(max_bytes=2500)
    for number in range(5):
        media.add((number, "e"), picture(f"p{number}"))
    assert (len(media), media.shed) == (2, 3)


def test_no_event_waits_for_a_large_file(monkeypatch: pytest.MonkeyPatch, outbox: EventOutbox) -> None:
    written, save = threading.Event(), MediaFiles.try_to_save

    def slowly(files: MediaFiles, media_id: str, payload: bytes) -> bool:
        assert written.wait(30)
        return save(files, media_id, payload)

    monkeypatch.setattr(MediaFiles, "try_to_save", slowly)
    large = picture("large", 3 * SYNC_BYTES)
    slow = threading.Thread(target=outbox.append, args=(draft(media=large),))
    slow.start()
    outbox.append(draft())
    assert outbox.stats().depth == 1
    written.set()
    slow.join(30)
    deliver_all(outbox)
    found = outbox.pending_media()
    assert found is not None
    assert found.payload == large.payload
    assert outbox.stats().degraded is None


def test_a_file_larger_than_the_memory_does_not_drop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    media = MemoryMedia(max_bytes=2500)
    media.add((1, "e"), picture("alarm"))
    media.add((2, "e"), picture("clip", 2501))
    assert [each.media_id for _, each in media.due(0.0)] == ["alarm"]
    assert media.shed == 1
    assert "media clip: too large" in caplog.text


def count_saves(monkeypatch: pytest.MonkeyPatch, *, succeed: bool) -> list[str]:
    """Write no file; return the list of the names that are tried from now on."""
    names: list[str] = []

    def save(_: MediaFiles, media_id: str, payload: bytes) -> bool:
        names.append(media_id)
        return succeed

    monkeypatch.setattr(MediaFiles, "try_to_save", save)
    return names


def disk_with(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    usage = SimpleNamespace(total=10**9, used=10**9 - free_bytes, free=free_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def test_a_large_file_without_room_is_refused(monkeypatch: pytest.MonkeyPatch, outbox: EventOutbox) -> None:
    saved = count_saves(monkeypatch, succeed=True)
    clip = picture("clip", 3_000_000)
    disk_with(monkeypatch, LARGE_LEAVES_BYTES + 2_900_000)
    with pytest.raises(OutboxError) as caught:
        outbox.append(draft(media=clip))
    assert problem_of(error_text(caught.value)) is not None
    assert "3 MB" in str(caught.value)
    assert "22 MB free" in str(caught.value)
    assert (saved, outbox.stats().depth, outbox.stats().degraded) == ([], 0, None)
    disk_with(monkeypatch, LARGE_LEAVES_BYTES + 3_100_000)
    outbox.append(draft(media=clip))
    assert (saved, outbox.stats().media_depth) == (["clip"], 1)


def test_a_large_file_that_fails_is_tried_once(monkeypatch: pytest.MonkeyPatch, outbox: EventOutbox) -> None:
    tried = count_saves(monkeypatch, succeed=False)
    with pytest.raises(OutboxError, match="could not store the file of 3 MB"):
        outbox.append(draft(media=picture("clip", 3_000_000)))
    stats = outbox.stats()
    assert (tried, stats.depth, stats.media_depth) == (["clip"], 0, 0)


def test_a_large_file_is_refused_while_events_wait_in_memory(tmp_path: Path, outbox: EventOutbox) -> None:
    outbox._writer._disk_hangs()
    with pytest.raises(OutboxError, match="could not store"):
        outbox.append(draft(media=picture("clip", 3_000_000)))
    assert (outbox.stats().depth, list((tmp_path / "media").iterdir())) == (0, [])


def test_the_writer_thread_writes_no_large_file(monkeypatch: pytest.MonkeyPatch, outbox: EventOutbox) -> None:
    tried = count_saves(monkeypatch, succeed=False)
    for name, size in (("large", 3_000_000), ("small", 1000)):
        outbox._writer.append([AppendRequest(draft(media=picture(name, size)), 0.0)])
    assert tried == ["small"]


def cpu_of_a_look(folder: Path, pictures: int) -> float:
    """Return the least CPU time of 20 calls of ``pending_media`` when all pictures are deferred, seconds."""
    clock = HandClock()

    def look(outbox: EventOutbox) -> float:
        began = time.thread_time()
        assert outbox.pending_media() is None
        return time.thread_time() - began

    with outbox_in(folder, clock) as outbox:
        for number in range(pictures):
            outbox.append(draft(media=picture(f"p{number}", 10)))
        deliver_all(outbox)
        while (media := outbox.pending_media()) is not None:
            outbox.media_deferred(media.media_id, clock.mono + 60)
        return min(look(outbox) for _ in range(20))


def test_looking_for_a_picture_costs_the_same_with_many_deferred(tmp_path: Path) -> None:
    assert cpu_of_a_look(tmp_path / "many", 800) < 8 * cpu_of_a_look(tmp_path / "few", 4)


def test_a_deferred_picture_that_was_given_up_is_forgotten() -> None:
    backlog = MediaBacklog([1, 2])
    backlog.defer(1, 60.0)
    assert (backlog.first(0.0), backlog.deferred) == (2, 1)
    assert (backlog.first(60.0), backlog.deferred) == (1, 0)
    backlog.drop_first()
    assert backlog.first(60.0) == 2


def test_pictures_of_the_last_run_go_and_so_do_those_whose_event_is_delivered_later(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        outbox.append(draft(media=picture("old")))
        deliver_all(outbox)
        outbox.append(draft(media=picture("waiting")))
    sent = []
    with outbox_in(tmp_path) as outbox:
        while (media := outbox.pending_media()) is not None:
            sent.append(media.media_id)
            outbox.media_delivered(media.media_id)
            deliver_all(outbox)
    assert sent == ["old", "waiting"]
