"""The API's documents are current, and real answers are valid by them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from edge_agent import wire
from edge_central.store.presence_reports import GatewayReport, PresenceState
from edge_central.web.api.incidents.endpoints import STEPS
from edge_central.web.api.openapi import document, text
from edge_central.web.api.searches import MATCHES
from edge_central.web.app import PAGES
from edge_central.web.auth.accounts import Role
from edge_central.web.http_errors import HttpError
from tests.edge_central.parts import OURS, THEIRS, WARD
from tests.edge_central.web.house import House

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


@cache
def components() -> Any:
    """The schemas of the document, to which others refer."""
    return document()["components"]


def valid(answer: httpx.Response, name: str) -> Any:
    """Raises ValidationError."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": components()}
    jsonschema.validate(answer.json(), schema)
    return answer.json()


def test_the_document_is_current_and_names_every_address() -> None:
    current = (REFERENCE / "openapi.json").read_text(encoding="utf-8")
    assert current == text(), "run: python -m edge_central.web.api.openapi > docs/reference/openapi.json"
    known = {page.path for page in PAGES if page.path.startswith("/api/")} | {"/api/events", MATCHES, STEPS}
    assert set(document()["paths"]) == known
    words = (REFERENCE / "api.md").read_text(encoding="utf-8")
    assert all(f"`{path}`" in words for path in known)


def test_every_problem_has_a_code_of_the_document() -> None:
    codes = set(document()["components"]["schemas"]["Problem"]["properties"]["code"]["enum"])
    assert {each.code for each in HttpError.__subclasses__()} <= codes


def test_requests_that_wait_may_be_too_many() -> None:
    paths = document()["paths"]
    waiting = {
        path
        for path, operations in paths.items()
        if any(each["name"] == "wait" for each in operations.get("get", {}).get("parameters", []))
    }
    assert waiting == {"/api/events", MATCHES, STEPS}
    assert all("429" in paths[path]["get"]["responses"] for path in waiting)


def real_events() -> list[tuple[str, bytes]]:
    """Events of real runs, one of each kind, as one gateway would send them."""
    found = []
    for number, path in enumerate(sorted((REFERENCE / "examples").glob("event-*.json")), 1):
        example = json.loads(path.read_text(encoding="utf-8"))
        named = {"epoch": "e1", "sequence": f"{number:016d}", "id": f"dt-001/e1/{number:016d}"}
        where = {"source": "/tb/dt-001", "ward": WARD}
        found.append((f"{OURS.up}/event/{example['subject']}", json.dumps(example | named | where).encode()))
    return found


def test_each_type_of_event_is_valid_by_its_own_schema(house: House) -> None:
    messages = real_events()
    assert house.take(*messages).rejected == 0
    found = valid(house.program(house.token("app", WARD)).get("/api/events"), "EventPage")["events"]
    assert len(found) == len(messages) == len(wire.DATA_OF_KIND)
    items = components()["schemas"]["EventPage"]["properties"]["events"]["items"]
    mapping = items["discriminator"]["mapping"]
    for each in found:
        schema = {"$ref": mapping[each["type"]], "components": components()}
        jsonschema.validate(each, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(each | {"data": {}}, schema)
    newer = found[0] | {"type": "vn.thaibinh.edge.of-tomorrow.v1"}
    jsonschema.validate(newer, {**items, "components": components()})


def test_answers_are_valid_by_the_document(house: House) -> None:
    house.take(*real_events(), OURS.heartbeat("s"), OURS.birth("s"), THEIRS.heartbeat("s"))
    client = house.program(house.token("app", WARD, role=Role.API_OFFICER))
    assert valid(client.get("/api/events"), "EventPage")["events"]
    incidents = valid(client.get("/api/incidents"), "IncidentList")["incidents"]
    body = {"step": "acknowledged", "subject": incidents[0]["subject"]}
    valid(client.post(STEPS, json=body), "RecordedStep")
    assert len(valid(client.get(STEPS), "IncidentStepPage")["events"]) == 1
    valid(client.get("/api/events", params={"limit": "no"}), "Problem")
    valid(client.get("/api/nothing"), "Problem")
    valid(house.anybody().get("/api/events"), "Problem")
    valid(client.get("/api/media/dt-001/none"), "Problem")
    found = valid(client.get("/api/inventory"), "Inventory")
    assert [each["id"] for each in found["gateways"]] == ["dt-001"]
    assert client.get("/api/inventory", params={"ward": "bo-xuyen"}).status_code == 404
    assert client.get("/api/inventory", params={"wrad": WARD}).status_code == 400
    for gateway in (THEIRS.id, "nobody"):
        of = {"gateway": gateway}
        for path in ("/api/events", "/api/incidents"):
            assert client.get(path, params=of).status_code == 400, path
        for path, name in (("/api/traffic", "series"), ("/api/availability", "entries")):
            assert client.get(path, params=of).json()[name] == [], path


SHEET = """\
site;ward;name;latitude;longitude;camera;camera_name
dt-001;Đề Thám;Lê Quý Đôn;20,4463;106.3366;cam-1;Cổng
dt-002;de-tham;Trần Hưng Đạo;;;cam-1;Làn vào
bx-001;bo-xuyen;Quang Trung;;;cam-1;Cổng
"""


def test_the_inventory_has_the_names_of_the_sheet(tmp_path: Path) -> None:
    sites, wards = tmp_path / "sites.csv", tmp_path / "wards.csv"
    sites.write_text(SHEET, encoding="utf-8")
    wards.write_text("ward;name\nde-tham;Đề Thám\n", encoding="utf-8")
    with House(tmp_path / "house", sites_file=str(sites), wards_file=str(wards)).start() as house:
        house.take(OURS.heartbeat("s"))
        house.tell(GatewayReport("dt-001", WARD, PresenceState.OFFLINE, "will", 1_700_000_000_000))
        found = house.program(house.token("app", WARD)).get("/api/inventory").json()
    assert found["wards"] == [{"id": WARD, "name": "Đề Thám"}]
    first, second = found["gateways"]
    assert (first["name"], first["latitude"], first["state"]) == ("Lê Quý Đôn", 20.4463, "offline")
    assert first["since"] == "2023-11-14T22:13:20.000Z"
    assert [(each["id"], each["name"]) for each in first["cameras"]] == [("cam-1", "Cổng")]
    assert (second["id"], second["state"], second["heard"]) == ("dt-002", "never", None)
    assert "bx-001" not in json.dumps(found), "of the sheet too only his ward"
