"""Journeys at the console: begin, ask, candidates with reasons, decisions, the route, who may see it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, select

from edge_central.journeys.candidates import link_reasons
from edge_central.journeys.travel_times import TravelTime, store_travel_times
from edge_central.store import tables
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import ALL
from tests.edge_central.console.passages import CityGateways, Command, crop, make_searchable, passage
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.house import WARDS, House

FIRST, NEAR, FAR = FakeGateway("dt-001"), FakeGateway("dt-002"), FakeGateway("dt-009")
OTHER = FakeGateway("bx-001", "bo-xuyen")
SHEET = (
    "site;ward;name;latitude;longitude;camera;camera_name;recorder_channel\n"
    "dt-001;Đề Thám;Lý Bôn;20.4463;106.3366;cam-1;Cổng;1-01\n"
    "dt-002;Đề Thám;Trần Hưng Đạo;20.4499;106.3366;cam-1;Ngã ba;1-02\n"
    "dt-009;Đề Thám;Bến xe;20.4963;106.3366;cam-1;Cổng;1-03\n"
    "bx-001;Bồ Xuyên;Trần Phú;20.4463;106.3404;cam-1;Cầu;1-04\n"
)
START_MS = 1_763_476_200_000  # 2025-11-18T14:30:00Z
QUESTION = {
    "purpose": "trộm xe máy", "case": "7/2026", "from": "2025-11-18T21:00", "to": "2025-11-18T22:00",
    "radius": "500", "within": "10", "life": "24", "site.dt-001": "1",
}  # fmt: skip
LEARNT = TravelTime(
    "dt-001", "cam-1", "dt-002", "cam-1", "two-wheeler", 48.0, 35.0, 70.0, 0.5, 400, 9.0, START_MS
)


@pytest.fixture
def city(tmp_path: Path) -> Iterator[House]:
    """Two sites of one ward 400 m apart, one 5 km away, and a near one of another ward."""
    sites, wards = tmp_path / "sites.csv", tmp_path / "wards.csv"
    sites.write_text(SHEET, encoding="utf-8")
    wards.write_text("ward;name\nde-tham;Đề Thám\nbo-xuyen;Bồ Xuyên\n", encoding="utf-8")
    with House(tmp_path, sites_file=str(sites), wards_file=str(wards)) as house:
        for gateway in (FIRST, NEAR, FAR, OTHER):
            house.take(gateway.state("online", "s"), gateway.heartbeat("s"), gateway.birth("s"))
        make_searchable(house, *WARDS)
        house.person("minh", Role.ADMIN)
        house.person("lan", Role.OFFICER, "de-tham")
        house.person("hoa", Role.OFFICER, "bo-xuyen")
        house.person("tuan", Role.OFFICER, *WARDS)
        house.person("tuong", Role.VIEWER, "de-tham")
        with house.connections.writing() as connection:
            store_travel_times(connection, [LEARNT])
        yield house.start()


class Followed:
    """A journey that an officer has begun with passage 412 of dt-001, red, in sight for 9.4 s."""

    def __init__(self, city: House, who: str = "lan", lang: str = "vi", **more: Any) -> None:
        self.city, self.gateways, self.browser = city, CityGateways(city), city.browser(who)
        self.browser.get(f"/language/{lang}")
        answer = self.browser.post("/searches", QUESTION, page="/searches/new")
        self.search = answer.headers["location"].removeprefix("/searches/")
        self.answer(self.search, "dt-001", passage(412, START_MS, **more), passage(413, START_MS + 9_000))
        begun = {"search": self.search, "passage": "dt-001/412"}
        answer = self.browser.post("/journeys", begun, page=f"/searches/{self.search}/passages/dt-001/412")
        assert answer.status_code == 303, answer.text
        self.path = answer.headers["location"]
        with city.connections.reading() as connection:
            self.first = connection.scalars(select(tables.journey_step.c.id)).one()
        self.step = f"{self.path}/steps/{self.first}"

    def answer(self, search: str, gateway: str, *rows: dict[str, Any], total: int | None = None) -> None:
        (command,) = [each for each in self.gateways.asked(search) if each.gateway == gateway]
        self.gateways.answer(command, list(rows), total)

    def ask(self, way: str = "forward", step: str | None = None, **more: str) -> str:
        """Ask the neighbours; return the id of the search."""
        page = step or self.step
        answer = self.browser.post(f"{page}/searches", {"way": way, **more}, page=page)
        assert answer.status_code == 303, words(answer.text)
        columns = tables.journey_search.c
        with self.city.connections.reading() as connection:
            newest = select(columns.search).order_by(columns.asked_ms.desc(), columns.step.desc())
            return str(connection.scalars(newest).first())

    def decide(self, search: str, what: str, decision: str = "confirmed") -> Any:
        form = {"search": search, "passage": what, "decision": decision}
        return self.browser.post(f"{self.step}/decisions", form, page=self.step)

    def steps(self) -> list[tuple[str, str, int]]:
        columns = tables.journey_step.c
        query = select(columns.status, columns.gateway, columns.passage).order_by(columns.id)
        with self.city.connections.reading() as connection:
            return [tuple(row) for row in connection.execute(query)]


def words(page: str) -> str:
    main = page[page.index("<main") :]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def later(number: int, seconds: float, **more: Any) -> dict[str, Any]:
    """A passage so long after the end of the first one."""
    return passage(number, START_MS + 9_400 + round(seconds * 1000), **more)


def accesses(house: House) -> list[tuple[str, str, str, str]]:
    columns = tables.access.c
    query = select(columns.what, columns.account, columns.purpose, columns.case_number)
    with house.connections.reading() as connection:
        rows = connection.execute(query.where(columns.what != "login").order_by(columns.id))
        return [tuple(row) for row in rows]


# --- begin and ask ---


def test_a_journey_begins_with_a_passage_of_an_own_search_and_has_its_case(city: House) -> None:
    journey = Followed(city)
    page = words(journey.browser.get(journey.path).text)
    assert "Hành trình, vụ việc 7/2026 trộm xe máy" in page
    assert "chưa được chứng minh" in page
    assert accesses(city)[-1] == ("journey-begun", "lan", "trộm xe máy", "7/2026")
    again = {"search": journey.search, "passage": "dt-001/412"}
    assert journey.browser.post("/journeys", again).headers["location"] == journey.path, "it is not doubled"
    tuan = city.browser("tuan")
    passage_page = tuan.get(f"/searches/{journey.search}/passages/dt-001/412").text
    assert ALL["journey-begin"][0] not in passage_page, "another officer's search"
    assert tuan.post("/journeys", again).status_code == 404
    assert (
        ALL["journey-begin"][0] in journey.browser.get(f"/searches/{journey.search}/passages/dt-001/412").text
    )


def test_neighbours_are_asked_each_in_its_own_time_within_the_officers_wards(city: House) -> None:
    journey = Followed(city)
    search = journey.ask()
    assert [each.gateway for each in journey.gateways.asked(search)] == ["dt-002"], (
        "dt-009 is too far away, bx-001 is not theirs"
    )
    asked = question_of(city, search)
    (window,) = asked["windows"]
    assert window["gateway"] == "dt-002"
    times = (window["from_at"][:21], window["to_at"][:21])
    assert times == ("2025-11-18T14:30:19.9", "2025-11-18T14:32:06.4"), "48 s x (35/48)**2 - 15 s, and so on"
    assert (asked["purpose"], asked["case"], asked["group"]) == ("trộm xe máy", "7/2026", "two-wheeler")
    assert "colour" not in asked
    page = words(journey.browser.get(journey.step).text)
    assert "Không tìm ở 1 điểm vì bạn không có quyền xem Trần Phú (Bồ Xuyên)" in page
    assert page.count("Trần Phú") == 2, "once in each direction of time: its cameras are not named"
    assert accesses(city)[-1][0] == "search"
    wider = journey.ask(reach_m="5000", stop_min="60", colour="red")
    both = question_of(city, wider)
    assert both["colour"] == "red"
    assert both["windows"][0]["to_at"].startswith("2025-11-18T15:32:06"), "an hour longer"


def question_of(city: House, search: str) -> dict[str, Any]:

    with city.connections.reading() as connection:
        text = connection.scalar(select(tables.search.c.question).where(tables.search.c.id == search))
    found: dict[str, Any] = msgspec.json.decode(str(text))
    return found


def test_the_way_back_is_searched_before_the_passage_by_the_map(city: House) -> None:
    journey = Followed(city)
    search = journey.ask("backward")
    (window,) = question_of(city, search)["windows"]
    assert window["to_at"] < "2025-11-18T14:30:00"
    journey.answer(search, "dt-002", passage(7, START_MS - 129_400), passage(8, START_MS + 50_000))
    page = words(journey.browser.get(journey.step).text)
    assert "trước đó 2 phút; tính theo bản đồ, có thể mất từ" in page
    assert page.count("theo bản đồ, có thể") == 1, "what was in the other time is no candidate"


# --- candidates ---


@pytest.mark.parametrize(
    ("lang", "first", "second"),
    [
        (
            "vi",
            "sau đó 48 giây; thường mất từ 35 giây đến 70 giây (theo số liệu thực tế); một trong 2 lượt cùng "
            "loại tại camera này trong khoảng thời gian đó",
            "Thân trên: lượt đang theo dõi màu đỏ, lượt này màu trắng",
        ),
        (
            "en",
            "after 48 s; usual 35 s to 70 s (learnt); one of 2 of this kind at this camera in that time",
            "Upper body: red there, white here",
        ),
    ],
)
def test_candidates_come_best_first_with_reasons_in_words(
    city: House, lang: str, first: str, second: str
) -> None:
    journey = Followed(city, lang=lang)
    search = journey.ask()
    assert ALL["journey-waits"][lang == "en"] in words(journey.browser.get(journey.step).text)
    rows = [later(1, 50, colours={"upper": ["white"], "lower": ["black"]}), later(2, 48)]
    journey.answer(search, "dt-002", *rows, total=2)
    page = journey.browser.get(journey.step).text
    text = words(page)
    assert first in text
    assert second in text
    assert page.index("dt-002/2") < page.index("dt-002/1"), "the agreeing colour is first"
    assert ALL["journey-candidates-what"][lang == "en"] in text
    assert "%" not in text.split(ALL["journey-candidates-what"][lang == "en"])[1], (
        "no percentage of certainty"
    )
    assert f'data-search="{search}"' in page


def test_a_passage_too_soon_for_the_distance_is_no_candidate(city: House) -> None:
    journey = Followed(city)
    search = journey.ask(stop_min="15")
    journey.answer(search, "dt-002", later(1, 10), later(2, 600))
    page = journey.browser.get(journey.step).text
    assert "dt-002/2" in page
    assert "dt-002/1" not in page, "a gateway sends what overlaps the window"


def test_what_a_gateway_did_not_send_is_said(city: House) -> None:
    journey = Followed(city)
    search = journey.ask()
    journey.answer(search, "dt-002", later(1, 48), total=40)
    page = words(journey.browser.get(journey.step).text)
    assert "1 thiết bị tìm thấy nhiều lượt hơn số đã gửi" in page
    assert "một trong 40 lượt cùng loại" in page
    assert "until=" not in journey.browser.get(f"/searches/{search}").text, "it has sent the oldest"


def test_pictures_of_candidates_are_opened_as_those_of_any_search(city: House) -> None:
    journey = Followed(city)
    search = journey.ask()
    journey.answer(search, "dt-002", later(2, 48))
    opening = {"passage": "dt-002/2", "next": journey.step}
    base = f"{journey.path}/searches/{search}/pictures"
    answer = journey.browser.post(base, opening, page=journey.step)
    assert answer.headers["location"] == journey.step
    (asked,) = journey.gateways.opened(search)
    journey.gateways.send_picture(Command(asked.id, "dt-002", "de-tham", 2), crop("red", 2))
    assert f'src="{base}/dt-002/2"' in journey.browser.get(journey.step).text
    assert journey.browser.get(f"{base}/dt-002/2").content == crop("red", 2)
    assert accesses(city)[-1][0] == "passage"
    foreign = f"{journey.path}/searches/{journey.search}/pictures"
    for what in ("dt-001/413", "dt-002/2"):
        assert journey.browser.post(foreign, {"passage": what}, page=journey.step).status_code == 404


# --- decisions ---


def test_an_officer_confirms_rejects_and_takes_it_back(city: House) -> None:
    journey = Followed(city)
    search = journey.ask()
    journey.answer(search, "dt-002", later(1, 50), later(2, 48))
    assert journey.decide(search, "dt-002/1", "rejected").status_code == 303
    assert journey.decide(search, "dt-002/2").status_code == 303
    assert [each[0] for each in accesses(city)[-2:]] == ["journey-rejected", "journey-confirmed"]
    assert all(each[2:] == ("trộm xe máy", "7/2026") for each in accesses(city))
    page = words(journey.browser.get(journey.step).text)
    assert "Tìm tiếp từ đây" in page
    assert "Đã loại bỏ: 1" in page
    route = journey.browser.get(journey.path).text
    assert re.search(r"1 .*Lý Bôn.* 2 .*Trần Hưng Đạo.* 48 giây", words(route))
    assert route.count('class="stop"') == 2
    assert ">21:30:57</text>" in route
    assert "Lộ trình do lan xác nhận, chưa được chứng minh" in words(route)
    confirmed = journey.first + 2
    undone = journey.browser.post(f"{journey.path}/steps/{confirmed}/undo", {"next": journey.step})
    assert undone.headers["location"] == journey.step
    assert journey.steps() == [("confirmed", "dt-001", 412), ("rejected", "dt-002", 1)]
    assert accesses(city)[-1][0] == "journey-undone"


def test_a_journey_goes_on_from_a_confirmed_passage(city: House) -> None:
    journey = Followed(city)
    search = journey.ask()
    journey.answer(search, "dt-002", later(2, 48))
    journey.decide(search, "dt-002/2")
    second = f"{journey.path}/steps/{journey.first + 1}"
    onward = journey.ask("backward", second)
    assert [each.gateway for each in journey.gateways.asked(onward)] == ["dt-001"]
    journey.answer(onward, "dt-001", passage(412, START_MS), passage(9, START_MS + 4_000))
    page = journey.browser.get(second).text
    assert "Lượt số 2 của hành trình" in words(page)
    form = {"search": onward, "passage": "dt-001/9", "decision": "confirmed"}
    assert journey.browser.post(f"{second}/decisions", form, page=second).status_code == 303
    refused = journey.browser.post(f"{second}/undo", page=second)
    assert refused.status_code == 409
    assert "hãy hoàn tác các lượt đó trước" in words(refused.text)
    refused = journey.browser.post(f"{journey.step}/undo", page=journey.step)
    assert "không hoàn tác được" in words(refused.text)
    assert len(journey.steps()) == 3


def test_only_what_a_search_of_this_step_has_found_can_be_confirmed(city: House) -> None:
    journey = Followed(city)
    search = journey.ask()
    journey.answer(search, "dt-002", later(2, 48))
    assert journey.decide(journey.search, "dt-001/412").status_code == 404
    assert journey.decide(search, "dt-002/99").status_code == 404
    assert journey.decide(search, "dt-002/2", "proved").status_code == 400
    assert journey.decide(search, "dt-002").status_code == 400
    assert journey.steps() == [("confirmed", "dt-001", 412)]
    asked = {"way": "sideways"}
    assert journey.browser.post(f"{journey.step}/searches", asked, page=journey.step).status_code == 400


def test_a_journey_outlives_its_searches(city: House) -> None:
    journey = Followed(city)
    search = journey.ask()
    journey.answer(search, "dt-002", later(2, 48))
    journey.decide(search, "dt-002/2")
    with city.connections.writing() as connection:
        for table in (tables.search_match, tables.search_answer, tables.search):
            connection.execute(delete(table))
    page = words(journey.browser.get(journey.path).text)
    assert "Trần Hưng Đạo" in page
    assert page.count("Ảnh đã bị xóa cùng yêu cầu tìm") == 2
    assert journey.browser.get(journey.step).status_code == 200


def test_the_route_goes_into_its_case_with_reasons_and_pictures(city: House) -> None:
    journey = Followed(city)
    search = journey.ask()
    journey.answer(search, "dt-002", later(2, 48))
    journey.decide(search, "dt-002/2")
    added = journey.browser.post(f"{journey.path}/case", page=journey.path)
    assert "Đã có trong vụ việc" in words(journey.browser.get(added.headers["location"]).text)
    journey.browser.post(f"{journey.path}/case", page=journey.path)
    with city.connections.reading() as connection:
        (item,) = connection.execute(select(tables.case_item)).all()
        pictures = connection.execute(select(tables.case_picture)).all()
        assert connection.scalar(select(tables.case_file.c.number)) == "7/2026"
    assert [(each.gateway, each.passage) for each in pictures] == [("dt-001", 412), ("dt-002", 2)]
    facts = msgspec.json.decode(item.facts)
    assert [each["site"] for each in facts["passages"]] == ["Lý Bôn", "Trần Hưng Đạo"]
    (link,) = facts["links"]
    assert link["lines"][0] == "sau đó 48 giây; thường mất từ 35 giây đến 70 giây (theo số liệu thực tế)"
    assert "Thân trên cũng có thể là màu đỏ" in link["lines"]
    assert "chưa được chứng minh" in facts["note"]


def test_events_are_stored_while_reasons_are_made(city: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has one writer at a time, and the reasons of a route read all gateways for each passage."""
    written = []

    def make_while_another_writes(*facts: Any) -> Any:
        with city.connections.writing():
            written.append(1)
        return link_reasons(*facts)

    monkeypatch.setattr("edge_central.web.pages.journeys.link_reasons", make_while_another_writes)
    journey = Followed(city)
    search = journey.ask()
    journey.answer(search, "dt-002", later(2, 48))
    journey.decide(search, "dt-002/2")
    added = journey.browser.post(f"{journey.path}/case", page=journey.path)
    assert (added.status_code, written) == (303, [1])


