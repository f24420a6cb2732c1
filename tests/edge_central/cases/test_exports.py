"""Exports: what is in the zip, that it is signed, and that the documented commands verify it."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import subprocess
import zipfile
from argparse import Namespace
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Connection, func, select, update

from edge_agent.core.errors import UsageError
from edge_central.cases import exports, items
from edge_central.cases.attachments import NewAttachment, attach
from edge_central.cases.export_page import PageWording
from edge_central.cases.exports import are_sums, list_exports, make_files, public_pem, sign_exports
from edge_central.cases.files import read_case
from edge_central.cases.keeper import CaseKeeper
from edge_central.cases.model import AttachmentKind
from edge_central.cli.cases import run_cases
from edge_central.config import load
from edge_central.searches.answers import record_answers
from edge_central.searches.match_pictures import open_picture
from edge_central.searches.passage_holds import ask_hold
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.store.database import DatabaseConnections
from edge_central.web.i18n import translate_word
from tests.edge_central.cases.parts import (
    HOA,
    LAN,
    NO_FILES,
    NUMBER,
    TUAN,
    accesses,
    added,
    ask_export,
    found,
    item_of,
    open_and_receive,
    read_zip,
)
from tests.edge_central.parts import JPEG
from tests.edge_central.searches import parts as searches
from tests.edge_central.searches.parts import NOW_MS, WARDS, answer, command_of, found_city, passage
from tests.edge_central.searches.test_sender import WallClock

KEY = Ed25519PrivateKey.generate()
GUIDE = Path(__file__).parents[3] / "docs/guide/cases.md"


def case_with_picture(connection: Connection) -> int:
    """A case with a passage, its picture, and an item that is struck out."""
    search = found(connection)
    open_and_receive(connection, search)
    new = items.add_item(connection, LAN, NUMBER, item_of(connection, search), NOW_MS)
    other = added(connection, number=2)
    items.strike_item(connection, LAN, new.case_id, other.item, "<b>another</b> bike", NOW_MS)
    return new.case_id


def exported(connection: Connection) -> bytes:
    case_id = case_with_picture(connection)
    export = ask_export(connection, LAN, case_id, WARDS, NOW_MS)
    assert export is not None
    assert read_zip(connection, LAN, case_id, export) is None, "it is not signed yet"
    assert sign_exports(connection, KEY, WARDS, NOW_MS) == 1
    content = read_zip(connection, LAN, case_id, export)
    assert content is not None
    return content


def unpacked(content: bytes, folder: Path) -> Path:
    target = folder / "export"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(target)
    return target


def test_the_zip_has_facts_pictures_accesses_and_a_page(connection: Connection, tmp_path: Path) -> None:
    folder = unpacked(exported(connection), tmp_path)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    (picture,) = [name for name in names if name.startswith("pictures/")]
    assert names == [
        *("SHA256SUMS", "SHA256SUMS.sig", "access.csv", "case.json", "index.html", picture, "public-key.pem")
    ]
    assert (folder / picture).read_bytes() == JPEG
    case = json.loads((folder / "case.json").read_text())
    assert (case["format"], case["number"], case["exported_by"]) == ("edge-agent case 1", NUMBER, "lan")
    first, second = case["items"]
    assert first["pictures"][0]["file"] == picture
    assert first["facts"]["colours"] == {"upper": ["red"]}
    assert second["struck_out"]["why"] == "<b>another</b> bike"
    assert second["pictures"][0]["status"] == "waiting"
    page = (folder / "index.html").read_text()
    assert f'src="{picture}"' in page
    assert "&lt;b&gt;another" in page
    assert "upper red" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=.?(https?:|//)", page)


def test_the_page_of_an_export_has_local_times_and_words_of_both_languages(connection: Connection) -> None:
    case_id = case_with_picture(connection)
    wording = PageWording(ZoneInfo("Asia/Ho_Chi_Minh"), translate_word)
    case = read_case(connection, LAN, case_id)
    assert case is not None
    page = make_files(connection, NO_FILES, case, "lan", NOW_MS, wording)[0].texts["index.html"]
    local = datetime.fromtimestamp(NOW_MS / 1000, ZoneInfo("Asia/Ho_Chi_Minh"))
    assert f"Exported: {local:%d/%m/%Y %H:%M:%S} (UTC+07:00), lan" in page
    assert "thân trên đỏ / " in page
    assert "upper body red" in page
    assert not re.search(r"\dT\d\d:", page)


def test_holds_of_the_wards_of_the_case_are_in_its_export(connection: Connection) -> None:
    search = found(connection)
    case_id = items.add_item(connection, LAN, NUMBER, item_of(connection, search), NOW_MS).case_id
    other = found(connection, gateway="bx-001")
    for gateway, of in (("dt-001", search), ("bx-001", other)):
        ask_hold(connection, searches.ADMIN, searches.OF_ALL, of, gateway, 1, 90, NOW_MS)
    case = read_case(connection, LAN, case_id)
    assert case is not None
    files, _ = make_files(connection, NO_FILES, case, "lan", NOW_MS, PageWording())
    document = json.loads(files.texts["case.json"])
    assert [(each["gateway"], each["passage"], each["status"]) for each in document["holds"]] == [
        ("dt-001", 1, "asked")
    ]


def test_accesses_are_those_of_the_case(connection: Connection, tmp_path: Path) -> None:
    found(connection, number=9)  # a search of the same number, of which nothing is in the case
    folder = unpacked(exported(connection), tmp_path)
    rows = list(csv.DictReader(io.StringIO((folder / "access.csv").read_text("utf-8-sig"))))
    kinds = [(row["account"], row["what"]) for row in rows]
    assert kinds == [
        *(("minh", "search"), ("minh", "passage"), ("lan", "case-add")),
        *(("minh", "search"), ("lan", "case-add"), ("lan", "case-strike"), ("lan", "case-export")),
    ]


def test_accesses_in_other_wards_are_not_those_of_the_case(connection: Connection, tmp_path: Path) -> None:
    """An administrator has searched the city, and put a passage of one ward into a case of that ward."""
    search = found(connection)
    open_and_receive(connection, search)
    rows = answer("bx-001", command_of(connection, search, "bx-001"), passage(7))
    record_answers(connection, [rows], NOW_MS)
    assert open_picture(connection, searches.ADMIN, searches.OF_ALL, search, "bx-001", 7, NOW_MS) is not None
    case = items.add_item(connection, LAN, NUMBER, item_of(connection, search), NOW_MS).case_id
    export = ask_export(connection, LAN, case, WARDS, NOW_MS)
    sign_exports(connection, KEY, WARDS, NOW_MS)
    content = read_zip(connection, LAN, case, export or 0)
    assert content is not None
    text = (unpacked(content, tmp_path) / "access.csv").read_text("utf-8-sig")
    assert "dt-001" in text
    assert "bx-001" not in text


def test_a_stored_export_is_small(connection: Connection) -> None:
    """Each of ten is kept as long as its case, with up to 20,000 accesses of much the same text."""
    case = case_with_picture(connection)
    for number in range(500):
        facts = {"ward": "de-tham", "gateway": "dt-001", "media_id": str(number), "search": "0" * 16}
        record_access(
            connection, AccessKind.CASE_VIEW, "lan", "10.0.0.1", NOW_MS, **facts, case_number=NUMBER
        )
    ask_export(connection, LAN, case, WARDS, NOW_MS)
    assert (connection.scalar(select(func.length(tables.case_export.c.files))) or 0) < 500 * 30


def documented_commands() -> list[str]:
    """The commands of the section on verifying in the guide."""
    text = GUIDE.read_text(encoding="utf-8")
    section = text.split("## Verify an export")[1].split("\n## ")[0]
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(shlex.split(command), cwd=folder, capture_output=True, text=True, check=False)


def test_the_commands_of_the_guide_verify_an_export(connection: Connection, tmp_path: Path) -> None:
    folder = unpacked(exported(connection), tmp_path)
    (folder / "centre.pem").write_bytes(public_pem(KEY))
    commands = documented_commands()
    assert [each.split()[0] for each in commands] == ["sha256sum", "openssl"]
    for command in commands:
        done = run(command, folder)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("file", ["case.json", "access.csv", "index.html", "pictures", "SHA256SUMS"])
def test_the_commands_of_the_guide_find_a_change(connection: Connection, tmp_path: Path, file: str) -> None:
    folder = unpacked(exported(connection), tmp_path)
    (folder / "centre.pem").write_bytes(public_pem(KEY))
    path = next((folder / "pictures").iterdir()) if file == "pictures" else folder / file
    path.write_bytes(path.read_bytes() + b"\n")
    assert any(run(command, folder).returncode for command in documented_commands())


def test_the_commands_of_the_guide_find_another_key(connection: Connection, tmp_path: Path) -> None:
    folder = unpacked(exported(connection), tmp_path)
    (folder / "centre.pem").write_bytes(public_pem(Ed25519PrivateKey.generate()))
    assert [bool(run(command, folder).returncode) for command in documented_commands()] == [False, True]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"eyJhbGciOiJFZERTQSJ9.eyJpZCI6IjEifQ",  # what a command signs
        b"0" * 64 + b"  ../case.json",  # no line end
        b"0" * 64 + b"  a b\n",
        b"0" * 63 + b"  case.json\n",
        b"0" * 64 + b"  case.json\nmore",
    ],
)
def test_the_ingest_signs_sums_and_nothing_else(connection: Connection, text: bytes) -> None:
    assert not are_sums(text)
    case_id = case_with_picture(connection)
    export = ask_export(connection, LAN, case_id, WARDS, NOW_MS)
    connection.execute(update(tables.case_export).values(sums=text))
    keeper = CaseKeeper(WARDS, WallClock(), KEY)
    assert keeper.has_work(connection)
    keeper.work(connection)
    assert not keeper.has_work(connection)
    assert [each.is_refused for each in list_exports(connection, case_id)] == [True]
    assert export is not None
    assert read_zip(connection, LAN, case_id, export) is None


def test_an_export_is_of_those_who_see_the_case(connection: Connection) -> None:
    case_id = case_with_picture(connection)
    assert ask_export(connection, TUAN, case_id, WARDS, NOW_MS) is None
    assert ask_export(connection, LAN, case_id, [], NOW_MS) is None, "no centre can sign it"
    export = ask_export(connection, HOA, case_id, WARDS, NOW_MS)
    assert export is not None
    sign_exports(connection, KEY, ["bo-xuyen"], NOW_MS)
    assert not list_exports(connection, case_id)[0].is_signed, "a centre of another ward does not sign it"
    sign_exports(connection, KEY, WARDS, NOW_MS)
    assert read_zip(connection, TUAN, case_id, export) is None
    assert read_zip(connection, replace(LAN, account="linh"), case_id, export) is not None
    assert ("hoa", "case-export") in accesses(connection)


def test_a_case_keeps_its_newest_exports_only(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "MAX_EXPORTS", 2)
    case_id = case_with_picture(connection)
    made = [ask_export(connection, LAN, case_id, WARDS, NOW_MS + number) for number in range(4)]
    assert [each.id for each in list_exports(connection, case_id)] == [made[3], made[2]]
    assert connection.scalar(select(func.count()).select_from(tables.case_export)) == 2


def test_without_a_key_pictures_are_taken_and_nothing_is_signed(connection: Connection) -> None:
    search = found(connection)
    new = items.add_item(connection, LAN, NUMBER, item_of(connection, search), NOW_MS)
    open_and_receive(connection, search)
    ask_export(connection, LAN, new.case_id, WARDS, NOW_MS)
    keeper = CaseKeeper(WARDS, WallClock(), None)
    assert keeper.has_work(connection)
    keeper.work(connection)
    assert not keeper.has_work(connection)
    assert not list_exports(connection, new.case_id)[0].is_signed


def test_an_administrator_exports_on_the_server(database: Database, tmp_path: Path) -> None:
    connections = DatabaseConnections(database)
    with connections.writing() as connection:
        found_city(connection)
        case_id = case_with_picture(connection)
    key = tmp_path / "search.pem"
    key.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(0o600)
    config, out = tmp_path / "central.yaml", tmp_path / "case.zip"
    brokers = {"mqtt": {"brokers": ["mqtt://127.0.0.1:1"]}, "search": {"key_file": str(key)}}
    config.write_text(json.dumps({"wards": list(WARDS), "state_dir": str(tmp_path / "state"), **brokers}))
    settings = replace(load(config), database=database)

    def export(case: str, to: Path) -> int:
        return run_cases(Namespace(case=case, out=to, by="An"), settings, io.StringIO())

    assert export(" 7/2026", out) == 0
    folder = unpacked(out.read_bytes(), tmp_path)
    (folder / "centre.pem").write_bytes(public_pem(KEY))
    assert [run(each, folder).returncode for each in documented_commands()] == [0, 0]
    with pytest.raises(UsageError, match="exists already"):
        export(NUMBER, out)
    with pytest.raises(UsageError, match="there is no case 8/2026"):
        export("8/2026", tmp_path / "other.zip")
    with connections.writing() as connection:
        lost = NewAttachment(AttachmentKind.OUTSIDE, "a.pdf", "application/pdf", "ab" * 32, 3)
        item = connection.scalars(select(tables.case_item.c.id)).all()[0]
        attach(connection, case_id, item, [lost])
    with pytest.raises(UsageError, match=f"state/media/_cases/{case_id}/{'ab' * 32} cannot be read: No such"):
        export(NUMBER, tmp_path / "lost.zip")
    assert not (tmp_path / "lost.zip").exists()
    with pytest.raises(UsageError, match=r"none/case\.zip cannot be written: No such"):
        export(NUMBER, tmp_path / "none" / "case.zip")
    with connections.reading() as connection:
        kinds = accesses(connection)
    connections.close()
    assert next(each for each, what in kinds if what == "case-export").startswith("An (user ")
