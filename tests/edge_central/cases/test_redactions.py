"""Altered copies of a case: when one is made, who checked it, and that only checked ones leave the centre."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy import Connection, select

from edge_central.cases import exports, items
from edge_central.cases.exports import public_pem, sign_exports
from edge_central.cases.files import read_case
from edge_central.cases.model import CaseView
from edge_central.cases.redactions import (
    MAX_BY_HAND,
    MadeCopy,
    RedactedCopy,
    RedactionStatus,
    ask_copies,
    begin_copy,
    check_copy,
    discard_former_copy,
    finish_copy,
    next_waiting,
    read_copies,
    set_areas,
    subjects_of,
)
from edge_central.redaction import worker
from edge_central.redaction.order import RedactionOrder, RedactionReport
from edge_central.redaction.worker import RedactionWorker
from edge_central.settings import Database
from edge_central.store import case_folder, tables
from edge_central.store.case_folder import CaseFolder
from edge_central.store.database import DatabaseConnections, DatabaseUnavailable
from tests.edge_central.cases.parts import (
    LAN,
    NUMBER,
    TUAN,
    accesses,
    ask_export,
    found,
    item_of,
    open_and_receive,
    read_zip,
)
from tests.edge_central.cases.test_attachments import ON_SQLITE, bring, folder
from tests.edge_central.cases.test_exports import KEY, documented_commands, run, unpacked
from tests.edge_central.parts import JPEG
from tests.edge_central.searches.parts import NOW_MS, WARDS, found_city
from tests.edge_central.searches.test_sender import WallClock

__all__ = ["folder"]

COPY = b"\xff\xd8\xff an altered copy"


def case_with_files(connection: Connection, folder: CaseFolder) -> CaseView:
    """A picture of a passage, a clip from outside, and a file that is neither."""
    search = found(connection)
    open_and_receive(connection, search)
    case_id = items.add_item(connection, LAN, NUMBER, item_of(connection, search), NOW_MS).case_id
    view = read_case(connection, LAN, case_id)
    assert view is not None
    bring(connection, folder, view.summary)
    bring(connection, folder, view.summary, b"<html>")
    again = read_case(connection, LAN, case_id)
    assert again is not None
    return again


def copy_of(connection: Connection, case: CaseView) -> RedactedCopy:
    return next(iter(read_copies(connection, case.summary.id).values()))


def made(connection: Connection, folder: CaseFolder, case: CaseView, content: bytes = COPY) -> RedactedCopy:
    """The first copy, as the worker stores it."""
    waiting = next_waiting(connection)
    assert waiting is not None
    assert begin_copy(connection, waiting)
    with folder.temporary() as file:
        file.write(content)
        sha256, size = folder.add(case.summary.id, file)
    finish_copy(connection, waiting, MadeCopy(areas=2, sha256=sha256, bytes=size), NOW_MS)
    return copy_of(connection, case)


def test_pictures_and_clips_have_a_copy_once(connection: Connection, folder: CaseFolder) -> None:
    case = case_with_files(connection, folder)
    assert [each.is_clip for each in subjects_of(case)] == [False, True]
    assert ask_copies(connection, LAN, case, NOW_MS) == 2
    assert ask_copies(connection, LAN, case, NOW_MS) == 0
    assert accesses(connection)[-1] == ("lan", "case-redact")


@ON_SQLITE
def test_a_copy_that_failed_is_made_again_when_it_is_asked_for(
    connection: Connection, folder: CaseFolder
) -> None:
    case = case_with_files(connection, folder)
    ask_copies(connection, LAN, case, NOW_MS)
    for _ in range(2):
        waiting = next_waiting(connection, clips=False)
        assert waiting is not None
        assert begin_copy(connection, waiting)
    waiting = next_waiting(connection, clips=False)
    assert waiting is not None
    assert not begin_copy(connection, waiting), "a process that was killed twice is not started a third time"
    failed = copy_of(connection, case)
    assert (failed.status, failed.failure) == (RedactionStatus.FAILED, "failed")
    assert ask_copies(connection, LAN, case, NOW_MS) == 1
    assert copy_of(connection, case).status is RedactionStatus.WAITING


def test_a_person_checks_the_copy_that_is_shown(connection: Connection, folder: CaseFolder) -> None:
    case = case_with_files(connection, folder)
    ask_copies(connection, LAN, case, NOW_MS)
    copy = made(connection, folder, case)
    assert copy.sha256 is not None
    case_id = case.summary.id
    assert not check_copy(connection, LAN, case_id, copy.id, "0" * 64, NOW_MS), "another one was shown"
    assert not check_copy(connection, TUAN, case_id, copy.id, copy.sha256, NOW_MS)
    assert check_copy(connection, LAN, case_id, copy.id, copy.sha256, NOW_MS)
    assert copy_of(connection, case).checked_by == "lan"
    assert set_areas(connection, LAN, case_id, copy.id, (0.1, 0.1, 0.2, 0.2), NOW_MS)
    again = copy_of(connection, case)
    assert (again.status, again.is_checked) == (RedactionStatus.WAITING, False)
    assert again.by_hand == ((0.1, 0.1, 0.2, 0.2),)
    assert not made(connection, folder, case).is_checked, "it has to be viewed again"


@ON_SQLITE
def test_a_result_of_other_areas_than_asked_for_is_dropped(
    connection: Connection, folder: CaseFolder
) -> None:
    case = case_with_files(connection, folder)
    ask_copies(connection, LAN, case, NOW_MS)
    waiting, copy = next_waiting(connection), copy_of(connection, case)
    assert waiting is not None
    assert set_areas(connection, LAN, case.summary.id, copy.id, (0.0, 0.0, 1.0, 1.0), NOW_MS)
    finish_copy(connection, waiting, MadeCopy(sha256="0" * 64, bytes=1), NOW_MS)
    assert copy_of(connection, case).status is RedactionStatus.WAITING


@ON_SQLITE
def test_a_copy_has_so_many_areas_by_hand(connection: Connection, folder: CaseFolder) -> None:
    case = case_with_files(connection, folder)
    ask_copies(connection, LAN, case, NOW_MS)
    copy, case_id = copy_of(connection, case).id, case.summary.id
    area = (0.0, 0.0, 0.5, 0.5)
    assert all(set_areas(connection, LAN, case_id, copy, area, NOW_MS) for _ in range(MAX_BY_HAND))
    assert not set_areas(connection, LAN, case_id, copy, area, NOW_MS)
    assert set_areas(connection, LAN, case_id, copy, None, NOW_MS)
    assert copy_of(connection, case).by_hand == ()


def exported(connection: Connection, folder: CaseFolder, case: CaseView, *, redacted: bool) -> bytes:
    case_id = case.summary.id
    export = ask_export(connection, LAN, case_id, WARDS, NOW_MS, folder, redacted=redacted)
    assert export is not None
    sign_exports(connection, KEY, WARDS, NOW_MS)
    content = read_zip(connection, LAN, case_id, export, folder)
    assert content is not None
    return content


def test_an_export_has_checked_copies_beside_untouched_originals(
    connection: Connection, folder: CaseFolder, tmp_path: Path
) -> None:
    case = case_with_files(connection, folder)
    ask_copies(connection, LAN, case, NOW_MS)
    copy = made(connection, folder, case)
    assert check_copy(connection, LAN, case.summary.id, copy.id, copy.sha256 or "", NOW_MS)
    made(connection, folder, case, b"a second copy, which nobody has checked")
    target = unpacked(exported(connection, folder, case, redacted=True), tmp_path)
    names = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    altered = {name for name in names if name.startswith("redacted/")}
    (name,) = altered - {"redacted/README.txt", "redacted/SHA256SUMS"}
    assert (target / name).read_bytes() == COPY
    document = json.loads((target / "case.json").read_text())
    picture = document["items"][0]["pictures"][0]
    assert (target / picture["file"]).read_bytes() == JPEG, "the original is as it was"
    assert picture["altered_copy"]["file"] == name
    assert picture["altered_copy"]["altered"] is True
    assert picture["altered_copy"]["checked_by"] == "lan"
    assert picture["altered_copy"]["sha256"] == copy.sha256 != picture["sha256"]
    readme = (target / "redacted/README.txt").read_text()
    assert "1 of 2" in readme
    assert "altered, not the originals" in readme
    (target / "centre.pem").write_bytes(public_pem(KEY))
    assert [run(each, target).returncode for each in documented_commands()] == [0, 0]
    alone = run("sha256sum --check --strict SHA256SUMS", target / "redacted")
    assert alone.returncode == 0, "the folder can be given away alone"


@ON_SQLITE
def test_an_export_without_the_option_has_no_copies(
    connection: Connection, folder: CaseFolder, tmp_path: Path
) -> None:
    case = case_with_files(connection, folder)
    ask_copies(connection, LAN, case, NOW_MS)
    copy = made(connection, folder, case)
    check_copy(connection, LAN, case.summary.id, copy.id, copy.sha256 or "", NOW_MS)
    target = unpacked(exported(connection, folder, case, redacted=False), tmp_path)
    assert not (target / "redacted").exists()


@ON_SQLITE
def test_a_copy_that_is_made_again_frees_its_room_unless_an_export_has_it(
    database: Database, folder: CaseFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 0

    def make(
        source: Path, target: IO[bytes], order: RedactionOrder, goes_on: Callable[[], bool]
    ) -> RedactionReport:
        nonlocal number
        target.write(b"\xff\xd8\xff %099d" % (number := number + 1))
        return RedactionReport(areas=1)

    connections = DatabaseConnections(database)
    with connections.writing() as connection:
        found_city(connection)
        case = case_with_files(connection, folder)
        ask_copies(connection, LAN, case, NOW_MS)
    case_id = case.summary.id
    originals = folder.used_bytes(case_id)
    monkeypatch.setattr(worker, "MAX_CASE_FILES_BYTES", originals + 250)
    monkeypatch.setattr(exports, "MAX_EXPORTS", 1)
    of_pictures = RedactionWorker(connections, folder, WallClock(), make, clips=False)
    exported_sums = []
    for _ in range(3):
        assert of_pictures.step()
        with connections.writing() as connection:
            copy = copy_of(connection, case)
            assert (copy.status, copy.failure) == (RedactionStatus.DONE, None)
            assert check_copy(connection, LAN, case_id, copy.id, copy.sha256 or "", NOW_MS)
            assert ask_export(connection, LAN, case_id, WARDS, NOW_MS, folder, redacted=True)
            exported_sums.append(copy.sha256 or "")
        for _ in range(3):
            with connections.writing() as connection:
                assert set_areas(connection, LAN, case_id, copy.id, (0.1, 0.1, 0.2, 0.2), NOW_MS)
            assert of_pictures.step()
            assert folder.used_bytes(case_id) == originals + 206, "the newest copy, and the exported one"
        with connections.writing() as connection:
            set_areas(connection, LAN, case_id, copy.id, None, NOW_MS)
    connections.close()
    assert [folder.path(case_id, each).exists() for each in exported_sums] == [False, False, True]


@ON_SQLITE
def test_an_export_of_a_copy_that_is_being_made_again_is_not_stored(
    connection: Connection, folder: CaseFolder
) -> None:
    case = case_with_files(connection, folder)
    ask_copies(connection, LAN, case, NOW_MS)
    copy, case_id = made(connection, folder, case), case.summary.id
    assert check_copy(connection, LAN, case_id, copy.id, copy.sha256 or "", NOW_MS)
    row = exports.read_export(connection, folder, LAN, case_id, "de-tham", NOW_MS, redacted=True)
    assert row is not None
    assert set_areas(connection, LAN, case_id, copy.id, (0.1, 0.1, 0.2, 0.2), NOW_MS)
    waiting = next_waiting(connection, clips=False)
    assert waiting is not None
    discard_former_copy(connection, folder, waiting)
    assert exports.store_export(connection, folder, row) is None
    assert exports.list_exports(connection, case_id) == []


@ON_SQLITE
def test_a_result_that_is_dropped_leaves_no_file(database: Database, folder: CaseFolder) -> None:
    connections = DatabaseConnections(database)

    def make(
        source: Path, target: IO[bytes], order: RedactionOrder, goes_on: Callable[[], bool]
    ) -> RedactionReport:
        target.write(COPY)
        with connections.writing() as connection:
            set_areas(connection, LAN, case_id, copy_of(connection, case).id, (0.1, 0.1, 0.2, 0.2), NOW_MS)
        return RedactionReport(areas=1)

    with connections.writing() as connection:
        found_city(connection)
        case = case_with_files(connection, folder)
        ask_copies(connection, LAN, case, NOW_MS)
    case_id = case.summary.id
    before = folder.used_bytes(case_id)
    assert RedactionWorker(connections, folder, WallClock(), make, clips=False).step()
    connections.close()
    assert folder.used_bytes(case_id) == before


def test_a_copy_that_was_tried_waits_behind_those_that_were_not(
    connection: Connection, folder: CaseFolder
) -> None:
    case = case_with_files(connection, folder)
    ask_copies(connection, LAN, case, NOW_MS)
    picture, clip = (next_waiting(connection, clips=clips) for clips in (False, True))
    assert picture is not None
    assert clip is not None
    assert (picture.subject.partition(" ")[0], clip.subject.partition(" ")[0]) == ("picture", "attachment")
    assert next_waiting(connection) == picture
    begin_copy(connection, picture)
    assert next_waiting(connection) == clip


@ON_SQLITE
def test_the_worker_makes_what_is_asked_for(
    database: Database, folder: CaseFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = []

    def make(
        source: Path, target: IO[bytes], order: RedactionOrder, goes_on: Callable[[], bool]
    ) -> RedactionReport:
        assert goes_on()
        orders.append((source.read_bytes(), order))
        if order.kind == "clip":
            return RedactionReport(failure="too-long")
        target.write(COPY)
        return RedactionReport(areas=3)

    connections = DatabaseConnections(database)
    with connections.writing() as connection:
        found_city(connection)
        case = case_with_files(connection, folder)
        ask_copies(connection, LAN, case, NOW_MS)
    of_pictures, of_clips = (
        RedactionWorker(connections, folder, WallClock(), make, clips=clips) for clips in (False, True)
    )
    with monkeypatch.context() as full_disk:
        full_disk.setattr(case_folder, "MIN_FREE_BYTES", 1 << 62)
        with pytest.raises(DatabaseUnavailable, match="too full"):
            of_pictures.step()
    assert [of_pictures.step(), of_pictures.step()] == [True, False], "the clip does not delay the picture"
    assert [of_clips.step(), of_clips.step()] == [True, False]
    with connections.reading() as connection:
        picture, clip = read_copies(connection, case.summary.id).values()
        used = list(connection.scalars(select(tables.case_redaction.c.attempts)))
    connections.close()
    assert (picture.status, picture.areas) == (RedactionStatus.DONE, 3)
    assert folder.path(case.summary.id, picture.sha256 or "").read_bytes() == COPY
    assert (clip.status, clip.failure) == (RedactionStatus.FAILED, "too-long")
    assert used == [1, 1]
    (content, order), (_, of_clip) = orders
    assert content == JPEG
    assert [each.group for each in order.known] == ["two-wheeler"], "what the passage is"
    assert (of_clip.kind, of_clip.known) == ("clip", ())
