"""Whole pictures of passages: how few are taken, what is in them, and how long they stay on the disk."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edge_agent.core.model import Box, Tracks
from edge_agent.evidence.seal import unseal
from edge_agent.passages.filters import PassageFilter
from edge_agent.passages.holds import PassageHolds
from edge_agent.passages.observer import PassageObserver
from edge_agent.passages.passage import FOLDER, Passage, PassageScene, ScenePicture
from edge_agent.passages.reader import PassageReader
from edge_agent.passages.scenes.camera_scenes import (
    BURST,
    EVERY_S,
    MAX_SCENE_BYTES,
    SCENE_SIDE,
    CameraScenes,
)
from edge_agent.passages.scenes.store import SCENES_FILE, read_scene
from edge_agent.passages.store import ROWS_FILE
from tests.events.parts import PlainPicture, frame, track
from tests.outbox.parts import HandClock
from tests.passages.parts import StreetPicture, passage, store

NEAR, FAR = Box(0.4, 0.4, 0.5, 0.8), Box(0.1, 0.4, 0.13, 0.5)
HOUR_S = 3600.0
STREET = StreetPicture()


class Street:
    """Objects that a camera follows, at 5 frames a second."""

    def __init__(self, **scenes: object) -> None:
        self.saved: list[Passage] = []
        self.scenes = CameraScenes("cam-1", **scenes)  # type: ignore[arg-type]
        self.observer = PassageObserver("cam-1", self.saved.append, scenes=self.scenes)
        self.now = 1000.0

    def show(self, boxes: dict[str, Box], picture: PlainPicture = STREET) -> None:
        """A frame with these objects, by track."""
        self.now += 0.2
        active = tuple(track(name, box=box, first=1000.0, last=self.now) for name, box in boxes.items())
        self.observer.observe(frame(self.now, picture), Tracks(active))

    def leave(self) -> list[Passage]:
        self.observer.finish()
        return self.saved


def pixels(payload: bytes) -> np.ndarray:
    decoded = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded)


def test_one_picture_serves_all_objects_in_it_each_with_its_box() -> None:
    street = Street()
    street.show({"one": NEAR, "other": FAR})
    one, other = street.leave()
    assert one.scene is not None
    assert other.scene is not None
    assert one.scene.picture is other.scene.picture
    assert (one.scene.box, other.scene.box) == (NEAR, FAR)
    assert one.scene.picture.taken_mono == street.now
    assert pixels(one.scene.picture.payload).shape == (360, 640, 3)


def test_an_object_that_is_much_larger_later_gets_a_later_picture_and_else_none() -> None:
    street = Street()
    for grown in (0.0, 0.02, 0.02, 0.02, 0.25, 0.25, 0.25):
        street.show({"one": Box(0.4 - grown / 2, 0.4, 0.5 + grown / 2, 0.8)})
        street.now += 1.0
    (one,) = street.leave()
    assert one.scene is not None
    assert one.scene.box.width == pytest.approx(0.35)
    assert one.scene.picture.taken_mono == pytest.approx(1000.0 + 4 * 1.2 + 0.2)


def test_an_object_that_the_newest_picture_shows_well_enough_takes_no_other() -> None:
    street = Street()
    street.show({"one": NEAR, "other": FAR})
    first = street.scenes.of_newest(track("one"))
    street.now += 60
    street.show({"other": Box(0.1, 0.4, 0.145, 0.5)})
    assert street.scenes.of_newest(track("one")) is first, "it shows the other well enough"
    street.show({"third": NEAR})
    assert street.scenes.of_newest(track("third")) not in (first, None)


def test_a_camera_takes_a_bounded_number_of_pictures_whatever_passes() -> None:
    street = Street()
    taken = set()
    for n in range(600):  # 120 s in which each frame has another object
        street.show({f"one-{n}": NEAR})
        newest = street.scenes.of_newest(track(f"one-{n}"))
        taken |= set() if newest is None else {newest.picture.serial}
    assert BURST + 120 / EVERY_S - 2 <= len(taken) <= BURST + 120 / EVERY_S


def test_an_object_without_a_picture_of_its_own_ends_with_the_newest_that_shows_it() -> None:
    street = Street()
    for n in range(BURST):
        street.show({f"one-{n}": NEAR})
    street.show({"late": FAR})
    street.now += EVERY_S
    street.show({"late": FAR, "next": NEAR})
    late = next(each for each in street.leave() if each.track == "late")
    assert late.scene is not None
    assert late.scene.picture.taken_mono == street.now


def test_privacy_masks_are_black_and_a_large_picture_becomes_small() -> None:
    left = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    street, picture = Street(privacy_masks=(left,)), StreetPicture(1920, 1080)
    picture.pixels[:] = (0, 0, 0)
    picture.pixels[:, :960] = (255, 255, 255)
    street.show({"one": NEAR}, picture)
    (one,) = street.leave()
    assert one.scene is not None
    shown = pixels(one.scene.picture.payload)
    assert shown.shape == (360, SCENE_SIDE, 3)
    assert shown.max() < 16, "a private pixel"


def test_a_picture_full_of_detail_still_fits_into_the_reply() -> None:
    noisy = StreetPicture()
    noisy.pixels = np.random.default_rng(1).integers(0, 255, noisy.pixels.shape, np.uint8)
    street = Street()
    street.show({"one": NEAR}, noisy)
    (one,) = street.leave()
    assert one.scene is not None
    assert len(one.scene.picture.payload) <= MAX_SCENE_BYTES


def test_a_sealed_picture_opens_with_the_key_of_the_centre_only() -> None:
    key = X25519PrivateKey.generate()
    street = Street(seal_to=key.public_key().public_bytes_raw())
    street.show({"one": NEAR})
    (one,) = street.leave()
    assert one.scene is not None
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert not one.scene.picture.payload.startswith(b"\xff\xd8")
    assert pixels(unseal(one.scene.picture.payload, pem)).shape == (360, 640, 3)


def test_without_a_small_picture_there_is_no_whole_one() -> None:
    street = Street()
    observer = PassageObserver("cam-1", street.saved.append, with_crops=False, scenes=street.scenes)
    observer.observe(frame(1000.0, STREET), Tracks((track("one", box=NEAR),)))
    observer.finish()
    assert street.saved[0].scene is None


# --- on the disk ---


def scene(serial: int, taken_mono: float, size: int = 25_000) -> PassageScene:
    picture = ScenePicture(serial, taken_mono, b"\xff\xd8" + serial.to_bytes(8, "big") + bytes(size))
    return PassageScene(picture, NEAR, 0.04)


def seen(number: int, mono: float, picture: PassageScene) -> Passage:
    return passage(number, mono - 20, scene=picture)


def ids(folder: Path) -> list[int]:
    """Of all passages, the oldest first."""
    return sorted(each.id for each in PassageReader(folder).find(PassageFilter()))


def count(folder: Path) -> int:
    with sqlite3.connect(folder / FOLDER / SCENES_FILE) as file:
        return int(file.execute("SELECT count(*) FROM scene").fetchone()[0])


def test_a_shared_picture_is_stored_once_also_in_another_minute(tmp_path: Path) -> None:
    clock = HandClock(mono=2000.0)
    rows = store(tmp_path, clock)
    shared = scene(1, 1990.0)
    rows.write([seen(1, 2000.0, shared), seen(2, 2000.0, shared._replace(box=FAR))], synced=True)
    clock.advance(60)
    rows.write([seen(3, 2000.0, shared)], synced=True)
    first, second, third = (read_scene(tmp_path, each) for each in ids(tmp_path))
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.payload == second.payload == third.payload == shared.picture.payload
    assert (first.box, second.box, first.after_s) == (NEAR, FAR, 10.0)
    assert count(tmp_path) == 1


def test_a_passage_without_a_picture_and_an_unknown_one_have_none(tmp_path: Path) -> None:
    assert read_scene(tmp_path, 1) is None
    rows = store(tmp_path, HandClock(mono=2000.0))
    rows.write([passage(1), seen(2, 2000.0, scene(1, 1990.0))], synced=True)
    assert read_scene(tmp_path, ids(tmp_path)[0]) is None
    assert read_scene(tmp_path, 1 << 70) is None


def test_whole_pictures_go_after_their_hours_and_rows_stay(tmp_path: Path) -> None:
    clock = HandClock(mono=200_000.0)
    rows = store(tmp_path, clock, scene_hours=6.0)
    for hour in range(9):
        rows.write([seen(hour, clock.mono, scene(hour, clock.mono - 10))], synced=True)
        clock.advance(HOUR_S)
    there = [each for each in ids(tmp_path) if read_scene(tmp_path, each) is not None]
    assert there == ids(tmp_path)[-6:]
    clock.advance(12 * HOUR_S)
    rows.write([], synced=True)
    assert count(tmp_path) == 0
    assert len(ids(tmp_path)) == 9


def test_the_oldest_whole_pictures_go_first_when_the_bytes_are_used_up(tmp_path: Path) -> None:
    clock = HandClock(mono=2000.0)
    rows = store(tmp_path, clock, scene_max_bytes=2_000_000)
    for minute in range(12):
        batch = [seen(n, clock.mono, scene(n, clock.mono)) for n in range(20 * minute, 20 * minute + 20)]
        rows.write(batch, synced=True)
        clock.advance(60)
    assert (tmp_path / FOLDER / SCENES_FILE).stat().st_size < 2_000_000 + 20 * 40_000
    there = [each for each in ids(tmp_path) if read_scene(tmp_path, each) is not None]
    assert 70 < len(there) < 105
    assert there == ids(tmp_path)[-len(there) :]
    with sqlite3.connect(tmp_path / FOLDER / SCENES_FILE) as file:
        assert file.execute("SELECT count(*) FROM place").fetchone() == (len(there),)


def test_a_hold_keeps_the_whole_picture_with_all_that_it_shows(tmp_path: Path) -> None:
    clock = HandClock(mono=200_000.0)
    rows = store(tmp_path, clock)
    rows.write([seen(n, clock.mono, scene(n, clock.mono)) for n in range(3)], synced=True)
    on_hold = ids(tmp_path)[1]
    now_ms = round(clock.now().timestamp() * 1000)
    PassageHolds(tmp_path).place([on_hold], now_ms + 10 * 86_400_000, "7/2026", now_ms)
    clock.advance(5 * 86_400)
    rows.write([], synced=True)
    assert [each for each in ids(tmp_path) if read_scene(tmp_path, each) is not None] == [on_hold]
    clock.advance(10 * 86_400)
    rows.write([], synced=True)
    assert count(tmp_path) == 0


def test_an_old_picture_of_an_object_that_stays_is_not_stored_again(tmp_path: Path) -> None:
    clock = HandClock(mono=200_000.0)
    rows = store(tmp_path, clock)
    parked = seen(1, clock.mono, scene(1, clock.mono))
    rows.write([replace(parked, ended=False)], synced=True)
    clock.advance(30 * HOUR_S)
    rows.write([parked], synced=True)
    assert count(tmp_path) == 0


def test_the_age_counts_from_the_first_synchronisation(tmp_path: Path) -> None:
    clock = HandClock(mono=200_000.0)
    rows = store(tmp_path, clock)
    rows.write([seen(1, clock.mono, scene(1, clock.mono))], synced=False)
    clock.advance(30 * HOUR_S)
    rows.write([passage(2, clock.mono - 20)], synced=True)
    assert count(tmp_path) == 1
    clock.advance(25 * HOUR_S)
    rows.write([], synced=True)
    assert count(tmp_path) == 0


def test_pictures_of_a_clock_that_was_ahead_go_too(tmp_path: Path) -> None:
    clock = HandClock(mono=200_000.0)
    clock.wall += timedelta(days=10)
    rows = store(tmp_path, clock)
    rows.write([seen(1, clock.mono, scene(1, clock.mono))], synced=True)
    clock.wall -= timedelta(days=10)
    rows.write([], synced=True)
    for _ in range(2):
        clock.advance(25 * HOUR_S)
        rows.write([], synced=True)
    assert count(tmp_path) == 0


@pytest.mark.parametrize("jump_days", [-2, 2])
def test_a_short_jump_of_the_clock_costs_no_picture(tmp_path: Path, jump_days: int) -> None:
    clock = HandClock(mono=200_000.0)
    minute = 0
    rows = store(tmp_path, clock, steady=lambda: minute not in range(60, 122))
    for minute in range(180):
        wrong = timedelta(days=jump_days if minute in (60, 61) else 0)
        clock.wall += wrong
        written = [seen(minute, clock.mono, scene(minute, clock.mono, 100))] if minute in (0, 61) else []
        rows.write(written, synced=True)
        clock.wall -= wrong
        clock.advance(60)
    assert count(tmp_path) >= 1
    assert read_scene(tmp_path, min(ids(tmp_path))) is not None


def test_a_row_that_loses_its_picture_does_not_name_the_earlier_one(tmp_path: Path) -> None:
    """A track that began on a signpost and goes on with a person: the earlier picture shows the signpost."""
    clock = HandClock(mono=2000.0)
    rows = store(tmp_path, clock)
    signpost = seen(1, clock.mono, scene(1, clock.mono))
    rows.write([replace(signpost, ended=False)], synced=True)
    rows.write([replace(signpost, scene=None)], synced=True)
    assert [read_scene(tmp_path, each) for each in ids(tmp_path)] == [None]


def test_the_search_each_minute_for_old_pictures_reads_none_that_stays(tmp_path: Path) -> None:
    clock = HandClock(mono=2000.0)
    store(tmp_path, clock).write([seen(1, clock.mono, scene(1, clock.mono))], synced=True)
    with sqlite3.connect(tmp_path / FOLDER / SCENES_FILE) as file:
        for condition in ("taken < 5", "taken IS NULL OR taken > 5"):
            plan = str(file.execute(f"EXPLAIN QUERY PLAN SELECT id FROM scene WHERE {condition}").fetchall())
            assert "scene_taken" in plan
            assert "SCAN" not in plan


def test_a_damaged_file_costs_pictures_but_no_row(tmp_path: Path) -> None:
    clock = HandClock(mono=2000.0)
    rows = store(tmp_path, clock)
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / SCENES_FILE).write_bytes(b"no database" * 1000)
    rows.write([seen(1, 2000.0, scene(1, 1990.0))], synced=True)
    rows.write([seen(2, 2000.0, scene(2, 1990.0))], synced=True)
    first, second = (read_scene(tmp_path, each) for each in ids(tmp_path))
    assert first is None
    assert second is not None


def test_pictures_that_cannot_be_stored_are_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Deleting old ones works meanwhile."""
    clock = HandClock(mono=2000.0)
    rows = store(tmp_path, clock)
    rows.write([seen(1, 2000.0, scene(1, 1990.0))], synced=True)

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(rows._scenes, "_add", fail)
        for number in range(2, 5):
            rows.write([seen(number, 2000.0, scene(number, 1990.0))], synced=True)
    assert len(caplog.messages) == 1
    rows.write([seen(5, 2000.0, scene(5, 1990.0))], synced=True)
    assert count(tmp_path) == 2


