"""The pages of availability: figures, wards, languages, CSV, the timeline of a site, and hostile names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_central.availability.intervals import write_change
from edge_central.availability.model import Layer, RangeChange, SeriesKey
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import translate
from edge_central.web.pages.availability import reports
from tests.edge_central.parts import OURS, THEIRS, FakeGateway
from tests.edge_central.web.house import Browser, House
from tests.edge_central.web.test_traffic_pages import words_of

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
MONTH_MS = round(datetime(2026, 10, 1, tzinfo=ZONE).timestamp() * 1000)
END_MS = round(datetime(2026, 11, 1, tzinfo=ZONE).timestamp() * 1000)
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
SITES = """site,ward,name,latitude,longitude,camera,camera_name,recorder_channel
dt-001,de-tham,Ngã tư Lê Quý Đôn,20.4463,106.3366,cam-1,=HYPERLINK("http://x"),9-43
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    sheet = tmp_path / "sites.csv"
    sheet.write_text(SITES, encoding="utf-8")
    house = House(tmp_path, sites_file=str(sheet), availability_target_percent=99.5)
    with house:
        house.take(OURS.heartbeat("s"), THEIRS.heartbeat("s"))
        fill(house)
        house.person("minh", Role.ADMIN)
        house.person("lan", Role.VIEWER, "de-tham")
        yield house.start()


@pytest.fixture
def browser(house: House) -> Browser:
    return house.browser("minh")


def fill(house: House) -> None:
    """October: an hour without power at one site, ten hours without a camera at the other."""
    with house.connections.writing() as connection:
        for gateway in ("dt-001", "bx-001"):
            for key, state in (
                (SeriesKey(gateway, "", Layer.LINK), "connected"),
                (SeriesKey(gateway, "cam-1", Layer.PICTURE), "online"),
            ):
                write_change(connection, RangeChange(key, MONTH_MS, END_MS, state))
        power = SeriesKey("dt-001", "", Layer.LINK)
        write_change(connection, RangeChange(power, MONTH_MS + HOUR_MS, MONTH_MS + 2 * HOUR_MS, "power"))
        dark = SeriesKey("dt-001", "cam-1", Layer.DARK)
        write_change(connection, RangeChange(dark, MONTH_MS + 5 * HOUR_MS, MONTH_MS + 7 * HOUR_MS, "on"))
        lost = SeriesKey("bx-001", "cam-1", Layer.PICTURE)
        write_change(
            connection, RangeChange(lost, MONTH_MS + HOUR_MS, MONTH_MS + 11 * HOUR_MS, "offline", "stalled")
        )


def table(browser: Browser, path: str) -> list[dict[str, str]]:
    answer = browser.get(path)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_the_pages_have_the_figures_in_both_languages(browser: Browser, lang: str) -> None:
    browser.get(f"/language/{lang}")
    point = "," if lang == "vi" else "."
    city = browser.get("/availability?month=2026-10").text
    assert f"99{point}26%" in city, "733 of 744 hours of two cameras"
    assert f"99{point}87%" in city
    ward = browser.get("/availability?month=2026-10&ward=bo-xuyen").text
    assert f"98{point}66%" in ward
    assert ">377<" in ward, "minutes missed of 99.5%"
    assert translate("condition-camera", lang) in ward  # type: ignore[arg-type]
    assert "01/10/2026 11:00:00" in ward
    summary = browser.get("/availability/summary/bo-xuyen?month=2026-10").text
    assert f"98{point}66%" in summary
    assert "style=" not in city + ward + summary
    below, of, together = (
        translate(word, lang, count=2)  # type: ignore[arg-type]
        for word in ("availability-below", "of-all", "availability-missed-together")
    )
    assert f"<dt>{below}</dt><dd><b>1</b> {of}</dd>" in city
    assert f"<dt>{together}</dt><dd><b>214</b>" in city
    listed = words_of(city[city.index('id="below"') :])
    assert f"bx-001 cam-1 98{point}66% 377 {translate('condition-camera', lang)} 600" in listed  # type: ignore[arg-type]
    assert "dt-001" not in listed, "it meets the target"


