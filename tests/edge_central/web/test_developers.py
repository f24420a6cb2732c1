"""The page to try the API: every operation of the document, and the document itself."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema

from edge_central.availability.model import OUTAGES
from edge_central.web.api.openapi import document
from edge_central.web.api.openapi_parts.operation_ids import OPERATION_IDS
from edge_central.web.auth.accounts import Role
from edge_central.web.pages.programs.developers import operations
from tests.edge_central.parts import WARD
from tests.edge_central.web.house import House, csrf_of
from tests.edge_central.web.test_contract import components

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+07:00)")


def test_every_operation_has_a_form_in_both_languages(house: House) -> None:
    browser = house.login("tuong", Role.VIEWER, WARD)
    for lang, words in (("vi", "API cho phần mềm khác"), ("en", "API for programs")):
        browser.get(f"/language/{lang}")
        page = browser.get("/developers")
        assert page.status_code == 200
        assert words in page.text
        assert all(f'id="{each.id}"' in page.text for each in operations())
        assert "<script>" not in page.text
        assert "`" not in page.text
        assert "<code>now</code>" in page.text
        assert "/developers" in browser.get("/account").text
    assert house.program(house.token("app", WARD)).get("/developers").status_code == 403


def test_a_form_sends_what_the_page_says_it_sends(house: House) -> None:
    """As ``try.js`` does: the session of the browser, and the token of the page in a header."""
    browser = house.login("lan", Role.OFFICER, WARD)
    page = browser.get("/developers").text
    assert browser.get("/api/events?limit=1").status_code == 200
    found = re.search(r'data-csrf="([^"]+)"', page)
    assert found is not None
    body = {"step": "note", "subject": "event dt-001 a1", "note": "x"}
    path = "/api/incidents/steps"
    refused = browser.client.post(path, json=body, headers={"X-CSRF-Token": found[1]})
    assert (refused.status_code, refused.json()["code"]) == (404, "not-found"), "there is no such incident"
    assert browser.client.post(path, json=body).status_code == 403
    assert csrf_of(page)


def test_the_document_is_served(house: House) -> None:
    served = house.program(house.token("app", WARD)).get("/api/openapi.json")
    assert served.json() == json.loads((REFERENCE / "openapi.json").read_text(encoding="utf-8"))
    assert house.anybody().get("/api/openapi.json").status_code == 401


def test_every_operation_has_an_id_of_its_own() -> None:
    found = [each.id for each in operations()]
    assert sorted(found) == sorted(set(found)) == sorted(OPERATION_IDS.values())
    assert len(found) > 20


def bodies() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, schema and example of every body that has an example."""
    found = []
    for methods in document()["paths"].values():
        for operation in methods.values():
            contents = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (each["content"] for each in contents if "content" in each):
                for part in content.values():
                    if "example" in part:
                        found.append((operation["operationId"], part["schema"], part["example"]))
    return found


def test_an_example_is_valid_and_its_times_are_possible() -> None:
    found = bodies()
    assert len(found) > 5
    for name, schema, example in found:
        jsonschema.validate(example, {**schema, "components": components()})
        check_times(name, example)


def check_times(name: str, example: dict[str, Any]) -> None:
    if name == "listEvents":
        (event,) = example["events"]
        assert event["data"]["started_at"] <= event["time"] <= event["recordedtime"]
    if name == "listIncidents":
        (incident,) = example["incidents"]
        assert incident["time"] <= incident["received"]
    if name == "listIncidentSteps":
        assert [each["time"] for each in example["events"]] == sorted(
            each["time"] for each in example["events"]
        )


def test_the_examples_are_of_one_evening() -> None:
    times = TIME.finditer(json.dumps([example for _, _, example in bodies()]))
    days = {datetime.fromisoformat(each[0]).date().isoformat() for each in times}
    assert days == {"2026-10-31", "2026-11-27"}, "the month of the evening began on 31 October, UTC"
    (month,) = (example for name, _, example in bodies() if name == "listAvailability")
    (entry,) = month["entries"]
    outages = sum(entry["conditions_s"][each.value] for each in OUTAGES)
    assert entry["counted_s"] == entry["usable_s"] + outages
    assert entry["percent"] == 100 * entry["usable_s"] / entry["counted_s"]