def test_a_file_that_cannot_be_reached_costs_no_row(tmp_path: Path) -> None:
    rows = store(tmp_path, HandClock(mono=2000.0))
    rows._scenes._path = tmp_path / ("x" * 300)  # any access to this name fails, as on a failing card
    rows.write([passage(1, 1980.0)], synced=True)
    rows.write([passage(2, 1980.0)], synced=True)
    assert len(ids(tmp_path)) == 2


def test_a_kill_in_the_middle_of_a_write_leaves_no_picture_in_part(tmp_path: Path) -> None:
    """The files as a kill leaves them: pages of a large picture are in the file, its transaction is open."""
    clock = HandClock(mono=2000.0)
    before, after = tmp_path / "before", tmp_path / "after"
    store(before, clock).write([seen(1, 2000.0, scene(1, 1990.0))], synced=True)
    other = sqlite3.connect(before / FOLDER / SCENES_FILE, isolation_level=None)
    other.execute("PRAGMA cache_size=5")
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO scene (serial, taken, jpeg) VALUES (2, 1, ?)", (bytes(900_000),))
    shutil.copytree(before, after)
    other.close()
    assert (after / FOLDER / SCENES_FILE).stat().st_size > 800_000, "the kill came too early"
    store(after, clock).write([seen(2, 2000.0, scene(3, 1990.0))], synced=True)
    assert count(after) == 2
    assert all(read_scene(after, each) is not None for each in ids(after))


def test_switched_off_it_stores_none_and_deletes_the_old_ones(tmp_path: Path) -> None:
    clock = HandClock(mono=200_000.0)
    store(tmp_path, clock).write([seen(1, clock.mono, scene(1, clock.mono))], synced=True)
    rows = store(tmp_path, clock, scenes=False)
    rows.write([seen(2, clock.mono, scene(2, clock.mono))], synced=True)
    assert count(tmp_path) == 1
    clock.advance(25 * HOUR_S)
    rows.write([], synced=True)
    assert count(tmp_path) == 0
    assert (tmp_path / FOLDER / ROWS_FILE).exists()