# --- who may see it ---


def test_the_author_administrators_and_officers_of_all_its_wards_see_a_journey(city: House) -> None:
    journey = Followed(city, "tuan")
    search = journey.ask()
    assert [each.gateway for each in journey.gateways.asked(search)] == ["bx-001", "dt-002"]
    for who, seen in (("tuan", True), ("minh", True), ("lan", False), ("hoa", False)):
        browser = city.browser(who)
        for path in (journey.path, journey.step):
            assert browser.get(path).status_code == (200 if seen else 404), who
        assert (journey.path in browser.get("/journeys").text) is seen
        posted = browser.post(f"{journey.step}/searches", {"way": "forward"})
        assert posted.status_code == (303 if seen else 404)
    viewer = city.browser("tuong")
    for path in ("/journeys", journey.path, journey.step):
        assert viewer.get(path).status_code == 403
    assert viewer.post("/journeys", {"search": journey.search, "passage": "dt-001/412"}).status_code == 403


def test_a_colleague_of_the_ward_goes_on_under_the_own_name(city: House) -> None:
    journey = Followed(city)
    journey.browser = city.login("son", Role.OFFICER, "de-tham")
    assert journey.browser.get(f"/searches/{journey.search}").status_code == 404, "the search of lan"
    base = f"{journey.path}/searches/{journey.search}/pictures"
    assert f'action="{base}"' in journey.browser.get(journey.path).text
    opened = journey.browser.post(base, {"passage": "dt-001/412"}, page=journey.path)
    assert opened.status_code == 303
    search = journey.ask()
    journey.answer(search, "dt-002", later(2, 48))
    journey.decide(search, "dt-002/2")
    assert "Lộ trình do lan, son xác nhận" in words(journey.browser.get(journey.path).text)
    assert [each[1] for each in accesses(city)] == ["lan", "lan", "son", "son", "son"]


# --- hostile gateways ---


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_a_gateway_that_lies_breaks_no_page_of_a_journey(city: House, lang: str) -> None:
    colours = {f"p{n}": ["x" * 40] * 4 for n in range(8)}
    odd: dict[str, Any] = {"label": "</script><b>", "for_s": 1e7, "colours": colours}
    journey = Followed(city, lang=lang, **odd, heading_deg=360, speed_m_s=1e4)
    search = journey.ask()
    window = question_of(city, search)["windows"][0]
    rows = [
        passage(
            n, START_MS, **odd, start=window["to_at"], clock="broken", light="x", entry="y", rules=["<i>"]
        )
        for n in range(50)
    ]
    journey.answer(search, "dt-002", *rows, passage(99, START_MS, group="x-y"), total=2**60)
    for path in ("/journeys", journey.path, journey.step):
        answer = journey.browser.get(path)
        assert answer.status_code == 200
        assert "</script><b>" not in answer.text
    assert journey.decide(search, "dt-002/7").status_code == 303
    assert journey.browser.get(journey.path).status_code == 200