def test_the_page_of_all_wards_names_the_worst_and_counts_the_others(
    house: House, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_BELOW", 1)
    lost = SeriesKey("dt-001", "cam-1", Layer.PICTURE)
    with house.connections.writing() as connection:
        change = RangeChange(lost, END_MS - 20 * HOUR_MS, END_MS, "offline", "stalled")
        write_change(connection, change)
    browser.get("/language/en")
    city = browser.get("/availability?month=2026-10").text
    listed = city[city.index('id="below"') :]
    assert "dt-001" in listed
    assert "bx-001" not in listed
    assert "And 1 more below the target; the report (XLSX) names all." in listed
    rows = table(browser, "/availability/cameras.csv?month=2026-10")
    assert [row["Site id"] for row in rows] == ["dt-001", "bx-001"], "the worst first"


def test_the_printed_page_of_a_ward_leaves_out_what_is_not_counted(house: House, browser: Browser) -> None:
    """Sites that were stopped on purpose for the whole month do not hide the camera that was really bad."""
    stopped = [FakeGateway(f"bx-1{number:02d}", "bo-xuyen") for number in range(reports.ON_SUMMARY)]
    house.take(*(box.heartbeat("s") for box in stopped))
    with house.connections.writing() as connection:
        for box in stopped:
            for key, state in (
                (SeriesKey(box.id, "", Layer.LINK), "maintenance"),
                (SeriesKey(box.id, "cam-1", Layer.PICTURE), "online"),
            ):
                write_change(connection, RangeChange(key, MONTH_MS, END_MS, state))
    browser.get("/language/en")
    summary = browser.get("/availability/summary/bo-xuyen?month=2026-10").text
    assert "bx-100" not in summary
    assert "bx-001 · cam-1 98.66% 600 Outages" in words_of(summary[summary.index('id="worst"') :])
    assert " 600 Camera fault" in words_of(summary[summary.index('id="outages"') :])
    assert "left out" not in summary


def test_the_tables_have_the_minutes_of_each_camera_and_each_outage(browser: Browser) -> None:
    browser.get("/language/en")
    (theirs, ours) = table(browser, "/availability/cameras.csv?month=2026-10")
    assert (theirs["Availability (%)"], theirs["Target (%)"], theirs["Below target (minutes)"]) == (
        *("98.656", "99.500", "377"),
    )
    assert (theirs["Power"], ours["Power"], ours["too dark"]) == ("0", "60", "120")
    power, lost = sorted(
        table(browser, "/availability/outages.csv?month=2026-10"), key=lambda row: float(row["Minutes"])
    )
    assert (power["Cause"], power["Minutes"], power["Begin"]) == ("Power", "60.0", "01/10/2026 01:00:00")
    assert (lost["Cause"], lost["Detail"], lost["End"]) == ("Camera fault", "stalled", "01/10/2026 11:00:00")


@pytest.mark.parametrize(
    ("ward", "name"), [("", "2026-10"), ("&ward=de-tham", "de-tham-2026-10"), ("&ward=a%22%0d%0a", "2026-10")]
)
def test_files_of_two_wards_have_different_names(browser: Browser, ward: str, name: str) -> None:
    paths = {"cameras.csv": "-cameras", "outages.csv": "-outages", "report.xlsx": ""}
    for path, what in paths.items():
        answer = browser.get(f"/availability/{path}?month=2026-10{ward}")
        file = f"availability{what}-{name}.{path.partition('.')[2]}"
        assert answer.headers["content-disposition"] == f'attachment; filename="{file}"'


def test_a_name_never_becomes_a_formula_of_a_spreadsheet(browser: Browser) -> None:
    text = browser.get("/availability/cameras.csv?month=2026-10&ward=de-tham").text
    assert "'=HYPERLINK" in text


def test_another_ward_is_in_no_figure(browser: Browser) -> None:
    lan = Browser(browser.client)
    lan.post("/logout")
    lan.log_in("lan")
    for path in ("/availability?month=2026-10", "/availability/cameras.csv?month=2026-10"):
        text = lan.get(path).text
        assert "99,87" in text or "99.866" in text
        assert "bx-001" not in text
        assert "bo-xuyen" not in text
        assert lan.get(f"{path}&ward=bo-xuyen").status_code == 404
    assert lan.get("/availability/summary/bo-xuyen").status_code == 404


@pytest.mark.parametrize("month", ["2026-13", "9999-99", "<script>", "2100-01", "1999-12", ""])
def test_an_impossible_month_is_the_present_one(browser: Browser, month: str) -> None:
    answer = browser.get("/availability", params={"month": month})
    assert answer.status_code == 200
    assert "<script>a" not in answer.text


def test_a_month_to_come_has_no_figures(browser: Browser) -> None:
    browser.get("/language/en")
    assert "There are no figures for this month." in browser.get("/availability?month=2098-01").text


def test_the_page_of_a_site_has_a_timeline_of_each_camera(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        house.take(OURS.heartbeat("s"))
        now_ms = house.now_ms()
        with house.connections.writing() as connection:
            for key, from_ms, state in (
                (SeriesKey("dt-001", "", Layer.LINK), now_ms - 12 * HOUR_MS, "connected"),
                (SeriesKey("dt-001", "cam-1", Layer.PICTURE), now_ms - 12 * HOUR_MS, "online"),
                (SeriesKey("dt-001", "", Layer.LINK), now_ms - 3 * HOUR_MS, "network"),
            ):
                write_change(connection, RangeChange(key, from_ms, None, state))
        house.person("minh", Role.ADMIN)
        page = house.start().browser("minh").get("/sites/dt-001").text
    assert 'class="av-network"' in page
    assert "75,00%" in page
