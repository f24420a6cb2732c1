"""``/api/availability``, and the workbook of availability: cell for cell the figures of the API."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from edge_central.availability.day_sums import AvailabilitySums
from edge_central.web import spreadsheets
from edge_central.web.auth.accounts import Role
from edge_central.web.spreadsheets import XLSX_TYPE, ColumnKind, DataTable, TableColumn, xlsx_response
from tests.edge_central.parts import OURS, THEIRS, WARD
from tests.edge_central.web.house import WARDS, Browser, House
from tests.edge_central.web.test_availability_pages import SITES, ZONE, fill
from tests.edge_central.web.test_contract import valid

OCTOBER = {"month": "2026-10"}
MONTH_S = 31 * 86_400


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """October: an hour without power at dt-001, ten hours without a camera at bx-001; half of the days have
    sums."""
    folder = tmp_path_factory.mktemp("house")
    sheet = folder / "sites.csv"
    sheet.write_text(SITES, encoding="utf-8")
    with House(folder, sites_file=str(sheet), availability_target_percent=99.5) as built:
        built.take(OURS.heartbeat("s"), THEIRS.heartbeat("s"))
        fill(built)
        middle_ms = round(datetime(2026, 10, 16, 12, tzinfo=ZONE).timestamp() * 1000)
        with built.store.batch() as batch:
            AvailabilitySums(WARDS, ZONE, lambda: middle_ms).work(batch.connection)
        yield built.start()


@pytest.fixture(scope="module")
def everything(house: House) -> httpx.Client:
    """A program that may read both wards."""
    return house.program(house.token("all", *WARDS))


@pytest.fixture(scope="module")
def some(house: House) -> httpx.Client:
    """A program of one ward."""
    return house.program(house.token("some", WARD))


def asked(client: httpx.Client, **params: str) -> Any:
    return valid(client.get("/api/availability", params=OCTOBER | params), "AvailabilityAnswer")


def test_cameras_have_their_seconds_by_cause(everything: httpx.Client) -> None:
    answer = asked(everything)
    assert (answer["month"], answer["timezone"], answer["complete"]) == ("2026-10", "Asia/Ho_Chi_Minh", True)
    assert (answer["from_at"], answer["to_at"]) == ("2026-09-30T17:00:00.000Z", "2026-10-31T17:00:00.000Z")
    theirs, ours = answer["entries"]
    assert (ours["ward"], ours["gateway"], ours["camera"], ours["cameras"]) == (WARD, "dt-001", "cam-1", 1)
    assert ours["site_name"] == "Ngã tư Lê Quý Đôn"
    assert (ours["usable_s"], ours["counted_s"]) == (MONTH_S - 3_600, MONTH_S)
    assert (ours["conditions_s"]["power"], ours["quality_s"]["dark"]) == (3_600, 7_200)
    assert ours["missed_s"] == 0
    assert theirs["conditions_s"]["camera"] == 36_000
    assert theirs["percent"] == pytest.approx(100 * (MONTH_S - 36_000) / MONTH_S)
    assert theirs["missed_s"] == pytest.approx(MONTH_S * 0.995 - (MONTH_S - 36_000))


@pytest.mark.parametrize(
    ("by", "entries"),
    [
        ("site", [("bo-xuyen", "bx-001", None, 1), (WARD, "dt-001", None, 1)]),
        ("ward", [("bo-xuyen", None, None, 1), (WARD, None, None, 1)]),
        ("all", [(None, None, None, 2)]),
    ],
)
def test_entries_sum_sites_wards_or_everything(everything: httpx.Client, by: str, entries: list[Any]) -> None:
    answer = asked(everything, by=by)
    found = [(each["ward"], each["gateway"], each["camera"], each["cameras"]) for each in answer["entries"]]
    assert found == entries
    assert sum(each["conditions_s"]["camera"] for each in answer["entries"]) == 36_000
    assert sum(each["counted_s"] for each in answer["entries"]) == 2 * MONTH_S


def test_a_token_sees_its_wards_only(house: House, some: httpx.Client) -> None:
    assert [each["gateway"] for each in asked(some)["entries"]] == ["dt-001"]
    assert asked(some, gateway="bx-001")["entries"] == []
    assert asked(some, by="all")["entries"][0]["cameras"] == 1
    assert some.get("/api/availability?ward=bo-xuyen").status_code == 404
    assert house.anybody().get("/api/availability").status_code == 401


def test_one_gateway_and_one_camera(everything: httpx.Client) -> None:
    (found,) = asked(everything, gateway="bx-001", camera="cam-1")["entries"]
    assert found["conditions_s"]["camera"] == 36_000
    assert asked(everything, gateway="bx-001", camera="cam-9", by="site")["entries"] == []


def test_a_month_to_come_has_no_entries(everything: httpx.Client) -> None:
    answer = asked(everything, month="2098-01")
    assert (answer["entries"], answer["complete"]) == ([], False)


@pytest.mark.parametrize(
    "query",
    ["month=2026-13", "month=october", "by=city", "gateway=%3Cscript%3E", "camera=cam-1", "frm=2026-10"],
)
def test_a_question_that_makes_no_sense_is_refused(some: httpx.Client, query: str) -> None:
    answer = some.get(f"/api/availability?{query}")
    assert answer.status_code == 400, query
    assert valid(answer, "Problem")["code"] == "bad-request"


# --- workbooks ---


def opened(content: bytes) -> Any:
    from openpyxl import load_workbook  # takes 0.05 s: not in each process of the tests

    return load_workbook(io.BytesIO(content))


def workbook(browser: Browser, path: str) -> Any:
    answer = browser.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == XLSX_TYPE
    assert answer.headers["content-disposition"].endswith('.xlsx"')
    return opened(answer.content)


def rows_of(sheet: Any) -> list[dict[str, Any]]:
    header, *rows = sheet.iter_rows()
    return [{str(head.value): cell for head, cell in zip(header, row, strict=True)} for row in rows]


@pytest.fixture(scope="module")
def administrator(house: House) -> Browser:
    return house.login("minh", Role.ADMIN)


@pytest.fixture
def minh(administrator: Browser) -> Browser:
    administrator.get("/language/en")
    return administrator


def test_the_report_has_the_figures_of_the_api_as_numbers(everything: httpx.Client, minh: Browser) -> None:
    book = workbook(minh, "/availability/report.xlsx?month=2026-10")
    assert book.sheetnames == ["Cameras", "Outages"]
    rows = rows_of(book["Cameras"])
    entries = asked(everything)["entries"]
    for row, entry in zip(rows, entries, strict=True):
        values = {name: cell.value for name, cell in row.items()}
        assert (values["Ward"], values["Site id"], values["Camera id"]) == (
            *(entry["ward"], entry["gateway"], entry["camera"]),
        )
        assert (values["Site"], values["Camera"]) == (entry["site_name"], entry["camera_name"])
        assert values["Availability (%)"] == pytest.approx(entry["percent"])
        assert values["Month"] == datetime(2026, 10, 1)
        assert (values["Usable (minutes)"], values["Counted (minutes)"]) == (
            *(entry["usable_s"] / 60, entry["counted_s"] / 60),
        )
        assert values["Below target (minutes)"] == round(entry["missed_s"] / 60)
        assert (values["Power"], values["Camera fault"]) == (
            *(entry["conditions_s"]["power"] / 60, entry["conditions_s"]["camera"] / 60),
        )
        assert values["too dark"] == entry["quality_s"]["dark"] / 60
        assert {row[name].data_type for name in ("Power", "Availability (%)", "Counted (minutes)")} == {"n"}
        assert row["Month"].is_date
    lost = next(row for row in rows_of(book["Outages"]) if row["Cause"].value == "Camera fault")
    assert lost["Begin"].value == datetime(2026, 10, 1, 1)
    assert lost["End"].value == datetime(2026, 10, 1, 11)
    assert (lost["Minutes"].value, lost["Begin"].number_format) == (600, "dd/mm/yyyy hh:mm:ss")


def test_the_header_stays_and_is_in_the_language_of_the_user(minh: Browser) -> None:
    minh.get("/language/vi")
    sheet = workbook(minh, "/availability/report.xlsx?month=2026-10")["Camera"]
    assert sheet.freeze_panes == "A2"
    assert [cell.value for cell in sheet[1]][:3] == ["Tháng", "Phường", "Mã điểm"]
    assert sheet.auto_filter.ref == "A1:W3"
    assert sheet.column_dimensions["D"].width > len("Ngã tư Lê Quý Đôn")


def test_a_name_never_becomes_a_formula_or_a_link(minh: Browser) -> None:
    answer = minh.get("/availability/report.xlsx?month=2026-10")
    book = opened(answer.content)
    (cell,) = (cell for row in book["Cameras"].iter_rows() for cell in row if "HYPERLINK" in str(cell.value))
    # openpyxl reads a text that begins with "=" as a formula; the file itself says what it is.
    assert cell.value == '=HYPERLINK("http://x")'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        sheets = b"".join(file.read(name) for name in file.namelist() if "worksheets/sheet" in name)
        assert b"<f>" not in sheets
        assert b"<hyperlink" not in sheets
        assert b"=HYPERLINK" in file.read("xl/sharedStrings.xml")


def test_a_workbook_is_of_the_wards_of_the_account(house: House) -> None:
    browser = house.login("lan", Role.VIEWER, WARD)
    book = workbook(browser, "/availability/report.xlsx?month=2026-10")
    assert "bx-001" not in str([cell.value for sheet in book for row in sheet.iter_rows() for cell in row])
    assert browser.get("/availability/report.xlsx?month=2026-10&ward=bo-xuyen").status_code == 404


def test_a_workbook_that_would_be_too_large_is_refused(
    minh: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheets, "MAX_XLSX_ROWS", 3)
    answer = minh.get("/availability/report.xlsx?month=2026-10")
    assert answer.status_code == 400


ODD = ("=1+1", "+84 90", "-x", "@x", "\tx", "http://x", "a\x00\x1b[31m\u202e", "x" * 40_000, "_x0041_", "'=1")


def test_odd_texts_stay_texts() -> None:
    table = DataTable(
        "t", [TableColumn("text"), TableColumn("n", ColumnKind.COUNT)], [(each, 1) for each in ODD]
    )
    response = xlsx_response("t.xlsx", [table])
    sheet = opened(bytes(response.body))["t"]
    found = [row[0].value for row in sheet.iter_rows(min_row=2)]
    assert found[:6] == list(ODD[:6])
    assert found[8:] == list(ODD[8:])
    assert len(found[7]) == 2_000
