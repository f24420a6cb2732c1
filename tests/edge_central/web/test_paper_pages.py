"""The papers of a case: events and files in it, altered copies, who opened what, the minutes."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, func, select, update

from edge_central.cases import attachments as case_attachments
from edge_central.cases.exports import sign_exports
from edge_central.redaction.order import RedactionOrder, RedactionReport
from edge_central.redaction.worker import RedactionWorker
from edge_central.store import case_folder, tables
from edge_central.store.case_folder import CASES, CaseFolder
from edge_central.web.auth.accounts import Role, change_account
from edge_central.web.i18n import ALL, LANGS
from edge_central.web.pages.papers import upload
from tests.edge_central.onvif_export.parts import clip, packets
from tests.edge_central.rehearsals.parts import CAMERA, NIGHT, YARD, document, store_rules
from tests.edge_central.web.hostile import event
from tests.edge_central.web.house import Browser, House, csrf_of
from tests.edge_central.web.test_search_pages import HERE, city, words

__all__ = ["city"]

PICTURE = b"\xff\xd8\xff\xe0 of an event"
COPY = b"\xff\xd8\xff altered"
NUMBER = "7/2026"


def added(house: House, browser: Browser, **data: Any) -> str:
    """An event with a snapshot in a case; returns the page of the case."""
    if browser.get("/events/1").status_code == 404:
        house.picture(HERE, "m-1", PICTURE)
        snapshot = {"media_id": "m-1", "box": [0.1, 0.1, 0.9, 0.9]}
        about = {"phase": "start", "event_id": "e1", "label": "person", "snapshot": snapshot, **data}
        house.take(event(HERE, 1, about))
    browser.get("/language/en")
    answer = browser.post("/events/1/case", {"case": NUMBER}, page="/events/1")
    assert answer.status_code == 303, words(answer.text)
    return answer.headers["location"].partition("#")[0]


def bring(
    browser: Browser, case: str, content: bytes | Iterable[bytes] = b"<script>alert(1)</script>", **more: str
) -> httpx.Response:
    """As ``static/upload.js`` sends a file."""
    said = json.dumps({"name": "clip.mp4", "brought_by": "bà Hoa", "note": "", **more})
    headers = {
        "X-CSRF-Token": csrf_of(browser.get(case).text),
        "X-File": base64.b64encode(said.encode()).decode(),
        "Content-Type": "application/octet-stream",
    }
    return browser.client.post(f"{case}/files", content=content, headers=headers)


def accesses(house: House) -> list[tuple[str, str]]:
    columns = tables.access.c
    query = select(columns.account, columns.what).where(columns.what.like("case%")).order_by(columns.id)
    with house.connections.reading() as connection:
        return [(row.account, row.what) for row in connection.execute(query)]


def make(source: Path, target: IO[bytes], _: RedactionOrder, __: Callable[[], bool]) -> RedactionReport:
    assert source.exists()
    target.write(COPY)
    return RedactionReport(areas=2)


def make_copies(house: House) -> None:
    folder = CaseFolder(house.settings.media_dir)
    for clips in (False, True):
        worker = RedactionWorker(house.connections, folder, house.clock, make, clips=clips)
        while worker.step():
            pass


# --- an event, a note ---


def test_an_event_goes_into_a_case_with_its_picture(city: House) -> None:
    lan = city.browser("lan")
    case = added(city, lan)
    shown = lan.get(case).text
    link = re.search(rf'src="({case}/files/\d+)"', shown)
    assert link is not None
    picture = lan.get(link[1])
    assert (picture.content, picture.headers["content-type"]) == (PICTURE, "image/jpeg")
    assert hashlib.sha256(PICTURE).hexdigest() in shown
    assert "erson" in words(shown)
    assert added(city, lan) == case, "it is there once"
    assert lan.get(case).text.count('class="case-item"') == 1
    with city.connections.writing() as connection:
        connection.execute(delete(tables.media))
    assert lan.get(link[1]).content == PICTURE, "a case outlives the picture of the event"
    assert accesses(city).count(("lan", "case-file")) == 1, "within minutes it is one access"


def test_an_event_takes_the_names_of_its_rule_and_zone_with_it(city: House) -> None:
    named = {"rules": [NIGHT | {"name": "Chợ đêm"}], "zones": {"yard": YARD | {"name": "Sân"}}}
    with city.connections.writing() as connection:
        connection.execute(delete(tables.camera_rules))
        store_rules(connection, HERE.id, HERE.ward, document(CAMERA | named))
    added(city, city.browser("lan"), rule_id="night", zone="yard")
    with city.connections.reading() as connection:
        facts = json.loads(connection.scalar(select(tables.case_item.c.facts)) or b"")
    assert [facts[key] for key in ("rule", "rule_name", "place_name")] == ["night", "Chợ đêm", "Sân"]


def send_clip(house: House, sequence: int, content: bytes, began_at: str, clock: str) -> str:
    """A clip of the event arrives, as a gateway sends it; its SHA-256."""
    media_id, sha256 = f"m-{sequence}", hashlib.sha256(content).hexdigest()
    house.picture(HERE, media_id, content)
    recorded = {"media_id": f"c-{sequence}", "sha256": sha256, "began_at": began_at}
    file = {"media_id": media_id, "sha256": sha256, "content_type": "video/mp4"}
    for number, about in ((sequence, {"clip": recorded}), (sequence + 1, {"file": file})):
        house.take(event(HERE, number, {"event_id": "e1", **about}, kind="evidence", clock=clock))
    return sha256


def test_clips_are_exported_for_other_software_with_their_start(city: House) -> None:
    lan, began_at = city.browser("lan"), "2026-11-24T13:42:06.623Z"
    case = added(city, lan)
    synced = send_clip(city, 2, clip(), began_at, "synced")
    unsynced = send_clip(city, 4, clip(reordered=True), began_at, "unsynced")
    assert added(city, lan) == case
    assert lan.post(f"{case}/export", {}, page=case).status_code == 303
    archive = download(city, lan, case)
    files = [each for item in json.loads(archive.read("case.json"))["items"] for each in item["files"]]
    found = {each["sha256"]: each for each in files if each["kind"] == "clip"}
    for sha256, content, start in ((synced, clip(), began_at), (unsynced, clip(reordered=True), None)):
        onvif = found[sha256]["onvif"]
        assert onvif["start"] == start
        assert packets(archive.read(onvif["file"])) == packets(content)
    for number, lang in enumerate(LANGS):
        lan.get(f"/language/{lang}")
        assert ALL["case-export-hint"][number] in lan.get(case).text


def test_an_event_of_another_ward_is_not_added(city: House) -> None:
    city.person("tuan", Role.OFFICER, "bo-xuyen")
    case = added(city, city.browser("lan"))
    tuan = city.browser("tuan")
    assert tuan.post("/events/1/case", {"case": NUMBER}, page="/cases").status_code == 404
    assert city.browser("tuong").post("/events/1/case", {"case": "8"}, page="/events").status_code == 403
    file = re.search(rf'src="({case}/files/\d+)"', city.browser("lan").get(case).text)
    assert file is not None
    for path in (file[1], f"{case}/redacted", f"{case}/minutes", f"{case}/redacted/1"):
        assert tuan.get(path).status_code == 404, path
    for path, fields in (("notes", {"text": "a"}), ("redacted", {}), ("redacted/check", {"copy": "1"})):
        assert tuan.post(f"{case}/{path}", fields, page="/cases").status_code == 404, path


def test_a_refused_event_says_why(city: House) -> None:
    lan = city.browser("lan")
    case = added(city, lan)
    lan.post(f"{case}/close", {}, page=case)
    for lang, why in (("en", "is closed"), ("vi", "đã đóng")):
        lan.get(f"/language/{lang}")
        refused = lan.post("/events/1/case", {"case": NUMBER}, page="/events/1")
        assert (refused.status_code, why in words(refused.text)) == (409, True)


def test_a_refused_event_is_not_in_the_case(city: House, monkeypatch: pytest.MonkeyPatch) -> None:
    lan = city.browser("lan")
    monkeypatch.setattr(case_attachments, "MAX_CASE_FILES_BYTES", len(PICTURE) - 1)
    with pytest.raises(AssertionError, match="files of the case would be too large"):
        added(city, lan)
    with city.connections.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.case_item)) == 0


def test_an_event_is_added_again_to_a_case_that_is_full(city: House, monkeypatch: pytest.MonkeyPatch) -> None:
    lan = city.browser("lan")
    case = added(city, lan)
    monkeypatch.setattr(case_attachments, "MAX_CASE_FILES_BYTES", len(PICTURE))
    assert added(city, lan) == case, "its files are stored already"


def test_a_note_is_shown_as_it_was_typed(city: House) -> None:
    lan = city.browser("lan")
    case = added(city, lan)
    assert lan.post(f"{case}/notes", {"text": "<b>Xe</b> đỏ"}, page=case).status_code == 303
    assert "&lt;b&gt;Xe&lt;/b&gt; đỏ" in lan.get(case).text
    assert lan.post(f"{case}/notes", {"text": " "}, page=case).status_code == 409


# --- a file from outside ---


def test_a_file_from_outside_is_a_download_whatever_it_says_it_is(city: House) -> None:
    lan = city.browser("lan")
    case = added(city, lan)
    answer = bring(lan, case, name="<img src=x onerror=alert(1)>.svg")
    assert (answer.status_code, answer.json()["is_new"]) == (201, True)
    shown = lan.get(case).text
    assert "&lt;img src=x" in shown
    assert "<img src=x" not in shown
    link = re.search(rf'href="({case}/files/\d+)" download>(\S+-outside\.bin)<', shown)
    assert link is not None
    file = lan.get(link[1])
    assert file.content == b"<script>alert(1)</script>"
    assert file.headers["content-type"] == "application/octet-stream"
    assert file.headers["content-disposition"] == f'attachment; filename="{link[2]}"'
    assert file.headers["x-content-type-options"] == "nosniff"
    for kind, content in (("jpg", b"\xff\xd8\xff<script>"), ("mp4", b"\0\0\0\x18ftypmp42")):
        number = bring(lan, case, content).json()["item"]
        path = re.search(rf'href="({case}/files/\d+)" download>{number:06d}\S+\.{kind}<', lan.get(case).text)
        assert path is not None
        assert lan.get(path[1]).headers["content-disposition"].startswith("attachment")
        for page in (case, f"{case}/redacted"):
            assert f'src="{path[1]}"' not in lan.get(page).text


def test_the_account_is_checked_before_a_file_is_read(city: House) -> None:
    city.person("tuan", Role.OFFICER, "bo-xuyen")
    lan = city.browser("lan")
    case = added(city, lan)
    token = csrf_of(lan.get(case).text)
    good = {"X-CSRF-Token": token, "X-File": base64.b64encode(b'{"name": "a", "brought_by": "b"}').decode()}
    for headers, status in (
        ({**good, "X-CSRF-Token": "x"}, 403),
        ({**good, "Origin": "https://other.example"}, 403),
        ({**good, "X-File": "no base64"}, 400),
        ({**good, "X-File": base64.b64encode(b'{"name": "a\\u0000", "brought_by": "b"}').decode()}, 400),
    ):
        answer = lan.client.post(f"{case}/files", content=b"x", headers=headers)
        assert answer.status_code == status, headers
    assert lan.client.post("/cases/99/files", content=b"x", headers=good).status_code == 404
    tuan = city.browser("tuan")
    of_tuan = good | {"X-CSRF-Token": csrf_of(tuan.get("/cases").text)}
    assert tuan.client.post(f"{case}/files", content=b"x", headers=of_tuan).status_code == 404
    assert city.anybody().post(f"{case}/files", content=b"x", headers=good).status_code in (303, 401)
    assert "outside" not in lan.get(case).text.partition('id="upload"')[0]


def test_a_file_is_refused_that_is_too_large_or_empty(city: House, monkeypatch: pytest.MonkeyPatch) -> None:
    lan = city.browser("lan")
    case = added(city, lan)
    assert bring(lan, case, b"").status_code == 400
    monkeypatch.setattr(upload, "MAX_FILE_BYTES", 10)
    assert bring(lan, case, b"x" * 11).status_code == 413
    assert bring(lan, case, iter([b"x" * 6] * 2)).status_code == 413, "without a Content-Length"
    assert bring(lan, case, b"x" * 10).status_code == 201
    refused = bring(lan, case, b"y", brought_by=" ")
    assert (refused.status_code, "that it is from" in refused.text) == (409, True)
    folder = city.settings.media_dir / CASES / case.rpartition("/")[2]
    assert sorted(each.stat().st_size for each in folder.iterdir()) == [10, len(PICTURE)]
    lan.post(f"{case}/close", {}, page=case)
    assert bring(lan, case, b"late").status_code == 409


def test_a_file_of_an_account_that_is_disabled_meanwhile_is_not_stored(city: House) -> None:
    lan = city.browser("lan")
    case = added(city, lan)

    def body() -> Iterator[bytes]:
        yield b"first"
        with city.connections.writing() as connection:
            change_account(connection, "lan", disabled_ms=1)
        yield b"second"

    assert bring(lan, case, body()).status_code == 401
    with city.connections.reading() as connection:
        assert "file" not in set(connection.scalars(select(tables.case_item.c.kind)))


# --- altered copies ---


def test_a_copy_is_made_viewed_and_exported(city: House, monkeypatch: pytest.MonkeyPatch) -> None:
    lan = city.browser("lan")
    case = added(city, lan)
    page = f"{case}/redacted"
    assert "Not made yet" in words(lan.get(page).text)
    assert 'name="redacted"' not in lan.get(case).text
    assert lan.post(page, {}, page=page).status_code == 303
    assert "being made" in words(lan.get(page).text)
    make_copies(city)
    shown = lan.get(page).text
    copy = re.search(rf'src="({page}/(\d+))\?v=', shown)
    assert copy is not None
    assert lan.get(copy[1]).content == COPY
    assert "2 areas by the program" in words(shown)
    refused = lan.post(f"{case}/export", {"redacted": "1"}, page=case)
    assert (refused.status_code, "no altered copy" in words(refused.text)) == (409, True)
    stale = lan.post(f"{page}/check", {"copy": copy[2], "sha256": "0" * 64}, page=page)
    assert (stale.status_code, "view it again" in words(stale.text)) == (409, True)
    sha256 = hashlib.sha256(COPY).hexdigest()
    assert lan.post(f"{page}/check", {"copy": copy[2], "sha256": sha256}, page=page).status_code == 303
    assert "Checked by lan" in words(lan.get(page).text)
    assert 'name="redacted"' in lan.get(case).text
    assert lan.post(f"{case}/export", {"redacted": "1"}, page=case).status_code == 303
    archive = download(city, lan, case)
    (name,) = [each for each in archive.namelist() if each.endswith("-altered.jpg")]
    assert archive.read(name) == COPY
    (original,) = [each for each in archive.namelist() if each.startswith("files/")]
    assert archive.read(original) == PICTURE
    assert archive.getinfo(original).compress_type == zipfile.ZIP_STORED, "a clip is compressed already"
    monkeypatch.setattr(case_folder, "MIN_FREE_BYTES", 1 << 62)
    assert lan.get(f"{case}/exports/1").status_code == 503, "no zip fills the disk"


def download(house: House, browser: Browser, case: str) -> zipfile.ZipFile:
    with house.connections.writing() as connection:
        sign_exports(connection, Ed25519PrivateKey.generate(), ["de-tham"], house.now_ms())
    link = re.search(rf'href="({case}/exports/\d+)"', browser.get(case).text)
    assert link is not None
    answer = browser.get(link[1])
    assert answer.status_code == 200
    assert len(answer.content) == int(answer.headers["content-length"])
    return zipfile.ZipFile(io.BytesIO(answer.content))


def test_an_area_is_added_by_hand_and_the_copy_is_made_again(city: House) -> None:
    lan = city.browser("lan")
    case = added(city, lan)
    page = f"{case}/redacted"
    lan.post(page, {}, page=page)
    make_copies(city)
    area = {"copy": "1", "left": "10", "top": "20", "width": "95", "height": "5.5"}
    for wrong in ({"left": "x"}, {"width": "0"}, {"top": "100"}, {"left": "nan"}):
        assert lan.post(f"{page}/area", area | wrong, page=page).status_code == 409, wrong
    assert lan.post(f"{page}/area", area, page=page).status_code == 303
    with city.connections.reading() as connection:
        row = connection.execute(select(tables.case_redaction)).one()
    assert (json.loads(row.by_hand), row.status) == ([[0.1, 0.2, 1.0, 0.255]], "waiting")
    make_copies(city)
    assert "1 by hand" in words(lan.get(page).text)
    assert lan.post(f"{page}/area", {"copy": "1", "clear": "1"}, page=page).status_code == 303
    for odd in ("", "x", "99"):
        assert lan.post(f"{page}/area", area | {"copy": odd}, page=page).status_code in (400, 409)


def test_a_copy_that_failed_is_shown_in_both_languages(city: House) -> None:
    lan = city.browser("lan")
    case = added(city, lan)
    lan.post(f"{case}/redacted", {}, page=f"{case}/redacted")
    for failure in ("not-readable", "of tomorrow"):
        with city.connections.writing() as connection:
            connection.execute(update(tables.case_redaction).values(status="failed", failure=failure))
        for number, lang in enumerate(LANGS):
            lan.get(f"/language/{lang}")
            shown = words(lan.get(f"{case}/redacted").text)
            assert f"{ALL['copy-failed'][number]}: " in shown
            assert ALL["copies-check"][number] in shown


# --- who opened what, minutes ---


def test_the_page_of_a_case_says_who_opened_what(city: House) -> None:
    city.person("hoa", Role.OFFICER, "de-tham", "bo-xuyen")
    case = added(city, city.browser("lan"))
    hoa = city.browser("hoa", lang="en")
    hoa.get(case)
    section = words("<main" + hoa.get(case).text.partition('id="accesses"')[2])
    assert re.search(r"hoa viewed a case .*lan added to a case", section)


def test_the_minutes_are_vietnamese_and_list_the_files(city: House) -> None:
    lan = city.browser("lan")
    case = added(city, lan)
    assert "signed export yet" in words(lan.get(f"{case}/minutes").text)
    lan.post(f"{case}/export", {}, page=case)
    archive = download(city, lan, case)
    lan.get("/language/vi")
    assert "(handing over)" not in words(lan.get(f"{case}/minutes").text)
    lan.get("/language/en")
    page = lan.get(f"{case}/minutes").text
    text = words(page)
    assert "(handing over)" in text
    for line in (
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "BIÊN BẢN",
        "BÊN GIAO", "BÊN NHẬN", "(Ký, ghi rõ họ tên)", NUMBER,
    ):  # fmt: skip
        assert line in text, line
    sums = archive.read("SHA256SUMS")
    assert hashlib.sha256(sums).hexdigest() in page
    for line in sums.decode().splitlines():
        digest, _, name = line.partition("  ")
        assert f"<td>{name}</td><td><code>{digest}</code></td>" in page
    assert lan.get(f"{case}/minutes?export=99").status_code == 404
    assert lan.get(f"{case}/minutes?export=x").status_code == 400


ODD: dict[str, Any] = {
    "event_id": "<script>alert(1)</script>" * 40, "label": "<b>" * 400, "rule_id": "x" * 5_000,
    "zone": "\u202e{{ 7 }}", "snapshot": {"media_id": "m-1", "box": [1e308, -1e308, 0, 5]},
}  # fmt: skip


def test_odd_events_and_facts_leave_the_pages_as_they_were(city: House) -> None:
    lan = city.browser("lan")
    case = added(city, lan, **ODD)
    lan.post(f"{case}/redacted", {}, page=f"{case}/redacted")
    make_copies(city)
    pages_open(lan, case)
    for facts in (b'{"text": 1}', b"\xff", b"[" * 10_000):
        with city.connections.writing() as connection:
            connection.execute(update(tables.case_item).values(facts=facts))
        pages_open(lan, case)


def pages_open(lan: Browser, case: str) -> None:
    for lang in LANGS:
        lan.get(f"/language/{lang}")
        for path in (case, f"{case}/redacted", f"{case}/minutes"):
            answer = lan.get(path)
            assert answer.status_code == 200, path
            assert "<script>alert" not in answer.text
            assert ALL["cannot-be-shown"][LANGS.index(lang)] not in answer.text, path
    assert lan.post(f"{case}/export", {}, page=case).status_code == 303
