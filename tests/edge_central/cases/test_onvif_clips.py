"""Clips of a case as ONVIF Export Files: what the export has, what it says, and what cannot stop it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import Connection

from edge_central.cases import onvif_clips
from edge_central.cases.attachments import NewAttachment, attach, type_of
from edge_central.cases.export_page import PageWording
from edge_central.cases.exports import public_pem, sign_exports
from edge_central.cases.facts import EventFacts, as_facts
from edge_central.cases.files import read_case
from edge_central.cases.items import add_item
from edge_central.cases.model import AddedItem, AttachmentKind, CaseItemKind, CaseView, NewCaseItem
from edge_central.cases.redactions import ask_copies, check_copy
from edge_central.store.case_folder import CaseFolder
from tests.edge_central.cases.parts import LAN, NUMBER, ask_export, read_zip
from tests.edge_central.cases.test_attachments import ON_SQLITE, bring, folder
from tests.edge_central.cases.test_exports import KEY, documented_commands, run, unpacked
from tests.edge_central.cases.test_redactions import made
from tests.edge_central.onvif_export.parts import clip, packets, read_boxes
from tests.edge_central.searches.parts import NOW_MS, WARDS

__all__ = ["folder"]

BEGAN_MS = 1_795_528_000_123  # 2026-11-24T13:46:40.123Z
FACTS = EventFacts(
    event_id="e1",
    gateway="dt-001",
    ward="de-tham",
    camera="cam-1",
    kind="zone-intrusion",
    severity=17,
    time="2026-11-24T13:46:45.000Z",
    site="Chợ Bo",
    camera_name="Cổng 1",
    rule="night",
    place="yard",
    place_name="Sân",
)


def case_with_clip(
    connection: Connection, folder: CaseFolder, content: bytes, *, clock_synced: bool | None = True
) -> CaseView:
    """An event with a clip of a gateway; ``clock_synced`` None: it was added by an older version."""
    item = NewCaseItem(
        CaseItemKind.EVENT, "event dt-001/e1", BEGAN_MS, frozenset({"de-tham"}), as_facts(FACTS), "dt-001"
    )
    added = add_item(connection, LAN, NUMBER, item, NOW_MS)
    began_ms = None if clock_synced is None else BEGAN_MS
    attach_clip(connection, folder, added, content, began_ms=began_ms, clock_synced=clock_synced)
    return case_of(connection, added.case_id)


def attach_clip(
    connection: Connection, folder: CaseFolder, to: AddedItem, content: bytes, **more: bool | int | None
) -> None:
    with folder.temporary() as file:
        file.write(content)
        sha256, size = folder.add(to.case_id, file)
    new = NewAttachment(AttachmentKind.CLIP, "clip", type_of(content), sha256, size)
    attach(connection, to.case_id, to.item, [replace(new, **more)])  # type: ignore[arg-type]


def case_of(connection: Connection, case_id: int) -> CaseView:
    case = read_case(connection, LAN, case_id)
    assert case is not None
    return case


def exported(
    connection: Connection, folder: CaseFolder, case: CaseView, tmp_path: Path, *, redacted: bool = False
) -> Path:
    """The folder of an export, which the commands of the guide verify."""
    export = ask_export(connection, LAN, case.summary.id, WARDS, NOW_MS, folder, redacted=redacted)
    sign_exports(connection, KEY, WARDS, NOW_MS)
    content = read_zip(connection, LAN, case.summary.id, export or 0, folder)
    assert content is not None
    target = unpacked(content, tmp_path)
    (target / "centre.pem").write_bytes(public_pem(KEY))
    assert [run(each, target).returncode for each in documented_commands()] == [0, 0]
    return target


def onvif_files(target: Path) -> list[str]:
    return sorted(str(path.relative_to(target)) for path in target.rglob("onvif/*.mp4"))


def described(target: Path) -> list[dict[str, object]]:
    document = json.loads((target / "case.json").read_text())
    return [file for item in document["items"] for file in item["files"]]


def test_a_clip_is_in_the_export_twice_and_verified(
    connection: Connection, folder: CaseFolder, tmp_path: Path
) -> None:
    target = exported(connection, folder, case_with_clip(connection, folder, clip()), tmp_path)
    (name,) = onvif_files(target)
    content = (target / name).read_bytes()
    assert packets(content) == packets(clip())
    (file,) = described(target)
    assert (target / str(file["file"])).read_bytes() == clip(), "the clip is as it came"
    assert (file["began_at"], file["clock"]) == ("2026-11-24T13:46:40.123Z", "synced")
    assert file["onvif"] == {
        "file": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "start": "2026-11-24T13:46:40.123Z",
        "left_out": None,
        "codec": None,
    }
    assert b"dscp" not in content, "there is nothing to note"
    meta = next(each for each in read_boxes(content) if each.kind == "meta")
    said = meta.only("suep", 4).content
    assert all(word.encode() in said for word in ("edge-agent central, de-tham", "lan", "Chợ Bo · Cổng 1"))
    readme = (target / "onvif/README.txt").read_text()
    assert f"{file['file']}\n    {name}, bắt đầu / starts 24/11/2026 13:46:40" in readme
    page = (target / "index.html").read_text()
    assert f'href="{name}"' in page
    assert "rule: night · vùng, vạch ảo / zone, line: Sân (yard)<" in page
    (target / name).write_bytes(content[:-1] + b"x")
    assert run(documented_commands()[0], target).returncode == 1, "a change of one byte is found"


@ON_SQLITE
@pytest.mark.parametrize("clock_synced", [False, None])
def test_a_begin_that_is_not_certain_is_not_claimed(
    connection: Connection, folder: CaseFolder, tmp_path: Path, clock_synced: bool | None
) -> None:
    case = case_with_clip(connection, folder, clip(), clock_synced=clock_synced)
    target = exported(connection, folder, case, tmp_path)
    (name,) = onvif_files(target)
    content = (target / name).read_bytes()
    assert b"cstb" not in content
    assert (b"The gateway's clock was not synchronised" in content) == (clock_synced is False)
    assert "start time not certain" in (target / "onvif/README.txt").read_text()
    (file,) = described(target)
    assert file["clock"] == ("unsynced" if clock_synced is False else None)


@ON_SQLITE
def test_a_damaged_clip_does_not_stop_an_export(
    connection: Connection, folder: CaseFolder, tmp_path: Path
) -> None:
    case = case_with_clip(connection, folder, clip())
    hostile = clip()[:-7]
    bring(connection, folder, case.summary, hostile)
    bring(connection, folder, case.summary, clip("mjpeg"))
    bring(connection, folder, case.summary, b"\x1a\x45\xdf\xa3 matroska")
    item = AddedItem(case.summary.id, case.items[0].id, is_new=False)
    attach_clip(connection, folder, item, b"only the key of the centre opens it", sealed=True)
    target = exported(connection, folder, case_of(connection, case.summary.id), tmp_path)
    assert len(onvif_files(target)) == 1, "that of the whole clip"
    why = [(file["onvif"] or {}).get("left_out") for file in described(target)]  # type: ignore[attr-defined]
    assert sorted(why, key=str) == [None, "codec", "container", "damaged", "sealed"]
    readme, page = (target / "onvif/README.txt").read_text(), unescape((target / "index.html").read_text())
    for words in (
        "it is mp4v, neither H.264 nor H.265",
        "kiểu nén mp4v không phải H.264 hay H.265",
        "the file is damaged or was cut off",
        "it is neither an MP4 nor a QuickTime file",
        "it is sealed, and only the centre's key opens it",
    ):
        assert words in readme
        assert words in page


@ON_SQLITE
def test_a_file_from_outside_has_neither_begin_nor_camera(
    connection: Connection, folder: CaseFolder, tmp_path: Path
) -> None:
    case = case_with_clip(connection, folder, clip())
    bring(connection, folder, case.summary, clip(sound=True))
    target = exported(connection, folder, case_of(connection, case.summary.id), tmp_path)
    (name,) = [each for each in onvif_files(target) if each.endswith("-outside.mp4")]
    content = (target / name).read_bytes()
    assert packets(content) == packets(clip(sound=True))
    assert b"cstb" not in content
    assert "Chợ Bo".encode() not in content


@ON_SQLITE
def test_an_altered_clip_says_that_it_is_one_and_names_nobody(
    connection: Connection, folder: CaseFolder, tmp_path: Path
) -> None:
    case = case_with_clip(connection, folder, clip())
    ask_copies(connection, LAN, case, NOW_MS)
    altered = clip(reordered=True)
    copy = made(connection, folder, case, altered)
    assert check_copy(connection, LAN, case.summary.id, copy.id, copy.sha256 or "", NOW_MS)
    target = exported(connection, folder, case, tmp_path, redacted=True)
    _, name = onvif_files(target)
    assert name.startswith("redacted/onvif/")
    content = (target / name).read_bytes()
    assert packets(content) == packets(altered)
    assert b"cstb" in content, "the time stays"
    assert b"Altered copy, not the original" in content
    meta = next(each for each in read_boxes(content) if each.kind == "meta")
    said = meta.only("suep", 4).content
    assert not any(word.encode() in said for word in ("lan", "Chợ Bo", "Cổng", "de-tham", "dt-001"))
    alone = run("sha256sum --check --strict SHA256SUMS", target / "redacted")
    assert (alone.returncode, name.removeprefix("redacted/") in alone.stdout) == (0, True)
    assert "as ONVIF Export Files" in (target / "redacted/README.txt").read_text()
    (file,) = described(target)
    assert file["altered_copy"]["onvif"]["file"] == name  # type: ignore[index]


@ON_SQLITE
def test_pictures_of_all_clips_of_an_export_are_bounded(
    connection: Connection, folder: CaseFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onvif_clips, "MAX_PICTURES", 20)
    case = case_with_clip(connection, folder, clip())
    bring(connection, folder, case.summary, clip(sound=True))
    target = exported(connection, folder, case_of(connection, case.summary.id), tmp_path)
    assert len(onvif_files(target)) == 1
    assert "too many pictures" in (target / "onvif/README.txt").read_text()


@ON_SQLITE
def test_a_clip_that_is_not_at_the_centre_is_a_line(
    connection: Connection, folder: CaseFolder, tmp_path: Path
) -> None:
    case = case_with_clip(connection, folder, clip())
    (file,) = case.items[0].attachments
    folder.path(case.summary.id, file.sha256).unlink()
    clips = onvif_clips.onvif_clips(folder, case, {}, "lan", NOW_MS, PageWording())
    assert [each.described.left_out for each in clips.originals.values()] == ["missing"]


@ON_SQLITE
def test_the_zip_does_not_compress_clips(connection: Connection, folder: CaseFolder) -> None:
    case = case_with_clip(connection, folder, clip())
    export = ask_export(connection, LAN, case.summary.id, WARDS, NOW_MS, folder)
    sign_exports(connection, KEY, WARDS, NOW_MS)
    content = read_zip(connection, LAN, case.summary.id, export or 0, folder)
    assert content is not None
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (about,) = [each for each in archive.infolist() if each.filename.startswith("onvif/0")]
    assert (about.compress_type, about.date_time >= (2020,)) == (zipfile.ZIP_STORED, True)
