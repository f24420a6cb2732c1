"""The pages of traffic and ``/api/traffic``: figures, gaps, scope, files; on both databases."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.event import listen

from edge_central.settings import Database
from edge_central.store.scope import EVERYWHERE
from edge_central.traffic import series
from edge_central.traffic.series import TrafficFilter, read_series, read_sums
from edge_central.web.api import traffic
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import OURS, THEIRS, WARD
from tests.edge_central.prepared import configured
from tests.edge_central.rehearsals.parts import document, store_rules
from tests.edge_central.traffic.parts import (
    DAY,
    TIMEZONE,
    WEEK_BEFORE,
    WHOLE_DAY,
    flow,
    line_counts,
    moment,
    object_counts,
    seeing,
    turns,
)
from tests.edge_central.web.house import Browser, House
from tests.edge_central.web.test_contract import valid
from tests.host.fakes import FakeClock

LINE = f"/traffic?ward={WARD}&gateway=dt-001&camera=cam-1&rule=gate-count&line=gate"
CAMERA = f"/traffic?ward={WARD}&gateway=dt-001&camera=cam-1"
TURNS = turns({"person": 2}, east={"car": 3}, west={"car": 2, "bus": 1})
SHEET = (
    "site;ward;name;latitude;longitude;camera;camera_name\n"
    "dt-001;de-tham;Lê Quý Đôn;20,4463;106.3366;cam-1;Cổng\n"
    "bx-001;bo-xuyen;Quang Trung;;;cam-1;=Cổng bí mật\n"
)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    """At 12:03, with a morning of this week and of the week before."""
    sheet = tmp_path / "sites.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    clock = FakeClock(moment("12:03", WEEK_BEFORE))
    with House(tmp_path, database=configured(database), clock=clock, sites_file=str(sheet)) as built:
        built.take(
            OURS.heartbeat("s"),
            line_counts(OURS, 1, "00:00", "10:07", {"car": 4}, {"car": 1}, day=WEEK_BEFORE),
            seeing(OURS, "12:01", "00:00", day=WEEK_BEFORE),
        )
        clock.wall = moment("12:03", DAY)
        built.take(
            line_counts(OURS, 2, "00:00", "10:07", {"car": 5, "person": 2}, {"car": 1}, data=TURNS),
            object_counts(OURS, 3, "10:06", "10:07", {"car": 9}),
            seeing(OURS, "12:01", "09:00"),
            object_counts(THEIRS, 1, "10:06", "10:07", {"bus": 77}),
            THEIRS.heartbeat("s"),
        )
        yield built.start()


@pytest.fixture
def lan(house: House) -> Browser:
    """An officer of one ward."""
    return house.login("lan", Role.OFFICER, WARD)


def words_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def text_of(html: str) -> str:
    return words_of(html[html.index("<main") : html.index("</main>")])


def rows_of(html: str) -> dict[str, list[str]]:
    """Cells by the heading of their row."""
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th>(.*?)</tr>", html, re.S)
    return {
        words_of(head): [words_of(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", rest, re.S)]
        for head, rest in rows
    }


def test_the_list_names_lines_and_whole_pictures_with_the_week_before(lan: Browser) -> None:
    words = text_of(lan.get(f"/traffic?from={DAY}&to={DAY}").text)
    assert "Lê Quý Đôn Cổng Toàn cảnh 9 0 25%" in words
    assert "Lê Quý Đôn Cổng Vạch ảo gate (quy tắc gate-count) 8 5 25%" in words
    assert "Quang Trung" not in words


def files_of(html: str) -> dict[str, str]:
    """Addresses of the offered files by format."""
    found = re.findall(r'href="(/api/traffic\?[^"]+format=(\w+))"', html)
    return {name: link.replace("&amp;", "&") for link, name in found}


@pytest.mark.parametrize(
    ("lang", "by_day", "none"),
    [("vi", "(theo ngày)", "hãy chọn một phường hoặc ít ngày hơn"), ("en", "(by day)", "choose a ward or")],
)
def test_only_files_that_are_not_too_large_are_offered(
    lan: Browser, monkeypatch: pytest.MonkeyPatch, lang: str, by_day: str, none: str
) -> None:
    lan.get(f"/language/{lang}")
    address = f"/traffic?from={DAY}&to={DAY}"
    for most, step in ((2 * 24, "hour"), (2 * 24 - 1, "day")):  # a line and a whole picture
        monkeypatch.setattr(traffic, "MAX_PERIODS", most)
        page = lan.get(address).text
        files = files_of(page)
        assert list(files) == ["csv", "xlsx", "geojson"]
        assert (by_day in text_of(page)) == (step == "day")
        for link in files.values():
            assert f"step={step}" in link
            assert lan.get(link).status_code == 200, link
    monkeypatch.setattr(series, "MAX_STORED_DAYS", 1)
    page = lan.get(address).text
    assert files_of(page) == {}
    assert none in text_of(page)
    assert lan.get(files["geojson"]).status_code == 400


def test_lines_and_rules_have_their_names(house: House, lan: Browser) -> None:
    rule = {"id": "gate-count", "kind": "line-crossing", "line": "gate", "name": "Đếm xe"}
    line = {"from": [0.1, 0.5], "to": [0.9, 0.5], "name": "Cổng chợ"}
    with house.connections.writing() as connection:
        store_rules(connection, payload=document({"rules": [rule], "lines": {"gate": line}}))
    for page in (f"/traffic?from={DAY}&to={DAY}", f"{LINE}&from={DAY}&to={DAY}"):
        assert "Vạch ảo Cổng chợ (quy tắc Đếm xe)" in text_of(lan.get(page).text)


@pytest.mark.parametrize(
    ("lang", "gap", "change"),
    [("vi", "thiếu số liệu", "+60%"), ("en", "no data", "+60%")],
)
def test_a_line_is_shown_by_hour_beside_the_week_before(
    lan: Browser, lang: str, gap: str, change: str
) -> None:
    lan.get(f"/language/{lang}")
    page = lan.get(f"{LINE}&from={DAY}&to={DAY}&step=hour").text
    rows = rows_of(page)
    assert rows["24/11/2026 10:00"][:2] == ["8", "5"]
    assert rows["24/11/2026 11:00"] == ["0", "0"], "a picture, and nothing crossed"
    assert rows["24/11/2026 08:00"] == [gap, "0"], "this week the camera began at nine"
    assert change in text_of(page)
    assert '<polyline class="before"' in page
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)


def test_classes_are_told_apart_by_direction(lan: Browser) -> None:
    page = lan.get(f"{LINE}&from={DAY}&to={DAY}").text
    rows = rows_of(page[page.index('id="by-class"') :])
    assert rows["ô tô con"] == ["5", "4", "1", "1"], "each beside the week before"
    assert rows["người"] == ["2", "0", "0", "0"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("lang", "gap"), [("vi", "thiếu số liệu"), ("en", "no data")])
def test_a_week_without_data_is_not_zero(lan: Browser, lang: str, gap: str) -> None:
    lan.get(f"/language/{lang}")
    page = lan.get(f"{LINE}&from={WEEK_BEFORE}&to={WEEK_BEFORE}&step=day").text
    figures, table = page[page.index('class="figures"') :].split('id="by-class"')
    assert re.findall(r"<b>(.*?)</b>", figures) == ["5", f'<span class="gap">{gap}</span>']
    assert next(iter(rows_of(table).values())) == ["4", gap, "1", gap]
    assert re.search(r'<polyline class="now alone" points="(\S+) \1"/>', page), "one value is a dot"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("lang", "apart"),
    [
        ("vi", "Có 3 lượt (tuần trước: 0) không rõ giờ"),
        ("en", "3 of them (week before: 0) have no known time"),
    ],
)
def test_the_list_and_the_page_count_the_same(house: House, lan: Browser, lang: str, apart: str) -> None:
    lan.get(f"/language/{lang}")
    house.take(line_counts(OURS, 10, "11:00", "11:10", {"car": 8, "person": 2}, {"car": 1}, clock="unsynced"))
    assert re.search(r"gate-count\) 11 5 25%", text_of(lan.get(f"/traffic?from={DAY}&to={DAY}").text))
    page = lan.get(f"{LINE}&from={DAY}&to={DAY}").text
    words = text_of(page)
    assert apart in words
    assert "<b>11</b>" in page
    assert list(rows_of(page[page.index('id="by-class"') :]).values())[1][:2] == ["8", "4"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_camera_that_had_no_picture_counted_no_zero(house: House, lan: Browser) -> None:
    house.take(object_counts(OURS, 11, "10:00", "10:15", {}, camera="cam-2", flow=flow(1.0)))
    words = text_of(lan.get(f"/traffic?from={DAY}&to={DAY}").text)
    assert "cam-2 Toàn cảnh thiếu số liệu thiếu số liệu 0%" in words


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_short_time_with_a_picture_is_not_none(lan: Browser) -> None:
    words = text_of(lan.get(f"/traffic?gateway=dt-001&from=2026-01-01&to={DAY}").text)
    assert "gate-count) 13 5 &lt;1%" in words


@pytest.mark.parametrize(
    ("step", "first"), [("15min", "24/11/2026 00:00"), ("hour", "24/11/2026 00:00"), ("day", "24/11/2026")]
)
def test_each_step_has_its_rows(lan: Browser, step: str, first: str) -> None:
    assert first in text_of(lan.get(f"{LINE}&from={DAY}&to={DAY}&step={step}").text)


def test_a_long_time_is_shown_by_day(lan: Browser) -> None:
    words = text_of(lan.get(f"{LINE}&from=2026-10-01&to={DAY}&step=15min").text)
    assert "17/11/2026 5" in words
    assert "17/11/2026 10:00" not in words


@pytest.mark.parametrize(
    "path",
    [
        "/traffic?ward=bo-xuyen",
        "/traffic?gateway=bx-001",
        "/traffic?gateway=bx-001&camera=cam-1",
        "/api/traffic?ward=bo-xuyen",
    ],
)
def test_another_ward_does_not_exist(lan: Browser, path: str) -> None:
    answer = lan.get(path)
    assert answer.status_code == 404
    assert "Quang Trung" not in answer.text


def test_the_scope_of_a_token_limits_the_api(house: House) -> None:
    found = valid(house.program(house.token("app", WARD)).get("/api/traffic"), "TrafficAnswer")
    assert {each["gateway"] for each in found["series"]} == {"dt-001"}
    everything = house.program(house.token("all", WARD, "bo-xuyen")).get("/api/traffic").json()
    assert {each["gateway"] for each in everything["series"]} == {"dt-001", "bx-001"}
    theirs = house.program(house.token("some", WARD)).get("/api/traffic", params={"gateway": "bx-001"}).json()
    assert theirs["series"] == []


def line_periods(answer: Any) -> dict[str, Any]:
    (line,) = (each for each in answer["series"] if each["line"])
    return {period["at"]: period for period in line["periods"]}


def test_the_api_tells_zero_gaps_and_parts_apart(house: House) -> None:
    client = house.program(house.token("app", WARD))
    params = {"from": DAY, "to": "2026-11-24T12:00:00+07:00", "step": "hour"}
    answer = valid(client.get("/api/traffic", params=params), "TrafficAnswer")
    periods = line_periods(answer)
    assert (answer["from_at"], answer["to_at"]) == ("2026-11-23T17:00:00.000Z", "2026-11-24T05:00:00.000Z")
    ten = periods["2026-11-24T03:00:00.000Z"]
    assert (ten["a_to_b"], ten["b_to_a"]) == ({"car": 5, "person": 2}, {"car": 1})
    assert (ten["measured_min"], ten["of_min"], ten["objects"]) == (60, 60, None)
    eleven = periods["2026-11-24T04:00:00.000Z"]
    assert (eleven["a_to_b"], eleven["b_to_a"]) == ({}, {})
    eight = periods["2026-11-24T01:00:00.000Z"]
    assert (eight["a_to_b"], eight["b_to_a"], eight["measured_min"]) == (None, None, 0)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("step", "params", "span"),
    [
        ("hour", {}, ("2026-11-23T05:00:00.000Z", "2026-11-24T06:00:00.000Z")),
        ("day", {}, ("2026-11-22T17:00:00.000Z", "2026-11-24T17:00:00.000Z")),
        (
            "hour",
            {"from": "2026-11-24T08:59:00+07:00", "to": "2026-11-24T10:01:00+07:00"},
            ("2026-11-24T01:00:00.000Z", "2026-11-24T04:00:00.000Z"),
        ),
    ],
)
def test_an_answer_begins_and_ends_with_whole_periods(
    house: House, step: str, params: dict[str, str], span: tuple[str, str]
) -> None:
    client = house.program(house.token("app", WARD))
    answer = client.get("/api/traffic", params={"step": step, **params}).json()
    assert (answer["from_at"], answer["to_at"]) == span


def test_csv_has_a_row_for_each_count_and_each_gap(house: House) -> None:
    client = house.program(house.token("app", WARD, "bo-xuyen"))
    answer = client.get("/api/traffic", params={"from": DAY, "format": "csv", "step": "day"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    of_line = [(row["direction"], row["label"], row["count"]) for row in rows if row["line"]]
    assert of_line == [("a-to-b", "car", "5"), ("a-to-b", "person", "2"), ("b-to-a", "car", "1")]
    assert {row["at"] for row in rows} == {"2026-11-24T00:00+07:00"}
    assert rows[0]["site"] == "Quang Trung"
    assert rows[0]["camera_name"] == "'=Cổng bí mật", "no spreadsheet takes it for a formula"
    gaps = client.get("/api/traffic", params={"from": DAY, "format": "csv", "line": "gate"})
    hours = list(csv.DictReader(io.StringIO(gaps.content.decode("utf-8-sig"))))
    assert [row["count"] for row in hours if row["at"].startswith("2026-11-24T08")] == [""]
    assert [row["count"] for row in hours if row["at"].startswith("2026-11-24T11")] == ["0"]
    at_ten = [row for row in hours if row["at"].startswith("2026-11-24T10")]
    assert [(row["direction"], row["label"], row["count"], row["count_week_before"]) for row in at_ten] == [
        ("a-to-b", "car", "5", "4"),
        ("a-to-b", "person", "2", "0"),
        ("b-to-a", "car", "1", "1"),
    ]
    earlier = client.get(
        "/api/traffic", params={"from": WEEK_BEFORE, "to": DAY, "format": "csv", "line": "gate"}
    )
    first = csv.DictReader(io.StringIO(earlier.content.decode("utf-8-sig")))
    assert {row["count_week_before"] for row in first} == {""}, "nothing is known of two weeks ago"


def test_a_workbook_has_the_counts_of_the_api(house: House) -> None:
    from openpyxl import load_workbook

    client = house.program(house.token("app", WARD, "bo-xuyen"))
    params = {"from": DAY, "step": "hour"}
    headings = []
    for lang in ("vi", "en"):
        question = params | {"format": "xlsx"}
        answer = client.get("/api/traffic", params=question, headers={"Accept-Language": lang})
        assert "traffic-2026-11-24-hour.xlsx" in answer.headers["content-disposition"]
        (sheet,) = load_workbook(io.BytesIO(answer.content))
        header, *rows = sheet.iter_rows(values_only=True)
        headings.append(header[0])
    assert headings == ["Thời gian", "Time"]
    for each in client.get("/api/traffic", params=params).json()["series"]:
        place = each["gateway"], each["camera"], each["rule"], each["line"]
        of_series = [row for row in rows if (row[2], row[4], row[6], row[7]) == place]
        for period in each["periods"]:
            at = datetime.fromisoformat(period["at"]).astimezone(TIMEZONE).replace(tzinfo=None)
            parts = [period[key] or {} for key in ("a_to_b", "b_to_a", "objects")]
            found = [row for row in of_series if row[0] == at]
            assert sum(row[10] or 0 for row in found) == sum(sum(part.values()) for part in parts)
            assert {row[11:13] for row in found} == {(period["measured_min"], period["of_min"])}
    gap = next(row for row in rows if row[7] == "gate" and row[0] == datetime(2026, 11, 24, 8))
    zero = next(row for row in rows if row[7] == "gate" and row[0] == datetime(2026, 11, 24, 11))
    assert (gap[10], zero[10]) == (None, 0), "a gap is an empty cell, and not 0"
    assert [row[13] for row in rows if row[7] == "gate" and row[0] == datetime(2026, 11, 24, 10)] == [4, 0, 1]
    assert rows[0][5] == "=Cổng bí mật", "a text as it is"


def test_geojson_places_series_at_their_site(house: House) -> None:
    client = house.program(house.token("app", WARD, "bo-xuyen"))
    answer = client.get("/api/traffic", params={"from": DAY, "format": "geojson", "step": "day"})
    assert answer.headers["content-type"] == "application/geo+json"
    found = answer.json()
    assert found["type"] == "FeatureCollection"
    by_gateway = {each["properties"]["gateway"]: each for each in found["features"]}
    assert by_gateway["dt-001"]["geometry"] == {"type": "Point", "coordinates": [106.3366, 20.4463]}
    assert by_gateway["bx-001"]["geometry"] is None
    (period,) = by_gateway["bx-001"]["properties"]["periods"]
    assert period["objects"] == {"bus": 77}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "query",
    [
        "step=5min", "format=pdf", "frm=2026-11-24", "from=yesterday", "from=2026-11-24T10:00",
        "to=0001-01-01",
        "from=2026-11-25&to=2026-11-24", "line=%3Cscript%3E", "from=2020-01-01&step=15min", "to=9999-12-31",
        "from=2026-11-24T10:00:00 07:00", "ward=" + "x" * 64,
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(house: House, query: str) -> None:
    client = house.program(house.token("app", WARD))
    answer = client.get(f"/api/traffic?{query}")
    assert answer.status_code == 400, query
    assert valid(answer, "Problem")["code"] == "bad-request"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "query", ["from=x", "to=2026-13-01", "from=2000-01-01", "step=week", "from=2026-11-25&to=2026-11-24"]
)
def test_a_form_that_makes_no_sense_is_refused(lan: Browser, query: str) -> None:
    assert lan.get(f"/traffic?{query}").status_code == 400


def test_figures_are_read_without_the_events(house: House) -> None:
    asked: list[str] = []
    with house.connections.reading() as connection:
        listen(connection, "before_cursor_execute", lambda *values: asked.append(values[2]))
        read_series(connection, EVERYWHERE, TrafficFilter(), WHOLE_DAY, TIMEZONE)
        read_sums(connection, EVERYWHERE, TrafficFilter(), [moment("00:00").date()])
    assert len(asked) == 4
    assert not any(re.search(r"\bevent\b", query) for query in asked)


def test_a_time_with_a_part_missing_is_marked_and_not_compared(house: House, lan: Browser) -> None:
    house.take(line_counts(OURS, 10, "00:00", "08:20", {"car": 1}))  # late; the camera is known from nine on
    page = lan.get(f"{LINE}&from={DAY}&to={DAY}&step=hour").text
    rows = rows_of(page)
    assert rows["24/11/2026 08:00"][0].startswith("1 *")
    assert rows["24/11/2026 10:00"][0] == "7"
    assert "+40%" in text_of(page)


def test_a_page_that_would_read_too_much_is_refused(lan: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MAX_STORED_DAYS", 0)
    assert lan.get(f"{LINE}&from={DAY}&to={DAY}").status_code == 400


def test_a_line_is_named_with_its_rule(lan: Browser) -> None:
    assert lan.get(LINE.replace("&rule=gate-count", "")).status_code == 400


@pytest.mark.parametrize(
    ("lang", "notice"), [("vi", "chỉ tính 31 ngày cuối"), ("en", "only the last 31 days")]
)
def test_the_list_of_all_gateways_has_at_most_31_days(lan: Browser, lang: str, notice: str) -> None:
    lan.get(f"/language/{lang}")
    page = lan.get(f"/traffic?from=2026-01-01&to={DAY}").text
    assert notice in text_of(page)
    assert 'name="from" value="2026-10-25"' in page
    for allowed in (
        f"/traffic?from=2026-10-25&to={DAY}",
        f"/traffic?gateway=dt-001&from=2026-01-01&to={DAY}",
    ):
        assert notice not in text_of(lan.get(allowed).text)


@pytest.mark.parametrize(
    ("lang", "only"),
    [
        ("vi", "Số lượt chỉ đi qua một vạch ảo: 2 (25% tổng số)"),
        ("en", "2 more (25% of all) crossed one line only"),
    ],
)
def test_a_camera_shows_from_which_line_to_which_objects_went(lan: Browser, lang: str, only: str) -> None:
    lan.get(f"/language/{lang}")
    page = lan.get(f"{CAMERA}&from={DAY}&to={DAY}").text
    section = page[page.index('id="turns"') :]
    matrix, classes = (rows_of(part) for part in section.split("</table>")[:2])
    b_to_a = {"vi": "Từ B sang A", "en": "From B to A"}[lang]
    assert matrix == {f"east {b_to_a}": ["3"], f"west {b_to_a}": ["3"]}
    assert classes[f"west {b_to_a}"][1:] == ["2", "1", "3"], "cars, buses, all"
    assert only in text_of(page)
    assert "*" in words_of(section.split("</thead>")[0]), "the camera began at nine"


def test_turns_without_a_known_time_are_counted_apart(house: House, lan: Browser) -> None:
    late = line_counts(OURS, 4, "10:07", "10:09", {"car": 1}, data=turns(south={"car": 4}), clock="unsynced")
    house.take(late)
    page = text_of(lan.get(f"{CAMERA}&from={DAY}&to={DAY}").text)
    assert "4 lượt không rõ giờ không được tính trong các bảng này." in page


def test_a_line_leads_to_the_turns_of_its_camera_and_without_turns_the_page_says_why(lan: Browser) -> None:
    assert "#turns" in lan.get(LINE).text
    before = lan.get(f"{CAMERA}&from={WEEK_BEFORE}&to={WEEK_BEFORE}").text
    assert "phải có ít nhất hai vạch ảo" in text_of(before)


def test_the_api_has_turns_by_period_with_gaps(house: House) -> None:
    client = house.program(house.token("app", WARD))
    params = {"from": DAY, "to": "2026-11-24T12:00:00+07:00", "step": "hour"}
    answer = valid(client.get("/api/traffic/turns", params=params), "TurnsAnswer")
    (series,) = answer["series"]
    assert (series["line"], series["camera_name"], series["undated"]) == ("gate", "Cổng", 0)
    periods = {period["at"][11:13]: period for period in series["periods"]}
    assert periods["03"]["only"] == {"person": 2}
    assert [(each["from_line"], each["objects"]) for each in periods["03"]["turns"]] == [
        ("east", {"car": 3}),
        ("west", {"bus": 1, "car": 2}),
    ]
    assert (periods["04"]["turns"], periods["04"]["measured_min"]) == ([], 60), "measured, and none"
    assert (periods["01"]["turns"], periods["01"]["only"]) == (None, None), "a gap"
    assert client.get("/api/traffic/turns", params={"format": "xlsx"}).status_code == 400
    others = house.program(house.token("other", "bo-xuyen")).get("/api/traffic/turns", params=params)
    assert others.json()["series"] == []


def test_turns_as_csv_have_a_row_for_each_count_and_each_gap(house: House) -> None:
    client = house.program(house.token("app", WARD))
    answer = client.get("/api/traffic/turns", params={"from": DAY, "format": "csv", "step": "hour"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    at_ten = [row for row in rows if row["at"].startswith("2026-11-24T10")]
    keys = ("movement", "from_line", "from_direction", "to_line", "to_direction", "label", "count")
    assert [tuple(row[key] for key in keys) for row in at_ten] == [
        ("turn", "east", "b-to-a", "gate", "a-to-b", "car", "3"),
        ("turn", "west", "b-to-a", "gate", "a-to-b", "bus", "1"),
        ("turn", "west", "b-to-a", "gate", "a-to-b", "car", "2"),
        ("only", "", "", "gate", "", "person", "2"),
    ]
    assert [row["count"] for row in rows if row["at"].startswith("2026-11-24T08")] == [""]
    assert [row["count"] for row in rows if row["at"].startswith("2026-11-24T11")] == ["0"]


def test_a_time_that_is_too_long_for_turns_still_shows_the_camera(
    lan: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "MAX_STORED_DAYS", 2)
    page = lan.get(f"{CAMERA}&from={DAY}&to={DAY}")
    assert page.status_code == 200
    assert "hãy chọn ít ngày hơn" in text_of(page.text)
