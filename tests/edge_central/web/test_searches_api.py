"""``/api/searches`` over HTTP: ask, follow the matches, open a picture; scopes, roles, limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from edge_central.searches import new_search, records
from edge_central.searches.answers import record_answers
from edge_central.store import tables
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import JPEG, WARD
from tests.edge_central.searches.parts import (
    OF_ALL,
    answer,
    command_of,
    document,
    found_city,
    passage,
    picture_reply,
)
from tests.edge_central.web.house import House, csrf_of
from tests.edge_central.web.test_contract import valid


@pytest.fixture
def city(house: House) -> House:
    """A console of a city that can be searched."""
    with house.connections.writing() as connection:
        found_city(connection)
    return house


def started(client: httpx.Client, **filters: Any) -> str:
    found = client.post("/api/searches", json=document(**filters))
    assert found.status_code == 201, found.text
    return str(valid(found, "StartedSearch")["id"])


def answered(house: House, search: str, gateway: str = "dt-001", *numbers: int) -> None:
    """The gateway answers with these passages."""
    with house.connections.writing() as connection:
        command = command_of(connection, search, gateway)
        record_answers(connection, [answer(gateway, command, *map(passage, numbers))], house.now_ms())


def test_a_program_asks_follows_and_opens(city: House) -> None:
    client = city.program(city.token("app", WARD))
    search = started(client)
    status = valid(client.get(f"/api/searches/{search}"), "SearchStatus")
    assert (status["asked"], status["answered"], status["open"]) == (2, 0, True)
    assert status["question"]["case"] == "7/2026"
    empty = valid(client.get(f"/api/searches/{search}/matches"), "MatchPage")
    assert (empty["matches"], empty["next"], empty["open"]) == ([], 0, True)
    answered(city, search, "dt-001", 411, 412)
    page = valid(client.get(f"/api/searches/{search}/matches", params={"limit": 1}), "MatchPage")
    (first,) = page["matches"]
    assert (first["gateway"], first["passage"], first["start"]) == ("dt-001", 411, "2026-11-27T11:30:00.000Z")
    assert (page["more"], first["then"], first["colours"]) == (True, None, {"upper": ["red"]})
    rest = client.get(f"/api/searches/{search}/matches", params={"after": page["next"]}).json()
    assert [each["passage"] for each in rest["matches"]] == [412]
    (entry,) = valid(client.get("/api/searches"), "SearchList")["searches"]
    assert (entry["id"], entry["matches"], entry["asked_by"]) == (search, 2, "app")

    picture = f"/api/searches/{search}/pictures/dt-001/412"
    assert client.get(picture).status_code == 404, "not opened: not on record"
    asked = {"gateway": "dt-001", "passage": 412}
    assert valid(client.post(f"/api/searches/{search}/pictures", json=asked), "PictureEntry")["status"] == (
        "asked"
    )
    assert client.get(picture).status_code == 202
    with city.connections.writing() as connection:
        command = str(connection.scalar(select(tables.search_picture.c.command)))
        path = {"412": [[0.1, 0.5, 0.0], [0.9, 0.5, 3.0]]}
        record_answers(connection, [picture_reply("dt-001", command, 412, paths=path)], city.now_ms())
    found = client.get(picture)
    assert (found.status_code, found.headers["content-type"], found.content) == (200, "image/jpeg", JPEG)
    assert found.headers["cache-control"] == "no-store"
    (opened,) = valid(client.get(f"/api/searches/{search}/pictures"), "PictureList")["pictures"]
    assert (opened["status"], opened["path"][1]) == ("received", [0.9, 0.5, 3.0])
    again = client.post(f"/api/searches/{search}/pictures", json=asked)
    assert (again.status_code, valid(again, "PictureEntry")) == (202, opened)
    with city.connections.reading() as connection:
        log = connection.execute(select(tables.access.c.what, tables.access.c.case_number)).all()
    assert [tuple(row) for row in log] == [("search", "7/2026"), *[("passage", "7/2026")] * 2]


def test_a_program_opens_the_whole_picture_of_a_match(city: House) -> None:
    client = city.program(city.token("app", WARD))
    search = started(client, gateways=["dt-001"])
    answered(city, search, "dt-001", 412)
    file = f"/api/searches/{search}/scenes/dt-001/412"
    assert client.get(file).status_code == 404, "not opened: not on record"
    asked = {"gateway": "dt-001", "passage": 412}
    entry = valid(client.post(f"/api/searches/{search}/scenes", json=asked), "PictureEntry")
    assert (entry["status"], entry["box"]) == ("asked", None)
    with city.connections.writing() as connection:
        command = str(connection.scalar(select(tables.search_scene.c.command)))
        place = {"412": {"box": [0.1, 0.2, 0.3, 0.4], "after_s": 4.5}}
        record_answers(connection, [picture_reply("dt-001", command, 412, places=place)], city.now_ms())
    assert (client.get(file).status_code, client.get(file).content) == (200, JPEG)
    (opened,) = valid(client.get(f"/api/searches/{search}/scenes"), "PictureList")["pictures"]
    assert (opened["box"], opened["after_s"]) == ([0.1, 0.2, 0.3, 0.4], 4.5)
    assert client.get(f"/api/searches/{search}/pictures").json() == {"pictures": []}


def test_matches_come_while_the_client_waits(city: House) -> None:
    client = city.program(city.token("app", WARD))
    search = started(client, gateways=["dt-001"])
    timer = threading.Timer(0.5, answered, (city, search, "dt-001", 7))
    timer.start()
    began = time.monotonic()
    page = client.get(f"/api/searches/{search}/matches", params={"wait": 20}).json()
    timer.join()
    assert ([each["passage"] for each in page["matches"]], page["open"]) == ([7], False)
    assert 0.4 < time.monotonic() - began < 10
    began = time.monotonic()
    after = {"wait": 20, "after": page["next"]}
    assert client.get(f"/api/searches/{search}/matches", params=after).json()["matches"] == []
    assert time.monotonic() - began < 5, "no gateway will answer any more"


def test_a_token_of_a_ward_reaches_its_ward_only(city: House) -> None:
    mine, theirs = city.program(city.token("app", WARD)), city.program(city.token("bx", "bo-xuyen"))
    assert mine.post("/api/searches", json=document(wards=["bo-xuyen"])).status_code == 400
    search = started(theirs)
    answered(city, search, "bx-001", 1)
    assert theirs.get(f"/api/searches/{search}").json()["asked"] == 1
    opening = {"gateway": "bx-001", "passage": 1}
    theirs.post(f"/api/searches/{search}/pictures", json=opening)
    for found in (
        mine.get(f"/api/searches/{search}"),
        mine.get(f"/api/searches/{search}/matches"),
        mine.get(f"/api/searches/{search}/matches", params={"wait": 1}),
        mine.post(f"/api/searches/{search}/pictures", json=opening),
        mine.get(f"/api/searches/{search}/pictures"),
        mine.get(f"/api/searches/{search}/scenes"),
        mine.get(f"/api/searches/{search}/pictures/bx-001/1"),
    ):
        assert found.status_code == 404, found.request.url
        assert "bx-001" not in found.text
    assert mine.get("/api/searches").json() == {"searches": []}


def test_a_program_reads_its_own_searches_only(city: House) -> None:
    """Another program, and an officer, of the same ward get the answer that a stranger gets."""
    author, other = city.program(city.token("app", WARD)), city.program(city.token("other", WARD))
    city.person("lan", Role.OFFICER, WARD)
    city.person("minh", Role.ADMIN)
    search = started(author)
    answered(city, search, "dt-001", 412)
    author.post(f"/api/searches/{search}/pictures", json={"gateway": "dt-001", "passage": 412})
    paths = ("", "/matches", "/matches?wait=1", "/pictures", "/scenes", "/pictures/dt-001/412")
    for client in (other, city.browser("lan").client):
        assert client.get("/api/searches").json() == {"searches": []}
        for path in paths:
            found = client.get(f"/api/searches/{search}{path}")
            assert (found.status_code, "dt-001" in found.text) == (404, False), path
    opening = other.post(f"/api/searches/{search}/pictures", json={"gateway": "dt-001", "passage": 412})
    assert opening.status_code == 404
    admin = city.browser("minh").client
    assert admin.get(f"/api/searches/{search}").json()["asked_by"] == "app"
    assert len(admin.get(f"/api/searches/{search}/matches").json()["matches"]) == 1


def test_a_program_withdraws_its_search(city: House) -> None:
    author, other = city.program(city.token("app", WARD)), city.program(city.token("other", WARD))
    search = started(author)
    answered(city, search, "dt-001", 412)
    path = f"/api/searches/{search}"
    assert other.delete(path).status_code == 404
    assert author.get(path).json()["open"] is True
    withdrawn = author.delete(path)
    assert (withdrawn.status_code, withdrawn.content) == (204, b"")
    answered(city, search, "dt-002", 1, 2)
    status = valid(author.get(path), "SearchStatus")
    assert (status["open"], status["withdrawn_by"]) == (False, "app")
    assert {
        each["gateway"]: (each["status"], each["matches"], each["dropped"]) for each in status["answers"]
    } == {
        "dt-001": ("answered", 1, 0),
        "dt-002": ("withdrawn", 0, 2),
    }
    assert author.delete(path).status_code == 204, "again"
    assert author.get(path).json()["withdrawn_at"] == status["withdrawn_at"]


def test_a_page_of_another_site_withdraws_nothing(city: House) -> None:
    officer = city.login("lan", Role.OFFICER, WARD).client
    head = {"x-csrf-token": csrf_of(officer.get("/").text)}
    search = officer.post("/api/searches", json=document(), headers=head).json()["id"]
    path = f"/api/searches/{search}"
    assert officer.delete(path).status_code == 403
    assert officer.delete(path, headers=head | {"origin": "https://elsewhere.example"}).status_code == 403
    assert officer.get(path).json()["open"] is True
    assert officer.delete(path, headers=head).status_code == 204
    assert officer.get(path).json()["open"] is False


def test_an_administrator_may_wait_for_the_matches_of_others(city: House) -> None:
    search = started(city.program(city.token("app", WARD)), gateways=["dt-001"])
    admin = city.login("minh", Role.ADMIN).client
    timer = threading.Timer(0.5, answered, (city, search, "dt-001", 7))
    timer.start()
    began = time.monotonic()
    page = admin.get(f"/api/searches/{search}/matches", params={"wait": 20}).json()
    timer.join()
    assert ([each["passage"] for each in page["matches"]], time.monotonic() - began < 10) == ([7], True)


def test_officers_may_and_viewers_may_not(city: House) -> None:
    city.person("lan", Role.OFFICER, WARD)
    city.person("hoa", Role.VIEWER, WARD)
    city.person("minh", Role.ADMIN)
    officer, viewer = city.browser("lan").client, city.browser("hoa").client
    head = {"x-csrf-token": csrf_of(officer.get("/").text)}
    search = officer.post("/api/searches", json=document(), headers=head).json()["id"]
    assert officer.post("/api/searches", json=document()).status_code == 403, "a page of another site"
    elsewhere = head | {"origin": "https://elsewhere.example"}
    assert officer.post("/api/searches", json=document(), headers=elsewhere).status_code == 403
    assert officer.get(f"/api/searches/{search}").json()["asked_by"] == "lan"
    head = {"x-csrf-token": csrf_of(viewer.get("/").text)}
    assert viewer.post("/api/searches", json=document(), headers=head).status_code == 403
    for path in ("", f"/{search}", f"/{search}/matches", f"/{search}/pictures"):
        assert viewer.get(f"/api/searches{path}").status_code == 403, path
    listed = city.browser("minh").get("/api/searches").json()["searches"]
    assert [each["id"] for each in listed] == [search], "an administrator sees those of all"


def test_a_question_that_makes_no_sense_says_where(city: House) -> None:
    client = city.program(city.token("app", WARD))
    found = client.post("/api/searches", json=document(case=""))
    assert (found.status_code, valid(found, "Problem")["detail"][:5]) == (400, "case:")
    assert client.post("/api/searches", content=b"{").status_code == 400
    assert client.post("/api/searches", data={"purpose": "a form"}).status_code == 400
    assert client.post("/api/searches", json={"x": "y" * 70_000}).status_code == 413
    search = started(client)
    for wrong in ({"after": "-1"}, {"limit": "0"}, {"wait": "31"}, {"wat": "1"}):
        assert client.get(f"/api/searches/{search}/matches", params=wrong).status_code == 400
    wrong_pictures: tuple[Any, ...] = ({}, [], {"gateway": "../x", "passage": 1}, {"gateway": "dt-001"})
    for body in wrong_pictures:
        assert client.post(f"/api/searches/{search}/pictures", json=body).status_code == 400
    assert client.get(f"/api/searches/{search}/pictures/dt-001/x").status_code == 404


def test_a_program_that_hammers_is_told_to_wait(city: House) -> None:
    client = city.program(city.token("app", WARD))
    for _ in range(new_search.MAX_OPEN):
        started(client)
    refused = client.post("/api/searches", json=document())
    assert (refused.status_code, valid(refused, "Problem")["code"]) == (429, "too-many")
    assert int(refused.headers["retry-after"]) > 0
    with city.connections.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.search)) == new_search.MAX_OPEN


def test_without_a_key_the_console_says_so(house: House) -> None:
    with house.connections.writing() as connection:
        found_city(connection, key=False)
    refused = house.program(house.token("app", WARD)).post("/api/searches", json=document())
    assert (refused.status_code, "no search key" in refused.text) == (503, True)


def test_a_gateway_that_lies_breaks_no_answer(city: House) -> None:
    """What it may say at most reaches the client as valid JSON, and the others' rows stay."""
    client = city.program(city.token("app", WARD))
    search = started(client)
    answered(city, search, "dt-002", 1)
    odd: list[Callable[[], object]] = [
        lambda: passage(1, label="‮\u0000</script>" * 3, rules=["<b>" * 20] * 16, camera="cam-2"),
        lambda: passage(2, speed=1e6, speed_m_s=1e4, size=[1, 0], for_s=1e7, direction_deg=360),
        lambda: passage(3, colours={f"p{n}": ["x" * 40] * 4 for n in range(8)}, clock="broken"),
        lambda: "x" * 10_000,
    ]
    with city.connections.writing() as connection:
        command = command_of(connection, search, "dt-001")
        rows = [make() for make in odd]
        record_answers(connection, [answer("dt-001", command, *rows, total=10**40)], city.now_ms())
    page = valid(client.get(f"/api/searches/{search}/matches"), "MatchPage")
    assert sorted((each["gateway"], each["passage"]) for each in page["matches"]) == [
        ("dt-001", 1),
        ("dt-001", 2),
        ("dt-001", 3),
        ("dt-002", 1),
    ]
    status = valid(client.get(f"/api/searches/{search}"), "SearchStatus")
    assert {each["gateway"]: each["dropped"] for each in status["answers"]} == {"dt-001": 1, "dt-002": 0}
    assert status["total"] <= 2**53 + 1
    with city.connections.reading() as connection:
        assert len(records.read_matches(connection, OF_ALL, search)) == 4
