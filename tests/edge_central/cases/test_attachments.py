"""Files of cases: what people bring, notes, their limits, and that an export has them with their SHA-256."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import Connection

from edge_central.cases import attachments
from edge_central.cases.accesses import newest_accesses
from edge_central.cases.attachments import (
    OTHER_TYPE,
    NewAttachment,
    OutsideFile,
    add_note,
    add_outside_file,
    attach,
    check_fits,
    find_attachment,
    type_of,
)
from edge_central.cases.exports import public_pem, sign_exports
from edge_central.cases.facts import file_of, note_of
from edge_central.cases.files import find_case, read_case
from edge_central.cases.model import AddedItem, AttachmentKind, CaseAuthor, CaseRefused, CaseSummary
from edge_central.retention.deletion_plans import DeletionTarget
from edge_central.retention.operator_records import delete_old
from edge_central.store import case_folder, tables
from edge_central.store.case_folder import CaseFolder
from tests.edge_central.cases.parts import HOA, LAN, TUAN, accesses, added, ask_export, read_zip
from tests.edge_central.cases.test_exports import KEY, documented_commands, run, unpacked
from tests.edge_central.parts import JPEG
from tests.edge_central.searches.parts import NOW_MS, WARDS

CLIP = b"\0\0\0\x18ftypmp42" + bytes(100)
SAID = OutsideFile("../../<b>cửa hàng</b>.mp4", "bà Nguyễn Thị Hoa", "=HYPERLINK()")


ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For what asks no question of its own: the database of a test costs more than the test."""


@pytest.fixture
def folder(tmp_path: Path) -> CaseFolder:
    return CaseFolder(tmp_path / "media")


def open_case(connection: Connection, author: CaseAuthor = LAN) -> CaseSummary:
    case = find_case(connection, author, added(connection, author).case_id)
    assert case is not None
    return case


def stored(folder: CaseFolder, case: CaseSummary, content: bytes = CLIP) -> NewAttachment:
    with folder.temporary() as file:
        file.write(content)
        sha256, size = folder.add(case.id, file)
    return NewAttachment(AttachmentKind.OUTSIDE, "a", type_of(content), sha256, size)


def bring(connection: Connection, folder: CaseFolder, case: CaseSummary, content: bytes = CLIP) -> AddedItem:
    return add_outside_file(connection, LAN, case, SAID, stored(folder, case, content), NOW_MS)


def test_a_file_from_outside_is_in_the_case_with_who_brought_it(
    connection: Connection, folder: CaseFolder
) -> None:
    case = open_case(connection)
    new = bring(connection, folder, case)
    view = read_case(connection, LAN, case.id)
    assert view is not None
    item = next(each for each in view.items if each.id == new.item)
    (file,) = item.attachments
    said = file_of(item.facts)
    assert said is not None
    assert (said.name, said.brought_by, item.added_by) == (SAID.name, SAID.brought_by, "lan")
    assert (file.sha256, file.bytes) == (hashlib.sha256(CLIP).hexdigest(), len(CLIP))
    assert file.file_name == f"{new.item:06d}-{file.id}-outside.mp4", "nothing of its name becomes a path"
    assert folder.path(case.id, file.sha256).read_bytes() == CLIP
    assert not bring(connection, folder, case).is_new, "the same bytes are in a case once"
    assert accesses(connection)[-1] == ("lan", "case-add")


@pytest.mark.parametrize(("name", "by"), [("", "Hoa"), ("a.mp4", " \n"), ("\x1b\u202e", "Hoa")])
@ON_SQLITE
def test_a_file_has_a_name_and_somebody_whom_it_is_from(
    connection: Connection, folder: CaseFolder, name: str, by: str
) -> None:
    case = open_case(connection)
    with pytest.raises(CaseRefused, match="that it is from"):
        add_outside_file(connection, LAN, case, OutsideFile(name, by), stored(folder, case), NOW_MS)


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (CLIP, "video/mp4"),
        (b"\0\0\0\x14ftypqt  ", "video/mp4"),
        *((b"\0\0\0\x24ftyp" + brand, "image/heic") for brand in (b"heic", b"heix", b"mif1", b"msf1")),
        *((b"\0\0\0\x1cftyp" + brand, "image/avif") for brand in (b"avif", b"avis")),
        (b"\0\0\0\x1cftypM4A ", "audio/mp4"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"%PDF-1.7", "application/pdf"),
        (b"<svg onload=alert(1)>", OTHER_TYPE),
        (b"<html>", OTHER_TYPE),
        (b"", OTHER_TYPE),
    ],
)
def test_the_type_of_a_file_is_judged_by_its_bytes(head: bytes, found: str) -> None:
    assert type_of(head) == found


@pytest.mark.parametrize(("brand", "suffix"), [(b"heic", "heic"), (b"avif", "avif"), (b"M4A ", "m4a")])
@ON_SQLITE
def test_a_picture_or_sound_in_a_container_of_clips_is_no_clip(
    connection: Connection, folder: CaseFolder, brand: bytes, suffix: str
) -> None:
    case = open_case(connection)
    item = bring(connection, folder, case, CLIP.replace(b"mp42", brand)).item
    view = read_case(connection, LAN, case.id)
    assert view is not None
    (file,) = next(each.attachments for each in view.items if each.id == item)
    assert file.file_name.endswith(f"-outside.{suffix}")
    assert not file.is_clip, "it has neither an altered copy nor an ONVIF file"
    assert not file.is_picture


