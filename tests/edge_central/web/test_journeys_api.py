"""``/api/journeys`` over HTTP: begin, ask, candidates, decisions; scopes and roles."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from edge_central.searches.answers import record_answers
from edge_central.store import tables
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import WARD
from tests.edge_central.searches.parts import answer, command_of, document, found_city, passage
from tests.edge_central.web.house import House, csrf_of
from tests.edge_central.web.test_contract import valid


@pytest.fixture
def city(house: House) -> House:
    """A console of a city that can be searched: dt-001, dt-002 1,112 m north of it, bx-001 as far again."""
    with house.connections.writing() as connection:
        found_city(connection)
    return house


def answered(house: House, search: str, gateway: str, *rows: dict[str, Any]) -> None:
    with house.connections.writing() as connection:
        reply = answer(gateway, command_of(connection, search, gateway), *rows, total=len(rows))
        record_answers(connection, [reply], house.now_ms())


def begun(house: House, client: httpx.Client, **filters: Any) -> tuple[str, int]:
    """A journey that begins with passage 412 of dt-001, and its first step."""
    search = client.post("/api/searches", json=document(gateways=["dt-001"], **filters)).json()["id"]
    answered(house, search, "dt-001", passage(412))
    body = {"search": search, "gateway": "dt-001", "passage": 412}
    found = client.post("/api/journeys", json=body)
    assert found.status_code == 201, found.text
    journey = valid(found, "BegunJourney")
    return str(journey["id"]), int(journey["step"])


def test_a_program_follows_a_passage(city: House) -> None:
    client = city.program(city.token("app", WARD))
    journey, step = begun(city, client)
    path = f"/api/journeys/{journey}"
    asked = client.post(f"{path}/searches", json={"step": step, "way": "forward", "reach_m": 1200})
    search = valid(asked, "StartedSearch")["id"]
    waiting = valid(client.get(f"{path}/candidates", params={"step": step}), "CandidatePage")
    assert (waiting["candidates"], waiting["open"], waiting["searches"]) == ([], True, [search])
    cameras = [(each["gateway"], each["camera"]) for each in waiting["neighbours"]]
    assert ("dt-001", "cam-1") not in cameras, "the camera itself"
    assert ("dt-002", "cam-1") in cameras
    assert waiting["not_yours"] == [], "bx-001 is 2.2 km away"
    rows = [passage(1, start="2026-11-27T11:35:00.000Z", colours={"upper": ["white"]})]
    rows += [passage(2, start="2026-11-27T11:35:30.000Z", label="motorcycle", heading_deg=10)]
    answered(city, search, "dt-002", *rows)
    page = valid(client.get(f"{path}/candidates", params={"step": step, "way": "forward"}), "CandidatePage")
    first, second = page["candidates"]
    assert (first["passage"]["passage"], second["passage"]["passage"]) == (2, 1)
    kinds = {each["kind"]: each["supports"] for each in first["reasons"]}
    assert kinds == {"map-time": False, "colour": True, "heading": True}
    assert first["reasons"][0]["after_s"] == 321.0
    deciding = {"step": step, "search": search, "gateway": "dt-002", "passage": 2, "decision": "confirmed"}
    decided = valid(client.post(f"{path}/decisions", json=deciding), "StepEntry")
    assert (decided["decided_by"], decided["parent"], decided["way"]) == ("app", step, "forward")
    found = valid(client.get(path), "JourneyDocument")
    assert [each["passage"]["gateway"] for each in found["route"]] == ["dt-001", "dt-002"]
    assert client.post(f"{path}/decisions", json=deciding | {"decision": "rejected"}).status_code == 409
    withdrawn = client.post(f"{path}/withdrawals", json={"step": decided["step"]})
    assert withdrawn.status_code == 204
    (entry,) = valid(client.get("/api/journeys"), "JourneyList")["journeys"]
    assert (entry["id"], entry["case"], entry["confirmed"]) == (journey, "7/2026", 1)
    with city.connections.reading() as connection:
        log = connection.execute(select(tables.access.c.what, tables.access.c.case_number)).all()
    kinds_logged = ["search", "journey-begun", "search", "journey-confirmed", "journey-undone"]
    assert [tuple(row) for row in log] == [(kind, "7/2026") for kind in kinds_logged]


def test_a_journey_of_other_wards_is_not_there(city: House) -> None:
    citywide, ward = city.program(city.token("all", WARD, "bo-xuyen")), city.program(city.token("app", WARD))
    journey, step = begun(city, citywide)
    path = f"/api/journeys/{journey}"
    wide = {"step": step, "way": "forward", "reach_m": 5000}
    assert ward.post(f"{path}/searches", json=wide).status_code == 201
    seen = ward.get(f"{path}/candidates", params={"step": step}).json()
    assert {each["gateway"] for each in seen["neighbours"]} == {"dt-001", "dt-002"}
    assert [(each["gateway"], each["ward"]) for each in seen["not_yours"]] == [("bx-001", "bo-xuyen")]
    assert ward.get(path).status_code == 200, "until here it is of this ward only"
    assert citywide.post(f"{path}/searches", json=wide).status_code == 201
    for found in (
        ward.get(path),
        ward.get(f"{path}/candidates", params={"step": step}),
        ward.post(f"{path}/searches", json=wide),
        ward.post(f"{path}/withdrawals", json={"step": step}),
    ):
        assert found.status_code == 404, found.request.url
    assert ward.get("/api/journeys").json() == {"journeys": []}


def test_viewers_never(city: House) -> None:
    journey, step = begun(city, city.program(city.token("app", WARD)))
    viewer = city.login("hoa", Role.VIEWER, WARD).client
    head = {"x-csrf-token": csrf_of(viewer.get("/").text)}
    for path in ("", f"/{journey}", f"/{journey}/candidates?step={step}"):
        assert viewer.get(f"/api/journeys{path}").status_code == 403
    asking = {"step": step, "way": "forward"}
    assert viewer.post(f"/api/journeys/{journey}/searches", json=asking, headers=head).status_code == 403


def test_what_makes_no_sense_is_refused(city: House) -> None:
    client = city.program(city.token("app", WARD))
    journey, step = begun(city, client)
    path = f"/api/journeys/{journey}"
    for body in ({}, {"step": step, "way": "up"}, {"step": step, "way": "forward", "reach_m": 1e9}, [1]):
        assert client.post(f"{path}/searches", json=body).status_code == 400
    assert client.post(f"{path}/searches", json={"step": 999, "way": "forward"}).status_code == 404
    queries: list[dict[str, Any]] = [{}, {"step": "x"}, {"step": step, "way": "up"}, {"step": step, "wat": 1}]
    for query in queries:
        assert client.get(f"{path}/candidates", params=query).status_code == 400, query
    assert client.post(f"{path}/withdrawals", json={"step": step}).status_code == 409, "the first step"
    missing = {"search": "0" * 16, "gateway": "dt-001", "passage": 1}
    assert client.post("/api/journeys", json=missing).status_code == 404
    deciding = missing | {"step": step, "decision": "confirmed"}
    assert client.post(f"{path}/decisions", json=deciding).status_code == 404
    for name in ("a\0", "A", "", "0" * 65):
        assert client.post("/api/journeys", json=missing | {"search": name}).status_code == 400, name
        assert client.post(f"{path}/decisions", json=deciding | {"search": name}).status_code == 400, name
