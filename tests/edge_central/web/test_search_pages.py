"""The pages of searches: the form, the answers as they come, the pictures, and what is recorded of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import select

from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.wire.received.bounds import with_problem
from edge_agent.wire.searches import ColourTerm, Group, Part
from edge_central.console.fleet import Fleet, read_fleet
from edge_central.console.site_names import Names, read_names
from edge_central.searches import match_pictures
from edge_central.searches.question import SearchQuestion
from edge_central.store import tables
from edge_central.store.presence_reports import GatewayReport, PresenceState
from edge_central.store.scope import EVERYWHERE
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import ALL
from edge_central.web.pages import search_form
from edge_central.web.pages.passage_path import jpeg_size, path_drawing
from edge_central.web.pages.search_form import InvalidForm
from tests.edge_central.console.passages import CityGateways, Command, crop, make_searchable, passage
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.house import WARDS, Browser, House

HERE, THERE = FakeGateway("dt-001"), FakeGateway("bx-001", "bo-xuyen")
AT_MS = 1_795_000_000_000
FORM = {
    "purpose": "trộm xe máy", "case": "7/2026", "from": "2026-11-18T21:00", "to": "2026-11-18T22:00",
    "radius": "500", "within": "10", "life": "24",
}  # fmt: skip
SHEET = (
    "site;ward;name;latitude;longitude;camera;camera_name;recorder_channel\n"
    "dt-001;Đề Thám;Lý Bôn – Quang Trung;20.4463;106.3366;cam-1;Cổng;1-01\n"
    "dt-001;;;;;cam-2;Ngã tư;1-02\n"
    "bx-001;Bồ Xuyên;Trần Phú;20.4581;106.3402;cam-1;Cầu;1-03\n"
)


@pytest.fixture
def city(tmp_path: Path) -> Iterator[House]:
    """Two wards with a gateway each, one of them away; the centre has a search key."""
    sites, wards = tmp_path / "sites.csv", tmp_path / "wards.csv"
    sites.write_text(SHEET, encoding="utf-8")
    wards.write_text("ward;name\nde-tham;Đề Thám\nbo-xuyen;Bồ Xuyên\n", encoding="utf-8")
    with House(tmp_path, sites_file=str(sites), wards_file=str(wards)) as house:
        for gateway in (HERE, THERE):
            state = "online" if gateway is HERE else "offline"
            house.take(gateway.state(state, "s"), gateway.heartbeat("s"), gateway.birth("s"))
        away = GatewayReport("bx-001", "bo-xuyen", PresenceState.OFFLINE, "no heartbeat", house.now_ms())
        house.tell(away)
        make_searchable(house, *WARDS)
        house.person("minh", Role.ADMIN)
        house.person("lan", Role.OFFICER, "de-tham")
        house.person("tuong", Role.VIEWER, "de-tham")
        yield house.start()


def fill(**more: str) -> dict[str, str]:
    return FORM | more


def begin(browser: Browser, lang: str = "vi", **more: str) -> str:
    """Start a search with the form, and return its id."""
    browser.get(f"/language/{lang}")
    answer = browser.post("/searches", fill(**more), page="/searches/new")
    assert answer.status_code == 303, re.sub(r"<[^>]+>", " ", answer.text)
    return answer.headers["location"].removeprefix("/searches/")


def start_ms(text: str = "2026-11-18T14:30:00+00:00") -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def words(page: str) -> str:
    main = page[page.index("<main") :]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def accesses(house: House) -> list[tuple[str, str, str | None, str | None, str | None]]:
    columns = tables.access.c
    wanted = (columns.what, columns.account, columns.purpose, columns.case_number, columns.media_id)
    query = select(*wanted).where(columns.what.in_(["search", "passage"])).order_by(columns.id)
    with house.connections.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


# --- the form ---


def test_a_search_is_on_record_before_anything_is_sent(city: House) -> None:
    search = begin(city.browser("lan"), group="two-wheeler", colour="red", part="upper")
    assert accesses(city) == [("search", "lan", "trộm xe máy", "7/2026", None)]
    commands = CityGateways(city).asked(search)
    assert [each.gateway for each in commands] == ["dt-001"], "an officer reaches the own ward only"


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_all_mistakes_are_told_at_once_and_what_was_typed_stays(city: House, lang: str) -> None:
    browser = city.browser("lan", lang=lang)
    wrong = fill(purpose="a", case="", to="", min_height="abc", group="vehicle") | {"site.dt-001": "1"}
    answer = browser.post("/searches", wrong, page="/searches/new")
    assert answer.status_code == 400
    for key in ("search-error-purpose", "search-error-case", "search-error-time"):
        assert ALL[key][0 if lang == "vi" else 1] in answer.text
    for name in ("purpose", "case", "to", "min_height"):
        assert f'href="#{name}"' in answer.text
        assert re.search(
            rf'id="{name}" name="{name}" aria-invalid="true" aria-describedby="{name}-error"', answer.text
        )
    assert '<option value="vehicle" selected>' in answer.text
    assert re.search(r'name="site.dt-001" value="1" checked', answer.text)
    assert accesses(city) == []


def test_what_several_fields_show_is_reported_with_the_mistakes_of_one_field(city: House) -> None:
    browser = city.browser("lan", lang="vi")
    wrong = {
        "purpose": "a",
        "part": "upper",
        "min_height": "50",
        "max_height": "20",
        "second": "dt-001/cam-2",
    }
    page = browser.post("/searches", fill(**wrong), page="/searches/new").text
    assert re.findall(r'<li><a href="#([a-z_]+)"', page) == ["purpose", "part", "min_height", "second"]
    late = browser.post("/searches", fill(case="", to="2026-11-18T20:00"), page="/searches/new").text
    assert re.findall(r'<li><a href="#([a-z_]+)"', late) == ["case", "to"]


def test_a_site_of_another_ward_is_named_and_the_form_is_not_just_empty(city: House) -> None:
    browser = city.browser("lan")
    for lang in ("vi", "en"):
        browser.get(f"/language/{lang}")
        page = browser.get("/searches/new?site=bx-001&camera=cam-1").text
        says = "bạn không có quyền xem" if lang == "vi" else "you may not see it"
        assert f"bx-001: {'không có phường' if lang == 'vi' else 'there is no such ward'}" in words(page)
        assert says in words(page)
        assert "aria-invalid" not in page
        assert says not in words(browser.get("/searches/new?site=dt-001&camera=cam-1").text)
        assert says not in words(city.browser("minh").get("/searches/new?site=bx-001").text)


def test_the_events_of_a_site_of_another_ward_are_listed_like_those_of_an_unknown_one(city: House) -> None:
    lan, minh = city.browser("lan"), city.browser("minh")
    filled = "/events?site={}&camera=cam-1"
    theirs, unknown = (words(lan.get(filled.format(site)).text) for site in ("bx-001", "zz-999"))
    assert theirs == unknown.replace("zz-999", "bx-001")
    assert "Trần Phú, Cầu" in words(minh.get(filled.format("bx-001")).text)


@pytest.mark.parametrize(
    ("more", "reported"),
    [
        ({"to": "2026-11-18T20:00"}, "thời điểm kết thúc sớm hơn thời điểm bắt đầu"),
        ({"from": "2026-01-18T20:00"}, "31 ngày"),
        ({"part": "upper"}, "màu"),
        ({"min_height": "50", "max_height": "20"}, "nhỏ nhất"),
        ({"site.zz-999": "1"}, "zz-999"),
        ({"near": "zz-999"}, "chưa có tọa độ"),
        ({"second": "dt-001/cam-2"}, "camera thứ hai"),
        ({"min_km_h": "1000"}, "từ 0 đến 400"),
    ],
)
def test_an_impossible_search_is_refused_in_words(city: House, more: dict[str, str], reported: str) -> None:
    browser = city.browser("lan", lang="vi")
    answer = browser.post("/searches", fill(**more), page="/searches/new")
    assert answer.status_code == 400
    notice = words(answer.text).split("Lý do")[0]
    assert reported in notice


def fleet_of(house: House) -> Fleet:
    with house.connections.reading() as connection:
        return read_fleet(connection, names_of(house), EVERYWHERE, house.now_ms())


def names_of(house: House) -> Names:
    console = house.settings.console
    assert console is not None
    return read_names(console.sites_file, console.wards_file)


def question_of(house: House, **more: str) -> SearchQuestion:
    console = house.settings.console
    assert console is not None
    return search_form.question_of(fill(**more), fleet_of(house), console.timezone)


def test_people_type_per_cent_and_km_h_and_choose_a_site(city: House) -> None:
    asked = question_of(
        city, min_height="20", max_km_h="36", near="dt-001", direction="270", min_still_s="60", radius="250",
        life="72", **{"ward.de-tham": "1"},
    )  # fmt: skip
    assert asked.min_height == pytest.approx(0.2)
    assert asked.max_speed_m_s == pytest.approx(10)
    assert asked.circle is not None
    assert (asked.circle.latitude, asked.circle.longitude) == (20.4463, 106.3366)
    assert (asked.circle.radius_m, asked.direction_deg, asked.min_still_s) == (250, 270, 60)
    assert (asked.hours, asked.wards) == (72, ["de-tham"])
    assert asked.from_ms == start_ms("2026-11-18T14:00:00+00:00")


def test_a_site_of_which_a_camera_is_chosen_is_asked_for_that_camera(city: House) -> None:
    ticked = {"site.dt-001": "1", "camera.dt-001/cam-2": "1", "site.bx-001": "1"}
    asked = question_of(city, **ticked)
    assert (asked.gateways, asked.cameras) == (["bx-001"], ["dt-001/cam-2"])
    assert asked.cameras_of("dt-001") == ("cam-2",)


def test_a_line_is_drawn_on_the_picture_of_the_camera_that_the_form_is_about(city: House) -> None:
    ends = {
        "line_x1": "10",
        "line_y1": "62.5",
        "line_x2": "90",
        "line_y2": "70",
        "line_camera": "dt-001/cam-1",
    }
    line = question_of(city, **ends).line
    assert line is not None
    assert (line.gateway, line.camera, line.start, line.end) == ("dt-001", "cam-1", (0.1, 0.625), (0.9, 0.7))
    browser = city.browser("lan")
    page = browser.get("/searches/new?site=dt-001&camera=cam-1").text
    assert 'name="line_camera" value="dt-001/cam-1"' in page
    assert "line_camera" not in browser.get("/searches/new?site=dt-001").text
    assert "/searches/new?site=dt-001&amp;camera=cam-1" in browser.get("/sites/dt-001").text
    search = begin(browser, **ends)
    again = browser.get(f"/searches/new?like={search}").text
    assert re.search(r'name="line_y1" value="62.5"', again)
    assert "Đi qua vạch ảo Lý Bôn – Quang Trung: Cổng" in words(browser.get(f"/searches/{search}").text)
    with pytest.raises(InvalidForm) as raised:
        question_of(city, **ends | {"line_y2": ""})
    assert set(raised.value.errors) == {"line_x1"}


def test_a_search_can_be_changed_and_asked_again(city: House) -> None:
    typed = {
        "group": "vehicle", "colour": "white", "part": "body", "direction": "45", "min_height": "12.5",
        "max_speed": "3", "min_km_h": "20", "min_still_s": "90", "min_for_s": "4", "near": "dt-001",
        "radius": "750", "within": "15", "second": "bx-001/cam-1", "camera.dt-001/cam-1": "1",
        "ward.de-tham": "1", "life": "168",
    }  # fmt: skip
    search = begin(city.browser("minh"), **typed)
    page = city.browser("minh").get(f"/searches/new?like={search}").text
    console = city.settings.console
    assert console is not None
    values = search_form.values_of(question_of(city, **typed), fleet_of(city), console.timezone)
    assert {name: values[name] for name in FORM | typed} == FORM | typed
    for value in ("trộm xe máy", "7/2026", "2026-11-18T21:00", "12.5"):
        assert f'value="{value}"' in page
    elsewhere = city.browser("minh").get(f"/searches/new?like={search}&near=bx-001&at={AT_MS}").text
    assert 'name="camera.dt-001/cam-1" value="1" checked' not in elsewhere
    assert '<option value="bx-001" selected>' in elsewhere
    assert city.browser("minh").get("/searches/new?at=x").status_code == 400
    assert city.browser("lan").get("/searches/new?like=0123").status_code == 404


def test_the_form_says_when_the_centre_cannot_search(house: House) -> None:
    browser = house.login("minh", Role.ADMIN, lang="en")
    for path in ("/searches", "/searches/new"):
        assert ALL["searches-off"][1] in browser.get(path).text
    assert re.search(r'<button class="act" disabled>', browser.get("/searches/new").text)
    house.take(HERE.state("online", "s"), HERE.heartbeat("s"), HERE.birth("s"))
    answer = browser.post("/searches", fill(), page="/searches/new")
    assert answer.status_code == 503
    assert "has no search key" in answer.text
    assert accesses(house) == []


def test_who_only_looks_at_a_wall_does_not_search(city: House) -> None:
    wall = city.browser("tuong")
    assert wall.get("/searches").status_code == 403
    assert wall.post("/searches", fill(), page="/").status_code == 403
    assert "/searches" not in wall.get("/").text
    assert 'href="/searches"' in city.browser("lan").get("/").text


# --- the answers ---


@pytest.mark.parametrize(
    ("lang", "reported", "coloured"),
    [
        ("vi", "1 trên 2 thiết bị đã trả lời", "có thể thân trên đỏ, thân dưới đen"),
        ("en", "1 of 2 gateways have answered", "may be upper body red, lower body black"),
    ],
)
def test_the_contact_sheet_fills_as_answers_come(
    city: House, lang: str, reported: str, coloured: str
) -> None:
    browser, gateways = city.browser("minh"), CityGateways(city)
    search = begin(browser, lang)
    page = words(browser.get(f"/searches/{search}").text)
    assert ALL["search-sheet-waits"][0 if lang == "vi" else 1] in page
    here = next(each for each in gateways.asked(search) if each.gateway == "dt-001")
    rows = [passage(1, start_ms()), passage(2, start_ms() + 60_000, colours={}, light="infrared")]
    gateways.answer(here, rows, total=312)
    page = words(browser.get(f"/searches/{search}").text)
    assert reported in page
    assert coloured in page
    assert ALL["passage-infrared"][0 if lang == "vi" else 1] in page
    assert page.index("21:31:00") < page.rindex("21:30:00"), "the newest first"
    assert ("2/312" if lang == "vi" else "2 of 312") in page
    offline = ALL["search-state-offline"][0 if lang == "vi" else 1]
    assert f"{offline}: 1 Trần Phú bx-001" in page, "by name"


def test_what_a_gateway_has_found_beyond_its_rows_can_be_asked_for(city: House) -> None:
    browser, gateways = city.browser("minh"), CityGateways(city)
    search = begin(browser, direction="90", **{"ward.de-tham": "1"})
    rows = [passage(n, start_ms() + 1000 * n) for n in range(7, 30)]
    gateways.answer(only(gateways.asked(search)), rows, total=86)
    link = re.search(r'href="([^"]+until=\d+)">(.*?)</a>', browser.get(f"/searches/{search}").text)
    assert link is not None
    assert link[2] == "Tìm tiếp các lượt trước 18/11/2026 21:30:07"
    form = browser.get(link[1].replace("&amp;", "&")).text
    for given in (
        'value="2026-11-18T21:30:07"',
        'name="site.dt-001" value="1" checked',
        'value="90" checked',
    ):
        assert given in form
    assert 'name="ward.de-tham" value="1" checked' not in form
    coloured = begin(browser, colour="red", **{"ward.de-tham": "1"})
    gateways.answer(only(gateways.asked(coloured)), rows, total=86)
    assert "until=" not in browser.get(f"/searches/{coloured}").text


def test_a_gateway_that_answers_later_or_refuses_says_why_in_the_readers_words(city: House) -> None:
    browser, gateways = city.browser("minh"), CityGateways(city)
    search = begin(browser)
    here, there = sorted(gateways.asked(search), key=lambda each: each.gateway, reverse=True)
    gateways.reply(here, "running", with_problem("later: hot", {"code": "search-later"}))
    gateways.reply(there, "rejected", "not a ward of the search", "out-of-scope")
    page = words(browser.get(f"/searches/{search}").text)
    assert re.search(r"Sẽ trả lời sau: 1 \S.*? later: hot", page)
    assert re.search(r"Từ chối: 1 \S.*? not a ward of the search", page)


def test_a_search_of_many_matches_has_pages(city: House) -> None:
    browser, gateways = city.browser("minh"), CityGateways(city)
    search = begin(browser)
    for command in gateways.asked(search):
        gateways.answer(command, [passage(n, start_ms() + 1000 * n) for n in range(1, 41)])
    first = browser.get(f"/searches/{search}").text
    older = re.search(rf'href="(/searches/{search}\?before=[\d-]+)" rel="next"', first)
    assert older is not None
    second = browser.get(older[1]).text
    shown = [re.findall(r"/passages/([\w-]+)/(\d+)", page) for page in (first, second)]
    assert [len(each) for each in shown] == [60, 20]
    assert len({*shown[0], *shown[1]}) == 80
    assert 'rel="next"' not in second
    assert browser.get(f"/searches/{search}?before=x").status_code == 400


def test_a_pair_is_shown_as_a_pair_that_may_be_two_different_objects(city: House) -> None:
    browser, gateways = city.browser("minh"), CityGateways(city)
    search = begin(browser, second="bx-001/cam-1", **{"site.dt-001": "1"})
    for command in gateways.asked(search):
        first = command.gateway == "dt-001"
        rows = [passage(1, start_ms()), passage(2, start_ms() + 1000)]
        gateways.answer(command, rows if first else [passage(1, start_ms() + 240_000)], total=40)
    page = words(browser.get(f"/searches/{search}").text)
    assert "chỉ gửi 3 trên 80 lượt đi qua, nên có thể thiếu một số cặp" in page
    assert "Camera thứ hai, 4 phút sau" in page
    assert ALL["search-pair-hint"][0] in page
    assert "2 cặp" in page
    several = 'value="dt-001/2 bx-001/1 dt-001/1"'
    assert several in browser.get(f"/searches/{search}").text, "each once"
    assert "Trần Phú, Cầu, trong vòng 10 phút" in page


def test_what_a_gateway_invents_breaks_no_page(city: House) -> None:
    browser, gateways = city.browser("minh"), CityGateways(city)
    search = begin(browser)
    odd = passage(
        1, start_ms(), group="ufo", label="<script>alert(1)</script>", light="x-ray", clock="sundial",
        colours={"wing": ["ultraviolet"]}, entry="sky", exit="sky", rules=["<b>"], direction_deg=360,
    )  # fmt: skip
    for command in gateways.asked(search):
        gateways.answer(command, [odd])
    for path in (f"/searches/{search}", f"/searches/{search}/passages/dt-001/1"):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert ALL["cannot-be-shown"][0] not in answer.text


# --- pictures ---


def only(commands: list[Command]) -> Command:
    (command,) = commands
    return command


def answered(city: House, browser: Browser, jpeg: bytes, sha256: str | None = None) -> str:
    """A search with one passage at dt-001 whose picture is ``jpeg``."""
    search, gateways = begin(browser), CityGateways(city)
    here = next(each for each in gateways.asked(search) if each.gateway == "dt-001")
    gateways.answer(here, [passage(7, start_ms(), picture_sha256=sha256 or hashlib.sha256(jpeg).hexdigest())])
    return search


def test_a_picture_is_fetched_when_it_is_opened_and_each_viewer_is_recorded(city: House) -> None:
    minh, khanh, gateways = city.browser("minh"), city.login("khanh", Role.ADMIN), CityGateways(city)
    jpeg = crop("red", 7)
    search = answered(city, minh, jpeg)
    file, page = f"/searches/{search}/pictures/dt-001/7", f"/searches/{search}/passages/dt-001/7"
    assert minh.get(file).status_code == 404, "nobody has opened it"
    assert gateways.opened(search) == []
    fields = {"passage": "dt-001/7", "next": f"/searches/{search}"}
    answer = minh.post(f"/searches/{search}/pictures", fields, page=f"/searches/{search}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/searches/{search}")
    assert ALL["picture-waits"][0] in minh.get(page).text
    gateways.send_picture(only(gateways.opened(search)), jpeg)
    assert f'src="{file}"' in minh.get(f"/searches/{search}").text
    assert minh.get(file).content == jpeg
    assert minh.get(file).headers["content-type"] == "image/jpeg"
    assert khanh.get(file).status_code == 404, "not opened by this account"
    assert ALL["picture-open"][0] in khanh.get(page).text
    khanh.post(f"/searches/{search}/pictures", fields, page=page)
    assert khanh.get(file).content == jpeg
    assert gateways.opened(search) == [], "it is here already"
    opened = ("passage", "trộm xe máy", "7/2026", "7")
    assert [(what, why, case, of) for what, _, why, case, of in accesses(city)[1:]] == [opened, opened]
    assert [who for _, who, *_ in accesses(city)] == ["minh", "minh", "khanh"]
    shown = minh.get(page).text
    assert '<polyline points="' in shown
    assert "11 vị trí" in shown
    assert ALL["path-on-nothing"][0] in shown


def test_several_pictures_are_opened_at_once_and_each_is_recorded(city: House) -> None:
    browser, gateways = city.browser("minh"), CityGateways(city)
    search = begin(browser)
    for command in gateways.asked(search):
        gateways.answer(command, [passage(n, start_ms() + 1000 * n) for n in range(1, 11)])
    page = f"/searches/{search}"
    button = re.search(r'<button name="passage" value="([^"]+ [^"]+)">(.*?)</button>', browser.get(page).text)
    assert button is not None
    assert button[2] == "Mở 12 ảnh tiếp theo"
    browser.post(f"{page}/pictures", {"passage": button[1]}, page=page)
    assert len(gateways.opened(search)) == 12
    assert len(accesses(city)) == 1 + 12
    for wrong in ("", "dt-001", "dt-001/x", "dt-001/1 " * 13):
        assert browser.post(f"{page}/pictures", {"passage": wrong}, page=page).status_code == 400, wrong


def test_who_has_opened_very_many_pictures_is_told_to_wait(
    city: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_pictures, "MAX_PICTURES_PER_HOUR", 2)
    browser, gateways = city.browser("minh"), CityGateways(city)
    search = begin(browser, "en")
    for command in gateways.asked(search):
        gateways.answer(command, [passage(n, start_ms() + 1000 * n) for n in range(1, 4)])
    page = f"/searches/{search}"
    several = " ".join(f"dt-001/{n}" for n in range(1, 4))
    assert browser.post(f"{page}/pictures", {"passage": several}, page=page).status_code == 303
    assert "2 pictures were opened within an hour" in browser.get(page).text
    assert len(accesses(city)) == 1 + 2


def test_a_path_is_drawn_on_the_scene_of_a_still_and_a_speed_has_its_error(city: House) -> None:
    browser, gateways = city.browser("minh"), CityGateways(city)
    still = {"media_id": "m-scene", "view": "scene"}
    city.take(HERE.event(1), HERE.evidence(2, event_id="e1", still=still))
    city.picture(HERE, "m-scene", crop("red", 1))
    city.picture(HERE, "m-cut-out", crop("red", 2))
    search = begin(browser, "en", **{"ward.de-tham": "1"})
    speeds = {"speed_m_s": 9.0, "speed_error_m_s": 1.4, "heading_deg": 350}
    gateways.answer(only(gateways.asked(search)), [passage(7, start_ms(), **speeds)])
    page = f"/searches/{search}/passages/dt-001/7"
    browser.post(f"/searches/{search}/pictures", {"passage": "dt-001/7"}, page=page)
    gateways.send_picture(only(gateways.opened(search)), crop("red", 7))
    shown = browser.get(page).text
    assert '<img src="/media/dt-001/m-scene"' in shown
    assert "m-cut-out" not in shown
    assert "about 32 ± 6 km/h (an estimate, not for enforcement)" in shown
    assert "<dt>Heading by compass</dt><dd>north</dd>" in shown


def test_a_person_has_no_length_of_a_vehicle(city: House) -> None:
    browser, gateways = city.browser("lan"), CityGateways(city)
    search = begin(browser)
    found = [passage(n, start_ms(), group=group, speed=2.5) for n, group in ((7, "person"), (8, "vehicle"))]
    gateways.answer(only(gateways.asked(search)), found)
    person, vehicle = (f"/searches/{search}/passages/dt-001/{number}" for number in (7, 8))
    assert "mỗi giây đi được 2,5 lần chiều cao của chính người đó" in words(browser.get(person).text)
    assert "mỗi giây đi được 2,5 lần chiều dài của chính phương tiện đó" in words(browser.get(vehicle).text)
    browser.get("/language/en")
    assert "2.5 times the own height a second" in words(browser.get(person).text)


def test_a_sealed_picture_is_explained_and_can_be_downloaded(city: House) -> None:
    browser, gateways = city.browser("minh"), CityGateways(city)
    sealed = SEALED_MAGIC + b" what the key opens"
    search = answered(city, browser, sealed)
    page, file = f"/searches/{search}/passages/dt-001/7", f"/searches/{search}/pictures/dt-001/7"
    browser.post(f"/searches/{search}/pictures", {"passage": "dt-001/7"}, page=page)
    gateways.send_picture(only(gateways.opened(search)), sealed)
    shown = browser.get(page).text
    assert ALL["picture-sealed-what"][0] in shown
    assert "edge-agent evidence open --private-key centre.pem dt-001-7.jpg.sealed --out opened" in shown
    assert f'src="{file}"' not in shown
    answer = browser.get(file)
    assert answer.content == sealed
    assert answer.headers["content-disposition"] == 'attachment; filename="dt-001-7.jpg.sealed"'


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_the_whole_picture_is_opened_from_the_passage_with_its_path_and_frame(city: House, lang: str) -> None:
    city.person("hung", Role.OFFICER, "de-tham")
    browser, gateways, of = city.browser("minh"), CityGateways(city), 0 if lang == "vi" else 1
    search = answered(city, browser, crop("red", 7))
    browser.get(f"/language/{lang}")
    page, file = f"/searches/{search}/passages/dt-001/7", f"/searches/{search}/scenes/dt-001/7"
    recorder = ALL["whole-on-recorder"][of].partition("{")[0]
    assert ALL["scene-open"][of] in browser.get(page).text
    assert recorder in words(browser.get(page).text)
    assert browser.get(file).status_code == 404, "nobody has opened it"
    fields = {"passage": "dt-001/7", "next": page}
    browser.post(f"/searches/{search}/scenes", fields, page=page)
    assert ALL["scene-waits"][of] in browser.get(page).text
    gateways.send_scene(only(gateways.opened(search, tables.search_scene)), crop("orange", 3))
    shown = browser.get(page).text
    assert f'<img src="{file}"' in shown
    assert '<rect x="800.0" y="225.0" width="160.0" height="450.0"/>' in shown
    assert '<polyline points="' in shown
    assert ALL["scene-taken"][of].format(time="18/11/2026 21:30:03") in words(shown)
    assert recorder not in words(shown)
    assert browser.get(file).content == crop("orange", 3)
    assert browser.get(file).headers["content-type"] == "image/jpeg"
    assert city.browser("hung").get(file).status_code == 404
    assert ALL["access-passage-scene"][of] in words(browser.get("/access").text)


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_a_whole_picture_that_is_gone_is_said_with_the_recorders_channel(city: House, lang: str) -> None:
    browser, gateways, of = city.browser("minh"), CityGateways(city), 0 if lang == "vi" else 1
    search = answered(city, browser, crop("red", 7))
    browser.get(f"/language/{lang}")
    page = f"/searches/{search}/passages/dt-001/7"
    browser.post(f"/searches/{search}/scenes", {"passage": "dt-001/7"}, page=page)
    command = only(gateways.opened(search, tables.search_scene))
    gateways.reply(command, "succeeded", "0 of 1 pictures", result={"pictures": {}})
    shown = words(browser.get(page).text)
    assert ALL["scene-missing"][of] in shown
    assert "1-01" in shown[shown.index(ALL["scene-missing"][of]) :]


def test_a_sealed_whole_picture_is_explained_and_can_be_downloaded(city: House) -> None:
    browser, gateways = city.browser("minh"), CityGateways(city)
    search = answered(city, browser, crop("red", 7))
    page, file = f"/searches/{search}/passages/dt-001/7", f"/searches/{search}/scenes/dt-001/7"
    browser.post(f"/searches/{search}/scenes", {"passage": "dt-001/7"}, page=page)
    gateways.send_scene(only(gateways.opened(search, tables.search_scene)), SEALED_MAGIC + b" it")
    shown = browser.get(page).text
    assert "edge-agent evidence open --private-key centre.pem dt-001-7-scene.jpg.sealed" in shown
    assert f'src="{file}"' not in shown
    assert browser.get(file).headers["content-disposition"].endswith('"dt-001-7-scene.jpg.sealed"')


def test_why_a_picture_does_not_come_is_told_and_it_can_be_asked_for_again(city: House) -> None:
    browser, gateways = city.browser("minh"), CityGateways(city)
    search = answered(city, browser, crop("red", 7))
    page = f"/searches/{search}/passages/dt-001/7"
    fields = {"passage": "dt-001/7", "next": page}
    browser.post(f"/searches/{search}/pictures", fields, page=page)
    gateways.reply(only(gateways.opened(search)), "rejected", "no", "bad-arguments")
    shown = browser.get(page).text
    assert ALL["picture-refused"][0] in shown
    assert ALL["picture-again"][0] in shown
    browser.post(f"/searches/{search}/pictures", fields, page=page)
    gateways.reply(only(gateways.opened(search)), "succeeded", "0 of 1 pictures", result={"pictures": {}})
    shown = words(browser.get(page).text)
    assert ALL["picture-missing"][0] in shown
    assert ALL["picture-again"][0] not in shown


def test_another_ward_finds_neither_search_nor_passage_nor_picture(city: House) -> None:
    minh, lan, gateways = city.browser("minh"), city.browser("lan"), CityGateways(city)
    search = begin(minh, **{"ward.bo-xuyen": "1"})
    gateways.answer(only(gateways.asked(search)), [passage(7, start_ms())])
    minh.post(f"/searches/{search}/pictures", {"passage": "bx-001/7"}, page=f"/searches/{search}")
    gateways.send_picture(only(gateways.opened(search)), crop("red", 7))
    for path in ("", "/passages/bx-001/7", "/pictures/bx-001/7", "/passages/bx-001/" + "9" * 19):
        assert lan.get(f"/searches/{search}{path}").status_code == 404, path
    fields = {"passage": "bx-001/7"}
    assert lan.post(f"/searches/{search}/pictures", fields, page="/searches/new").status_code == 404


def test_a_colleague_finds_neither_search_nor_passage_nor_picture(city: House) -> None:
    """Another officer of the same ward; an administrator finds them."""
    city.person("hung", Role.OFFICER, "de-tham")
    lan, gateways = city.browser("lan"), CityGateways(city)
    search = answered(city, lan, crop("red", 7))
    fields = {"passage": "dt-001/7"}
    lan.post(f"/searches/{search}/pictures", fields, page=f"/searches/{search}")
    gateways.send_picture(only(gateways.opened(search)), crop("red", 7))
    hung, minh = city.browser("hung"), city.browser("minh")
    for path in ("", "/passages/dt-001/7", "/pictures/dt-001/7"):
        assert hung.get(f"/searches/{search}{path}").status_code == 404, path
    assert hung.get(f"/searches/new?like={search}").status_code == 404
    assert hung.post(f"/searches/{search}/pictures", fields, page="/searches/new").status_code == 404
    assert "dt-001/7" in minh.get(f"/searches/{search}").text
    minh.post(f"/searches/{search}/pictures", fields, page=f"/searches/{search}")
    assert minh.get(f"/searches/{search}/pictures/dt-001/7").status_code == 200
    opened = [account for what, account, *_ in accesses(city) if what == "passage"]
    assert opened == ["lan", "minh"], "the refused attempt of a colleague opened nothing"


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_an_open_search_is_withdrawn_with_a_button(city: House, lang: str) -> None:
    minh, gateways, of = city.browser("minh"), CityGateways(city), 0 if lang == "vi" else 1
    search = begin(minh, lang)
    here = next(each for each in gateways.asked(search) if each.gateway == "dt-001")
    page = f"/searches/{search}"
    hung = city.login("hung", Role.OFFICER, "de-tham")
    assert hung.post(f"{page}/withdraw", {}, page="/searches").status_code == 404
    assert ALL["search-withdraw"][of] in words(minh.get(page).text)
    answer = minh.post(f"{page}/withdraw", {}, page=page)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    gateways.answer(here, [passage(7, start_ms())])
    shown = words(minh.get(page).text)
    assert ALL["search-withdraw-hint"][of] not in shown
    assert ALL["search-withdrawn"][of].format(by="minh") in shown
    assert f"{ALL['search-state-withdrawn'][of]}: 2" in shown
    assert ALL["search-too-late-of"][of].format(count=1) in shown
    assert ALL["search-too-late"][of].format(count=1) in shown
    assert ALL["search-sheet-none"][of] in shown, "the answer is not kept"
    assert ALL["access-withdrawal"][of] in words(minh.get("/access?kind=searches").text)


def test_the_list_has_ones_own_searches_and_an_administrator_sees_all(city: House) -> None:
    begin(city.browser("minh"), case="8801")
    begin(city.browser("lan"), case="8802")
    assert "8802" in city.browser("lan").get("/searches").text
    assert "8801" not in city.browser("lan").get("/searches").text
    for case in ("8801", "8802"):
        assert case in city.browser("minh").get("/searches").text


def test_the_access_log_shows_who_searched_and_opened_why_and_for_which_case(city: House) -> None:
    minh, gateways = city.browser("minh"), CityGateways(city)
    search = answered(city, minh, crop("red", 7))
    fields = {"passage": "dt-001/7"}
    minh.post(f"/searches/{search}/pictures", fields, page=f"/searches/{search}")
    assert gateways.opened(search)
    rows = re.findall(r"<tr>.*?</tr>", minh.get("/access?kind=all").text, re.S)
    reported = [words("<main" + row) for row in rows if "7/2026" in row]
    assert len(reported) == 2
    assert "trộm xe máy" in reported[0]
    assert "trộm xe máy" in reported[1]
    assert all(f'href="/searches/{search}"' in row for row in rows if "7/2026" in row)


# --- drawing ---


def test_a_path_is_drawn_in_the_shape_of_the_picture() -> None:
    drawn = path_drawing([(0.0, 0.5, 0.0), (0.5, 1.0, 2.0), (1.5, 0.25, 4.5)], 4 / 3)
    assert drawn is not None
    assert (drawn.width, drawn.height) == (1600, 1200)
    assert drawn.points == "0,600 800,1200 1600,300"
    assert drawn.percent == ((0, 50), (50, 100), (100, 25))
    assert drawn.lasted_s == 4.5
    assert path_drawing([(0.1, 0.1, 0.0)]) is None


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (crop("red"), (84, 128)),
        (crop("red")[:40], None),  # cut before the frame header
        (b"\xff\xd8\xff\xe0\x00\x00", None),
        (b"\x89PNG", None),
        (b"", None),
    ],
)
def test_the_size_of_a_jpeg_is_read_from_its_header(head: bytes, size: tuple[int, int] | None) -> None:
    assert jpeg_size(head) == size


def test_each_word_of_the_wire_has_a_name_in_the_pages() -> None:
    keys = [f"colour-{each}" for each in get_args(ColourTerm)]
    keys += [f"group-{each}" for each in get_args(Group)] + [f"part-{each}" for each in get_args(Part)]
    assert [key for key in keys if key not in ALL] == []


def test_a_form_with_a_wrong_number_names_the_field(city: House) -> None:
    with pytest.raises(InvalidForm) as raised:
        question_of(city, radius="far")
    assert set(raised.value.errors) == {"radius"}
