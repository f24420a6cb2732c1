"""The papers that a box sends to the centre: who finds and opens them, and what a hostile one can do."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from edge_agent.core.delivery import EXAMINATION_EVENT, REPORT_EVENT, SEALED_MAGIC, SIGNED_REPORT_EVENT
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_central.store import tables
from edge_central.store.papers import MAX_PAPERS
from edge_central.web.auth.accounts import Role
from edge_central.web.pages.gateways.papers import MAX_BYTES
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.house import Browser, House
from tests.edge_central.web.test_traffic_pages import text_of

BOX = FakeGateway("dt-001")
REPORT = "<!doctype html><h1>BIÊN BẢN</h1><script>alert(1)</script>"
REPORT_PAGE, EXAMINATION_PAGE = "/sites/dt-001/papers/report-1", "/sites/dt-001/papers/examination-1"


def sends(house: House, media_id: str, payload: bytes, event: str, camera: str = "gateway") -> None:
    message = file_of(media_id, payload, event, camera)
    digest = hashlib.sha256(payload).hexdigest()
    file = {"media_id": media_id, "sha256": digest, "bytes": len(payload), "content_type": "application/gzip"}
    with house.connections.reading() as connection:
        number = len(connection.execute(select(tables.event.c.cursor)).all()) + 1
    house.take(BOX.evidence(number, camera, event_id=event, file=file))
    house.take(message)


def file_of(media_id: str, payload: bytes, event: str, camera: str = "gateway") -> MessageReceived:
    digest = hashlib.sha256(payload).hexdigest()
    named = (("event_id", event), ("camera", camera), ("sha256", digest))
    return MessageReceived(f"{BOX.up}/media/{media_id}", payload, 1, None, properties=named)


def grow_older(house: House) -> None:
    """Let a minute pass for what has arrived."""
    earlier = tables.media.update().values(received_ms=tables.media.c.received_ms - 60_000)
    with house.connections.writing() as connection:
        connection.execute(earlier)


@pytest.fixture
def lan(house: House) -> Browser:
    house.take(BOX.birth("s"), BOX.heartbeat("s"))
    sends(house, "report-1", gzip.compress(REPORT.encode()), f"{REPORT_EVENT}1")
    sends(house, "examination-1", gzip.compress(b"changed"), f"{EXAMINATION_EVENT}1")
    return house.login("lan", Role.VIEWER, "de-tham", lang="vi")


def test_site_and_event_name_each_document_and_open_it(house: House, lan: Browser) -> None:
    site = lan.get("/sites/dt-001").text
    for cursor, title, address in (
        (1, "Biên bản nghiệm thu", REPORT_PAGE),
        (2, "Kết quả kiểm tra sau khi trung tâm xác nhận", EXAMINATION_PAGE),
    ):
        event = lan.get(f"/events/{cursor}").text
        assert title in event
        assert title in site
        for page in (event, site):
            assert f'href="{address}"' in page
        assert "Sự kiện này không có ảnh" not in event
    assert lan.get(REPORT_PAGE).text == REPORT
    with house.connections.reading() as connection:
        opened = connection.execute(select(tables.access).where(tables.access.c.media_id == "report-1")).all()
    assert [(row.account, row.what, row.gateway) for row in opened] == [("lan", "file", "dt-001")]


def test_a_newer_report_takes_the_place_of_the_older_one(house: House, lan: Browser) -> None:
    grow_older(house)
    sends(house, "report-2", gzip.compress(b"newer"), f"{REPORT_EVENT}2")
    site = lan.get("/sites/dt-001").text
    assert site.index("/papers/report-2") < site.index("1 văn bản trước đó") < site.index(REPORT_PAGE)
    assert EXAMINATION_PAGE in site


def test_a_signed_report_comes_before_a_newer_one_without_a_signature(house: House, lan: Browser) -> None:
    sends(house, "signed-1", gzip.compress(b"signed"), f"{SIGNED_REPORT_EVENT}1")
    sends(house, "report-2", gzip.compress(b"newer"), f"{REPORT_EVENT}2")
    site = text_of(lan.get("/sites/dt-001").text)
    assert site.index("Biên bản nghiệm thu đã ký") < site.index("Biên bản nghiệm thu chưa ký")
    assert "Biên bản nghiệm thu đã ký" in lan.get("/events/3").text
    assert lan.get("/sites/dt-001/papers/signed-1").text == "signed"


def test_a_flood_hides_no_earlier_paper_and_the_page_names_the_limit(house: House, lan: Browser) -> None:
    grow_older(house)
    flood = [f"report-{number}" for number in range(2, MAX_PAPERS + 2)]
    house.take(*(file_of(each, gzip.compress(each.encode()), f"{REPORT_EVENT}{each}") for each in flood))
    grow_older(house)
    sends(house, "newest", gzip.compress(b"newest"), f"{REPORT_EVENT}newest")
    site = lan.get("/sites/dt-001").text
    assert (
        site.index("/papers/newest") < site.index(f"{MAX_PAPERS} văn bản trước đó") < site.index(REPORT_PAGE)
    )
    assert f"đã gửi {MAX_PAPERS} văn bản loại này" in site


def test_lists_of_events_name_the_document(lan: Browser) -> None:
    rows = text_of(lan.get("/events?kind=evidence").text)
    assert rows.count("Biên bản nghiệm thu chưa ký") == 1
    assert rows.count("Kết quả kiểm tra sau khi trung tâm xác nhận") == 1


def test_a_hostile_document_has_no_rights_in_the_browser(lan: Browser) -> None:
    shown = lan.get(REPORT_PAGE)
    policy = {part.strip() for part in shown.headers["Content-Security-Policy"].split(";")}
    assert {"sandbox", "default-src 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= policy
    assert not any("script-src" in each or "allow-" in each for each in policy)
    assert shown.headers["X-Content-Type-Options"] == "nosniff"


def test_only_people_of_the_ward_open_it(house: House, lan: Browser) -> None:
    assert house.login("binh", Role.OFFICER, "bo-xuyen").get(REPORT_PAGE).status_code == 404
    nobody: httpx.Client = house.anybody()
    assert nobody.get(REPORT_PAGE).headers["location"].startswith("/login")
    assert lan.get(REPORT_PAGE).status_code == 200


@pytest.mark.parametrize("what", ["bomb", "cut", "no gzip", "other event", "of a camera", "sealed"])
def test_what_is_no_document_is_not_shown(house: House, lan: Browser, what: str) -> None:
    page = gzip.compress(REPORT.encode())
    payload = {
        "bomb": gzip.compress(bytes(MAX_BYTES + 1)),
        "cut": page[:-9],
        "no gzip": b"\x1f\x8b" + REPORT.encode(),
        "sealed": SEALED_MAGIC + bytes(300),
    }.get(what, page)
    event = "diagnose-9" if what == "other event" else f"{REPORT_EVENT}9"
    sends(house, "odd", payload, event, "cam-1" if what == "of a camera" else "gateway")
    assert lan.get("/sites/dt-001/papers/odd").status_code == 404
    if what == "sealed":
        assert 'href="/media/dt-001/odd"' in lan.get("/sites/dt-001").text
        assert "đã mã hóa" in lan.get("/events/3").text


def test_a_document_whose_file_is_gone_is_not_there(house: House, lan: Browser) -> None:
    for path in Path(house.settings.media_dir).rglob("*.gz"):
        path.unlink()
    assert lan.get(REPORT_PAGE).status_code == 404
