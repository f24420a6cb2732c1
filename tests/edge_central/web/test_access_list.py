"""Who looked: what users opened, what lists loaded by themselves, and the filter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, select

from edge_central.commands.model import GatewayCommand
from edge_central.store import tables
from edge_central.store.accesses import AccessKind, record_access
from edge_central.web.auth.access_list import KINDS_OF_GROUP, AccessFilter, AccessGroup, list_accesses
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import ALL, LANGS
from tests.edge_central.commands.parts import store as send
from tests.edge_central.parts import FakeGateway
from tests.edge_central.rehearsals.parts import NIGHT
from tests.edge_central.web.house import Browser, House

HERE = FakeGateway("dt-001")
SHEET = (
    "site;ward;name;latitude;longitude;camera;camera_name;recorder_channel\n"
    "dt-001;Đề Thám;Lý Bôn;20.4463;106.3366;cam-1;Cổng;1-01\n"
)
DAY_MS = 86_400_000
NOON_MS = round(datetime(2026, 11, 20, 12, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")).timestamp() * 1000)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One console; its access log has a row of each kind of lan at NOON_MS, and more."""
    folder: Path = tmp_path_factory.mktemp("house")
    sites = folder / "sites.csv"
    sites.write_text(SHEET, encoding="utf-8")
    with House(folder, sites_file=str(sites)) as built:
        built.take(HERE.heartbeat("s"), HERE.birth("s"))
        built.person("minh", Role.ADMIN)
        built.person("lan", Role.OFFICER, "de-tham")
        with built.connections.writing() as connection:
            for kind in AccessKind:
                place = {"gateway": "dt-001", "camera": "cam-1", "media_id": f"of-{kind}"}
                record_access(connection, kind, "lan", "::1", NOON_MS, **place)
            other = {"gateway": "bx-001", "camera": "cam-1", "media_id": "of-hoa", "case_number": "vụ 7/2026"}
            record_access(connection, AccessKind.SNAPSHOT, "hoa", "::1", NOON_MS + DAY_MS, **other)
        yield built.start()


@pytest.fixture
def minh(house: House) -> Browser:
    return house.browser("minh")


def listed(browser: Browser, **asked: str) -> set[str]:
    """What the page names of the rows of the fixture."""
    page = browser.get("/access", params=asked).text
    return set(re.findall(r"of-[a-z-]+", page[page.index("<tbody>") :]))


def test_each_kind_is_in_one_group() -> None:
    kinds = [kind for group in KINDS_OF_GROUP.values() for kind in group]
    assert sorted(kinds) == sorted(AccessKind)
    assert set(KINDS_OF_GROUP) == set(AccessGroup) - {AccessGroup.ALL}


def test_the_page_begins_with_what_was_opened(minh: Browser) -> None:
    opened = {f"of-{kind}" for kind in KINDS_OF_GROUP[AccessGroup.OPENED]} | {"of-hoa"}
    assert listed(minh) == opened
    assert listed(minh, kind="lists") == {"of-thumbnail"}
    assert listed(minh, kind="all") == {f"of-{kind}" for kind in AccessKind} - {"of-thumbnail"} | {"of-hoa"}


@pytest.mark.parametrize(
    ("asked", "only_of_hoa"),
    [
        ({"account": "hoa"}, True),
        ({"account": " lan "}, False),
        ({"day": "2026-11-21"}, True),
        ({"day": "2026-11-20"}, False),
        ({"case": "vụ 7/2026"}, True),
        ({"case": unicodedata.normalize("NFD", "vụ 7/2026")}, True),
        ({"camera": "bx-001"}, True),
        ({"camera": "bx-001/cam-1"}, True),
        ({"camera": "dt-001"}, False),
        ({"camera": "dt-001/cam-1"}, False),
        ({"camera": "ly bon"}, False),
        ({"camera": "1-01"}, False),
    ],
)
def test_the_filter(minh: Browser, asked: dict[str, str], only_of_hoa: bool) -> None:
    found = listed(minh, **asked)
    assert found == ({"of-hoa"} if only_of_hoa else listed(minh) - {"of-hoa"})


def test_a_word_that_names_many_places_finds_the_accesses_at_all_of_them(tmp_path: Path) -> None:
    sites = tmp_path / "sites.csv"
    rows = [f"dt-{number:03d};de-tham;Điểm {number};;;cam-1;Cổng {number}" for number in range(1, 31)]
    sites.write_text("\n".join((SHEET.partition("\n")[0], *rows)), encoding="utf-8")
    with House(tmp_path, sites_file=str(sites)) as house:
        house.person("minh", Role.ADMIN)
        with house.connections.writing() as connection:
            for number in (5, 28):
                place = {
                    "gateway": f"dt-{number:03d}",
                    "camera": "cam-1",
                    "media_id": f"of-{'ab'[number > 5]}",
                }
                record_access(connection, AccessKind.CLIP, "lan", "::1", NOON_MS, **place)
        browser = house.start().browser("minh", lang="en")
        for typed, found in (("cong", {"of-a", "of-b"}), ("diem", {"of-a", "of-b"}), ("cong 28", {"of-b"})):
            assert listed(browser, camera=typed) == found, typed
        for lang, words in (("en", "and 10 more."), ("vi", "và 10 kết quả nữa.")):
            browser.get(f"/language/{lang}")
            assert words in browser.get("/search?q=cong").text