@ON_SQLITE
def test_a_note_is_an_item(connection: Connection) -> None:
    case = open_case(connection)
    new = add_note(connection, LAN, case, "  Xe máy đỏ,\nbiển số che. ", NOW_MS)
    view = read_case(connection, LAN, case.id)
    assert view is not None
    note = note_of(next(each.facts for each in view.items if each.id == new.item))
    assert note is not None
    assert note.text == "Xe máy đỏ,\nbiển số che."
    for text in (" ", "x" * 2_001):
        with pytest.raises(CaseRefused, match="1 to 2000 characters"):
            add_note(connection, LAN, case, text, NOW_MS)
    assert find_case(connection, TUAN, case.id) is None


@ON_SQLITE
def test_the_owner_of_a_case_that_a_colleague_widened_can_still_add_to_it(
    connection: Connection, folder: CaseFolder
) -> None:
    case = open_case(connection)
    added(connection, HOA, gateway="bx-001", number=2)
    wide = find_case(connection, LAN, case.id)
    assert wide is not None
    assert wide.wards == ("bo-xuyen", "de-tham")
    assert add_note(connection, LAN, wide, "gọi chủ xe", NOW_MS).is_new
    assert bring(connection, folder, wide).is_new
    with pytest.raises(CaseRefused, match="you may not see"):
        add_note(connection, TUAN, wide, "gọi chủ xe", NOW_MS)


@ON_SQLITE
def test_a_case_and_a_disk_have_room_for_so_many_bytes(
    connection: Connection, folder: CaseFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = open_case(connection)
    bring(connection, folder, case)
    assert folder.used_bytes(case.id) == len(CLIP)
    monkeypatch.setattr(attachments, "MAX_CASE_FILES_BYTES", 150)
    with pytest.raises(CaseRefused, match="too large"):
        check_fits(folder, case.id, 100)
    monkeypatch.setattr(case_folder, "MIN_FREE_BYTES", 1 << 60)
    with pytest.raises(CaseRefused, match="almost full"):
        check_fits(folder, case.id, 1)


def test_an_item_has_so_many_files(connection: Connection, folder: CaseFolder) -> None:
    case = open_case(connection)
    item = bring(connection, folder, case).item
    many = [
        NewAttachment(AttachmentKind.STILL, "x", "image/jpeg", f"{each:064x}", 1)
        for each in range(attachments.MAX_ITEM_FILES)
    ]
    with pytest.raises(CaseRefused, match="too many files"):
        attach(connection, case.id, item, many)
    assert attach(connection, case.id, item, many[1:]) == len(many) - 1
    assert attach(connection, case.id, item, many[1:]) == 0, "it has them"
    assert find_attachment(connection, case.id + 1, 1) is None


@ON_SQLITE
def test_an_export_has_the_files_as_they_came(
    connection: Connection, folder: CaseFolder, tmp_path: Path
) -> None:
    case = open_case(connection)
    bring(connection, folder, case, JPEG)
    export = ask_export(connection, LAN, case.id, WARDS, NOW_MS)
    sign_exports(connection, KEY, WARDS, NOW_MS)
    content = read_zip(connection, LAN, case.id, export or 0, folder)
    assert content is not None
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    (name,) = [each for each in names if each.startswith("files/")]
    assert name.endswith("-outside.jpg")
    unpacked_to = unpacked(content, tmp_path)
    assert (unpacked_to / name).read_bytes() == JPEG
    (unpacked_to / "centre.pem").write_bytes(public_pem(KEY))
    assert [run(each, unpacked_to).returncode for each in documented_commands()] == [0, 0]
    document = json.loads((unpacked_to / "case.json").read_text())
    (item,) = [each for each in document["items"] if each["kind"] == "file"]
    assert (item["files"][0]["file"], item["facts"]["brought_by"]) == (name, SAID.brought_by)
    page = (unpacked_to / "index.html").read_text()
    assert "&lt;b&gt;cửa hàng" in page
    assert f'src="{name}"' not in page, "a file from outside is a link"


def test_the_accesses_of_a_case_are_listed_newest_first(connection: Connection, folder: CaseFolder) -> None:
    case = open_case(connection)
    bring(connection, folder, case)
    found = [(row.account, row.what) for row in newest_accesses(connection, case, 10)]
    assert found == [("lan", "case-add"), ("lan", "case-add"), ("minh", "search")]
    assert len(newest_accesses(connection, case, 1)) == 1


@ON_SQLITE
def test_the_files_of_a_deleted_case_are_deleted(connection: Connection, folder: CaseFolder) -> None:
    case = open_case(connection)
    bring(connection, folder, case)
    connection.execute(tables.case_file.update().values(closed_ms=NOW_MS))
    delete_old(connection, DeletionTarget.CASE, NOW_MS + 1, None, 1)
    assert connection.execute(tables.case_attachment.select()).all() == []
    other = folder.path(case.id + 1, "0" * 64)
    other.parent.mkdir()
    folder.discard_others([case.id + 1])
    assert folder.used_bytes(case.id) == 0
    assert other.parent.exists()


def test_a_temporary_file_of_a_killed_process_is_deleted_and_no_other(folder: CaseFolder) -> None:
    with folder.temporary() as used:
        abandoned = Path(used.name).with_name("tmpabandoned")
        abandoned.write_bytes(b"a face")
        folder.discard_others([])
        assert Path(used.name).exists()
    assert not abandoned.exists()