def test_the_places_of_a_filter_may_be_all_cameras_of_a_city(house: House) -> None:
    places = [(f"g-{number}", f"cam-{camera}") for number in range(500) for camera in range(20)]
    with house.connections.reading() as connection:
        for more, count in ((("dt-001", "cam-1"), 3), (("bx-001", ""), 1), (("g-1", ""), 0)):
            assert len(list_accesses(connection, AccessFilter(places=(*places, more)), None, 3)) == count


def test_the_log_is_for_administrators(house: House) -> None:
    assert house.browser("lan").get("/access").status_code == 403


@pytest.mark.parametrize(
    "asked", [{"kind": "x"}, {"day": "20/11/2026"}, {"day": "9999-12-31"}, {"before": "x"}]
)
def test_values_that_the_form_does_not_send_are_refused(minh: Browser, asked: dict[str, str]) -> None:
    assert minh.get("/access", params=asked).status_code == 400


def test_no_row_is_of_a_camera_that_is_not_there(minh: Browser) -> None:
    for nowhere in ("dt-001/cam-9", "x", "dt-001/"):
        found = listed(minh, camera=nowhere)
        assert found == (listed(minh) - {"of-hoa"} if nowhere == "dt-001/" else set()), nowhere


def test_older_rows_keep_the_filter(house: House, minh: Browser) -> None:
    with house.connections.writing() as connection:
        for number in range(101):
            record_access(connection, AccessKind.LOGIN, "binh", "::1", NOON_MS + number)
    page = minh.get("/access", params={"kind": "accounts", "account": "binh"}).text
    assert page.count("<tr><td>") == 100
    older = re.search(r'href="(/access\?[^"]*before=\d+)"', page)
    assert older is not None
    assert minh.get(older[1].replace("&amp;", "&")).text.count("<tr><td>") == 1


def kinds_of(house: House, media: str) -> list[str]:
    columns = tables.access.c
    query = select(columns.what).where(columns.media_id == media).order_by(columns.id)
    with house.connections.reading() as connection:
        return list(connection.scalars(query))


def test_a_picture_of_a_list_is_told_apart_from_one_that_was_opened(house: House) -> None:
    house.picture(HERE, "m1")
    lan = house.browser("lan")
    address = "/media/dt-001/m1?in=list"
    assert lan.client.get(address, headers={"Sec-Fetch-Dest": "image"}).status_code == 200
    assert kinds_of(house, "m1") == ["thumbnail"]
    lan.client.get(address, headers={"Sec-Fetch-Dest": "image"})
    assert kinds_of(house, "m1") == ["thumbnail"], "again within ten minutes"
    lan.client.get(address, headers={"Sec-Fetch-Dest": "document"})
    assert kinds_of(house, "m1") == ["thumbnail", "snapshot"], "its address was opened by hand"
    app = house.program(house.token("app", "de-tham"))
    app.get("/api/media/dt-001/m1?in=list", headers={"Sec-Fetch-Dest": "image"})
    assert kinds_of(house, "m1")[2:] == ["snapshot"], "a program has no lists"


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_commands_are_written_in_words(house: House, minh: Browser, lang: str) -> None:
    args = {"camera": "cam-1", "rule": NIGHT | {"name": f"Chợ {lang}"}, "config_hash": "ab" * 32}
    with house.connections.writing() as connection:
        send(connection, GatewayCommand("set-rule", args), house.now_ms())
    minh.get(f"/language/{lang}")
    page = minh.get("/access?kind=commands").text
    sentence = ALL["command-says-set-rule"][LANGS.index(lang)]
    assert sentence.format(camera="Cổng", rule=f"Chợ {lang}") in page
    assert f"{ALL['access-command'][LANGS.index(lang)]}:" in page


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "access_opened"),
        ({"group": AccessGroup.ALL}, "access_opened"),
        ({"account": "lan"}, "access_opened_by_account"),
        ({"case_number": "7/2026"}, "access_by_case"),
        ({"places": (("dt-001", ""),)}, "access_by_gateway"),
        ({"places": (("dt-001", "cam-1"),)}, "access_by_gateway"),
        ({"places": (("dt-001", "cam-1"), ("dt-001", "cam-2"))}, "access_by_gateway"),
        ({"group": AccessGroup.LISTS, "account": "lan"}, "access_by_account"),
        ({"from_ms": NOON_MS, "to_ms": NOON_MS + DAY_MS}, "access_opened"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value) or "default",
)
def test_a_filter_reads_an_index_and_not_all_rows(house: House, asked: dict[str, Any], index: str) -> None:
    statements: list[tuple[str, Any]] = []
    with house.connections.reading() as connection:

        def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
            statements.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", note)
        list_accesses(connection, AccessFilter(**asked), None, 10)
        event.remove(connection, "before_cursor_execute", note)
        statement, parameters = statements[-1]
        plan = " ".join(
            str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        )
    assert re.search(rf"INDEX {index}\b", plan), plan
    assert "TEMP B-TREE" not in plan or "by_case" in plan, plan
